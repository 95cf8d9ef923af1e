"""Faults put into made packs: the right cell and kind, a call only where there is evidence."""

import numpy as np
import pytest

from millbrain.analyse.battery.calc import judge as judging
from millbrain.analyse.battery.calc.days import PackDays
from millbrain.analyse.battery.calc.judge import judge
from millbrain.analyse.battery.model import KINDS, PARAMETERS, RULE_SETS, HeatRules, Rules, chosen
from millbrain.core.errors import SettingsError
from millbrain.core.findings import Finding, Severity
from tests.analyse.battery.made import Pack, days

RULES = Rules()


def told(found: list[Finding]) -> list[tuple[int, str, bool]]:
    return [(f.cell_no, f.kind, f.call_out) for f in found]


def first_days(whole: PackDays, count: int) -> PackDays:
    return whole.taken(np.arange(count))


@pytest.mark.parametrize("seed", range(8))
def test_a_healthy_pack_is_left_alone(seed: int) -> None:
    assert judge(Pack(days=10, seed=seed).days(), RULES) == []


def test_self_discharge() -> None:
    pack = Pack(days=14)
    found = judge(pack.lack(39, 2.0 + 0.3 * pack.day).days(), RULES)
    assert told(found) == [(40, "self-discharge", True)]
    assert {"herd", "charge", "drift"} <= found[0].families
    assert found[0].severity is Severity.SERVICE


def test_low_capacity_is_level_when_full() -> None:
    found = judge(Pack(days=8).lack(20, 0.0, depth=0.06).days(), RULES)
    assert told(found) == [(21, "capacity", True)]


def test_steady_excess_is_resistance() -> None:
    pack = Pack(days=8)
    pack.cells_mv[:, 11] -= 0.9 * pack.current_a
    assert told(judge(pack.days(), RULES)) == [(12, "resistance", True)]


def test_unsteady_excess_is_a_connection() -> None:
    pack = Pack(days=8)
    daily = np.array([0.5, 2.0, 0.7, 1.5, 3.0, 0.6, 1.2, 2.4])
    pack.cells_mv[:, 11] -= daily[pack.day] * pack.current_a
    assert told(judge(pack.days(), RULES)) == [(12, "connection", True)]


def test_the_same_error_at_every_soc_is_a_measurement() -> None:
    pack = Pack(days=8)
    pack.cells_mv[:, 3] -= 40
    assert [(n, kind) for n, kind, _ in told(judge(pack.days(), RULES))] == [(4, "sensor")]


def test_a_loose_sense_wire_is_no_cell() -> None:
    pack = Pack(days=5)
    pack.cells_mv[:, 30] += 90
    pack.cells_mv[:, 31] -= 90
    found = judge(pack.days(), RULES)
    assert told(found) == [(31, "sensor", True), (32, "sensor", True)]
    assert all("neighbour" in f.families for f in found)


def test_lost_values_are_a_measurement() -> None:
    pack = Pack(days=5)
    pack.cells_mv[::3, 8] = 65_534
    assert [(n, kind) for n, kind, _ in told(judge(pack.days(), RULES))] == [(9, "sensor")]


def test_glitches_are_nothing() -> None:
    pack = Pack(days=10)
    random = np.random.default_rng(5)
    rows = random.integers(0, len(pack.cells_mv), 60)
    pack.cells_mv[rows, random.integers(0, 96, 60)] = random.choice([0, 66_500 - 1_000, 4_900], 60)
    assert judge(pack.days(), RULES) == []


def test_a_second_population_is_nothing() -> None:
    pack = Pack(days=10)
    pack.cells_mv[:, 84:] += 50
    assert judge(pack.days(), RULES) == []


def test_two_days_are_not_enough_and_three_are() -> None:
    pack = Pack(days=5)
    whole = pack.lack(39, 4.0).days()
    assert judge(first_days(whole, 2), RULES) == []
    assert told(judge(first_days(whole, 3), RULES)) == [(40, "self-discharge", True)]


