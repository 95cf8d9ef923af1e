"""From the days of a pack to findings: which cell, what kind, how sure.

Every suspicion gathers pieces of evidence in families; pieces of one family rest on the same
observation and count once. Only where enough families agree is anybody called.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc import measured, whole
from millbrain.analyse.battery.calc.case import APP, Case, finding, median
from millbrain.analyse.battery.calc.curve import Curve, Frame, curve_of, frame_of, missing_pct
from millbrain.analyse.battery.calc.days import NORMAL, PackDays, scores
from millbrain.analyse.battery.calc.runs import Runs, follow
from millbrain.analyse.battery.calc.shape import CHARGE, DEPTH, ERROR, Shape, shape_of
from millbrain.analyse.battery.calc.trends import (
    Floats,
    beside,
    drift_error,
    drift_per_day,
    from_neighbours,
    medians,
)
from millbrain.analyse.battery.model import Rules
from millbrain.core.findings import Finding

__all__ = ["APP", "judge"]
CELL_ALARMS: Final = (1 << 5) | (1 << 6) | (1 << 10)  # cell over-, under-voltage, consistency
DRIFT_DAYS_MIN: Final = 10
UNSTEADY_RATIO_MIN: Final = 0.25  # spread by MAD over median: an internal resistance keeps still
UNSTEADY_DAYS: Final = 14
_MAD_MIN: Final = 8
_CONSTANT_TIMES: Final = 1.5  # a cell that is a little too full looks the same
STEADY_MV: Final = 4.0
_FLAT_DRIFT_TIMES: Final = 2
_UNUSUAL: Final = 7 / 6  # scores of charge are of fewer days than those of millivolts
_SLOW_DAYS: Final = 7  # what needs a steep place of the curve is not told by a few days
_STEP_MV: Final = 50.0
_STEP_TIMES: Final = 1.5
_FLAT_CHARGE_TIMES: Final = 2.6
_FLAT_CAPACITY_TIMES: Final = 1.75  # the learnt slope of a flat curve is that much worse
_FLOOR_PCT: Final = 0.15
_UNSURE: Final = 1.75  # so much more where the pattern fits more than one kind
_FLOOR_MOHM: Final = 0.05
_FLOOR_TOP_MV: Final = 4.0
_FLOOR_FLAT_TOP_MV: Final = 10.0
_FLOOR_PCT_PER_DAY: Final = 0.004
_NEWEST_DAYS: Final = 7
_SHAPE_DAYS: Final = 14
_ALONE_SHARE: Final = 0.5  # of the deviation must be left beside the neighbours
_FAST_PCT_PER_DAY: Final = 0.06  # 2 % in a month: no cell ages so fast
_SURE_ERRORS: Final = 2.0
_MA_PER_AH_DAY: Final = 1_000 / 24


@dataclass(frozen=True)  # without slots, for what is computed once and only when asked for
class _Pack:
    """The days of a pack with what is learnt from all of them."""

    days: PackDays
    rules: Rules
    capacity_ah: float

    @cached_property
    def frame(self) -> Frame:
        """Chemistry, resistance and full days."""
        return frame_of(self.days)

    @cached_property
    def curve(self) -> Curve:
        """The whole curve; no cell of most packs stands out, and nobody asks for it."""
        return curve_of(self.days)

    @cached_property
    def missing(self) -> Floats:
        """Charge that each cell has more than the herd [% SOC], shape (days, cells)."""
        return missing_pct(self.days, self.curve)

    @cached_property
    def step_mv(self) -> float:
        """The step in which cells are told."""
        return float(np.median(self.days.step_mv))

    @cached_property
    def drift(self) -> Floats:
        """How much charge each cell gains against the herd [%/day]."""
        return drift_per_day(self.days.day, self.missing)


@dataclass(frozen=True, slots=True)
class _Drift:
    """How much charge a cell gains [%/day], 0 = not known; sure: no less than that, in size."""

    per_day: float
    sure: float


def judge(days: PackDays, rules: Rules, capacity_ah: float | None = None,
          counts: whole.DayCounts = whole.NO_COUNTS) -> list[Finding]:  # fmt: skip
    """Return what is open about one pack at its last day, sorted by cell and kind.

    Days with few reports are passed over; days older than the window do not count.

    Parameters
    ----------
    days
        Of one pack, in order.
    rules
        The limits.
    capacity_ah
        Nominal or measured capacity of the pack [Ah], None = not known: the leak is then told in
        percent of charge, not in milliamperes.
    counts
        Events of control: kind (`soc_jump`, `dcdc_off_driving`, `hot_charge`) -> day since 1970 in
        Beijing -> count. Only the first pack of a vehicle should be given them.
    """
    recent = days.day > (days.day[-1] if len(days.day) else 0) - rules.window_days
    days = days.taken(np.flatnonzero((days.reports >= rules.reports_min) & recent))
    if len(days.day) < rules.days_min:
        return []
    pack = _Pack(days, rules, capacity_ah or float("nan"))
    found = measured.broken(days, rules)
    found += _out_of_line(pack, _cells(found))
    named = [f for f in found if f.kind != model.DEVIATION]
    stiff = _resistance(pack, _cells(named))
    found = [f for f in found if f.kind != model.DEVIATION or f.cell_no - 1 not in _cells(stiff)]
    found += stiff
    found += whole.insulation(days, rules)
    found += whole.warmth(days, rules)
    found += whole.strategy(days, counts, [f for f in found if f.call_out], rules)
    return sorted(found, key=lambda f: (f.cell_no, f.kind))


def _cells(found: list[Finding]) -> set[int]:
    return {f.cell_no - 1 for f in found}


def _single(runs: Runs, values: Floats, side: int, rules: Rules) -> NDArray[np.intp]:
    """Return open cells that stand out from their neighbours too, none where they are many.

    Both are second populations: a module that is warmer or older than the others, and cells all
    over the pack.
    """
    cells = np.flatnonzero(runs.is_open)
    alone = [_is_alone(values[runs.opened[c] : runs.last[c] + 1], int(c), side) for c in cells]
    cells = cells[np.array(alone, np.bool_)]
    crowd = max(2, int(rules.crowd_max_ratio * len(runs.is_open)))
    return cells if len(cells) <= crowd else cells[:0]


def _is_alone(values: Floats, cell: int, side: int) -> bool:
    off = side * median(values[-_SHAPE_DAYS:, cell])
    return median(beside(values[-_SHAPE_DAYS:], cell, side)) >= _ALONE_SHARE * off


def _out_of_line(pack: _Pack, passed: set[int]) -> list[Finding]:
    """Find cells that stand out in the mean, at the empty end or at the top of the charge."""
    found: dict[int, Finding] = {}
    for name, side, days, off, level, floor in _channels(pack):
        if len(days.day) < pack.rules.days_min:
            continue
        rules = pack.rules
        # What is level without load follows the current and is told by its resistance.
        clear = side * level < rules.deviation_clear_mv
        stays = (side * off >= max(rules.deviation_min_mv, _STEP_TIMES * pack.step_mv)) & ~clear
        if not may_open(stays, rules):
            continue
        score = scores(from_neighbours(off), floor)
        hit = stays & (side * score >= rules.score_min)
        runs = follow(hit, stays, clear, rules.days_min)
        for cell in (int(c) for c in _single(runs, off, side, rules)):
            if cell in passed or (cell in found and found[cell].call_out):
                continue
            case = Case(cell, runs, days)
            made = _standing_out(pack, case, name, side, off[:, cell], score[:, cell])
            if cell not in found or made.confidence > found[cell].confidence:
                found[cell] = made
    return list(found.values())


def may_open(stays: NDArray[np.bool_], rules: Rules) -> bool:
    """Whether a run can open at all: a hit is a day that stays, and enough of them open one."""
    return bool((np.count_nonzero(stays, axis=0) >= rules.days_min).any())


_Channel = tuple[str, int, PackDays, Floats, Floats, float]


def _channels(pack: _Pack) -> list[_Channel]:
    """Return where a cell may stand out: name, side, days, deviation, the same without load."""
    days = pack.days
    low = days.taken(np.flatnonzero(np.isfinite(days.end_mv[:, 0]).any(axis=1)))
    # 15 mV in the mean of a flat pack are much, at its steep top they are less than 1 % of charge.
    # A day's extreme is one report, told in steps.
    floor = max(_FLOOR_FLAT_TOP_MV if pack.frame.is_flat else _FLOOR_TOP_MV,
                pack.step_mv)  # fmt: skip
    top = days.taken(np.flatnonzero(pack.frame.full_days))
    return [
        ("deviation", -1, days, days.deviation_mv, days.level_mv, 1.0),
        ("deviation", 1, days, days.deviation_mv, days.level_mv, 1.0),
        ("low when empty", -1, low, low.end_mv[:, 0], low.end_mv[:, 0], 1.0),
        ("low when full", -1, top, top.full_mv, top.full_mv, floor),
    ]


def _standing_out(pack: _Pack, case: Case, name: str, side: int, off: Floats,
                  score: Floats) -> Finding:  # fmt: skip
    days, rules = case.days, pack.rules
    value = median(off[case.run])
    limit = side * rules.deviation_min_mv
    _herd(case, name, side, (value, median(score[case.run])), rules)
    shape = _shape(pack, case)
    drift = _drift(pack, case, side)
    kind = _kind(pack, case, shape, side, drift)
    _follows(pack, case, shape, kind)
    if np.bitwise_or.reduce(days.flags[case.run]) & CELL_ALARMS:
        case.add("own alarm", "vehicle", 1, 1, "")
    if kind == model.CAPACITY and np.isfinite(shape.low_mv):
        value = shape.low_mv
    words = _charge_words(pack, shape, side, drift.per_day)
    return finding(case, rules, kind, value, "mV", limit, words=words)


def _herd(case: Case, name: str, side: int, seen: tuple[float, float], rules: Rules) -> None:
    """Add that the cell stands out as it does now, in millivolts and in standard deviations.

    A case stays open while the cell comes nearer; what is not beyond its limit is no evidence.
    """
    value, score = seen
    limit = side * rules.deviation_min_mv
    if side * value < rules.deviation_min_mv or side * score < rules.score_min:
        return
    case.add(name, "herd", value, limit, "mV")
    case.add("score", "herd", score, side * rules.score_min, "")
    for more in ("rest_mv", "loaded_mv"):
        also = median(getattr(case.days, more)[case.run, case.cell])
        if side * also >= rules.deviation_min_mv:
            case.add(more, "herd", also, limit, "mV")


def _shape(pack: _Pack, case: Case) -> Shape:
    """Return what the cell's deviation follows, over all its days since the case opened."""
    days = pack.days
    until = int(case.days.day[case.runs.last[case.cell]])
    since = max(int(case.days.day[case.runs.opened[case.cell]]), until - 2 * _SHAPE_DAYS)
    on = (days.day >= since) & (days.day <= until)
    cell = case.cell
    return shape_of(days.end_mv[:, :, cell], days.full_mv[:, cell], pack.curve, on)


