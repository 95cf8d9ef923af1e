"""The links of a room: one for each connection that is switched on, followed as people change them.

A room says how a link begins; what is looked up when, what is stopped and begun anew, and what is
told of a connection that has no link, is the same for all rooms.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Generic, Protocol, TypeVar

from millbrain.core import limits
from millbrain.core.errors import NotFoundError, SettingsError
from millbrain.core.plant.tags import Connection, ConnectionState, Phase, Tag, TagBook

log = logging.getLogger(__name__)

FOLLOW_S: Final = 1.0  # pause between two looks whether people changed connections or tags
Tags = tuple[Tag, ...]


class Link(Protocol):
    """What a room holds for a connection."""

    @property
    def connection(self) -> Connection:
        """The connection as it was when the link began."""
        ...

    def state(self) -> ConnectionState:
        """Describe how it stands."""
        ...

    async def stop(self) -> None:
        """Close it and hand on what was read."""
        ...


L = TypeVar("L", bound=Link)


def _begun_anew(link: Link, tags: Tags) -> bool:
    """Take up no tags: the default."""
    return False


class Links(Generic[L]):
    """Links by the key of their connection. All methods belong to the event loop of `start`.

    Parameters
    ----------
    room
        Folder of the room.
    book
        Says what there is; asked in worker threads.
    begin
        Returns a started link of a connection and all its tags, disabled ones too. A
        `SettingsError` becomes the connection's state until people change it.
    retag
        Gives a running link its changed tags and returns True; False = it is begun anew.
    reads_tags
        False for a room whose links read their tags themselves: `begin` gets none, and `retag` is
        called after every change of the book.
    connections_max
        How many links are held; the other connections say so.
    """

    def __init__(
        self,
        room: str,
        book: TagBook,
        begin: Callable[[Connection, Tags], Awaitable[L]],
        *,
        retag: Callable[[L, Tags], bool] = _begun_anew,
        reads_tags: bool = True,
        connections_max: int = limits.CONNECTIONS_MAX,
    ) -> None:
        self._room, self._book = room, book
        self._begin, self._retag, self._reads_tags = begin, retag, reads_tags
        self._connections_max = connections_max
        self._links: dict[str, L] = {}
        self._tags: dict[str, Tags] = {}  # of the links
        self._idle: dict[str, ConnectionState] = {}  # connections without a link
        self._refused: dict[str, tuple[Connection, Tags]] = {}  # those that could not begin
        self._revision = -1
        self._stopping = asyncio.Event()
        self._follower: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow the book from now on, in the running event loop."""
        self._follower = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Stop all links."""
        self._stopping.set()
        if self._follower:
            await self._follower  # not cancelled: a link that is just beginning would be lost
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(link.stop() for link in links))

    def __iter__(self) -> Iterator[L]:
        """Yield the links that are held now."""
        return iter(list(self._links.values()))

    def __getitem__(self, key: str) -> L:
        """Return the link of a connection.

        Raises
        ------
        NotFoundError
            It has none; the sentence says why.
        """
        link = self._links.get(key)
        if link is None:
            why = self._idle[key].why if key in self._idle else "no such connection is kept"
            raise NotFoundError(f"connection {key!r} has no link in room {self._room}: {why}")
        return link

    def states(self) -> list[ConnectionState]:
        """Describe how every connection of the room stands."""
        return [*(link.state() for link in self), *list(self._idle.values())]

    # Changes --------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        said = ""
        while not self._stopping.is_set():
            try:
                await self._look()
                said = ""
            except Exception as e:
                if said != str(e):
                    log.exception("%s: connections could not be followed, tried again each %g s",
                                  self._room, FOLLOW_S)  # fmt: skip
                said = str(e)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), FOLLOW_S)

    async def _look(self) -> None:
        """Start, stop and begin anew what has changed; the others are not disturbed."""
        revision = await asyncio.to_thread(self._book.revision)
        if revision == self._revision:
            return
        found = list(await asyncio.to_thread(self._book.connections, self._room))
        enabled = [c for c in found if c.enabled]
        wanted = {c.key: c for c in enabled[: self._connections_max]}
        self._refused = {k: r for k, r in self._refused.items() if wanted.get(k) == r[0]}
        self._idle = (
            {c.key: _off(c) for c in found if not c.enabled}
            | {c.key: self._too_many(c) for c in enabled[self._connections_max :]}
            | {key: self._idle[key] for key in self._refused}
        )
        for key, link in list(self._links.items()):
            if wanted.get(key) != link.connection:
                await self._links.pop(key).stop()
        for connection in wanted.values():
            if self._stopping.is_set():
                return
            await self._set(connection)
        self._revision = revision

    async def _set(self, connection: Connection) -> None:
        key = connection.key
        tags: Tags = ()
        if self._reads_tags:
            tags = tuple(await asyncio.to_thread(self._book.tags, key))
        link = self._links.get(key)
        if link is not None:
            is_same = self._reads_tags and self._tags[key] == tags
            if is_same or self._retag(link, tags):
                self._tags[key] = tags
                return
            await self._links.pop(key).stop()
        if self._reads_tags and self._refused.get(key) == (connection, tags):
            return
        self._idle.pop(key, None)
        try:
            self._links[key] = await self._begin(connection, tags)
        except SettingsError as e:
            self._idle[key] = _state(connection, Phase.FAILED, str(e), f"设置有误：{e}")
            self._refused[key] = (connection, tags)
            return
        self._refused.pop(key, None)
        self._tags[key] = tags

    def _too_many(self, connection: Connection) -> ConnectionState:
        most = self._connections_max
        return _state(
            connection,
            Phase.OFF,
            f"an engine holds at most {most} connections of room {self._room}; add an edge",
            f"每个引擎最多 {most} 个 {self._room} 连接，请增设边缘节点",
        )


def _off(connection: Connection) -> ConnectionState:
    return _state(connection, Phase.OFF, "it is switched off", "已停用")


def _state(connection: Connection, phase: Phase, why: str, why_zh: str) -> ConnectionState:
    return ConnectionState(connection.key, phase, time.time_ns() // 1_000_000, why, why_zh)
