"""What a frame that is not a plain report means: logins, heartbeats, answers, encrypted units.

Response rules (GB/T 32960.3 6.3.2): a good report is not answered at all; a command is answered
with a flag and its six time bytes; a frame whose flag is not FE is an answer and never answered.
Answers leave after the commit of what they answer, so "01" means "it is on disk".
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960 import codec, crypto, framing, params
from millbrain.connect.gbt32960.fields import COMMANDS, EDITION_2025, FLAG_COMMAND
from millbrain.connect.gbt32960.hub import Hub
from millbrain.connect.gbt32960.links import Link
from millbrain.core.errors import FrameError
from millbrain.core.times import six_from_epoch

VEHICLE_LOGIN, REALTIME, REISSUE, VEHICLE_LOGOUT, PLATFORM_LOGIN, PLATFORM_LOGOUT = range(1, 7)
HEARTBEAT, TIME_SYNC, ACTIVATION, ACTIVATION_ANSWER, KEY_EXCHANGE = range(7, 12)
CUSTOM_COMMANDS: Final = range(0xC0, 0xFF)
OK, ERROR, VIN_DUPLICATE, VIN_UNKNOWN, SIGNATURE_ERROR, STRUCTURE_ERROR, DECRYPTION_ERROR = range(
    1, 8
)
_PLAIN: Final = crypto.Opener({})  # opens encryption byte 00, which some terminals send for none
_VERIFYING: Final = ("sm2", "rsa", "ecc")
_SECRETS: Final = ("password", "key")  # never written to the warehouse

Judge = Callable[[bytes], "Outcome | None"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one frame: an event row, an opened frame or a refusal; and its answer."""

    event: dict[str, Any] | None = None
    plain: bytes | None = None
    reason: str = ""
    detail: str = ""
    answer: bytes | None = None


