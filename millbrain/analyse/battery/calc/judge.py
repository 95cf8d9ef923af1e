"""From the days of a pack to findings: which cell, what kind, how sure.

Every suspicion gathers pieces of evidence in families; pieces of one family rest on the same
observation and count once. Only where enough families agree is anybody called.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc.days import NORMAL, PackDays, scores
from millbrain.analyse.battery.calc.runs import Runs, follow
from millbrain.analyse.battery.calc.shape import CHARGE, DEPTH, ERROR, Shape, shape_of
from millbrain.analyse.battery.calc.trends import Floats, drift_mv_per_day
from millbrain.analyse.battery.calc.words import sentence
from millbrain.analyse.battery.model import Rules
from millbrain.core.findings import Evidence, Finding, Severity
from millbrain.core.times import BEIJING_OFFSET_S

APP: Final = "battery"
CELL_ALARMS: Final = (1 << 5) | (1 << 6) | (1 << 10)  # cell over-, under-voltage, consistency
INSULATION_ALARM: Final = 1 << 11
DRIFT_DAYS_MIN: Final = 10
UNSTEADY_RATIO_MIN: Final = 0.3  # spread by MAD over median: an internal resistance keeps still
LEAKY_REPORTS_MIN: Final = 3
_FLOOR_MOHM: Final = 0.05
_NO_WORDS: Final[Mapping[str, object]] = MappingProxyType({})
_NEWEST_DAYS: Final = 7  # a figure says how it stands now, not how it began


@dataclass(slots=True)
class _Case:
    """What speaks against one cell."""

    cell: int
    runs: Runs
    days: PackDays
    evidence: list[Evidence] = field(default_factory=list)

    def add(self, name: str, family: str, value: float, threshold: float, unit: str) -> None:
        self.evidence.append(
            Evidence(name, family, float(value), float(threshold), unit, self.since, self.until)
        )

    @property
    def since(self) -> int:
        return int(self.days.first_at[self.runs.opened[self.cell]])

    @property
    def until(self) -> int:
        return int(self.days.last_at[self.runs.last[self.cell]])

    @property
    def run(self) -> slice:
        """The days from the opening one to the last that counted, the newest seven of them."""
        end = int(self.runs.last[self.cell]) + 1
        return slice(max(int(self.runs.opened[self.cell]), end - _NEWEST_DAYS), end)


def judge(days: PackDays, rules: Rules) -> list[Finding]:
    """Return what is open about one pack at its last day, sorted by cell and kind.

    Days with few reports are passed over; days older than the window do not count.
    """
    recent = days.day > (days.day[-1] if len(days.day) else 0) - rules.window_days
    days = days.taken(np.flatnonzero((days.reports >= rules.reports_min) & recent))
    if len(days.day) < rules.days_min:
        return []
    found = _sensors(days, rules)
    found += _charge(days, rules, _cells(found))
    found += _low_end(days, rules, _cells(found))
    named = [f for f in found if f.kind != model.DEVIATION]
    found += _resistance(days, rules, _cells(named))
    found += _insulation(days, rules)
    return sorted(found, key=lambda f: (f.cell_no, f.kind))


def _cells(found: list[Finding]) -> set[int]:
    return {f.cell_no - 1 for f in found}


def _single(runs: Runs, rules: Rules) -> NDArray[np.intp]:
    """Return open cells, none where so many are that they are a second population."""
    cells = np.flatnonzero(runs.is_open)
    crowd = max(2, int(rules.crowd_max_ratio * len(runs.is_open)))
    return cells if len(cells) <= crowd else cells[:0]


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _sensors(days: PackDays, rules: Rules) -> list[Finding]:
    """Find cells whose measurement is broken: implausible, mirrored by the neighbour, or stuck."""
    reasons = (
        ("implausible", days.lost, rules.lost_min_ratio, "implausible values", "数值不合理"),
        ("mirror", days.sense, rules.lost_min_ratio, "its neighbour mirrors it", "与相邻单体反向"),
        ("stuck", days.is_stuck.astype(float), 1.0, "it does not move", "数值不变"),
    )  # fmt: skip
    found: dict[int, Finding] = {}
    for name, share, limit, why, why_zh in reasons:
        runs = follow(share >= limit, share >= limit, share < limit, rules.days_min)
        for cell in np.flatnonzero(runs.is_open):
            case = _Case(int(cell), runs, days)
            share_seen = _median(share[case.run, cell])
            case.add(name, "measurement", share_seen, limit, "")
            if abs(_median(days.deviation_mv[case.run, cell])) >= rules.deviation_min_mv:
                case.add("deviation", "herd", _median(days.deviation_mv[case.run, cell]),
                         rules.deviation_min_mv, "mV")  # fmt: skip
            found.setdefault(int(cell), _finding(case, rules, model.SENSOR, share_seen, "", limit,
                                                 words={"why": why, "why_zh": why_zh}))  # fmt: skip
    return list(found.values())


def _charge(days: PackDays, rules: Rules, passed: set[int]) -> list[Finding]:
    """Find cells that stand out day after day, at rest as under load."""
    found = []
    score = scores(days.deviation_mv)
    # What is level at rest follows the current and is told by its resistance.
    rest = np.where(np.isfinite(days.rest_mv), days.rest_mv, days.deviation_mv)
    for side in (-1, 1):
        off, high = side * days.deviation_mv, side * score
        stays = (off >= rules.deviation_min_mv) & (side * rest >= rules.deviation_clear_mv)
        hit = stays & (high >= rules.score_min)
        runs = follow(hit, stays, side * rest < rules.deviation_clear_mv, rules.days_min)
        for cell in _single(runs, rules):
            if int(cell) not in passed:
                found.append(_standing_out(_Case(int(cell), runs, days), score, side, rules))
    return found


def _standing_out(case: _Case, score: Floats, side: int, rules: Rules) -> Finding:
    days, cell = case.days, case.cell
    value = _median(days.deviation_mv[case.run, cell])
    limit = side * rules.deviation_min_mv
    case.add("deviation", "herd", value, limit, "mV")
    case.add("score", "herd", _median(score[case.run, cell]), side * rules.score_min, "")
    for name in ("rest_mv", "loaded_mv"):
        case.add(name, "herd", _median(getattr(days, name)[case.run, cell]), limit, "mV")
    shape = _shape(case)
    drift = _drift(case, side, rules)
    if np.bitwise_or.reduce(days.flags[case.run]) & CELL_ALARMS:
        case.add("own alarm", "vehicle", 1, 1, "")
    kind = _kind(shape, side, is_drifting=side * drift >= rules.drift_min_mv_per_day)
    if kind == model.CAPACITY and np.isfinite(shape.low_mv):
        value = shape.low_mv
    return _finding(case, rules, kind, value, "mV", limit, words=_charge_words(shape, side))


def _shape(case: _Case) -> Shape:
    """Return what the cell's deviation follows; add it as evidence where that can be told."""
    days = case.days
    shape = shape_of(days.end_mv[:, :, case.cell], days.slope_mv, days.soc_pct)
    if shape.follows:
        case.add(f"follows {shape.follows}", "charge", shape.scatter,
                 shape.next_scatter, "")  # fmt: skip
    return shape


