"""The overview's questions: who is suspect and how urgent, which models, how healthy, how covered.

Risk is a number from 0 to 100 that says in which order to look, not a probability: 20 points a
step of severity, times the confidence (a danger counts in full however sure it is); up to 10 for a
trend, full where the deviation moves away by its own limit within `TREND_DAYS` days; up to 10 for
the days it is open, full after `OPEN_DAYS`. The page says the same beside the list.
"""

from typing import Final

from millbrain.analyse.battery.model import Rules
from millbrain.analyse.battery.pages import parts
from millbrain.core.pages import TEXT, Argument, Query
from millbrain.core.tables import Column

TREND_DAYS: Final = 14
OPEN_DAYS: Final = 30
_OPEN: Final = f"app = 'battery' AND is_open = 1 AND {parts.MY_THING}"

_FOUND: Final = ", ".join(f"f.{name} AS {name}" for name in (
    "vin", "kind", "pack_no", "cell_no", "severity", "value", "unit", "threshold", "confidence",
    "call_out", "first_seen_at", "last_seen_at", "sentence", "sentence_zh", "as_of",
))  # fmt: skip
_KNOWN: Final = ", ".join(f"l.{c.name} AS {c.name}" for c in parts.VEHICLE[1:])

# Only the packs of suspects are read from the days, by the sorting key.
_TRENDS: Final = f"""
    SELECT f.thing AS thing, f.kind AS kind, f.pack_no AS pack_no, f.cell_no AS cell_no,
           simpleLinearRegression(d.no, arrayElement(if(f.unit = 'mV', d.deviation_mv,
                                                        d.excess_mohm), f.cell_no)).1 AS slope
    FROM (SELECT thing, kind, pack_no, cell_no, unit FROM finding FINAL
          WHERE {_OPEN} AND cell_no > 0 AND unit IN ('mV', 'mOhm')) AS f
    JOIN (SELECT vin, pack_no, toFloat64(toUInt16(day)) AS no, deviation_mv, excess_mohm
          FROM battery_day FINAL
          WHERE day > {parts.TODAY} - {TREND_DAYS}
            AND vin IN (SELECT thing FROM finding FINAL WHERE {_OPEN})) AS d
      ON d.vin = f.thing AND d.pack_no = f.pack_no
    WHERE isFinite(arrayElement(if(f.unit = 'mV', d.deviation_mv, d.excess_mohm), f.cell_no))
    GROUP BY thing, kind, pack_no, cell_no"""

SUSPECTS: Final = Query(
    "suspects",
    "Suspect parts, ranked by risk",
    "疑似故障，按风险排序",
    f"""
    SELECT {_FOUND}, {_KNOWN},
           if(isFinite(t.slope), t.slope, 0) AS trend,
           greatest(0, least(1, trend * sign(f.value) * {TREND_DAYS}
                                / nullIf(abs(f.threshold), 0))) AS trend_share,
           greatest(0, dateDiff('day', f.first_seen_at, now())) AS open_days,
           toUInt8(round(20 * f.severity * if(f.severity = 4, 1, f.confidence)
                         + 10 * ifNull(trend_share, 0)
                         + 10 * least(open_days, {OPEN_DAYS}) / {OPEN_DAYS})) AS risk
    FROM (SELECT thing AS vin, kind, pack_no, cell_no, severity, value, unit, threshold,
                 confidence, call_out, first_seen_at, last_seen_at, sentence, sentence_zh, as_of
          FROM finding FINAL
          WHERE {_OPEN} AND severity >= {{severity_min:UInt8}}
            AND ({{kind:String}} = '' OR kind = {{kind:String}})
            AND ({{call_out:UInt8}} = 0 OR call_out = 1)) AS f
    LEFT JOIN (SELECT vin, plate, model, operator, region_code, simulated FROM vehicle_latest
               WHERE vin IN (SELECT thing FROM finding FINAL WHERE {_OPEN})) AS l ON l.vin = f.vin
    LEFT JOIN ({_TRENDS}) AS t
      ON t.thing = f.vin AND t.kind = f.kind AND t.pack_no = f.pack_no AND t.cell_no = f.cell_no
    WHERE ({{model:String}} = '' OR l.model = {{model:String}})
      AND ({{q:String}} = '' OR positionCaseInsensitiveUTF8(f.vin, {{q:String}}) > 0
           OR positionCaseInsensitiveUTF8(l.plate, {{q:String}}) > 0)""",
    (
        Column("risk", "u8", "Risk, 0 to 100", "风险（0–100）"),
        *parts.VEHICLE,
        parts.KIND,
        *parts.PLACE,
        parts.SEVERITY,
        *parts.FIGURE,
        Column("trend", "f64", "Change a day, in the unit of the figure", "每日变化"),
        Column("open_days", "u32", "Open, days since first seen", "持续天数"),
        Column("first_seen_at", "at_s", "First seen, device time", "首次出现"),
        Column("last_seen_at", "at_s", "Last seen, device time", "最近出现"),
        Column("call_out", "u8", "1 = evidence enough to send for somebody", "建议召检"),
        *parts.WORDS,
        parts.AS_OF,
    ),
    "risk desc, severity desc, first_seen_at, vin, kind, pack_no, cell_no",
    (
        Argument("q", TEXT, "Part of a VIN or plate", "VIN或车牌的一部分", "", length_max=64),
        parts.ANY_KIND,
        parts.ANY_MODEL,
        parts.SEVERITY_MIN,
        Argument("call_out", "UInt8", "1 = call-outs only", "仅建议召检", 0, 0, 1),
    ),
)

