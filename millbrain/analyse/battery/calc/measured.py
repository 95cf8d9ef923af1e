"""Cells whose measurement is broken: implausible, mirrored by the neighbour, stuck, or shifted."""

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc.case import Case, finding, median
from millbrain.analyse.battery.calc.days import PackDays
from millbrain.analyse.battery.calc.runs import follow
from millbrain.analyse.battery.calc.trends import Floats, medians
from millbrain.analyse.battery.model import Rules
from millbrain.core.findings import Finding

_REASONS = (
    ("implausible", "lost", "implausible values", "数值不合理"),
    ("mirror", "sense", "its neighbour mirrors it", "与相邻单体反向"),
    ("stuck", "is_stuck", "it does not move", "数值不变"),
)
_MIRROR_TIMES = 3.0
_AT_ONCE = 0.7  # of the step lies between two days; a strong leak takes three
_HERD_SHARE = 0.1  # of the limit: the other cells of the same reports are well


def broken(days: PackDays, rules: Rules) -> list[Finding]:
    """Find them. A cell alone among well ones is its own channel, not the link or the terminal."""
    found: dict[int, Finding] = {}
    for name, column, why, why_zh in _REASONS:
        share = getattr(days, column).astype(np.float64)
        limit = 1.0 if name == "stuck" else rules.lost_min_ratio
        runs = follow(share >= limit, share >= limit, share < limit, rules.days_min)
        for cell in np.flatnonzero(runs.is_open):
            case = Case(int(cell), runs, days)
            seen = median(share[case.run, cell])
            case.add(name, "measurement", seen, limit, "")
            _seconded(case, name, share, limit, rules)
            words = {"why": why, "why_zh": why_zh}
            found.setdefault(int(cell), finding(case, rules, model.SENSOR, seen, "", limit,
                                                words=words))  # fmt: skip
    return list(found.values())


def _seconded(case: Case, name: str, share: Floats, limit: float, rules: Rules) -> None:
    """Add what else says that it is this channel and nothing else."""
    days, cell = case.days, case.cell
    if name == "mirror" and median(share[case.run, cell]) < _MIRROR_TIMES * limit:
        return  # at the border of two modules that are sampled apart it happens under load
    others = median(medians(share[case.run]))
    if others <= _HERD_SHARE * limit:
        case.add("the others are well", "herd", others, _HERD_SHARE * limit, "")
    off = median(days.deviation_mv[case.run, cell])
    if abs(off) >= rules.deviation_min_mv:
        case.add("deviation", "herd", off, np.copysign(rules.deviation_min_mv, off), "mV")
    if name == "mirror":
        near = [n for n in (cell - 1, cell + 1) if 0 <= n < share.shape[1]]
        pair = max(median(share[case.run, n]) for n in near)
        if pair >= limit:
            case.add("neighbour", "neighbour", pair, limit, "")


def jumped(case: Case, off_mv: Floats, rules: Rules) -> float:
    """Return by how much the deviation changed at once where it then stayed, else 0 [mV].

    A cell loses charge or capacity by little every day; what is shifted from one day to the next by
    more than the limit and moves no more is the measurement. off_mv: shape (days,), of the cell.
    """
    known: NDArray[np.intp] = np.flatnonzero(np.isfinite(off_mv))
    opened = int(case.runs.opened[case.cell])
    before, after = known[known < opened], known[known >= opened]
    if len(before) < rules.days_min or not after.size:
        return 0.0
    step = median(off_mv[after[:3]]) - median(off_mv[before[-3:]])
    wobble = median(np.abs(off_mv[after] - median(off_mv[after])))
    calm = median(np.abs(off_mv[before] - median(off_mv[before])))
    near = case.days.day[after[0]] - case.days.day[before[-1]] <= 1
    at_once = off_mv[after[0]] - off_mv[before[-1]]
    is_sharp = at_once * np.sign(step) >= _AT_ONCE * abs(step)
    is_step = near and is_sharp and abs(step) >= max(rules.deviation_min_mv, 6 * calm, 5 * wobble)
    return step if is_step else 0.0
