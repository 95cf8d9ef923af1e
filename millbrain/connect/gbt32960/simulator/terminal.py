"""What a terminal answers to query, set and control (80 to 82): it keeps what it was told."""

from collections.abc import Iterator
from typing import Any, Final

from millbrain.connect.gbt32960 import fields
from millbrain.connect.gbt32960.framing import (
    AT_COMMAND,
    AT_ID,
    HEADER_BYTES,
    ID_BYTES,
    build_frame,
)
from millbrain.connect.gbt32960.params import PARAMETERS, decode_params
from millbrain.core.wire import Field

QUERY: Final = 0x80
SET: Final = 0x81
CONTROL: Final = 0x82
FLAG_OK: Final = 0x01
FLAG_ERROR: Final = 0x02
_TIME_BYTES: Final = 6
_DOMAIN: Final = "sim.example"
_FIRST: Final[dict[str, int | str]] = {  # as delivered
    "storage_period_ms": 1000, "report_period_s": 10, "alarm_period_ms": 1000, "alarm_period_s": 1,
    "domain_bytes": len(_DOMAIN), "domain": _DOMAIN, "port": 32960, "hardware_version": "SIM-1",
    "firmware_version": "1.0.0", "heartbeat_period_s": 60, "terminal_wait_s": 60,
    "platform_wait_s": 60, "login_retry_min": 30, "public_domain_bytes": len(_DOMAIN),
    "public_domain": _DOMAIN, "public_port": 32960, "sampling": 2,
}  # fmt: skip


class Terminals:
    """The terminals behind one link, by VIN; each begins as delivered."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, Any]] = {}

    def respond(self, frame: bytes) -> bytes:
        """Return the answer to a good frame with command 80, 81 or 82.

        A set that has one item wrong is refused whole with flag 02, as the standard asks.
        """
        edition, command = fields.START_BYTES[frame[:2]], frame[AT_COMMAND]
        vin = frame[AT_ID : AT_ID + ID_BYTES].rstrip(b"\0").decode("latin-1")
        unit = frame[HEADER_BYTES:-1]
        flag, body = FLAG_OK, b""
        if command == QUERY:
            found = decode_params(unit, edition, has_values=False)
            items = [self._item(vin, edition, row["id"]) for row in found.get("params", [])]
            known = [item for item in items if item]
            body = bytes((len(known),)) + b"".join(known)
        elif command == SET and not self._keep(vin, edition, unit):
            flag = FLAG_ERROR
        return build_frame(edition, command, flag, vin, unit[:_TIME_BYTES] + body)

    def _item(self, vin: str, edition: int, id: int) -> bytes:
        """Return id and value of one parameter; nothing for one that is not known."""
        parameter = PARAMETERS[edition].get(id)
        if parameter is None:
            return b""
        value = (_FIRST | self._kept.get(vin, {}))[parameter.form.key]
        if isinstance(parameter.form, Field):
            return bytes((id,)) + int(value).to_bytes(parameter.form.width, "big")
        return bytes((id,)) + str(value).encode("latin-1").ljust(parameter.form.size, b"\0")

    def _keep(self, vin: str, edition: int, unit: bytes) -> bool:
        found = decode_params(unit, edition)
        if "why" in found or any(not ok for ok in self._checks(edition, found["params"])):
            return False
        kept = self._kept.setdefault(vin, {})
        kept.update({row["key"]: row["value"] for row in found["params"]})
        return True

    def _checks(self, edition: int, rows: list[dict[str, Any]]) -> Iterator[bool]:
        for row in rows:
            parameter = PARAMETERS[edition][row["id"]]
            form = parameter.form
            in_range = not isinstance(form, Field) or form.low <= row["value"] <= form.high
            yield in_range and not parameter.fixed
