"""The simulated floor: pieces are kept count of, times add up, and its own log says the same."""

from collections import defaultdict
from functools import cache

import numpy as np
import pytest

from millbrain.core.errors import NotFoundError, RefusedError
from millbrain.core.plant.plant import Plant
from millbrain.core.plant.states import MachineState as S
from millbrain.run.plant import load_plant
from millbrain.run.plant.floor import Change, Floor
from millbrain.run.plant.machine import Machine

START_S = 1_790_000_400.0
DAY_S = 86_400.0
PACKS = ("machining-works", "engine-plant")


@cache
def plant_of(pack: str) -> Plant:
    return load_plant(pack)


@cache
def day_of(pack: str) -> tuple[Floor, list[Change]]:
    floor = Floor(plant_of(pack), START_S, seed=3)
    floor.advance(START_S + DAY_S)
    floor.settle()
    return floor, floor.take_changes()


def line_of(floor: Floor, place: str) -> list[Machine]:
    return [m for m in floor.machines if m.unit.parent == place]


@pytest.mark.parametrize("pack", PACKS)
def test_every_piece_that_was_begun_is_good_scrap_or_in_work(pack: str) -> None:
    for machine in day_of(pack)[0].machines:
        assert machine.started == machine.good + machine.scrap + machine.in_work, machine.unit.id


@pytest.mark.parametrize("pack", PACKS)
def test_times_in_all_states_make_the_day(pack: str) -> None:
    for machine in day_of(pack)[0].machines:
        assert sum(machine.seconds) == pytest.approx(DAY_S, abs=1e-6), machine.unit.id


@pytest.mark.parametrize("pack", PACKS)
def test_no_piece_is_lost_between_stages(pack: str) -> None:
    for line in (one for one in day_of(pack)[0].lines if not one.is_zone):
        for before, behind in zip(line.stages, line.stages[1:], strict=False):
            made = sum(m.good for m in before.machines) - sum(
                m.held is not None for m in before.machines
            )
            taken = sum(m.started for m in behind.machines)
            first = before.room // 2  # what stood there at the beginning
            assert first + made - taken == len(before.buffer), line.key
            assert len(before.buffer) <= before.room
        last = line.stages[-1].machines
        assert sum(line.out.values()) == sum(m.good for m in last)


@pytest.mark.parametrize("pack", PACKS)
def test_the_changes_tell_the_times_and_counts(pack: str) -> None:
    """What is published is enough to find every time in state and every count again."""
    floor, changes = day_of(pack)
    at: dict[int, tuple[float, int]] = {m.index: (START_S, S.IDLE) for m in floor.machines}
    seconds: dict[int, list[float]] = defaultdict(lambda: [0.0] * len(S))
    last: dict[tuple[int, str], float | str] = {}
    for change in changes:
        if change.signal == "machine_state":
            since, state = at[change.machine]
            seconds[change.machine][state] += change.at_s - since
            at[change.machine] = (change.at_s, int(change.value))
        last[change.machine, change.signal] = change.value
    for machine in floor.machines:
        since, state = at[machine.index]
        seconds[machine.index][state] += START_S + DAY_S - since
        assert seconds[machine.index] == pytest.approx(machine.seconds, abs=1e-3), machine.unit.id
        for signal, count in (("good_count", machine.good), ("scrap_count", machine.scrap)):
            assert last.get((machine.index, signal), 0) == count


def test_changes_come_in_order_of_time() -> None:
    times = np.array([c.at_s for c in day_of(PACKS[0])[1]])
    assert (np.diff(times) >= 0).all()


def test_a_bottleneck_starves_what_comes_after_and_blocks_what_comes_before() -> None:
    """Input gears: grinding (118 s on two) is slower than turning (112 s) and measuring (34 s)."""
    floor = day_of(PACKS[0])[0]
    line = line_of(floor, "MW-L01")
    blocked = [m.seconds[S.BLOCKED] / DAY_S for m in line if m.kind.key == "cnc_lathe"]
    starved = [m.seconds[S.STARVED] / DAY_S for m in line if m.kind.key == "gauge"]
    assert min(blocked) > 0.05
    assert min(starved) > 0.2


