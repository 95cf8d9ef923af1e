"""A loose connection comes, is acknowledged, goes and comes back: from findings to steps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from millbrain.core.alarms import Alarm, AlarmStep, stepped
from millbrain.core.alarms.rules import AlarmRule
from millbrain.core.findings import Finding, Severity
from millbrain.decide.alarms.calc import taken

AT = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


def example() -> list[AlarmStep]:
    """Return the steps of one alarm and of the instance that follows it."""
    seen_s = int(AT.timestamp())
    loose = Finding("LNEVTEST0N0000001", "battery", "connection", 1, 7, seen_s - 86_400, seen_s,
                    Severity.STOP, -48.0, "mV", -15.0, 0.9)  # fmt: skip
    alarm: Alarm | None = None
    steps: list[AlarmStep] = []
    for minute, is_open in enumerate((True, True, False, True)):
        at = AT + timedelta(minutes=minute)
        version = replace(loose, last_seen=seen_s + 60 * minute, is_open=is_open)
        change = taken(alarm, version, AlarmRule(), at)
        if change:
            alarm = change.after
            steps += change.steps
        if minute == 1 and alarm:
            alarm, step = stepped(alarm, "acknowledge", at, "li")
            steps.append(step)
    return steps


if __name__ == "__main__":
    for done in example():
        print(f"{done.at:%H:%M} {done.source} -> {done.action} -> {done.target} {done.who}")
