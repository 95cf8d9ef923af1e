"""The warehouse tables that several stages share: the facts that vehicles and links bring.

`device_at` is what the device's clock says, `received_at` is when the bytes reached us; they are
never merged. A report is known by (vin, device_at, blocks): a repeated frame, live or reissued, has
the same three and is stored once, while a second frame of the same second that carries other
blocks is a fact of its own.
"""

from collections.abc import Mapping
from typing import Final

from millbrain.core.findings import FINDING
from millbrain.core.plant.readings import READING, READING_LATEST
from millbrain.core.production.order_rows import PRODUCTION_ORDER
from millbrain.core.tables import Column, Table

# Bits of vehicle_report.blocks: which groups of columns the frame carried.
BLOCK_VEHICLE: Final = 0
BLOCK_MOTOR: Final = 1
BLOCK_FUEL_CELL: Final = 2
BLOCK_ENGINE: Final = 3
BLOCK_POSITION: Final = 4
BLOCK_EXTREMES: Final = 5
BLOCK_ALARM: Final = 6
BLOCK_CELLS: Final = 7
BLOCK_TEMPS: Final = 8
BLOCK_OTHER: Final = 9  # custom, stacks, super-capacitor, signature: kept raw in other_blocks
BLOCK_PARTIAL: Final = 10  # half of a pack whose other half never came

Codes = Mapping[int, tuple[str, str]]  # value -> (English, Chinese)

_ABNORMAL: Final = {254: ("abnormal", "异常"), 255: ("invalid", "无效")}
VEHICLE_STATES: Final = {1: ("on", "启动"), 2: ("off", "熄火"), 3: ("other", "其他")} | _ABNORMAL
CHARGE_STATES: Final = {
    1: ("parked charging", "停车充电"),
    2: ("charging while driving", "行驶充电"),
    3: ("not charging", "未充电"),
    4: ("charged", "充电完成"),
} | _ABNORMAL
POWER_MODES: Final = {
    1: ("electric", "纯电"),
    2: ("hybrid", "混动"),
    3: ("fuel", "燃油"),
} | _ABNORMAL
DCDC_STATES: Final = {1: ("working", "工作"), 2: ("disconnected", "断开")} | _ABNORMAL
ALARM_LEVELS: Final = {
    0: ("none", "无"),
    1: ("level 1", "1级"),
    2: ("level 2", "2级"),
    3: ("level 3", "3级"),
    4: ("level 4", "4级"),
    254: ("abnormal", "异常"),
    255: ("none sent", "未上报"),
}
GENERAL_ALARMS: Final = (  # bit of alarm_flags, from 0 (32960.3-2016 table 18; from 19 on: 2025)
    ("temperature difference", "温度差异报警"),
    ("battery over-temperature", "电池高温报警"),
    ("pack over-voltage", "车载储能装置类型过压报警"),
    ("pack under-voltage", "车载储能装置类型欠压报警"),
    ("low SOC", "SOC低报警"),
    ("cell over-voltage", "单体电池过压报警"),
    ("cell under-voltage", "单体电池欠压报警"),
    ("SOC too high", "SOC过高报警"),
    ("SOC jump", "SOC跳变报警"),
    ("storage system mismatch", "可充电储能系统不匹配报警"),
    ("poor cell consistency", "电池单体一致性差报警"),
    ("insulation", "绝缘报警"),
    ("DC-DC temperature", "DC-DC温度报警"),
    ("brake system", "制动系统报警"),
    ("DC-DC state", "DC-DC状态报警"),
    ("motor controller temperature", "驱动电机控制器温度报警"),
    ("high-voltage interlock", "高压互锁状态报警"),
    ("motor temperature", "驱动电机温度报警"),
    ("over-charge", "车载储能装置类型过充"),
    ("motor over-speed", "驱动电机超速报警"),
    ("motor over-current", "驱动电机过流报警"),
    ("super-capacitor over-temperature", "超级电容过温报警"),
    ("super-capacitor over-voltage", "超级电容过压报警"),
    ("battery thermal event", "可充电储能装置热事件报警"),
    ("hydrogen leak", "氢泄漏异常报警"),
    ("hydrogen pressure", "氢系统压力异常报警"),
    ("hydrogen temperature", "氢系统温度异常报警"),
    ("stack over-temperature", "燃料电池电堆超温报警"),
)
COORDINATE_SYSTEMS: Final = {1: ("WGS84", "WGS84"), 2: ("GCJ02", "GCJ02"), 3: ("other", "其他")}