def _beside(values: Floats, cell: int, floor: float) -> float:
    """Return by how many standard deviations a cell differs from its neighbours, over some days.

    values: shape (days, cells). In units of what cells of this pack differ from their neighbours.
    """
    return float(scores(from_neighbours(medians(values.T)), floor)[cell])


def _charge_score(pack: _Pack, case: Case) -> float:
    """Return by how many standard deviations a cell's charge differs from its neighbours'.

    The farthest of several spans: of late, in the whole window, and as it stood a day or two ago,
    so that a call-out is not taken back by one day.
    """
    missing = pack.missing
    spans = (missing[-_NEWEST_DAYS:], missing[-_SHAPE_DAYS:], missing, missing[:-1], missing[:-2])
    return min(_beside(span, case.cell, _FLOOR_PCT) for span in spans)


def _follows(pack: _Pack, case: Case, shape: Shape, kind: str) -> None:
    """Add the pattern over SOC as evidence where it is there and large enough."""
    rules = pack.rules
    if kind == model.SENSOR:
        if shape.follows == ERROR:
            case.add("the same at every SOC", "charge", shape.misfit, shape.next_misfit, "")
    elif not shape.is_charge:
        return
    elif kind == model.CAPACITY:
        limit = _limit(pack, rules.capacity_min_pct, is_sure=shape.follows == DEPTH)
        limit *= _FLAT_CAPACITY_TIMES if pack.curve.is_flat else 1
        if shape.capacity_pct >= limit and case.seen >= _SLOW_DAYS:
            case.add("missing capacity", "charge", shape.capacity_pct, limit, "%")
    elif kind == model.SELF_DISCHARGE:
        limit = _limit(pack, rules.charge_min_pct, is_sure=shape.follows == CHARGE)
        limit *= _FLAT_CHARGE_TIMES if pack.curve.is_flat else 1
        is_soon = pack.curve.is_flat and case.seen < _SLOW_DAYS
        is_much = shape.charge_pct <= -2 * limit  # whatever its neighbours do
        apart, least = _charge_score(pack, case), -_UNUSUAL * rules.score_min
        if apart <= least:
            # Millivolts come and go with the SOC that was seen; what is missing does not.
            case.add("beside its neighbours", "herd", apart, least, "")
        if is_much or (shape.charge_pct <= -limit and not is_soon and apart <= least):
            case.add("missing charge", "charge", shape.charge_pct, -limit, "%")


