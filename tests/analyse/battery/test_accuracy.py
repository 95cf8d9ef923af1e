"""The rules on a small simulated fleet; the full one is `benchmarks/battery_accuracy.py`."""

import numpy as np
import pytest

from millbrain.analyse.battery import model
from millbrain.analyse.battery.model import Rules
from millbrain.analyse.battery.simulator import faults, vehicle
from millbrain.analyse.battery.simulator.trial import Trial, trial

RULES = Rules()


def tried(kind: str, count: int, chemistry: str | None = None) -> list[Trial]:
    made = []
    for n in range(count):
        car = vehicle.drawn(7_000_000 + n, chemistry)
        fault = faults.drawn(kind, car.cells, car.capacity_ah, np.random.default_rng([n, 4]))
        made.append(trial(car, 90, 240.0, RULES, fault, every=3))
    return made


@pytest.mark.slow
def test_healthy_vehicles_are_left_alone() -> None:
    for seed in range(9_000, 9_040):
        assert trial(vehicle.drawn(seed), 91, 240.0, RULES, every=3).false == []


@pytest.mark.parametrize(
    ("kind", "chemistry"),
    [
        (model.SELF_DISCHARGE, "ncm"), (model.CONNECTION, None), (model.RESISTANCE, None),
        (model.SENSOR, None), (model.THERMAL, None), (model.STRATEGY, None),
    ],
)  # fmt: skip
def test_most_faults_are_found_and_named(kind: str, chemistry: str | None) -> None:
    done = tried(kind, 8, chemistry)
    found = [t for t in done if t.hits]
    assert len(found) >= 6
    assert sum(any(f.kind == kind for _, f in t.hits) for t in found) >= len(found) - 2
    assert sum(len(t.false) for t in done) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", [model.SELF_DISCHARGE, model.CONNECTION, model.CAPACITY])
def test_coarse_and_fine_sampling_agree(kind: str) -> None:
    car = next(v for v in map(vehicle.drawn, range(50, 400))
               if v.chemistry == "ncm" and v.depth_pct > 30)  # fmt: skip
    fault = faults.drawn(kind, car.cells, car.capacity_ah, np.random.default_rng(2))
    told = []
    for step_s in (240.0, 20.0):
        done = trial(car, 90, step_s, RULES, fault, every=3)
        told.append({f.kind for _, f in done.hits})
    assert kind in told[0] & told[1]
