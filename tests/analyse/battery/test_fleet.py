"""Fleet statistics: error rates under chance alone, planted defects found, causes told apart."""

import json
import re
from math import comb
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from millbrain.analyse.battery.fleet.cases import (
    Cases,
    cases_of_alarms,
    cases_of_events,
    cases_of_findings,
    joined,
)
from millbrain.analyse.battery.fleet.dossier import dossier, page
from millbrain.analyse.battery.fleet.groups import (
    Vehicles,
    explained,
    log_likelihood_ratio,
    suspicions,
)
from millbrain.analyse.battery.fleet.patterns import Item, Pattern
from millbrain.analyse.battery.fleet.suspicion import Suspicion, suspicion_columns
from millbrain.analyse.battery.model import FleetRules
from millbrain.analyse.battery.tables import FLEET_SUSPICION
from millbrain.core.columns import Columns
from millbrain.core.findings import Finding, Severity, finding_columns
from millbrain.core.tables import arrow_batch
from tests.analyse.battery.made import FIRST_AT

RULES = FleetRules()
DAY_S = 86_400


def fleet(count: int, seed: int = 0, models: int = 6, packs: int = 3) -> Vehicles:
    """Vehicles of some models, each with packs of its own, observed for 100 to 300 days."""
    random = np.random.default_rng(seed)
    model = random.integers(models, size=count)
    pack = model * packs + random.integers(packs, size=count)
    return Vehicles(
        vin=np.array([b"LNEVTEST0N%07d" % i for i in range(count)]),
        days=random.uniform(100, 300, count),
        since=FIRST_AT + random.integers(0, 30, count) * DAY_S,
        groups={
            "model": np.array([b"M%d" % m for m in model]),
            "pack_code": np.array([b"P%02d" % p for p in pack]),
            "production_month": np.array([b"2023-%02d" % m for m in random.integers(1, 13, count)]),
        },
    )


def happened(vehicles: Vehicles, per_day: Any, what: bytes, seed: int) -> Cases:
    """Return cases that come at a rate per vehicle-day, at any time of the observation."""
    random = np.random.default_rng(seed)
    has = random.random(len(vehicles.vin)) < 1 - np.exp(-per_day * vehicles.days)
    rows = np.flatnonzero(has)
    at = FIRST_AT + 30 * DAY_S + random.integers(0, 300 * DAY_S, len(rows))
    return Cases(vehicles.vin[rows], np.full(len(rows), what), at)


def named(found: list[Suspicion]) -> set[tuple[str, str, str]]:
    return {(s.grouped_by, s.group, s.what) for s in found if s.is_open}


def test_a_pack_that_stands_out_is_suspected_and_told_from_its_model() -> None:
    vehicles = fleet(6_000)
    bad = vehicles.groups["pack_code"] == b"P04"
    cases = happened(vehicles, np.where(bad, 8e-5, 1e-5), b"finding:capacity", 1)
    found = suspicions(vehicles, cases, RULES)
    first = found[0]
    assert (first.grouped_by, first.group, first.what) == ("pack_code", "P04", "finding:capacity")
    assert first.cause == "design"
    assert first.cases > first.limit_high > first.expected
    assert first.llr > first.llr_limit == pytest.approx(np.log(100))
    assert "P04" in first.sentence
    assert "电池包编码P04" in first.sentence_zh
    assert {s.group for s in found if s.grouped_by == "pack_code"} == {"P04"}
    # Its model stands out with it; its months do not.
    assert {s.group for s in found} <= {"P04", "M1"}
    arrow_batch(FLEET_SUSPICION, suspicion_columns(found, 3))


def test_a_pack_of_a_bad_model_is_not_blamed_for_it() -> None:
    vehicles = fleet(6_000)
    bad = vehicles.groups["model"] == b"M1"
    found = suspicions(
        vehicles, happened(vehicles, np.where(bad, 2e-4, 1e-5), b"alarm:6", 1), RULES
    )
    causes = {(s.grouped_by, s.group): s.cause for s in found}
    assert causes.pop(("model", "M1")) == "design"
    assert set(causes) <= {("pack_code", "P03"), ("pack_code", "P04"), ("pack_code", "P05")}
    assert causes, "packs of a bad model stand out against all others"
    assert set(causes.values()) == {"open"}