COUNTS: Final = Query(
    "counts",
    "Open findings by kind and severity",
    "未关闭线索：类别与严重程度",
    f"""
    SELECT kind, severity, count() AS findings, uniqExact(thing) AS vehicles,
           countIf(call_out = 1) AS call_outs,
           countIf(first_seen_at > now() - 86400) AS new_findings, max(f.as_of) AS as_of
    FROM finding AS f FINAL WHERE {_OPEN} GROUP BY kind, severity""",
    (
        parts.KIND,
        parts.SEVERITY,
        Column("findings", "u64", "Findings", "线索数"),
        Column("vehicles", "u64", "Vehicles", "车辆数"),
        Column("call_outs", "u64", "Of them with evidence enough to call", "建议召检"),
        Column("new_findings", "u64", "First seen within 24 hours", "24小时内新增"),
        parts.AS_OF,
    ),
    "kind, severity",
    rows=200,
)

MODELS: Final = Query(
    "models",
    "Suspect vehicles by model",
    "各车型疑似车辆数",
    f"""
    SELECT l.model AS model, count() AS vehicles, countIf(f.thing != '') AS cases,
           countIf(f.called > 0) AS called
    FROM (SELECT vin, model FROM vehicle_latest
          WHERE {{operator:String}} = '' OR operator = {{operator:String}}) AS l
    LEFT JOIN (SELECT thing, max(call_out) AS called FROM finding FINAL
               WHERE {_OPEN} AND severity >= {{severity_min:UInt8}}
                 AND ({{kind:String}} = '' OR kind = {{kind:String}})
               GROUP BY thing) AS f ON f.thing = l.vin
    GROUP BY model""",
    (
        parts.MODEL,
        Column("vehicles", "u64", "Vehicles known", "车辆数"),
        Column("cases", "u64", "Of them with an open finding", "疑似车辆数"),
        Column("called", "u64", "Of them with evidence enough to call", "建议召检车辆数"),
    ),
    "cases desc, vehicles desc, model",
    (parts.ANY_KIND, parts.SEVERITY_MIN),
    rows=500,
)

HEALTH: Final = Query(
    "health",
    "State of health by model, newest of each pack",
    "各车型健康度分布",
    f"""
    SELECT l.model AS model, count() AS packs, avg(h.soh) AS soh_mean_pct,
           sqrt(avg(pow(h.std, 2))) AS soh_std_pct,
           quantilesExact(0.05, 0.25, 0.5, 0.75, 0.95)(h.soh) AS q,
           q[1] AS soh_p05_pct, q[2] AS soh_p25_pct, q[3] AS soh_p50_pct, q[4] AS soh_p75_pct,
           q[5] AS soh_p95_pct, countIf(h.soh < 80) AS below_80, max(h.at) AS as_of
    FROM (SELECT vin, pack_no, argMax(soh_pct, day) AS soh, argMax(soh_std_pct, day) AS std,
                 max(as_of) AS at
          FROM battery_health FINAL
          WHERE method = 'charge' AND isNotNull(soh_pct) AND {parts.MY_VIN}
          GROUP BY vin, pack_no) AS h
    JOIN (SELECT vin, model FROM vehicle_latest) AS l ON l.vin = h.vin
    GROUP BY model""",
    (
        parts.MODEL,
        Column("packs", "u64", "Packs", "电池包数"),
        Column("soh_mean_pct", "f64", "Mean state of health, estimated", "平均健康度（估算）"),
        Column("soh_std_pct", "f64", "Standard uncertainty of one pack", "单包标准不确定度",
               missing=True),
        Column("soh_p05_pct", "f64", "5 % of the packs are below", "5%分位"),
        Column("soh_p25_pct", "f64", "25 % of the packs are below", "25%分位"),
        Column("soh_p50_pct", "f64", "Median", "中位数"),
        Column("soh_p75_pct", "f64", "75 % of the packs are below", "75%分位"),
        Column("soh_p95_pct", "f64", "95 % of the packs are below", "95%分位"),
        Column("below_80", "u64", "Packs below 80 %", "低于80%的电池包数"),
        parts.AS_OF,
    ),
    "packs desc, model",
    rows=200,
)  # fmt: skip

