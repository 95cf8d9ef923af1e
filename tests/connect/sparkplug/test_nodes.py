"""The life of an edge node: sequence, gaps, doubt, deaths; no broker and no clock."""

import numpy as np

from millbrain.connect.sparkplug.births import Names
from millbrain.connect.sparkplug.messages import (
    Message,
    address,
    command_topic,
    read_address,
    read_topic,
)
from millbrain.connect.sparkplug.nodes import Node
from millbrain.core import limits

NOW = 1_700_000_000_000
NOTHING = Names({}, np.zeros(0, np.uint64), np.zeros(0, np.int64))


def message(number: int = 0) -> Message:
    return Message(1, number, 1, "spBv1.0/g/NDATA/n", b"x" * 10, NOW)


def test_numbers_run_to_255_and_begin_again() -> None:
    node = Node("g/n")
    node.begin(254, None, NOW)
    assert node.step(message(), 255, NOW)
    assert node.step(message(), 0, NOW)
    assert node.step(message(), 1, NOW)
    assert not node.early


def test_an_early_message_waits_for_its_turn() -> None:
    node = Node("g/n")
    node.begin(0, None, NOW)
    late, early = message(1), message(2)
    assert not node.step(early, 2, NOW)
    assert node.next_early() is None
    assert node.step(late, 1, NOW)
    assert node.next_early() is early
    assert node.step(early, 2, NOW)
    assert list(node.due(NOW + 60_000)) == []
    assert not node.doubt_ms


def test_a_gap_that_stays_becomes_a_doubt_and_frees_what_waited() -> None:
    node = Node("g/n")
    node.begin(0, None, NOW)
    waiting = [message(n) for n in (3, 2)]
    for seq, m in zip((3, 2), waiting, strict=True):
        assert not node.step(m, seq, NOW)
    assert list(node.due(NOW + limits.SPARKPLUG_REORDER_MS - 1)) == []
    assert list(node.due(NOW + limits.SPARKPLUG_REORDER_MS)) == waiting[::-1]
    assert node.doubt_ms
    assert all(m.doubtful for m in waiting)
    assert node.expected == 4


def test_a_message_sent_again_is_no_gap() -> None:
    node = Node("g/n")
    node.begin(9, None, NOW)
    assert node.step(message(), 5, NOW)
    assert node.expected == 10


def test_what_waits_is_bounded_and_its_oldest_goes_on() -> None:
    node = Node("g/n")
    out = [
        m for n in range(limits.SPARKPLUG_HELD_MAX + 3) for m in node.hold("g/n", message(n), NOW)
    ]
    assert [m.mid for m in out] == [0, 1, 2]
    assert all(m.final for m in out)
    assert len(node.release("g/n")) == limits.SPARKPLUG_HELD_MAX


def test_what_waits_too_long_goes_on_as_it_is() -> None:
    node = Node("g/n")
    node.hold("g/n", message(1), NOW)
    node.hold("g/n", message(2), NOW + 10)
    assert [m.mid for m in node.due(NOW + limits.SPARKPLUG_BIRTH_MS)] == [1]


def test_rebirths_are_asked_for_more_and_more_seldom() -> None:
    node = Node("g/n")
    asked = [at for at in range(0, 300_000, 1_000) if node.may_ask(NOW + at)]
    assert asked[:4] == [0, 10_000, 30_000, 70_000]
    assert len(asked) <= 8


def test_death_of_a_node_is_that_of_its_devices_and_a_birth_awaits_theirs() -> None:
    node = Node("g/n")
    node.begin(0, 4, NOW)
    device = node.scope("g/n/d")
    device.names, device.online = NOTHING, True
    node.end(NOW + 5)
    assert (node.online, device.online, device.since_ms) == (False, False, NOW + 5)
    node.begin(0, 5, NOW + 6)
    assert device.names is None
    assert device.previous is NOTHING


def test_topics_and_addresses() -> None:
    topic = read_topic("spBv1.0/g/DDATA/n/d")
    assert topic is not None
    assert (topic.kind, topic.node, topic.scope) == ("DDATA", "g/n", "g/n/d")
    for wrong in ("spBv1.0/g/NDATA/n/d", "spBv1.0/g/DDATA/n", "spBv1.0/STATE/h", "spBv1.0/g/NCMD/n",
                  "spBv1.0/g/XDATA/n", "a/b/NDATA/c", "spBv1.0//NDATA/n"):  # fmt: skip
        assert read_topic(wrong) is None, wrong
    assert command_topic("g/n/d") == "spBv1.0/g/DCMD/n/d"
    for scope in ("g/n", "g:1/n%3A/d:d"):
        assert read_address(address(scope, "a/b: c")) == (scope, "a/b: c")
    assert read_address("plant/x#y") == ("", "")
