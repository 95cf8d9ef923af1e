"""The tables that the effectiveness room alone writes."""

from typing import Final

from millbrain.core.plant.states import STATE_TITLES
from millbrain.core.tables import Column, Table

STATES: Final = {int(state): titles for state, titles in STATE_TITLES.items()}
_AS_OF: Final = Column("as_of", "at_ms", "When this version was written", "版本时刻")

_PARTS: Final = (
    Column("part_day", "u16", "Plant day of the part [days since 1970]", "所属生产日", many=True),
    Column("part_shift", "name", "Shift, empty outside of shifts", "班次", many=True),
    Column("part_busy", "u8", "1 = planned busy time", "计划忙碌时间", many=True),
    Column("part_job", "text", "Order and operation", "订单工序", many=True),
    Column("part_state", "u8", "State", "状态", many=True, codes=STATES),
    Column("part_reason", "name", "Reason of the stop, empty = none given", "停机原因", many=True),
    Column("part_time_ms", "u32", "Time", "时间", many=True),
    Column("part_starts_count", "u32", "Stops or runs that began", "开始次数", many=True),
    Column("part_micro_count", "u32", "Micro-stops that began", "短停次数", many=True),
    Column("part_micro_ms", "u32", "Time of micro-stops", "短停时间", many=True),
    Column("part_good", "f64", "Pieces good the first time", "一次合格数", many=True),
    Column("part_scrap", "f64", "Pieces scrapped", "报废数", many=True),
    Column("part_rework", "f64", "Pieces to rework", "返工数", many=True),
    Column("part_ideal_ms", "f64", "Time that the pieces take at nameplate, NaN = not known",
           "铭牌节拍折算时间", many=True),
    Column("part_ideal_good_ms", "f64", "The same of the good pieces", "合格品铭牌节拍折算时间",
           many=True),
    Column("part_energy_kwh", "f64", "Energy", "能耗", many=True),
)  # fmt: skip

MACHINE_HOUR: Final = Table(
    "machine_hour",
    "What a machine did in an hour: parts that only add up (by shift, order, state, reason), and"
    " its runs of states to the millisecond",
    "设备每小时：可累加的要素（按班次、订单、状态、原因）及毫秒级状态段",
    (
        Column("machine", "name", "Machine", "设备"),
        Column("hour_at", "at_ms", "Begin of the hour", "小时起点"),
        Column("until_at", "at_ms", "Up to where it is told; the end of the hour once that is over",
               "已计算至"),
        *_PARTS,
        Column("run_ms", "u32", "Begin of each run, from the begin of the hour", "状态段起点",
               many=True),
        Column("run_state", "u8", "State of the run", "状态段状态", many=True, codes=STATES),
        Column("run_reason", "name", "Its reason", "状态段原因", many=True),
        Column("run_job", "text", "Order and operation at its begin", "状态段订单工序", many=True),
        Column("run_begins", "u8", "1 = the state begins here, 0 = it goes on", "状态段起始标志",
               many=True),
        _AS_OF,
    ),
    order_by=("machine", "hour_at"),
    partition_by="toYYYYMM(hour_at)",
    keep_days=8_000,
    keep_by="hour_at",
    newest_by="as_of",
    granule_rows=1024,
)  # fmt: skip

MACHINE: Final = Table(
    "machine",
    "Machines with their places, as the plants and the register of things tell them",
    "设备台账（来自工厂模型与对象登记）",
    (
        Column("machine", "name", "Machine", "设备"),
        Column("title", "name", "Name, English", "名称（英文）"),
        Column("title_zh", "name", "Name, Chinese", "名称（中文）"),
        Column("plant", "name", "Plant, empty = no plant knows it", "工厂"),
        Column("area", "name", "Area", "车间"),
        Column("area_title", "name", "Name of the area, English", "车间名称（英文）"),
        Column("area_title_zh", "name", "Name of the area, Chinese", "车间名称（中文）"),
        Column("line", "name", "Line or machining zone", "生产线或加工区"),
        Column("line_title", "name", "Name of the line, English", "生产线名称（英文）"),
        Column("line_title_zh", "name", "Name of the line, Chinese", "生产线名称（中文）"),
        Column("equipment_class", "name", "Class of equipment", "设备类别"),
        Column("cycle_s", "f64", "Nameplate time of one piece", "铭牌节拍", missing=True),
        Column("is_output", "u8", "1 = its pieces are those of its line: the last stage",
               "计入产线产出"),
        Column("takt_s", "f64", "Time between two pieces of its line at nameplate of the"
               " slowest stage", "产线节拍（瓶颈工序铭牌）", missing=True),
        Column("place", "u32", "Place in the order of the plant", "排列序号"),
        Column("operator", "name", "Organisation it belongs to, empty = everybody's", "所属单位"),
        Column("is_digital", "u8", "1 = its data can be collected", "可采集数据"),
        Column("is_simulated", "u8", "1 = a simulated machine", "模拟设备"),
        Column("is_void", "u8", "1 = it is no longer there", "已作废"),
        _AS_OF,
    ),
    order_by=("machine",),
    newest_by="as_of",
    void_by="is_void",
)  # fmt: skip

MACHINE_NOW: Final = Table(
    "machine_now",
    "How machines stand, as of when their hour was told last; the newest version holds",
    "设备当前状态，以最新版本为准",
    (
        Column("machine", "name", "Machine", "设备"),
        Column("state", "u8", "State", "状态", codes=STATES),
        Column("reason", "name", "Its reason", "原因"),
        Column("job", "text", "Order and operation", "订单工序"),
        Column("since_at", "at_ms", "Since when it is in this state", "起始时刻"),
        Column("until_at", "at_ms", "Up to where it is told", "已计算至"),
        _AS_OF,
    ),
    order_by=("machine",),
    newest_by="as_of",
)

STOP_REASON: Final = Table(
    "stop_reason",
    "Reasons of stops and losses, as the plants name them",
    "停机与损失原因（来自工厂模型）",
    (
        Column("plant", "name", "Plant", "工厂"),
        Column("reason", "name", "Code that machines and people give", "原因代码"),
        Column("title", "name", "Name, English", "名称（英文）"),
        Column("title_zh", "name", "Name, Chinese", "名称（中文）"),
        Column("category", "name", "Category: planned, unplanned, setup, micro, quality", "类别"),
        Column("parent", "name", "Code of the reason above it, empty = none", "上级原因"),
        Column("is_void", "u8", "1 = the plant no longer has it", "已作废"),
        _AS_OF,
    ),
    order_by=("plant", "reason"),
    newest_by="as_of",
    void_by="is_void",
)  # fmt: skip

EFFECTIVENESS_PROGRESS: Final = Table(
    "effectiveness_progress",
    "How far the effectiveness app is: one row a task, of which the newest version holds",
    "设备效能分析进度",
    (
        Column("task", "name", "`stream`", "任务"),
        Column("batch", "u64", "Every hour has all commits up to this one", "已包含的最新提交批次"),
        _AS_OF,
    ),
    order_by=("task",),
    newest_by="as_of",
)  # fmt: skip

TABLES: Final = (MACHINE_HOUR, MACHINE, MACHINE_NOW, STOP_REASON, EFFECTIVENESS_PROGRESS)
