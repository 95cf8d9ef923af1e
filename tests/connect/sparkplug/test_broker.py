"""A broker that is set up as the README says hands over what it kept, and soon."""

import re
import time
from pathlib import Path

import pytest

from millbrain.connect.sparkplug.simulator import EdgeNode, SimulatedMetric
from millbrain.core.plant.tags import Connection
from millbrain.hands.tag_memory import TagMemory
from tests.brokers import CONFIG, Broker
from tests.conftest import ROOT
from tests.connect.sparkplug.plant import Store, house, wait_until

KEPT = 10_000
WAIT_S = 60  # 3 s on an idle machine; minutes where each message writes all that waits
START_MS = 1_700_000_000_000


def test_tests_and_readme_have_the_same_settings() -> None:
    readme = (ROOT / "millbrain/connect/sparkplug/README.md").read_text("utf-8")
    block = next(b for b in re.findall(r"```\n(.*?)```", readme, re.S) if "persistence" in b)
    assert set(block.split("\n")) <= set(CONFIG.split("\n"))


@pytest.mark.slow
def test_a_broker_hands_over_what_it_kept(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker").start()
    book = TagMemory([Connection("line", "sparkplug", endpoint=broker.endpoint)])
    store = Store()
    node = EdgeNode("127.0.0.1", broker.port, "G", "N", {"M": [SimulatedMetric("X", 1)]}, qos=1)
    try:
        with house(tmp_path / "room", book, store) as first:
            assert wait_until(lambda: first.state().phase == "connected")
            node.start()
            assert wait_until(lambda: store.rows)
        began = time.monotonic()
        wanted = {START_MS + i for i in range(KEPT)}
        for at_ms in sorted(wanted):
            node.tell("M", {"X": 1.0}, at_ms)
        with house(tmp_path / "room", book, store):
            assert wait_until(lambda: wanted <= store.instants(), WAIT_S)
        assert time.monotonic() - began < WAIT_S
    finally:
        node.stop()
        broker.stop()
