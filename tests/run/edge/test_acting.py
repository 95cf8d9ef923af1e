"""A rule that writes at a real OPC UA server, while the centre is away."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millbrain.connect.opcua.simulator import NAMESPACE, Simulator
from millbrain.core.times import utc_from_epoch
from millbrain.run.edge.buffer import Bounds, Buffer
from millbrain.run.edge.expressions import Expression
from millbrain.run.edge.rules import Action, Local, Rule
from tests.run.edge.plants import EdgeProcess, port, wait_until
from tests.run.edge.test_rules import Names, feed

NODE = f"nsu={NAMESPACE};s=Press"
SETTINGS = f"""
[[connection]]
key = "press"
room = "opcua"
endpoint = "ENDPOINT"
options = {{publishing_ms = 50}}
[[connection.tag]]
address = "{NODE}.speed_rpm"
thing = "P1"
signal = "speed_rpm"
period_ms = 50
[[connection.tag]]
address = "{NODE}.good_count"
thing = "P1"
signal = "good_count"
period_ms = 50
[[connection.tag]]
address = "{NODE}.count_set"
thing = "P1"
signal = "count_set"
writable = true
[[rule]]
signal = "too_fast"
when = "speed_rpm > 2000"
action = {{signal = "count_set", value = 7}}
[[rule]]
signal = "forbidden"
when = "speed_rpm > 3000"
action = {{signal = "good_count", value = 0}}
"""


@pytest.fixture
def machine() -> Iterator[Simulator]:
    served = Simulator().start()
    yield served
    served.stop()


@pytest.fixture
def edge(machine: Simulator, tmp_path: Path) -> Iterator[EdgeProcess]:
    running = EdgeProcess(tmp_path, port(), SETTINGS.replace("ENDPOINT", machine.endpoint)).start()
    try:
        assert wait_until(lambda: any(c["values"] for c in running.status()["connections"]), 60)
        yield running
    finally:
        if running.process and running.process.poll() is None:
            running.stop()


def outcome(edge: EdgeProcess, rule: str) -> dict[str, Any]:
    """Wait for an order of a rule and return what became of it."""
    found: list[dict[str, Any]] = []

    def is_told() -> bool:
        found[:] = [a for a in edge.status()["actions"] if a["rule"] == rule]
        return bool(found)

    assert wait_until(is_told)
    return found[-1]


@pytest.mark.slow
def test_a_rule_writes_and_reads_back(machine: Simulator, edge: EdgeProcess) -> None:
    assert machine.value("count_set") == 5
    machine.put("speed_rpm", 2500.0)
    assert outcome(edge, "too_fast")["agrees"]
    assert machine.value("count_set") == 7
    machine.put("speed_rpm", 3500.0)
    refused = outcome(edge, "forbidden")
    assert not refused["agrees"]
    assert "not writable" in refused["why"]
    assert edge.stop() == 0
    buffer = Buffer(edge.folder / "data" / "buffer.sqlite", Bounds(1 << 30, 3600))
    kept = {signal for _, signal in buffer.names.values()}
    buffer.close()
    assert {"too_fast", "too_fast_action", "forbidden", "forbidden_action"} <= kept


@pytest.mark.slow
def test_what_came_late_orders_nothing(machine: Simulator, edge: EdgeProcess) -> None:
    machine.put("speed_rpm", 2500.0, at=utc_from_epoch(time.time() - 3600))
    assert "s late; 30 s are allowed" in outcome(edge, "too_fast")["why"]
    assert machine.value("count_set") == 5


def test_a_rule_is_raised_each_time_it_becomes_true() -> None:
    names = Names()
    rule = Rule("*", "hot", Expression("x > 80"), action=Action("feed_enable", 0))
    local = Local(names, [rule], [], [])
    feed(local, names, [("x", t, v) for t, v in enumerate((81, 82, 70, 83))])
    assert [(r.thing, (r.at_ms // 1000) % 10) for r in local.raised()] == [("M1", 0), ("M1", 3)]
    assert local.raised() == []
