"""The room at a real server: values, browsing, writing, and what people change meanwhile."""

import math
import time
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua

from millbrain.connect.opcua.simulator import NAMESPACE, Simulator
from millbrain.core.errors import NotFoundError, RefusedError
from millbrain.core.plant.readings import BAD, GOOD, UNCERTAIN
from millbrain.core.plant.tags import TagKind
from millbrain.core.times import utc_from_epoch
from tests.connect.opcua.plants import Plant, press, tag, wait_until

NODE = f"nsu={NAMESPACE};s=Press"


def test_values_arrive_with_the_instant_of_the_machine(plant: Plant, machine: Simulator) -> None:
    plant.register.put(press(machine.endpoint), [tag("speed_rpm"), tag("running", TagKind.TRUTH)])
    assert wait_until(lambda: len(plant.store.rows) >= 2)
    at = datetime(2026, 3, 1, 8, 0, 0, 123_000, tzinfo=UTC)
    machine.put("speed_rpm", 1234.5, at=at)
    assert wait_until(lambda: plant.store.of("speed_rpm")[-1].value == 1234.5)
    newest = plant.store.of("speed_rpm")[-1]
    assert newest.device_ms == 1_772_352_000_123  # 2026-03-01 08:00:00.123 UTC
    assert (newest.thing, newest.text, newest.quality) == ("P1", "", GOOD)
    assert plant.store.of("running")[0].value == 1.0


def test_scale_text_and_elements_of_arrays(plant: Plant, machine: Simulator) -> None:
    machine.put("temperature_degc", [20.0, 21.0, 22.0])
    machine.put("program", "加工-7")
    machine.put("good_count", 40)
    plant.register.put(
        press(machine.endpoint),
        [
            tag("good_count", scale=0.5, offset=1.0),
            tag("program", TagKind.TEXT),
            tag("temperature_degc", TagKind.TEXT),
            tag("temperature_degc", index=2, signal="third_degc"),
            tag("temperature_degc", index=9, signal="tenth_degc"),
        ],
    )
    assert wait_until(lambda: len(plant.store.rows) == 5)
    found = {r.signal: (r.value, r.text) for r in plant.store.rows}
    assert found == {
        "good_count": (21.0, ""),
        "program": (None, "加工-7"),
        "temperature_degc": (None, "[20, 21, 22]"),
        "third_degc": (22.0, ""),
        "tenth_degc": (None, ""),
    }
    assert list(plant.state().troubles) == [f"index=9;{NODE}.temperature_degc"]


def test_a_value_that_is_none_is_named_and_survived(plant: Plant, machine: Simulator) -> None:
    plant.register.put(press(machine.endpoint), [tag("speed_rpm")])
    assert wait_until(lambda: plant.is_up() and plant.store.rows)
    speed = plant.store.of

    def newest(value: float | None, quality: int) -> bool:
        return wait_until(lambda: (speed("speed_rpm")[-1].value, speed("speed_rpm")[-1].quality)
                          == (value, quality))  # fmt: skip

    def trouble() -> str:
        return plant.state().troubles.get(f"{NODE}.speed_rpm", "")

    machine.put("speed_rpm", math.nan)
    assert newest(None, UNCERTAIN)
    assert "not a number" in trouble()
    machine.put("speed_rpm", 5.0, status=ua.StatusCodes.BadSensorFailure)
    assert newest(None, BAD)  # a server sends no value with a bad status
    assert "sensor has failed" in trouble()
    machine.put("speed_rpm", "fast", kind=ua.VariantType.String)
    assert newest(None, UNCERTAIN)
    assert (speed("speed_rpm")[-1].text, "sends String" in trouble()) == ("fast", True)
    machine.put("speed_rpm", 7, kind=ua.VariantType.Int32)
    assert newest(7.0, GOOD)
    assert "its type changed from String to Int32" in trouble()
    machine.put("speed_rpm", 8.0)
    machine.put("speed_rpm", 9.0, status=ua.StatusCodes.UncertainLastUsableValue)
    assert newest(9.0, UNCERTAIN)


def test_a_clock_that_cannot_be_right_is_not_believed(plant: Plant, machine: Simulator) -> None:
    plant.register.put(press(machine.endpoint), [tag("speed_rpm")])
    assert wait_until(lambda: plant.is_up() and plant.store.rows)
    wrong = (datetime(1999, 1, 1, tzinfo=UTC), utc_from_epoch(time.time()) + timedelta(hours=2))
    for value, at in enumerate(wrong, 100):
        machine.put("speed_rpm", float(value), at=at)
        assert wait_until(lambda v=value: plant.store.rows[-1].value == v)
        row = plant.store.rows[-1]
        assert (row.device_ms, row.quality) == (row.received_ms, UNCERTAIN)
        assert "time is missing or impossible" in plant.state().troubles[f"{NODE}.speed_rpm"]
    machine.put("speed_rpm", 102.0, no_time=True)
    assert wait_until(lambda: plant.store.rows[-1].value == 102.0)
    assert plant.store.rows[-1].quality == UNCERTAIN


def test_huge_texts_are_refused_and_kept_as_dead_letters(plant: Plant, machine: Simulator) -> None:
    plant.register.put(press(machine.endpoint), [tag("program", TagKind.TEXT)])
    assert wait_until(lambda: plant.is_up() and plant.store.rows)
    machine.put("program", "x" * 300_000)
    assert wait_until(lambda: plant.store.letters)
    letter = plant.store.letters[0]
    assert (letter.reason, letter.link) == ("text_length", "press")
    assert "300000 bytes" in letter.detail
    machine.put("program", "O1001")
    assert wait_until(lambda: plant.store.rows[-1].text == "O1001")


