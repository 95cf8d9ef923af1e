"""Indicators and elements by whatever is asked, and hours against their plan."""

from typing import Final

from millbrain.analyse.effectiveness.calc.sums import LOSS_OF_STATE
from millbrain.analyse.effectiveness.parts_sql import (
    AS_OF,
    CHOSEN,
    ELEMENT_COLUMNS,
    ELEMENTS_NAMED,
    FILTERS,
    INDICATOR_COLUMNS,
    MACHINES,
    ORDERS,
    PLACES,
    RATIOS,
    REASON_COLUMNS,
    REASONS,
    SUMS,
    SUMS_AGAIN,
    UNKNOWN_PRODUCT,
    few,
    order_of,
)
from millbrain.core.pages import TEXT, Argument, Query
from millbrain.core.tables import Column

BY: Final = ("machine", "line", "area", "plant", "class", "shift", "day", "order", "product",
             "all")  # fmt: skip
# What an order makes is known once somebody enters it; until then its product is not known, and
# where a machine names no order there is none.
_PRODUCT: Final = (
    f"""multiIf(s.rest = '', '', o.order_number = '', '{UNKNOWN_PRODUCT}', o.product)"""
)
_KEY: Final = f"""multiIf({{by:String}} = 'machine', m.machine, {{by:String}} = 'line', m.line,
             {{by:String}} = 'area', m.area, {{by:String}} = 'plant', m.plant,
             {{by:String}} = 'class', m.equipment_class, {{by:String}} = 'all', '',
             {{by:String}} = 'product', {_PRODUCT}, s.rest)"""
_NAME: Final = """multiIf({{by:String}} = 'machine', m.title{0},
             {{by:String}} = 'line', m.line_title{0}, {{by:String}} = 'area', m.area_title{0},
             {{by:String}} = 'order', if(s.rest = '', '{1}', o.title{0}),
             {{by:String}} = 'product', multiIf(s.rest = '', '{1}', o.order_number = '', '{2}',
                                                o.title{0}),
             s.rest)"""
_NAMES: Final = (
    _NAME.format("", "no order told", "product not known"),
    _NAME.format("_zh", "无订单信息", "产品未知"),
)

_REST: Final = f"""multiIf({{by:String}} = 'shift',
                               concat(toString(toDate(part_day)), ' ', part_shift),
                               {{by:String}} = 'day', toString(toDate(part_day)),
                               {{by:String}} IN ('order', 'product'), {order_of("part_job")}, '')"""


def _named(name: str) -> str:
    """Return the text of a group's name; of several the first that there is, always the same."""
    return f"minIf({name}, {name} != '')"


INDICATORS: Final = Query(
    "indicators",
    "Indicators after ISO 22400-2 and the sums they are made of",
    "ISO 22400-2指标及其要素",
    f"""
    SELECT key, title, title_zh, machine_count, {ELEMENTS_NAMED}, {RATIOS}, as_of
    FROM (SELECT {_KEY} AS key, {_named(_NAMES[0])} AS title,
                 {_named(_NAMES[1])} AS title_zh, min(m.place) AS place,
                 uniqExact(s.machine) AS machine_count, max(s.at) AS as_of, {SUMS_AGAIN}
          FROM (SELECT machine, rest, max(at) AS at,
                       {SUMS}
                FROM ({few(CHOSEN, "machine, rest", f"machine, {_REST} AS rest")})
                GROUP BY machine, rest) AS s
          JOIN (SELECT machine, title, title_zh, line, line_title, line_title_zh, area, area_title,
                       area_title_zh, plant, equipment_class, place
                FROM machine FINAL) AS m ON m.machine = s.machine
          LEFT JOIN ({ORDERS}) AS o ON o.order_number = s.rest
          GROUP BY key)""",
    (
        Column("key", "text", "What the row is about", "对象"),
        Column("title", "text", "Its name, English", "名称（英文）"),
        Column("title_zh", "text", "Its name", "名称"),
        Column("machine_count", "u64", "Machines", "设备数"),
        *INDICATOR_COLUMNS,
        *ELEMENT_COLUMNS,
        AS_OF,
    ),
    "key",
    (
        Argument("by", TEXT, "What the rows are", "分组", "machine", choices=BY),
        *FILTERS,
    ),
    rows=200,
)

