"""Serials that a line took in advance: what may become of each, and the log of what did. Pure.

An **allotment** is a run of numbers of a pattern. Its log is a list of entries, each of a report of
the line: so many serials were used, voided or brought back. Whoever folds the log knows the state
of every serial; the life cycle decides what is possible, and double use is refused by name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import groupby
from typing import Any, Final

import orjson

from millbrain.core.errors import IllegalStepError, LimitError
from millbrain.core.lifecycle import Action, Lifecycle, Step
from millbrain.core.limits import (
    ALLOTMENT_REPORTS_MAX,
    ALLOTMENT_SERIALS_MAX,
)
from millbrain.identify.labels.facts import split

SERIAL: Final = Lifecycle(
    "serial",
    states={
        "reserved": ("reserved", "已领用"),
        "used": ("used", "已使用"),
        "void": ("void", "已作废"),
        "returned": ("returned", "已退回"),
    },
    actions={
        "use": Action("its label is on a thing", "已贴标"),
        "void": Action("its label or its thing is spoilt", "作废", needs=("reason",)),
        "return": Action("it was not needed", "退回"),
    },
    steps=(
        Step("use", ("reserved",), "used"),
        Step("void", ("reserved", "used"), "void"),
        Step("return", ("reserved",), "returned"),
    ),
    start="reserved",
    final=frozenset(("void", "returned")),
)
# Member of a report -> the action that it tells.
MEMBERS: Final[Mapping[str, str]] = {"used": "use", "void": "void", "unused": "return"}
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_LINE_CHARACTERS_MAX: Final = 64
_REASON_CHARACTERS_MAX: Final = 200
_REFUSED_KEPT: Final = 50  # refusals of a report that are told again when it is sent again


@dataclass(frozen=True, slots=True)
class Entry:
    """Numbers from first to last underwent an action. report: number of the report, from 0."""

    action: str
    first: int
    last: int
    report: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """A report that was taken.

    digest: of what it said. counts: serials by action that were done. refused: the first of those
    that were not; refused_count: all of them.
    """

    name: str
    digest: str
    at_ms: int
    counts: Mapping[str, int]
    refused: Sequence[Mapping[str, Any]] = ()
    refused_count: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the answer to the report."""
        return {"report": self.name, "at_ms": self.at_ms, "counts": dict(self.counts),
                "refused": list(self.refused), "refused_count": self.refused_count}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Allotment:
    """Serials of a line.

    pattern: with {n} for a number of n digits. shared: values that all get, with {serial} for the
    digits.
    """

    pattern: str
    first: int
    last: int
    line: str
    at_ms: int
    design: Any = None
    stock: Any = None
    host: str = ""
    shared: Sequence[Mapping[str, Any]] = ()
    log: tuple[Entry, ...] = ()
    reports: tuple[Taken, ...] = field(default=())

    def identifier(self, number: int) -> str:
        """Return the identifier of a number."""
        head, tail, _ = split(self.pattern)
        return f"{head}{self.digits(number).decode()}{tail}"

    def digits(self, number: int) -> bytes:
        """Return a number as it stands in its identifier."""
        return b"%0*d" % (split(self.pattern)[2], number)

    def number(self, identifier: str) -> int:
        """Return the number of an identifier.

        Raises
        ------
        ValueError
            It is none of this pattern.
        """
        head, tail, width = split(self.pattern)
        folded, middle = identifier.upper(), len(head) + width
        digits = folded[len(head) : middle]
        if not digits.isascii() or not digits.isdigit() or len(folded) != middle + len(tail):
            raise ValueError(f"{identifier!r} is not of {self.pattern!r}")
        if folded != f"{head}{digits}{tail}".upper():
            raise ValueError(f"{identifier!r} is not of {self.pattern!r}")
        return int(digits)

    def states(self) -> dict[int, tuple[str, str]]:
        """Return number -> state and name of the report that it comes from, '' = none."""
        found = {n: (SERIAL.start, "") for n in range(self.first, self.last + 1)}
        for entry in self.log:
            name = self.reports[entry.report].name
            for number in range(entry.first, entry.last + 1):
                found[number] = (SERIAL.after(found[number][0], entry.action), name)
        return found


