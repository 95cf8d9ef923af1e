"""The tables that the battery room alone writes."""

from typing import Final

from millbrain.core.tables import Column, Table

_PACK = (
    Column("vin", "text", "Vehicle", "车辆"),
    Column("pack_no", "u8", "Pack, from 1", "电池包序号"),
)
_AS_OF = Column("as_of", "at_ms", "When this version was written", "版本时刻")
_IS_VOID = Column("is_void", "u8", "1 = it no longer holds: late reports told otherwise", "已作废")

BATTERY_DAY: Final = Table(
    "battery_day",
    "One pack on one day (Beijing time): how every cell stood to the others; a pack that changes"
    " its number of cells within a day has a row for each",
    "电池包单日汇总：各单体与整包的偏差",
    (
        *_PACK,
        Column("day", "day", "Day, Beijing time", "日期"),
        Column("cell_count", "u16", "Cells of the pack", "单体数"),
        Column("report_count", "u32", "Reports with cells", "有效上报数"),
        Column("first_at", "at_s", "Device time of the first of them", "首次设备时刻"),
        Column("last_at", "at_s", "Device time of the last of them", "最近设备时刻"),
        Column("spread_max_mv", "u16", "Largest spread between two cells", "最大单体压差"),
        Column("temp_max_degc", "i16", "Hottest probe", "最高温度", missing=True),
        Column("consistency_pct", "f32", "Consistency index, 100 = all alike", "一致性指数",
               missing=True),
        Column("alarm_level", "u8", "Highest alarm level of the vehicle itself", "最高报警等级"),
        Column("alarm_flags", "u32", "Alarm bits of the vehicle itself", "通用报警标志"),
        Column("deviation_mv", "f32", "Mean deviation of each cell, NaN = not seen",
               "各单体平均偏差", many=True),
        Column("rest_mv", "f32", "The same at rest", "各单体静置偏差", many=True),
        Column("excess_mohm", "f32", "Resistance of each cell above the herd's, NaN = not known",
               "各单体超额内阻", many=True),
        Column("head", "i64", "State: sums of the whole pack (calc.kernels)", "状态：整包累计",
               many=True),
        Column("cell_sums", "i32", "State: deviation sums by range of SOC, then at rest",
               "状态：单体偏差累计", many=True),
        Column("cell_loads", "i64", "State: deviation times current",
               "状态：偏差电流积", many=True),
        Column("cell_tallies", "u16", "State: tallies of lost, mirrored, lowest", "状态：计数",
               many=True),
        Column("cell_bounds", "u16", "State: lowest and highest voltage",
               "状态：上下界", many=True),
        Column("batch", "u64", "Newest commit that is part of it", "包含的最新提交批次"),
        _AS_OF,
    ),
    order_by=("vin", "pack_no", "day", "cell_count"),
    partition_by="toYYYYMM(day)",
    keep_days=4_000,  # a thousandth of the reports; recordings of years ago are days, too
    keep_by="day",
    newest_by="as_of",
)  # fmt: skip

BATTERY_CHARGE: Final = Table(
    "battery_charge",
    "One charge of one pack: what went in between two states of charge, and the capacity it tells",
    "单次充电：充入电量与推算容量",
    (
        *_PACK,
        Column("start_at", "at_s", "Device time of the first report of the charge", "开始时刻"),
        Column("end_at", "at_s", "Device time of the last one", "结束时刻"),
        Column("soc_start_pct", "u8", "State of charge at the start", "起始SOC"),
        Column("soc_end_pct", "u8", "State of charge at the end", "结束SOC"),
        Column("charge_ah", "f32", "Charge that went in", "充入电量"),
        Column("energy_kwh", "f32", "Energy that went in", "充入能量"),
        Column("current_mean_a", "f32", "Mean charging current, positive", "平均充电电流"),
        Column("current_max_a", "f32", "Largest charging current, positive", "最大充电电流"),
        Column("temp_start_degc", "i16", "Hottest probe at the start", "起始最高温度",
               missing=True),
        Column("temp_max_degc", "i16", "Hottest probe of the charge", "最高温度", missing=True),
        Column("capacity_ah", "f32", "Capacity that the charge tells, estimated", "推算容量",
               missing=True),
        Column("capacity_std_ah", "f32", "Its standard uncertainty", "容量标准不确定度",
               missing=True),
        Column("ic_peak_mv", "f32", "Cell voltage of the main incremental-capacity peak",
               "增量容量峰电压", missing=True),
        Column("ic_peak_ahpv", "f32", "Height of that peak, per cell volt", "增量容量峰值",
               missing=True),
        Column("report_count", "u32", "Reports it rests on", "上报数"),
        Column("gap_max_s", "u32", "Longest silence within it", "最长间隔"),
        _AS_OF,
        _IS_VOID,
    ),
    order_by=("vin", "pack_no", "start_at"),
    partition_by="toYYYYMM(start_at)",
    keep_days=4_000,
    keep_by="start_at",
    newest_by="as_of",
    void_by="is_void",
)  # fmt: skip

