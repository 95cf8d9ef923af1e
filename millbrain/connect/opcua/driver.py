"""The room's hand: one link a connection, in an event loop and thread of its own.

Browsing a hundred thousand nodes or checking a certificate takes a client library seconds; here
they take them from nobody else's links.
"""

import asyncio
import json
import logging
import os
import threading
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import uvloop
from asyncua import ua

from millbrain.connect.opcua import browsing, history, trust, writing
from millbrain.connect.opcua.ending import end
from millbrain.connect.opcua.handover import Handover
from millbrain.connect.opcua.link import Link, Room
from millbrain.connect.opcua.session import quiet
from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError, RefusedError
from millbrain.core.plant.tags import Connection, ConnectionState, Found, Phase, Tag
from millbrain.core.rooms import Wiring
from millbrain.hands.links import Links

log = logging.getLogger(__name__)

MARKS_S: Final = 5.0  # pause between two writings of what is on disk ...
LOOK_S: Final = 1.0  # ... and between two looks whether a connection is new
_KEY: Final = "opcua"
_MARKS: Final = "marks.json"
T = TypeVar("T")


class Section(Protocol):
    """The settings that the driver reads; `run.settings.OpcuaSettings` is one."""

    enabled: bool


class OpcUa:
    """A started room; see `core.rooms.RunningTags`."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="opcua", daemon=True)
        self._links = Links(
            _KEY, wiring.tags, self._begin_link, retag=_retag,
            connections_max=limits.OPCUA_CONNECTIONS_MAX,
        )  # fmt: skip
        self._marks: dict[str, int] = {}
        self._kept: dict[str, int] = {}  # marks as they stand in the file
        self._keeping: asyncio.Task[None] | None = None
        self._room: Room | None = None

    async def start(self) -> None:
        """Begin to connect."""
        quiet()
        self._thread.start()
        await self._there(self._begin())

    @property
    def port(self) -> int:
        """Zero: it listens on none."""
        return 0

    def links(self) -> Sequence[Mapping[str, Any]]:
        """Describe the connections that stand."""
        return [
            {
                "link": s.connection, "remote": link.connection.endpoint,
                "since": s.since_ms / 1000, "frames": s.values,
                "last_received_ms": s.received_ms, "vehicles": 0, "connects": link.connects,
            }
            for link in self._links
            if (s := link.state()).phase is Phase.CONNECTED
        ]  # fmt: skip

    def states(self) -> Sequence[ConnectionState]:
        """Describe how every connection of the room stands."""
        return self._links.states()

    async def browse(self, connection: str, node: str) -> Sequence[Found]:
        """Return what lies under a node of the counterpart; "" is its root."""
        link = self._links[connection]
        return await self._asked(link, browsing.browse(link.open_session(), node))

    async def command(self, thing: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out an order at a machine.

        ``{"do": "write", "signal": S, "value": V}``, ``{"do": "call", "connection": C, "object": A,
        "method": A, "arguments": [...]}`` or ``{"do": "history", "signal": S, "from": t, "to": t}``
        (ISO 8601 with zone).
        """
        match order.get("do"):
            case "write":
                link, tag = self._tag(thing, str(order.get("signal")))
                work = writing.write(link.open_session(), tag, order.get("value"))
                return await self._asked(link, work)
            case "call":
                link = self._links[str(order.get("connection", ""))]
                if not any(t.thing == thing and t.writable for t in link.tags):
                    raise RefusedError(
                        f"{thing} has no writable tag on {link.connection.key}; its methods are "
                        "not called"
                    )
                return await self._asked(link, writing.call(link.open_session(), order))
            case "history":
                link, tag = self._tag(thing, str(order.get("signal")))
                span = (_instant(order, "from"), _instant(order, "to"))
                return {"read": await self._asked(link, self._history(link, tag, *span))}
        raise NotFoundError(f"{order.get('do')!r} is no order; write, call and history are")

    async def stop(self) -> None:
        """Leave the servers, hand on what was received, and return."""
        if not self._thread.is_alive():
            return
        await self._there(self._end())
        assert self._room is not None, "it was made by start"
        await asyncio.to_thread(self._room.handover.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._keep_marks)

    # In the loop of the room ----------------------------------------------------------------------

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the loop of the room."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _asked(self, link: Link, work: Coroutine[Any, Any, T]) -> T:
        """Run what asks a server; its errors come as ours."""
        try:
            return await asyncio.wait_for(self._there(work), limits.ANSWER_WAIT_S_MAX)
        except TimeoutError as e:
            raise LimitError(
                f"{link.connection.key} did not answer within {limits.ANSWER_WAIT_S_MAX} s"
            ) from e
        except (ua.UaError, OSError) as e:
            raise writing.link_error(e, link.connection.endpoint) from e

    async def _history(self, link: Link, tag: Tag, from_ms: int, to_ms: int) -> int:
        session, subscription = link.open_session(), link.subscription
        assert subscription is not None, "an open session has one"
        slots = subscription.slots
        assert self._room is not None, "it was made by start"
        return await history.bring(
            session, self._room.handover, slots, slots.tags.index(tag), from_ms, to_ms
        )

    async def _begin(self) -> None:
        folder = self._wiring.folder
        handover = Handover(self._wiring.sink)
        identity = await asyncio.to_thread(trust.identity, folder)
        self._kept = await asyncio.to_thread(_marks_of, folder / _MARKS)
        self._marks = dict(self._kept)
        self._writing = asyncio.Lock()
        self._room = Room(
            handover, identity, trust.Trust(folder), self._wiring.secrets, self._mark, self._keep
        )
        handover.start()
        self._keeping = asyncio.create_task(self._keep_on())
        self._links.start()

    async def _end(self) -> None:
        await end([self._keeping], MARKS_S)
        await self._links.stop()

    async def _begin_link(self, connection: Connection, tags: Sequence[Tag]) -> Link:
        assert self._room is not None, "it was made by start"
        enabled = [t for t in tags if t.enabled]
        link = Link(self._room, connection, enabled, self._marks.get(connection.key, 0))
        link.start()
        return link

    def _mark(self, connection: str, stored_ms: int) -> None:
        self._marks[connection] = stored_ms

    async def _keep(self) -> None:
        async with self._writing:
            await asyncio.to_thread(self._keep_marks)

    async def _keep_on(self) -> None:
        """Keep what is on disk, at once where a connection is new, for ever."""
        while True:
            try:
                await self._keep()
            except OSError:
                log.exception("marks could not be written, tried again in %g s", MARKS_S)
            until = self._loop.time() + MARKS_S
            while self._loop.time() < until and self._marks.keys() == self._kept.keys():
                await asyncio.sleep(LOOK_S)

    def _keep_marks(self) -> None:
        """Write up to when the values of each connection are on disk: where a gap begins."""
        marks = dict(self._marks)
        if marks == self._kept:
            return
        path = self._wiring.folder / _MARKS
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as f:
            json.dump(marks, f)
            f.flush()
            os.fsync(f.fileno())
        fresh.replace(path)
        self._kept = marks

    def _tag(self, thing: str, signal: str) -> tuple[Link, Tag]:
        for link in self._links:
            for tag in link.tags:
                if tag.thing == thing and tag.signal == signal:
                    return link, tag
        raise NotFoundError(f"no OPC UA tag brings {signal!r} of {thing}")


def _retag(link: Link, tags: Sequence[Tag]) -> bool:
    link.change_tags([t for t in tags if t.enabled])
    return True


def _instant(order: Mapping[str, Any], name: str) -> int:
    try:
        at = datetime.fromisoformat(str(order[name]))
        if at.tzinfo is None:
            raise ValueError("an instant without a zone")
    except (KeyError, ValueError) as e:
        raise RefusedError(f"{name} was {order.get(name)!r}; an instant as ISO 8601 with its zone "
                           "is allowed") from e  # fmt: skip
    return round(at.timestamp() * 1000)


def _marks_of(path: Path) -> dict[str, int]:
    try:
        marks: dict[str, int] = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}  # it only says from when on a history is asked for
    return marks


async def start(section: Section, wiring: Wiring) -> OpcUa:
    """Start the room. Must be called in a running event loop."""
    room = OpcUa(wiring)
    await room.start()
    return room