def _limit(pack: _Pack, limit_pct: float, *, is_sure: bool) -> float:
    """Return what must be missing: more where the kind is unsure or cells are told in steps."""
    return limit_pct * (1 if is_sure else _UNSURE) * (1 + pack.step_mv / _STEP_MV)


def _charge_words(pack: _Pack, shape: Shape, side: int, drift: float) -> dict[str, object]:
    pct, lost = abs(shape.charge_pct), -drift
    english = f"about {pct:.1f} % of charge" if np.isfinite(pct) else ""
    chinese = f"约{pct:.1f}%电量" if np.isfinite(pct) else ""
    if lost > 0 and np.isfinite(pct):
        leak_ma = lost / 100 * pack.capacity_ah * _MA_PER_AH_DAY
        english += f", {lost:.2f} % a day" + (f", {leak_ma:.0f} mA" if leak_ma > 0 else "")
        chinese += f"，每天{lost:.2f}%" + (f"，约{leak_ma:.0f} mA" if leak_ma > 0 else "")
    return {
        "charge": f" ({english})" if english else "",
        "charge_zh": f"（{chinese}）" if chinese else "",
        "lacking": f"{shape.capacity_pct:.0f}",
        "side": "below" if side < 0 else "above",
        "side_zh": "低于" if side < 0 else "高于",
        "why": "off by the same at every state of charge",
        "why_zh": "各电量下偏差相同",
    }


