"""Links follow the tag book: begun, retagged, begun anew, refused, too many, and stopped."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from millbrain.core.errors import NotFoundError, SettingsError
from millbrain.core.plant.tags import Connection, ConnectionState, Phase, Tag
from millbrain.hands import links
from millbrain.hands.links import Links
from millbrain.hands.tag_memory import TagMemory

ONE, TWO = (Connection(key, "opcua", endpoint=key) for key in ("one", "two"))
SPEED, HEAT = (Tag("one", name, "M1", name) for name in ("speed_rpm", "heat_c"))


class Line:
    """A link that only counts."""

    def __init__(self, connection: Connection, tags: tuple[Tag, ...]) -> None:
        self.connection, self.tags = connection, tags
        self.is_stopped = False

    def state(self) -> ConnectionState:
        return ConnectionState(self.connection.key, Phase.CONNECTED, 1)

    async def stop(self) -> None:
        self.is_stopped = True


class Begun(list[Line]):
    """Every link that was begun, oldest first."""

    async def __call__(self, connection: Connection, tags: tuple[Tag, ...]) -> Line:
        if connection.options.get("unit") == "bad":
            raise SettingsError("unit was 'bad'; 0 to 255 is allowed")
        self.append(Line(connection, tags))
        return self[-1]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "FOLLOW_S", 0.01)


async def until(what: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not what():
            await asyncio.sleep(0.005)


def test_only_what_changed_is_begun_anew() -> None:
    async def run() -> None:
        book, begun = TagMemory([ONE, TWO, Connection("other", "modbus")], [SPEED]), Begun()
        held = Links("opcua", book, begun)
        held.start()
        await until(lambda: len(begun) == 2)
        assert begun[0].tags == (SPEED,)
        assert held["one"] is begun[0]
        book.put(ONE, [SPEED, HEAT])
        await until(lambda: len(begun) == 3)
        assert [line.is_stopped for line in begun] == [True, False, False]
        book.put(replace(TWO, endpoint="elsewhere"))
        await until(lambda: len(begun) == 4)
        book.drop("one")
        await until(lambda: begun[2].is_stopped)
        assert [s.connection for s in held.states()] == ["two"]
        with pytest.raises(NotFoundError, match="'one' has no link in room opcua: no such"):
            held["one"]
        await held.stop()
        assert all(line.is_stopped for line in begun)
        assert not list(held)

    asyncio.run(run())


def test_a_link_that_takes_up_tags_is_not_disturbed() -> None:
    async def run() -> None:
        book, begun = TagMemory([ONE], [SPEED]), Begun()

        def retag(line: Line, tags: tuple[Tag, ...]) -> bool:
            line.tags = tags
            return True

        held = Links("opcua", book, begun, retag=retag)
        held.start()
        await until(lambda: begun)
        book.put(ONE, [HEAT])
        await until(lambda: begun[0].tags == (HEAT,))
        assert len(begun) == 1
        await held.stop()

    asyncio.run(run())


def test_a_link_that_reads_its_tags_is_told_of_every_change() -> None:
    async def run() -> None:
        book, begun = TagMemory([ONE], [SPEED]), Begun()
        told: list[tuple[Tag, ...]] = []

        def retag(_: Line, tags: tuple[Tag, ...]) -> bool:
            told.append(tags)
            return True

        held = Links("opcua", book, begun, retag=retag, reads_tags=False)
        held.start()
        await until(lambda: begun)
        book.add_found([HEAT])
        await until(lambda: told)
        assert (told, begun[0].tags) == ([()], ())
        await held.stop()

    asyncio.run(run())


def test_connections_without_a_link_say_why() -> None:
    async def run() -> None:
        bad = replace(TWO, options={"unit": "bad"})
        off = Connection("off", "opcua", enabled=False)
        book, begun = TagMemory([ONE, bad, off, Connection("third", "opcua")]), Begun()
        held = Links("opcua", book, begun, connections_max=2)
        held.start()
        await until(lambda: len(held.states()) == 4)
        states = {s.connection: s for s in held.states()}
        assert states["one"].phase is Phase.CONNECTED
        assert (states["off"].phase, states["off"].why) == (Phase.OFF, "it is switched off")
        assert states["two"].phase is Phase.FAILED
        assert states["two"].why_zh == "设置有误：unit was 'bad'; 0 to 255 is allowed"
        assert "holds at most 2 connections" in states["third"].why
        with pytest.raises(NotFoundError, match="0 to 255 is allowed"):
            held["two"]
        book.put(off)  # a change of another connection does not try the refused one again
        await asyncio.sleep(0.05)
        assert {s.connection: s for s in held.states()}["two"] == states["two"]
        book.put(TWO)
        await until(lambda: len(begun) == 2)
        assert held["two"].connection == TWO
        await held.stop()

    asyncio.run(run())


def test_a_book_that_cannot_be_read_is_read_later(caplog: pytest.LogCaptureFixture) -> None:
    class Locked(TagMemory):
        tries = 0

        def revision(self) -> int:
            self.tries += 1
            if self.tries < 4:
                raise OSError("database is locked")
            return super().revision()

    async def run() -> None:
        begun = Begun()
        held = Links("opcua", Locked([ONE]), begun)
        held.start()
        await until(lambda: begun)
        await held.stop()

    asyncio.run(run())
    said = [r for r in caplog.records if "could not be followed" in r.getMessage()]
    assert len(said) == 1, "the same trouble is said once"


def test_a_link_that_is_beginning_while_all_stop_is_stopped_too() -> None:
    async def run() -> None:
        entered, go_on, begun = asyncio.Event(), asyncio.Event(), Begun()

        async def begin(connection: Connection, tags: tuple[Tag, ...]) -> Line:
            entered.set()
            await go_on.wait()
            return await begun(connection, tags)

        held = Links("opcua", TagMemory([ONE, TWO]), begin)
        held.start()
        await entered.wait()
        stopping = asyncio.create_task(held.stop())
        await asyncio.sleep(0.02)
        go_on.set()
        await stopping
        assert [line.is_stopped for line in begun] == [True], "and no other is begun"

    asyncio.run(run())
