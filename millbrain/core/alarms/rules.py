"""Rules of the alarms as data: priority, delays, deadband, latch, and what hides what.

`DECLARED` holds what the platform comes with; an operator's own rules lie in the ledger and go
before them. A rule belongs to an app and a kind of finding, `*` = every one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from millbrain.core import limits
from millbrain.core.alarms.states import PRIORITIES, Alarm, Priority
from millbrain.core.errors import LimitError
from millbrain.core.findings import SEVERITIES, Finding, Severity

ANY: Final = "*"
NEVER: Final = len(SEVERITIES)  # as `latch_severity`: graver than anything, so nothing latches


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """How findings of one app and kind become alarms.

    priorities: by severity, from note to danger. on_delay_s: how long the condition must hold
    before it is announced. off_delay_s: how long it must be gone before it has returned.
    deadband_pct: how far beyond its limit a value must be to be announced, in per cent of the
    limit; once announced it stays until the finding closes. latch_severity: from this severity on
    it stays visible until somebody resets it; 5 = never. shelve_s_max: longest shelf time.

    Raises
    ------
    LimitError
        A number is out of its range; names the range.
    """

    app: str = ANY
    kind: str = ANY
    priorities: tuple[int, ...] = (0, 1, 2, 3, 4)
    on_delay_s: int = 0
    off_delay_s: int = 0
    deadband_pct: float = 0.0
    latch_severity: int = int(Severity.DANGER)
    shelve_s_max: int = limits.SHELVE_S_MAX

    def __post_init__(self) -> None:
        """Check every number."""
        if len(self.priorities) != len(SEVERITIES):
            raise LimitError(f"a rule has a priority for each of {len(SEVERITIES)} severities")
        for severity, priority in zip(SEVERITIES.values(), self.priorities, strict=True):
            _check(f"priority of {severity[0]}", priority, min(PRIORITIES), max(PRIORITIES))
        _check("on_delay_s", self.on_delay_s, 0, limits.ALARM_DELAY_S_MAX)
        _check("off_delay_s", self.off_delay_s, 0, limits.ALARM_DELAY_S_MAX)
        _check("deadband_pct", self.deadband_pct, 0, 100)
        _check("latch_severity", self.latch_severity, 1, NEVER)
        _check("shelve_s_max", self.shelve_s_max, 60, limits.SHELVE_S_MAX)

    def priority(self, severity: int) -> Priority:
        """Return the priority of a finding of that severity."""
        return Priority(self.priorities[severity])


@dataclass(frozen=True, slots=True)
class Suppression:
    """One alarm that hides lesser ones of the same thing by design.

    app, kind: of the alarm that hides. hides: kinds that it hides, empty = every kind of lower
    severity. is_same_cell: only of the same pack and cell. why: for the reader, in both languages.
    """

    app: str
    kind: str
    hides: tuple[str, ...]
    is_same_cell: bool
    why: str
    why_zh: str

    def holds(self, graver: Finding, lesser: Finding) -> bool:
        """Whether `graver`, which is announced, hides `lesser`."""
        if (graver.app, graver.kind) != (self.app, self.kind) or graver.thing != lesser.thing:
            return False
        if graver.key == lesser.key or graver.app != lesser.app:
            return False
        where = (graver.pack_no, graver.cell_no) == (lesser.pack_no, lesser.cell_no)
        if self.is_same_cell and not where:
            return False
        if self.hides:
            return lesser.kind in self.hides
        return lesser.severity < graver.severity


@dataclass(frozen=True, slots=True)
class AlarmRules:
    """The rules in force: an operator's own before the declared ones, the closest fit first."""

    declared: Mapping[tuple[str, str], AlarmRule]
    suppressions: tuple[Suppression, ...] = ()
    own: Mapping[tuple[str, str], AlarmRule] = field(default_factory=dict)

    def of(self, app: str, kind: str) -> AlarmRule:
        """Return the rule for findings of an app and a kind."""
        for key in ((app, kind), (app, ANY), (ANY, ANY)):
            rule = self.own.get(key) or self.declared.get(key)
            if rule is not None:
                return rule
        return AlarmRule()

    def with_own(self, own: Iterable[AlarmRule]) -> "AlarmRules":
        """Return these rules with an operator's own in place of those they had."""
        return replace(self, own={(r.app, r.kind): r for r in own})

    def all(self) -> tuple[AlarmRule, ...]:
        """Return every rule in force, the general ones first."""
        merged = {**self.declared, **self.own}
        return tuple(merged[key] for key in sorted(merged))

    def hidden(self, alarms: Iterable[Alarm]) -> frozenset[str]:
        """Return the keys of those of one thing's alarms that another of them hides."""
        every = tuple(alarms)
        hiding = [a.finding for a in every if a.is_hiding and not a.is_suppressed]
        return frozenset(
            lesser.finding.key
            for lesser in every
            for graver in hiding
            if any(s.holds(graver, lesser.finding) for s in self.suppressions)
        )


def _check(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise LimitError(f"{what} is {value:g}; {low:g} to {high:g} is allowed")


_CELL_KINDS: Final = ("self-discharge", "capacity", "resistance", "connection", "deviation")

DECLARED: Final = AlarmRules(
    {(ANY, ANY): AlarmRule()},
    (
        Suppression(
            "battery", "thermal", (), False,
            "a thermal event of the vehicle says it all", "该车热事件已覆盖其他告警",
        ),
        Suppression(
            "battery", "sensor", _CELL_KINDS, True,
            "a cell whose measurement is faulty proves nothing about itself",
            "该单体采样故障，其偏离不可信",
        ),
    ),
)  # fmt: skip
