"""The questions of the SPC page: the characteristics, the readings of one, its charts made of them.

What is drawn is computed from the readings by the same heart that finds broken rules, so page and
alarm cannot disagree.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from millbrain.analyse.process.tables import SPC_CHARACTERISTIC
from millbrain.core.pages import TEXT, Argument, Document, Query
from millbrain.core.tables import Column

_MINE: Final = "({operator:String} = '' OR operator = {operator:String})"
_ONE: Final = f"{_MINE} AND thing = {{thing:String}} AND signal = {{signal:String}}"
_COLUMNS: Final = tuple(c for c in SPC_CHARACTERISTIC.columns if c.name != "is_void")
_THING: Final = Argument("thing", TEXT, "The machine", "对象", length_max=64)
_SIGNAL: Final = Argument("signal", TEXT, "Its signal", "信号", length_max=64)

CHARACTERISTICS: Final = Query(
    "characteristics",
    "Characteristics and how they stand",
    "质量特性及状态",
    f"SELECT * FROM spc_characteristic FINAL WHERE {_MINE}",
    _COLUMNS,
    "thing, number",
    rows=200,
)

CHARACTERISTIC: Final = Query(
    "characteristic",
    "One characteristic",
    "单个质量特性",
    f"SELECT * FROM spc_characteristic FINAL WHERE {_ONE}",
    _COLUMNS,
    "thing",
    (_THING, _SIGNAL),
)

READINGS: Final = Query(
    "characteristic_readings",
    "Readings of a characteristic: those of phase I and the newest",
    "质量特性读数：阶段I及最新",
    f"""
    WITH (SELECT (since, baseline * subgroup, size_signal) FROM spc_characteristic FINAL
          WHERE {_ONE}) AS declared
    SELECT r.place AS place, r.total AS total, r.device_at AS device_at, r.value AS value,
           s.size AS size
    FROM (SELECT device_at, value, row_number() OVER (ORDER BY device_at) - 1 AS place,
                 count() OVER () AS total
          FROM reading
          WHERE thing = {{thing:String}} AND signal = {{signal:String}} AND quality > 0
            AND isNotNull(value) AND device_at >= declared.1) AS r
    LEFT JOIN (SELECT device_at, any(value) AS size FROM reading
               WHERE thing = {{thing:String}} AND signal = declared.3 GROUP BY device_at) AS s
      ON s.device_at = r.device_at
    WHERE r.place < declared.2 OR r.place + {{newest:UInt32}} >= r.total""",
    (
        Column("place", "u64", "Readings before it since the begin of phase I", "序号"),
        Column("total", "u64", "Readings since the begin of phase I", "累计读数"),
        Column("device_at", "at_ms", "Instant by the device's clock", "设备时刻"),
        Column("value", "f64", "Value", "数值"),
        Column("size", "f64", "Pieces looked at", "样本量", missing=True),
    ),
    "place",
    (_THING, _SIGNAL,
     Argument("newest", "UInt32", "How many of the newest readings", "最新读数个数", 200, 1,
              50_000)),
    rows=2_000,
)  # fmt: skip


def _chart(answers: Mapping[str, Any], _: str) -> str:
    """Judge the readings as the app does; the heart is imported on first use."""
    from millbrain.analyse.process import reading
    from millbrain.analyse.process.calc.judge import judge
    from millbrain.analyse.process.calc.telling import view

    found = answers["characteristic"]
    if not found:
        return json.dumps(None)
    c = reading.characteristic_of(found[0])
    table = answers["characteristic_readings"]
    place, value, size = (table.column(n).to_pylist() for n in ("place", "value", "size"))
    at = [round(t.timestamp() * 1000) for t in table.column("device_at").to_pylist()]
    total = table.column("total")[0].as_py() if place else 0
    first = sum(p < c.baseline * c.subgroup for p in place)
    start = _newest_from(place, total)
    baseline = reading.readings_of(c, at[:first], value[:first], size[:first], 0)
    begin = place[start] if start < len(place) else 0
    window = reading.readings_of(c, at[start:], value[start:], size[start:], begin)
    return json.dumps(view(c, judge(c, baseline, window)))


def _newest_from(place: list[int], total: int) -> int:
    """Return where the unbroken run of places up to the last one begins."""
    start = len(place)
    while start and place[start - 1] == total - (len(place) - start) - 1:
        start -= 1
    return start


CHART: Final = Document(
    "chart", "Control charts, broken rules, capability and histogram", "控制图、判异与过程能力",
    (CHARACTERISTIC,), _chart, "application/json", (READINGS,),
)  # fmt: skip
QUERIES: Final = (CHARACTERISTICS, CHARACTERISTIC, READINGS)