BATTERY_HEALTH: Final = Table(
    "battery_health",
    "State of health of a pack as known on a day, with its uncertainty and method",
    "电池包健康度（SOH）及不确定度",
    (
        *_PACK,
        Column("day", "day", "Day, Beijing time", "日期"),
        Column("method", "name", "How: `charge` (counted charge over SOC), `ic` (peak)", "方法"),
        Column("capacity_ah", "f32", "Capacity, estimated", "容量"),
        Column("capacity_std_ah", "f32", "Its standard uncertainty", "容量标准不确定度"),
        Column("reference_ah", "f32", "Capacity when new that it is compared with", "基准容量",
               missing=True),
        Column("reference", "name", "Where that comes from: rated, first (months)",
               "基准来源"),
        Column("soh_pct", "f32", "State of health, estimated", "健康度", missing=True),
        Column("soh_std_pct", "f32", "Its standard uncertainty", "健康度标准不确定度",
               missing=True),
        Column("charge_count", "u16", "Charges that it rests on", "充电次数"),
        _AS_OF,
        _IS_VOID,
    ),
    order_by=("vin", "pack_no", "method", "day"),
    partition_by="toYYYYMM(day)",
    keep_days=8_000,
    keep_by="day",
    newest_by="as_of",
    void_by="is_void",
)  # fmt: skip

EVENT_KINDS: Final = {
    "soc_jump": ("jump of the state of charge", "SOC跳变"),
    "dcdc_off": ("DC-DC off while driving", "行驶中DC-DC断开"),
    "hot_charge": ("charging current not reduced at temperature", "高温充电未降流"),
}
BATTERY_EVENT: Final = Table(
    "battery_event",
    "What a single vehicle's control did that it should not: seeds of a control-strategy defect",
    "控制策略异常事件",
    (
        Column("vin", "text", "Vehicle", "车辆"),
        Column("device_at", "at_s", "Instant by the device's clock", "设备时刻"),
        Column("kind", "name", "What: " + ", ".join(EVENT_KINDS), "类别"),
        Column("value", "f32", "How much: jump [%], seconds off, current [A]", "数值"),
        Column("soc_pct", "u8", "State of charge before", "荷电状态", missing=True),
        Column("temp_max_degc", "i16", "Hottest probe", "最高温度", missing=True),
        Column("current_a", "f32", "Current, discharge positive", "电流", missing=True),
        Column("speed_kmh", "f32", "Speed", "车速", missing=True),
        _AS_OF,
        _IS_VOID,
    ),
    order_by=("kind", "vin", "device_at"),
    partition_by="toYYYYMM(device_at)",
    keep_days=4_000,
    keep_by="device_at",
    newest_by="as_of",
    void_by="is_void",
)  # fmt: skip

FLEET_SUSPICION: Final = Table(
    "fleet_suspicion",
    "A group of vehicles whose rate of something is beyond what chance explains",
    "车队缺陷线索：某群组异常率超出随机范围",
    (
        Column("grouped_by", "name", "model, pack_code, software, production_month", "分组方式"),
        Column("group", "text", "The group", "群组"),
        Column("what", "name", "Alarm bit, finding kind or battery event counted", "统计对象"),
        Column("vehicles", "u32", "Vehicles of the group", "车辆数"),
        Column("cases", "u32", "Vehicles of it with at least one", "涉及车辆数"),
        Column("expected", "f32", "Cases that the other groups' rate would give", "期望数"),
        Column("limit_high", "f32", "Upper funnel limit of the cases", "漏斗上限"),
        Column("llr", "f32", "Log-likelihood ratio of the sequential test", "序贯检验统计量"),
        Column("llr_limit", "f32", "The limit it is compared with", "序贯检验界限"),
        Column("cause", "name", "design (clustered by group), strategy (same sequence before),"
               " open", "原因类型"),
        Column("pattern", "text", "The common sequence before the events, as JSON", "共同序列"),
        Column("first_at", "at_s", "Oldest case", "最早"),
        Column("last_at", "at_s", "Newest case", "最近"),
        Column("sentence", "text", "What it says, English", "说明（英文）"),
        Column("sentence_zh", "text", "What it says, Chinese", "说明（中文）"),
        Column("is_open", "u8", "0 = no longer beyond the limits", "未关闭"),
        _AS_OF,
    ),
    order_by=("grouped_by", "group", "what"),
    keep_by="as_of",
    newest_by="as_of",
)  # fmt: skip

BATTERY_PROGRESS: Final = Table(
    "battery_progress",
    "How far the battery app is: one row a task, of which the newest version holds",
    "电池分析进度",
    (
        Column("task", "name", "`stream`: days and findings; `charges`: charges, health, events;"
               " `fleet`: suspicions", "任务"),
        Column("batch", "u64", "Every row of the task has all commits up to this one",
               "已包含的最新提交批次"),
        Column("judged_at", "at_ms", "Versions of battery_day up to this one were judged; of"
               " `fleet`: when it was last looked at", "已评估至的版本时刻"),
        _AS_OF,
    ),
    order_by=("task",),
    newest_by="as_of",
)  # fmt: skip

TABLES: Final = (
    BATTERY_DAY, BATTERY_CHARGE, BATTERY_HEALTH, BATTERY_EVENT, FLEET_SUSPICION, BATTERY_PROGRESS,
)  # fmt: skip
