"""Edge, centre and broker killed at random: every value that was measured is stored, and once."""

import os
import random
import threading
import time
from pathlib import Path

import pytest

from millbrain.connect.sparkplug.simulator import EdgeNode, SimulatedMetric
from tests.brokers import Broker
from tests.run.edge.plants import EdgeProcess, centre, port, wait_until

CONNECTION = '[[connection]]\nkey = "line"\nroom = "sparkplug"\nendpoint = "{}"\n'

LONG = os.environ.get("MILLBRAIN_FAULTS") == "long"
KILLS = 20 if LONG else 3


def kill_and_count(folder: Path, kills: int, seed: int) -> None:
    """Kill edge or engine so often at random moments; count in the engine's own table."""
    noise = random.Random(seed)
    push = port()
    broker = Broker(folder / "broker").start()
    engine = centre(folder / "centre", push).start()
    edge = EdgeProcess(folder / "edge", push, CONNECTION.format(broker.endpoint)).start()
    node = EdgeNode("127.0.0.1", broker.port, "G", "N", {"M": [SimulatedMetric("X", 1)]}, qos=1)
    told: list[int] = []
    done = threading.Event()

    def measure() -> None:
        while not done.wait(0.01):
            at_ms = max(time.time_ns() // 1_000_000, told[-1] + 1 if told else 0)
            told.append(at_ms)
            node.tell("M", {"X": float(len(told))}, at_ms)

    measuring = threading.Thread(target=measure)
    try:
        assert wait_until(lambda: edge.status()["connections"][0]["phase"] == "connected")
        node.start()
        measuring.start()
        for _ in range(kills):
            time.sleep(noise.uniform(0.2, 2.0))
            victim = noise.choice((edge, engine))
            victim.kill()
            time.sleep(noise.uniform(0, 0.5))
            victim.start()
        done.set()
        measuring.join()
        where = "FROM reading WHERE thing = 'M' AND value IS NOT NULL"
        assert wait_until(
            lambda: engine.number(f"SELECT uniqExact(device_at) {where}") >= len(told), 90
        )
        assert engine.number(f"SELECT count() {where}") == len(told)
        stored = engine.sql(f"SELECT toUnixTimestamp64Milli(device_at) {where} ORDER BY 1")
        assert [int(row[0]) for row in stored] == told
        assert wait_until(lambda: edge.status()["buffer"]["rows_waiting"] == 0)
    finally:
        done.set()
        node.stop()
        edge.stop()
        engine.stop()
        broker.stop()


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.timeout(1800 if LONG else 300)
def test_edge_and_centre_killed_at_random(tmp_path: Path) -> None:
    kill_and_count(tmp_path, KILLS, 4)
