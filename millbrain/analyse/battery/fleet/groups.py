"""Groups of vehicles that have something more often than the others: suspicions of a defect.

Vehicles are grouped by model, pack code, software and month of production; what is counted are
vehicles with at least one finding, alarm bit or battery event of a sort. A group is suspected where
three tests agree: it is beyond the funnel limit, the false-discovery rate over all groups and
sorts is kept, and the sequential test, which stays valid however often one looks, has crossed its
limit. `docs/concepts/battery-health-and-fleet.md` has the formulae.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.fleet.cases import Cases
from millbrain.analyse.battery.fleet.exact import binomial_limit, binomial_upper, false_discovery
from millbrain.analyse.battery.fleet.patterns import Pattern
from millbrain.analyse.battery.fleet.suspicion import DESIGN, OPEN, STRATEGY, Suspicion
from millbrain.analyse.battery.fleet.words import sentences
from millbrain.analyse.battery.model import FleetRules

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Key = tuple[bytes, bytes, bytes]

MODEL: Final = "model"
GROUPINGS: Final = (MODEL, "pack_code", "software", "production_month")
_SIBLINGS_SCATTER_MIN: Final = 5  # groups from which over-dispersion is told
_WINSOR: Final = 0.1  # share of the groups at either end that is drawn in (Spiegelhalter 2005)
_RATES: Final = (1.0, 2.0, 4.0, 8.0)  # times `fleet_rate_ratio`: mixed, so that none must be chosen
_EXPOSURE_CLASSES: Final = 3


@dataclass(frozen=True, slots=True)
class Vehicles:
    """The fleet, each vehicle once; shape (vehicles,).

    vin: ``S``. days: days on which it was observed, more than 0. since: device time of its first
    report [s]. groups: grouping -> the group of each vehicle as ``S``, empty = not known.
    """

    vin: NDArray[Any]
    days: Floats
    since: Ints
    groups: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class _Table:
    """One grouping: group of each vehicle (-1 = not known), and sums by group and sort."""

    grouped_by: str
    names: NDArray[Any]
    group: Ints
    days: Floats
    vehicles: Ints
    cases: Ints


@dataclass(frozen=True, slots=True)
class _Sort:
    """The vehicles with one sort of case: places in the fleet, first and last device time [s]."""

    name: bytes
    rows: NDArray[np.intp]
    first: Ints
    last: Ints


def suspicions(vehicles: Vehicles, cases: Cases, rules: FleetRules,
               held: Collection[Key] = ()) -> list[Suspicion]:  # fmt: skip
    """Return the groups that stand out, the least likely first; then those of `held` that do not.

    held: (grouped_by, group, what) of suspicions that are open in the table; one that is no longer
    beyond the limits comes out with `is_open` False. Cases of vehicles that are not in the fleet
    are passed over. The same vehicles and cases give the same list, whatever their order.
    """
    order = np.argsort(vehicles.vin, kind="stable")
    fleet = Vehicles(vehicles.vin[order].astype("S"), vehicles.days[order], vehicles.since[order],
                     {n: g[order].astype("S") for n, g in vehicles.groups.items()})  # fmt: skip
    sorts = _sorts(fleet, cases)
    tables = [_table(fleet, sorts, name) for name in GROUPINGS if name in fleet.groups]
    figures = [_figures(table, rules) for table in tables]
    p = np.concatenate([f["p"].reshape(-1) for f in figures]) if figures else np.zeros(0)
    q, begin, found = false_discovery(p), 0, []
    for table, figure in zip(tables, figures, strict=True):
        size = figure["p"].size
        own = q[begin : begin + size].reshape(figure["p"].shape)
        begin += size
        found += _stand_out(fleet, sorts, table, figure | {"q": own}, rules, held)
    found.sort(key=lambda s: (not s.is_open, s.q_value, s.grouped_by, s.group, s.what))
    return found


def explained(suspicion: Suspicion, pattern: Pattern | None) -> Suspicion:
    """Return a suspicion with the sequence that comes before its events, if there is one."""
    if pattern is None:
        return suspicion
    return _worded(replace(suspicion, cause=STRATEGY, pattern=pattern))


def _worded(suspicion: Suspicion) -> Suspicion:
    english, chinese = sentences(suspicion)
    return replace(suspicion, sentence=english, sentence_zh=chinese)


def _sorts(fleet: Vehicles, cases: Cases) -> list[_Sort]:
    """Merge what was observed of one vehicle and sort into one case."""
    vin = cases.vin.astype("S")
    place = np.searchsorted(fleet.vin, vin)
    known = place < len(fleet.vin)
    known[known] = fleet.vin[place[known]] == vin[known]
    names, sort = np.unique(cases.what[known].astype("S"), return_inverse=True)
    pair, index = np.unique(sort * len(fleet.vin) + place[known], return_inverse=True)
    first = np.full(len(pair), np.iinfo(np.int64).max)
    last = np.full(len(pair), np.iinfo(np.int64).min)
    np.minimum.at(first, index, cases.at[known])
    np.maximum.at(last, index, cases.at[known])
    bounds = np.searchsorted(pair, np.arange(len(names) + 1) * len(fleet.vin))
    return [
        _Sort(bytes(name), pair[own] % len(fleet.vin), first[own], last[own])
        for name, own in zip(names, map(slice, bounds[:-1], bounds[1:]), strict=True)
    ]


def _table(fleet: Vehicles, sorts: list[_Sort], name: str) -> _Table:
    names, group = np.unique(fleet.groups[name], return_inverse=True)
    if len(names) and names[0] == b"":
        names, group = names[1:], group - 1
    inside = group >= 0
    count = len(names)
    cases = np.zeros((count, len(sorts)), np.int64)
    for number, sort in enumerate(sorts):
        own = group[sort.rows]
        cases[:, number] = np.bincount(own[own >= 0], minlength=count)
    days = np.zeros(count)
    np.add.at(days, group[inside], fleet.days[inside])
    vehicles = np.bincount(group[inside], minlength=count).astype(np.int64)
    return _Table(name, names, group.astype(np.int64), days, vehicles, cases)


def _figures(table: _Table, rules: FleetRules) -> dict[str, Floats]:
    """Return expected cases, scatter of the others, funnel limit and p, shape (groups, sorts).

    Given how many cases there are in all, those of a group are binomial with its share of the
    vehicle-days (Przyborowski and Wilenski 1940): the rate of the others need not be known.
    """
    total = table.cases.sum(axis=0)
    share = (table.days / max(table.days.sum(), 1e-9))[:, None]
    others_days = np.maximum(table.days.sum() - table.days, 0)[:, None]
    has_others = others_days > 0
    rate = (total - table.cases) / np.where(has_others, others_days, 1)
    expected = np.where(has_others, rate * table.days[:, None], np.nan)
    scale = _dispersion(table, total, share, rules)
    p = binomial_upper(table.cases / scale, total / scale, np.broadcast_to(share, scale.shape))
    n = np.broadcast_to(table.vehicles[:, None], scale.shape)
    chance = np.clip(np.nan_to_num(expected) / np.maximum(n, 1), 0, 1)
    limit = binomial_limit(rules.fleet_limit_ratio, n, chance, scale)
    counts = (n >= rules.fleet_vehicles_min) & has_others
    return {
        "expected": expected, "scale": scale, "limit": limit,
        "p": np.where(counts & (table.cases >= rules.fleet_cases_min), p, 1.0),
    }  # fmt: skip


def _dispersion(table: _Table, total: Ints, share: Floats, rules: FleetRules) -> Floats:
    """Return for each group how much more than by chance the *others* scatter, at least 1.

    Mean square of their winsorised scores; a group that is beyond must not widen its own limit.
    """
    mean = total * share
    result = np.ones(mean.shape)
    for sort in range(mean.shape[1]):
        used = np.flatnonzero((table.vehicles >= rules.fleet_vehicles_min) & (mean[:, sort] >= 1))
        score = (table.cases[used, sort] - mean[used, sort]) / np.sqrt(mean[used, sort])
        for group in np.flatnonzero(table.cases[:, sort] >= rules.fleet_cases_min):
            others = score[used != group]
            if len(others) >= _SIBLINGS_SCATTER_MIN:
                drawn = np.clip(others, *np.quantile(others, [_WINSOR, 1 - _WINSOR]))
                result[group, sort] = max(1.0, float(np.mean(drawn**2)))
    return result


def _stand_out(fleet: Vehicles, sorts: list[_Sort], table: _Table, figure: Mapping[str, Floats],
               rules: FleetRules, held: Collection[Key]) -> list[Suspicion]:  # fmt: skip
    beyond = (figure["q"] <= rules.fleet_false_ratio) & (table.cases > figure["limit"])
    kept = np.zeros(beyond.shape, np.bool_)
    groups = {bytes(name): i for i, name in enumerate(table.names)}
    kinds = {sort.name: i for i, sort in enumerate(sorts)}
    for grouped_by, group, what in held:
        if grouped_by == table.grouped_by.encode() and group in groups and what in kinds:
            kept[groups[group], kinds[what]] = True
    since = np.sort(fleet.since[table.group >= 0])
    found = []
    for i, j in np.argwhere(beyond | kept).tolist():
        sort = sorts[j]
        known = table.group[sort.rows] >= 0
        llr = log_likelihood_ratio(
            sort.first[known], table.group[sort.rows][known] == i, since,
            np.sort(fleet.since[table.group == i]), rules,
        )  # fmt: skip
        is_open = bool(beyond[i, j] and llr >= -np.log(rules.fleet_error_ratio))
        if is_open or kept[i, j]:
            found.append(_suspicion(fleet, sort, table, (i, j), figure, llr, rules,
                                    is_open=is_open))  # fmt: skip
    return found


def log_likelihood_ratio(first: Ints, in_group: NDArray[np.bool_], since: Ints, own_since: Ints,
                         rules: FleetRules) -> float:  # fmt: skip
    """Return the largest log-likelihood ratio that the sequential test has reached, 0 at least."""
    _, ratios = log_likelihood_ratios(first, in_group, since, own_since, rules)
    return float(ratios.max(initial=0.0))


def log_likelihood_ratios(first: Ints, in_group: NDArray[np.bool_], since: Ints, own_since: Ints,
                          rules: FleetRules) -> tuple[Ints, Floats]:  # fmt: skip
    """Return the device time of each case that tells something [s] and the ratio after it.

    Case by case in order of time: was it in the group, whose share of the vehicles under
    observation at that time is known? Likelihood of a rate 1, 2, 4, 8 times `fleet_rate_ratio`
    times the others', mixed in equal parts, over that of an equal rate. Under an equal rate that
    ratio is a martingale of mean 1, so it ever exceeds 1 / a with a chance of at most a (Ville
    1939), however often and whenever one looks: Wald's limit, without a lower one.

    first: device time of the first case of each vehicle that has one [s]. in_group: whether it is
    in the group. since: device times of the first reports of all vehicles, ascending [s].
    own_since: of those of the group, ascending.
    """
    order = np.lexsort((in_group, first))
    first, in_group = first[order], in_group[order]
    own = np.searchsorted(own_since, first, "right")
    share = own / np.maximum(np.searchsorted(since, first, "right"), 1)
    # Before anybody is watched, or while only one side is, a case tells nothing.
    tells = (share > 0) & (share < 1)
    share, hit = share[tells], in_group[tells]
    rates = rules.fleet_rate_ratio * np.array(_RATES)[:, None]
    mass = 1 + (rates - 1) * share
    walks = np.cumsum(np.where(hit, np.log(rates), 0.0) - np.log(mass), axis=1)
    top = walks.max(axis=0, initial=-np.inf)
    return first[tells], np.asarray(top + np.log(np.exp(walks - top).mean(axis=0)))


def _suspicion(fleet: Vehicles, sort: _Sort, table: _Table, place: tuple[int, int],
               figure: Mapping[str, Floats], llr: float, rules: FleetRules, *,
               is_open: bool) -> Suspicion:  # fmt: skip
    group = place[0]
    own = table.group[sort.rows] == group
    sibling = _against_siblings(fleet, table, group, sort)
    is_design = is_open and sibling <= rules.sibling_error_ratio  # never where it is NaN
    return _worded(Suspicion(
        grouped_by=table.grouped_by, group=table.names[group].decode("utf-8", "replace"),
        what=sort.name.decode("utf-8", "replace"), vehicles=int(table.vehicles[group]),
        cases=int(table.cases[place]), expected=float(np.nan_to_num(figure["expected"][place])),
        limit_high=float(figure["limit"][place]), dispersion=float(figure["scale"][place]),
        p_value=float(figure["p"][place]), q_value=float(figure["q"][place]),
        p_siblings=sibling, llr=llr, llr_limit=float(-np.log(rules.fleet_error_ratio)),
        cause=DESIGN if is_design else OPEN, pattern=None,
        first_at=int(sort.first[own].min()) if own.any() else 0,
        last_at=int(sort.last[own].max()) if own.any() else 0, is_open=is_open,
    ))  # fmt: skip


def _against_siblings(fleet: Vehicles, table: _Table, group: int, sort: _Sort) -> float:
    """Return the p of the group against vehicles of the same models and as long observed.

    NaN where there are none, so that nothing tells the group from its model.
    """
    in_group, near = table.group == group, table.group >= 0
    has = np.zeros(len(near), np.bool_)
    has[sort.rows] = True
    if table.grouped_by != MODEL and MODEL in fleet.groups:
        models = fleet.groups[MODEL]
        near = near & np.isin(models, np.unique(models[in_group])) & (models != b"")
    rows = np.flatnonzero(near)
    if not in_group[rows].any() or in_group[rows].all():
        return float("nan")
    edges = np.quantile(fleet.days[rows], np.arange(1, _EXPOSURE_CLASSES) / _EXPOSURE_CLASSES)
    stratum = np.digitize(fleet.days[rows], edges)
    days = np.bincount(stratum, fleet.days[rows], _EXPOSURE_CLASSES)
    own_days = np.bincount(stratum, fleet.days[rows] * in_group[rows], _EXPOSURE_CLASSES)
    cases = np.bincount(stratum, has[rows], _EXPOSURE_CLASSES)
    total = cases.sum()
    if not total:
        return float("nan")
    mean = (cases * own_days / np.maximum(days, 1e-9)).sum() / total
    return float(binomial_upper((has & in_group)[rows].sum(), total, mean))
