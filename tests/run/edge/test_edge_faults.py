"""Edge and centre killed at random: every value that was measured is stored, and once."""

import random
import time
from pathlib import Path

import pytest

from tests.brokers import Broker
from tests.faults import lengths
from tests.faults.judging import Watch
from tests.faults.telling import Teller
from tests.run.edge.plants import EdgeProcess, centre, port, wait_until

CONNECTION = '[[connection]]\nkey = "line"\nroom = "sparkplug"\nendpoint = "{}"\n'


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.timeout(lengths.LIFE_S)
def test_edge_and_centre_killed_at_random(tmp_path: Path) -> None:
    noise, watch = random.Random(4), Watch()
    push = port()
    broker = Broker(tmp_path / "broker").start()
    engine = centre(tmp_path / "centre", push).start()
    edge = EdgeProcess(tmp_path / "edge", push, CONNECTION.format(broker.endpoint)).start()
    teller = Teller(broker.port)
    victims = ["edge", "centre"] * lengths.EDGE_AND_CENTRE
    noise.shuffle(victims)
    try:
        assert wait_until(lambda: edge.status()["connections"][0]["phase"] == "connected")
        teller.start()
        for name in victims:
            time.sleep(noise.uniform(0.2, 2.0))
            victim = edge if name == "edge" else engine
            victim.kill()
            watch.kills[name] += 1
            time.sleep(noise.uniform(0, 0.5))
            victim.start()
        teller.judge(engine, watch)
        assert wait_until(lambda: edge.status()["buffer"]["rows_waiting"] == 0)
    finally:
        teller.stop()
        edge.stop()
        engine.stop()
        broker.stop()