_WHO = (
    Column("vin", "text", "Vehicle identification number, or the id the terminal sent",
           "车辆识别代号或终端上报的唯一标识", latest=True),
    Column("device_at", "at_s", "Instant by the device's clock", "设备时刻", latest=True),
    Column("received_at", "at_ms", "Instant the bytes arrived", "接收时刻", latest=True),
    Column("link", "name", "Platform account that sent it, or `direct`", "上报链路", latest=True),
)  # fmt: skip
_COMMIT = (
    Column("batch", "u64", "Commit that stored the row", "提交批次"),
    Column("frame_count", "u8", "Frames that made the row (2 for a split pack)", "帧数"),
)


def _vehicle(
    name: str, kind: str, en: str, zh: str, *, missing: bool = False, codes: Codes | None = None
) -> Column:
    return Column(name, kind, en, zh, missing=missing, codes=codes or {}, latest=True,
                  block=BLOCK_VEHICLE)  # fmt: skip


def _extreme(name: str, kind: str, en: str, zh: str) -> Column:
    return Column(name, kind, en, zh, missing=True, block=BLOCK_EXTREMES, latest=True)


def _fuel_cell(name: str, kind: str, en: str, zh: str) -> Column:
    return Column(name, kind, en, zh, missing=True, block=BLOCK_FUEL_CELL)


def _motor(name: str, en: str, zh: str) -> Column:
    return Column(name, "f32", f"{en}, one per motor, NaN = none", zh, many=True, block=BLOCK_MOTOR)


