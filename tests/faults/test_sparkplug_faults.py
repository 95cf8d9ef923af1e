"""Engine or broker killed at random while an edge node tells: every value is stored, once.

All that the node measures is accepted: what it tells while it is connected waits at the broker, the
rest it keeps itself and tells as historical.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from millbrain.core.plant.tags import Connection
from millbrain.record.ledger import Ledger
from tests.brokers import Broker
from tests.engines import Process
from tests.faults import lengths
from tests.faults.judging import Watch
from tests.faults.telling import Teller

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(lengths.LIFE_S)]
HOST = "mb"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    running = Broker(tmp_path / "broker").start()
    yield running
    running.stop()


@pytest.fixture
def engine(tmp_path: Path, broker: Broker, request: pytest.FixtureRequest) -> Iterator[Process]:
    """An engine that listens to the broker as the primary host that the parameter names."""
    data = tmp_path / "data"
    data.mkdir()
    options = {"host_id": request.param} if request.param else {}
    ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    ledger.migrate()
    ledger.tags.put_connection(
        Connection("line", "sparkplug", endpoint=broker.endpoint, options=options)
    )
    ledger.close()
    running = Process("engine", data, ("--no-auth-peers", "--port", "0")).start()
    yield running
    running.stop()


@pytest.mark.parametrize("engine", [""], indirect=True)
def test_engine_killed_at_random(engine: Process, broker: Broker) -> None:
    time.sleep(1)  # the engine subscribes; what is told before is not ours
    _killed("engine", engine, engine, Teller(broker.port), lengths.ENGINE_OF_SPARKPLUG, 2.0, seed=7)


@pytest.mark.parametrize("engine", [HOST], indirect=True)
def test_broker_killed_at_random(engine: Process, broker: Broker) -> None:
    _killed("broker", broker, engine, Teller(broker.port, HOST), lengths.BROKER, 1.5, seed=1)


def _killed(
    name: str, victim: Process | Broker, engine: Process, teller: Teller, kills: int,
    alive_s: float, *, seed: int,
) -> None:  # fmt: skip
    """Kill a process again and again while a machine tells; each life lasts at most `alive_s`."""
    noise, watch = random.Random(seed), Watch()
    try:
        teller.start()
        for _ in range(kills):
            time.sleep(noise.uniform(0.1, alive_s))
            victim.kill()
            watch.kills[name] += 1
            time.sleep(noise.uniform(0, 0.5))
            victim.start()
        teller.judge(engine, watch)
    finally:
        teller.stop()
