"""The four tables, the types and the orders of Modbus, declared once.

An address is ``[unit/]table:number[.bit][:type[:order]]``, a text ``table:number:text:registers``::

    holding:100            register 100, an unsigned number of 16 bits
    holding:100:f32:cdab   registers 100 and 101, the low word first
    3/input:7:i16          input register 7 of station 3
    holding:12.5           bit 5 of register 12, bit 0 is the lowest
    coil:3                 a coil
    holding:40:text:8      sixteen characters in eight registers

Numbers are those of the protocol data unit, from 0; data sheets that count from 1 set the option
``first`` to 1. What a sheet calls 40101 is ``holding:100`` (or ``holding:101`` with first = 1).
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class TableKind:
    """One of the four tables: its function codes (V1.1b3 chapter 6) and what it holds.

    read, write, write_many: function codes, 0 = it cannot be written. items_max: most of them that
    one answer carries (6.1: 2000 coils; 6.3: 125 registers).
    """

    name: str
    title: str
    title_zh: str
    read: int
    write: int
    write_many: int
    is_bits: bool
    items_max: int


TABLES: Final = {
    t.name: t
    for t in (
        TableKind("coil", "Coils", "线圈", 1, 5, 15, True, 2000),
        TableKind("discrete", "Discrete inputs", "离散输入", 2, 0, 0, True, 2000),
        TableKind("input", "Input registers", "输入寄存器", 4, 0, 0, False, 125),
        TableKind("holding", "Holding registers", "保持寄存器", 3, 6, 16, False, 125),
    )
}

# type -> (registers, NumPy type in network order)
TYPES: Final = {
    "u16": (1, ">u2"),
    "i16": (1, ">i2"),
    "u32": (2, ">u4"),
    "i32": (2, ">i4"),
    "u64": (4, ">u8"),
    "i64": (4, ">i8"),
    "f32": (2, ">f4"),
    "f64": (4, ">f8"),
}
TEXT: Final = "text"
BOOL: Final = "bool"

# order -> (words reversed, bytes of each word swapped); a and b are the high word of a number
ORDERS: Final = {
    "abcd": (False, False),
    "badc": (False, True),
    "cdab": (True, False),
    "dcba": (True, True),
}

REGISTERS_OF_TEXT_MAX: Final = 120
NUMBER_MAX: Final = 65_535
UNIT_MAX: Final = 255

# exception code -> (name, what to do, the same in Chinese), V1.1b3 chapter 7
EXCEPTIONS: Final = {
    1: ("illegal function", "the device does not have this table; look into its manual",
        "设备没有此数据表，请查阅手册"),
    2: ("illegal data address", "the device has no such register; look into its register map",
        "设备没有此寄存器，请查阅寄存器表"),
    3: ("illegal data value", "the device refuses this number of registers or this value",
        "设备拒绝此数量或此数值"),
    4: ("server device failure", "the device failed at it; look at its own display",
        "设备执行失败，请查看设备面板"),
    5: ("acknowledge", "the device is still at it; it is asked again", "设备仍在处理，将再次询问"),
    6: ("server device busy", "the device is busy; it is asked again", "设备忙，将再次询问"),
    8: ("memory parity error", "the device cannot read its own memory; have it repaired",
        "设备存储器校验错误，请检修"),
    10: ("gateway path unavailable", "the gateway knows no way to this station",
         "网关没有通往该站的路径"),
    11: ("gateway target failed to respond", "the station behind the gateway is silent",
         "网关后的站点没有应答"),
}  # fmt: skip
