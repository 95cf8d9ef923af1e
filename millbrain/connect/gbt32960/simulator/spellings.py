"""Which columns of a recorded table mean what: spellings and units as data.

A table names a quantity as its maker liked. Here stand the spellings that are known, each in lower
case without anything but letters and digits, and for each quantity the units that it comes in, told
apart by the size of its values. Another spelling is another word in this file, or an option of
`millbrain play`; nothing else knows a column's name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

TIME: Final = "device_at"
VIN: Final = "vin"
CELLS: Final = "cells_mv"
PROBES: Final = "temps_degc"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that a quantity comes in: value in our unit = found * factor + offset.

    low, high: where the typical size of the values lies when it is this unit; the 90th percentile
    of what is not zero, without sign, low < size <= high.
    """

    name: str
    factor: float = 1.0
    offset: float = 0.0
    low: float = 0.0
    high: float = float("inf")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity by the name of the warehouse column that its values end up in."""

    column: str
    spellings: tuple[str, ...]
    units: tuple[Unit, ...] = (Unit(""),)


_VOLT: Final = (Unit("V", 1000, high=60), Unit("mV", 1, low=60))
_DEGC: Final = (Unit("°C"),)
_QUANTITIES: Final = (
    Quantity(TIME, (
        "tboxtime", "time", "timestamp", "datetime", "date", "deviceat", "devicetime", "datatime",
        "collecttime", "collectiontime", "terminaltime", "reporttime", "recordtime", "gpstime",
        "时间", "采集时间", "数据时间", "数据采集时间", "上报时间", "终端时间",
    )),
    Quantity(VIN, ("vin", "vehicleid", "vehid", "carid", "车架号", "车辆识别代号")),
    Quantity("speed_kmh", ("vehspeed", "speed", "speedkmh", "vehiclespeed", "vehspd", "车速"),
             (Unit("km/h"),)),
    Quantity("odometer_km", (
        "vehodo", "odo", "odometer", "odometerkm", "mileage", "summileage", "totalmileage",
        "totalodometer", "vehiclemileage", "里程", "累计里程", "总里程",
    ), (Unit("km"),)),
    Quantity("voltage_v", (
        "bmsbatteryvoltage", "batteryvoltage", "packvoltage", "totalvoltage", "sumvoltage",
        "hvvoltage",
        "bmspackvoltage", "vehbmspackvoltage", "voltage", "voltagev", "总电压", "电池总电压",
    ), (Unit("V", high=1_500), Unit("0.1 V", 0.1, low=1_500, high=15_000),
        Unit("mV", 0.001, low=15_000))),
    Quantity("current_a", (
        "bmsbatterycurrent", "batterycurrent", "packcurrent", "totalcurrent", "sumcurrent",
        "hvcurrent",
        "bmspackcurrent", "vehbmspackcurrent", "current", "currenta", "总电流", "电池总电流",
    ), (Unit("A", high=600), Unit("A counted from -1000 A", 1, -1000, low=600, high=2_000),
        Unit("0.1 A counted from -1000 A", 0.1, -1000, low=6_000, high=20_000))),
    Quantity("soc_pct", (
        "vehbmspacksoc", "bmspacksoc", "packsoc", "soc", "socpct", "bmssoc", "batterysoc",
        "stateofcharge", "荷电状态", "电量",
    ), (Unit("%", low=1), Unit("a share of 1", 100, high=1))),
    Quantity("cell_max_mv", (
        "bmscellvoltagemax", "cellvoltagemax", "cellmaxmv", "cellmax", "maxcellvoltage",
        "maxcellvolt",
        "maxvoltagebatterysinglevalue", "maxsinglevoltage", "highestcellvoltage",
        "batteryvoltmax",
        "maxvoltage", "单体最高电压", "最高单体电压", "电池单体电压最高值",
    ), _VOLT),
    Quantity("cell_min_mv", (
        "bmscellvoltagemin", "cellvoltagemin", "cellminmv", "cellmin", "mincellvoltage",
        "mincellvolt",
        "minvoltagebatterysinglevalue", "minsinglevoltage", "lowestcellvoltage", "batteryvoltmin",
        "minvoltage", "单体最低电压", "最低单体电压", "电池单体电压最低值",
    ), _VOLT),
    Quantity("temp_max_degc", (
        "bmsprobetempmax", "probetempmax", "tempmax", "tempmaxdegc", "maxtemp", "maxtemperature",
        "temperaturemax", "maxtemperaturevalue", "最高温度", "最高温度值",
    ), _DEGC),
    Quantity("temp_min_degc", (
        "bmsprobetempmin", "probetempmin", "tempmin", "tempmindegc", "mintemp", "mintemperature",
        "temperaturemin", "mintemperaturevalue", "最低温度", "最低温度值",
    ), _DEGC),
    Quantity("cell_max_no", ("cellmaxno", "maxvoltagebatterysingleno", "maxcellno",
                             "最高电压单体序号")),
    Quantity("cell_min_no", ("cellminno", "minvoltagebatterysingleno", "mincellno",
                             "最低电压单体序号")),
    Quantity("temp_max_no", ("tempmaxno", "maxtempno", "maxprobeno", "最高温度探针序号")),
    Quantity("temp_min_no", ("tempminno", "mintempno", "minprobeno", "最低温度探针序号")),
    Quantity("insulation_kohm", (
        "insulationresistance", "insulation", "insulationkohm", "insulateresistance",
        "bmsinsulation",
        "insulationresistancevalue", "绝缘电阻",
    ), (Unit("MΩ", 1_000, high=60), Unit("kΩ", low=60, high=100_000),
        Unit("Ω", 0.001, low=100_000))),
    Quantity("alarm_level", (
        "bmswarninginformation", "warninginformation", "alarmlevel", "maxalarmlevel",
        "warninglevel",
        "highestalarmlevel", "报警等级", "最高报警等级",
    )),
    Quantity("alarm_flags", ("alarmflags", "generalalarmsign", "alarmsign", "通用报警标志")),
    Quantity("charge_state", (
        "bmschargestatus", "chargestatus", "chargestate", "chargingstatus", "chargingstate",
        "充电状态",
    )),
    Quantity("vehicle_state", ("vehiclestate", "vehiclestatus", "vehstatus", "vehstate",
                               "车辆状态")),
    Quantity("power_mode", ("powermode", "runmode", "runmodel", "runningmode", "运行模式")),
    Quantity("dcdc_state", ("dcdcstate", "dcdcstatus", "dcstatus", "dcdc状态")),
    Quantity("gear_code", ("gearcode", "gear", "gearnum", "挡位", "档位")),
    Quantity("accelerator_pct", ("acceleratorpct", "accelerator", "accpedal", "accelerationpedal",
                                 "加速踏板", "加速踏板行程值")),
    Quantity("brake_pct", ("brakepct", "brake", "brakepedal", "制动踏板", "制动踏板状态")),
    Quantity("longitude_deg", ("longitude", "longitudedeg", "lon", "lng", "经度")),
    Quantity("latitude_deg", ("latitude", "latitudedeg", "lat", "纬度")),
    Quantity("motor_speed_rpm", ("motorspeedrpm", "motorspeed", "motorrpm", "rpm", "电机转速")),
    Quantity("motor_torque_nm", ("motortorquenm", "motortorque", "torque", "电机转矩")),
    Quantity("motor_degc", ("motordegc", "motortemperature", "motortemp", "电机温度")),
    Quantity("motor_controller_degc", ("motorcontrollerdegc", "motorcontrollertemperature",
                                       "controllertemp", "控制器温度")),
    Quantity(CELLS, (), _VOLT),
    Quantity(PROBES, (), _DEGC),
)  # fmt: skip

QUANTITIES: Final[Mapping[str, Quantity]] = {q.column: q for q in _QUANTITIES}
SPELLINGS: Final[Mapping[str, str]] = {s: q.column for q in _QUANTITIES for s in q.spellings}
DERIVED: Final = frozenset((  # computed from the other columns by whoever made the table: not sent
    "bmscellvoltagem", "bmsprobetempm", "cellvoltagemean", "temperaturemean", "meancellvoltage",
    "meantemperature", "voltagespread", "index", "id", "no", "unnamed0", "",
))  # fmt: skip
_CELL: Final = re.compile(
    r"(?:v|u|cell|cellv|vcell|volt|cellvolt|cellvoltage|bmscellvoltage|batteryvoltage|singlevoltage"
    r"|cellu|单体|单体电压|电芯|电芯电压)0*(\d{1,3})(?:v|mv)?"
)
_PROBE: Final = re.compile(
    r"(?:t|temp|temperature|probe|probetemp|bmsprobetemp|celltemp|celltemperature|温度|探针|探针温度"
    r"|单体温度)0*(\d{1,3})(?:c|degc)?"
)


def plain(name: str) -> str:
    """Return a column's name in lower case, letters and digits only.

    >>> plain(" BMS_Cell-Voltage (Max)")
    'bmscellvoltagemax'
    """
    return "".join(c for c in name.lower() if c.isalnum())


def meaning(name: str) -> tuple[str, int]:
    """Return the quantity of a column and its number in a list, else -1; ("", -1) if unknown.

    >>> meaning("tboxTime"), meaning("V_07"), meaning("Colour")
    (('device_at', -1), ('cells_mv', 7), ('', -1))
    """
    word = plain(name)
    if word in SPELLINGS:
        return SPELLINGS[word], -1
    for pattern, column in ((_CELL, CELLS), (_PROBE, PROBES)):
        found = pattern.fullmatch(word)
        if found:
            return column, int(found[1])
    return "", -1