def test_oee_lies_where_that_of_a_works_lies() -> None:
    """Of machines that bound their line: standard time of good pieces against planned time."""
    floor = day_of(PACKS[0])[0]
    plant = plant_of(PACKS[0])
    busy = plant.busy("MW-L01-M06", round(START_S * 1000), round((START_S + DAY_S) * 1000))
    planned_s = float((busy[:, 1] - busy[:, 0]).sum()) / 1000
    for machine in line_of(floor, "MW-L01"):
        if machine.kind.key == "gear_grinder":
            assert 0.45 < machine.good * 118 / planned_s < 0.95


def test_breaks_and_shifts_are_kept() -> None:
    """The zones work from 08:30 to 17:30 of weekdays; START_S is a Monday, 22:20 in Shanghai."""
    floor = Floor(plant_of(PACKS[0]), START_S, seed=1, units=plant_of(PACKS[0]).units("MW-Z2"))
    floor.advance(START_S + 60)
    assert {m.reason for m in floor.machines} == {"P-OFF"}
    assert S.OFFLINE in {m.state for m in floor.machines}
    floor.advance(START_S + 10 * 3600 + 11 * 60)  # 08:31
    assert not {m.reason for m in floor.machines} & {"P-OFF", "P-BREAK"}
    floor.advance(START_S + 14 * 3600)  # 12:20, after the last piece
    assert {m.reason for m in floor.machines if m.state is S.IDLE} == {"P-BREAK"}


def test_reasons_are_those_of_the_pack() -> None:
    for pack in PACKS:
        known = plant_of(pack).reasons.keys() | {""}
        told = {c.value for c in day_of(pack)[1] if c.signal in ("stop_reason", "scrap_reason")}
        assert told <= known
        assert {"S-PRODUCT", "P-BREAK"} <= told


def test_energy_is_power_by_time() -> None:
    machine = day_of(PACKS[0])[0].by_id["MW-L01-M01"]
    expected = sum(machine.power_kw(s) * machine.seconds[s] for s in S) / 3600
    assert machine.energy_kwh == pytest.approx(expected)


def test_the_same_seed_tells_the_same_day() -> None:
    units = plant_of(PACKS[0]).units("MW-L03")
    days = []
    for seed in (7, 7, 8):
        floor = Floor(plant_of(PACKS[0]), START_S, seed, units)
        floor.advance(START_S + 7200)
        days.append(floor.take_changes())
    assert days[0] == days[1]
    assert days[0] != days[2]


def test_set_points_are_checked_and_change_the_pace() -> None:
    units = plant_of(PACKS[0]).units("MW-L01")
    cycles = []
    for feed in (320.0, 480.0):  # as the routing says, and half as fast again
        floor = Floor(plant_of(PACKS[0]), START_S, 5, units)
        floor.advance(START_S + 600)
        floor.write("MW-L01-M01", "feed_set_mmpmin", feed)
        floor.take_changes()
        floor.advance(START_S + 3600)
        told = [c.value for c in floor.take_changes() if c.signal == "cycle_s" and c.machine == 0]
        cycles.append(float(np.median([float(v) for v in told[1:]])))
    assert cycles[1] == pytest.approx(cycles[0] / 1.5, rel=0.05)
    with pytest.raises(RefusedError, match="feed_set_mmpmin is 9000, allowed is 0 to 5000"):
        floor.write("MW-L01-M01", "feed_set_mmpmin", 9000.0)
    with pytest.raises(RefusedError, match="good_count is not a set-point"):
        floor.write("MW-L01-M01", "good_count", 0.0)
    with pytest.raises(NotFoundError, match="no simulated machine 'MW-X'"):
        floor.write("MW-X", "feed_set_mmpmin", 1.0)


def test_a_dimension_shifts_on_request() -> None:
    units = plant_of(PACKS[0]).units("MW-L01")
    floor = Floor(plant_of(PACKS[0]), START_S, 2, units)
    means = []
    for sigmas in (0.0, 3.0):
        floor.skew("MW-L01-M08", "bore_mm", sigmas)
        floor.take_changes()
        floor.advance(floor.now_s + 6 * 3600)
        told = [float(c.value) for c in floor.take_changes() if c.signal == "bore_mm"]
        assert len(told) > 40
        means.append(np.mean(told))
    (bore,) = [
        c for c in plant_of(PACKS[0]).characteristics_of("MW-L01-M08") if c.name == "bore_mm"
    ]
    assert means[0] == pytest.approx(bore.nominal, abs=bore.sigma / 2)
    assert means[1] - means[0] == pytest.approx(3 * bore.sigma, abs=bore.sigma / 2)
