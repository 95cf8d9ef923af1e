"""The past of simulated machines: what is pushed is what happened, once, and then goes on."""

from pathlib import Path

import numpy as np
import pytest

from millbrain.run.plant import load_plant
from millbrain.run.plant.analogue import Analogue
from millbrain.run.plant.floor import Floor
from millbrain.run.plant.history import Past, PlantHistory, live_through

START_S = 1_790_000_400.0


def test_readings_of_the_past_are_those_of_the_floor() -> None:
    plant = load_plant("machining-works")
    units = plant.units("MW-L03")
    floor, same = (Floor(plant, START_S, 4, units) for _ in range(2))
    past = live_through(floor, Analogue(floor.machines, 4), START_S + 4 * 3600)
    same.advance(START_S + 4 * 3600)
    changes = [c for c in same.take_changes() if c.signal == "good_count"]
    table = [row for batch in past.batches() for row in batch.to_pylist()]
    assert len(table) == past.count
    at = [row["device_at"] for row in table]
    assert at == sorted(at)
    told = {(r["thing"], r["device_at"]): r["value"] for r in table if r["signal"] == "good_count"}
    hourly = [h * 3_600_000 + round(START_S * 1000) for h in range(4)]
    repeated = {(m.unit.id, at_ms) for m in floor.machines for at_ms in hourly}
    assert repeated <= told.keys()  # what has not changed is told again every hour
    assert {k: v for k, v in told.items() if k not in repeated} == {
        (same.machines[c.machine].unit.id, round(c.at_s * 1000)): c.value for c in changes
    }
    energy = [
        r["value"] for r in table if (r["thing"], r["signal"]) == ("MW-L03-M01", "energy_kwh")
    ]
    assert len(energy) == 4 * 12
    assert (np.diff(energy) >= 0).all()
    assert energy[-1] == pytest.approx(floor.machines[0].energy_kwh, abs=1e-3)
    texts = {r["text"] for r in table if r["signal"] == "stop_reason"}
    assert texts <= plant.reasons.keys() | {""}
    assert all(r["value"] is None for r in table if r["signal"] == "stop_reason")
    assert not {r["signal"] for r in table} & floor.machines[0].set_points.keys()


def test_an_empty_past_has_no_batches() -> None:
    assert list(Past(["A"]).batches()) == []


def test_the_marker_keeps_the_first_start(tmp_path: Path) -> None:
    marker = tmp_path / "plant_history.json"
    first = PlantHistory(marker, "works", 2.0, START_S)
    assert (first.is_complete, first.begin_s) == (False, START_S - 2 * 86_400)
    again = PlantHistory(marker, "works", 2.0, START_S + 500)
    assert (again.is_complete, again.since_s) == (False, START_S)
    first.push(Past([]), "http://127.0.0.1:9/push/x", "t", lambda said: None)  # nothing to push
    assert PlantHistory(marker, "works", 2.0, START_S + 900).is_complete
    assert not PlantHistory(marker, "other", 2.0, START_S).is_complete


def test_a_room_that_is_not_there_leaves_it_to_the_next_start(tmp_path: Path) -> None:
    history = PlantHistory(tmp_path / "h.json", "works", 1.0, START_S)
    past = Past(["A"])
    past.add([0], ["good_count"], [1], [2.0])
    said: list[str] = []
    history.push(past, "http://127.0.0.1:9/push/x", "t", said.append)
    assert not history.is_complete
    assert said[0].endswith("it is pushed at the next start")