def opened(told: Mapping[str, Any], first: int, at_ms: int) -> Allotment:
    """Return the allotment that a request asks for, beginning with number `first`.

    Raises
    ------
    ValueError
        Says what was found and what is allowed.
    """
    pattern, count, line = told.get("pattern"), told.get("count"), told.get("line")
    if not isinstance(pattern, str) or "/" not in pattern:
        raise ValueError(f"pattern {pattern!r}; prefix/suffix with {{n}} for n digits was expected")
    _, _, width = split(pattern)
    if type(count) is not int or not 1 <= count <= ALLOTMENT_SERIALS_MAX:
        raise ValueError(f"count {count!r}; 1 to {ALLOTMENT_SERIALS_MAX} was expected")
    if not isinstance(line, str) or not 1 <= len(line) <= _LINE_CHARACTERS_MAX:
        raise ValueError(f"line: 1 to {_LINE_CHARACTERS_MAX} characters were expected")
    last = first + count - 1
    if len(str(last)) > width:
        raise LimitError(f"pattern {pattern!r} has no {count} numbers left from {first}")
    shared = told.get("shared", [])
    if not isinstance(shared, list):
        raise ValueError("shared: a list of values was expected")
    return Allotment(pattern, first, last, line, at_ms, told.get("design"), told.get("stock"),
                     str(told.get("host", "")), shared)  # fmt: skip


def name_of(told: Mapping[str, Any], member: str) -> str:
    """Return the name by which a request can be sent again.

    Raises
    ------
    ValueError
        It is missing or of other characters.
    """
    name = told.get(member)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{member} {name!r}: 1 to 64 letters, digits, _ and - were expected")
    return name


# Reports ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish:
    """What a report says of one serial."""

    number: int
    action: str
    reason: str = ""


def digest(told: Mapping[str, Any]) -> str:
    """Return what tells a report that is sent again from another of the same name."""
    return sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def wishes(allotment: Allotment, told: Mapping[str, Any]) -> list[Wish]:
    """Return what a report says, serial by serial.

    A row is a number, [first, last], an identifier, or {"serial": any of these, "reason": ...}.

    Raises
    ------
    ValueError
        Says where, what was found and what is allowed.
    """
    found: list[Wish] = []
    for member, action in MEMBERS.items():
        rows = told.get(member, [])
        if not isinstance(rows, list):
            raise ValueError(f"{member}: a list was expected")
        for place, row in enumerate(rows):
            found += _row(allotment, f"{member}[{place}]", action, row)
            if len(found) > 2 * ALLOTMENT_SERIALS_MAX:
                raise LimitError(f"a report names at most {2 * ALLOTMENT_SERIALS_MAX} serials")
    if not found:
        raise ValueError(f"a report names serials under {', '.join(MEMBERS)}")
    return found


def _row(allotment: Allotment, where: str, action: str, row: object) -> Iterator[Wish]:
    reason: object = ""
    if isinstance(row, dict):
        reason, row = row.get("reason", ""), row.get("serial")
    if not isinstance(reason, str) or len(reason) > _REASON_CHARACTERS_MAX:
        raise ValueError(f"{where}: reason: at most {_REASON_CHARACTERS_MAX} characters")
    if "reason" in SERIAL.actions[action].needs and not reason.strip():
        raise ValueError(f'{where}: {{"serial": ..., "reason": ...}} was expected')
    if isinstance(row, list) and len(row) == 2:
        first, last = (_number(allotment, where, side) for side in row)
    else:
        first = last = _number(allotment, where, row)
    if not first <= last < first + ALLOTMENT_SERIALS_MAX:
        raise ValueError(
            f"{where}: {row!r}: at most {ALLOTMENT_SERIALS_MAX} numbers, first to last"
        )
    for number in range(first, last + 1):
        yield Wish(number, action, reason)


def _number(allotment: Allotment, where: str, told: object) -> int:
    if type(told) is int and 0 <= told < 10**18:
        return told
    if isinstance(told, str):
        try:
            return allotment.number(told)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    raise ValueError(f"{where}: {told!r}; a number, [first, last] or an identifier was expected")


def judged(
    allotment: Allotment, told: Iterable[Wish], name: str
) -> tuple[list[Wish], list[dict[str, Any]]]:
    """Return what of a report is possible, and what is refused, each with its reason.

    name: of the report. What this report did already is possible again.
    """
    states = allotment.states()
    possible, refused = [], []
    for wish in told:
        held = states.get(wish.number)
        identifier = allotment.identifier(wish.number)
        if held is None:
            refused.append(_refusal(identifier, wish, "", "", "is not of this allotment"))
            continue
        state, by = held
        try:
            states[wish.number] = (SERIAL.after(state, wish.action), name)
        except IllegalStepError:
            words = f"is {SERIAL.states[state][0]} since report {by!r}"
            refused.append(_refusal(identifier, wish, state, by, words))
            continue
        possible.append(wish)
    return possible, refused


