"""From a browsed node to a proposed tag: which thing, which signal.

The path of a node is the names from the root down to it. A *pattern* says which of them name the
thing: ``{1}`` is the first name, ``{-1}`` the last, ``{0}`` the key of the connection; anything
else stands as it is written, so that ``MW-{-3}-{-2}`` makes MW-L03-M07 of the path
Plant / L03 / M07 / Spindle speed. The signal is the last name as snake_case, its unit behind it
where the unit is known.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from millbrain.core.errors import SettingsError
from millbrain.core.plant.tags import Found, Tag
from millbrain.core.tagging.rules import THING_BYTES_MAX
from millbrain.core.units import UNITS

THING_PATTERN: Final = "{-2}"
_PART: Final = re.compile(r"\{(-?\d+)\}")
_SIGNAL_MAX: Final = 64
# How units are written by servers besides the symbol that we write.
_WRITTEN: Final = {"c": "degc", "°c": "degc", "℃": "degc", "cel": "degc", "rpm": "rpm",
                   "1/min": "rpm", "min-1": "rpm", "sec": "s", "kmph": "kmh", "percent": "pct",
                   "n·m": "nm"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Walked:
    """A node and the names from the root down to it, its own last."""

    found: Found
    path: tuple[str, ...]


def proposed(connection: str, walked: Walked, pattern: str = THING_PATTERN) -> Tag:
    """Return the tag that a node may become.

    Raises
    ------
    SettingsError
        The pattern names a part that the path has not, or leaves nothing of a name.
    """
    found = walked.found
    thing = thing_of(walked.path, pattern, connection)
    return Tag(
        connection, found.address, thing, signal_of(found), found.kind,
        found.unit, writable=found.writable, title=found.name[:128],
    )  # fmt: skip


def thing_of(path: Sequence[str], pattern: str = THING_PATTERN, connection: str = "") -> str:
    """Return the identifier of the thing by a pattern over the names of a path.

    >>> thing_of(("Plant", "L03", "M07", "Spindle speed"), "MW-{-3}-{-2}")
    'MW-L03-M07'
    """

    def part(match: re.Match[str]) -> str:
        number = int(match.group(1))
        index = number if number < 0 else number - 1
        if number == 0:
            return connection
        if not -len(path) <= index < len(path):
            raise SettingsError(
                f"pattern {pattern!r}: {match.group()} names no part of {' / '.join(path)}; "
                f"1 to {len(path)}, -1 to -{len(path)} from the end, and 0, the connection, are "
                "allowed"
            )
        return path[index]

    made = re.sub(r"\s+", "-", _PART.sub(part, pattern).strip())
    if not made or len(made.encode()) > THING_BYTES_MAX:
        raise SettingsError(
            f"pattern {pattern!r} makes {made!r} of {' / '.join(path)}; "
            f"1 to {THING_BYTES_MAX} bytes are allowed"
        )
    return made


def signal_of(found: Found) -> str:
    """Return the name of a signal: snake_case, its unit last where it is known.

    >>> signal_of(Found("ns=2;i=7", "SpindleSpeed", unit="r/min"))
    'spindle_speed_rpm'
    """
    name = snake_case(found.name) or snake_case(found.address) or "value"
    suffix = unit_suffix(found.unit)
    if suffix and name.rpartition("_")[2] != suffix:
        name = f"{name[: _SIGNAL_MAX - 1 - len(suffix)].rstrip('_')}_{suffix}"
    return name[:_SIGNAL_MAX].rstrip("_")


def unit_suffix(unit: str) -> str:
    """Return the suffix of a unit as a server writes it, empty where it is not known.

    >>> unit_suffix("°C"), unit_suffix("furlong")
    ('degc', '')
    """
    text = unit.strip()
    exact = next((u.suffix for u in UNITS.values() if u.symbol and u.symbol == text), "")
    if exact:  # kW and kw, s and S are other units: the written case counts first
        return exact
    low = text.lower()
    return _WRITTEN.get(low) or (low if low in UNITS else "")


def snake_case(text: str) -> str:
    """Return a text as small letters, digits and '_', a letter first; empty where none is left.

    >>> snake_case("SpindleSpeed 2"), snake_case("Öl-Druck"), snake_case("7 bar")
    ('spindle_speed_2', 'ol_druck', 'v_7_bar')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain)
    name = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
    return f"v_{name}" if name[:1].isdigit() else name
