"""The driver: a session for each connection, writes, browsing."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from millbrain.connect.modbus.codec import Block
from millbrain.connect.modbus.fields import TABLES
from millbrain.connect.modbus.options import read_options
from millbrain.connect.modbus.polling import Refusal
from millbrain.connect.modbus.session import Session
from millbrain.core.errors import MillbrainError, NotFoundError, RefusedError
from millbrain.core.plant.tags import Connection, ConnectionState, Found, Tag, TagKind
from millbrain.core.rooms import Wiring
from millbrain.hands.links import Links

BROWSE_BLOCK: Final = 100  # registers of one node of a browse ...
BROWSE_BLOCKS: Final = 20  # ... and how many such nodes a table shows
BROWSE_LEAST: Final = 10  # a range that is refused is halved down to so few


class ModbusSettings(Protocol):
    """The settings that the driver reads; `run.settings.ModbusSettings` is one."""

    enabled: bool


class Modbus:
    """A started driver; see `core.rooms.RunningTags`."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._sessions = Links("modbus", wiring.tags, self._begin)
        self._sessions.start()

    @property
    def port(self) -> int:
        """None: it is a client."""
        return 0

    def links(self) -> Sequence[Mapping[str, Any]]:
        """Describe the open links."""
        found = (session.link() for session in self._sessions)
        return [link for link in found if link]

    def states(self) -> Sequence[ConnectionState]:
        """Describe how every connection stands."""
        return self._sessions.states()

    async def stop(self) -> None:
        """Close the links; what was read is handed on."""
        await self._sessions.stop()

    async def _begin(self, connection: Connection, tags: Sequence[Tag]) -> Session:
        return Session(connection, read_options(connection), tags, self._wiring.sink)

    # Commands and browsing ----------------------------------------------------------------------

    async def command(self, thing: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write a signal of a thing and read it back: ``{"do": "write", "signal", "value"}``.

        Raises
        ------
        NotFoundError
            No tag of a connection that is switched on stands for this signal.
        RefusedError
            The order is malformed, the tag is not writable, or the value does not fit.
        LinkError
            The device is not there or refuses.
        """
        if order.get("do") != "write" or "signal" not in order or "value" not in order:
            raise RefusedError(f"order was {dict(order)!r}; a Modbus device takes "
                               '{"do": "write", "signal": ..., "value": ...}')  # fmt: skip
        wanted = (thing, str(order["signal"]))
        for session in self._sessions:
            tag = session.tags.get(wanted)
            if tag is not None:
                return await session.write(tag, order["value"])
        raise NotFoundError(f"no Modbus tag stands for signal {wanted[1]} of {thing}")

    async def browse(self, connection: str, node: str) -> Sequence[Found]:
        """Return tables, ranges of a table, or the registers of a range that answer now.

        Raises
        ------
        NotFoundError
            There is no such connection or node.
        LinkError
            The device is not there.
        """
        session = self._sessions[connection]
        if not node:
            return [Found(t.name, t.title, leaf=False) for t in TABLES.values()]
        table, _, start = node.partition("@")
        if table not in TABLES or not (start.isdigit() or node == table):
            raise NotFoundError(f"no node is called {node!r}; the root shows {', '.join(TABLES)}")
        if node == table:
            first = session.options.first
            return [
                Found(
                    f"{table}@{n}", f"{n + first} to {n + first + BROWSE_BLOCK - 1}", table, False
                )
                for n in range(0, BROWSE_BLOCK * BROWSE_BLOCKS, BROWSE_BLOCK)
            ]
        return await _registers(session, table, int(start), node)


async def _registers(session: Session, table: str, start: int, node: str) -> list[Found]:
    unit, kind = session.options.unit_id, TABLES[table]
    found: list[Found] = []
    waiting = [Block(unit, table, start, BROWSE_BLOCK)]
    while waiting:
        block = waiting.pop(0)
        try:
            answer = await session.look(block)
        except MillbrainError:
            if not found:
                raise
            break  # what was found so far is shown
        if isinstance(answer, Refusal):
            half = block.count // 2
            if half >= BROWSE_LEAST:
                waiting = [Block(unit, table, block.start, half),
                           Block(unit, table, block.start + half, block.count - half),
                           *waiting]  # fmt: skip
            continue
        for number, value in enumerate(answer, block.start + session.options.first):
            what = TagKind.TRUTH if kind.is_bits else TagKind.NUMBER
            found.append(Found(f"{table}:{number}", f"{table} {number}", node, True, what,
                               writable=bool(kind.write), value=str(value)))  # fmt: skip
    return found


async def start(_: ModbusSettings, wiring: Wiring) -> Modbus:
    """Start the driver. Must be called in a running event loop."""
    return Modbus(wiring)