def _drift(pack: _Pack, case: Case, side: int) -> _Drift:
    """Return the gain of charge; add it as evidence where it stands out."""
    days, rules = pack.days, pack.rules
    times = _FLAT_DRIFT_TIMES if pack.curve.is_flat else 1
    if days.day[-1] - days.day[0] < times * DRIFT_DAYS_MIN:
        return _Drift(0.0, 0.0)
    drift = pack.drift
    value = float(np.nan_to_num(drift[case.cell]))
    apart = float(scores(drift, _FLOOR_PCT_PER_DAY)[case.cell])
    limit = side * times * rules.drift_min_pct_per_day
    if side * (value - limit) >= 0 and side * apart >= rules.score_min:
        case.add("loses charge", "drift", value, limit, "%/d")
        leak_ma = -value / 100 * pack.capacity_ah * _MA_PER_AH_DAY
        case.add("leak", "drift", leak_ma, 0.0, "mA")
    return _since_opened(pack, case, value)


def _since_opened(pack: _Pack, case: Case, value: float) -> _Drift:
    """Return the drift since the case opened where that is long enough to tell one.

    A cell that has come down and stays there is not losing charge any more.
    """
    days = pack.days
    on = days.day >= case.days.day[case.runs.opened[case.cell]]
    if days.day[-1] - days.day[on][0] < DRIFT_DAYS_MIN:
        on = np.ones(len(days.day), np.bool_)
    else:
        drift = drift_per_day(days.day[on], pack.missing[on][:, [case.cell]])
        value = float(np.nan_to_num(drift)[0])
    error = _SURE_ERRORS * drift_error(days.day[on], pack.missing[on, case.cell], value)
    return _Drift(value, float(np.copysign(max(abs(value) - error, 0.0), value)))


