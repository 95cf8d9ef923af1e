"""Broken connections, restarted servers, changed node ids: nothing received is lost or doubled."""

import asyncio
import gc
import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest

from millbrain.connect.opcua import link
from millbrain.connect.opcua.session import FreshClient
from millbrain.connect.opcua.simulator import NAMESPACE, VARIABLES, Simulator
from millbrain.core.errors import LinkError, RefusedError
from millbrain.core.plant.tags import Phase
from millbrain.hands import links
from tests.connect.opcua.plants import Plant, press, tag, wait_until

NODE = f"nsu={NAMESPACE};s=Press"


def values(plant: Plant, signal: str = "good_count") -> list[float | None]:
    return [r.value for r in plant.store.of(signal)]


def test_what_was_sent_into_a_broken_connection_comes_again(
    plant: Plant, machine: Simulator
) -> None:
    machine.put("good_count", 0)
    plant.register.put(press(machine.endpoint), [tag("good_count")])
    assert wait_until(lambda: values(plant) == [0])
    wanted = [0.0]
    for cut in range(4):
        assert wait_until(plant.is_up)
        for n in range(cut * 10 + 1, cut * 10 + 11):
            machine.put("good_count", n)
            wanted.append(n)
            if n % 10 == 4:
                machine.drop_connections()
            time.sleep(0.005)
    assert wait_until(lambda: len(values(plant)) >= len(wanted))
    time.sleep(0.2)
    assert values(plant) == wanted
    assert plant.room.links()[0]["connects"] >= 4


@pytest.mark.slow
def test_a_restarted_server_with_other_numbers_is_found_again(plant: Plant) -> None:
    first = Simulator().start()
    tags = [tag("speed_rpm"), tag("good_count"), tag("running")]
    plant.register.put(press(first.endpoint), tags)
    assert wait_until(lambda: len(plant.store.rows) >= 3)
    first.stop()
    assert wait_until(lambda: not plant.is_up())
    assert wait_until(lambda: "nothing listens at 127.0.0.1" in plant.state().why)
    assert "无服务监听" in plant.state().why_zh
    with pytest.raises(LinkError, match="press is not connected: nothing listens"):
        plant.browse()
    left = {n: v for n, v in VARIABLES.items() if n != "running"}
    again = Simulator(
        first.port, before=("urn:somebody:else", "urn:another"), variables=left
    ).start()
    try:
        assert wait_until(plant.is_up)
        again.put("speed_rpm", 4321.0)
        assert wait_until(lambda: 4321.0 in values(plant, "speed_rpm"))
        assert "not there any more" in plant.state().troubles[f"{NODE}.running"]
        assert plant.state().why == "1 of 3 tags bring no value or no good one"
    finally:
        again.stop()


def test_tags_that_change_while_the_connection_is_broken(plant: Plant, machine: Simulator) -> None:
    plant.register.put(press(machine.endpoint), [tag("speed_rpm")])
    for name in ("machine_state", "good_count", "running"):
        assert wait_until(plant.is_up)
        machine.drop_connections()
        plant.register.put(press(machine.endpoint), [tag(name)])
        assert wait_until(lambda n=name: plant.store.of(n)), plant.state().why


def test_an_unknown_namespace_is_named(plant: Plant, machine: Simulator) -> None:
    other = tag("speed_rpm", address="nsu=urn:gone;s=Press.speed_rpm")
    plant.register.put(press(machine.endpoint), [other])
    assert wait_until(plant.is_up)
    assert "no namespace urn:gone now" in plant.state().troubles[other.address]


def test_a_full_intake_slows_the_server_and_nothing_is_lost(
    plant: Plant, machine: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millbrain.core.limits.OPCUA_BYTES_WAITING_MAX", 200)
    machine.put("good_count", 0)
    plant.register.put(press(machine.endpoint), [tag("good_count")])
    assert wait_until(lambda: values(plant) == [0])
    plant.store.gate.clear()
    for n in range(1, 81):
        machine.put("good_count", n)
        time.sleep(0.01)
    assert values(plant) == [0]
    plant.store.gate.set()
    assert wait_until(lambda: len(values(plant)) == 81)
    assert values(plant) == list(range(81))


def test_a_queue_that_was_too_short_is_named(plant: Plant, machine: Simulator) -> None:
    plant.register.put(press(machine.endpoint, publishing_ms=600, queue=2), [tag("good_count")])
    assert wait_until(plant.is_up)
    for n in range(50):
        machine.put("good_count", n)
    assert wait_until(lambda: 49 in values(plant))
    assert len(values(plant)) < 50


@pytest.mark.slow
def test_history_fills_the_gap_of_an_engine_that_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "FOLLOW_S", 0.05)
    monkeypatch.setattr(link, "FOLLOW_S", 0.05)
    served = Simulator(history=["good_count"]).start()
    try:
        first = Plant(tmp_path)
        first.register.put(press(served.endpoint, history=True), [tag("good_count")])
        assert wait_until(lambda: first.is_up() and values(first))
        served.put("good_count", 1)
        assert wait_until(lambda: values(first)[-1] == 1)
        first.stop()
        for n in range(2, 40):
            served.put("good_count", n)
            time.sleep(0.002)
        second = Plant(tmp_path)
        second.register.put(press(served.endpoint, history=True), [tag("good_count")])
        assert wait_until(lambda: set(range(2, 40)) <= set(values(second)))
        distinct = {r.device_ms for r in second.store.rows if (r.value or 0) >= 2}
        assert len(distinct) == 38  # live and remembered values have one identity
        span = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00+08:00"}
        assert second.command("P1", do="history", signal="good_count", **span)["read"] >= 39
        second.stop()
    finally:
        served.stop()


