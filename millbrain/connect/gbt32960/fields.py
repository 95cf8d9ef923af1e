"""The declared field tables of GB/T 32960.3, editions 2016 and 2025.

The ids of the two editions collide (07 is alarms in 2016 and cell voltages in 2025), so every
look-up goes by (edition, type). Clauses name the table of the standard that a block follows.
Everything that reads or writes a frame walks these declarations; nothing else knows an offset.
"""

from typing import Final

from millbrain.core import facts
from millbrain.core.wire import Block, Field, Group, Many, Part

EDITION_2016: Final = 2016
EDITION_2025: Final = 2025
START_BYTES: Final = {b"##": EDITION_2016, b"$$": EDITION_2025}

COMMANDS: Final = {
    0x01: ("vehicle_login", "车辆登入"),
    0x02: ("realtime", "实时信息上报"),
    0x03: ("reissue", "补发信息上报"),
    0x04: ("vehicle_logout", "车辆登出"),
    0x05: ("platform_login", "平台登入"),
    0x06: ("platform_logout", "平台登出"),
    0x07: ("heartbeat", "心跳"),
    0x08: ("time_sync", "终端校时"),
    0x09: ("activation", "终端激活"),
    0x0A: ("activation_answer", "激活应答"),
    0x0B: ("key_exchange", "数据单元加密密钥交换"),
    0x80: ("query", "查询命令"),
    0x81: ("set", "设置命令"),
    0x82: ("control", "车载终端控制命令"),
}
FLAGS: Final = {
    0x01: ("ok", "成功"),
    0x02: ("error", "错误"),
    0x03: ("vin_duplicate", "VIN重复"),
    0x04: ("vin_unknown", "VIN不存在"),
    0x05: ("signature_error", "验签错误"),
    0x06: ("structure_error", "结构错误"),
    0x07: ("decryption_error", "解密错误"),
    0xFE: ("command", "命令"),
}
FLAG_COMMAND: Final = 0xFE
ENCRYPTIONS: Final = {
    0x01: ("none", "不加密"),
    0x02: ("RSA", "RSA"),
    0x03: ("AES", "AES"),
    0x04: ("SM2", "SM2"),
    0x05: ("SM4", "SM4"),
    0xFE: ("abnormal", "异常"),
    0xFF: ("invalid", "无效"),
}
GENERAL_ALARMS: Final = facts.GENERAL_ALARMS
SIGNATURE_TYPE: Final = 0xFF
SIGNATURES: Final = {1: "SM2", 2: "RSA", 3: "ECC"}
CUSTOM_TYPES: Final = {  # blocks that carry their own length, skipped and kept raw
    EDITION_2016: frozenset(range(0x80, 0xFF)),
    EDITION_2025: frozenset((*range(0x09, 0x30), *range(0x80, 0xFF))),
}
_MOTOR_STATES: Final = {
    1: ("driving", "耗电"),
    2: ("generating", "发电"),
    3: ("off", "关闭"),
    4: ("ready", "准备"),
    254: ("abnormal", "异常"),
    255: ("invalid", "无效"),
}
_ON_OFF: Final = {
    1: ("on", "启动"),
    2: ("off", "关闭"),
    254: ("abnormal", "异常"),
    255: ("invalid", "无效"),
}

# Vehicle ----------------------------------------------------------------------------------------


def _state(key: str, title: str, title_zh: str, codes: dict[int, tuple[str, str]]) -> Field:
    column = {"status": "vehicle_state", "charge": "charge_state", "mode": "power_mode",
              "dcdc": "dcdc_state"}[key]  # fmt: skip
    return Field(key, "B", title, title_zh, view="code", codes=codes, column=column)