def test_figures_of_a_suspicion_are_those_of_a_hand_count() -> None:
    # 100 vehicles with 12 cases, 900 with 9, all observed for 100 days.
    count = 1_000
    group = np.where(np.arange(count) < 100, b"A", b"B")
    vehicles = Vehicles(np.array([b"V%016d" % i for i in range(count)]), np.full(count, 100.0),
                        np.full(count, FIRST_AT), {"software": group})  # fmt: skip
    rows = np.r_[np.arange(12), np.arange(100, 109)]
    random = np.random.default_rng(3)
    cases = Cases(vehicles.vin[rows], np.full(21, b"alarm:8"),
                  FIRST_AT + random.integers(1, 1_000_000, 21))  # fmt: skip
    (one,) = suspicions(vehicles, cases, RULES)
    assert (one.vehicles, one.cases, one.expected) == (100, 12, pytest.approx(1.0))
    tail = sum(comb(21, j) * 0.1**j * 0.9 ** (21 - j) for j in range(12, 22))
    assert one.p_value == pytest.approx(tail, rel=1e-9)
    # Binomial(100, 0.01): P(X >= 5) = 0.0034, P(X >= 6) = 0.0005.
    assert 5 < one.limit_high < 6
    assert (one.first_at, one.last_at) == (cases.at[:12].min(), cases.at[:12].max())
    assert one.dispersion == 1
    assert "SOC" in one.sentence_zh
    assert one.cause == "design"


def test_cases_of_one_vehicle_are_one_case() -> None:
    vehicles = fleet(600)
    cases = happened(vehicles, 1e-3, b"alarm:5", 2)
    again = Cases(cases.vin, cases.what, cases.at + 500)
    rules = FleetRules(fleet_limit_ratio=0.2, fleet_false_ratio=0.5, fleet_error_ratio=0.2)
    held = [(b"model", b"M1", b"alarm:5")]
    (one,) = [s for s in suspicions(vehicles, cases, rules, held) if s.group == "M1"]
    (two,) = [s for s in suspicions(vehicles, joined([again, cases]), rules, held)
              if s.group == "M1"]  # fmt: skip
    assert (one.cases, one.first_at) == (two.cases, two.first_at)
    assert two.last_at == one.last_at + 500


def test_order_changes_nothing_and_strangers_are_passed_over() -> None:
    vehicles = fleet(3_000)
    bad = vehicles.groups["pack_code"] == b"P04"
    cases = happened(vehicles, np.where(bad, 9e-5, 1e-5), b"event:soc_jump", 1)
    random = np.random.default_rng(5)
    order, shuffled = random.permutation(3_000), random.permutation(len(cases.vin))
    other = Vehicles(vehicles.vin[order], vehicles.days[order], vehicles.since[order],
                     {n: g[order] for n, g in vehicles.groups.items()})  # fmt: skip
    strange = Cases(np.r_[cases.vin[shuffled], np.full(50, b"STRANGE0000000000")],
                    np.r_[cases.what[shuffled], np.full(50, b"event:soc_jump")],
                    np.r_[cases.at[shuffled], np.full(50, FIRST_AT)])  # fmt: skip
    one, two = suspicions(vehicles, cases, RULES), suspicions(other, strange, RULES)
    assert [s.as_json() for s in one] == [s.as_json() for s in two] != []


def test_a_suspicion_that_is_no_more_is_closed() -> None:
    vehicles = fleet(3_000)
    cases = happened(vehicles, 2e-5, b"alarm:5", 4)
    held = [(b"model", b"M2", b"alarm:5"), (b"model", b"GONE", b"alarm:5")]
    (one,) = suspicions(vehicles, cases, RULES, held)
    assert (one.group, one.is_open, one.cause) == ("M2", False, "open")
    assert "no longer" in one.sentence


def test_empty_fleet_and_no_cases() -> None:
    none = Cases(np.zeros(0, "S17"), np.zeros(0, "S9"), np.zeros(0, np.int64))
    assert suspicions(fleet(100), none, RULES) == []
    assert suspicions(fleet(0), none, RULES) == []
    assert suspicion_columns([], 0).rows == 0


