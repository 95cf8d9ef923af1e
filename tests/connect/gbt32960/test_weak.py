"""Weak vehicles of the simulated city: by hand, live and in their history alike."""

import dataclasses
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from millbrain.connect.gbt32960 import codec, framing
from millbrain.connect.gbt32960.simulator.cohort import City, Cohort, Snapshot
from millbrain.connect.gbt32960.simulator.fleet import (
    STANDARD_PLAN,
    Plan,
    Weak,
    plan_from,
    register,
    vins,
)
from millbrain.connect.gbt32960.simulator.history import STEP_S, History
from millbrain.connect.gbt32960.simulator.stream import Habits, reporters_of
from millbrain.connect.gbt32960.simulator.weak import WeakCells, weak_serials
from tests.connect.gbt32960.test_simulator import read

NOON_S = datetime(2025, 10, 15, 4, tzinfo=UTC).timestamp()  # 12:00 in Beijing
DAY_S = 86_400
(MODEL,) = STANDARD_PLAN.models  # NCM, 144 cells, one pack, 1 mV
SELF_DISCHARGE = Weak("self-discharge", "S", 1, 10, 2.0, 0.5, 8.0, cell=47)


def said(weak: Weak, *, soc: float, amps: float, days: float) -> Snapshot:
    """What vehicle 0 of two reports `days` after the history ended; every other cell is at 3700."""
    cells = Cohort(STANDARD_PLAN, MODEL, np.arange(2), 1)
    snapshot = cells.advance(NOON_S, 10)
    snapshot.cells_mv[:] = 3700
    snapshot.signal("soc_pct")[:] = soc
    snapshot.signal("pack_current_a")[:] = amps
    snapshot.signal("insulation_kohm")[:] = 4000
    wrong = WeakCells(MODEL, cells.serials, {0: weak}, NOON_S - days * DAY_S)
    wrong.apply(snapshot, NOON_S)
    return snapshot


@pytest.mark.parametrize(
    ("kind", "severity", "soc", "amps", "off_mv"),
    [
        # NCM rises by 45 mV from 40 to 50 %, by 85 mV from 50 to 60 %: 5 % less is half of that.
        ("self-discharge", 5.0, 50, 100, -22),  # 22.5 and 42.5 round to even
        ("self-discharge", 5.0, 60, -50, -42),
        # 20 % less capacity: at 60 % the pack gave 40, so the cell is at 100 - 40 / 0.8 = 50 %.
        ("capacity", 20.0, 60, 0, -85),
        ("capacity", 20.0, 100, 0, 0),
        ("resistance", 0.5, 50, 100, -50),
        ("resistance", 0.5, 50, -100, 50),
        ("resistance", 0.5, 50, 0, 0),
        ("sensor", 70.0, 50, 0, 70),
    ],
)
def test_how_far_the_cell_stands_off(
    kind: str, severity: float, soc: float, amps: float, off_mv: int
) -> None:
    weak = Weak(kind, "S", 0, 0, severity, 0.0, 100.0, cell=47)
    cells = said(weak, soc=soc, amps=amps, days=0).cells_mv.astype(int)
    assert cells[0, 46] - 3700 == off_mv
    assert cells[0, 47] - 3700 == (-off_mv if kind == "sensor" else 0)
    assert np.count_nonzero(cells - 3700) == np.count_nonzero([off_mv]) * (1 + (kind == "sensor"))


def test_it_begins_grows_and_stops_growing() -> None:
    weak = dataclasses.replace(SELF_DISCHARGE, vehicle=0)
    off = [
        3700 - int(said(weak, soc=50, amps=0, days=d).cells_mv[0, 46]) for d in (-11, -10, -6, 9)
    ]
    assert off == [0, 9, 18, 36]  # 4.5 mV a percent: 0, 2, 4 and, from the 12th day on, 8 %


def test_a_loose_connection_is_another_one_every_day_and_insulation_falls_by_decades() -> None:
    loose = Weak("connection", "S", 0, 5, 1.0, 0.0, 1.0, cell=3)
    off = {3700 - int(said(loose, soc=50, amps=100, days=d + 0.5).cells_mv[0, 2]) for d in range(4)}
    assert len(off) > 2
    assert min(off) > 0
    leaky = Weak("insulation", "S", 0, 10, 1.0, 0.1, 5.0)
    assert said(leaky, soc=50, amps=0, days=0).signal("insulation_kohm").tolist() == [40, 4000]


