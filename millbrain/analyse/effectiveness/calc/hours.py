"""From the readings of one machine to its hours: the road through runs, counters and parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.effectiveness.calc import counters
from millbrain.analyse.effectiveness.calc.measures import Parts
from millbrain.analyse.effectiveness.calc.parts import HOUR_MS, Plan, parts_of
from millbrain.analyse.effectiveness.calc.runs import PRODUCING, Runs, Steps, runs_of
from millbrain.analyse.effectiveness.model import COUNTERS, STATE_RULES, Machine, Rules
from millbrain.core.plant.states import (
    ENERGY_SIGNAL,
    ORDER_SIGNAL,
    REASON_SIGNAL,
    STATE_SIGNAL,
    MachineState,
)

MARGIN_MS: Final = HOUR_MS  # read before and after: gap, micro-stop and reason reach no further
KNOWN: Final = frozenset(int(s) for s in MachineState)
IDLE: Final = int(MachineState.IDLE)
GOOD_QUALITY: Final = 192
_NONE: Final = Steps(np.zeros(0, np.int64), np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True)
class Signal:
    """Readings of one signal of one machine, rising in time, shape (n,).

    at: [ms since 1970 UTC]. value: NaN where there is none. text: of signals that are texts.
    quality: as OPC has it, 192 = good.
    """

    at: NDArray[np.int64]
    value: NDArray[np.float64]
    text: Sequence[str]
    quality: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of one machine, from a margin before to a margin after the time asked.

    at: instants of anything at all, rising. signals: by name; of each also the last reading before
    and of the energy the first one after, wherever they lie.
    """

    at: NDArray[np.int64]
    signals: Mapping[str, Signal]


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts by their codes; code 0 is the empty text."""

    texts: list[str]

    def codes(self, found: Sequence[str]) -> NDArray[np.int32]:
        """Return the code of each text; new ones are added."""
        known = {text: code for code, text in enumerate(self.texts)}
        for text in found:
            if text not in known:
                known[text] = len(self.texts)
                self.texts.append(text)
        return np.array([known[t] for t in found], np.int32)


@dataclass(frozen=True, slots=True)
class Told:
    """The hours of one machine.

    run_job: code of the job at the begin of each run. state, since: the last state and since when
    it holds, at most a margin before the time asked [ms]. heard: when something was heard last.
    """

    parts: Parts
    runs: Runs
    run_job: NDArray[np.int32]
    reasons: Sequence[str]
    jobs: Sequence[str]
    state: int
    since: int
    heard: int


def told(
    machine: Machine, heard: Heard, plan: Plan, low: int, high: int, now: int, rules: Rules
) -> Told:
    """Return what a machine did between two instants; it begins with the first thing heard of it.

    Parameters
    ----------
    machine
        Its nameplate and limits.
    heard
        Its readings.
    plan
        Planned time, from `low` on.
    low, high
        Whole hours [ms since 1970 UTC]; nothing is told beyond `now`.
    now
        Instant up to which readings are looked at; a run that reaches it is not over.
    rules
        Gap, micro-stop, reach of reasons.
    """
    reasons, jobs = Texts([""]), Texts([""])
    job = _texts(heard, ORDER_SIGNAL, jobs)
    edge, end = low - MARGIN_MS, min(high + MARGIN_MS, now)
    begin = min(max(low, int(heard.at[0])), min(high, now)) if len(heard.at) else min(high, now)
    runs = runs_of(
        heard.at, _states(machine, heard, rules), _texts(heard, REASON_SIGNAL, reasons),
        edge, end, round((machine.gap_s or rules.gap_s) * 1000), round(rules.reason_back_s * 1000),
    )  # fmt: skip
    parts = parts_of(
        runs, job, np.full(len(jobs.texts), round(machine.cycle_s * 1000, 3)), plan,
        counters.pieces_of(*(_counter(heard, s) for s in COUNTERS)),
        counters.energy_of(*_counter(heard, ENERGY_SIGNAL)),
        begin, min(high, now), round(rules.micro_s * 1000),
    )  # fmt: skip
    state, since = _last(runs)
    runs = _clipped(runs, begin, min(high, now))
    place = np.searchsorted(job.at, runs.start, side="right") - 1
    run_job = np.where(place >= 0, job.value[place] if len(job.at) else 0, 0).astype(np.int32)
    last = int(heard.at[-1]) if len(heard.at) else 0
    return Told(parts, runs, run_job, reasons.texts, jobs.texts, state, since, last)


def _last(runs: Runs) -> tuple[int, int]:
    """Return the last state and since when it holds."""
    if not len(runs):
        return 0, 0
    other = np.flatnonzero(runs.state != runs.state[-1])
    first = other[-1] + 1 if len(other) else 0
    return int(runs.state[-1]), int(runs.start[first])


def _states(machine: Machine, heard: Heard, rules: Rules) -> Steps:
    """Return the states that a machine tells, else those that its signals speak for."""
    signal = heard.signals.get(STATE_SIGNAL)
    if signal is None or not len(signal.at):
        return _derived(machine, heard, round(rules.hold_s * 1000))
    known = np.isin(signal.value, list(KNOWN)) & (signal.quality > 0)
    value = np.where(known, np.nan_to_num(signal.value, posinf=0, neginf=0), 0)
    return Steps(signal.at, value.astype(np.int32))


def _derived(machine: Machine, heard: Heard, hold_ms: int) -> Steps:
    """Return states by `STATE_RULES`, and by pieces: after one it produces for `hold_ms`."""
    ruled = [(rule, heard.signals[rule.signal]) for rule in STATE_RULES
             if rule.signal in heard.signals and np.isfinite(machine.low(rule))]  # fmt: skip
    made = counters.pieces_of(*(_counter(heard, s) for s in COUNTERS)).at
    counted = any(s in heard.signals for s in COUNTERS)
    if not ruled and not counted:
        return _NONE
    first = [s.at for _, s in ruled] + [heard.signals[c].at for c in COUNTERS if c in heard.signals]
    at = np.unique(np.concatenate([*first, made, made + hold_ms]))
    state = np.full(len(at), IDLE, np.int32)
    if len(made):
        before = np.searchsorted(made, at, side="right") - 1
        fresh = (before >= 0) & (at - made[before] < hold_ms)
        state[fresh] = PRODUCING
    for rule, signal in reversed(ruled):
        place = np.searchsorted(signal.at, at, side="right") - 1
        value = np.where(place >= 0, signal.value[place], np.nan)
        state[value >= machine.low(rule)] = int(rule.state)
    return Steps(at, state)


def _texts(heard: Heard, name: str, codes: Texts) -> Steps:
    signal = heard.signals.get(name)
    return Steps(signal.at, codes.codes(signal.text)) if signal is not None else _NONE


def _counter(heard: Heard, name: str) -> counters.Reading:
    signal = heard.signals.get(name)
    if signal is None:
        return counters.NOTHING
    usable = np.isfinite(signal.value) & (signal.quality > 0) & (signal.value >= 0)
    return signal.at[usable], signal.value[usable]


def _clipped(runs: Runs, low: int, high: int) -> Runs:
    """Return the runs between two instants, cut at every whole hour."""
    hours = np.arange(low // HOUR_MS * HOUR_MS, high, HOUR_MS)
    cuts = np.unique(np.concatenate((runs.start, hours, [low])))
    cuts = cuts[(cuts >= low) & (cuts < high)]
    place = np.searchsorted(runs.start, cuts, side="right") - 1
    end = np.concatenate((cuts[1:], [high]))[: len(cuts)]
    begins = runs.begins[place] & (runs.start[place] == cuts)
    return Runs(cuts, end, runs.state[place], runs.reason[place], runs.whole_ms[place], begins)
