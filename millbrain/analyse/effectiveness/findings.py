"""What is worth telling: a failure that lasts, silence, low OEE, energy for nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from millbrain.analyse.effectiveness import indicators
from millbrain.analyse.effectiveness.model import (
    APP,
    DOWN_LONG,
    IDLE_ENERGY,
    OEE_LOW,
    SILENT,
    Machine,
    Rules,
)
from millbrain.core.findings import Evidence, Finding, Severity
from millbrain.core.plant.states import MachineState

LIVE: Final = (DOWN_LONG, SILENT)
BY_SHIFT: Final = (OEE_LOW, IDLE_ENERGY)
DOWN: Final = int(MachineState.DOWN)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a machine stands: its state since when, when it was heard last [ms], whether planned.

    reason, job: of its last run.
    """

    state: int
    since: int
    heard: int
    busy: bool
    reason: str = ""
    job: str = ""


@dataclass(frozen=True, slots=True)
class ShiftSums:
    """Elements of one machine over one whole shift; start, end: [s since 1970 UTC]."""

    day: str
    shift: str
    start: int
    end: int
    sums: Mapping[str, float]


def live(machine: Machine, now: Standing, at: int, rules: Rules) -> Iterator[Finding]:
    """Yield what is so at an instant [s]: each of `LIVE` that holds."""
    name, name_zh = machine.title or machine.thing, machine.title_zh or machine.thing
    since, lasts_s = now.since // 1000, at - now.since // 1000
    if now.state == DOWN and lasts_s >= rules.down_s:
        yield _finding(
            machine, DOWN_LONG, Severity.SERVICE, (since, at), (lasts_s, rules.down_s, "s"),
            f"{name} has been down for more than {_minutes(rules.down_s)} min.",
            f"{name_zh} 故障停机已超过 {_minutes(rules.down_s)} 分钟。",
        )  # fmt: skip
    quiet_s = at - now.heard // 1000
    if now.busy and quiet_s >= rules.silent_s:
        yield _finding(
            machine, SILENT, Severity.WATCH, (now.heard // 1000, at),
            (quiet_s, rules.silent_s, "s"),
            f"Nothing was heard of {name} for more than {_minutes(rules.silent_s)} min of planned "
            "time; its time counts as unknown, not as idle.",
            f"计划时间内 {name_zh} 已超过 {_minutes(rules.silent_s)} 分钟无数据；"
            "该时段计为未知，不计为待机。",
        )  # fmt: skip


def by_shift(machine: Machine, shifts: Sequence[ShiftSums], rules: Rules) -> Iterator[Finding]:
    """Yield what whole shifts say, oldest first: each of `BY_SHIFT` that holds."""
    planned = [s for s in shifts if s.sums["PBT"] > 0]
    count = round(rules.oee_shifts)
    newest = planned[-count:]
    oees = [float(indicators.OEE.value(s.sums)) for s in newest]
    name, name_zh = machine.title or machine.thing, machine.title_zh or machine.thing
    if len(oees) == count and all(oee < rules.oee_low_pct for oee in oees):
        mean = float(indicators.OEE.value(_added(newest)))
        yield _finding(
            machine, OEE_LOW, Severity.WATCH, (newest[0].start, newest[-1].end),
            (mean, rules.oee_low_pct, "%"),
            f"OEE of {name} was below {rules.oee_low_pct:g} % in {count} shifts in a row; "
            f"over all of them it is {mean:.1f} %.",
            f"{name_zh} 连续 {count} 个班次 OEE 低于 {rules.oee_low_pct:g}%，合计 {mean:.1f}%。",
        )  # fmt: skip
    if planned:
        idle = float(indicators.BY_KEY["idle"].value(planned[-1].sums))
        if np.isfinite(idle) and idle > rules.idle_energy_pct:
            yield _finding(
                machine, IDLE_ENERGY, Severity.NOTE, (planned[-1].start, planned[-1].end),
                (idle, rules.idle_energy_pct, "%"),
                f"{name} used {idle:.0f} % of its energy of the last shift while not producing.",
                f"{name_zh} 上一班次 {idle:.0f}% 的能耗发生在非生产状态。",
            )  # fmt: skip


def _added(shifts: Sequence[ShiftSums]) -> dict[str, float]:
    return {e.key: sum(s.sums[e.key] for s in shifts) for e in indicators.ELEMENTS}


def _finding(
    machine: Machine, kind: str, severity: Severity, seen: tuple[int, int],
    figure: tuple[float, float, str], sentence: str, sentence_zh: str,
) -> Finding:  # fmt: skip
    value, threshold, unit = figure
    first, last = seen
    evidence = Evidence(kind, kind, value, threshold, unit, first, last)
    return Finding(
        thing=machine.thing, app=APP, kind=kind, pack_no=0, cell_no=0, first_seen=first,
        last_seen=max(first, last), severity=severity, value=float(value), unit=unit,
        threshold=float(threshold), confidence=1.0, evidence=(evidence,), sentence=sentence,
        sentence_zh=sentence_zh,
    )  # fmt: skip


def _minutes(seconds: float) -> Any:
    return f"{seconds / 60:g}"
