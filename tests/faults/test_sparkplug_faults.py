"""The engine killed at random while an edge node tells through a broker: all is stored, once."""

import os
import random
import threading
import time
from pathlib import Path

import pytest

from millbrain.connect.sparkplug.simulator import EdgeNode, SimulatedMetric
from millbrain.core.plant.tags import Connection
from millbrain.record.ledger import Ledger
from tests.brokers import Broker
from tests.engines import Process

WAIT_S_MAX = 120

LONG = os.environ.get("MILLBRAIN_FAULTS") == "long"
KILLS = 20 if LONG else 3


def kill_and_count(folder: Path, kills: int, seed: int) -> None:
    noise = random.Random(seed)
    broker = Broker(folder / "broker").start()
    data = folder / "data"
    data.mkdir()
    ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    ledger.migrate()
    ledger.tags.put_connection(Connection("line", "sparkplug", endpoint=broker.endpoint))
    ledger.close()
    engine = Process("engine", data, ("--no-auth-peers", "--port", "0"))
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
        engine.start()
        time.sleep(1)  # the engine subscribes; what is told before is not ours
        node.start()
        measuring.start()
        for _ in range(kills):
            time.sleep(noise.uniform(0.1, 2.0))
            engine.kill()
            time.sleep(noise.uniform(0, 0.5))
            engine.start()
        done.set()
        measuring.join()
        where = "FROM reading WHERE thing = 'M' AND value IS NOT NULL"
        end = time.monotonic() + WAIT_S_MAX
        while engine.number(f"SELECT uniqExact(device_at) {where}") < len(told):
            assert time.monotonic() < end, "values are missing"
            time.sleep(0.5)
        stored = engine.sql(f"SELECT toUnixTimestamp64Milli(device_at) {where} ORDER BY 1")
        assert [int(row[0]) for row in stored] == told
    finally:
        done.set()
        node.stop()
        engine.stop()
        broker.stop()


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.timeout(1800 if LONG else 300)
def test_engine_killed_at_random(tmp_path: Path) -> None:
    kill_and_count(tmp_path, KILLS, 7)