def _charge_words(shape: Shape, side: int) -> dict[str, object]:
    pct = abs(shape.charge_pct)
    known = shape.follows == CHARGE
    return {
        "charge": f" (about {pct:.1f} % of charge)" if known else "",
        "charge_zh": f"（约{pct:.1f}%电量）" if known else "",
        "side": "below" if side < 0 else "above",
        "side_zh": "低于" if side < 0 else "高于",
        "why": "off by the same at every state of charge",
        "why_zh": "各电量下偏差相同",
    }


def _drift(case: _Case, side: int, rules: Rules) -> float:
    """Return the drift of the cell at rest [mV/day]; add it as evidence where it stands out."""
    days = case.days
    drift = drift_mv_per_day(days.day, days.rest_mv)
    value = float(drift[case.cell])
    is_long = days.day[-1] - days.day[0] >= DRIFT_DAYS_MIN
    apart = float(scores(drift, 0.02)[case.cell])
    if is_long and side * value >= rules.drift_min_mv_per_day and side * apart >= rules.score_min:
        limit = side * rules.drift_min_mv_per_day
        case.add("drift at rest", "drift", value, limit, "mV/d")
        return value
    return 0.0


def _kind(shape: Shape, side: int, *, is_drifting: bool) -> str:
    if shape.follows == ERROR:
        return model.SENSOR
    if side > 0:
        return model.DEVIATION  # a cell that is too full is no fault of its own
    if shape.follows == DEPTH:
        return model.CAPACITY
    return model.SELF_DISCHARGE if shape.follows == CHARGE or is_drifting else model.DEVIATION