def test_the_pack_names_vehicles_that_are_there() -> None:
    plan = plan_from(read("regions.toml"), read("fleet.toml"))
    assert len({w.kind for w in plan.weak}) == 7
    found = weak_serials(plan.models, plan.weak, 2000)
    assert len(found) == sum(w.vehicles for w in plan.weak)
    who = {s: vins(w.model, np.array([s])).tobytes() for s, w in found.items()}
    known = {v for c in City(plan, 2000).cohorts for v in map(bytes, register(c.model, c.serials)
             .array("vin").tolist())}  # fmt: skip
    assert set(who.values()) <= known
    assert len(weak_serials(plan.models, plan.weak, 20)) < len(found)
    wrong = dataclasses.asdict(plan.weak[0]) | {"cell": 500}
    with pytest.raises(KeyError, match="weak cell 500"):
        plan_from(read("regions.toml"), {**read("fleet.toml"), "weak": [wrong]})


def small(vehicles: int = 12, days: float = 2.0, chosen: int = 3) -> History:
    plan = dataclasses.replace(STANDARD_PLAN, weak=(SELF_DISCHARGE,))
    return History(plan, vehicles, 1, chosen=chosen, days=days, until_s=NOON_S - 6 * 3600,
                   since_s=NOON_S)  # fmt: skip


def frames_of(history: History) -> list[dict[str, Any]]:
    raw = b"".join(piece for piece, _, _ in history.pieces())
    return [codec.decode(raw[a:b]) for a, b, ok in framing.split(raw, final=True).frames if ok]


def test_a_history_is_reissued_dated_and_the_same_when_sent_again() -> None:
    pieces = list(small().pieces())
    assert pieces == list(small().pieces())
    frames = frames_of(small())
    assert sum(count for _, count, _ in pieces) == len(frames) > 100
    assert pieces[-1][2] == 1.0
    assert {f["cmd"] for f in frames} == {3}
    assert {f["id"] for f in frames} == {v.tobytes().decode() for v in vins("S", np.arange(3))}
    at = [datetime.fromisoformat(f["data"]["time"]).timestamp() for f in frames]
    assert NOON_S - 6 * 3600 - 2 * DAY_S - 10 <= min(at) < max(at) < NOON_S - 6 * 3600


def value(frame: dict[str, Any], block: int, key: str) -> float:
    info = next(i["v"] for i in frame["data"]["infos"] if i["t"] == block)
    return float(info[key])


def test_vehicles_go_on_live_where_their_history_ends() -> None:
    plan: Plan = dataclasses.replace(STANDARD_PLAN, weak=(SELF_DISCHARGE,))
    weak = weak_serials(plan.models, plan.weak, 12)
    (reporter,) = reporters_of(City(plan, 12), Habits(False, False, {}, weak, NOON_S))
    raw = b"".join(bytes(p) for p in reporter.report(NOON_S, STEP_S, Counter()))
    live = [codec.decode(raw[a:b]) for a, b, _ in framing.split(raw, final=True).frames]
    past = frames_of(small())
    for k in range(3):
        vin = vins("S", np.array([k])).tobytes().decode()
        mine = [f for f in past if f["id"] == vin]
        (now,) = (f for f in live if f["id"] == vin)
        km = [value(f, 1, "odo_km") for f in mine]
        assert km == sorted(km)
        assert km[-1] <= value(now, 1, "odo_km") <= km[-1] + 10
        before, after = (herd(f) for f in (mine[-1], now))
        apart = np.abs(before - after)
        assert np.delete(apart, 46).max() < 12  # the same cells; load and noise differ
        assert (after.argmin() == 46 and after[46] < -20) == (k == 1)


def herd(frame: dict[str, Any]) -> Any:
    cells = np.array(next(i["v"] for i in frame["data"]["infos"] if i["t"] == 8)[0]["cells_v"])
    return (cells - np.median(cells)) * 1000
