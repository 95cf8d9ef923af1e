"""Simulated machines behind a real Modbus TCP server (pymodbus): one station a machine.

A station's holding registers follow `points.registers_of`: numbers in network order with the high
word first, texts padded with zeros. Modbus has no instants: whoever reads gets the values of now.
"""

import errno
import logging
import struct
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from millbrain.core.plant.model import Signal
from millbrain.run.plant.points import layout, registers_of
from millbrain.run.plant.serving import Setting, Told, Value

SIZE: Final = 512  # registers of a station
_MOVED: Final = 100  # how far the registers lie elsewhere where that fault is asked for
_FORMS: Final = {"u16": ">H", "u32": ">I", "f32": ">f", "f64": ">d"}


class Station:
    """One machine as holding registers."""

    def __init__(self, setting: Setting, unit: str, signals: Sequence[Signal]) -> None:
        self._setting, self._unit = setting, unit
        self._signals = {s.name: s for s in signals}
        first = registers_of(signals)
        shift = _MOVED if setting.is_moved else 0
        self._first = {name: at + shift for name, at in first.items()}
        self._at = {at: name for name, at in self._first.items()}
        self._words = [0] * SIZE
        for name, value in setting.first[unit].items():
            self.put(name, value)

    def put(self, name: str, value: Value) -> None:
        """Set the registers of a signal."""
        signal = self._signals.get(name)
        if signal is not None:
            words, at = encode(signal, value), self._first[name]
            self._words[at : at + len(words)] = words

    async def act(
        self, function: int, start: int, address: int, count: int, memory: list[int],
        values: Sequence[Any] | None,
    ) -> ExcCodes | None:  # fmt: skip
        """Answer one request; pymodbus calls it before it reads, and before it writes."""
        if values is not None:
            name = self._at.get(address, "")
            signal = self._signals.get(name)
            if signal is None or not signal.writable:
                return ExcCodes.ILLEGAL_ADDRESS
            if len(values) != layout(signal)[1]:
                return ExcCodes.ILLEGAL_VALUE
            value = decode(signal, [int(v) for v in values])
            if not self._setting.try_write(self._unit, name, value):
                return ExcCodes.ILLEGAL_VALUE
            self.put(name, value)
        memory[: SIZE - start] = self._words[start:]
        return None


def encode(signal: Signal, value: Value) -> list[int]:
    """Return the registers of a value."""
    kind, length = layout(signal)
    if kind == "text":
        raw = str(value).encode()[: 2 * length].ljust(2 * length, b"\0")
    else:
        number = float(value)
        raw = struct.pack(_FORMS[kind], number if kind in ("f32", "f64") else round(number))
    return [word for (word,) in struct.iter_unpack(">H", raw)]


def decode(signal: Signal, words: Sequence[int]) -> Value:
    """Return the value of registers."""
    raw = b"".join(struct.pack(">H", w) for w in words)
    kind, _ = layout(signal)
    if kind == "text":
        return raw.rstrip(b"\0").decode("utf-8", "replace")
    return float(struct.unpack(_FORMS[kind], raw)[0])


class ModbusServer:
    """One Modbus TCP server; machines are its stations 1, 2, ... port: as bound."""

    def __init__(self, setting: Setting, host: str, port: int) -> None:
        self.port, self._host = port, host
        signals = setting.signals()
        self._stations = {u.id: Station(setting, u.id, signals[u.id]) for u in setting.server.units}
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        """Listen. What a client does wrong is no trouble of ours, so pymodbus stays quiet."""
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        devices = [
            SimDevice(
                id=number,
                simdata=[SimData(0, values=[0] * SIZE, datatype=DataType.REGISTERS)],
                action=partial(_act, station),
            )
            for number, station in enumerate(self._stations.values(), 1)
        ]
        self._server = ModbusTcpServer(devices, address=(self._host, self.port))
        try:
            await self._server.serve_forever(background=True)
        except RuntimeError as error:
            raise OSError(errno.EADDRINUSE, "somebody else listens there") from error
        listening: Any = self._server.transport
        self.port = listening.sockets[0].getsockname()[1]

    async def tell(self, told: Sequence[Told]) -> None:
        """Keep values for whoever asks."""
        for one in told:
            self._stations[one.unit].put(one.signal, one.value)

    async def stop(self) -> None:
        """Hang up and listen no more."""
        if self._server is not None:
            server: Any = self._server
            await server.shutdown()
            self._server = None


async def _act(station: Station, *request: Any) -> ExcCodes | None:
    return await station.act(*request)