def _kind(pack: _Pack, case: Case, shape: Shape, side: int, drift: _Drift) -> str:
    """Say what the deviation is, from its pattern over SOC, its course and what load does to it."""
    if _is_error(case, shape, pack.rules, drift):
        return model.SENSOR
    if side > 0:
        return model.DEVIATION  # a cell that is too full is no fault of its own
    is_fast = drift.sure <= -_FAST_PCT_PER_DAY
    if shape.follows == DEPTH and (shape.is_deep or not is_fast):
        return model.CAPACITY
    is_losing = is_fast and (shape.is_charge or any(e.family == "drift" for e in case.evidence))
    if shape.follows in (CHARGE, DEPTH) or is_losing:
        return model.SELF_DISCHARGE
    # A matter of charge in which the two cannot be told apart: what does not grow is capacity.
    return model.CAPACITY if shape.is_charge else model.DEVIATION


def _is_error(case: Case, shape: Shape, rules: Rules, drift: _Drift) -> bool:
    """Whether it is the measurement: the same at every SOC, at rest, under load, every day."""
    days, cell = case.days, case.cell
    level = days.level_mv[:, cell]
    if shape.is_charge or drift.per_day <= -_FAST_PCT_PER_DAY:
        return False
    seen = level[case.newest(UNSTEADY_DAYS)]
    value = median(seen)
    tolerance = max(STEADY_MV, 0.15 * abs(value))
    apart = median(days.rest_mv[case.run, cell] - days.loaded_mv[case.run, cell])
    if abs(apart) > tolerance:
        return False
    step = measured.jumped(case, level, rules)
    if step:
        case.add("at once", "course", step, np.copysign(rules.deviation_min_mv, step), "mV")
        return True
    is_steady = NORMAL * median(np.abs(seen - value)) <= tolerance
    is_large = abs(value) >= _CONSTANT_TIMES * rules.deviation_min_mv
    return shape.is_constant and is_steady and is_large


def _scatter(values: Floats) -> float:
    """Return the standard deviation; by MAD where the values are enough for one."""
    if len(values) < _MAD_MIN:
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return NORMAL * median(np.abs(values - median(values)))


def _resistance(pack: _Pack, passed: set[int]) -> list[Finding]:
    """Find cells whose deviation follows the current."""
    rules = pack.rules
    days = pack.days.taken(np.flatnonzero(np.isfinite(pack.days.excess_mohm).all(axis=1)))
    own = np.nan_to_num(pack.frame.mohm)
    limit = max(rules.resistance_min_mohm, rules.resistance_min_ratio * own)
    excess = days.excess_mohm
    stays = excess >= limit
    if not may_open(stays, rules):
        return []
    hit = stays & (scores(from_neighbours(excess), _FLOOR_MOHM) >= rules.score_min)
    runs = follow(hit, stays, excess < limit / 2, rules.days_min)
    found = []
    for cell in (int(c) for c in _single(runs, excess, 1, rules) if int(c) not in passed):
        case = Case(cell, runs, days)
        seen = excess[case.newest(UNSTEADY_DAYS), cell]
        value, rest = median(excess[case.run, cell]), median(days.rest_mv[case.run, cell])
        level = median(days.level_mv[case.run, cell])
        apart = _beside(excess[case.run], cell, _FLOOR_MOHM)
        if value >= limit and apart >= rules.score_min:
            case.add("follows the current", "load", value, limit, "mOhm")
            case.add("beside its neighbours", "load", apart, rules.score_min, "")
        near = min((rest, level), key=abs) if np.isfinite(rest) else level
        if abs(near) < rules.deviation_clear_mv:
            case.add("level at rest", "rest", near, rules.deviation_clear_mv, "mV")
        unsteady = _scatter(seen) / value
        kind = model.CONNECTION if unsteady >= UNSTEADY_RATIO_MIN else model.RESISTANCE
        found.append(finding(case, rules, kind, value, "mOhm", limit))
    return found