VEHICLE_REPORT: Final = Table(
    "vehicle_report",
    "One row per vehicle report (GB/T 32960 realtime and reissued data)",
    "车辆上报数据，每次上报一行",
    (
        *_WHO,
        *_COMMIT,
        Column("reissued", "u8", "1 = sent again after an outage (command 03)", "补发"),
        Column("edition", "u16", "Edition of GB/T 32960 the frame follows", "协议版本",
               latest=True),
        Column("blocks", "u32", "Bit mask of the groups of columns the frame carried",
               "信息体掩码"),
        Column("abnormal", "u64", "Bit mask of values marked abnormal (FE)", "异常标志掩码"),
        Column("invalid", "u64", "Bit mask of values marked invalid (FF)", "无效标志掩码"),
        Column("undecoded_bytes", "u16", "Trailing bytes no layout explains", "未解析字节数"),
        _vehicle("vehicle_state", "u8", "Vehicle state", "车辆状态", codes=VEHICLE_STATES),
        _vehicle("charge_state", "u8", "Charging state", "充电状态", codes=CHARGE_STATES),
        _vehicle("power_mode", "u8", "Power mode", "运行模式", codes=POWER_MODES),
        _vehicle("speed_kmh", "f32", "Speed", "车速", missing=True),
        _vehicle("odometer_km", "f32", "Odometer", "累计里程", missing=True),
        _vehicle("voltage_v", "f32", "Total voltage", "总电压", missing=True),
        _vehicle("current_a", "f32", "Total current, discharge positive", "总电流", missing=True),
        _vehicle("soc_pct", "u8", "State of charge", "荷电状态", missing=True),
        _vehicle("dcdc_state", "u8", "DC-DC state", "DC-DC状态", codes=DCDC_STATES),
        _vehicle("gear_code", "u8", "Gear byte as sent: bits 0-3 gear, 4 brake, 5 drive", "挡位"),
        _vehicle("insulation_kohm", "u16", "Insulation resistance", "绝缘电阻", missing=True),
        _vehicle("accelerator_pct", "u8", "Accelerator pedal (2016)", "加速踏板行程",
                 missing=True),
        _vehicle("brake_pct", "u8", "Brake pedal (2016), 101 = pressed", "制动踏板状态",
                 missing=True),
        Column("position_state", "u8", "Position byte: bit 0 invalid, 1 south, 2 west", "定位状态",
               block=BLOCK_POSITION, latest=True),
        Column("coordinate_system", "u8", "Coordinate system (2025)", "坐标系",
               codes=COORDINATE_SYSTEMS, block=BLOCK_POSITION),
        Column("longitude_deg", "f64", "Longitude, east positive", "经度", missing=True,
               block=BLOCK_POSITION, latest=True),
        Column("latitude_deg", "f64", "Latitude, north positive", "纬度", missing=True,
               block=BLOCK_POSITION, latest=True),
        _extreme("cell_max_mv", "u16", "Highest cell voltage", "最高单体电压"),
        _extreme("cell_max_no", "u16", "Number of that cell, from 1", "最高电压单体序号"),
        _extreme("cell_max_pack_no", "u8", "Pack of that cell", "最高电压子系统号"),
        _extreme("cell_min_mv", "u16", "Lowest cell voltage", "最低单体电压"),
        _extreme("cell_min_no", "u16", "Number of that cell, from 1", "最低电压单体序号"),
        _extreme("cell_min_pack_no", "u8", "Pack of that cell", "最低电压子系统号"),
        _extreme("temp_max_degc", "i16", "Highest probe temperature", "最高探针温度"),
        _extreme("temp_max_no", "u16", "Number of that probe, from 1", "最高温度探针序号"),
        _extreme("temp_max_pack_no", "u8", "Pack of that probe", "最高温度子系统号"),
        _extreme("temp_min_degc", "i16", "Lowest probe temperature", "最低探针温度"),
        _extreme("temp_min_no", "u16", "Number of that probe, from 1", "最低温度探针序号"),
        _extreme("temp_min_pack_no", "u8", "Pack of that probe", "最低温度子系统号"),
        Column("alarm_level", "u8", "Highest alarm level, 255 = none sent", "最高报警等级",
               codes=ALARM_LEVELS, block=BLOCK_ALARM, latest=True),
        Column("alarm_flags", "u32", "General alarm flags, one bit each", "通用报警标志",
               codes=dict(enumerate(GENERAL_ALARMS)), block=BLOCK_ALARM, latest=True),
        Column("alarm_codes", "u64", "Fault codes: list number << 32 | code (list 1 storage, 2"
               " motor, 3 engine, 4 other; 5 = flag number << 8 | level)", "故障代码", many=True,
               block=BLOCK_ALARM),
        Column("cells_mv", "u16", "Every cell, packs in order; 65534 abnormal, 65535 invalid",
               "单体电压", many=True, block=BLOCK_CELLS),
        Column("pack_cell_count", "u16", "Cells of each pack", "各包单体数", many=True,
               block=BLOCK_CELLS),
        Column("pack_no", "u8", "Number of each pack", "子系统号", many=True, block=BLOCK_CELLS),
        Column("pack_voltage_v", "f32", "Voltage of each pack, NaN = none", "子系统电压", many=True,
               block=BLOCK_CELLS),
        Column("pack_current_a", "f32", "Current of each pack, NaN = none", "子系统电流", many=True,
               block=BLOCK_CELLS),
        Column("temps_degc", "i16", "Every probe, packs in order; 214 abnormal, 215 invalid",
               "探针温度", many=True, block=BLOCK_TEMPS),
        Column("pack_temp_count", "u16", "Probes of each pack", "各包探针数", many=True,
               block=BLOCK_TEMPS),
        _motor("motor_no", "Number", "电机序号"),
        _motor("motor_state", "State: 1 drive, 2 generate, 3 off, 4 ready", "电机状态"),
        _motor("motor_controller_degc", "Controller temperature", "控制器温度"),
        _motor("motor_speed_rpm", "Speed", "电机转速"),
        _motor("motor_torque_nm", "Torque", "电机转矩"),
        _motor("motor_degc", "Motor temperature", "电机温度"),
        _motor("motor_voltage_v", "Controller input voltage (2016)", "控制器输入电压"),
        _motor("motor_current_a", "Controller DC bus current (2016)", "控制器直流母线电流"),
        Column("engine_state", "u8", "Engine state: 1 on, 2 off (2016)", "发动机状态", missing=True,
               block=BLOCK_ENGINE),
        Column("engine_speed_rpm", "u16", "Crankshaft speed", "曲轴转速", missing=True,
               block=BLOCK_ENGINE),
        Column("fuel_rate_lp100km", "f32", "Fuel consumption (2016)", "燃料消耗率", missing=True,
               block=BLOCK_ENGINE),
        _fuel_cell("fuel_cell_voltage_v", "f32", "Fuel cell voltage (2016)", "燃料电池电压"),
        _fuel_cell("fuel_cell_current_a", "f32", "Fuel cell current (2016)", "燃料电池电流"),
        _fuel_cell("hydrogen_rate_kgp100km", "f32", "Hydrogen consumption (2016)", "氢耗"),
        Column("fuel_cell_probes_degc", "i16", "Fuel cell probes (2016); 214 abnormal, 215 invalid",
               "燃料电池探针温度", many=True, block=BLOCK_FUEL_CELL),
        _fuel_cell("hydrogen_max_degc", "f32", "Highest hydrogen temperature", "氢最高温度"),
        _fuel_cell("hydrogen_probe_no", "u8", "Probe of that temperature", "氢最高温度探针"),
        _fuel_cell("hydrogen_max_mgpkg", "u16", "Highest hydrogen concentration (2016)",
                   "氢最高浓度"),
        _fuel_cell("hydrogen_max_pct", "f32", "Highest hydrogen concentration (2025)",
                   "氢最高浓度"),
        _fuel_cell("hydrogen_sensor_no", "u8", "Sensor of that concentration", "氢浓度传感器"),
        _fuel_cell("hydrogen_max_mpa", "f32", "Highest hydrogen pressure", "氢最高压力"),
        _fuel_cell("hydrogen_pressure_no", "u8", "Sensor of that pressure", "氢压力传感器"),
        _fuel_cell("fuel_cell_dcdc_state", "u8", "High-voltage DC/DC state", "高压DC/DC状态"),
        _fuel_cell("hydrogen_left_pct", "u8", "Remaining hydrogen (2025)", "剩余氢量"),
        _fuel_cell("fuel_cell_dcdc_degc", "i16", "DC/DC controller temperature (2025)",
                   "DC/DC温度"),
        Column("other_blocks", "blob", "Blocks without columns, raw: type, length, bytes",
               "其他信息体原始数据", block=BLOCK_OTHER),
    ),
    order_by=("vin", "device_at"),
    partition_by="toYYYYMMDD(received_at)",
    keep_days=400,
)  # fmt: skip

