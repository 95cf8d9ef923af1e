"""What only the running rooms know of connections: how they stand, and what lies behind them."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, cast

from starlette.requests import Request

from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError
from millbrain.core.plant.tags import ConnectionState, Found, TagBook
from millbrain.core.rooms import Running, RunningTags

RATE_SPAN_S: Final = 10.0  # over which values a second are counted
BROWSE_S_MAX: Final = 25.0
DEPTH_MAX: Final = 12


def with_tags(rooms: Mapping[str, Running]) -> dict[str, RunningTags]:
    """Return the running rooms that have connections and tags."""
    return {
        key: cast("RunningTags", room) for key, room in rooms.items() if hasattr(room, "states")
    }


class Standing:
    """How every connection stands, with its rate; the counters of the last seconds are kept."""

    def __init__(self, rooms: Mapping[str, Running]) -> None:
        self._rooms = rooms
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    async def answer(self, _: Request | None = None) -> list[dict[str, Any]]:
        """Return the state of every connection as JSON."""
        now = time.monotonic()
        return [
            asdict(state) | {"room": key, "rate_hz": self._rate_hz(state, now)}
            for key, room in with_tags(self._rooms).items()
            for state in room.states()
        ]  # fmt: skip

    def _rate_hz(self, state: ConnectionState, now: float) -> float | None:
        """Return values a second, None until two looks lie a second apart."""
        seen = self._seen.setdefault(state.connection, deque())
        if seen and state.values < seen[-1][1]:
            seen.clear()  # the room counts anew
        while len(seen) > 1 and seen[1][0] < now - RATE_SPAN_S:
            seen.popleft()
        if not seen or now - seen[-1][0] >= 1:
            seen.append((now, state.values))
        at, values = seen[0]
        return (state.values - values) / (now - at) if now - at >= 1 else None


def tag_routes(
    rooms: Mapping[str, Running], book: TagBook
) -> Sequence[tuple[str, str, Callable[[Request], Awaitable[Any]]]]:
    """Return the engine's routes of connections: method, path, handler."""

    async def browse(request: Request) -> Any:
        return await browsed(rooms, book, await request.json())

    return (
        ("GET", "/engine/connections", Standing(rooms).answer),
        ("POST", "/engine/browse", browse),
    )


async def browsed(
    rooms: Mapping[str, Running], book: TagBook, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the nodes under a node, as deep as asked for, each with the names that lead to it.

    body: connection, node ("" = the root), path (names that lead to the node), depth.

    Raises
    ------
    NotFoundError
        The connection is not known or its room does not run.
    LimitError
        The counterpart takes too long.
    """
    key, node = str(body["connection"]), str(body.get("node", ""))
    room = await asyncio.to_thread(_room_of, with_tags(rooms), book, key)
    walk = _Walk(room, key)
    depth = min(int(body.get("depth", 1)), DEPTH_MAX)
    try:
        async with asyncio.timeout(BROWSE_S_MAX):
            await walk.into(node, tuple(body.get("path", ())), depth)
    except TimeoutError:
        if not walk.nodes:
            raise LimitError(
                f"connection {key} did not answer the browse within {BROWSE_S_MAX:g} s"
            ) from None
        walk.is_whole = False
    return {"nodes": walk.nodes, "all": walk.is_whole}


def _room_of(rooms: Mapping[str, RunningTags], book: TagBook, key: str) -> RunningTags:
    for name, room in rooms.items():
        found = next((c for c in book.connections(name) if c.key == key), None)
        if found:
            if not found.enabled:
                raise NotFoundError(f"connection {key} is switched off; switch it on to browse it")
            return room
    running = ", ".join(rooms) or "none"
    raise NotFoundError(f"no running room has a connection {key!r}; running rooms: {running}")


class _Walk:
    """One walk down a tree, cut off where it grows too large."""

    def __init__(self, room: RunningTags, connection: str) -> None:
        self._room = room
        self._connection = connection
        self._visited: set[str] = set()  # an address space may lead back into itself
        self.nodes: list[dict[str, Any]] = []
        self.is_whole = True

    async def into(self, node: str, path: tuple[str, ...], depth: int) -> None:
        """Add what lies under a node."""
        self._visited.add(node)
        below: list[tuple[Found, tuple[str, ...]]] = []
        for found in await self._room.browse(self._connection, node):
            if len(self.nodes) >= limits.BROWSE_NODES_MAX:
                self.is_whole = False
                return
            names = (*path, found.name)
            self.nodes.append(asdict(found) | {"kind": str(found.kind), "path": names})
            below.append((found, names))
        for found, names in below if depth > 1 else ():
            if not found.leaf and found.address not in self._visited:
                await self.into(found.address, names, depth - 1)