def _vehicle(speed_high: int, voltage_high: int, current_shift: int) -> tuple[Field, ...]:
    return (
        _state("status", "vehicle state", "车辆状态", facts.VEHICLE_STATES),
        _state("charge", "charging state", "充电状态", facts.CHARGE_STATES),
        _state("mode", "power mode", "运行模式", facts.POWER_MODES),
        Field("speed_kmh", "W", "speed", "车速", per=10, high=speed_high, unit="kmh",
              column="speed_kmh"),
        Field("odo_km", "D", "odometer", "累计里程", per=10, high=9_999_999, unit="km",
              column="odometer_km"),
        Field("v", "W", "total voltage", "总电压", per=10, high=voltage_high, unit="v",
              column="voltage_v"),
        Field("a", "W", "total current", "总电流", per=10, shift=current_shift,
              high=-current_shift * 20, unit="a", column="current_a"),
        Field("soc", "B", "state of charge", "SOC", high=100, unit="pct", column="soc_pct"),
        _state("dcdc", "DC-DC state", "DC-DC状态", facts.DCDC_STATES),
        Field("gear", "B", "gear", "挡位", view="gear", marks=False, column="gear_code"),
        Field("insul_kohm", "W", "insulation resistance", "绝缘电阻", high=60_000, unit="kohm",
              column="insulation_kohm"),
    )  # fmt: skip


_PEDALS: Final = (
    Field("accel", "B", "accelerator pedal", "加速踏板行程值", high=100, unit="pct",
          column="accelerator_pct"),
    Field("brake", "B", "brake pedal (101 = pressed, stroke unknown)", "制动踏板状态", high=101,
          unit="pct", column="brake_pct"),
)  # fmt: skip

# Motors -----------------------------------------------------------------------------------------


def _motor(rpm_shift: int, torque: Field, electric: tuple[Field, ...]) -> tuple[Many, ...]:
    return (
        Many("motors", "drive motors", "驱动电机",
             Field("count", "B", "number of motors", "驱动电机个数", low=1, high=253, marks=False),
             (
                 Field("no", "B", "motor number", "驱动电机序号", low=1, high=253, marks=False,
                       column="motor_no"),
                 Field("state", "B", "motor state", "驱动电机状态", view="code",
                       codes=_MOTOR_STATES, column="motor_state"),
                 Field("ctrl_c", "B", "controller temperature", "控制器温度", shift=-40, high=250,
                       unit="degc", column="motor_controller_degc"),
                 Field("rpm", "W", "speed", "转速", shift=rpm_shift, high=65_531, unit="rpm",
                       column="motor_speed_rpm"),
                 torque,
                 Field("motor_c", "B", "motor temperature", "电机温度", shift=-40, high=250,
                       unit="degc", column="motor_degc"),
                 *electric,
             )),
    )  # fmt: skip


_TORQUE_2016: Final = Field("nm", "W", "torque", "转矩", per=10, shift=-2000, high=65_531,
                            unit="nm", column="motor_torque_nm")  # fmt: skip
_TORQUE_2025: Final = Field("nm", "D", "torque", "转矩", per=10, shift=-20_000, high=400_000,
                            unit="nm", column="motor_torque_nm")  # fmt: skip
_MOTOR_ELECTRIC: Final = (
    Field("v", "W", "controller input voltage", "控制器输入电压", per=10, high=60_000, unit="v",
          column="motor_voltage_v"),
    Field("a", "W", "controller DC bus current", "控制器直流母线电流", per=10, shift=-1000,
          high=20_000, unit="a", column="motor_current_a"),
)  # fmt: skip

# Fuel cell, engine, position --------------------------------------------------------------------


def _hydrogen(temperature: Field, concentration: Field) -> tuple[Field, ...]:
    return (
        temperature,
        Field("h_tp", "B", "probe of that temperature", "氢最高温度探针代号", low=1, high=252,
              column="hydrogen_probe_no"),
        concentration,
        Field("h_cs", "B", "sensor of that concentration", "氢最高浓度传感器代号", low=1, high=252,
              column="hydrogen_sensor_no"),
        Field("h_mpa", "W", "highest hydrogen pressure", "氢最高压力", per=10, high=1000,
              unit="mpa", column="hydrogen_max_mpa"),
        Field("h_ps", "B", "sensor of that pressure", "氢最高压力传感器代号", low=1, high=252,
              column="hydrogen_pressure_no"),
        Field("dcdc", "B", "high-voltage DC/DC state", "高压DC/DC状态", view="code",
              codes=facts.DCDC_STATES, column="fuel_cell_dcdc_state"),
    )  # fmt: skip


