"""A room that ends before its commits: what was not stored was not acknowledged; it comes again."""

import time
from pathlib import Path

import pytest

from millbrain.connect.sparkplug.simulator import EdgeNode, SimulatedMetric
from millbrain.core.plant.tags import Connection
from millbrain.hands.tag_memory import TagMemory
from tests.brokers import Broker
from tests.connect.sparkplug.plant import Store, house, wait_until


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