def test_a_deviation_without_a_second_family_is_only_watched() -> None:
    pack = Pack(days=6)
    pack.soc[:] = np.rint(40 + pack.soc / 20)  # a few percent of SOC: the curve cannot be seen
    pack.cells_mv[:, 39] -= 40
    found = judge(pack.days(), RULES)
    assert told(found) == [(40, "deviation", False)]
    assert found[0].severity is Severity.WATCH


def test_a_case_is_told_once() -> None:
    pack = Pack(days=6)
    pack.cells_mv += (5 * pack.soc - pack.curve(pack.soc))[:, None] + 3_300  # one slope everywhere
    pack.cells_mv[:, 39] -= 40
    assert told(judge(pack.days(), RULES)) == [(40, "deviation", False)]


def test_a_repaired_cell_clears() -> None:
    pack = Pack(days=12)
    charge = np.where(pack.day < 6, 4.0, 0.0)
    whole = pack.lack(39, charge).days()
    assert told(judge(first_days(whole, 8), RULES)), "two clear days do not close it"
    assert judge(first_days(whole, 9), RULES) == []


def test_insulation() -> None:
    pack = Pack(days=4)
    low = np.full(len(pack.day), 20, np.uint16)
    more = {"insulation_kohm": low, "voltage_v": np.full(len(low), 350, np.float32)}
    assert told(judge(pack.days(**more), RULES)) == [(0, "insulation", False)]
    more["alarm_flags"] = np.full(len(low), 1 << 11, np.uint32)
    assert told(judge(pack.days(**more), RULES)) == [(0, "insulation", True)]


def test_nothing_known_gives_nothing() -> None:
    pack = Pack(days=4)
    pack.cells_mv[:] = 65_535
    found = judge(pack.days(), RULES)
    assert {f.kind for f in found} <= {"sensor"}
    assert not any(f.call_out for f in found)


def test_same_input_same_output() -> None:
    one, other = (judge(Pack(days=6).lack(3, 4.0).days(), RULES) for _ in range(2))
    assert one == other


def test_sentences_name_the_cell_in_both_languages() -> None:
    pack = Pack(days=6).lack(39, 4.0)
    (found,) = judge(pack.days(), RULES)
    for text in (found.sentence, found.sentence_zh):
        assert "40" in text
        assert "2023-11-15" in text
        assert "{" not in text
    assert found.first_seen == pack.at[0]
    assert found.last_seen == pack.at[-1]


def test_every_parameter_belongs_to_a_rule() -> None:
    owned = [(name, getattr(kind(), name)) for kind in RULE_SETS for name in kind.__slots__]
    assert [(p.name, p.default) for p in PARAMETERS] == owned
    assert all(KINDS.values())


def test_rules_take_what_the_operator_set() -> None:
    rules = chosen(HeatRules, {"hot_looks_min": 5.0, "hot_full_pct": 90.0, "rest_a": 3.0})
    assert (rules.hot_looks_min, rules.hot_full_pct) == (5, 90.0)
    assert rules.hot_spread_degc == HeatRules().hot_spread_degc
    with pytest.raises(SettingsError, match="hot_full_pct is 101"):
        chosen(HeatRules, {"hot_full_pct": 101.0})


def test_rules_out_of_range_are_refused() -> None:
    with pytest.raises(SettingsError, match="days_min is 1"):
        Rules(days_min=1)


def test_few_reports_are_no_day() -> None:
    columns = Pack(days=6).lack(39, 4.0).columns()
    few = columns.take(np.arange(0, columns.rows, 20))
    assert judge(days(few), RULES) == []


