"""The signals that curves can show: every number of a report, two derived ones, single cells."""

import re
from dataclasses import dataclass
from typing import Final

from millbrain.core.errors import NotFoundError
from millbrain.core.facts import VEHICLE_REPORT
from millbrain.core.tables import Column
from millbrain.core.units import unit_of

_NUMBERS: Final = ("u8", "u16", "u32", "i16", "i32", "f32", "f64")
_HIDDEN: Final = ("edition", "reissued", "blocks", "undecoded_bytes", "frame_count")
_ELEMENT: Final = re.compile(r"([a-z_]+)\[([1-9][0-9]{0,3})\]")
_NO_ALARM: Final = 255  # vehicle_report.alarm_level: none was sent

# derived signal -> (SQL, English, Chinese)
_DERIVED: Final = {
    "cell_spread_mv": ("toFloat64(cell_max_mv) - cell_min_mv", "Highest minus lowest cell voltage",
                       "单体电压极差"),
    "temp_spread_degc": ("toFloat64(temp_max_degc) - temp_min_degc",
                         "Highest minus lowest probe temperature", "探针温度极差"),
}  # fmt: skip

# list column -> from which value on it is a marker: abnormal or invalid
_MARKS: Final = {"cells_mv": 65_534, "temps_degc": 214, "fuel_cell_probes_degc": 214}


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal of a vehicle. sql: a Nullable(Float64) expression over `vehicle_report`."""

    name: str
    title: str
    title_zh: str
    unit: str
    sql: str


def signal(name: str) -> Signal:
    """Return the signal of a name: a column, a derived one, or an element as ``cells_mv[17]``.

    Raises
    ------
    NotFoundError
        There is no such signal.
    """
    if name in _KNOWN:
        return _KNOWN[name]
    element = _ELEMENT.fullmatch(name)
    column = _LISTS.get(element[1]) if element else None
    if element is None or column is None:
        raise NotFoundError(
            f"no signal is named {name!r}; allowed are {', '.join(_KNOWN)},"
            f" and elements from 1 of {', '.join(_LISTS)} such as cells_mv[17]"
        )
    number = int(element[2])  # digits only, so it may stand in the text
    value = f"{column.name}[{number}]"
    is_there = f"length({column.name}) >= {number}"
    if column.name in _MARKS:
        is_there += f" AND {value} < {_MARKS[column.name]}"
    sql = f"if({is_there}, toFloat64({value}), NULL)"
    return Signal(
        name,
        f"{column.meaning} [{number}]",
        f"{column.meaning_zh} [{number}]",
        _unit(column.name),
        sql,
    )


def all_signals() -> tuple[Signal, ...]:
    """Return every signal except the elements of lists."""
    return tuple(_KNOWN.values())


def lists() -> tuple[str, ...]:
    """Return the names of the list columns whose elements are signals."""
    return tuple(_LISTS)


def _unit(name: str) -> str:
    unit = unit_of(name)
    return unit.symbol if unit else ""


def _of_column(column: Column) -> Signal:
    # A column without a value of its own for "absent" says by its block whether it was sent.
    value = f"toFloat64({column.name})"
    is_there = f"bitTest(blocks, {column.block})" if column.block >= 0 else "1"
    if column.name == "alarm_level":
        is_there += f" AND alarm_level != {_NO_ALARM}"
    sql = f"if({is_there}, {value}, NULL)"
    return Signal(column.name, column.meaning, column.meaning_zh, _unit(column.name), sql)


_LISTS: Final = {
    c.name: c
    for c in VEHICLE_REPORT.columns
    if c.many and c.kind in _NUMBERS and not c.name.startswith("pack_") and c.name != "motor_no"
}
_KNOWN: Final = {
    c.name: _of_column(c)
    for c in VEHICLE_REPORT.columns
    if c.kind in _NUMBERS and not c.many and c.name not in _HIDDEN
} | {name: Signal(name, en, zh, _unit(name), sql) for name, (sql, en, zh) in _DERIVED.items()}