_FUEL_CELL_2016: Final[tuple[Part, ...]] = (
    Field("v", "W", "fuel cell voltage", "燃料电池电压", per=10, high=20_000, unit="v",
          column="fuel_cell_voltage_v"),
    Field("a", "W", "fuel cell current", "燃料电池电流", per=10, high=20_000, unit="a",
          column="fuel_cell_current_a"),
    Field("kg100", "W", "hydrogen consumption", "燃料消耗率", per=100, high=60_000,
          unit="kgp100km", column="hydrogen_rate_kgp100km"),
    Many("probes", "fuel cell probes", "燃料电池温度探针",
         Field("count", "W", "number of probes", "温度探针总数", high=65_531),
         Field("probe", "B", "probe temperature", "探针温度值", shift=-40, high=240, unit="degc",
               column="fuel_cell_probes_degc"), absent=True),
    *_hydrogen(
        Field("h_max_c", "W", "highest hydrogen temperature", "氢系统最高温度", per=10, shift=-40,
              high=2400, unit="degc", column="hydrogen_max_degc"),
        Field("h_conc", "W", "highest hydrogen concentration", "氢气最高浓度", high=60_000,
              unit="mgpkg", column="hydrogen_max_mgpkg")),
)  # fmt: skip
_FUEL_CELL_2025: Final = (
    *_hydrogen(
        Field("h_max_c", "W", "highest hydrogen temperature", "氢系统最高温度", shift=-40,
              high=240, unit="degc", column="hydrogen_max_degc"),
        Field("h_conc_pct", "W", "highest hydrogen concentration", "氢气最高浓度", per=10_000,
              high=60_000, unit="pct", column="hydrogen_max_pct")),
    Field("h2_pct", "B", "remaining hydrogen", "剩余氢量百分比", high=100, unit="pct",
          column="hydrogen_left_pct"),
    Field("dcdc_c", "B", "DC/DC controller temperature", "高压DC/DC控制器温度", shift=-40,
          high=250, unit="degc", column="fuel_cell_dcdc_degc"),
)  # fmt: skip
_RPM: Final = Field("rpm", "W", "crankshaft speed", "曲轴转速", high=60_000, unit="rpm",
                    column="engine_speed_rpm")  # fmt: skip
_ENGINE_2016: Final = (
    Field("state", "B", "engine state", "发动机状态", view="code", codes=_ON_OFF,
          column="engine_state"),
    _RPM,
    Field("l100", "W", "fuel consumption", "燃料消耗率", per=100, high=60_000, unit="lp100km",
          column="fuel_rate_lp100km"),
)  # fmt: skip
_POSITION_STATE: Final = Field("state", "B", "position state", "定位状态", view="code", marks=False,
                               high=7, column="position_state")  # fmt: skip
_LON_LAT: Final = (
    Field("lon", "D", "longitude", "经度", per=1_000_000, high=180_000_000, unit="deg",
          column="longitude_deg"),
    Field("lat", "D", "latitude", "纬度", per=1_000_000, high=90_000_000, unit="deg",
          column="latitude_deg"),
)  # fmt: skip
_SYSTEM: Final = Field("sys", "B", "coordinate system", "坐标系", view="code", low=1, high=3,
                       codes=facts.COORDINATE_SYSTEMS, column="coordinate_system")  # fmt: skip

# Extremes, alarms -------------------------------------------------------------------------------