def _refusal(identifier: str, wish: Wish, state: str, by: str, words: str) -> dict[str, Any]:
    return {"identifier": identifier, "wanted": wish.action, "state": state, "by": by,
            "detail": f"{identifier} {words}"}  # fmt: skip


def refusal(identifier: str, wish: Wish, words: str) -> dict[str, Any]:
    """Return a refusal that the registry pronounced."""
    return _refusal(identifier, wish, "", "", f"was not done: {words}")


def report_of(
    name: str, told: Mapping[str, Any], at_ms: int, done: Sequence[Wish],
    refused: Sequence[Mapping[str, Any]],
) -> Taken:  # fmt: skip
    """Return a report as it was taken."""
    counts = dict.fromkeys(SERIAL.actions, 0)
    for wish in done:
        counts[wish.action] += 1
    return Taken(name, digest(told), at_ms, counts, refused, len(refused))


def taken(allotment: Allotment, done: Sequence[Wish], report: Taken) -> Allotment:
    """Return an allotment after a report.

    Raises
    ------
    LimitError
        It has had too many reports.
    """
    if len(allotment.reports) >= ALLOTMENT_REPORTS_MAX:
        raise LimitError(f"an allotment takes {ALLOTMENT_REPORTS_MAX} reports; take a new one")
    number = len(allotment.reports)
    entries = tuple(_entries(done, number))
    kept = replace(report, refused=report.refused[:_REFUSED_KEPT])
    return replace(allotment, log=allotment.log + entries, reports=(*allotment.reports, kept))


def _entries(done: Sequence[Wish], report: int) -> Iterator[Entry]:
    """Join what is done of serials that follow each other."""
    numbered = enumerate(done)
    for key, group in groupby(numbered, lambda p: (p[1].number - p[0], p[1].action, p[1].reason)):
        run = [wish.number for _, wish in group]
        yield Entry(key[1], run[0], run[-1], report, key[2])


# As JSON ----------------------------------------------------------------------------------------


def summary(allotment: Allotment, handle: str) -> dict[str, Any]:
    """Return what an allotment is and how far it has come, without its log."""
    counts = dict.fromkeys(SERIAL.states, 0)
    for state, _ in allotment.states().values():
        counts[state] += 1
    return {
        "allotment": handle, "pattern": allotment.pattern, "from": allotment.first,
        "to": allotment.last, "line": allotment.line, "taken_ms": allotment.at_ms,
        "design": allotment.design, "stock": allotment.stock, "host": allotment.host,
        "shared": list(allotment.shared), "counts": counts,
        "is_open": counts[SERIAL.start] > 0,
    }  # fmt: skip


def whole(allotment: Allotment, handle: str) -> dict[str, Any]:
    """Return all of an allotment: its runs of serials by state, and its reports."""
    runs = []
    rows = sorted((n, *state) for n, state in allotment.states().items())
    for (state, by), group in groupby(rows, lambda row: row[1:]):
        numbers = [row[0] for row in group]
        runs.append({"from": numbers[0], "to": numbers[-1], "state": state, "report": by})
    reports = [report.as_json() for report in allotment.reports]
    return summary(allotment, handle) | {"serials": runs, "reports": reports}


def written(allotment: Allotment) -> bytes:
    """Return an allotment as it is kept.

    An entry is a list (action, place in the allotment, numbers behind it, report, reason), since
    there may be thousands.
    """
    told = asdict(replace(allotment, log=()))
    told["log"] = [
        [e.action, e.first - allotment.first, e.last - e.first, e.report, e.reason]
        for e in allotment.log
    ]
    return orjson.dumps(told)


def read(raw: bytes) -> Allotment:
    """Read what `written` wrote.

    Raises
    ------
    ValueError
        It is none.
    """
    try:
        told = orjson.loads(raw)
        start = told["first"]
        log = tuple(
            Entry(action, start + place, start + place + more, report, reason)
            for action, place, more, report, reason in told.pop("log")
        )
        reports = tuple(Taken(**report) for report in told.pop("reports"))
        return Allotment(**told, log=log, reports=reports)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no allotment: {error}") from error
