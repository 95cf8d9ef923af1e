"""The heat watch's questions: who is hot now and why, where, how hot the fleet is, how it goes on.

Flagged is a vehicle with an open finding of the heat watch or a thermal event: the rules of the
room decide, with hysteresis, and this page only shows it. Temperatures are those of the newest
reports, of vehicles heard within the last ten minutes.
"""

from typing import Final

from millbrain.analyse.battery.pages import parts
from millbrain.core.pages import Argument, Query
from millbrain.core.tables import Column

_HEARD: Final = "received_at > now() - 600 AND isNotNull(temp_max_degc)"
_LIVE: Final = f"""
    (SELECT vin, plate, model, operator, region_code, simulated, temp_max_degc, soc_pct,
            charge_state, received_at, device_at, as_of, {_HEARD} AS is_heard
     FROM vehicle_latest WHERE {{operator:String}} = '' OR operator = {{operator:String}})"""
_FLAGS: Final = f"""
    (SELECT thing, max(severity) AS severity, min(first_seen_at) AS since,
            max(last_seen_at) AS until, groupArray(sentence) AS reasons,
            groupArray(sentence_zh) AS reasons_zh, groupArray(evidence) AS pieces
     FROM finding FINAL
     WHERE app = 'battery' AND is_open = 1 AND kind IN ('heat', 'thermal') AND {parts.MY_THING}
     GROUP BY thing)"""
_TEMP: Final = Column("temp_max_degc", "i16", "Hottest probe", "最高温度", missing=True)

FLAGGED: Final = Query(
    "hot_vehicles",
    "Vehicles that the heat watch has flagged, with the reasons",
    "高温看护标记的车辆及原因",
    f"""
    SELECT f.thing AS vin, plate, model, operator, region_code, simulated, severity, since, until,
           reasons, reasons_zh, if(is_heard, temp_max_degc, NULL) AS temp_max_degc,
           if(is_heard, soc_pct, NULL) AS soc_pct, charge_state, is_heard, l.as_of AS as_of
    FROM {_FLAGS} AS f LEFT JOIN {_LIVE} AS l ON l.vin = f.thing""",
    (
        *parts.VEHICLE,
        parts.SEVERITY,
        Column("since", "at_s", "Flagged since, device time", "标记起始"),
        Column("until", "at_s", "Last seen so, device time", "最近出现"),
        Column("reasons", "text", "Why", "原因（英文）", many=True),
        Column("reasons_zh", "text", "Why, Chinese", "原因", many=True),
        _TEMP,
        Column("soc_pct", "u8", "State of charge", "荷电状态", missing=True),
        Column("charge_state", "u8", "Charging", "充电状态"),
        Column("is_heard", "u8", "1 = heard within ten minutes", "十分钟内有上报"),
        parts.AS_OF,
    ),
    "severity desc, temp_max_degc desc, since, vin",
)

PAST: Final = Query(
    "hot_before",
    "Vehicles that the heat watch had flagged, newest first",
    "曾被高温看护标记的车辆",
    f"""
    SELECT f.thing AS vin, plate, model, operator, region_code, simulated, severity, since, until,
           sentence, sentence_zh, l.as_of AS as_of
    FROM (SELECT thing, severity, first_seen_at AS since, last_seen_at AS until, sentence,
                 sentence_zh
          FROM finding FINAL
          WHERE app = 'battery' AND is_open = 0 AND kind IN ('heat', 'thermal')
            AND {parts.MY_THING}) AS f
    LEFT JOIN {_LIVE} AS l ON l.vin = f.thing""",
    (
        *parts.VEHICLE,
        parts.SEVERITY,
        Column("since", "at_s", "Flagged since, device time", "标记起始"),
        Column("until", "at_s", "Last seen so, device time", "最近出现"),
        *parts.WORDS,
        parts.AS_OF,
    ),
    "until desc, vin",
)

REGIONS: Final = Query(
    "hot_regions",
    "Vehicles flagged and heard, by district",
    "各区县标记与在线车辆数",
    f"""
    SELECT region_code, countIf(f.thing != '') AS flagged, countIf(is_heard) AS heard,
           maxIf(temp_max_degc, is_heard) AS temp_max_degc
    FROM {_LIVE} AS l LEFT JOIN {_FLAGS} AS f ON f.thing = l.vin GROUP BY region_code""",
    (
        Column("region_code", "name", "District", "区县"),
        Column("flagged", "u64", "Flagged", "已标记"),
        Column("heard", "u64", "Heard within ten minutes", "十分钟内有上报"),
        _TEMP,
    ),
    "flagged desc, region_code",
    rows=200,
)

TEMPS: Final = Query(
    "hot_temps",
    "Vehicles by the temperature of their hottest probe, now",
    "当前最高温度分布",
    f"""
    SELECT intDiv(temp_max_degc, 2) * 2 AS from_degc, count() AS vehicles,
           countIf(f.thing != '') AS flagged, max(l.as_of) AS as_of
    FROM {_LIVE} AS l LEFT JOIN {_FLAGS} AS f ON f.thing = l.vin
    WHERE is_heard GROUP BY from_degc""",
    (
        Column("from_degc", "i16", "From this temperature, two degrees wide", "温度区间起点"),
        Column("vehicles", "u64", "Vehicles", "车辆数"),
        Column("flagged", "u64", "Of them flagged", "其中已标记"),
        parts.AS_OF,
    ),
    "from_degc",
    rows=200,
)

TREND: Final = Query(
    "hot_days",
    "Highest temperature of the day over the fleet, and vehicles newly flagged",
    "每日最高温度与新增标记",
    f"""
    SELECT d.day AS day, vehicles, q[1] AS temp_p50_degc, q[2] AS temp_p95_degc,
           q[3] AS temp_p999_degc, f.flagged AS flagged, d.at AS as_of
    FROM (SELECT day, uniqExact(vin) AS vehicles, max(as_of) AS at,
                 quantiles(0.5, 0.95, 0.999)(temp_max_degc) AS q
          FROM battery_day FINAL
          WHERE day > {parts.TODAY} - {{days:UInt16}} AND isNotNull(temp_max_degc)
            AND {parts.MY_VIN}
          GROUP BY day) AS d
    LEFT JOIN (SELECT toDate(first_seen_at, 'Asia/Shanghai') AS day, uniqExact(thing) AS flagged
               FROM finding FINAL
               WHERE app = 'battery' AND kind IN ('heat', 'thermal') AND {parts.MY_THING}
               GROUP BY day) AS f ON f.day = d.day""",
    (
        Column("day", "day", "Day, Beijing time", "日期"),
        Column("vehicles", "u64", "Vehicles seen", "车辆数"),
        Column("temp_p50_degc", "f64", "Median of the day's highest", "中位数"),
        Column("temp_p95_degc", "f64", "One vehicle in twenty was hotter", "95%分位"),
        Column("temp_p999_degc", "f64", "One vehicle in a thousand was hotter", "99.9%分位"),
        Column("flagged", "u64", "Vehicles first flagged", "新增标记车辆数"),
        parts.AS_OF,
    ),
    "day",
    (Argument("days", "UInt16", "How many days back", "天数", 45, 1, 400),),
    rows=400,
)

QUERIES: Final = (FLAGGED, PAST, REGIONS, TEMPS, TREND)