COVERAGE: Final = Query(
    "coverage",
    "How many vehicles were judged in the last day, and why the others were not",
    "近一日评估覆盖率及未评估原因",
    f"""
    SELECT count() AS vehicles, countIf(d.reports >= {{reports_min:UInt32}}) AS judged,
           countIf(d.reports > 0 AND d.reports < {{reports_min:UInt32}}) AS too_few,
           countIf(d.reports = 0 AND l.is_heard) AS no_cells,
           countIf(d.reports = 0 AND NOT l.is_heard) AS silent,
           nullIf(max(d.at), toDateTime64(0, 3, 'UTC')) AS as_of
    FROM (SELECT vin, received_at > now() - 86400 AS is_heard FROM vehicle_latest
          WHERE {{operator:String}} = '' OR operator = {{operator:String}}) AS l
    LEFT JOIN (SELECT vin, max(report_count) AS reports, max(as_of) AS at FROM battery_day FINAL
               WHERE day >= {parts.TODAY} - 1 AND {parts.MY_VIN} GROUP BY vin) AS d
      ON d.vin = l.vin""",
    (
        Column("vehicles", "u64", "Vehicles known", "车辆数"),
        Column("judged", "u64", "Judged: enough reports with cells today or yesterday",
               "已评估"),
        Column("too_few", "u64", "Too few reports with cells", "上报过少"),
        Column("no_cells", "u64", "Reported, but no cell voltages", "无单体电压"),
        Column("silent", "u64", "No report within 24 hours", "24小时内无上报"),
        parts.AS_OF,
    ),
    "vehicles",
    (
        Argument("reports_min", "UInt32", "Reports before a day counts as observed",
                 "有效日最少上报数", Rules().reports_min, 1, 100_000),
    ),
)  # fmt: skip

OPENED: Final = Query(
    "opened",
    "Findings first seen, day by day",
    "每日新增线索",
    f"""
    SELECT toDate(first_seen_at, 'Asia/Shanghai') AS day, count() AS findings,
           countIf(call_out = 1) AS call_outs
    FROM finding FINAL
    WHERE app = 'battery' AND {parts.MY_THING}
      AND first_seen_at > now() - 86400 * toUInt32({{days:UInt16}})
    GROUP BY day""",
    (
        Column("day", "day", "Day, Beijing time", "日期"),
        Column("findings", "u64", "First seen on it", "新增线索"),
        Column("call_outs", "u64", "Of them with evidence enough to call", "其中建议召检"),
    ),
    "day",
    (Argument("days", "UInt16", "How many days back", "天数", 30, 1, 400),),
    rows=400,
)

DISTRICTS: Final = Query(
    "districts",
    "Suspect vehicles by district",
    "各区县疑似车辆数",
    f"""
    SELECT l.region_code AS region_code, count() AS vehicles, countIf(f.thing != '') AS cases,
           countIf(f.called > 0) AS called
    FROM (SELECT vin, region_code FROM vehicle_latest
          WHERE {{operator:String}} = '' OR operator = {{operator:String}}) AS l
    LEFT JOIN (SELECT thing, max(call_out) AS called FROM finding FINAL WHERE {_OPEN}
               GROUP BY thing) AS f ON f.thing = l.vin
    GROUP BY region_code""",
    (
        Column("region_code", "name", "District", "区县"),
        Column("vehicles", "u64", "Vehicles known", "车辆数"),
        Column("cases", "u64", "Of them with an open finding", "疑似车辆数"),
        Column("called", "u64", "Of them with evidence enough to call", "建议召检车辆数"),
    ),
    "called desc, region_code",
    rows=200,
)

QUERIES: Final = (SUSPECTS, COUNTS, MODELS, HEALTH, COVERAGE, OPENED)