def test_a_node_without_history_brings_nothing(plant: Plant, machine: Simulator) -> None:
    plant.register.put(press(machine.endpoint), [tag("good_count")])
    assert wait_until(plant.is_up)
    span = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
    assert plant.command("P1", do="history", signal="good_count", **span) == {"read": 0}
    with pytest.raises(RefusedError, match="ISO 8601 with its zone"):
        plant.command("P1", do="history", signal="good_count", **span | {"to": "2026-01-01"})


def test_switched_off_and_on_again(plant: Plant, machine: Simulator) -> None:
    connection = press(machine.endpoint)
    plant.register.put(connection, [tag("speed_rpm")])
    assert wait_until(plant.is_up)
    plant.register.put(replace(connection, enabled=False), [tag("speed_rpm")])
    assert wait_until(lambda: plant.state().phase is Phase.OFF)
    assert plant.room.links() == []
    plant.register.put(connection, [tag("speed_rpm")])
    assert wait_until(plant.is_up)


def test_the_log_has_a_line_a_change_and_none_of_the_library(
    plant: Plant, machine: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    plant.register.put(press(machine.endpoint), [tag("speed_rpm")])
    assert wait_until(plant.is_up)
    machine.drop_connections()
    assert wait_until(lambda: plant.room.links() and plant.room.links()[0]["connects"] == 2)
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("millbrain.connect.opcua")]
    assert [m.split(":")[1].split()[0] for m in ours] == ["connected", "lost", "connected"]
    assert not [r for r in caplog.records if r.name.startswith("asyncua")]


@pytest.mark.slow
def test_a_server_that_takes_few_items_gets_few_and_the_others_are_named(plant: Plant) -> None:
    machine = Simulator().start()
    try:
        machine.limit(per_request=3, in_all=4)
        numbers = ("speed_rpm", "machine_state", "good_count", "running", "force_set", "count_set")
        plant.register.put(press(machine.endpoint), [tag(n) for n in numbers])
        assert wait_until(lambda: len({r.signal for r in plant.store.rows}) == 4)
        troubles = plant.state().troubles
        assert len(troubles) == 2
        assert all("BadTooManyMonitoredItems" in t for t in troubles.values())
    finally:
        machine.stop()


@pytest.mark.slow
def test_reconnecting_leaves_nothing_behind(plant: Plant, machine: Simulator) -> None:
    plant.register.put(press(machine.endpoint), [tag("speed_rpm")])

    def connects() -> int:
        found = plant.room.links()
        return found[0]["connects"] if found else 0

    tasks = plant.room._loop
    for n in range(1, 26):
        assert wait_until(lambda n=n: connects() >= n), plant.state().why
        if n == 5:
            before = len(asyncio.all_tasks(tasks))
        machine.drop_connections()
    assert wait_until(lambda: connects() >= 26)
    gc.collect()
    assert sum(isinstance(o, FreshClient) for o in gc.get_objects()) <= 2
    assert len(asyncio.all_tasks(tasks)) <= before + 4


@pytest.mark.slow
def test_many_connections_at_once(plant: Plant, machine: Simulator) -> None:
    names = list(VARIABLES)
    for n in range(40):
        key = f"press-{n}"
        tags = [tag(name, connection=key, thing=f"P{n}") for name in names if name[0] != "t"]
        plant.register.put(replace(press(machine.endpoint), key=key), tags)
    assert wait_until(lambda: len(plant.room.links()) == 40, 60)
    machine.put("speed_rpm", 31.0)
    assert wait_until(lambda: len({r.thing for r in plant.store.of("speed_rpm")
                                   if r.value == 31.0}) == 40)  # fmt: skip
