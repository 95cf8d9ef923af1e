"""Hot days: every vehicle looked at through the live table, again and again, by declared rules.

A look is one picture of `vehicle_latest`. A rule that holds on several looks in a row, each with a
newer report of the vehicle, opens a finding of the kind `heat`; as many clear looks as set close
it. What a vehicle said too long ago is no look.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc.judge import APP
from millbrain.analyse.battery.fleet.heat_rules import (
    ANY,
    CHARGING,
    DRIVING,
    EVERY_RULE,
    HEAT_RULES,
    OWN_ALARM_BITS,
    RESTING,
    HeatRule,
)
from millbrain.analyse.battery.model import HEAT, HeatRules
from millbrain.core.columns import Columns
from millbrain.core.findings import Evidence, Finding, Severity
from millbrain.core.times import BEIJING

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

_REST_A: Final = 5.0  # current up to which a battery is at rest
_TEMP_DEGC_MAX: Final = 200  # beyond, and at the marks 214 and 215, a probe says nothing
_TOLD_AGAIN_S: Final = 600  # an open finding is told again after so long, with its newest figure
_FAMILIES_MIN: Final = 2  # independent observations before anybody is called
_PLAIN_CELLS_MV: Final = (500, 5_000)
_BY_KEY: Final[Mapping[str, int]] = {rule.key: i for i, rule in enumerate(EVERY_RULE)}


@dataclass(slots=True)
class _Hot:
    """What is held of a vehicle that a rule has held for: few of them, so plain objects.

    looks: looks in a row by rule. figures: newest figure and limit by rule. open_rules: those that
    have held long enough since it was opened, 0 = not open. calm: clear looks in a row.
    """

    region: str
    model: str
    first_at: int
    last_at: int
    seen_at: int
    looks: list[int] = field(default_factory=lambda: [0] * len(EVERY_RULE))
    figures: dict[int, tuple[float, float]] = field(default_factory=dict)
    since: dict[int, int] = field(default_factory=dict)
    open_rules: frozenset[int] = frozenset()
    calm: int = 0
    told_at: int = 0


class HeatWatch:
    """The rules, and what they have held for so far. Not for several threads at once."""

    def __init__(self, rules: HeatRules) -> None:
        self._rules = rules
        self._hot: dict[bytes, _Hot] = {}

    def look(self, latest: Columns, as_of: int) -> list[Finding]:
        """Return what changed: opened, other reasons, closed; and what is told again.

        latest: rows of `vehicle_latest`, any order, each vehicle once; needs `vin` and `device_at`,
        a column that is absent counts as not known. as_of: now, or when the picture was taken [s
        since 1970 UTC]. A second look at the same picture changes nothing.
        """
        vin = latest.array("vin").astype("S")
        at = latest.array("device_at").astype(np.int64)
        fresh = np.abs(as_of - at) <= self._rules.hot_stale_s
        hits, figures = _held(latest, self._rules)
        hits &= fresh
        any_hit = np.zeros(latest.rows, np.bool_)
        any_hit[np.flatnonzero(hits.any(axis=0))] = True
        rows = np.flatnonzero(any_hit)
        calm = self._calm(vin, fresh & ~any_hit)
        names = {n: _texts(latest, n, rows) for n in ("region_code", "model")}
        found: list[Finding | None] = []
        for place, row in enumerate(rows.tolist()):
            key = bytes(vin[row])
            held = self._hot.setdefault(key, _Hot("", "", int(at[row]), int(at[row]), 0))
            held.region, held.model = names["region_code"][place], names["model"][place]
            if at[row] > held.seen_at:
                own = np.flatnonzero(hits[:, row]).tolist()
                _seen(held, int(at[row]), {r: (float(figures[r][0][row]), figures[r][1])
                                           for r in own})  # fmt: skip
                found.append(self._told(key, held))
        found += [self._cleared(key, int(at[row])) for key, row in calm]
        return [f for f in found if f is not None]

    def restore(self, findings: Iterable[Finding]) -> None:
        """Take up findings that are open in the table, after a restart; others are passed over."""
        for finding in findings:
            reasons = {_BY_KEY[e.name]: e for e in finding.evidence if e.name in _BY_KEY}
            if finding.app != APP or finding.kind != HEAT or not finding.is_open or not reasons:
                continue
            held = _Hot("", "", finding.first_seen, finding.last_seen, finding.last_seen)
            held.open_rules = frozenset(reasons)
            held.told_at = finding.last_seen
            for rule, evidence in reasons.items():
                held.looks[rule] = self._rules.hot_looks_min
                held.figures[rule] = (evidence.value, evidence.threshold)
                held.since[rule] = evidence.since
            self._hot[finding.thing.encode()] = held

    def summary(self) -> dict[str, dict[str, int]]:
        """Count the open findings: by region, by model, by rule (a vehicle may have several)."""
        open_ = [h for h in self._hot.values() if h.open_rules]
        return {
            "region_code": dict(Counter(h.region for h in open_)),
            "model": dict(Counter(h.model for h in open_)),
            "rule": dict(Counter(EVERY_RULE[r].key for h in open_ for r in sorted(h.open_rules))),
        }

    def _calm(self, vin: NDArray[Any], clear: Flags) -> list[tuple[bytes, int]]:
        """Return held vehicles that no rule holds for in this look, with their rows."""
        if not self._hot:
            return []
        keys = np.array(sorted(self._hot), "S")
        in_order = bool((vin[1:] >= vin[:-1]).all())
        order = np.arange(len(vin)) if in_order else np.argsort(vin, kind="stable")
        place = np.searchsorted(vin, keys, sorter=None if in_order else order)
        known = place < len(vin)
        row = order[np.where(known, place, 0)] if len(vin) else place
        known[known] = vin[row[known]] == keys[known]
        wanted = np.flatnonzero(known)
        wanted = wanted[clear[row[wanted]]]
        return [(bytes(keys[i]), int(row[i])) for i in wanted.tolist()]

    def _told(self, vin: bytes, held: _Hot) -> Finding | None:
        """Return the finding of a vehicle where it is new, has other reasons, or is due again."""
        lasting = frozenset(
            r for r, looks in enumerate(held.looks) if looks >= self._rules.hot_looks_min
        )
        reasons = held.open_rules | lasting
        if not lasting or (reasons == held.open_rules
                           and held.last_at - held.told_at < _TOLD_AGAIN_S):  # fmt: skip
            return None
        held.open_rules, held.told_at = reasons, held.last_at
        return _finding(vin, held, is_open=True)

    def _cleared(self, vin: bytes, at: int) -> Finding | None:
        held = self._hot[vin]
        if at <= held.seen_at:
            return None
        held.seen_at = at
        held.looks = [0] * len(EVERY_RULE)
        held.calm += 1
        if held.open_rules and held.calm < self._rules.hot_clear_looks:
            return None
        del self._hot[vin]
        return _finding(vin, held, is_open=False) if held.open_rules else None


def _seen(held: _Hot, at: int, own: Mapping[int, tuple[float, float]]) -> None:
    """Take in a look on which some rule holds."""
    held.seen_at = held.last_at = at
    held.calm = 0
    for rule in range(len(EVERY_RULE)):
        if rule in own:
            held.since.setdefault(rule, at)
            held.looks[rule] += 1
            held.figures[rule] = own[rule]
        else:
            held.looks[rule] = 0
            if rule not in held.open_rules:
                held.since.pop(rule, None)


def _held(latest: Columns, rules: HeatRules) -> tuple[Flags, list[tuple[Floats, float]]]:
    """Return which rules hold for which rows, shape (rules, rows), and the figure with its limit.

    A figure that is not known holds for nothing.
    """
    known = _signals(latest)
    states = _states(latest)
    hits = np.zeros((len(EVERY_RULE), latest.rows), np.bool_)
    figures = []
    for number, rule in enumerate(HEAT_RULES):
        own = states[rule.state].copy()
        for limit in rule.limits:
            bound = np.float32(getattr(rules, limit.parameter))
            values = known[limit.signal]
            own &= values <= bound if limit.is_low else values >= bound
        hits[number] = own
        main = rule.limits[0]
        figures.append((known[main.signal], float(getattr(rules, main.parameter))))
    flags = latest.values.get("alarm_flags", np.zeros(latest.rows, np.uint32))
    hits[-1] = np.asarray(flags).astype(np.uint32) & OWN_ALARM_BITS != 0
    return hits, [*figures, (np.ones(latest.rows, np.float32), 1.0)]


def _signals(latest: Columns) -> dict[str, Floats]:
    high, low = _floats(latest, "temp_max_degc"), _floats(latest, "temp_min_degc")
    high[high > _TEMP_DEGC_MAX] = np.nan
    low[low > _TEMP_DEGC_MAX] = np.nan
    top, bottom = _floats(latest, "cell_max_mv"), _floats(latest, "cell_min_mv")
    least, most = _PLAIN_CELLS_MV
    spread = np.where((bottom >= least) & (top <= most), top - bottom, np.float32(np.nan))
    voltage = _floats(latest, "voltage_v")
    with np.errstate(divide="ignore", invalid="ignore"):
        per_v = np.where(voltage > 0, _floats(latest, "insulation_kohm") * 1_000 / voltage, np.nan)
    return {
        "temp_max_degc": high,
        "temp_spread_degc": high - low,
        "soc_pct": _floats(latest, "soc_pct"),
        "insulation_ohm_per_v": per_v.astype(np.float32),
        "cell_spread_mv": spread,
    }


def _states(latest: Columns) -> dict[str, Flags]:
    charge = np.asarray(latest.values.get("charge_state", np.full(latest.rows, 255, np.uint8)))
    current = np.abs(_floats(latest, "current_a"))
    charging = (charge == 1) | (charge == 2)
    other = (charge == 3) | (charge == 4)
    return {
        CHARGING: charging,
        DRIVING: other & (current > _REST_A),
        RESTING: other & (current <= _REST_A),
        ANY: np.ones(latest.rows, np.bool_),
    }


def _floats(latest: Columns, name: str) -> Floats:
    if name not in latest.values:
        return np.full(latest.rows, np.nan, np.float32)
    values = latest.array(name).astype(np.float32)
    mask = latest.missing.get(name)
    if mask is not None:
        values[mask] = np.nan
    return values


def _texts(latest: Columns, name: str, rows: NDArray[np.intp]) -> list[str]:
    if name not in latest.values:
        return [""] * len(rows)
    return [bytes(v).decode("utf-8", "replace") for v in latest.array(name)[rows]]


def _finding(vin: bytes, held: _Hot, *, is_open: bool) -> Finding:
    order = sorted(held.open_rules, key=lambda r: (-EVERY_RULE[r].severity, r))
    named: list[HeatRule] = [EVERY_RULE[r] for r in order]
    evidence = tuple(
        Evidence(rule.key, rule.family, *held.figures[r], rule.unit,
                 held.since.get(r, held.first_at), held.last_at)
        for r, rule in zip(order, named, strict=True)
    )  # fmt: skip
    families = len({rule.family for rule in named})
    severity = Severity(max(rule.severity for rule in named))
    english, chinese = _sentence(held, order, is_open=is_open)
    first = min(e.since for e in evidence)
    return Finding(
        thing=vin.decode("utf-8", "replace"), app=APP, kind=HEAT, pack_no=0, cell_no=0,
        first_seen=first, last_seen=max(held.last_at, first), severity=severity,
        value=evidence[0].value, unit=evidence[0].unit, threshold=evidence[0].threshold,
        confidence=0.5 if families < _FAMILIES_MIN else 0.8, evidence=evidence, sentence=english,
        sentence_zh=chinese, is_open=is_open,
        call_out=is_open and severity >= Severity.SERVICE and families >= _FAMILIES_MIN,
    )  # fmt: skip


def _sentence(held: _Hot, order: list[int], *, is_open: bool) -> tuple[str, str]:
    words, words_zh = [], []
    for rule in order:
        value, limit = held.figures[rule]
        words.append(EVERY_RULE[rule].words.format(value=value, limit=limit))
        words_zh.append(EVERY_RULE[rule].words_zh.format(value=value, limit=limit))
    since = min(held.since.get(r, held.first_at) for r in order)
    day = datetime.fromtimestamp(since, tz=BEIJING).strftime("%Y-%m-%d %H:%M")
    if not is_open:
        return (f"Heat watch, over: since {day} " + "; ".join(words) + ". The values are clear.",
                f"高温看护解除：{day}起" + "；".join(words_zh) + "，现已恢复。")  # fmt: skip
    return (
        f"Heat watch: since {day} " + "; ".join(words) + ". Let it cool down in the shade away "
        "from other vehicles and do not charge it; have cooling and battery checked if it comes "
        "again.",
        f"高温看护：{day}起"
        + "；".join(words_zh)
        + "。请停放在阴凉且远离其他车辆处降温，暂停充电；"
        "如再次出现，请检查冷却系统与电池。",
    )
