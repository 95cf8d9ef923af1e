"""The fleet's questions: which groups stand out, against whom, since when, how sure.

Not divided by organisation: a rate is told by comparing vehicles of all of them, so a caller who is
limited to one is refused.
"""

import json
from collections.abc import Mapping
from typing import Final

from millbrain.analyse.battery.pages import parts
from millbrain.analyse.battery.tables import FLEET_SUSPICION
from millbrain.core.pages import TEXT, Argument, Document, Query, Rows, Scope
from millbrain.core.tables import Column

_WHAT: Final = Argument(
    "what", TEXT, "What is counted: finding:, event: or alarm: and its name", "统计对象"
)
_GROUP: Final = Argument("model", TEXT, "The group: a model", "群组（车型）")

# First case of every vehicle, whatever is counted; only one of the three has rows.
_CASES: Final = """
    SELECT thing AS vin, toUInt32(min(first_seen_at)) AS at FROM finding FINAL
    WHERE app = 'battery' AND concat('finding:', kind) = {what:String} GROUP BY thing
    UNION ALL
    SELECT vin, toUInt32(min(device_at)) AS at FROM battery_event FINAL
    WHERE concat('event:', kind) = {what:String} GROUP BY vin
    UNION ALL
    SELECT vin, toUInt32(min(first_at)) AS at FROM battery_day FINAL
    WHERE startsWith({what:String}, 'alarm:')
      AND bitTest(alarm_flags, toUInt8OrZero(substring({what:String}, 7))) GROUP BY vin"""

SUSPICIONS: Final = Query(
    "suspicions",
    "Groups of vehicles beyond what chance explains",
    "超出随机范围的车辆群组",
    """
    SELECT * FROM fleet_suspicion FINAL WHERE {open_only:UInt8} = 0 OR is_open = 1""",
    (*(c for c in FLEET_SUSPICION.columns if c.name != "as_of"), parts.AS_OF),
    "is_open desc, llr desc, grouped_by, group, what",
    (Argument("open_only", "UInt8", "1 = only those still beyond the limits", "仅未关闭",
              0, 0, 1),),
    Scope.WHOLE,
    rows=200,
)  # fmt: skip

GROUPS: Final = Query(
    "groups",
    "Vehicles with something, by model",
    "各车型出现车辆数",
    f"""
    SELECT l.model AS model, count() AS vehicles, countIf(c.at > 0) AS cases
    FROM (SELECT vin, model FROM vehicle_latest WHERE model != '') AS l
    LEFT JOIN (SELECT vin, min(at) AS at FROM ({_CASES}) GROUP BY vin) AS c ON c.vin = l.vin
    GROUP BY model""",
    (
        parts.MODEL,
        Column("vehicles", "u64", "Vehicles known", "车辆数"),
        Column("cases", "u64", "Of them with at least one", "出现车辆数"),
    ),
    "vehicles desc, model",
    (_WHAT,),
    Scope.WHOLE,
    rows=500,
)

CASES: Final = Query(
    "cases",
    "The vehicles with something, first case of each",
    "出现车辆及首次时刻",
    f"""
    SELECT l.vin AS vin, plate, model, operator, region_code, simulated,
           model = {{model:String}} AS is_own, min(c.at) AS first_at
    FROM ({_CASES}) AS c
    JOIN (SELECT vin, plate, model, operator, region_code, simulated FROM vehicle_latest) AS l
      ON l.vin = c.vin
    GROUP BY ALL""",
    (
        *parts.VEHICLE,
        Column("is_own", "u8", "1 = of the group", "属于该群组"),
        Column("first_at", "at_s", "First case, device time", "首次出现"),
    ),
    "first_at, vin",
    (_WHAT, _GROUP),
    Scope.WHOLE,
    rows=2_000,
)

WATCHED: Final = Query(
    "watched",
    "Since when how many vehicles are watched, all and of a model",
    "每日开始监测的车辆数",
    """
    SELECT d.since AS day, count() AS vehicles, countIf(l.model = {model:String}) AS own
    FROM (SELECT vin, min(day) AS since FROM battery_day FINAL GROUP BY vin) AS d
    JOIN (SELECT vin, model FROM vehicle_latest) AS l ON l.vin = d.vin GROUP BY day""",
    (
        Column("day", "day", "Day of the first reports", "首次上报日期"),
        Column("vehicles", "u64", "Vehicles", "车辆数"),
        Column("own", "u64", "Of them of the model", "其中该车型"),
    ),
    "day",
    (_GROUP,),
    Scope.WHOLE,
    rows=2_000,
)


def _course(rows: Mapping[str, Rows], _: str) -> str:
    """Return the sequential test case by case; the arithmetic is imported on first use."""
    from millbrain.analyse.battery.pages.course import course

    return json.dumps(course(rows["cases"], rows["watched"]))


COURSE: Final = Document(
    "course",
    "Course of the sequential test of a model",
    "序贯检验过程",
    (CASES, WATCHED),
    _course,
    "application/json",
)
QUERIES: Final = (SUSPICIONS, GROUPS, CASES, WATCHED)