class Sessions:
    """Handles the frames of one driver that are not plain reports. Worker thread only."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def suspects(self, vins: NDArray[Any]) -> Iterator[tuple[NDArray[np.intp], Judge]]:
        """Yield row numbers of reports that need a second look, and what judges each."""
        foreign = self._hub.peers.foreign()
        if foreign:
            yield np.flatnonzero(np.isin(vins, _names(foreign))), self._foreign
        signers = self._hub.peers.signers()
        if signers:
            yield np.flatnonzero(np.isin(vins, _names(signers))), self._signed

    def _foreign(self, frame: bytes) -> Outcome:
        return self.refuse(
            frame, "wrong_type", "the id is registered as a thing of another protocol", answer=False
        )

    def _signed(self, frame: bytes) -> Outcome | None:
        """Verify the signature of a report whose vehicle has a registered key."""
        keys = self._hub.peers.keys(frame_id(frame))
        try:
            if any(crypto.verify_signature(frame, keys[k]) for k in _VERIFYING if k in keys):
                return None
            detail = "the signature does not agree with the registered key"
        except FrameError as e:
            detail = e.detail
        return self.refuse(frame, "signature", detail, flag=SIGNATURE_ERROR)

    def bad_check(self, frame: bytes) -> Outcome:
        """Refuse a frame whose check byte is wrong; a command is answered with an error."""
        computed = framing.checksum(frame)
        return self.refuse(
            frame, "checksum", f"check byte is 0x{frame[-1]:02x}, computed 0x{computed:02x}"
        )

    def refuse(
        self, frame: bytes, reason: str, detail: str, *, flag: int = ERROR, answer: bool = True
    ) -> Outcome:
        """Refuse a frame; 2025 terminals are told the exact flag, 2016 ones only of an error."""
        if not answer or frame[framing.AT_FLAG] != FLAG_COMMAND:
            return Outcome(reason=reason, detail=detail)
        exact = flag if framing.is_2025(frame) else ERROR
        return Outcome(reason=reason, detail=detail, answer=codec.answer(frame, exact))

    def handle(self, frame: bytes, link: Link) -> Outcome:
        """Handle one good frame that is not a plain report."""
        command, flag = frame[framing.AT_COMMAND], frame[framing.AT_FLAG]
        found = codec.decode(frame, opener=_PLAIN)
        if flag != FLAG_COMMAND:
            self._hub.answered(found["id"], command, found)
            return Outcome(event=_event(found, "answer"))
        if command in (REALTIME, REISSUE):
            return self._open(frame, link)
        if found["enc"] not in (0, 1):
            opened = self._open(frame, link)
            if opened.plain is None:
                return opened
            frame = opened.plain
            found = codec.decode(frame)
        return self._command(frame, found, link)

    def _open(self, frame: bytes, link: Link) -> Outcome:
        """Open an encrypted frame with the keys of its vehicle, or those of the platform."""
        keys = dict(self._hub.peers.keys(link.state.name))
        keys.update(self._hub.peers.keys(frame_id(frame)))
        keys.update(self._hub.session_keys.get(frame_id(frame), {}))
        if not keys:
            return self.refuse(
                frame,
                "encrypted",
                f"encryption {frame[framing.AT_ENCRYPTION]:02x} and no key for it",
                flag=DECRYPTION_ERROR,
            )
        try:
            return Outcome(plain=crypto.Opener(keys).open(frame))
        except FrameError as e:
            return self.refuse(frame, e.reason, e.detail, flag=DECRYPTION_ERROR)

    def _command(self, frame: bytes, found: dict[str, Any], link: Link) -> Outcome:
        command = found["cmd"]
        if command in CUSTOM_COMMANDS:
            return Outcome(event=_event(found, "custom"))
        if command not in COMMANDS or command in (ACTIVATION_ANSWER, 0x80, 0x81, 0x82):
            detail = f"command 0x{command:02x} is not one that a vehicle or platform may send"
            return self.refuse(frame, "unknown_command", detail)
        if "why" in found or found["data"].get("len_ok") is False:
            detail = f"data unit of {found['len']} bytes: {found.get('why', 'lengths disagree')}"
            return self.refuse(frame, "structure", detail, flag=STRUCTURE_ERROR)
        if found.get("bad_time"):
            return self.refuse(frame, "bad_time", "the six time bytes name no instant")
        self._note(command, found, link)
        event = _event(found, COMMANDS[command][0]) | {"answer": OK}
        return Outcome(event=event, answer=self._answer(frame, command, found))

    def _note(self, command: int, found: dict[str, Any], link: Link) -> None:
        """Remember what a session command says about its link."""
        if command == VEHICLE_LOGIN and not link.is_platform():
            self._hub.vehicle_here(found["id"], link)
        elif command == VEHICLE_LOGOUT and not link.is_platform():
            self._hub.vehicle_gone(found["id"], link)
        elif command == KEY_EXCHANGE:
            self._take_session_key(found)

    def _take_session_key(self, found: dict[str, Any]) -> None:
        """Keep the data key that a terminal announced; it lasts as long as the process."""
        told = params.explain(found["ver"], KEY_EXCHANGE, FLAG_COMMAND, _raw(found))
        kind = crypto.KEY_NAMES.get(told.get("key_type", 0))
        if kind and told.get("key"):
            keys = self._hub.session_keys.setdefault(found["id"], {})
            keys[kind] = bytes.fromhex(told["key"])

    @staticmethod
    def _answer(frame: bytes, command: int, found: dict[str, Any]) -> bytes:
        if command == ACTIVATION:
            state = _raw(found)[:6] + b"\x01\x00"
            return codec.build_frame(
                EDITION_2025, ACTIVATION_ANSWER, FLAG_COMMAND, found["id"], state
            )
        return codec.answer(frame, OK, now_six=six_from_epoch(int(time.time())))


def frame_id(frame: bytes) -> str:
    """Return the unique id of a frame, its padding removed."""
    return bytes(frame[framing.AT_ID : framing.AT_ENCRYPTION]).rstrip(b"\0").decode("latin-1")


def _raw(found: dict[str, Any]) -> bytes:
    return bytes.fromhex(found["data"].get("raw", ""))


def _names(ids: frozenset[str]) -> NDArray[np.bytes_]:
    return np.array([i.encode("latin-1") for i in ids])


def _event(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the row of link_event for a decoded frame, secrets removed."""
    data = {k: ("***" if k in _SECRETS else v) for k, v in found["data"].items()}
    if found["cmd"] == KEY_EXCHANGE:
        data = {"raw": "***"}
    at = data.get("time")
    return {
        "vin": found["id"].encode(),
        "device_at": int(datetime.fromisoformat(at).timestamp()) if at else None,
        "edition": found["ver"],
        "command": found["cmd"],
        "event": name.encode(),
        "flag": found["resp"],
        "answer": 0,
        "serial": data.get("serial"),
        "detail": json.dumps(data, ensure_ascii=False).encode(),
    }