def false_fleets(seeds: range) -> int:
    """Count fleets of 2,000 vehicles, 36 groups and 3 sorts, nothing planted, with a suspicion."""
    found = 0
    for seed in seeds:
        vehicles = fleet(2_000, seed)
        cases = joined([happened(vehicles, rate, b"alarm:%d" % i, seed * 10 + i)
                        for i, rate in enumerate((1e-5, 1e-4, 1e-3))])  # fmt: skip
        found += bool(suspicions(vehicles, cases, RULES))
    return found


def test_chance_alone_is_seldom_suspected() -> None:
    assert false_fleets(range(8)) == 0


@pytest.mark.slow
def test_chance_alone_is_suspected_in_less_than_one_fleet_in_twenty() -> None:
    assert false_fleets(range(100, 160)) <= 3


def test_sequential_test_keeps_its_error_under_chance() -> None:
    # 3,000 histories of 400 cases; the share of the group changes as vehicles come.
    random = np.random.default_rng(9)
    since = np.sort(random.integers(0, 1_000, 5_000))
    is_own = random.random(5_000) < 0.06
    crossed = 0
    for _ in range(3_000):
        at = np.sort(random.integers(50, 5_000, 400))
        own = np.searchsorted(since[is_own], at, "right")
        share = own / np.searchsorted(since, at, "right")
        hit = random.random(400) < share
        llr = log_likelihood_ratio(at, hit, since, since[is_own], RULES)
        crossed += llr >= np.log(100)
    # At most 1 % in truth; three standard deviations of 3,000 draws are 0.54 %.
    assert crossed / 3_000 <= 0.0155


def test_sequential_test_finds_what_it_looks_for() -> None:
    random = np.random.default_rng(10)
    since = np.zeros(1_000, np.int64)
    found = []
    for _ in range(200):
        hit = random.random(150) < 4 * 0.1 / (1 + 3 * 0.1)  # four times the others' rate
        llr = log_likelihood_ratio(np.arange(1, 151), hit, since, since[:100], RULES)
        found.append(llr >= np.log(100))
    assert np.mean(found) > 0.99
    # By hand: one case in a group with half of the vehicles: mean of 2r / (r + 1) for 2, 4, 8, 16.
    one = log_likelihood_ratio(np.array([1]), np.array([True]), since, since[:500], RULES)
    assert one == pytest.approx(np.log(np.mean([4 / 3, 8 / 5, 16 / 9, 32 / 17])))


def test_groups_that_scatter_widen_the_limit() -> None:
    vehicles = fleet(12_000, models=12, packs=1)
    random = np.random.default_rng(6)
    rates = dict(zip(np.unique(vehicles.groups["model"]).tolist(),
                     random.gamma(3, 1e-4 / 3, 12), strict=True))  # fmt: skip
    rate = np.array([rates[m] for m in vehicles.groups["model"].tolist()])
    cases = happened(vehicles, rate, b"alarm:4", 7)
    held = [(b"model", b"M%d" % i, b"alarm:4") for i in range(12)]
    found = [s for s in suspicions(vehicles, cases, RULES, held) if s.grouped_by == "model"]
    assert len(found) == 12
    assert sum(s.dispersion > 3 for s in found) >= 11, "of M1 too few cases to ask"
    assert not named(found), "models that differ a little each are no defects"


def pattern_before() -> Pattern:
    items = (
        Item("SOC", "30 to 39 %", "30~39%", 200.0),
        Item("gear", "D to R", "前进挡转倒挡", 20.0),
    )
    return Pattern(items, 0.9, 0.1, 1e-6, 40, 120)


def test_a_common_sequence_makes_it_a_strategy() -> None:
    vehicles = fleet(6_000)
    bad = vehicles.groups["pack_code"] == b"P04"
    cases = happened(vehicles, np.where(bad, 8e-5, 1e-5), b"event:soc_jump", 1)
    found = suspicions(vehicles, cases, RULES)
    one = explained(found[0], pattern_before())
    assert one.cause == "strategy"
    assert "SOC 30 to 39 %, then gear D to R" in one.sentence
    assert "前进挡转倒挡" in one.sentence_zh
    assert explained(found[0], None) is found[0]
    columns = suspicion_columns([one], 1)
    assert b'"share": 0.9' in columns.array("pattern")[0]


