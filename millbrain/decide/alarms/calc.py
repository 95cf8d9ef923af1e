"""What a finding, the passing of time and a graver alarm make of an alarm: pure, no clock.

Every function takes the alarm as the ledger holds it and returns the change to write, or None where
nothing changes. The same input again therefore changes nothing: that is what makes re-delivery,
replays after a crash and reissued data harmless.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from millbrain.core import limits
from millbrain.core.alarms import (
    ACKNOWLEDGED,
    DELAYED,
    LATCHED_ACKNOWLEDGED,
    LATCHED_UNACKNOWLEDGED,
    LIFECYCLE,
    NORMAL,
    RETURNED,
    SHELVED,
    SUPPRESSED,
    UNACKNOWLEDGED,
    Alarm,
    AlarmChange,
    AlarmStep,
    Priority,
    stepped,
)
from millbrain.core.alarms.rules import AlarmRule, AlarmRules
from millbrain.core.findings import Finding

_SUPPRESSIBLE = (UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED)
_STEP_OF_RISE = {
    DELAYED: "announce", RETURNED: "recur", LATCHED_UNACKNOWLEDGED: "recur",
    LATCHED_ACKNOWLEDGED: "recur",
}  # fmt: skip
_STEP_OF_FALL = {
    DELAYED: "drop", UNACKNOWLEDGED: "return", ACKNOWLEDGED: "return", SUPPRESSED: "return",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Working:
    """An alarm while it is being changed: where it is now and by which steps it came there."""

    alarm: Alarm
    steps: tuple[AlarmStep, ...] = ()

    def by(self, action: str, at: datetime) -> "Working":
        """Return it one step on."""
        after, step = stepped(self.alarm, action, at)
        return Working(after, (*self.steps, step))

    def having(self, **fields: object) -> "Working":
        """Return it with other fields."""
        return Working(replace(self.alarm, **fields), self.steps)  # type: ignore[arg-type]  # by name


def taken(
    alarm: Alarm | None, finding: Finding, rule: AlarmRule, at: datetime
) -> AlarmChange | None:
    """Return what a version of a finding changes.

    alarm: newest instance of the finding's key, None = there was never one. at: our instant.
    """
    at_s = int(at.timestamp())
    if alarm is not None and not is_newer(alarm, finding, at_s):
        return None
    is_ahead = finding.last_seen > at_s + limits.CLOCK_AHEAD_S_MAX
    seen_s = at_s if is_ahead else finding.last_seen
    if alarm is None or (alarm.state == NORMAL and _is_present(finding, rule, was=False)):
        begun = _begun(alarm, finding, rule, at, seen_s)
        return _change(None, _settled(Working(begun), rule, at)) if begun else None
    worse = finding.severity > alarm.finding.severity
    working = Working(alarm).having(
        finding=finding,
        seen_s=max(seen_s, alarm.seen_s),
        ahead_s=finding.last_seen if is_ahead else alarm.ahead_s,
        priority=int(rule.priority(finding.severity)),
    )
    working = _settled(working, rule, at)
    if worse and working.alarm.is_active and working.alarm.state == ACKNOWLEDGED:
        working = working.by("worsen", at)
    return _change(alarm, working)


def is_newer(alarm: Alarm, finding: Finding, at_s: int) -> bool:
    """Whether a version of a finding says more than the one that the alarm holds.

    Versions are ordered by their evidence's device time; of two with the same one the closing goes
    before the open one, then the graver. A device time beyond our clock's tolerance orders nothing
    but others of its kind, so that a device whose clock once jumped ahead is heard again later.
    """
    if finding.last_seen == alarm.finding.last_seen:
        return _weight(finding) > _weight(alarm.finding)
    if finding.last_seen > at_s + limits.CLOCK_AHEAD_S_MAX:
        return finding.last_seen > alarm.ahead_s
    return finding.last_seen > alarm.seen_s


def newest_versions(findings: Iterable[Finding]) -> list[Finding]:
    """Return one version of each finding, the newest: between two nobody could have acted."""
    kept: dict[str, Finding] = {}
    for finding in findings:
        known = kept.get(finding.key)
        if known is None or _order(finding) > _order(known):
            kept[finding.key] = finding
    return list(kept.values())


def passed(alarm: Alarm, rule: AlarmRule, at: datetime) -> AlarmChange | None:
    """Return what the passing of time changes: delays that are over, a shelf that ends."""
    working = Working(alarm)
    if alarm.due_at is not None and _is_over(alarm.due_at, at, limits.ALARM_DELAY_S_MAX):
        if alarm.state == NORMAL:
            # It came back within its on-delay while somebody acknowledged the old instance.
            again = replace(_fresh(alarm.finding, rule, at, alarm.seen_s), ahead_s=alarm.ahead_s)
            return _change(None, _flipped(Working(again), rule, at))
        working = _flipped(working, rule, at)
    shelf_end = working.alarm.until if working.alarm.state == SHELVED else None
    if shelf_end and _is_over(shelf_end, at, limits.SHELVE_S_MAX):
        working = working.by("expire", at)
    return _change(alarm, working)


def rejudged(alarm: Alarm, rule: AlarmRule, at: datetime) -> AlarmChange | None:
    """Return what a changed rule changes of a standing alarm."""
    priority = int(rule.priority(alarm.finding.severity))
    return _change(alarm, _settled(Working(alarm).having(priority=priority), rule, at))


def hidden(alarms: Sequence[Alarm], rules: AlarmRules, at: datetime) -> list[AlarmChange]:
    """Return what suppression by design changes among the standing alarms of one thing."""
    keys = rules.hidden(alarms)
    changes = (_hidden(alarm, alarm.finding.key in keys, at) for alarm in alarms)
    return [change for change in changes if change]


def joined(changes: Iterable[AlarmChange]) -> list[AlarmChange]:
    """Return one change of each alarm where several follow one another in one transaction."""
    merged: dict[tuple[str, datetime], AlarmChange] = {}
    for change in changes:
        key = (change.after.finding.key, change.after.began_at)
        first = merged.get(key)
        before, steps = (first.before, first.steps) if first else (change.before, ())
        merged[key] = AlarmChange(before, change.after, (*steps, *change.steps))
    return list(merged.values())


def _hidden(alarm: Alarm, is_hidden: bool, at: datetime) -> AlarmChange | None:
    working = Working(alarm).having(is_suppressed=is_hidden)
    if is_hidden and alarm.state in _SUPPRESSIBLE:
        working = working.by("suppress", at)
    elif not is_hidden and alarm.state == SUPPRESSED:
        working = working.by("release", at)
    return _change(alarm, working)


def _begun(
    old: Alarm | None, finding: Finding, rule: AlarmRule, at: datetime, seen_s: int
) -> Alarm | None:
    if not _is_present(finding, rule, was=False):
        return None
    ahead_s = finding.last_seen if seen_s != finding.last_seen else (old.ahead_s if old else 0)
    return replace(_fresh(finding, rule, at, seen_s), ahead_s=ahead_s)


def _fresh(finding: Finding, rule: AlarmRule, at: datetime, seen_s: int) -> Alarm:
    priority = int(rule.priority(finding.severity))
    return Alarm(0, finding, LIFECYCLE.start, priority, at, at, seen_s, is_present=True)


def _settled(working: Working, rule: AlarmRule, at: datetime) -> Working:
    """Bring the condition up to date and start, stop or skip its delay."""
    alarm = working.alarm
    present = _is_present(alarm.finding, rule, was=alarm.is_present)
    working = working.having(is_present=present)
    if present == alarm.is_active:
        working = working.having(due_at=None)
        if alarm.state == DELAYED and not present:
            return working.by("drop", at)
        return _latching(working, rule)
    delay_s = rule.on_delay_s if present else rule.off_delay_s
    if not delay_s:
        return _flipped(working, rule, at)
    due_at = alarm.due_at or at + timedelta(seconds=delay_s)
    return working.having(due_at=due_at)


def _flipped(working: Working, rule: AlarmRule, at: datetime) -> Working:
    """Let the delayed condition become what is heard, and take the step that follows."""
    active = working.alarm.is_present
    working = _latching(working.having(is_active=active, due_at=None), rule)
    action = (_STEP_OF_RISE if active else _STEP_OF_FALL).get(working.alarm.state)
    return working.by(action, at) if action else working


def _latching(working: Working, rule: AlarmRule) -> Working:
    alarm = working.alarm
    latches = alarm.is_active and alarm.finding.severity >= rule.latch_severity
    return working.having(is_latching=alarm.is_latching or latches)


def _is_present(finding: Finding, rule: AlarmRule, *, was: bool) -> bool:
    """Whether the condition holds: the finding is open, worth announcing, and beyond its limit."""
    if not finding.is_open or rule.priority(finding.severity) == Priority.JOURNAL:
        return False
    if was or not rule.deadband_pct:
        return True
    beyond = abs(finding.value - finding.threshold)
    needed = abs(finding.threshold) * rule.deadband_pct / 100
    return not math.isfinite(beyond) or beyond >= needed  # no figure: the finding's word counts


def _weight(finding: Finding) -> tuple[bool, int, bool, float]:
    return not finding.is_open, int(finding.severity), finding.call_out, finding.confidence


def _order(finding: Finding) -> tuple[int, tuple[bool, int, bool, float]]:
    return finding.last_seen, _weight(finding)


def _is_over(end: datetime, at: datetime, longest_s: int) -> bool:
    """Whether an end has come; one further off than any can be means that our clock was set."""
    return end <= at or end > at + timedelta(seconds=longest_s)


def _change(before: Alarm | None, working: Working) -> AlarmChange | None:
    if working.alarm == before:
        return None
    return AlarmChange(before, working.alarm, working.steps)