# A line makes what its last stage makes; its plan is planned time over the takt of its slowest
# stage. Machines without stages (zones) are planned each by its own nameplate.
HOURS: Final = Query(
    "hours",
    "Pieces of each hour against the nameplate plan",
    "每小时产出与铭牌计划对比",
    f"""
    SELECT hour_at, sum(good) AS good_count, sum(scrap) AS scrap_count, sum(rework) AS rework_count,
           if(isFinite(max(line_plan) + sum(own_plan)), max(line_plan) + sum(own_plan), NULL)
             AS plan_count,
           sum(energy) AS energy_kwh, sum(busy) / 3600000 AS busy_h,
           sum(producing) / 3600000 AS producing_h, max(at) AS as_of
    FROM (SELECT s.hour_at AS hour_at, if(m.is_output, s.good, 0) AS good,
                 if(m.is_output, s.scrap, 0) AS scrap, if(m.is_output, s.rework, 0) AS rework,
                 if(m.is_output AND isNotNull(m.takt_s) AND {{machine:String}} = '',
                    s.busy / 1000 / m.takt_s, 0) AS line_plan,
                 if(m.is_output AND (isNull(m.takt_s) OR {{machine:String}} != ''),
                    s.busy / 1000 / ifNull(m.cycle_s, nan), 0) AS own_plan,
                 s.energy AS energy, s.busy AS busy, s.producing AS producing, s.at AS at
          FROM (SELECT machine, hour_at, sum(part_good) AS good, sum(part_scrap) AS scrap,
                       sum(part_rework) AS rework, sumIf(part_time_ms, part_busy = 1) AS busy,
                       sumIf(part_time_ms, part_busy = 1 AND part_state = 1) AS producing,
                       sum(part_energy_kwh) AS energy, max(until_at) AS at
                FROM ({CHOSEN}) GROUP BY machine, hour_at) AS s
          JOIN (SELECT machine, toUInt8(is_output = 1 OR machine = {{machine:String}}) AS is_output,
                       takt_s, cycle_s FROM machine FINAL) AS m ON m.machine = s.machine)
    GROUP BY hour_at""",
    (
        Column("hour_at", "at_ms", "Begin of the hour", "小时起点"),
        Column("good_count", "f64", "Good pieces", "合格数"),
        Column("scrap_count", "f64", "Scrap", "报废数"),
        Column("rework_count", "f64", "To rework", "返工数"),
        Column("plan_count", "f64", "Pieces that nameplate and planned time give", "铭牌计划数",
               missing=True),
        Column("energy_kwh", "f64", "Energy", "能耗"),
        Column("busy_h", "f64", "Planned machine hours", "计划机时"),
        Column("producing_h", "f64", "Producing machine hours", "生产机时"),
        AS_OF,
    ),
    "hour_at",
    FILTERS,
    rows=400,
)  # fmt: skip

# Every part gives its good time, quality, speed, micro-stop and state. Of machines whose nameplate
# is not known the time of producing cannot be divided: it stands as `producing`.
LOSSES: Final = Query(
    "losses",
    "What became of planned time: good time and every loss, adding up to the millisecond",
    "计划时间去向：有效时间与各项损失，精确到毫秒",
    f"""
    SELECT loss, l.reason AS reason, n.title AS reason_title, n.title_zh AS reason_title_zh,
           sum(ms) AS time_ms, sum(stops) AS stop_count, max(at) AS as_of
    FROM (SELECT machine, piece.1 AS loss, piece.2 AS reason, piece.3 AS ms, piece.4 AS stops, at
          FROM (SELECT machine, part_state, part_reason, max(until_at) AS at,
                       toFloat64(sum(part_time_ms)) AS whole,
                       toFloat64(sum(part_micro_ms)) AS micro,
                       sum(part_ideal_ms) AS ideal, sum(part_ideal_good_ms) AS good,
                       toInt64(sum(part_starts_count)) AS starts,
                       toInt64(sum(part_micro_count)) AS micros
                FROM ({CHOSEN} AND part_busy = 1) GROUP BY machine, part_state, part_reason)
          ARRAY JOIN [
            ('good', '', ifNotFinite(good, 0), toInt64(0)),
            ('quality', '', ifNotFinite(ideal - good, 0), toInt64(0)),
            (if(isFinite(ideal), 'speed', 'producing'), '',
             if(part_state = 1, whole, 0) - ifNotFinite(ideal, 0), toInt64(0)),
            ('micro', toString(part_reason), micro, micros),
            ({list(LOSS_OF_STATE)}[part_state + 1], toString(part_reason),
             if(part_state = 1, 0, whole - micro),
             if(part_state = 1, toInt64(0), starts - micros))] AS piece) AS l
    JOIN (SELECT machine, plant FROM machine FINAL) AS m ON m.machine = l.machine
    LEFT JOIN {REASONS} AS n ON n.plant = m.plant AND n.reason = l.reason
    GROUP BY loss, reason, reason_title, reason_title_zh
    HAVING time_ms != 0 OR stop_count != 0""",
    (
        Column("loss", "name", "good, quality, speed, micro, producing, or a state", "损失类别"),
        *REASON_COLUMNS,
        Column("time_ms", "f64", "Time; the rows add up to planned time", "时间", missing=True),
        Column("stop_count", "i64", "Stops", "次数"),
        AS_OF,
    ),
    "time_ms desc, loss, reason, reason_title",
    FILTERS,
    rows=400,
)  # fmt: skip

