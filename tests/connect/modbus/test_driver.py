"""The driver against a real pymodbus server that also misbehaves, and against printed frames."""

import asyncio
import contextlib
import csv
import dataclasses
import struct
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from millbrain.connect.modbus import driver, polling, session
from millbrain.connect.modbus.driver import Modbus
from millbrain.connect.modbus.simulator import Simulator, Station
from millbrain.core.columns import Delivery
from millbrain.core.errors import LinkError, NotFoundError, RefusedError
from millbrain.core.plant.tags import Connection, ConnectionState, Phase, Tag, TagKind
from millbrain.core.rooms import Wiring
from millbrain.hands import links
from millbrain.hands.tag_memory import TagMemory
from millbrain.run.settings import ModbusSettings

HERE = Path(__file__).parent


class Sink:
    """Keeps the readings as (signal, value or None, quality, text)."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float | None, int, str]] = []
        self.received = 0

    def put(self, delivery: Delivery) -> None:
        rows = delivery.tables["reading"]
        self.received += delivery.received["m"]
        assert delivery.received["m"] == rows.rows
        missing = rows.missing["value"]
        texts = rows.values.get("text", np.full(rows.rows, b"", np.object_))
        assert isinstance(texts, np.ndarray)
        for i in range(rows.rows):
            value = None if missing[i] else float(rows.array("value")[i])
            self.rows.append((rows.array("signal")[i].decode(), value,
                              int(rows.array("quality")[i]), texts[i].decode()))  # fmt: skip

    def last(self, signal: str) -> tuple[float | None, int, str]:
        return next((r[1:] for r in reversed(self.rows) if r[0] == signal), (None, -1, ""))

    def values(self, signal: str) -> list[float | None]:
        return [r[1] for r in self.rows if r[0] == signal]


class Plant:
    """A simulator and a driver that reads it."""

    def __init__(self, simulator: Simulator, book: TagMemory, room: Modbus, sink: Sink) -> None:
        self.simulator = simulator
        self.book = book
        self.room = room
        self.sink = sink

    @property
    def state(self) -> ConnectionState:
        return self.room.states()[0]

    def change(self, *tags: Tag, **connection: Any) -> None:
        (now,) = self.book.connections("modbus")
        self.book.put(dataclasses.replace(now, **connection), tags or None)

    async def write(self, signal: str, value: Any) -> dict[str, Any]:
        order = {"do": "write", "signal": signal, "value": value}
        return dict(await self.room.command("M7", order))


async def until(what: Callable[[], Any], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def plant(
    *tags: Tag,
    units: Sequence[int] = (1,),
    framing: str = "tcp",
    prepare: Callable[[Station], object] = lambda _: None,
    **options: Any,
) -> AsyncIterator[Plant]:
    """Start both; what the device holds is prepared before anybody asks."""
    simulator = Simulator(units, framing)
    prepare(simulator.station)
    await simulator.start()
    given = {"timeout_ms": 2000, "framing": framing} | options
    made = Connection("m", "modbus", endpoint=f"127.0.0.1:{simulator.port}", options=given)
    book = TagMemory([made], tags)
    sink = Sink()
    room = await driver.start(ModbusSettings(), Wiring(sink, None, book))  # type: ignore[arg-type]
    try:
        await until(room.states)
        yield Plant(simulator, book, room, sink)
    finally:
        await room.stop()
        await simulator.stop()


def tag(address: str, signal: str, **more: Any) -> Tag:
    return Tag("m", address, "M7", signal, **{"period_ms": 50, "writable": True} | more)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "FOLLOW_S", 0.05)
    monkeypatch.setattr(polling, "REFUSED_PAUSE_S", 0.2)
    monkeypatch.setattr(session, "RETRY_S_MIN", 0.1)
    monkeypatch.setattr(session, "SILENT_S_MIN", 0.2)


@pytest.mark.parametrize("framing", ["tcp", "rtu"])
def test_values_arrive_with_scale_and_unit_of_their_tag(framing: str) -> None:
    async def run() -> None:
        tags = (
            tag("holding:10", "count"),
            tag("holding:100:f32", "temp_degc", scale=0.5, offset=-10.0),
            tag("coil:3", "door", kind=TagKind.TRUTH),
            tag("input:5.2", "ready", kind=TagKind.TRUTH),
            tag("holding:40:text:4", "program", kind=TagKind.TEXT),
        )

        def prepare(station: Station) -> None:
            station.put("holding", 10, 7)
            station.put_float("holding", 100, 50.0)
            station.put("coil", 3, 1)
            station.put("input", 5, 0b100)
            station.put("holding", 40, *struct.unpack(">HH", b"O-17"))

        async with plant(*tags, framing=framing, prepare=prepare) as p:
            await until(lambda: p.sink.last("program")[2] == "O-17")
            await until(lambda: p.state.phase is Phase.CONNECTED)
            assert p.sink.last("count") == (7.0, 192, "")
            assert p.sink.last("temp_degc") == (15.0, 192, "")
            assert p.sink.last("door")[0] == 1
            assert p.sink.last("ready")[0] == 1
            assert p.sink.last("program") == (None, 192, "O-17")
            assert (p.state.why, dict(p.state.troubles)) == ("", {})
            assert p.room.links()[0]["link"] == "m"

    asyncio.run(run())


@pytest.mark.fault
def test_one_missing_register_costs_only_its_own_tag() -> None:
    async def run() -> None:
        tags = [tag(f"holding:{n}", f"s_{n}") for n in range(0, 60, 2)]

        def prepare(station: Station) -> None:
            station.absent["holding"] = {17, 22}  # one of the gap, one of a tag

        async with plant(*tags, prepare=prepare) as p:
            await until(lambda: len({r[0] for r in p.sink.rows if r[2] == 192}) == 29)
            await until(lambda: p.state.troubles)
            assert list(p.state.troubles) == ["holding:22"]
            assert "exception 2, illegal data address" in p.state.troubles["holding:22"]
            assert "1 of 30 tags" in p.state.why
            assert "30 个测点中有 1 个" in p.state.why_zh
            assert p.sink.values("s_22") == [None]  # said once
            # The program of the device is changed: the register is there again.
            p.simulator.station.absent.clear()
            await until(lambda: p.sink.last("s_22")[1] == 192)
            await until(lambda: not p.state.troubles)

    asyncio.run(run())


@pytest.mark.fault
def test_a_silent_station_does_not_stop_its_neighbour() -> None:
    async def run() -> None:
        tags = (tag("1/holding:1", "near"), tag("2/holding:1", "far"))
        async with plant(*tags, units=(1, 2), framing="rtu", timeout_ms=100) as p:
            await until(lambda: p.sink.last("far")[1] == 192)
            p.simulator.stations[2].faults.late_s = 0.4
            await until(lambda: p.sink.last("far")[1] == 0)
            assert "station does not answer" in p.state.troubles["2/holding:1"]
            p.simulator.stations[1].put("holding", 1, 99)
            await until(lambda: p.sink.last("near") == (99.0, 192, ""))
            assert p.state.phase is Phase.CONNECTED
            # What it says too late is never taken for the value of another register.
            assert set(p.sink.values("near")) == {0.0, 99.0}
            p.simulator.stations[2].faults.late_s = 0.0
            await until(lambda: p.sink.last("far")[1] == 192)

    asyncio.run(run())


@pytest.mark.fault
def test_a_device_that_never_answers_is_said_in_words() -> None:
    async def run() -> None:

        def prepare(station: Station) -> None:
            station.faults.late_s = 0.5

        async with plant(tag("holding:1", "s"), timeout_ms=100, prepare=prepare) as p:
            await until(lambda: p.state.phase is Phase.FAILED)
            assert "station 1 at 127.0.0.1" in p.state.why
            assert "no answer within 100 ms" in p.state.why
            assert "站号 1" in p.state.why_zh
            p.simulator.station.faults.late_s = 0.0
            await until(lambda: p.state.phase is Phase.CONNECTED)

    asyncio.run(run())


@pytest.mark.fault
def test_a_busy_device_keeps_its_connection() -> None:
    async def run() -> None:
        async with plant(tag("holding:1", "s")) as p:
            await until(lambda: p.sink.last("s")[1] == 192)
            p.simulator.station.faults.exception = 6
            await until(lambda: p.sink.last("s") == (None, 0, ""))
            assert p.state.phase is Phase.CONNECTED
            assert "busy" in p.state.troubles["holding:1"]

    asyncio.run(run())


@pytest.mark.fault
def test_it_comes_back_after_the_device_was_off() -> None:
    async def run() -> None:
        async with plant(tag("holding:1", "s")) as p:
            await until(lambda: p.sink.last("s")[1] == 192)
            await p.simulator.stop()
            await until(lambda: p.state.phase is Phase.FAILED and "nothing listens" in p.state.why)
            assert "无人监听" in p.state.why_zh
            assert p.state.troubles == {"holding:1": "the device is not connected"}
            assert p.sink.last("s") == (None, 0, "")
            assert p.room.links() == []
            p.simulator.station.put("holding", 1, 5)
            await p.simulator.start()
            await until(lambda: p.sink.last("s") == (5.0, 192, ""))
            assert p.state.troubles == {}

    asyncio.run(run())


def test_changes_are_followed_without_a_restart() -> None:
    async def run() -> None:
        async with plant(tag("holding:1", "a")) as p:
            await until(lambda: p.sink.last("a")[1] == 192)
            p.simulator.station.put_float("holding", 8, 2.5)
            p.change(tag("holding:8:f32", "a"), tag("nonsense", "b"))  # another type, a wrong one
            await until(lambda: p.sink.last("a")[0] == 2.5)
            assert "[unit/]table:number" in p.state.troubles["nonsense"]
            p.change(enabled=False)
            await until(lambda: p.state.phase is Phase.OFF)
            p.change(enabled=True, options={"unit_id": 300})
            await until(lambda: p.state.phase is Phase.FAILED)
            assert "options.unit_id was '300'; 0 to 255 is allowed" in p.state.why
            p.book.drop("m")
            await until(lambda: not p.room.states())

    asyncio.run(run())


def test_a_deadband_keeps_small_moves_back() -> None:
    async def run() -> None:
        tags = (tag("holding:1", "still", deadband=5.0), tag("holding:2", "each"))
        async with plant(*tags) as p:
            for value in (10, 12, 14, 15, 16, 30):
                p.simulator.station.put("holding", 1, value, value)
                seen = p.sink.received
                await until(lambda seen=seen: p.sink.received > seen + 2)  # type: ignore[misc]
            moved = [v for v in p.sink.values("still") if v]
            assert moved == [10.0, 15.0, 30.0]
            assert len(p.sink.values("each")) > 12

    asyncio.run(run())


def test_writes_are_read_back() -> None:
    async def run() -> None:
        tags = (
            tag("holding:1:i16", "force_n", scale=0.1),
            tag("holding:2:f32:cdab", "temp_degc"),
            tag("coil:3", "door", kind=TagKind.TRUTH),
            tag("holding:5.4", "lamp", kind=TagKind.TRUTH),
            tag("holding:6:text:2", "code", kind=TagKind.TEXT),
            tag("input:1", "in", writable=False),
        )
        async with plant(*tags) as p:
            await until(lambda: p.state.phase is Phase.CONNECTED)
            station = p.simulator.station
            station.put("holding", 5, 0b100)
            force = await p.write("force_n", -12.5)
            assert force == {"written": -12.5, "read_back": -12.5, "agrees": True}
            assert station.tables["holding"][1] == 0x10000 - 125
            assert (await p.write("temp_degc", 61.25))["agrees"] is True
            assert station.tables["holding"][2:4] == [0, 0x4275]
            assert (await p.write("door", True))["read_back"] == 1
            assert (await p.write("lamp", 1))["agrees"] is True
            assert station.tables["holding"][5] == 0b10100  # its neighbours stay
            assert (await p.write("code", "X9"))["read_back"] == "X9"
            assert {a[0] for a in station.asked} >= {5, 6, 16}
            station.faults.writes_ignored = True
            lost = await p.write("force_n", 3.0)
            assert lost == {"written": 3.0, "read_back": -12.5, "agrees": False}
            with pytest.raises(RefusedError, match="not writable"):
                await p.write("in", 1)
            with pytest.raises(RefusedError, match="-32768 to 32767"):
                await p.write("force_n", 1e9)
            with pytest.raises(NotFoundError, match="no Modbus tag"):
                await p.write("other", 1)
            with pytest.raises(RefusedError, match="a Modbus device takes"):
                await p.room.command("M7", {"command": "query"})
            station.faults.exception = 4
            with pytest.raises(LinkError, match=r"nothing was written: .*server device failure"):
                await p.write("force_n", 1)

    asyncio.run(run())


def test_writes_that_are_always_of_many() -> None:
    async def run() -> None:
        tags = (tag("holding:1", "s"), tag("coil:1", "c", kind=TagKind.TRUTH))
        async with plant(*tags, single_writes=False) as p:
            await until(lambda: p.state.phase is Phase.CONNECTED)
            await p.write("s", 9)
            await p.write("c", 1)
            asked = {a[0] for a in p.simulator.station.asked}
            assert asked >= {15, 16}
            assert not asked & {5, 6}

    asyncio.run(run())


def test_browsing_shows_what_answers() -> None:
    async def run() -> None:
        async with plant() as p:
            await until(lambda: p.state.phase is Phase.CONNECTED)
            assert "no tags yet" in p.state.why
            root = await p.room.browse("m", "")
            assert [f.address for f in root] == ["coil", "discrete", "input", "holding"]
            ranges = await p.room.browse("m", "holding")
            assert ranges[1].address == "holding@100"
            p.simulator.station.put("holding", 3, 77)
            p.simulator.station.absent["holding"] = set(range(25, 4000))
            found = await p.room.browse("m", "holding@0")
            assert (found[3].address, found[3].value, found[3].writable) == (
                "holding:3",
                "77",
                True,
            )
            assert 12 <= len(found) <= 25
            with pytest.raises(NotFoundError, match="the root shows coil"):
                await p.room.browse("m", "files")
            with pytest.raises(NotFoundError, match="no such connection"):
                await p.room.browse("x", "")

    asyncio.run(run())


@pytest.mark.fault
def test_a_full_intake_slows_the_polling() -> None:
    async def run() -> None:
        async with plant(tag("holding:1", "s")) as p:
            await until(lambda: p.sink.received > 0)
            gate, put = threading.Event(), p.sink.put
            p.sink.put = lambda d: (gate.wait(10), put(d))[1]  # type: ignore[method-assign]
            await asyncio.sleep(0.1)
            before = len(p.simulator.station.asked)
            await asyncio.sleep(0.4)
            assert len(p.simulator.station.asked) <= before + 1
            gate.set()
            await until(lambda: len(p.simulator.station.asked) > before + 3)

    asyncio.run(run())


def cases() -> list[dict[str, str]]:
    found = []
    for name in ("frames.tsv", "writes.tsv"):
        with (HERE / name).open(encoding="utf-8", newline="") as f:
            found += list(csv.DictReader(f, delimiter="\t"))
    return found


@pytest.mark.parametrize("case", cases(), ids=lambda c: c["name"])
def test_the_wire_carries_the_printed_frames(case: dict[str, str]) -> None:
    """A server that knows nothing but the specification's bytes: our requests must be those."""
    request, response = (bytes.fromhex(case[n]) for n in ("request", "response"))
    is_write = request[0] in (5, 6, 15, 16)
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(7)
                transaction, _, length, unit = struct.unpack(">HHHB", head)
                pdu = await reader.readexactly(length - 1)
                heard.append(pdu)
                answer = response if pdu == request else bytes((pdu[0] | 0x80, 2))
                writer.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        connection = Connection("m", "modbus", endpoint=f"127.0.0.1:{port}",
                                options={"first": int(case["first"])})  # fmt: skip
        table, _, number = case["address"].partition(":")
        tags = [tag(case["address"], "s")]
        if not is_write:  # as many neighbours as the printed request reads
            count = struct.unpack(">H", request[3:5])[0]
            tags = [tag(f"{table}:{int(number) + n}", f"s_{n}") for n in range(count)]
        sink = Sink()
        book = TagMemory([connection], tags)
        room = await driver.start(ModbusSettings(), Wiring(sink, None, book))  # type: ignore[arg-type]
        try:
            if is_write:
                await until(room.states)
                await until(lambda: heard)
                with contextlib.suppress(LinkError):  # it cannot be read back here
                    await room.command("M7", {"do": "write", "signal": "s",
                                              "value": int(case["value"])})  # fmt: skip
                assert request in heard
            else:
                await until(lambda: len({r[0] for r in sink.rows}) == len(tags))
                assert heard[0] == request
                wanted = [float(r) for r in case["registers"].split()]
                assert [sink.last(f"s_{n}")[0] for n in range(len(wanted))] == wanted
        finally:
            await room.stop()
            server.close()

    asyncio.run(run())
