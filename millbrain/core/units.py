"""Unit suffixes: the one list of what may stand at the end of a column, field or parameter name.

`voltage_v` is in volts because its name ends in `_v`; a display takes symbol and names from here.
The tidy test refuses a declared physical quantity whose suffix is not listed.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: how it is written and what it measures, in English and Chinese."""

    suffix: str
    symbol: str
    quantity: str
    quantity_zh: str


_ROWS: Final = (
    ("v", "V", "voltage", "电压"),
    ("mv", "mV", "voltage", "电压"),
    ("a", "A", "current", "电流"),
    ("ah", "Ah", "charge", "电量"),
    ("kwh", "kWh", "energy", "能量"),
    ("kw", "kW", "power", "功率"),
    ("kvarh", "kvarh", "reactive energy", "无功电量"),
    ("t", "t", "mass", "质量"),
    ("kohm", "kΩ", "resistance", "电阻"),
    ("mohm", "mΩ", "resistance", "电阻"),
    ("degc", "°C", "temperature", "温度"),
    ("kpa", "kPa", "pressure", "压力"),
    ("mpa", "MPa", "pressure", "压力"),
    ("kmh", "km/h", "speed", "速度"),
    ("rpm", "r/min", "rotational speed", "转速"),
    ("nm", "N·m", "torque", "转矩"),
    ("mm", "mm", "length", "长度"),
    ("um", "µm", "length", "长度"),
    ("mmps", "mm/s", "vibration velocity", "振动速度"),
    ("mmpmin", "mm/min", "feed", "进给速度"),
    ("km", "km", "distance", "里程"),
    ("deg", "°", "angle", "角度"),
    ("pct", "%", "share", "百分比"),
    ("lp100km", "L/100 km", "fuel consumption", "燃料消耗率"),
    ("kgp100km", "kg/100 km", "hydrogen consumption", "氢耗"),
    ("mgpkg", "mg/kg", "concentration", "浓度"),
    ("s", "s", "time", "时间"),
    ("ms", "ms", "time", "时间"),
    ("us", "µs", "time", "时间"),
    ("h", "h", "time", "时间"),
    ("days", "d", "time", "时间"),
    ("bytes", "B", "size", "大小"),
    ("count", "", "count", "数量"),
    ("ratio", "", "ratio", "比值"),
    ("hz", "1/s", "rate", "频率"),
    ("perh", "1/h", "rate", "每小时数量"),
)

UNITS: Final[dict[str, Unit]] = {row[0]: Unit(*row) for row in _ROWS}


def unit_of(name: str) -> Unit | None:
    """Return the unit that a name's last word stands for, or None where it carries none.

    >>> unit_of("voltage_v").symbol
    'V'
    >>> unit_of("vin") is None
    True
    """
    return UNITS.get(name.rpartition("_")[2]) if "_" in name else None


def written(unit: str) -> str:
    """Return the unit of a finding, which tables hold in plain letters, as it is written.

    >>> written("mOhm")
    'mΩ'
    """
    return unit.replace("Ohm", "Ω").replace("degC", "°C")