def test_cases_come_from_findings_days_and_events() -> None:
    finding = Finding(
        "V1", "battery", "capacity", 1, 2, 10, 20, Severity.WATCH, 1.0, "mV", 0.5, 0.5
    )
    from_findings = cases_of_findings(finding_columns([finding], 0))
    days = Columns(2, {"vin": np.array([b"V1", b"V2"]), "first_at": np.array([5, 6]),
                       "alarm_flags": np.array([0b100001, 0], np.uint32)})  # fmt: skip
    events = Columns(1, {"vin": np.array([b"V3"]), "kind": np.array([b"soc_jump"]),
                         "device_at": np.array([7])})  # fmt: skip
    every = joined([from_findings, cases_of_alarms(days), cases_of_events(events)])
    rows = list(zip(every.vin.tolist(), every.what.tolist(), every.at.tolist(), strict=True))
    assert rows == [(b"V1", b"finding:capacity", 10), (b"V1", b"alarm:0", 5),
                    (b"V1", b"alarm:5", 5), (b"V3", b"event:soc_jump", 7)]  # fmt: skip


def the_dossier(group: bytes = b"P04") -> dict[str, Any]:
    vehicles = fleet(6_000)
    names = np.where(vehicles.groups["pack_code"] == b"P04", group, vehicles.groups["pack_code"])
    vehicles = Vehicles(vehicles.vin, vehicles.days, vehicles.since,
                        vehicles.groups | {"pack_code": names})  # fmt: skip
    cases = happened(vehicles, np.where(names == group, 8e-5, 1e-5), b"event:soc_jump", 1)
    one = explained(suspicions(vehicles, cases, RULES)[0], pattern_before())
    return dossier(one, vehicles, cases, RULES, FIRST_AT + 400 * DAY_S)


def test_dossier_is_plain_data_and_names_the_vehicles() -> None:
    data = json.loads(json.dumps(the_dossier()))
    s = data["suspicion"]
    assert len(data["cases"]) == s["cases"]
    times = [c["first_at"] for c in data["cases"]]
    assert times == sorted(times)
    assert (times[0], data["cause"]) == (s["first_at"], ["control strategy", "控制策略缺陷"])
    assert {c["pack_code"] for c in data["cases"]} == {"P04"}
    counted = [g for g in data["funnel"]["groups"] if g["group"] == "P04"]
    assert counted == [{"group": "P04", "vehicles": s["vehicles"], "cases": s["cases"]}]
    assert data["timeline"]["cases"][-1] == s["cases"]
    assert all(len(pair) == 2 for pair in data["method"] + data["limits"])


def test_page_is_one_well_formed_document_in_two_languages() -> None:
    data = the_dossier(b"<P&1>")
    text = page(data)
    assert "<P&1>" not in text, "what comes from outside is escaped"
    assert "&lt;P&amp;1&gt;" in text
    for words in ("Method", "方法", "局限", "SOC跳变", "前进挡转倒挡"):
        assert words in text
    assert not re.search(r'(src|href)="', text), "nothing is fetched from outside"
    for drawing in re.findall(r"<svg.*?</svg>", text):
        ElementTree.fromstring(drawing)
        assert "nan" not in drawing
    assert len(re.findall(r"<svg", text)) == 2


def test_long_dossiers_say_what_they_leave_off() -> None:
    vehicles = fleet(3_000)
    bad = vehicles.groups["model"] == b"M1"
    cases = happened(vehicles, np.where(bad, 1e-2, 1e-5), b"alarm:5", 1)
    one = next(s for s in suspicions(vehicles, cases, RULES) if s.group == "M1")
    data = dossier(one, vehicles, cases, RULES, FIRST_AT)
    assert len(data["cases"]) == 200
    assert data["cases_left_off"] == one.cases - 200 > 0
    assert f"{one.cases - 200:,} more are not listed" in page(data)