def _low_end(days: PackDays, rules: Rules, passed: set[int]) -> list[Finding]:
    """Find cells that fall off near the empty end, whatever they do elsewhere."""
    days = days.taken(np.flatnonzero(np.isfinite(days.end_mv[:, 0]).any(axis=1)))
    low = days.end_mv[:, 0]
    stays = low <= -rules.deviation_min_mv
    hit = stays & (scores(low) <= -rules.score_min)
    runs = follow(hit, stays, low > -rules.deviation_clear_mv, rules.days_min)
    found = []
    for cell in (c for c in _single(runs, rules) if int(c) not in passed):
        case = _Case(int(cell), runs, days)
        shape = _shape(case)
        limit = -rules.deviation_min_mv
        case.add("low when empty", "herd", shape.low_mv, limit, "mV")
        if abs(_median(days.rest_mv[case.run, cell])) < rules.deviation_clear_mv:
            continue
        kind = _kind(shape, -1, is_drifting=False)
        found.append(_finding(case, rules, kind, shape.low_mv, "mV", limit,
                              words=_charge_words(shape, -1)))  # fmt: skip
    return found


def _resistance(days: PackDays, rules: Rules, passed: set[int]) -> list[Finding]:
    """Find cells whose deviation follows the current."""
    days = days.taken(np.flatnonzero(np.isfinite(days.excess_mohm).all(axis=1)))
    excess, score = days.excess_mohm, scores(days.excess_mohm, _FLOOR_MOHM)
    stays = excess >= rules.resistance_min_mohm
    hit = stays & (score >= rules.score_min)
    runs = follow(hit, stays, excess < rules.resistance_min_mohm / 2, rules.days_min)
    found = []
    for cell in (c for c in _single(runs, rules) if int(c) not in passed):
        case = _Case(int(cell), runs, days)
        seen = excess[case.run, cell]
        value, rest = _median(seen), _median(days.rest_mv[case.run, cell])
        case.add("follows the current", "load", value, rules.resistance_min_mohm, "mOhm")
        if abs(rest) < rules.deviation_clear_mv:
            case.add("level at rest", "rest", rest, rules.deviation_clear_mv, "mV")
        unsteady = NORMAL * _median(np.abs(seen - value)) / value
        kind = model.CONNECTION if unsteady >= UNSTEADY_RATIO_MIN else model.RESISTANCE
        found.append(_finding(case, rules, kind, value, "mOhm", rules.resistance_min_mohm))
    return found


def _insulation(days: PackDays, rules: Rules) -> list[Finding]:
    leaky = (days.leaky >= LEAKY_REPORTS_MIN)[:, None]
    runs = follow(leaky, leaky, ~leaky, rules.days_min)
    if not runs.is_open[0]:
        return []
    case = _Case(0, runs, days)
    count = int(runs.hits[0])
    case.add("measured", "measured", count, rules.days_min, "d")
    if np.bitwise_or.reduce(days.flags[case.run]) & INSULATION_ALARM:
        case.add("own alarm", "vehicle", 1, 1, "")
    return [_finding(case, rules, model.INSULATION, count, "d", rules.days_min, whole=True,
                     words={"days": count, "limit": rules.leak_ohm_per_v})]  # fmt: skip


def _finding(case: _Case, rules: Rules, kind: str, value: float, unit: str, threshold: float, *,
             whole: bool = False, words: Mapping[str, object] = _NO_WORDS) -> Finding:  # fmt: skip
    families = len({e.family for e in case.evidence})
    is_call = families >= rules.families_min and kind != model.DEVIATION
    english, chinese = sentence(
        kind, cell=case.cell + 1, pack=case.days.pack_no, mv=abs(value), mohm=value,
        since=datetime.fromtimestamp(case.since + BEIJING_OFFSET_S, tz=UTC).date().isoformat(),
        **words,
    )  # fmt: skip
    return Finding(
        thing=case.days.vin, app=APP, kind=kind, pack_no=case.days.pack_no,
        cell_no=0 if whole else case.cell + 1, first_seen=case.since, last_seen=case.until,
        severity=Severity.SERVICE if is_call else Severity.WATCH, value=float(value), unit=unit,
        threshold=float(threshold), confidence=round(1 - 0.4**families, 3),
        evidence=tuple(case.evidence), sentence=english, sentence_zh=chinese, call_out=is_call,
    )  # fmt: skip
