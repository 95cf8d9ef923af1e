"""The fleet's questions: which groups stand out, against whom, since when, how sure.

Not divided by organisation: a rate is told by comparing vehicles of all of them, so a caller who is
limited to one is refused.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from millbrain.analyse.battery.pages import parts
from millbrain.analyse.battery.tables import FLEET_SUSPICION
from millbrain.core.pages import TEXT, Argument, Document, Query, Scope
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

SUSPICION: Final = Query(
    "suspicion",
    "One suspicion about a model",
    "单条车型线索",
    """
    SELECT * FROM fleet_suspicion FINAL
    WHERE grouped_by = 'model' AND group = {model:String} AND what = {what:String}""",
    SUSPICIONS.columns,
    "group",
    (_WHAT, _GROUP),
    Scope.WHOLE,
)

FLEET: Final = Query(
    "fleet_vehicles",
    "Every vehicle that was observed, since when and on how many days",
    "全部已观测车辆",
    """
    SELECT d.vin AS vin, l.model AS model, d.since AS since, d.observed_days AS observed_days
    FROM (SELECT vin, toUInt32(min(first_at)) AS since, uniqExact(day) AS observed_days
          FROM battery_day FINAL GROUP BY vin) AS d
    JOIN (SELECT vin, model FROM vehicle_latest WHERE model != '') AS l ON l.vin = d.vin""",
    (
        parts.VIN,
        parts.MODEL,
        Column("since", "at_s", "First report, device time", "首次上报"),
        Column("observed_days", "u64", "Days with reports", "观测天数"),
    ),
    "vin",
    (),
    Scope.WHOLE,
)

FLEET_CASES: Final = Query(
    "fleet_cases",
    "First case of everything that is counted, by vehicle",
    "各车辆各统计对象的首次案例",
    """
    SELECT thing AS vin, concat('finding:', kind) AS what, toUInt32(min(first_seen_at)) AS first_at
    FROM finding FINAL WHERE app = 'battery' GROUP BY vin, what
    UNION ALL
    SELECT vin, concat('event:', kind) AS what, toUInt32(min(device_at)) AS first_at
    FROM battery_event FINAL GROUP BY vin, what
    UNION ALL
    SELECT vin, concat('alarm:', toString(bit)) AS what, toUInt32(min(first_at)) AS first_at
    FROM battery_day FINAL ARRAY JOIN bitPositionsToArray(alarm_flags) AS bit
    WHERE alarm_flags != 0 GROUP BY vin, what""",
    (
        parts.VIN,
        Column("what", "name", "What is counted", "统计对象"),
        Column("first_at", "at_s", "First case, device time", "首次出现"),
    ),
    "vin, what",
    (),
    Scope.WHOLE,
)


def _dossier(answers: Mapping[str, Any], _: str) -> str:
    """Write the dossier; the statistics are imported on first use, so that the card stays light."""
    from millbrain.analyse.battery.pages.dossier import document

    return document(answers["suspicion"], answers["fleet_vehicles"], answers["fleet_cases"])


def _course(answers: Mapping[str, Any], _: str) -> str:
    from millbrain.analyse.battery.pages.dossier import course

    asked = answers["suspicion"].to_pylist()
    told = asked[0] if asked else {"group": "", "what": ""}
    fleet, cases = answers["fleet_vehicles"], answers["fleet_cases"]
    return json.dumps(course(told["group"], told["what"], fleet, cases))


_TABLES: Final = (SUSPICION, FLEET, FLEET_CASES)
DOSSIER: Final = Document(
    "dossier", "Dossier of a suspicion for the maker", "致车企线索报告", (), _dossier,
    tables=_TABLES,
)  # fmt: skip
COURSE: Final = Document(
    "course", "Course of the sequential test of a model", "序贯检验过程", (), _course,
    "application/json", _TABLES,
)  # fmt: skip
QUERIES: Final = (SUSPICIONS, SUSPICION, GROUPS, CASES, FLEET, FLEET_CASES)
