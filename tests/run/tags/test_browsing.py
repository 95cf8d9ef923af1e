"""Walks down a counterpart's tree, rates, and what is said where there is no such connection."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from millbrain.core import limits
from millbrain.core.errors import NotFoundError
from millbrain.core.plant.tags import Connection, ConnectionState, Found, Phase, Tag
from millbrain.run.tags import browsing
from millbrain.run.tags.browsing import Standing, browsed

TREE: Mapping[str, Sequence[Found]] = {
    "": [Found("L03", "L03", leaf=False), Found("clock", "Clock")],
    "L03": [Found("M07", "M07", "L03", leaf=False)],
    # The tree leads back into itself, as an OPC UA address space may.
    "M07": [Found("r1", "Speed", "M07"), Found("L03", "Line", "M07", leaf=False)],
}


class Room:
    """A running room with a tree and one connection."""

    port = 0

    def __init__(self) -> None:
        self.values = 0
        self.pause_s = 0.0

    def states(self) -> Sequence[ConnectionState]:
        return [ConnectionState("line-3", Phase.CONNECTED, 1, values=self.values)]

    async def browse(self, connection: str, node: str) -> Sequence[Found]:
        await asyncio.sleep(self.pause_s)
        return TREE[node]


class Book:
    """A register of two connections."""

    def connections(self, room: str) -> list[Connection]:
        return [Connection("line-3", "field"), Connection("off", "field", enabled=False)]

    def revision(self) -> int:
        return 0

    def tags(self, connection: str) -> list[Tag]:
        return []

    def add_found(self, tags: Sequence[Tag]) -> int:
        return 0


def walked(room: Room, **body: Any) -> dict[str, Any]:
    rooms: Any = {"field": room, "gbt32960": object()}
    return asyncio.run(browsed(rooms, Book(), {"connection": "line-3"} | body))


def test_one_level_at_a_time() -> None:
    found = walked(Room())
    assert [n["path"] for n in found["nodes"]] == [("L03",), ("Clock",)]
    below = walked(Room(), node="L03", path=["L03"])
    assert [n["path"] for n in below["nodes"]] == [("L03", "M07")]


def test_a_walk_ends_though_the_tree_leads_back() -> None:
    found = walked(Room(), depth=12)
    assert found["all"] is True
    assert [" / ".join(n["path"]) for n in found["nodes"]] == [
        "L03", "Clock", "L03 / M07", "L03 / M07 / Speed", "L03 / M07 / Line",
    ]  # fmt: skip


def test_a_large_tree_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BROWSE_NODES_MAX", 3)
    found = walked(Room(), depth=12)
    assert (len(found["nodes"]), found["all"]) == (3, False)


def test_a_slow_counterpart_gives_what_it_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "BROWSE_S_MAX", 0.3)
    room = Room()
    room.pause_s = 0.2
    found = walked(room, depth=12)
    assert (len(found["nodes"]), found["all"]) == (2, False)


def test_unknown_and_switched_off_are_named() -> None:
    with pytest.raises(NotFoundError, match=r"'line-9'; running rooms: field"):
        walked(Room(), connection="line-9")
    with pytest.raises(NotFoundError, match="switched off"):
        walked(Room(), connection="off")


def test_values_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room()
    standing = Standing({"field": room})  # type: ignore[dict-item]
    now = [100.0]
    monkeypatch.setattr(browsing.time, "monotonic", lambda: now[0])

    def rate() -> float | None:
        found: float | None = asyncio.run(standing.answer())[0]["rate_hz"]
        return found

    assert rate() is None
    now[0], room.values = 102.0, 100
    assert rate() == 50
    now[0], room.values = 103.0, 3  # the room was started anew
    assert rate() is None
    for _ in range(30):  # only the last ten seconds count
        now[0], room.values = now[0] + 1, room.values + 7
        rate()
    assert rate() == 7
