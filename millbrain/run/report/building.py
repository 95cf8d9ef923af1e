"""A day or shift out of readings and reports, by the hearts of the rooms that show them live."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from millbrain.analyse.effectiveness.calc.hours import Told, told
from millbrain.analyse.effectiveness.calc.measures import Parts
from millbrain.analyse.effectiveness.calc.parts import HOUR_MS
from millbrain.analyse.effectiveness.calc.sums import (
    GOOD,
    LOSS_OF_STATE,
    MICRO,
    PRODUCING,
    QUALITY,
    SPEED,
    losses_of,
    sums_of,
)
from millbrain.analyse.effectiveness.indicators import ELEMENTS, INDICATORS, values
from millbrain.analyse.effectiveness.model import Machine, Rules
from millbrain.analyse.effectiveness.plans import Plans, machines_of
from millbrain.analyse.effectiveness.store import Store
from millbrain.core.plant.plant import Plant
from millbrain.core.plant.states import STATE_TITLES, MachineState
from millbrain.core.production.reports import Kind, Report
from millbrain.core.production.shift_report import (
    LineReport,
    Loss,
    Made,
    ShiftReport,
    Snapshot,
    Stop,
)
from millbrain.core.rooms import Facts
from millbrain.run.report.snapshots import FactsAt

STOPS_MAX: Final = 20
_EPOCH: Final = date(1970, 1, 1)
_SHOWN: Final = ("oee", "availability", "effectiveness", "quality", "setup", "mtbf", "mttr",
                 "piece", "idle")  # fmt: skip
_SUMMED: Final = ("PBT", "APT", "AUST", "ADET", "ADOT", "UNK", "GQ", "SQ", "RQ", "PQ", "FE", "MSN",
                  "EN", "ENI")  # fmt: skip
_LOSSES: Final = {
    QUALITY: ("scrap and rework", "报废与返工"),
    SPEED: ("speed loss", "速度损失"),
    MICRO: ("micro-stops", "短停"),
} | {loss: STATE_TITLES[state] for loss, state in zip(LOSS_OF_STATE, MachineState, strict=True)}
_MADE: Final = (GOOD, PRODUCING)  # no losses
_KINDS: Final = {Kind.GOOD: "good", Kind.SCRAP: "scrap", Kind.REWORK: "rework"}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which report: of a day of the plants' time, of one shift ("" = all), as a snapshot knows."""

    day: date
    shift: str
    snapshot: Snapshot
    zone: str


@dataclass(frozen=True, slots=True)
class Known:
    """What a report rests on besides the warehouse. reports: of people, those of the snapshot."""

    plants: Sequence[Plant]
    attributes: Mapping[str, Mapping[str, Any]]
    reports: Sequence[Report]


def bounds(asked: Asked, plants: Sequence[Plant]) -> tuple[int, int]:
    """Return begin and end of the day [ms since 1970 UTC], of all calendars of the plants."""
    zone = ZoneInfo(asked.zone)
    begin = datetime(asked.day.year, asked.day.month, asked.day.day, tzinfo=zone)
    spans = [(begin.timestamp() * 1000, (begin + timedelta(days=1)).timestamp() * 1000)]
    for plant in plants:
        spans += [calendar.bounds(asked.day) for calendar in plant.calendars.values()]
    return int(min(s[0] for s in spans)), int(max(s[1] for s in spans))


