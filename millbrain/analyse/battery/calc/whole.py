"""What concerns a pack or a vehicle as a whole: insulation, temperature spread, control."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc.case import Case, finding, median
from millbrain.analyse.battery.calc.days import PackDays
from millbrain.analyse.battery.calc.runs import Runs, follow
from millbrain.analyse.battery.calc.trends import Floats, medians
from millbrain.analyse.battery.calc.words import insulated
from millbrain.analyse.battery.model import Rules
from millbrain.core.findings import Finding

DayCounts = Mapping[str, Mapping[int, int]]
NO_COUNTS: Final[DayCounts] = MappingProxyType({})
INSULATION_ALARM: Final = 1 << 11
WARM_ALARMS: Final = (1 << 0) | (1 << 1)  # temperature difference, battery over-temperature
LEAKY_REPORTS_MIN: Final = 3
_FALL_RATIO: Final = 3.0
_SPREAD_RISE_DEGC: Final = 5.0
_NEWEST_DAYS: Final = 28
_EARLIER_DAYS: Final = 10

EVENTS: Final = {
    "soc_jump": ("the state of charge jumped", "荷电状态跳变", 1 << 8),
    "dcdc_off_driving": ("the DC-DC converter was off while driving", "行驶中DC-DC关闭",
                         (1 << 12) | (1 << 14)),
    "hot_charge": ("the charge current was not reduced when hot", "高温充电未降流", 1 << 1),
}  # fmt: skip


def _said(case: Case, bits: int) -> None:
    if np.bitwise_or.reduce(case.days.flags[case.run]) & bits:
        case.add("own alarm", "vehicle", 1, 1, "")


def _earlier(values: Floats, opened: int) -> float:
    """Return the median of the first days, NaN where the case was there from the beginning."""
    return median(values[: min(opened, _EARLIER_DAYS)])


def insulation(days: PackDays, rules: Rules) -> list[Finding]:
    """Find insulation that is below the limit, or that falls towards it."""
    volts = medians(days.mean_mv) * days.deviation_mv.shape[1] / 1_000
    per_volt = days.insulation_kohm * 1_000 / volts
    low = days.leaky >= LEAKY_REPORTS_MIN
    with np.errstate(invalid="ignore"):
        near = per_volt < rules.leak_early_ohm_per_v
        clear = ~low & ~near
    runs = follow((low | near)[:, None], (low | near)[:, None], clear[:, None], rules.days_min)
    if not runs.is_open[0]:
        return []
    case = Case(0, runs, days)
    now, before = median(per_volt[case.run]), _earlier(per_volt, int(runs.opened[0]))
    count, limit = median(days.leaky[case.run].astype(np.float64)), rules.leak_early_ohm_per_v
    value, unit = now, "Ohm/V"
    if not now < limit:  # a leak that comes and goes does not show in the mean
        value, limit, unit = count, float(LEAKY_REPORTS_MIN), "1/d"
    case.add("measured", "measured", value, limit, unit)
    if before >= _FALL_RATIO * now:
        case.add("fell", "course", now, before / _FALL_RATIO, "Ohm/V")
    _said(case, INSULATION_ALARM)
    state = insulated(now, count, rules.leak_ohm_per_v, rules.leak_early_ohm_per_v)
    words = {"days": int(runs.hits[0]), **state}
    return [finding(case, rules, model.INSULATION, value, unit, limit, whole=True, words=words)]


def warmth(days: PackDays, rules: Rules) -> list[Finding]:
    """Find packs whose probes have come apart: a blocked cooling, or a place that heats itself."""
    spread = days.temp_spread_degc
    with np.errstate(invalid="ignore"):
        wide = (spread >= rules.spread_min_degc)[:, None]
        clear = (spread < rules.spread_min_degc - 3)[:, None]
    runs = follow(wide, ~clear, clear, rules.days_min)
    if not runs.is_open[0]:
        return []
    case = Case(0, runs, days)
    now, before = median(spread[case.run]), _earlier(spread, int(runs.opened[0]))
    case.add("spread", "temperature", now, rules.spread_min_degc, "degC")
    if now - before >= _SPREAD_RISE_DEGC:
        case.add("rose", "course", now - before, _SPREAD_RISE_DEGC, "degC")
    _said(case, WARM_ALARMS)
    return [finding(case, rules, model.TEMPERATURE, now, "degC", rules.spread_min_degc,
                    whole=True, words={"degc": now})]  # fmt: skip


def strategy(days: PackDays, counts: DayCounts, found: list[Finding],
             rules: Rules) -> list[Finding]:  # fmt: skip
    """Find events of control that come back on many days while no cell stands out.

    counts: kind of event -> day since 1970 -> count; kinds that are not in `EVENTS` are passed
    over.
    """
    newest = days.taken(np.arange(len(days.day))[-_NEWEST_DAYS:])
    result = []
    for kind in sorted(counts.keys() & EVENTS.keys()):
        daily = np.array([counts[kind].get(int(day), 0) for day in newest.day], np.int64)
        hit = daily > 0
        need = max(rules.strategy_days_min, int(np.ceil(rules.strategy_min_ratio * len(hit))))
        if np.count_nonzero(hit) < need:
            continue
        case = Case(0, _all(hit), newest)
        what, what_zh, bits = EVENTS[kind]
        count = int(np.count_nonzero(hit))
        case.add(kind, "events", count, need, "d")
        if not any(f.cell_no for f in found):
            case.add("no cell stands out", "herd", 0, 1, "")
        _said(case, bits)
        words = {"what": what, "what_zh": what_zh, "count": int(daily.sum()), "days": count}
        result.append(finding(case, rules, model.STRATEGY, count, "d", need, whole=True,
                              words=words))  # fmt: skip
    return result[:1]


def _all(hit: NDArray[np.bool_]) -> Runs:
    on = np.flatnonzero(hit)
    return Runs(np.ones(1, np.bool_), on[:1], on[-1:], np.array([on.size]))
