"""What every driver that listens owes the house, tried with bytes that mean nothing to it."""

import asyncio
import importlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from millbrain.core.columns import Delivery, Ragged
from millbrain.core.rooms import Driver, Running, Wiring
from millbrain.hands.tag_memory import TagMemory
from millbrain.run.discovery import drivers
from millbrain.run.settings import LOOPBACK, Settings

LISTENING = [room for room in drivers() if room.port]


class Everyone:
    """Peers: any account may log in, nobody has a key."""

    def check(self, user: str, password: str) -> bool:
        return True

    def keys(self, user: str) -> Mapping[str, bytes]:
        return {}

    def foreign(self) -> frozenset[str]:
        return frozenset()

    def signers(self) -> frozenset[str]:
        return frozenset()


class Counting:
    """A sink that counts what it is given; while `gate` is closed, `put` waits."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.received = 0
        self.accounted = 0

    def put(self, delivery: Delivery) -> None:
        self.gate.wait(60)
        self.received += sum(delivery.received.values())
        self.accounted += sum(letter.frames for letter in delivery.rejected)
        for columns in delivery.tables.values():
            counts = columns.values["frame_count"]
            assert not isinstance(counts, Ragged)
            self.accounted += int(np.sum(counts))
        if delivery.on_commit:
            delivery.on_commit()


class House:
    """A room's driver, running in an event loop of its own thread."""

    def __init__(self, room: Driver) -> None:
        self.sink = Counting()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        module, _, name = room.start.partition(":")
        section = getattr(Settings(), room.key).model_copy(update={"port": 0})
        start = getattr(importlib.import_module(module), name)
        self.driver: Running = self.run(start(section, Wiring(self.sink, Everyone(), TagMemory())))

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def connect(self) -> socket.socket:
        return socket.create_connection((LOOPBACK, self.driver.port), timeout=10)

    def links(self) -> int:
        async def count() -> int:
            return len(self.driver.links())

        return int(self.run(count()))

    def stop(self) -> None:
        self.sink.gate.set()
        self.run(self.driver.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture(params=LISTENING, ids=lambda room: room.key)
def running(request: pytest.FixtureRequest) -> Iterator[House]:
    started = House(request.param)
    yield started
    started.stop()


def wait_until(what: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


def test_driver_says_which_port_it_took(running: House) -> None:
    assert 0 < running.driver.port < 65_536
    assert running.links() == 0


def test_links_that_come_and_go_leave_nothing_behind(running: House) -> None:
    for _ in range(3):
        sockets = [running.connect() for _ in range(50)]
        assert wait_until(lambda: running.links() == 50)
        for s in sockets:
            s.close()
        assert wait_until(lambda: running.links() == 0)


def test_senseless_bytes_are_accounted_and_the_port_stays_open(running: House) -> None:
    noise = random.Random(7)
    for size in (1, 30, 2_000, 300_000):
        with running.connect() as link:
            assert wait_until(lambda: running.links() == 1)
            link.sendall(noise.randbytes(size))
        assert wait_until(lambda: running.links() == 0)
    sink = running.sink
    assert wait_until(lambda: 0 < sink.received == sink.accounted)
    with running.connect():
        assert wait_until(lambda: running.links() == 1)


def test_stop_closes_the_port(running: House) -> None:
    port = running.driver.port
    with running.connect():
        assert wait_until(lambda: running.links() == 1)
        running.run(running.driver.stop())
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((LOOPBACK, port), timeout=5)