def test_the_leak_is_told_where_the_capacity_is_known() -> None:
    pack = Pack(days=20)
    days_seen = pack.lack(39, 2.0 + 0.3 * pack.day).days()  # 0.3 % of 100 Ah a day are 12.5 mA
    (found,) = judge(days_seen, RULES, capacity_ah=100.0)
    told_ma = {e.name: e.value for e in found.evidence}["leak"]
    assert told_ma == pytest.approx(12.5 * 1, rel=0.25)
    assert " mA" in found.sentence
    assert " mA" in found.sentence_zh
    (unknown,) = judge(days_seen, RULES)
    assert "leak" not in {e.name for e in unknown.evidence}
    assert " mA" not in unknown.sentence


def test_part_of_a_module_is_a_second_population() -> None:
    pack = Pack(days=10)
    random = np.random.default_rng(1)
    for cell in range(24, 36):  # only a few of them are beyond the limits
        pack.lack(cell, 1.6 + 0.3 * random.standard_normal())
    assert not [f for f in judge(pack.days(), RULES) if f.call_out]


def test_a_weak_cell_beside_another_population_is_found() -> None:
    pack = Pack(days=8)
    pack.cells_mv[:, 84:] += 50
    assert (11, "self-discharge", True) in told(judge(pack.lack(10, 5.0).days(), RULES))


def test_an_error_that_comes_at_once_and_stays() -> None:
    pack = Pack(days=10)
    pack.cells_mv[:, 50] += np.where(pack.day >= 5, 40, 0)
    (found,) = judge(pack.days(), RULES)
    assert (found.cell_no, found.kind, found.call_out) == (51, "sensor", True)
    assert "course" in found.families


def test_insulation_that_falls_is_told_before_it_is_low() -> None:
    pack = Pack(days=13)
    kohm = 4_000 * 10.0 ** (-0.15 * pack.day)  # on the last three days 360, 260, 180 Ohm/V
    more = {"voltage_v": np.full(len(kohm), 350, np.float32)}
    whole = pack.days(insulation_kohm=kohm.astype(np.uint16), **more)
    assert not judge(first_days(whole, 12), RULES)
    (found,) = judge(whole, RULES)
    assert (found.kind, found.call_out) == ("insulation", True)
    assert {"measured", "course"} <= found.families
    assert (found.unit, found.threshold) == ("Ohm/V", 500)
    assert found.value == pytest.approx(260, rel=0.1)
    for said in ("Ω/V: above the 100 Ω/V that is required, but below the 500", "on 3 days"):
        assert said in found.sentence
    assert "虽未低于要求的100 Ω/V，但已低于预警值500 Ω/V" in found.sentence_zh


def test_insulation_below_what_is_required_says_so() -> None:
    pack = Pack(days=6)
    low = np.full(len(pack.day), 20, np.uint16)  # 20 kOhm at 350 V: 57 Ohm/V
    more = {"voltage_v": np.full(len(low), 350, np.float32)}
    (found,) = judge(pack.days(insulation_kohm=low, **more), RULES)
    assert (found.unit, found.threshold) == ("Ohm/V", 500)
    assert "below the 100 Ω/V that is required" in found.sentence
    at_times = np.where(np.arange(len(low)) % 10 == 0, 20, 5_000).astype(np.uint16)
    (found,) = judge(pack.days(insulation_kohm=at_times, **more), RULES)
    assert (found.unit, found.threshold) == ("1/d", 3)
    assert found.value >= 3
    assert "falls below the required 100 Ω/V in" in found.sentence


def test_probes_that_come_apart() -> None:
    pack = Pack(days=8)
    high = np.where(pack.day < 4, 30, 45).astype(np.int16)
    found = judge(pack.days(temp_max_degc=high, temp_min_degc=np.full_like(high, 27)), RULES)
    assert told(found) == [(0, "temperature", True)]
    always = np.full_like(high, 45)
    found = judge(pack.days(temp_max_degc=always, temp_min_degc=np.full_like(high, 27)), RULES)
    assert told(found) == [(0, "temperature", False)], "it may be built so"


