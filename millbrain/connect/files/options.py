"""What a connection of the room may be given, judged before it is kept and before it is used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from millbrain.core.errors import SettingsError
from millbrain.core.plant.tags import Connection, Tag, Wrong

LAYOUTS: Final = ("long", "wide")
AFTER: Final = ("move", "keep")
DELIMITERS: Final = {",": ",", ";": ";", "|": "|", "tab": "\t", "\t": "\t"}
_TRUTHS: Final = {"true": True, "false": False, "1": True, "0": False}
_DEFAULTS: Final[dict[str, Any]] = {
    "layout": "long", "thing": "thing", "signal": "signal", "at": "device_at", "value": "value",
    "quality": "", "at_format": "iso", "zone": "Asia/Shanghai", "decimal": ".", "delimiter": "",
    "skip_rows": 0, "names": "*.csv, *.xlsx", "stable_s": 2.0, "after": "move", "known_only": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a connection, read. thing: a heading, or ``=`` and the thing itself."""

    layout: str
    thing: str
    signal: str
    at: str
    value: str
    quality: str
    at_format: str
    zone: ZoneInfo
    decimal: str
    delimiter: str
    skip_rows: int
    names: tuple[str, ...]
    stable_s: float
    after: str
    known_only: bool


def read_options(connection: Connection) -> Options:
    """Return the options of a connection; SettingsError where one is not allowed."""
    wrongs = check(connection, ())
    if wrongs:
        raise SettingsError(f"connection {connection.key}: {wrongs[0]}")
    given = _DEFAULTS | dict(connection.options)
    texts = {n: str(given[n]) for n in ("layout", "thing", "signal", "at", "value", "quality",
                                        "at_format", "decimal", "after")}  # fmt: skip
    return Options(
        **texts, zone=ZoneInfo(str(given["zone"])), skip_rows=int(given["skip_rows"]),
        delimiter=DELIMITERS.get(str(given["delimiter"]), ""), stable_s=float(given["stable_s"]),
        names=tuple(n.strip() for n in str(given["names"]).split(",") if n.strip()),
        known_only=_TRUTHS[str(given["known_only"]).lower()],
    )  # fmt: skip


def check(connection: Connection, _: Sequence[Tag]) -> Sequence[Wrong]:
    """Return what is wrong with folder and options; any heading may be the address of a tag."""
    given = _DEFAULTS | dict(connection.options)
    found: list[Wrong] = []

    def need(good: bool, name: str, allowed: str) -> None:
        if not good:
            found.append(Wrong(f"options.{name}", str(given[name]), allowed))

    if ".." in PurePath(connection.endpoint).parts:
        found.append(Wrong("endpoint", connection.endpoint, "a folder without '..'"))
    need(given["layout"] in LAYOUTS, "layout", " or ".join(LAYOUTS))
    need(given["after"] in AFTER, "after", " or ".join(AFTER))
    need(given["decimal"] in (".", ","), "decimal", ". or ,")
    need(not given["delimiter"] or str(given["delimiter"]) in DELIMITERS, "delimiter",
         ", ; | or tab")  # fmt: skip
    need(_within(given["skip_rows"], 0, 1000), "skip_rows", "0 to 1000")
    need(_within(given["stable_s"], 0, 3600), "stable_s", "0 to 3600")
    need(_is_zone(given["zone"]), "zone", "a zone of IANA such as Asia/Shanghai")
    need(_is_format(str(given["at_format"])), "at_format", "iso, s, ms, or a pattern with %")
    need(str(given["known_only"]).lower() in _TRUTHS, "known_only", "true or false")
    need(any(n.strip() for n in str(given["names"]).split(",")) and "/" not in str(given["names"]),
         "names", "names such as *.csv")  # fmt: skip
    for name in ("thing", "at", *(("signal", "value") if given["layout"] == "long" else ())):
        need(bool(str(given[name]).strip("= ")), name, "a heading")
    return found


def _within(value: Any, low: float, high: float) -> bool:
    try:
        return low <= float(value) <= high
    except (TypeError, ValueError):
        return False


def _is_zone(value: Any) -> bool:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_format(text: str) -> bool:
    if text in ("iso", "s", "ms"):
        return True
    if "%" not in text:
        return False
    example = datetime(2026, 1, 31, 13, 59, 58, tzinfo=UTC)
    try:
        return datetime.strptime(example.strftime(text), text).year == example.year
    except ValueError:
        return False
