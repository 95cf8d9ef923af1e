"""Modbus over TCP, also with RTU framing: registers and coils of controllers, meters, drives."""

from typing import Final

from millbrain.core.rooms import Driver, Level

ROOM: Final = Driver(
    key="modbus",
    title="Modbus devices",
    title_zh="Modbus 设备",
    standards=("MODBUS Application Protocol V1.1b3", "GB/T 19582-2008"),
    port=0,
    level=Level.USABLE,
    start="millbrain.connect.modbus.driver:start",
    endpoint="192.168.1.30:502",
    options={
        "framing": ("tcp, or rtu for a serial line behind a plain TCP converter; default tcp",
                    "tcp；串口经透明网关时用 rtu；默认 tcp"),
        "unit_id": ("Station of addresses that name none, 0 to 255; default 1",
                    "地址未写明时的站号，0 到 255，默认 1"),
        "first": ("Number of the first register in the addresses, 0 or 1; default 0",
                  "地址中首个寄存器的编号，0 或 1，默认 0"),
        "timeout_ms": ("How long an answer may take [ms], 50 to 30000; default 1000",
                       "应答超时 [ms]，50 到 30000，默认 1000"),
        "gap": ("Unused registers read along rather than asking twice, 0 to 120; default 16",
                "合并读取时允许跨过的空闲寄存器数，0 到 120，默认 16"),
        "block": ("Most registers of one request, 1 to 125; default 125",
                  "单次请求最多读取的寄存器数，1 到 125，默认 125"),
        "pause_ms": ("Rest between two requests for slow stations [ms], 0 to 10000; default 0",
                     "两次请求之间的间隔 [ms]，0 到 10000，默认 0"),
        "single_writes": ("false = one value is written by function 15 or 16 too; default true",
                          "false 表示单个值也用功能码 15 或 16 写入，默认 true"),
    },
    check="millbrain.connect.modbus.options:check",
    pattern="{0}",
)  # fmt: skip