VEHICLE_LATEST: Final = Table(
    "vehicle_latest",
    "The newest known value of every signal of every vehicle, replaced whole every few seconds",
    "每辆车的最新状态",
    (
        *(c for c in VEHICLE_REPORT.columns if c.latest),
        Column("first_received_at", "at_ms", "First report since the vehicle is known",
               "首次接收时刻"),
        Column("report_count", "u64", "Reports stored of it", "上报次数"),
        Column("charge_start_at", "at_s", "Start of the newest charge", "最近充电开始时刻",
               missing=True),
        Column("charge_start_soc_pct", "u8", "State of charge at that start", "充电起始SOC",
               missing=True),
        Column("plate", "text", "Registration plate", "车牌号"),
        Column("model", "name", "Vehicle model", "车型"),
        Column("operator", "name", "Organisation that operates it, also the scope of accounts",
               "运营单位"),
        Column("simulated", "u8", "1 = a simulated vehicle", "仿真车辆"),
        Column("event", "name", "Newest session event: login, logout, or empty", "最近会话事件"),
        Column("event_at", "at_ms", "When that was received", "会话事件时刻", missing=True),
        Column("region_code", "name", "Region nearest to the position, estimated",
               "所在区县（估算）"),
        Column("as_of", "at_ms", "When this picture was taken", "快照时刻"),
        Column("batch", "u64", "Newest commit that is part of this picture",
               "快照包含的最新提交批次"),
        Column("device_at_max", "at_s", "Newest device time stored of it, right or wrong",
               "已存最新设备时刻"),
        Column("event_device_at_max", "at_s", "Newest device time among its session events",
               "会话事件最新设备时刻"),
    ),
    order_by=("vin",),
)  # fmt: skip

LINK_EVENT: Final = Table(
    "link_event",
    "Logins, logouts, heartbeats, time requests, activations, answers to commands",
    "会话事件：登入、登出、心跳、校时、激活、命令应答",
    (
        *_WHO[:1],
        Column("device_at", "at_s", "Instant by the device's clock", "设备时刻", missing=True),
        *_WHO[2:],
        *_COMMIT,
        Column("edition", "u16", "Edition of GB/T 32960 the frame follows", "协议版本"),
        Column("command", "u8", "Command byte", "命令标识"),
        Column("event", "name", "What it was", "事件"),
        Column("flag", "u8", "Response flag of the frame", "应答标志"),
        Column("answer", "u8", "Answer we gave: 1 ok, 2 error, ... 0 none", "我方应答"),
        Column("serial", "u16", "Login serial number", "登入流水号", missing=True),
        Column("detail", "text", "The decoded data unit as JSON", "数据单元（JSON）"),
    ),
    order_by=("vin", "received_at"),
    partition_by="toYYYYMMDD(received_at)",
    keep_days=400,
)  # fmt: skip

