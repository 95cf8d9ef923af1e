"""The signals of a vehicle as the pages name them, taken from the table declaration."""

from collections.abc import Mapping
from typing import Any, Final

from millbrain.core.facts import VEHICLE_REPORT
from millbrain.core.tables import Column

_NUMBERS: Final = ("u8", "u16", "u32", "i16", "i32", "f32", "f64")
_NO_SIGNALS: Final = ("edition", "blocks", "undecoded_bytes", "reissued", "frame_count",
                      "gear_code", "position_state")  # fmt: skip
_NO_CURVES: Final = ("alarm_flags",)  # a mask of bits has words, and no height
_COMPUTED: Final = (
    Column("cell_spread_mv", "u16", "Highest minus lowest cell voltage", "单体压差"),
    Column("temp_spread_degc", "i16", "Highest minus lowest probe temperature", "探针温差"),
)
_DIGITS: Final[Mapping[str, int]] = {"deg": 6, "v": 1, "a": 1, "kmh": 1, "km": 1, "nm": 1}


def signals(language: str) -> list[dict[str, Any]]:
    """Return every scalar signal of a report: name, title, unit, decimals and code words."""
    chosen = [c for c in VEHICLE_REPORT.columns if _is_signal(c)]
    return [_as_json(column, language) for column in (*chosen, *_COMPUTED)]


def _is_signal(column: Column) -> bool:
    return column.kind in _NUMBERS and not column.many and column.name not in _NO_SIGNALS


def _as_json(column: Column, language: str) -> dict[str, Any]:
    is_chinese = language == "zh"
    return {
        "name": column.name,
        "title": column.meaning_zh if is_chinese else column.meaning,
        "unit": column.unit.symbol if column.unit else "",
        "digits": _DIGITS.get(column.name.rpartition("_")[2], 0),
        "curve": column.name not in _NO_CURVES,
        "codes": {code: names[is_chinese] for code, names in column.codes.items()},
    }
