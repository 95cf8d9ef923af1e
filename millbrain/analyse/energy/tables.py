"""The table that the energy room alone writes."""

from typing import Final

from millbrain.core.tables import Column, Table

ENERGY_DAY: Final = Table(
    "energy_day",
    "One meter on one day of its own time zone: energy, peak demand, reactive energy, CO2",
    "计量点单日用能",
    (
        Column("thing", "name", "Meter", "计量点"),
        Column("day", "day", "Day of the meter's time zone", "日期"),
        Column("interval_count", "u32", "Intervals that were metered", "计量区间数"),
        Column("energy_kwh", "f64", "Energy", "用电量"),
        Column("peak_kw", "f64", "Highest mean power of an interval", "最大需量"),
        Column("peak_at", "at_ms", "End of that interval", "最大需量时刻"),
        Column("reactive_lagging_kvarh", "f64", "Reactive energy, lagging", "滞后无功电量"),
        Column("reactive_leading_kvarh", "f64", "Reactive energy, leading", "超前无功电量"),
        Column("co2_t", "f64", "Carbon dioxide that the meter tells", "二氧化碳排放"),
        Column("load_type", "name", "Load types of the day", "负荷类型", many=True),
        Column("load_kwh", "f64", "Energy of each of them", "各负荷类型用电量", many=True),
        Column("zone_offset_h", "f32", "Offset of the day from UTC", "时区偏移"),
        Column("batch", "u64", "Newest commit that is part of it", "包含的最新提交批次"),
        Column("as_of", "at_ms", "When this version was written", "版本时刻"),
    ),
    order_by=("thing", "day"),
    partition_by="toYYYYMM(day)",
    keep_days=8_000,
    keep_by="day",
    newest_by="as_of",
)  # fmt: skip
TABLES: Final = (ENERGY_DAY,)