def test_control_that_errs_on_many_days() -> None:
    whole = Pack(days=10).days()
    first = int(whole.day[0])
    often = {"soc_jump": dict.fromkeys(range(first, first + 8), 2)}
    (found,) = judge(whole, RULES, counts=often)
    assert (found.kind, found.cell_no, found.call_out) == ("strategy", 0, True)
    assert "16 times on 8 days" in found.sentence
    rare = {"soc_jump": dict.fromkeys(range(first, first + 6), 2), "other": {first: 9}}
    assert judge(whole, RULES, counts=rare) == []


def test_evidence_is_finite() -> None:
    pack = Pack(days=6)
    blind = pack.lack(39, 4.0).columns()
    blind.missing["current_a"] = np.ones(blind.rows, np.bool_)
    (found,) = judge(days(blind), RULES)
    assert all(np.isfinite([e.value, e.threshold]).all() for e in found.evidence)


def test_a_look_that_is_cut_short_passes_over_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 6.0)  # around what opens a case
    packs = [Pack(days=12, seed=n).lack(39, pct).days() for n, pct in enumerate(lacking)]
    for mohm in (0.2, 0.4, 0.6, 2.0):
        pack = Pack(days=12)
        pack.cells_mv[:, 11] -= mohm * pack.current_a
        packs.append(pack.days())
    looks = [first_days(pack, count) for pack in packs for count in range(2, 13)]
    found = [judge(look, RULES) for look in looks]
    monkeypatch.setattr(judging, "may_open", lambda *_: True)
    assert [judge(look, RULES) for look in looks] == found
    assert 0 < sum(map(bool, found)) < len(found)


def modules(pack: Pack, charge_pct: float) -> Pack:
    """Take charge from every second module of twelve cells, and a little from some cells of all."""
    for cell in range(pack.cells):
        other = charge_pct if cell // 12 % 2 else 0.0
        pack.lack(cell, other + 0.05 * (cell % 3))
    return pack


def test_a_weak_cell_is_found_although_modules_differ_by_as_much() -> None:
    assert judge(modules(Pack(days=6), 2.5).days(), RULES) == []
    found = judge(modules(Pack(days=6), 2.5).lack(40, 2.5).days(), RULES)
    assert told(found) == [(41, "self-discharge", True)], "in one of the modules that lack charge"


def test_a_cell_as_far_out_in_a_pack_that_scatters_is_not_called() -> None:
    pack = Pack(days=6)
    apart = np.random.default_rng(3).normal(0, 0.9, pack.cells)
    apart[40] = 2.5 - apart.min()
    for cell in range(pack.cells):
        pack.lack(cell, float(apart[cell] - apart.min()))
    assert not [f for f in judge(pack.days(), RULES) if f.call_out]


def test_what_no_longer_reaches_its_limit_is_no_evidence() -> None:
    pack = Pack(days=16)
    # Limit 0.35, clear below half of it; one day in three still counts.
    excess = np.where(pack.day < 6, 0.9, np.where(pack.day % 3 == 0, 0.4, 0.24))
    pack.cells_mv[:, 11] -= excess * pack.current_a
    whole = pack.days()
    assert told(judge(first_days(whole, 6), RULES)) == [(12, "resistance", True)]
    (later,) = judge(whole, RULES)
    assert (later.cell_no, later.call_out) == (12, False), "the case is open, nobody is called"
    assert "load" not in later.families


def test_two_cells_of_unlike_resistance_mirror_each_other_under_load_only() -> None:
    pack = Pack(days=6)
    loaded = np.abs(pack.current_a) > 40
    shift = np.where(loaded, 60.0, 0.0)
    pack.cells_mv[:, 30] += shift
    pack.cells_mv[:, 31] -= shift
    assert 0.2 < loaded.mean() < 0.6
    assert not [f for f in judge(pack.days(), RULES) if f.kind == "sensor" and f.call_out]
