"""Before and after a repair: whether the part that was found stands in line again, by days."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc.case import APP, median
from millbrain.analyse.battery.calc.days import PackDays, scores
from millbrain.analyse.battery.calc.kernels import TEMP_NONE
from millbrain.analyse.battery.calc.trends import Floats
from millbrain.analyse.battery.calc.whole import NO_COUNTS, DayCounts
from millbrain.analyse.battery.calc.words import told_after
from millbrain.analyse.battery.model import Rules
from millbrain.core.findings import Verdict
from millbrain.core.times import BEIJING_OFFSET_S

_BEFORE_DAYS: Final = 5  # as it stood when it was repaired, not the way there
_WHOLE_KINDS: Final = (model.INSULATION, model.TEMPERATURE, model.THERMAL, model.STRATEGY)
_LOAD_KINDS: Final = (model.RESISTANCE, model.CONNECTION)
_Days = tuple[Floats, str, NDArray[np.bool_]]


def verdict(days: PackDays, kind: str, cell_no: int, since_day: int, rules: Rules,
            counts: DayCounts = NO_COUNTS) -> Verdict:  # fmt: skip
    """Return what became of a finding.

    Parameters
    ----------
    days
        Of the pack, before and after the repair, in order. Days with few reports are passed over.
    kind
        Of the finding, one of `model.KINDS`.
    cell_no
        Of the finding, from 1; 0 = the whole pack.
    since_day
        First day after the repair, days since 1970 in Beijing. The day of the repair itself mixes
        both and belongs to neither.
    rules
        The limits, the same as for finding it. A day is clean where the figure is within the limit
        at which a case closes (hysteresis), not merely below the one that opens it.
    counts
        Events of control, as for `judge`; only a finding of the kind `strategy` needs them.

    Raises
    ------
    ValueError
        `cell_no` is not a cell of this pack, or the kind is not known.
    """
    cells = days.deviation_mv.shape[1]
    first = 0 if kind in _WHOLE_KINDS else 1
    if kind not in model.KINDS or not first <= cell_no <= cells:
        raise ValueError(
            f"verdict of {kind!r}, cell {cell_no}: a kind of {', '.join(model.KINDS)} and a cell "
            f"from {first} to {cells} are allowed"
        )
    days = days.taken(np.flatnonzero(days.reports >= rules.reports_min))
    value, unit, is_clean = _figure(days, kind, cell_no, rules, counts)
    told = np.isfinite(value)
    before = np.flatnonzero(told & (days.day < since_day - 1))[-_BEFORE_DAYS:]
    after = np.flatnonzero(told & (days.day >= since_day))
    dirty = np.flatnonzero(~is_clean[after])
    clean = after[int(dirty[-1]) + 1 :] if dirty.size else after
    was, now = median(value[before]), median(value[clean if clean.size else after])
    english, chinese = told_after(
        kind, days.pack_no, cell_no, (len(after), len(clean)), (was, now), unit
    )
    return Verdict(
        key=f"{days.vin}|{APP}|{kind}|{days.pack_no}|{cell_no}",
        since=(since_day * 86_400) - BEIJING_OFFSET_S, days_observed=len(after),
        days_clean=len(clean), before=was, after=now, unit=unit, sentence=english,
        sentence_zh=chinese,
    )  # fmt: skip


def _figure(days: PackDays, kind: str, cell_no: int,
            rules: Rules, counts: DayCounts) -> _Days:  # fmt: skip
    """Return the figure of each day, its unit, and whether the day is clean."""
    cell = cell_no - 1
    with np.errstate(invalid="ignore"):
        if kind == model.INSULATION:
            kohm, volts = days.insulation_kohm, _pack_v(days)
            per_volt = kohm * 1_000 / volts
            return per_volt, "Ohm/V", per_volt >= rules.leak_early_ohm_per_v
        if kind == model.TEMPERATURE:
            spread = days.temp_spread_degc
            return spread, "degC", spread < rules.spread_min_degc
        if kind == model.THERMAL:
            hot = np.where(days.temp_max_degc > TEMP_NONE, days.temp_max_degc, np.nan)
            return hot, "degC", hot < rules.heat_min_degc
        if kind == model.STRATEGY:
            daily = [sum(c.get(int(d), 0) for c in counts.values()) for d in days.day]
            return np.array(daily, np.float64), "", np.array(daily) == 0
        if kind in _LOAD_KINDS:
            excess = days.excess_mohm[:, cell]
            return excess, "mOhm", excess < rules.resistance_min_mohm / 2
        if kind == model.SENSOR:
            return _measured(days, cell, rules)
        return _charge(days, cell, rules)


def _pack_v(days: PackDays) -> Floats:
    return np.asarray(days.highest_mv * days.deviation_mv.shape[1] / 1_000)


def _charge(days: PackDays, cell: int, rules: Rules) -> _Days:
    """Return the largest deviation of the day: in the mean, or near the empty end."""
    seen = np.stack([days.level_mv[:, cell], days.end_mv[:, 0, cell]])
    off = np.where(np.isfinite(seen), seen, 0.0)
    worst = off[np.argmax(np.abs(off), axis=0), np.arange(off.shape[1])]
    value = np.where(np.isfinite(days.level_mv[:, cell]), worst, np.nan)
    return value, "mV", np.abs(value) < rules.deviation_clear_mv


def _measured(days: PackDays, cell: int, rules: Rules) -> _Days:
    share = np.maximum(days.lost[:, cell], days.sense[:, cell])
    share = np.maximum(share, days.is_stuck[:, cell])
    off = np.nan_to_num(days.level_mv[:, cell])
    is_level = (np.abs(off) < rules.deviation_min_mv) | (
        np.abs(np.nan_to_num(scores(days.level_mv)[:, cell])) < rules.score_min
    )
    return share, "", (share < rules.lost_min_ratio) & is_level
