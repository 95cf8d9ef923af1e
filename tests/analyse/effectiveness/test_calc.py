"""Runs, parts and indicators: by hand, by a published example, and by an independent version."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.analyse.effectiveness import indicators
from millbrain.analyse.effectiveness.calc.hours import Heard, Signal, Told, told
from millbrain.analyse.effectiveness.calc.parts import HOUR_MS, Plan
from millbrain.analyse.effectiveness.calc.sums import Lost, losses_of, sums_of
from millbrain.analyse.effectiveness.example import example
from millbrain.analyse.effectiveness.model import Machine, Rules
from tests.analyse.effectiveness import slow

T0 = 1_700_000_400_000 // HOUR_MS * HOUR_MS
RULES = Rules(gap_s=60, micro_s=120, reason_back_s=600)
Points = Sequence[tuple[float, float]]


def signal(points: Points, texts: list[str] | None = None) -> Signal:
    """Make a signal of (second after T0, value)."""
    at = np.array([T0 + round(s * 1000) for s, _ in points], np.int64)
    values = np.array([v for _, v in points], np.float64)
    return Signal(at, values, texts or (), np.full(len(points), 192, np.uint8))


def tell(
    signals: dict[str, Signal], hours: int = 1, plan: Plan | None = None, cycle_s: float = 30.0,
    low: int = T0, now: int = 0,
) -> Told:  # fmt: skip
    high = low + hours * HOUR_MS
    whole = plan or Plan(
        np.array([low]), np.zeros(1, np.int32), np.zeros(1, np.int32), np.ones(1, bool)
    )
    heard = np.unique(np.concatenate([s.at for s in signals.values()]))
    machine = Machine("M", cycle_s=cycle_s)
    return told(machine, Heard(heard, signals), whole, low, high, now or high, RULES)


def every(step: int, until: int = 3600) -> Points:
    """Counter readings that keep a machine heard: nothing comes."""
    return [(s, 0.0) for s in range(0, until + 1, step)]


def values_of(one: Told) -> dict[str, float]:
    return {k: float(v) for k, v in indicators.values(sums_of([one.parts])).items()}


def test_the_worked_example_of_vorne() -> None:
    """The calculation that is published at oee.com, "OEE Calculation: Preferred Calculation".

    Shift 480 min, breaks 60 min, down 47 min, ideal cycle 1.0 s, 19,271 pieces of which 423 are
    rejected: run time 373 min, availability 88.81 %, performance 86.11 %, quality 97.80 %, OEE
    74.79 %.
    """
    minute = 60_000
    plan = Plan(T0 + minute * np.array([0, 200, 260]), np.zeros(3, np.int32), np.zeros(3, np.int32),
                np.array([True, False, True]))  # fmt: skip
    signals = {
        "machine_state": signal([(0, 1), (3000, 4), (3000 + 47 * 60, 1)]),
        "good_count": signal([(0, 0), (60, 0), (120, 19_271 - 423)]),
        "scrap_count": signal([*every(30, 28_800)[:-1], (28_799, 423)]),
    }
    found = values_of(tell(signals, 8, plan, cycle_s=1.0))
    assert found["availability"] == pytest.approx(88.81, abs=0.005)
    assert found["effectiveness"] == pytest.approx(86.11, abs=0.005)
    assert found["quality"] == pytest.approx(97.80, abs=0.006)
    assert found["oee"] == pytest.approx(74.79, abs=0.005)


def test_an_hour_by_hand() -> None:
    """40 min producing, 10 down (2 failures), 4 set-up, 6 starved, of it 1 a micro-stop."""
    signals = {
        "machine_state": signal([(0, 1), (600, 4), (900, 1), (1500, 3), (1740, 1), (2400, 7),
                                 (2700, 1), (3000, 4), (3300, 7), (3360, 1)]),
        "good_count": signal([*every(30)[:-2], (3570, 60), (3600, 70)]),
        "rework_count": signal([(0, 5), (1000, 10)]),
        "energy_kwh": signal([(0, 100), (3600, 136)]),
    }  # fmt: skip
    sums = sums_of([tell(signals).parts])
    producing = 600 + 600 + 660 + 300 + 240
    assert sums["PBT"] == pytest.approx(1)
    assert sums["APT"] * 3600 == pytest.approx(producing)
    assert sums["TTR"] * 3600 == pytest.approx(600)
    assert sums["AUST"] * 3600 == pytest.approx(240)
    assert sums["ADET"] * 3600 == pytest.approx(360)
    assert sums["MST"] * 3600 == pytest.approx(60)
    assert (sums["FE"], sums["MSN"], sums["STN"]) == (2, 1, 4)
    assert (sums["GQ"], sums["RQ"], sums["PQ"]) == (70, 5, 75)
    assert sums["EN"] == pytest.approx(36)
    assert sums["ENI"] == pytest.approx(36 * (3600 - producing) / 3600)
    found = indicators.values(sums)
    assert found["availability"] == pytest.approx(100 * 2400 / 3600)
    assert found["effectiveness"] == pytest.approx(100 * 75 * 30 / 2400)
    assert found["quality"] == pytest.approx(100 * 70 / 75)
    assert found["oee"] == pytest.approx(100 * 70 * 30 / 3600)
    assert found["mttr"] == pytest.approx(300 / 3600)
    assert found["mtbf"] == pytest.approx(0.5)


def test_losses_and_good_time_are_planned_time_to_the_millisecond() -> None:
    signals = {
        "machine_state": signal([(0.001, 1), (100.5, 2), (130.25, 1), (900.007, 4), (2000, 1)]),
        "good_count": signal([*every(30)[:-1], (3599.999, 50)]),
        "scrap_count": signal([(0, 0), (3000, 7)]),
        "stop_reason": signal([(1000, 0)], ["U-TOOL"]),
    }
    one = tell(signals)
    losses = losses_of([one.parts])
    assert sum(lost.time_ms for lost in losses.values()) == HOUR_MS
    assert losses["good", 0] == Lost(50 * 30_000)
    assert losses["quality", 0] == Lost(7 * 30_000)
    assert losses["down", one.reasons.index("U-TOOL")] == Lost(2_000_000 - 900_007, 1)
    assert losses["micro", 0] == Lost(29_750, 1)


def test_without_a_nameplate_producing_is_not_divided_and_losses_still_add_up() -> None:
    signals = {
        "machine_state": signal([(0, 1), (1800, 2)]),
        "good_count": signal([(0, 0), (60, 1)]),
        "scrap_count": signal(every(30)),
    }
    losses = losses_of([tell(signals, cycle_s=float("nan")).parts])
    assert losses == {("producing", 0): Lost(1_800_000), ("idle", 0): Lost(1_800_000, 1)}


def test_silence_is_unknown_and_not_idle() -> None:
    signals = {
        "machine_state": signal([(0, 2)]),
        "good_count": signal([(0, 0), (50, 0), (1000, 0)]),
    }
    one = tell(signals, now=T0 + 1_030_000)
    assert one.runs.state.tolist() == [2, 0, 2]
    assert (one.runs.end - one.runs.start).tolist() == [50_000, 950_000, 30_000]
    assert sums_of([one.parts])["UNK"] * 3600 == pytest.approx(950)


def test_a_machine_begins_with_the_first_thing_heard_of_it() -> None:
    one = tell({"machine_state": signal([(1800, 1), (1830, 1)])}, now=T0 + 1_860_000)
    assert sums_of([one.parts])["PBT"] * 3600 == pytest.approx(60)


def test_a_machine_that_stood_has_an_oee_of_0_and_no_quality() -> None:
    found = values_of(tell({"machine_state": signal([(0, 4)]), "good_count": signal(every(30))}))
    assert found["oee"] == 0
    assert np.isnan(found["quality"])
    assert np.isnan(found["piece"]), "no energy was measured"


def test_without_a_nameplate_effectiveness_is_not_known() -> None:
    signals = {
        "machine_state": signal([(0, 1)]),
        "good_count": signal([*every(30), (3600, 9)][-121:]),
    }
    found = values_of(tell(signals, cycle_s=float("nan")))
    assert np.isnan(found["effectiveness"])
    assert np.isnan(found["oee"])
    assert found["availability"] == 100


def test_a_counter_that_falls_began_at_0_again() -> None:
    points = [(0, 990), (60, 1000), (120, 3), (180, 5), (240, np.nan), (300, 8)]
    one = tell({"machine_state": signal([(0, 1)]), "good_count": signal(points)}, now=T0 + 300_000)
    assert sums_of([one.parts])["GQ"] == 10 + 3 + 2 + 3


def test_a_reason_given_later_holds_from_the_begin_of_the_stop() -> None:
    signals = {
        "machine_state": signal([(0, 1), (1000, 4), (2000, 1)]),
        "stop_reason": signal([(1300, 0), (2500, 0)], ["U-AXIS", "U-LATE"]),
        "good_count": signal(every(30)),
    }
    one = tell(signals)
    spans = [(one.reasons[r], s) for r, s in zip(one.runs.reason, one.runs.state, strict=True)]
    assert spans == [("", 1), ("U-AXIS", 4), ("", 1)]


def test_a_bad_state_is_not_believed() -> None:
    states = signal([(0, 1), (60, 99), (120, np.nan), (180, 4)])
    one = tell({"machine_state": states, "good_count": signal(every(30))})
    assert one.runs.state.tolist() == [1, 0, 4]


@pytest.mark.parametrize(
    ("name", "points", "states"),
    [
        ("spindle_speed_rpm", [(0, 0), (600, 1500), (1200, 0)], [2, 1, 2]),
        ("power_kw", [(0, 2), (600, 9), (1200, 2)], [2, 1, 2]),
    ],
)
def test_states_follow_from_other_signals(name: str, points: Points, states: list[int]) -> None:
    heard = {name: signal(points), "energy_kwh": signal(every(30))}
    machine = Machine("M", lows={"power_kw": 5.0})
    plan = Plan(np.array([T0]), np.zeros(1, np.int32), np.zeros(1, np.int32), np.ones(1, bool))
    at = np.unique(np.concatenate([s.at for s in heard.values()]))
    one = told(machine, Heard(at, heard), plan, T0, T0 + HOUR_MS, T0 + HOUR_MS, RULES)
    assert one.runs.state.tolist() == states


def test_after_a_piece_a_machine_counts_as_producing() -> None:
    pieces = [(s, float(s >= 1000) + float(s >= 1200)) for s in range(0, 3601, 10)]
    one = tell({"good_count": signal(pieces)})
    assert one.runs.state.tolist() == [2, 1, 2]
    assert (one.runs.start[1] - T0, one.runs.end[1] - T0) == (1_000_000, 1_500_000)


def test_the_example_is_right() -> None:
    assert example()["oee"] == pytest.approx(60)


instants = st.integers(1, 7199)


@st.composite
def machines(draw: Any) -> dict[str, Any]:
    """Draw two hours of a machine at whole seconds, with silences, resets and overtime."""
    at = sorted(draw(st.sets(instants, min_size=1, max_size=25)))
    counter_at = sorted(draw(st.sets(instants, min_size=2, max_size=40)))
    values = draw(st.lists(st.integers(0, 30), min_size=len(counter_at), max_size=len(counter_at)))
    energy_at = sorted(draw(st.sets(instants, min_size=2, max_size=20)))
    kwh = draw(st.lists(st.integers(0, 50), min_size=len(energy_at), max_size=len(energy_at)))
    breaks = sorted(draw(st.sets(st.integers(1, 7100), min_size=2, max_size=2)))
    return {
        "states": [(s, float(draw(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7])))) for s in at],
        "good": [(s, float(v)) for s, v in zip(counter_at, values, strict=True)],
        "energy": [(s, float(v)) for s, v in zip(energy_at, kwh, strict=True)],
        "break": breaks,
    }


def parts_of(drawn: dict[str, Any], low: int, high: int) -> Any:
    """Return the parts between two whole hours after T0, of all that was drawn."""
    edges = [0, *drawn["break"]]
    plan = Plan(T0 + 1000 * np.array(edges), np.zeros(3, np.int32), np.arange(3, dtype=np.int32),
                np.array([True, False, True]))  # fmt: skip
    signals = {"machine_state": signal(drawn["states"]), "good_count": signal(drawn["good"]),
               "energy_kwh": signal(drawn["energy"])}  # fmt: skip
    heard = np.unique(np.concatenate([s.at for s in signals.values()]))
    return told(
        Machine("M", cycle_s=30.0), Heard(heard, signals), plan, T0 + low * HOUR_MS,
        T0 + high * HOUR_MS, T0 + 2 * HOUR_MS, RULES,
    ).parts  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(machines())
def test_it_gives_what_the_slow_version_gives(drawn: dict[str, Any]) -> None:
    names = ("states", "good", "energy")
    heard = sorted({s for name in names for s, _ in drawn[name]})
    states = slow.state_by_second(heard, drawn["states"], 0, 7200, 60)
    off, on = drawn["break"]
    told_ = slow.elements(
        states, lambda s: not off <= s < on, drawn["good"], [], [], drawn["energy"], 30.0, 120,
        (heard[0], 7200),
    )  # fmt: skip
    sums = sums_of([parts_of(drawn, 0, 2)])
    for key in ("PBT", "CAL", "MST", "PRIQ"):
        assert sums[key] * 3600 == pytest.approx(told_[key], abs=1e-6), key
    for key in ("GQ", "FE"):
        assert sums[key] == pytest.approx(told_[key]), key
    assert sums["EN"] == pytest.approx(told_["EN"], abs=1e-6)
    assert sums["ENI"] == pytest.approx(told_["ENI"], abs=1e-6)
    assert sums["APT"] * 3600 == pytest.approx(told_["state 1"], abs=1e-6)
    assert sums["UNK"] * 3600 == pytest.approx(told_["state 0"], abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(machines())
def test_cutting_time_anywhere_gives_the_same_sums(drawn: dict[str, Any]) -> None:
    whole = sums_of([parts_of(drawn, 0, 2)])
    pieces = sums_of([parts_of(drawn, 0, 1), parts_of(drawn, 1, 2)])
    for key, value in whole.items():
        assert pieces[key] == pytest.approx(value, abs=1e-9), key


@settings(max_examples=30, deadline=None)
@given(machines(), machines())
def test_machines_add_up(one: dict[str, Any], other: dict[str, Any]) -> None:
    both = sums_of([parts_of(one, 0, 2), parts_of(other, 0, 2)])
    apart = [sums_of([parts_of(m, 0, 2)]) for m in (one, other)]
    assert both == pytest.approx({k: apart[0][k] + apart[1][k] for k in both})
    time_ms = sum(lost.time_ms for lost in losses_of([parts_of(one, 0, 2)]).values())
    assert time_ms == pytest.approx(apart[0]["PBT"] * HOUR_MS, abs=1e-3)