def _extreme(key: str, title: str, title_zh: str, stem: str, number: str, value: Field) -> Group:
    high = {"B": 250, "W": 65_531}[number]
    columns = (f"{stem}_pack_no", f"{stem}_no") if value.column else ("", "")
    return Group(key, title, title_zh, (
        Field("pack", "B", "pack", "子系统号", low=1, high=250, column=columns[0]),
        Field("no", number, "number", "代号", low=1, high=high, column=columns[1]),
        value,
    ))  # fmt: skip


def _extremes(number: str, *, columns: bool) -> tuple[Group, ...]:
    def volt(name: str) -> Field:
        return Field("value", "W", "voltage", "电压值", per=1000, high=15_000, unit="v",
                     column=name if columns else "", column_per=1)  # fmt: skip

    def degree(name: str) -> Field:
        return Field("value", "B", "temperature", "温度值", shift=-40, high=250, unit="degc",
                     column=name if columns else "")  # fmt: skip

    return (
        _extreme("vmax", "highest cell voltage", "电池单体电压最高值", "cell_max", number,
                 volt("cell_max_mv")),
        _extreme("vmin", "lowest cell voltage", "电池单体电压最低值", "cell_min", number,
                 volt("cell_min_mv")),
        _extreme("tmax", "highest temperature", "最高温度值", "temp_max", number,
                 degree("temp_max_degc")),
        _extreme("tmin", "lowest temperature", "最低温度值", "temp_min", number,
                 degree("temp_min_degc")),
    )  # fmt: skip


def _codes(key: str, title: str, title_zh: str) -> Many:
    return Many(key, f"{title} fault codes", f"{title_zh}故障代码列表",
                Field("count", "B", f"number of {title} faults", f"{title_zh}故障总数", high=252),
                Field("code", "D", "fault code", "故障代码", view="hex", marks=False,
                      column="alarm_codes"), absent=True)  # fmt: skip


def _alarms(level_high: int) -> tuple[Field | Many, ...]:
    return (
        Field("level", "B", "highest alarm level", "最高报警等级", high=level_high,
              column="alarm_level"),
        Field("flags", "D", "general alarm flags", "通用报警标志", view="bits", marks=False,
              column="alarm_flags"),
        _codes("ess", "storage", "可充电储能装置"),
        _codes("motor", "motor", "驱动电机"),
        _codes("engine", "engine", "发动机"),
        _codes("other", "other", "其他"),
    )  # fmt: skip


_GENERAL_LEVELS: Final = Many(
    "general_levels", "levels of general alarms", "通用报警故障等级列表",
    Field("count", "B", "number of general alarms", "通用报警故障总数", high=252),
    (Group("", "general alarm", "通用报警", (
        Field("flag", "B", "flag number", "通用报警标志位", high=27, marks=False),
        Field("level", "B", "level", "故障等级", high=4, marks=False),
    )),), absent=True,
)  # fmt: skip
_ALARMS_2025: Final[tuple[Part, ...]] = (*_alarms(4), _GENERAL_LEVELS)

# Packs ------------------------------------------------------------------------------------------
CELL: Final = Field("cell", "W", "cell voltage", "单体电压", per=1000, high=60_000, unit="v",
                     column="cells_mv", column_per=1)  # fmt: skip
PROBE: Final = Field("probe", "B", "probe temperature", "探针温度值", shift=-40, high=250,
                      unit="degc", column="temps_degc")  # fmt: skip
_PROBES: Final = Many(
    "temps_c", "probes", "温度探针", Field("count", "W", "number of probes", "温度探针个数",
                                       low=1, high=65_531, marks=False),
    PROBE, count_column="pack_temp_count",
)  # fmt: skip


def _pack_no(column: str) -> Field:
    return Field("sub", "B", "pack number", "子系统号", low=1, high=250, marks=False, column=column)


def _pack_head(current_shift: int) -> tuple[Field, ...]:
    return (
        _pack_no("pack_no"),
        Field("v", "W", "pack voltage", "储能装置电压", per=10, high=60_000, unit="v",
              column="pack_voltage_v"),
        Field("a", "W", "pack current", "储能装置电流", per=10, shift=current_shift,
              high=-current_shift * 20, unit="a", column="pack_current_a"),
    )  # fmt: skip