# reason -> (meaning, Chinese). A reason that begins with `note_` marks bytes of a stored frame.
DEAD_LETTER_REASONS: Final = {
    "garbage": ("bytes between frames that begin no frame", "帧间无效字节"),
    "checksum": ("the check byte does not agree with the bytes", "校验码错误"),
    "truncated": ("the bytes end before the declared length", "报文被截断"),
    "oversized": ("the declared length is more than the protocol allows", "报文超长"),
    "bad_time": ("the six time bytes name no instant", "时间字段无效"),
    "unknown_command": ("the command byte is not in the edition", "未知命令标识"),
    "unknown_block": ("the first block is of no known type, nothing was decoded", "未知信息类型"),
    "structure": ("a count or length leads past the end of the data unit", "数据结构错误"),
    "encrypted": ("encrypted, and no key is registered for the sender", "已加密且未登记密钥"),
    "decryption": ("encrypted, and the registered key does not open it", "解密失败"),
    "signature": ("the signature does not agree with the registered key", "签名验证失败"),
    "wrong_type": ("the id belongs to a thing of another protocol", "对象类型不符"),
    "not_logged_in": ("a platform link sent data before it had logged in", "平台未登入"),
    "bad_id": ("the id is empty or not printable text", "标识无效"),
    "clock": ("the device's clock names an impossible instant", "设备时钟异常"),
    "note_unknown_block": (
        "good blocks were stored, the rest is of no known type",
        "部分信息体未知",
    ),
}

DEAD_LETTER: Final = Table(
    "dead_letter",
    "Bytes that could not become a fact, kept raw with the reason",
    "无法解析的原始数据及原因",
    (
        Column("received_at", "at_ms", "Instant the bytes arrived", "接收时刻"),
        Column("link", "name", "Link that sent them", "上报链路"),
        Column("batch", "u64", "Commit that stored the row", "提交批次"),
        Column("reason", "name", "Why, one stable word", "原因"),
        Column("detail", "text", "Where, what was found, what was allowed", "说明"),
        Column("frame_count", "u8", "1 = counts as a rejected frame, 0 = a note on a stored one",
               "计入拒收帧数"),
        Column("raw", "blob", "The bytes", "原始字节"),
    ),
    order_by=("reason", "received_at"),
    partition_by="toYYYYMMDD(received_at)",
    keep_days=90,
)  # fmt: skip

INTAKE: Final = Table(
    "intake",
    "Intake ledger: what each commit took in, per link; received = stored + duplicate + rejected",
    "接入台账：接收 = 入库 + 重复 + 拒收",
    (
        Column("batch", "u64", "Commit", "提交批次"),
        Column("day", "day", "Day of arrival, Beijing time", "日期"),
        Column("link", "name", "Link", "链路"),
        Column("received", "u64", "Frames taken off the wire", "接收帧数"),
        Column("stored", "u64", "Frames whose facts are in the warehouse", "入库帧数"),
        Column("duplicate", "u64", "Frames that were there already", "重复帧数"),
        Column("rejected", "u64", "Frames in dead letters", "拒收帧数"),
        Column("first_received_at", "at_ms", "Arrival of the oldest frame", "最早接收时刻"),
        Column("committed_at", "at_ms", "When the commit was on disk", "落盘时刻"),
    ),
    order_by=("day", "link", "batch"),
    partition_by="toYYYYMM(day)",
    keep_days=400,
    keep_by="day",
)  # fmt: skip

RAW_FRAME: Final = Table(
    "raw_frame",
    "Raw frames as they arrived, as many a second as the settings allow",
    "原始报文",
    (
        *_WHO,
        Column("batch", "u64", "Commit that stored the row", "提交批次"),
        Column("frame", "blob", "The frame, start bytes to check byte", "报文"),
    ),
    order_by=("vin", "device_at"),
    partition_by="toYYYYMMDD(received_at)",
    keep_days=3,
)

SHARED_TABLES: Final = (
    VEHICLE_REPORT, VEHICLE_LATEST, LINK_EVENT, DEAD_LETTER, INTAKE, RAW_FRAME, FINDING,
    READING, READING_LATEST, PRODUCTION_ORDER,
)  # fmt: skip
