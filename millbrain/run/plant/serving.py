"""What the simulated servers of all three protocols have in common."""

import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from millbrain.core.errors import NotFoundError, RefusedError, SettingsError
from millbrain.core.plant.model import Signal
from millbrain.core.plant.plant import Plant
from millbrain.run.plant.points import Server, signals_of

Value = float | str
FAULTS: Final = {
    "drop": "the server goes away for so many seconds, ten seconds after the start",
    "clock": "its clock is wrong by so many seconds",
    "nodes": "its nodes, metrics or registers are at other addresses than the tag list says",
    "shift": "a measured dimension, MACHINE.NAME, jumps by so many sigma",
    "drift": "the same moves away by so many sigma an hour of the plant",
}
_SERVER: Final = ("drop", "clock", "nodes")
_PORTS_TRIED: Final = 100
_USUAL: Final = {"shift": 2.0, "drift": 1.0}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault on request. kind: of `FAULTS`. target: server, or machine and dimension.

    amount: seconds, or sigmas.
    """

    kind: str
    target: str
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Told:
    """A signal of a machine took a value at an instant by the wall clock [ms since 1970]."""

    unit: str
    signal: str
    value: Value
    at_ms: int


@dataclass(frozen=True)
class Setting:
    """What a simulated server is made of.

    write: sets a set-point of a machine (raises `RefusedError` or `NotFoundError`). clock_ms,
    is_moved: faults on request.
    """

    server: Server
    plant: Plant
    first: Mapping[str, Mapping[str, Value]]
    write: Callable[[str, str, Value], None]
    clock_ms: int = 0
    is_moved: bool = False

    @property
    def key(self) -> str:
        """Name of the server, which is also that of its connection."""
        return self.server.served.key

    def signals(self) -> dict[str, list[Signal]]:
        """Return the signals of every machine it speaks for."""
        return {u.id: signals_of(self.plant, u) for u in self.server.units}

    def try_write(self, unit: str, signal: str, value: Value) -> bool:
        """Set a set-point; return whether the machine took it."""
        try:
            self.write(unit, signal, value)
        except (RefusedError, NotFoundError):
            return False
        return True


class Speaking(Protocol):
    """A simulated server. port: as bound once it is started."""

    port: int

    async def start(self) -> None:
        """Begin to listen, or to tell."""
        ...

    async def tell(self, told: Sequence[Told]) -> None:
        """Publish values, in order of time."""
        ...

    async def stop(self) -> None:
        """Stop listening."""
        ...


def free_port(host: str) -> int:
    """Return a port that nobody listens on now, for servers that cannot say which they took."""
    with socket.create_server((host, 0)) as listener:
        return int(listener.getsockname()[1])


def free_from(host: str, port: int) -> int:
    """Return the first port from `port` on that nobody listens on; `port` where all are taken."""
    for candidate in range(port, min(port + _PORTS_TRIED, 65_536)):
        try:
            socket.create_server((host, candidate)).close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                break
        else:
            return candidate
    return port


def read_fault(text: str, plant: Plant, servers: Sequence[Server]) -> Fault:
    """Return a fault given as KIND=TARGET or KIND=TARGET:AMOUNT.

    Raises
    ------
    SettingsError
        Kind, target or amount are none.
    """
    kind, _, rest = text.partition("=")
    target, _, amount = rest.partition(":")
    if kind not in FAULTS:
        raise SettingsError(f"fault {text!r}: kinds are {', '.join(FAULTS)}, as clock=KEY:3600")
    if kind in _SERVER:
        known = [s.served.key for s in servers]
    else:
        units = [u.id for s in servers for u in s.units]
        known = [f"{u}.{c.name}" for u in units for c in plant.characteristics_of(u)]
    if target not in known:
        raise SettingsError(f"fault {text!r}: {target!r} is none of {', '.join(known)}")
    try:
        return Fault(kind, target, float(amount) if amount else _USUAL.get(kind, 30.0))
    except ValueError:
        raise SettingsError(f"fault {text!r}: {amount!r} is no number") from None
