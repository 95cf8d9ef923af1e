"""The text by which the queries of the room read parts: which machines, which days, what is summed.

Sums are made by machine first, over the parts alone; places are joined to the few rows that are
left. Days are plant days; "today" begins at 08:00 Beijing time, the shift of the night before it
is yesterday's.
"""

from typing import Final

from millbrain.analyse.effectiveness.indicators import ELEMENTS, INDICATORS
from millbrain.analyse.effectiveness.tables import MACHINE_HOUR
from millbrain.core.pages import TEXT, Argument
from millbrain.core.tables import Column

LISTS: Final = tuple(c.name for c in MACHINE_HOUR.columns if c.name.startswith("part_"))
# Newest versions of hours, one row a part. A WHERE over machine and hour_at may follow.
PARTS: Final = (
    f"SELECT machine, hour_at, until_at, as_of, {', '.join(LISTS)} "
    f"FROM machine_hour FINAL ARRAY JOIN {', '.join(LISTS)}"
)
TODAY: Final = "toUInt16(toDate(now() - toIntervalHour(8), 'Asia/Shanghai'))"
_SINCE: Final = (
    f"if({{since:String}} = '', {TODAY} - {{days:UInt16}} + 1, "
    "toUInt16(toDateOrZero({since:String})))"
)
_UNTIL: Final = "if({until:String} = '', 65535, toUInt16(toDateOrZero({until:String})))"
# Machines of the caller's organisation that the filters leave.
MACHINES: Final = """
    SELECT machine FROM machine FINAL
    WHERE ({operator:String} = '' OR operator = {operator:String})
      AND ({machine:String} = '' OR machine = {machine:String})
      AND ({line:String} = '' OR line = {line:String})
      AND ({area:String} = '' OR area = {area:String})
      AND ({plant:String} = '' OR plant = {plant:String})"""
# One machine is found by the sorting key itself; a set of machines is not as quick.
MINE: Final = f"""({{machine:String}} = '' OR machine = {{machine:String}})
      AND machine IN ({MACHINES})"""


def order_of(job: str) -> str:
    """Return the text of the order of a job; its operation stands behind the last "/"."""
    return f"""if(position({job}, '/') = 0, {job},
                  substring({job}, 1, length({job}) - position(reverse({job}), '/')))"""


# Orders of the caller's organisation: what they make is theirs to know.
ORDERS: Final = """SELECT order_number, product, title, title_zh FROM production_order FINAL
                 WHERE ({operator:String} = '' OR operator = {operator:String})"""
UNKNOWN_PRODUCT: Final = "?"


def of_orders(job: str) -> str:
    """Return the condition that a job is of the orders, and of the product, that are asked for."""
    return f"""({{job:String}} = '' OR startsWith({job}, {{job:String}}))
      AND ({{product:String}} = '' OR {job} != '' AND ({{product:String}} != '{UNKNOWN_PRODUCT}')
           = ({order_of(job)} IN (SELECT order_number FROM ({ORDERS})
                          WHERE {{product:String}} IN (product, '{UNKNOWN_PRODUCT}'))))"""


CHOSEN: Final = f"""
    SELECT machine, hour_at, until_at, as_of, {", ".join(LISTS)}
    FROM machine_hour FINAL ARRAY JOIN {", ".join(LISTS)}
    WHERE {MINE}
      AND hour_at >= toDateTime(toDate({_SINCE}), 'Asia/Shanghai')
      AND hour_at < toDateTime(toDate(least({_UNTIL}, 49000)), 'Asia/Shanghai') + toIntervalDay(2)
      AND part_day BETWEEN {_SINCE} AND {_UNTIL}
      AND ({{shift:String}} = '' OR part_shift = {{shift:String}})
      AND {of_orders("part_job")}"""


def _text(name: str, meaning: str, meaning_zh: str) -> Argument:
    return Argument(name, TEXT, meaning, meaning_zh, "", length_max=64)


PLACES: Final = (
    _text("machine", "One machine only", "设备"),
    _text("line", "One line only", "生产线"),
    _text("area", "One area only", "车间"),
    _text("plant", "One plant only", "工厂"),
)
WORK: Final = (
    _text("job", "Orders that begin so", "订单（前缀）"),
    _text(
        "product",
        f"One product only; {UNKNOWN_PRODUCT} = of orders that nobody entered",
        f"产品；{UNKNOWN_PRODUCT} = 订单未录入",
    ),
)
SPAN: Final = (
    Argument("days", "UInt16", "Plant days back, today included", "天数（含今日）", 1, 1, 400),
    _text("since", "First plant day as 2026-11-22, instead of days", "起始生产日"),
    _text("until", "Last plant day as 2026-11-22", "结束生产日"),
    _text("shift", "One shift only", "班次"),
    *WORK,
)
FILTERS: Final = (*PLACES, *SPAN)

ELEMENT_COLUMNS: Final = tuple(
    Column(f"{e.key.lower()}_{e.unit}", "f64", e.title.capitalize(), e.title_zh, missing=True)
    for e in ELEMENTS
)
INDICATOR_COLUMNS: Final = tuple(
    Column(i.column, "f64", i.title, i.title_zh, missing=True) for i in INDICATORS
)
MEASURES: Final = tuple(c.name for c in MACHINE_HOUR.columns if c.name in (
    "part_time_ms", "part_starts_count", "part_micro_count", "part_micro_ms", "part_good",
    "part_scrap", "part_rework", "part_ideal_ms", "part_ideal_good_ms", "part_energy_kwh",
))  # fmt: skip
SUMS: Final = ",\n           ".join(f"{e.sql} AS {e.key}" for e in ELEMENTS)
# Where a nameplate is not known, the time at nameplate is NaN; from here on it is NULL.
SUMS_AGAIN: Final = ", ".join(
    f"if(isFinite(sum(s.{e.key})), sum(s.{e.key}), NULL) AS {e.key}"
    if "ideal" in e.of
    else f"sum(s.{e.key}) AS {e.key}"
    for e in ELEMENTS
)
RATIOS: Final = ",\n           ".join(f"{i.sql} AS {i.column}" for i in INDICATORS)
ELEMENTS_NAMED: Final = ", ".join(f"{e.key} AS {e.key.lower()}_{e.unit}" for e in ELEMENTS)
# Names of reasons by the plant of the machine; a code that no plant names stays a code.
REASONS: Final = "(SELECT plant, reason, title, title_zh FROM stop_reason FINAL)"
REASON_COLUMNS: Final = (
    Column("reason", "text", "Reason", "原因"),
    Column("reason_title", "text", "Name of the reason, English", "原因名称（英文）"),
    Column("reason_title_zh", "text", "Name of the reason", "原因名称"),
)
AS_OF: Final = Column("as_of", "at_ms", "As of", "数据时刻", missing=True)


def few(source: str, keys: str, named: str) -> str:
    """Return the text of sums of parts by keys, state and planned time, named as the parts are.

    Elements tell parts apart by state and planned time only, so that few rows are left for them.
    keys: names of key columns; named: their texts, also as selected columns.
    """
    sums = ", ".join(f"sum({m}) AS sum_{m}" for m in MEASURES)
    names = ", ".join(f"sum_{m} AS {m}" for m in MEASURES)
    return f"""SELECT {keys}, at, part_state, part_busy, {names}
                FROM (SELECT {named}, max(until_at) AS at, part_state, part_busy, {sums}
                      FROM ({source}) GROUP BY {keys}, part_state, part_busy)"""
