"""The page of the energy room and its questions."""

from typing import Final

from millbrain.analyse.energy.tables import ENERGY_DAY
from millbrain.core.pages import DAY, TEXT, Argument, Page, Query, Scope
from millbrain.core.tables import Column

_THING: Final = Argument("thing", TEXT, "The meter", "计量点", length_max=64)
_FACTOR: Final = Column("power_factor_pct", "f64", "Power factor of the sums", "功率因数",
                        missing=True)  # fmt: skip
_SUMS: Final = """
    sum(d.interval_count) AS interval_count, sum(d.energy_kwh) AS energy_kwh,
    max(d.peak_kw) AS peak_kw, argMax(d.peak_at, d.peak_kw) AS peak_at,
    sum(d.reactive_lagging_kvarh) AS reactive_lagging_kvarh,
    sum(d.reactive_leading_kvarh) AS reactive_leading_kvarh, sum(d.co2_t) AS co2_t,
    if(sum(d.energy_kwh) > 0, 100 * sum(d.energy_kwh)
       / sqrt(pow(sum(d.energy_kwh), 2) + pow(sum(d.reactive_lagging_kvarh), 2)), NULL)
       AS power_factor_pct, max(d.as_of) AS as_of"""
_FIGURES: Final = tuple(
    ENERGY_DAY.column(n)
    for n in ("interval_count", "energy_kwh", "peak_kw", "peak_at", "reactive_lagging_kvarh",
              "reactive_leading_kvarh", "co2_t")
)  # fmt: skip
_TAIL: Final = (_FACTOR, Column("as_of", "at_ms", "As of", "数据时刻"))

METERS: Final = Query(
    "meters",
    "Meters with their totals",
    "计量点及合计",
    f"""
    SELECT thing, min(d.day) AS first_day, max(d.day) AS last_day, {_SUMS}
    FROM (SELECT * FROM energy_day FINAL) AS d GROUP BY thing""",
    (
        ENERGY_DAY.column("thing"),
        Column("first_day", "day", "First day", "首日"),
        Column("last_day", "day", "Last day", "末日"),
        *_FIGURES,
        *_TAIL,
    ),
    "thing",
    (),
    Scope.WHOLE,
)

DAYS: Final = Query(
    "energy_days",
    "Days of a meter",
    "计量点逐日用能",
    f"""
    SELECT day, {_SUMS}
    FROM (SELECT * FROM energy_day FINAL WHERE thing = {{thing:String}}) AS d
    GROUP BY day""",
    (ENERGY_DAY.column("day"), *_FIGURES, *_TAIL),
    "day",
    (_THING,),
    Scope.WHOLE,
    rows=800,
)

MONTHS: Final = Query(
    "energy_months",
    "Months of a meter",
    "计量点逐月用能",
    f"""
    SELECT toStartOfMonth(day) AS month, {_SUMS}
    FROM (SELECT * FROM energy_day FINAL WHERE thing = {{thing:String}}) AS d
    GROUP BY month""",
    (Column("month", "day", "First day of the month", "月份"), *_FIGURES, *_TAIL),
    "month",
    (_THING,),
    Scope.WHOLE,
    rows=120,
)

LOADS: Final = Query(
    "energy_loads",
    "Energy of a meter by load type",
    "计量点按负荷类型用能",
    """
    SELECT d.pair.1 AS load_type, sum(d.pair.2) AS energy_kwh, max(d.written_at) AS as_of
    FROM (SELECT arrayJoin(arrayZip(load_type, load_kwh)) AS pair, as_of AS written_at
          FROM energy_day FINAL WHERE thing = {thing:String}) AS d
    GROUP BY load_type""",
    (
        Column("load_type", "name", "Load type", "负荷类型"),
        Column("energy_kwh", "f64", "Energy", "用电量"),
        Column("as_of", "at_ms", "As of", "数据时刻"),
    ),
    "energy_kwh desc",
    (_THING,),
    Scope.WHOLE,
)

CURVE: Final = Query(
    "load_curve",
    "Load curve of a meter from a day on",
    "负荷曲线",
    """
    WITH (SELECT toInt64(any(zone_offset_h) * 3600) FROM energy_day FINAL
          WHERE thing = {thing:String}) AS shift,
         toDateTime64({day:Date}, 3, 'UTC') - toIntervalSecond(shift) AS since
    SELECT device_at, any(value) * 4 AS power_kw
    FROM reading
    WHERE thing = {thing:String} AND signal = 'interval_energy_kwh' AND device_at > since
      AND device_at <= since + toIntervalDay({days:UInt16}) AND quality > 0
    GROUP BY device_at""",
    (
        Column("device_at", "at_ms", "End of the interval", "区间结束时刻"),
        Column("power_kw", "f64", "Mean power of the quarter-hour", "平均功率", missing=True),
    ),
    "device_at",
    (
        _THING,
        Argument("day", DAY, "First day", "起始日期"),
        Argument("days", "UInt16", "How many days", "天数", 7, 1, 20),
    ),
    Scope.WHOLE,
    rows=2_000,
)

PAGES: Final = (
    Page(
        path="/plant/energy",
        title="Energy",
        title_zh="能源",
        template="pages/energy.html",
        queries=(METERS, DAYS, MONTHS, LOADS, CURVE),
        within="/plant",
    ),
)
