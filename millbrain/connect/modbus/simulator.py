"""A Modbus device on a real pymodbus server, which also misbehaves on request.

It holds the four tables of one or more stations. `faults` are what devices do in the field: they
are busy, answer late or never, lose registers after a change of their program, or hang up.
"""

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

SIZE: Final = 4_096  # registers and bits of each table
_TABLES: Final = {1: "coil", 5: "coil", 15: "coil", 2: "discrete", 3: "holding", 6: "holding",
                  16: "holding", 22: "holding", 23: "holding", 4: "input"}  # fmt: skip
_BIT_TABLES: Final = ("coil", "discrete")


@dataclass(slots=True)
class Faults:
    """How the device misbehaves now.

    exception: code that it answers everything with, 0 = none. late_s: how long it thinks before it
    answers. writes_ignored: it says yes and does nothing.
    """

    exception: int = 0
    late_s: float = 0.0
    writes_ignored: bool = False


@dataclass(slots=True)
class Station:
    """One station: what its tables hold, which addresses it does not have, how it misbehaves."""

    tables: dict[str, list[int]] = field(
        default_factory=lambda: {t: [0] * SIZE for t in ("coil", "discrete", "input", "holding")}
    )
    absent: dict[str, set[int]] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    asked: list[tuple[int, int, int]] = field(default_factory=list)

    def put(self, table: str, number: int, *words: int) -> None:
        """Set registers or bits from a number on."""
        self.tables[table][number : number + len(words)] = words

    def put_float(self, table: str, number: int, value: float) -> None:
        """Set two registers to a float, its high word first."""
        self.put(table, number, *struct.unpack(">HH", struct.pack(">f", value)))

    async def act(
        self, function: int, start: int, address: int, count: int, memory: list[int],
        values: Sequence[Any] | None,
    ) -> ExcCodes | None:  # fmt: skip
        """Answer one request; pymodbus calls it before it reads or after it was asked to write."""
        table = _TABLES[function]
        if len(self.asked) < SIZE:
            self.asked.append((function, address, count))
        if self.faults.late_s:
            await asyncio.sleep(self.faults.late_s)
        if self.faults.exception:
            return ExcCodes(self.faults.exception)
        asked = set(range(address, address + (len(values) if values else count)))
        if asked & self.absent.get(table, set()):
            return ExcCodes.ILLEGAL_ADDRESS
        if values and not self.faults.writes_ignored:
            self.put(table, address, *(int(v) for v in values))
        self._show(table, start, memory)
        return None

    def _show(self, table: str, start: int, memory: list[int]) -> None:
        """Copy the table into the memory that pymodbus answers from."""
        held = self.tables[table]
        if table in _BIT_TABLES:
            held = [sum(held[i + n] << n for n in range(16)) for i in range(0, SIZE, 16)]
        memory[: len(held) - start] = held[start:]


class Simulator:
    """A device with stations behind one TCP port, also with the framing of a serial line."""

    def __init__(self, units: Sequence[int] = (1,), framing: str = "tcp") -> None:
        self.stations = {unit: Station() for unit in units}
        self.port = 0
        self._framer = FramerType.RTU if framing == "rtu" else FramerType.SOCKET
        self._server: ModbusTcpServer | None = None

    @property
    def station(self) -> Station:
        """The first station."""
        return next(iter(self.stations.values()))

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes any free one, and the same again after a stop."""
        devices = [_device(unit, station) for unit, station in self.stations.items()]
        address = (host, port or self.port)
        self._server = ModbusTcpServer(
            devices, framer=self._framer, address=address, ignore_missing_devices=True
        )
        await self._server.serve_forever(background=True)
        listening: Any = self._server.transport
        self.port = listening.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up and listen no more."""
        if self._server is not None:
            server: Any = self._server
            await server.shutdown()
            self._server = None


def _device(unit: int, station: Station) -> SimDevice:
    bits = [SimData(0, values=[False] * SIZE, datatype=DataType.BITS)]
    words = [SimData(0, values=[0] * SIZE, datatype=DataType.REGISTERS)]
    return SimDevice(id=unit, simdata=(bits, list(bits), words, list(words)), action=station.act)
