"""Rules of the alarms as a sheet: what is downloaded can be changed and brought back."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyarrow as pa

from millbrain.core import limits
from millbrain.core.alarms import PRIORITIES
from millbrain.core.alarms.rules import ANY, NEVER, AlarmRule
from millbrain.core.errors import LimitError
from millbrain.core.findings import SEVERITIES
from millbrain.core.forms import FormField
from millbrain.show.entries import entries_in
from millbrain.show.imports import RowProblem

_LEVELS: Final = {word: (word, word_zh) for word, word_zh in PRIORITIES.values()}
_LATCHES: Final = {**{w: (w, zh) for w, zh in SEVERITIES.values()}, "never": ("never", "不锁存")}
_PRIORITY_FIELDS: Final = tuple(
    FormField(f"priority_{word}", "choice", word.capitalize(), word_zh,
              headings=(f"priority of {word}",),
              is_required=True, choices=_LEVELS)
    for word, word_zh in SEVERITIES.values()
)  # fmt: skip
FIELDS: Final = (
    FormField("app", "text", "App", "应用", is_required=True, longest=32),
    FormField("kind", "text", "Kind", "类别", is_required=True, longest=32),
    *_PRIORITY_FIELDS,
    FormField("on_delay_s", "whole", "On-delay", "触发延时", is_required=True, low=0,
              high=limits.ALARM_DELAY_S_MAX),
    FormField("off_delay_s", "whole", "Off-delay", "恢复延时", is_required=True, low=0,
              high=limits.ALARM_DELAY_S_MAX),
    FormField("deadband_pct", "number", "Deadband", "死区", is_required=True, low=0, high=100),
    FormField("latch", "choice", "Latches from", "锁存起点", is_required=True, choices=_LATCHES),
    FormField("shelve_s_max", "whole", "Longest shelf", "最长搁置", is_required=True, low=60,
              high=limits.SHELVE_S_MAX),
)  # fmt: skip
_NUMBERS: Final = ("on_delay_s", "off_delay_s", "deadband_pct", "shelve_s_max")
_PRIORITY_OF: Final = {word: number for number, (word, _) in PRIORITIES.items()}
_SEVERITY_OF: Final = {word: number for number, (word, _) in SEVERITIES.items()} | {"never": NEVER}
_LATCH_OF: Final = {number: word for word, number in _SEVERITY_OF.items()}


def flat(rule: AlarmRule) -> dict[str, Any]:
    """Return a rule as one row: words where people choose, numbers where they set."""
    words = {
        field.name: PRIORITIES[priority][0]
        for field, priority in zip(_PRIORITY_FIELDS, rule.priorities, strict=True)
    }
    numbers = {name: getattr(rule, name) for name in _NUMBERS}
    latch = {"latch": _LATCH_OF[rule.latch_severity]}
    return {"app": rule.app, "kind": rule.kind, **words, **numbers, **latch}


def rule_of(values: Mapping[str, Any]) -> AlarmRule:
    """Return the rule of one row's values; LimitError where they contradict the limits."""
    return AlarmRule(
        values["app"],
        values["kind"],
        tuple(_PRIORITY_OF[values[field.name]] for field in _PRIORITY_FIELDS),
        latch_severity=_SEVERITY_OF[values["latch"]],
        **{name: values[name] for name in _NUMBERS},
    )


def rules_table(rules: Iterable[AlarmRule]) -> pa.Table:
    """Return rules as the rows of a sheet, headings as `FIELDS` names them."""
    rows = [flat(rule) for rule in rules]
    return pa.table({field.name: [row[field.name] for row in rows] for field in FIELDS})


def rules_in(
    content: bytes, known: Mapping[str, Iterable[str]]
) -> tuple[list[AlarmRule], list[RowProblem]]:
    """Return the rules of a file, and what is wrong with the rows that are left out.

    known: app -> its kinds; a rule for anything else would never be used, so it is a problem.
    """
    found = entries_in(content, FIELDS)
    problems = list(found.problems)
    rules: list[AlarmRule] = []
    for entry in found.entries:
        problem = _unknown(entry.values["app"], entry.values["kind"], known)
        if problem:
            problems.append(RowProblem(entry.row, *problem))
            continue
        try:
            rules.append(rule_of(entry.values))
        except LimitError as wrong:
            problems.append(RowProblem(entry.row, "", str(wrong)))
    return rules, problems


def _unknown(app: str, kind: str, known: Mapping[str, Iterable[str]]) -> tuple[str, str] | None:
    """Return the column and the sentence where no finding has this app and kind."""
    if app != ANY and app not in known:
        return "app", f"was {app!r}; allowed are {', '.join((ANY, *known))}"
    if kind == ANY:
        return None
    kinds = [] if app == ANY else list(known[app])
    if kind in kinds:
        return None
    return "kind", f"was {kind!r}; allowed are {', '.join((ANY, *kinds))}"