def _packs(key: str, title: str, title_zh: str, item: tuple[Field | Many, ...]) -> tuple[Many]:
    count = Field("count", "B", "number of packs", "子系统个数", low=1, high=250, marks=False)
    return (Many(key, title, title_zh, count, item),)


_CELLS_2016: Final = _packs("packs", "cell voltages by pack", "各子系统单体电压", (
    *_pack_head(-1000),
    Field("cells_total", "W", "cells of the pack", "单体电池总数", low=1, high=65_531,
          marks=False),
    Field("start", "W", "number of the first cell in this frame", "本帧起始电池序号", low=1,
          high=65_531, marks=False),
    Many("cells_v", "cell voltages", "单体电压",
         Field("n", "B", "cells in this frame", "本帧单体电池总数", low=1, high=200, marks=False),
         CELL, count_key="n", count_column="pack_cell_count"),
))  # fmt: skip
_CELLS_2025: Final = _packs("packs", "cell voltages by pack", "各动力蓄电池包最小并联单元电压", (
    *_pack_head(-3000),
    Many("cells_v", "cell voltages", "最小并联单元电压",
         Field("cells_total", "W", "cells of the pack", "最小并联单元总数", low=1, high=65_531,
               marks=False),
         CELL, count_key="cells_total", count_column="pack_cell_count"),
))  # fmt: skip
_TEMPS: Final = _packs("packs", "temperatures by pack", "各子系统温度", (_pack_no(""), _PROBES))
_STACKS: Final = (
    Many("stacks", "fuel cell stacks", "燃料电池电堆",
         Field("count", "B", "number of stacks", "电堆个数", low=1, high=250, marks=False),
         (
             Field("no", "B", "stack number", "电堆序号", low=1, high=250, marks=False),
             Field("v", "W", "stack voltage", "电堆电压", per=10, high=20_000, unit="v"),
             Field("a", "W", "stack current", "电堆电流", per=10, high=20_000, unit="a"),
             Field("h2_kpa", "W", "hydrogen inlet pressure", "氢气入口压力", per=10, shift=-100,
                   high=60_000, unit="kpa"),
             Field("air_kpa", "W", "air inlet pressure", "空气入口压力", per=10, shift=-100,
                   high=60_000, unit="kpa"),
             Field("air_c", "B", "air inlet temperature", "空气入口温度", shift=-40, high=250,
                   unit="degc"),
             Many("water_c", "coolant outlet probes", "冷却水出水口温度探针",
                  Field("count", "W", "number of probes", "探针总数", high=65_531, marks=False),
                  Field("probe", "B", "probe temperature", "探针温度值", shift=-40, high=250,
                        unit="degc")),
         )),
)  # fmt: skip
_SUPER_CAPACITOR: Final = (
    Field("no", "B", "system number", "管理系统号", low=1, high=250, marks=False),
    Field("v", "W", "total voltage", "总电压", per=10, high=60_000, unit="v"),
    Field("a", "W", "total current", "总电流", per=10, shift=-3000, high=60_000, unit="a"),
    Many("cells_v", "cell voltages", "单体电压",
         Field("count", "W", "number of cells", "单体总数", low=1, high=65_531, marks=False),
         Field("cell", "W", "cell voltage", "单体电压", per=1000, high=60_000, unit="v")),
    Many("temps_c", "probes", "温度探针",
         Field("count", "W", "number of probes", "温度探针总数", high=65_531, marks=False),
         Field("probe", "B", "probe temperature", "探针温度值", shift=-40, high=250, unit="degc")),
)  # fmt: skip

