"""The driver: a session for each connection, changes taken up as they come, writes, browsing."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from millbrain.connect.modbus.codec import Block
from millbrain.connect.modbus.fields import TABLES
from millbrain.connect.modbus.options import Options, read_options
from millbrain.connect.modbus.polling import Refusal
from millbrain.connect.modbus.session import Session
from millbrain.core import limits
from millbrain.core.errors import MillbrainError, NotFoundError, RefusedError, SettingsError
from millbrain.core.plant.tags import Connection, ConnectionState, Found, Phase, Tag, TagKind
from millbrain.core.rooms import Wiring

log = logging.getLogger(__name__)

FOLLOW_S: Final = 1.0  # pause between two looks for changed connections and tags
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
        self._sessions: dict[str, Session] = {}
        self._idle: dict[str, ConnectionState] = {}  # switched off, or with wrong options
        self._known: dict[str, tuple[Connection, tuple[Tag, ...]]] = {}
        self._revision = -1
        self._follower = asyncio.create_task(self._follow())

    @property
    def port(self) -> int:
        """None: it is a client."""
        return 0

    def links(self) -> Sequence[Mapping[str, Any]]:
        """Describe the open links."""
        found = (session.link() for session in self._sessions.values())
        return [link for link in found if link]

    def states(self) -> Sequence[ConnectionState]:
        """Describe how every connection stands."""
        return [*(s.state() for s in self._sessions.values()), *self._idle.values()]

    async def stop(self) -> None:
        """Close the links; what was read is handed on."""
        self._follower.cancel()
        await asyncio.gather(self._follower, return_exceptions=True)
        await asyncio.gather(*(s.stop() for s in self._sessions.values()))
        self._sessions.clear()

    # Changes ------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            try:
                revision = await asyncio.to_thread(self._wiring.tags.revision)
                if revision != self._revision:
                    await self._take(await asyncio.to_thread(self._look))
                    self._revision = revision
            except Exception:
                log.exception("connections could not be read, tried again in %g s", FOLLOW_S)
            await asyncio.sleep(FOLLOW_S)

    def _look(self) -> dict[str, tuple[Connection, tuple[Tag, ...]]]:
        book = self._wiring.tags
        found = list(book.connections("modbus"))[: limits.CONNECTIONS_MAX]
        return {c.key: (c, tuple(book.tags(c.key))) for c in found}

    async def _take(self, found: dict[str, tuple[Connection, tuple[Tag, ...]]]) -> None:
        """Start, stop and restart what changed; the others are not disturbed."""
        changed = [k for k in self._known.keys() | found.keys()
                   if self._known.get(k) != found.get(k)]  # fmt: skip
        for key in changed:
            self._idle.pop(key, None)
            old = self._sessions.pop(key, None)
            if old is not None:
                await old.stop()
            if key in found:
                self._begin(*found[key])
        self._known = found

    def _begin(self, connection: Connection, tags: Sequence[Tag]) -> None:
        key = connection.key
        if not connection.enabled:
            self._idle[key] = ConnectionState(key, Phase.OFF, 0)
            return
        try:
            options: Options = read_options(connection)
        except SettingsError as e:
            self._idle[key] = ConnectionState(key, Phase.FAILED, 0, str(e), str(e))
            return
        self._sessions[key] = Session(connection, options, tags, self._wiring.sink)

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
        for session in self._sessions.values():
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
        session = self._sessions.get(connection)
        if session is None:
            why = self._idle[connection].why if connection in self._idle else ""
            raise NotFoundError(why or f"no running connection has the key {connection!r}")
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
