"""A server of machines killed at random moments while it serves: every value received counts once.

The server is a process of its own. It numbers its values, and each value's device time is its
number, so what was stored can be compared with what was handed over, value by value.
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from millbrain.connect.opcua import link
from millbrain.connect.opcua.simulator import Simulator, free_port
from millbrain.hands import links
from millbrain.record.ledger import Ledger
from tests.connect.opcua.plants import Plant, press, tag, wait_until
from tests.engines import Process

pytestmark = pytest.mark.fault

KILLS = 20 if os.environ.get("MILLBRAIN_FAULTS") == "long" else 3


class Server:
    """The simulated press as a process, killed without a word."""

    def __init__(self) -> None:
        self.port = free_port()
        self.endpoint = f"opc.tcp://127.0.0.1:{self.port}/press"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "millbrain.connect.opcua.simulator",
                   "--port", str(self.port), "--period", "0.005"]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    yield served
    served.kill()


@pytest.mark.parametrize("kills", [KILLS])
def test_a_server_killed_at_random_moments(
    kills: int, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "FOLLOW_S", 0.05)
    monkeypatch.setattr("millbrain.core.limits.OPCUA_RETRY_S_MAX", 0.5)
    monkeypatch.setattr(link, "REFUSED_AGAIN_S", 0.5)
    chance = random.Random(20)
    plant = Plant(tmp_path)
    try:
        plant.register.put(press(server.endpoint), [tag("speed_rpm"), tag("good_count")])
        for _ in range(kills):
            server.start()
            before = len(plant.store.rows)
            assert wait_until(lambda n=before: len(plant.store.rows) > n + 20, 60), (
                plant.state().why
            )
            time.sleep(chance.uniform(0, 0.4))
            server.kill()
            assert wait_until(lambda: not plant.is_up())
        store = plant.store
        assert sum(store.received.values()) == len(store.rows) + len(store.letters)
        times = Counter((r.signal, r.device_ms) for r in store.rows)
        # A press turns at most once in 5 ms: the same millisecond twice would be the same value.
        assert max(times.values()) == 1
        assert not store.letters
    finally:
        plant.stop()


@pytest.mark.slow
@pytest.mark.parametrize("kills", [20 if KILLS == 20 else 2])
def test_an_engine_killed_while_values_come(kills: int, tmp_path: Path) -> None:
    """What the engine missed comes from the server's history; each value is stored once."""
    machine = Simulator(history=["good_count"]).start()
    engine = Process("engine", tmp_path, ("--port", "0"))
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    ledger.migrate()
    ledger.tags.put_connection(press(machine.endpoint, history=True))
    ledger.tags.put_tags([tag("good_count")])
    ledger.close()
    chance, count = random.Random(4), 0
    stored = "SELECT count(), uniqExact(value), ifNull(max(value), 0) FROM reading WHERE value > 0"

    def told() -> list[int]:
        return [int(float(n)) for n in engine.sql(stored)[0]]

    try:
        for turn in range(kills + 1):
            engine.start()
            until = time.monotonic() + 30
            seen = count
            while time.monotonic() < until and told()[2] <= seen:
                count += 1
                machine.put("good_count", count)
                time.sleep(0.02)
            for _ in range(chance.randint(20, 150)):
                count += 1
                machine.put("good_count", count)
                time.sleep(0.005)
            if turn < kills:
                engine.kill()
        assert wait_until(lambda: told() == [count, count, count], 60), (told(), count)
    finally:
        engine.stop()
        machine.stop()