# The blocks -------------------------------------------------------------------------------------
_2016: Final = EDITION_2016
_2025: Final = EDITION_2025
_ALL: Final = (
    Block(_2016, 0x01, "vehicle", "整车数据", "32960.3-2016 table 9",
          (*_vehicle(2200, 10_000, -1000), *_PEDALS), facts.BLOCK_VEHICLE),
    Block(_2016, 0x02, "drive motors", "驱动电机数据", "32960.3-2016 tables 10, 11",
          _motor(-20_000, _TORQUE_2016, _MOTOR_ELECTRIC), facts.BLOCK_MOTOR, rows=True),
    Block(_2016, 0x03, "fuel cell", "燃料电池数据", "32960.3-2016 table 12", _FUEL_CELL_2016,
          facts.BLOCK_FUEL_CELL),
    Block(_2016, 0x04, "engine", "发动机数据", "32960.3-2016 table 13", _ENGINE_2016,
          facts.BLOCK_ENGINE),
    Block(_2016, 0x05, "position", "车辆位置数据", "32960.3-2016 tables 14, 15",
          (_POSITION_STATE, *_LON_LAT), facts.BLOCK_POSITION, position=True),
    Block(_2016, 0x06, "extremes", "极值数据", "32960.3-2016 table 16",
          _extremes("B", columns=True), facts.BLOCK_EXTREMES),
    Block(_2016, 0x07, "alarms", "报警数据", "32960.3-2016 tables 17, 18", _alarms(3),
          facts.BLOCK_ALARM),
    Block(_2016, 0x08, "cell voltages", "可充电储能装置电压数据", "32960.3-2016 annex B",
          _CELLS_2016, facts.BLOCK_CELLS, rows=True),
    Block(_2016, 0x09, "temperatures", "可充电储能装置温度数据", "32960.3-2016 annex B", _TEMPS,
          facts.BLOCK_TEMPS, rows=True),
    Block(_2025, 0x01, "vehicle", "整车数据", "32960.3-2025 vehicle table",
          _vehicle(5000, 60_000, -3000), facts.BLOCK_VEHICLE),
    Block(_2025, 0x02, "drive motors", "驱动电机数据", "32960.3-2025 motor table",
          _motor(-32_000, _TORQUE_2025, ()), facts.BLOCK_MOTOR, rows=True),
    Block(_2025, 0x03, "fuel cell engine", "燃料电池发动机及车载氢系统数据",
          "32960.3-2025 fuel cell table", _FUEL_CELL_2025, facts.BLOCK_FUEL_CELL),
    Block(_2025, 0x04, "engine", "发动机数据", "32960.3-2025 engine table", (_RPM,),
          facts.BLOCK_ENGINE),
    Block(_2025, 0x05, "position", "车辆位置数据", "32960.3-2025 position table",
          (_POSITION_STATE, _SYSTEM, *_LON_LAT), facts.BLOCK_POSITION, position=True),
    Block(_2025, 0x06, "alarms", "报警数据", "32960.3-2025 alarm table",
          _ALARMS_2025, facts.BLOCK_ALARM),
    Block(_2025, 0x07, "cell voltages", "动力蓄电池最小并联单元电压数据",
          "32960.3-2025 cell voltage table", _CELLS_2025, facts.BLOCK_CELLS, rows=True),
    Block(_2025, 0x08, "temperatures", "动力蓄电池温度数据", "32960.3-2025 temperature table",
          _TEMPS, facts.BLOCK_TEMPS, rows=True),
    Block(_2025, 0x30, "fuel cell stacks", "燃料电池电堆数据", "32960.3-2025 stack table",
          _STACKS, facts.BLOCK_OTHER, rows=True),
    Block(_2025, 0x31, "super-capacitor", "超级电容器数据", "32960.3-2025 super-capacitor table",
          _SUPER_CAPACITOR, facts.BLOCK_OTHER),
    Block(_2025, 0x32, "super-capacitor extremes", "超级电容器极值数据",
          "32960.3-2025 super-capacitor extremes table", _extremes("W", columns=False),
          facts.BLOCK_OTHER),
)  # fmt: skip

BLOCKS: Final = {(block.edition, block.type): block for block in _ALL}