def test_browsing_finds_type_unit_and_right(plant: Plant, machine: Simulator) -> None:
    machine.put("program", "O1001")
    plant.register.put(press(machine.endpoint), [])
    assert wait_until(plant.is_up)
    assert NODE in [f.address for f in plant.browse() if not f.leaf]
    found = {f.name: f for f in plant.browse(NODE)}
    assert (found["speed_rpm"].kind, found["speed_rpm"].unit) == (TagKind.NUMBER, "r/min")
    assert (found["running"].kind, found["program"].kind) == (TagKind.TRUTH, TagKind.TEXT)
    assert (found["force_set"].writable, found["speed_rpm"].writable) == (True, False)
    assert (found["Add"].leaf, found["program"].value) == (False, "O1001")
    with pytest.raises(NotFoundError, match="cannot be browsed"):
        plant.browse(f"{NODE}.nothing")


def test_a_write_takes_the_type_of_the_node_and_reads_back(
    plant: Plant, machine: Simulator
) -> None:
    tags = [
        tag("force_set", writable=True, scale=0.001),
        tag("count_set", writable=True),
        tag("recipe_name", TagKind.TEXT, writable=True),
        tag("speed_rpm"),
    ]
    plant.register.put(press(machine.endpoint), tags)
    assert wait_until(plant.is_up)
    done = plant.command("P1", do="write", signal="force_set", value=1.25)
    assert (done["agrees"], machine.value("force_set")) == (True, 1250.0)
    assert plant.command("P1", do="write", signal="count_set", value=-7)["read_back"] == -7
    assert plant.command("P1", do="write", signal="recipe_name", value="乙")["read_back"] == "乙"
    refused = [
        ("speed_rpm", 1, "not writable"),
        ("count_set", 40_000, "from -32768 to 32767"),
        ("count_set", 1.5, "whole numbers"),
        ("count_set", "x", "no number"),
        ("recipe_name", 3, "holds a text"),
    ]
    for signal, value, why in refused:
        with pytest.raises(RefusedError, match=why):
            plant.command("P1", do="write", signal=signal, value=value)
    assert machine.value("count_set") == -7
    with pytest.raises(NotFoundError):
        plant.command("P2", do="write", signal="count_set", value=1)


def test_a_node_that_only_the_register_calls_writable_is_refused_by_the_server(
    plant: Plant, machine: Simulator
) -> None:
    plant.register.put(press(machine.endpoint), [tag("good_count", writable=True)])
    assert wait_until(plant.is_up)
    with pytest.raises(RefusedError, match=r"BadNotWritable|BadUserAccessDenied"):
        plant.command("P1", do="write", signal="good_count", value=1)


def test_methods_are_called_with_the_types_that_they_declare(
    plant: Plant, machine: Simulator
) -> None:
    plant.register.put(press(machine.endpoint), [tag("count_set", writable=True)])
    assert wait_until(plant.is_up)
    add = {"do": "call", "connection": "press", "object": NODE, "method": f"{NODE}.Add"}
    assert plant.command("P1", **add, arguments=[20, 22]) == {"results": [42]}
    with pytest.raises(RefusedError, match="takes 2 arguments, 1 were given"):
        plant.command("P1", **add, arguments=[20])
    with pytest.raises(RefusedError, match="no writable tag"):
        plant.command("P9", **add, arguments=[1, 2])


def test_tags_are_followed_without_a_restart(plant: Plant, machine: Simulator) -> None:
    plant.register.put(press(machine.endpoint), [tag("speed_rpm")])
    assert wait_until(lambda: plant.store.of("speed_rpm"))
    connects = plant.room.links()[0]["connects"]
    plant.register.put(press(machine.endpoint), [tag("machine_state"), tag("gone")])
    assert wait_until(lambda: plant.store.of("machine_state"))
    before = len(plant.store.of("speed_rpm"))
    machine.put("speed_rpm", 77.0)
    machine.put("machine_state", 4)
    assert wait_until(lambda: plant.store.of("machine_state")[-1].value == 4)
    assert len(plant.store.of("speed_rpm")) == before
    assert "BadNodeIdUnknown" in plant.state().troubles[f"{NODE}.gone"]
    assert plant.room.links()[0]["connects"] == connects
    plant.register.put(press(machine.endpoint, queue=7), [])
    assert wait_until(lambda: plant.state().values and plant.is_up())


def test_a_structure_is_refused_once_and_no_longer_watched(
    plant: Plant, machine: Simulator
) -> None:
    plant.register.put(press(machine.endpoint), [tag("speed_rpm.unit"), tag("machine_state")])
    assert wait_until(lambda: plant.store.letters)
    letter = plant.store.letters[0]
    assert (letter.reason, letter.frames) == ("structure", 1)
    assert "structure of type i=889" in letter.detail  # EUInformation, binary encoding
    assert "is a structure" in plant.state().troubles[f"{NODE}.speed_rpm.unit"]
    assert "speed_rpm.unit" not in {r.signal for r in plant.store.rows}


def test_a_deadband_is_in_the_unit_of_the_tag(plant: Plant, machine: Simulator) -> None:
    machine.put("speed_rpm", 1000.0)
    plant.register.put(press(machine.endpoint), [tag("speed_rpm", scale=0.1, deadband=5.0)])
    assert wait_until(lambda: plant.store.rows)
    for value in (1030.0, 1010.0, 1070.0, 1080.0, 1200.0):
        machine.put("speed_rpm", value)
    assert wait_until(lambda: plant.store.rows[-1].value == 120.0)
    # asyncua's server compares with the value before: 60 and 120 are more than 50 apart from it.
    assert [r.value for r in plant.store.rows] == [100.0, 107.0, 120.0]