ENERGY: Final = Query(
    "energy",
    "Energy by state",
    "各状态能耗",
    f"""
    SELECT part_state AS state, sum(part_energy_kwh) AS energy_kwh,
           sum(part_time_ms) / 3600000 AS time_h, max(until_at) AS as_of
    FROM ({CHOSEN}) GROUP BY state""",
    (
        Column("state", "u8", "State", "状态"),
        Column("energy_kwh", "f64", "Energy", "能耗"),
        Column("time_h", "f64", "Time", "时间"),
        AS_OF,
    ),
    "energy_kwh desc, state",
    FILTERS,
)

# What the city asks of a digital workshop: more than half of the equipment digital, nine tenths of
# the data uploaded. Upload is the share of the planned time of digital equipment that is known.
DIGITAL: Final = Query(
    "digital",
    "Share of digital equipment, networking and upload, computed from what is connected",
    "数字化设备占比、联网率与数据上传率（按实际连接计算）",
    f"""
    SELECT plant, area, any(area_title) AS title, any(area_title_zh) AS title_zh,
           count() AS equipment_count, countIf(is_digital = 1) AS digital_count,
           countIf(is_digital = 1 AND heard > 0) AS networked_count,
           100 * digital_count / equipment_count AS digital_pct,
           100 * networked_count / nullIf(digital_count, 0) AS networked_pct,
           100 * sumIf(ifNull(told / nullIf(planned, 0), 0), is_digital = 1)
             / nullIf(countIf(is_digital = 1 AND (planned > 0 OR heard = 0)), 0) AS upload_pct,
           max(at) AS as_of
    FROM (SELECT m.plant AS plant, m.area AS area, m.area_title AS area_title,
                 m.area_title_zh AS area_title_zh, m.is_digital AS is_digital, r.heard AS heard,
                 p.planned AS planned, p.told AS told, p.at AS at
          FROM (SELECT machine, plant, area, area_title, area_title_zh, is_digital
                FROM machine FINAL WHERE machine IN ({MACHINES})) AS m
          LEFT JOIN (SELECT thing, count() AS heard FROM reading_latest FINAL
                     WHERE received_at > now() - toIntervalDay({{days:UInt16}})
                     GROUP BY thing) AS r ON r.thing = m.machine
          LEFT JOIN (SELECT machine, max(until_at) AS at,
                            sumIf(part_time_ms, part_busy = 1) AS planned,
                            sumIf(part_time_ms, part_busy = 1 AND part_state != 0) AS told
                     FROM machine_hour FINAL
                     ARRAY JOIN part_busy, part_state, part_time_ms
                     WHERE hour_at > now() - toIntervalDay({{days:UInt16}})
                     GROUP BY machine) AS p ON p.machine = m.machine)
    GROUP BY plant, area""",
    (
        Column("plant", "name", "Plant", "工厂"),
        Column("area", "name", "Area", "车间"),
        Column("title", "name", "Name of the area, English", "车间名称（英文）"),
        Column("title_zh", "name", "Name of the area", "车间名称"),
        Column("equipment_count", "u64", "Production equipment", "生产设备数"),
        Column("digital_count", "u64", "Of it digital: its data can be collected", "数字化设备数"),
        Column("networked_count", "u64", "Of that networked: it sent data", "联网设备数"),
        Column("digital_pct", "f64", "Share of digital equipment", "数字化设备占比"),
        Column("networked_pct", "f64", "Share of it that is networked", "设备联网率", missing=True),
        Column("upload_pct", "f64", "Share of planned time of which data came", "数据上传率",
               missing=True),
        AS_OF,
    ),
    "plant, area",
    (*PLACES, Argument("days", "UInt16", "Days back", "天数", 1, 1, 400)),
)  # fmt: skip

QUERIES: Final = (INDICATORS, HOURS, LOSSES, ENERGY, DIGITAL)
