"""How a binary protocol is declared: fields, groups, lists and blocks as data.

A room's `fields.py` is written with these words only. The object decoder, the encoder, the columnar
decoder, the frame inspector and the documentation all walk the same declaration, so they cannot
disagree with one another; golden frames from the standard's text keep them all honest.

Numbers are big-endian and unsigned on the wire. value = raw / per + shift.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

WIDTHS: Final[Mapping[str, int]] = {"B": 1, "W": 2, "D": 4}
ABNORMAL: Final[Mapping[str, int]] = {"B": 0xFE, "W": 0xFFFE, "D": 0xFFFFFFFE}
INVALID: Final[Mapping[str, int]] = {"B": 0xFF, "W": 0xFFFF, "D": 0xFFFFFFFF}

View = Literal["number", "code", "gear", "bits", "hex"]


@dataclass(frozen=True, slots=True)
class Field:
    """One number on the wire.

    key: its name in a decoded object. wire: B, W or D (1, 2, 4 bytes). per, shift: scaling as
    above. low, high: the raw range that the standard allows; a value outside is decoded all the
    same and named by the inspector. marks: FE.. and FF.. mean abnormal and invalid, decoded as
    None. view: number, code (kept raw, markers too), gear, bits (list of set bits), hex (8 digits).
    column: warehouse column it fills, empty where it fills none; column_per scales into the
    column's unit where that differs (cells: V in objects, mV in columns). unit: suffix in
    core.units of the decoded value.
    """

    key: str
    wire: str
    title: str
    title_zh: str
    per: int = 1
    shift: int = 0
    low: int = 0
    high: int = -1
    marks: bool = True
    view: View = "number"
    unit: str = ""
    column: str = ""
    column_per: int = 0
    codes: Mapping[int, tuple[str, str]] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Bytes on the wire."""
        return WIDTHS[self.wire]


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring fields that decode as one list under one key (pack, number, value)."""

    key: str
    title: str
    title_zh: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Many:
    """A counted list: the count on the wire, then so many items.

    count: the count field. item: one Field (decodes as a list of values) or several parts (a list
    of objects). absent: a count of FE or FF means that there is no list, decoded as None.
    count_key: the count stands in the object under this key too, beside the list.
    """

    key: str
    title: str
    title_zh: str
    count: Field
    item: "Field | tuple[Part, ...]"
    absent: bool = False
    count_key: str = ""
    count_column: str = ""


Part = Field | Group | Many


@dataclass(frozen=True, slots=True)
class Block:
    """One information block of a frame: type byte, then the parts.

    rows: the body is one counted list and decodes as that list alone (motors, packs). block: bit of
    the `blocks` mask; its columns count as present when the block is.
    """

    edition: int
    type: int
    title: str
    title_zh: str
    clause: str
    parts: tuple[Part, ...]
    block: int
    rows: bool = False
    position: bool = False  # state byte, longitude, latitude decode to signed degrees
