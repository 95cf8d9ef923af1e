"""The room against a real broker: births, data, deaths, rebirths, writes, wrong things."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from millbrain.connect.sparkplug import fields
from millbrain.connect.sparkplug.messages import state_topic
from millbrain.connect.sparkplug.simulator import EdgeNode, SimulatedMetric
from millbrain.core.errors import NotFoundError, RefusedError
from millbrain.core.plant.tags import Connection, Phase
from millbrain.hands.tag_memory import TagMemory
from tests.brokers import Broker
from tests.connect.sparkplug.plant import House, Store, house, wait_until

METRICS = {
    "": [SimulatedMetric("Load", 1)],
    "M07": [
        SimulatedMetric("Spindle/Speed", 10, unit="r/min"),
        SimulatedMetric("State", 11, fields.STRING),
        SimulatedMetric("Good", 12, fields.INT32),
    ],
}
JSON_RULE = '[{"topic": "meters/{meter}", "thing": "{meter}", "device_at": "at"}]'


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    running = Broker(tmp_path_factory.mktemp("broker")).start()
    yield running
    running.stop()


@pytest.fixture
def running(broker: Broker, tmp_path: Path) -> Iterator[House]:
    options = {"host_id": "mb", "client_id": tmp_path.name, "json": JSON_RULE, "session_h": 0}
    book = TagMemory([Connection("line", "sparkplug", endpoint=broker.endpoint, options=options)])
    with house(tmp_path, book, Store()) as opened:
        assert wait_until(lambda: opened.state().phase is Phase.CONNECTED)
        yield opened


@pytest.fixture
def node(broker: Broker, running: House, tmp_path: Path) -> Iterator[EdgeNode]:
    started = EdgeNode("127.0.0.1", broker.port, "G", tmp_path.name[-30:], METRICS, qos=1).start()
    assert wait_until(lambda: len(running.book.all_tags()) >= 4)
    yield started
    started.stop()


def tell(house: House, node: EdgeNode, value: float) -> bool:
    """Tell a speed and wait until it is stored."""
    node.tell("M07", {"Spindle/Speed": value})
    store = house.store
    return wait_until(
        lambda: any(r["value"] == value for r in store.of("M07", "spindle_speed_rpm"))
    )


def test_births_become_tags_and_data_readings(running: House, node: EdgeNode) -> None:
    tags = {t.address.rpartition(":")[2]: t for t in running.book.all_tags()}
    speed = tags["Spindle/Speed"]
    assert (speed.thing, speed.signal, speed.unit) == ("M07", "spindle_speed_rpm", "r/min")
    assert (tags["State"].kind, tags["Load"].thing) == ("text", node.name)
    node.tell("M07", {"Spindle/Speed": 1200.5, "State": "运行", "Good": -3})
    assert wait_until(lambda: any(r["value"] == -3 for r in running.store.of("M07", "good")))
    assert running.store.of("M07", "state")[-1]["text"] == "运行"
    assert running.store.of("M07", "spindle_speed_rpm")[-1] == {
        "value": 1200.5, "text": "", "quality": 192
    }  # fmt: skip
    assert running.store.balanced()
    assert running.state().troubles == {}


def test_the_tree_shows_what_was_heard(running: House, node: EdgeNode) -> None:
    assert running.state().why == running.state().why_zh == ""

    def below(where: str) -> list[str]:
        return [f.address for f in running.run(running.driver.browse("line", where))]

    assert below("") == ["G"]
    here = f"G/{node.name}"
    assert below("G") == [here]
    assert below(here) == [f"{here}/M07", f"{here}:Load"]
    assert below(f"{here}/M07") == [f"{here}/M07:{n}" for n in ("Good", "Spindle/Speed", "State")]
    with pytest.raises(NotFoundError):
        below("G/nobody")


def test_a_lost_message_brings_a_rebirth_and_loses_nothing_else(
    running: House, node: EdgeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millbrain.core.limits.SPARKPLUG_REORDER_MS", 300)
    node.skip()
    assert tell(running, node, 77.0)
    assert node.rebirths == 1
    assert tell(running, node, 78.0)
    assert node.rebirths == 1


def test_an_unknown_alias_is_asked_for_once_and_then_refused(
    running: House, node: EdgeNode
) -> None:
    for _ in range(5):
        node.tell_without_birth("M07", 999, 1.0)
    assert wait_until(lambda: sum(d.frames for d in running.store.rejected) == 5)
    assert {d.reason for d in running.store.rejected} == {"unknown_alias"}
    assert node.rebirths == 1
    assert tell(running, node, 5.0)
    assert running.store.balanced()


def test_death_is_told_with_its_time_and_an_old_will_is_not_believed(
    running: House, node: EdgeNode
) -> None:
    assert tell(running, node, 1.0)
    node.send("NDEATH", "", {"metrics": [
        {"name": "bdSeq", "datatype": 4, "long_value": node.bd_seq + 1}]})  # fmt: skip
    assert tell(running, node, 2.0)
    assert running.state().troubles == {}
    node.stop(goodbye=False)
    assert wait_until(lambda: len(running.state().troubles) == 4)
    assert all("is not connected since 20" in t for t in running.state().troubles.values())
    assert f"1 of 1 edge nodes are not connected: G/{node.name}" in running.state().why


def test_a_dead_device_leaves_its_node_alone(running: House, node: EdgeNode) -> None:
    node.send("DDEATH", "M07", {"metrics": []})
    assert wait_until(lambda: len(running.state().troubles) == 3)
    assert all(":Load" not in address for address in running.state().troubles)


def test_odd_values_are_named_and_the_session_goes_on(running: House, node: EdgeNode) -> None:
    node.tell_raw("M07", {"alias": 10, "double_value": float("nan")})
    node.tell_raw("M07", {"alias": 12, "string_value": "many"})
    assert wait_until(lambda: len(running.state().troubles) == 2)
    assert sorted(t.split(";")[0] for t in running.state().troubles.values()) == [
        "the machine sends no number (NaN or infinite)",
        "the machine sends text where the tag is a number",
    ]
    node.tell_raw("M07", {"alias": 11, "string_value": "x" * 300_000})
    node.tell_raw("M07", {"alias": 10, "double_value": 1.0, "timestamp": 1_700_000_000})
    node.send("DDATA", "M07", b"\xff\xff\xff")
    node.tell_twice("M07", {"Good": 4})
    assert tell(running, node, 6.0)
    reasons = sorted(d.reason for d in running.store.rejected)
    assert [r for r in reasons if r in ("clock", "too_long", "truncated", "varint")] == [
        "clock", "too_long", "truncated"
    ]  # fmt: skip
    assert running.store.duplicate >= 1
    assert running.store.balanced()


def test_templates_and_data_sets_are_told_member_by_member(running: House, node: EdgeNode) -> None:
    now_ms = 1_700_000_000_000
    row = {"elements": [{"int_value": 7}, {"double_value": 1.5}]}
    table = {"num_of_columns": 2, "columns": ["a", "b"], "types": [3, 10], "rows": [row]}
    motor = {"template_ref": "motor", "metrics": [{"name": "rpm", "datatype": 7, "int_value": 9}],
             "parameters": [{"name": "no", "type": 3, "int_value": 5}]}  # fmt: skip
    definition = {"is_definition": True, "metrics": [{"name": "rpm", "datatype": 7}]}
    node.send("DBIRTH", "P1", {"timestamp": now_ms, "metrics": [
        {"name": "_types_/motor", "datatype": 19, "template_value": definition},
        {"name": "m1", "alias": 70, "datatype": 19, "template_value": motor},
        {"name": "t", "datatype": 16, "dataset_value": table},
        {"name": "f", "datatype": 18, "bytes_value": b"\0"},
    ]})  # fmt: skip
    store = running.store
    assert wait_until(lambda: store.of("P1", "t_b"))
    told = {s: store.of("P1", s)[0]["value"] for s in ("m1_rpm", "m1_no", "t_a", "t_b")}
    assert told == {"m1_rpm": 9, "m1_no": 5, "t_a": 7, "t_b": 1.5}
    assert "its type is File" in running.state().troubles[f"G/{node.name}/P1:f"]


def test_a_write_is_confirmed_by_the_data_that_follow(running: House, node: EdgeNode) -> None:
    order = {"do": "write", "signal": "spindle_speed_rpm", "value": 900.0}
    with pytest.raises(RefusedError, match="not writable"):
        running.run(running.driver.command("M07", order))
    tag = next(t for t in running.book.all_tags() if t.signal == "spindle_speed_rpm")
    (line,) = running.book.connections("sparkplug")
    running.book.put(line, [replace(tag, writable=True)])
    assert wait_until(lambda: any(
        t.writable for link in running.driver._links for t in link.heard.slots.tags()
    ))  # fmt: skip
    answer = running.run(running.driver.command("M07", order))
    assert answer == {"written": 900.0, "read_back": 900.0, "agrees": True}
    with pytest.raises(NotFoundError):
        running.run(running.driver.command("M08", order))


def test_the_primary_host_tells_that_it_is_there(broker: Broker, running: House) -> None:
    assert "nothing was told yet on spBv1.0/#" in running.state().why
    heard: list[dict[str, object]] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda *told: heard.append(json.loads(told[2].payload))
    client.connect("127.0.0.1", broker.port)
    client.subscribe(state_topic("mb"), 1)
    client.loop_start()
    try:
        assert wait_until(lambda: heard)
        assert heard[-1]["online"] is True
        assert isinstance(heard[-1]["timestamp"], int)
        client.publish(state_topic("mb"), b'{"online": false, "timestamp": 1}', 0)
        assert wait_until(lambda: any(told["online"] is False for told in heard))
        assert wait_until(lambda: heard[-1]["online"] is True), "an old death is answered"
        assert running.state().phase is Phase.CONNECTED
        running.run(running.driver.stop())
        assert wait_until(lambda: heard[-1]["online"] is False)
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_plain_json_topic_is_stored_by_its_rule(broker: Broker, running: House) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        at = 1_700_000_000_123
        client.publish("meters/E4", json.dumps({"at": at, "energy_kwh": 8.25, "on": True}), 1)
        client.publish("meters/E4", b"{", 1)
        assert wait_until(lambda: running.store.rejected and len(running.store.rows) == 2)
    finally:
        client.disconnect()
        client.loop_stop()
    assert running.store.rows["E4", "energy_kwh", at]["value"] == 8.25
    assert running.store.rejected[0].reason == "not_json"
    assert {t.address for t in running.book.all_tags()} == {
        "meters/E4#energy_kwh", "meters/E4#on"
    }  # fmt: skip


def test_a_broker_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    book = TagMemory([Connection("far", "sparkplug", endpoint="mqtt://127.0.0.1:1"),
                      Connection("bad", "sparkplug", endpoint="http://x")])  # fmt: skip
    with house(tmp_path, book, Store()) as opened:
        assert wait_until(lambda: {s.phase for s in opened.driver.states()} == {Phase.FAILED})
        whys = {s.connection: s.why for s in opened.driver.states()}
        assert "127.0.0.1:1 is not connected" in whys["far"]
        assert "mqtt://host:1883" in whys["bad"]


def test_a_node_that_tells_nothing_but_its_session_is_no_trouble(
    running: House, broker: Broker, tmp_path: Path
) -> None:
    bare = EdgeNode("127.0.0.1", broker.port, "B", tmp_path.name[-30:], {}).start()
    try:
        assert wait_until(lambda: "B/" in "".join(
            key for link in running.driver._links for key in link.heard.nodes
        ))  # fmt: skip
        assert running.store.rejected == []
    finally:
        bare.stop()