def build(facts: Facts, known: Known, asked: Asked) -> ShiftReport:
    """Return the report; a pure function of what was stored up to its snapshot."""
    day = (asked.day - _EPOCH).days
    begin, end = bounds(asked, known.plants)
    low, high = begin // HOUR_MS * HOUR_MS, -(-end // HOUR_MS) * HOUR_MS
    now = min(asked.snapshot.at_ms, high)
    store = Store(FactsAt(facts, asked.snapshot.batch))
    signals: dict[str, set[str]] = defaultdict(set)
    for touch in store.span(low - 24 * HOUR_MS, max(now, low)):
        signals[touch.thing].add(touch.signal)
    machines = machines_of(known.plants, known.attributes, signals)
    plans, found, stops = Plans(), defaultdict(list), []
    heard = store.heard(signals, low, high, now) if signals else {}
    for thing in sorted(heard):
        plan, shifts = plans.of(machines[thing], low, high)
        one = told(machines[thing], heard[thing], plan, low, high, now, Rules())
        parts = _own(one.parts, day, _code(asked.shift, shifts))
        if len(parts):
            found[machines[thing].line].append((machines[thing], one, parts))
            stops += _stops(thing, one, parts)
    begin_at, end_at = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (begin, end))
    own = [] if asked.shift else [r for r in known.reports if begin_at <= r.at < end_at]
    return ShiftReport(
        asked.day, asked.shift, asked.snapshot, asked.zone,
        tuple(_line(line, of) for line, of in sorted(found.items())),
        tuple(sorted(stops, key=lambda s: (-s.time_s, s.machine, s.since_ms))[:STOPS_MAX]),
        _made(own, lambda r: r.order), _made(own, lambda r: r.person),
        tuple(m for m in _made(own, lambda r: r.reason) if m.name),
        {e.key: (e.title, e.title_zh, e.unit) for e in ELEMENTS if e.key in _SUMMED},
        {i.key: (i.title, i.title_zh, i.unit) for i in INDICATORS if i.key in _SHOWN},
        {code: (reason.title, reason.title_zh)
         for plant in known.plants for code, reason in plant.reasons.items()},
    )  # fmt: skip


def _code(shift: str, shifts: Sequence[str]) -> int:
    """Return the code of a shift in a plan, -1 = every shift, -2 = it is not worked there."""
    if not shift:
        return -1
    return list(shifts).index(shift) if shift in shifts else -2


def _own(parts: Parts, day: int, shift: int) -> Parts:
    rows = parts.day == day
    if shift != -1:
        rows &= parts.shift == shift
    return replace(parts, **{f.name: getattr(parts, f.name)[rows] for f in fields(parts)})


def _stops(thing: str, one: Told, parts: Parts) -> list[Stop]:
    """Return the stops of a machine that lie in the hours of its parts, cut at no hour."""
    hours = set(parts.hour.tolist())
    runs = one.runs
    found: list[Stop] = []
    for k in range(len(runs)):
        start, end, state = int(runs.start[k]), int(runs.end[k]), int(runs.state[k])
        if state == MachineState.PRODUCING or start // HOUR_MS * HOUR_MS not in hours:
            continue
        reason = one.reasons[runs.reason[k]]
        last = found[-1] if found else None
        if last and (last.state, last.reason) == (state, reason) and _end_ms(last) == start:
            found[-1] = replace(last, time_s=(end - last.since_ms) / 1000)
        else:
            found.append(Stop(thing, state, reason, start, (end - start) / 1000))
    return found


def _end_ms(stop: Stop) -> int:
    return stop.since_ms + round(stop.time_s * 1000)


def _line(line: str, of: Sequence[tuple[Machine, Told, Parts]]) -> LineReport:
    sums = sums_of([parts for _, _, parts in of])
    known = values(sums)
    lost: dict[tuple[str, str], float] = defaultdict(float)
    for _, one, parts in of:
        for (what, reason), each in losses_of([parts]).items():
            lost[what, one.reasons[reason]] += each.time_ms
    first = of[0][0]
    losses = [_loss(what, reason, ms) for (what, reason), ms in lost.items() if what not in _MADE]
    return LineReport(
        line, first.line_title or "Machines", first.line_title_zh or "设备", len(of),
        {key: float(sums[key]) for key in _SUMMED},
        {key: float(known[key]) if np.isfinite(known[key]) else None for key in _SHOWN},
        tuple(sorted(losses, key=lambda x: (-x.time_h, x.what, x.reason))),
    )  # fmt: skip


def _loss(what: str, reason: str, time_ms: float) -> Loss:
    title, title_zh = _LOSSES[what]
    return Loss(title, title_zh, reason, time_ms / HOUR_MS)


def _made(reports: Sequence[Report], key: Any) -> tuple[Made, ...]:
    """Return pieces by something, what was taken back in the same span subtracted."""
    by_id = {r.id: r for r in reports}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for report in reports:
        what = by_id.get(report.reversal_of) if report.reversal_of else report
        if what is None or what.kind not in _KINDS:
            continue
        count = -(report.quantity or what.quantity) if report.reversal_of else report.quantity
        found[key(what)][_KINDS[what.kind]] += count
    return tuple(
        Made(name, n["good"], n["scrap"], n["rework"]) for name, n in sorted(found.items())
    )
