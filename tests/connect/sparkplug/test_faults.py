"""The broker killed at random while an edge node tells: every value is stored, and once."""

import os
import random
import threading
import time
from pathlib import Path

import pytest

from millbrain.connect.sparkplug.simulator import EdgeNode, SimulatedMetric
from millbrain.core.plant.tags import Connection
from millbrain.hands.tag_memory import TagMemory
from tests.brokers import Broker
from tests.connect.sparkplug.plant import Store, house, wait_until

LONG = os.environ.get("MILLBRAIN_FAULTS") == "long"
KILLS = 20 if LONG else 3


def kill_and_count(folder: Path, kills: int, seed: int) -> None:
    """Kill the broker so often at random moments; all that was measured must be stored once."""
    broker = Broker(folder / "broker").start()
    try:
        _kill_and_count(folder, broker, kills, random.Random(seed))
    finally:
        broker.stop()


def _kill_and_count(folder: Path, broker: Broker, kills: int, noise: random.Random) -> None:
    options = {"host_id": "mb"}
    book = TagMemory([Connection("line", "sparkplug", endpoint=broker.endpoint, options=options)])
    store = Store()
    node = EdgeNode("127.0.0.1", broker.port, "G", "N", {"M": [SimulatedMetric("X", 1)]},
                    host_id="mb", qos=1)  # fmt: skip
    told: list[int] = []
    done = threading.Event()

    def measure() -> None:
        while not done.wait(0.01):
            at_ms = time.time_ns() // 1_000_000
            told.append(at_ms)
            node.tell("M", {"X": float(len(told))}, at_ms)

    measuring = threading.Thread(target=measure)
    with house(folder / "room", book, store):
        node.start()
        measuring.start()
        try:
            for _ in range(kills):
                time.sleep(noise.uniform(0.1, 1.5))
                broker.kill()
                time.sleep(noise.uniform(0, 0.5))
                broker.start()
            assert wait_until(lambda: node.online and node.host_online, 30)
        finally:
            done.set()
            measuring.join()
        assert wait_until(lambda: set(told) <= store.instants(), 60)
        assert store.balanced()
        assert not store.rejected
        node.stop()


@pytest.mark.fault
@pytest.mark.timeout(1800 if LONG else 300)
def test_broker_killed_at_random_loses_and_doubles_nothing(tmp_path: Path) -> None:
    kill_and_count(tmp_path, KILLS, 1)


@pytest.mark.fault
def test_nothing_is_acknowledged_before_it_is_stored(tmp_path: Path) -> None:
    """A room that ends before its commits gets all of it again in its next life."""
    broker = Broker(tmp_path / "broker").start()
    options = {"client_id": "twice"}
    book = TagMemory([Connection("line", "sparkplug", endpoint=broker.endpoint, options=options)])
    lost, kept = Store(), Store()
    node = EdgeNode("127.0.0.1", broker.port, "G", "N", {"M": [SimulatedMetric("X", 1)]}, qos=1)
    with house(tmp_path / "room", book, lost) as first:
        assert wait_until(lambda: first.state().phase == "connected")
        node.start()
        assert wait_until(lambda: lost.rows)
        lost.put = lambda delivery: None  # type: ignore[method-assign]  # a disk that takes nothing
        for i in range(50):
            node.tell("M", {"X": float(i)}, 1_700_000_000_000 + i)
        time.sleep(0.5)
    with house(tmp_path / "room", book, kept):
        for i in range(50, 100):
            node.tell("M", {"X": float(i)}, 1_700_000_000_000 + i)
        wanted = {1_700_000_000_000 + i for i in range(100)}
        assert wait_until(lambda: wanted <= kept.instants(), 40)
        told = [r for r in kept.rows.values() if r["value"] is not None]
        assert {r["quality"] for r in told} == {192}  # the broker kept our session: no doubt
        assert kept.balanced()
        assert not kept.rejected
    node.stop()
    broker.stop()
