"""Alarms in the ledger: lists within a scope, actions of people, and the way in for the policy."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core import limits
from millbrain.core.alarms import (
    ANNOUNCED,
    LIFECYCLE,
    NORMAL,
    Alarm,
    AlarmChange,
    AlarmStep,
    stepped,
)
from millbrain.core.alarms.rules import AlarmRules
from millbrain.core.errors import LimitError, NotFoundError
from millbrain.record.ledger.alarm_book import AlarmBook, is_due
from millbrain.record.ledger.alarm_counts import AlarmCounts
from millbrain.record.ledger.alarm_filter import ALARM_AND_THING, AlarmFilter, scoped
from millbrain.record.ledger.alarm_models import (
    ALARM,
    ALARM_STEP,
    THING_COLUMNS,
    ListedAlarm,
    ListedStep,
    listed_of,
    step_of,
    step_row,
)
from millbrain.record.ledger.alarm_rules import AlarmRuleStore
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import REVISION, THING, now

COMMENT: Final = "comment"  # an entry of the history that is no step
_SORTS: Final = {
    "priority": ALARM.c.priority, "raised_at": ALARM.c.raised_at, "state": ALARM.c.state,
    "thing": ALARM.c.thing, "kind": ALARM.c.kind, "last_seen": ALARM.c.last_seen_s,
    "operator": THING.c.operator,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ActResult:
    """What became of an action on one alarm. problem: empty where it was done."""

    id: int
    is_done: bool
    state: str
    problem: str = ""
    allowed: tuple[str, ...] = ()


class Alarms:
    """The alarms of every app."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rules = AlarmRuleStore(database)
        self.counts = AlarmCounts(database)

    # Lists --------------------------------------------------------------------------------------

    def page(
        self, wanted: AlarmFilter, offset: int = 0, size: int = 50, sort: str = "", up: bool = False
    ) -> tuple[list[ListedAlarm], int]:
        """Return alarms and how many match: by priority and newest first, or by one column."""
        where = wanted.conditions()
        count = sa.select(sa.func.count()).select_from(ALARM_AND_THING).where(*where)
        with self._database.read() as c:
            chosen = list(c.scalars(_ids(where, sort, up).offset(offset).limit(size)))
            return _in_order(c, chosen), c.scalar(count) or 0

    def portions(
        self, wanted: AlarmFilter, sort: str = "", up: bool = False, size: int = 5_000
    ) -> Iterator[list[ListedAlarm]]:
        """Yield every alarm that matches now, once each, whatever changes meanwhile."""
        with self._database.read() as c:
            ids = _ids(wanted.conditions(), sort, up).limit(limits.EXPORT_ROWS_MAX)
            chosen = list(c.scalars(ids))
        for start in range(0, max(len(chosen), 1), size):
            with self._database.read() as c:
                yield _in_order(c, chosen[start : start + size])

    def get(self, alarm_id: int, operator: str = "") -> ListedAlarm:
        """Return one alarm; NotFoundError where there is none within the scope."""
        with self._database.read() as c:
            found = _listed(c, ALARM.c.id == alarm_id, *scoped(operator))
        if not found:
            raise NotFoundError(f"no alarm has the id {alarm_id}")
        return found[0]

    def steps(self, alarm_id: int, operator: str = "") -> list[ListedStep]:
        """Return the history of one alarm's finding over all its instances, newest first."""
        key = sa.select(ALARM.c.key).where(ALARM.c.id == alarm_id).scalar_subquery()
        where = (ALARM.c.key == key, *scoped(operator))
        with self._database.read() as c:
            return _steps(c, where, 0, limits.PAGE_ROWS_MAX)

    def history(
        self,
        wanted: AlarmFilter,
        since: datetime,
        before: datetime,
        actions: Sequence[str] = (),
        offset: int = 0,
        size: int = 50,
    ) -> tuple[list[ListedStep], int]:
        """Return the steps between two instants, newest first, and how many there are.

        Of the filter its operator, app, kind, thing, priorities and q count.
        """
        anywhere = tuple(LIFECYCLE.states)
        narrowed = AlarmFilter(
            wanted.operator, anywhere, wanted.priorities, wanted.app, wanted.kind, wanted.thing,
            wanted.q,
        )  # fmt: skip
        where = [ALARM_STEP.c.at >= since, ALARM_STEP.c.at < before, *narrowed.conditions()]
        if actions:
            where.append(ALARM_STEP.c.action.in_(actions))
        joined = ALARM_AND_THING.join(ALARM_STEP, ALARM_STEP.c.alarm_id == ALARM.c.id)
        count = sa.select(sa.func.count()).select_from(joined).where(*where)
        with self._database.read() as c:
            return _steps(c, where, offset, size), c.scalar(count) or 0

    def call_outs_without_order(self, size: int = 500) -> list[ListedAlarm]:
        """Return alarms that ask for somebody and have no work order yet, the oldest first.

        Hidden ones (shelved, suppressed, out of service) and those still in their delay wait; one
        that has ended meanwhile is named, since somebody was to look.
        """
        where = (
            ALARM.c.call_out,
            ALARM.c.order_id.is_(None),
            ALARM.c.raised_at.is_not(None),
            ALARM.c.state.in_((*ANNOUNCED, NORMAL)),
        )
        with self._database.read() as c:
            return _listed(c, *where, size=size)

    # What people do -----------------------------------------------------------------------------

    def act(
        self,
        ids: Sequence[int],
        action: str,
        who: str,
        reason: str = "",
        until: datetime | None = None,
        operator: str = "",
    ) -> list[ActResult]:
        """Take an action on each alarm on its own and say what became of each.

        Parameters
        ----------
        ids
            Alarms, at most `limits.ALARMS_ACTED_MAX`.
        action
            A step of `LIFECYCLE` that people may take.
        who
            Account that acts; kept in the history.
        reason, until
            What the action needs besides; until: end of the shelf.
        operator
            Scope of who acts; alarms of other organisations count as unknown.

        Raises
        ------
        LimitError
            Too many alarms, an action that people cannot take, or a missing reason or instant.
        """
        at = now()
        _check_action(ids, action, reason, until)
        rules = self.rules.in_force()
        with self.changing() as book:
            known = book.by_id(dict.fromkeys(ids))
            mine = self._within(book, known, operator)
            results, changes = [], []
            for alarm_id in dict.fromkeys(ids):
                alarm = known[alarm_id] if alarm_id in mine else None
                result, change = _acted(alarm_id, alarm, action, rules, at, who, reason, until)
                results.append(result)
                changes += [change] if change else []
            book.put(changes)
        return results

    def comment(self, alarm_id: int, who: str, text: str, operator: str = "") -> None:
        """Add a comment to the history; NotFoundError where the scope holds no such alarm."""
        _check_remark("a comment", text)
        state = self.get(alarm_id, operator).alarm.state
        step = AlarmStep(now(), COMMENT, state, state, who, text)
        with self._database.write() as c:
            c.execute(sa.insert(ALARM_STEP), step_row(alarm_id, step))

    # What the policy does -----------------------------------------------------------------------

    @contextmanager
    def changing(self) -> Iterator[AlarmBook]:
        """Give the alarms for reading and writing in one transaction."""
        with self._database.write() as c:
            yield AlarmBook(c)

    def rules_in_force(self, declared: AlarmRules) -> AlarmRules:
        """Return the declared rules with an operator's own before them."""
        return self.rules.in_force(declared)

    def is_due(self, at: datetime) -> bool:
        """Whether a delay or a shelf is over."""
        with self._database.read() as c:
            return c.execute(sa.select(ALARM.c.id).where(is_due(at)).limit(1)).first() is not None

    def standing_things(self) -> dict[str, list[str]]:
        """Return app -> things with alarms of it that have not ended."""
        query = sa.select(ALARM.c.app, ALARM.c.thing).distinct().where(ALARM.c.ended_at.is_(None))
        found: dict[str, list[str]] = {}
        with self._database.read() as c:
            for app, thing in c.execute(query):
                found.setdefault(app, []).append(thing)
        return found

    def restless(self, after: int) -> tuple[list[str], int]:
        """Return things with standing alarms that changed after a revision, and the newest one."""
        standing = sa.select(ALARM.c.thing).where(ALARM.c.ended_at.is_(None))
        changed = ALARM.c.revision > after
        query = sa.select(ALARM.c.thing).distinct().where(changed, ALARM.c.thing.in_(standing))
        with self._database.read() as c:
            newest = c.scalar(sa.select(REVISION.c.number).where(REVISION.c.name == "alarm")) or 0
            return list(c.scalars(query)) if newest > after else [], newest

    @staticmethod
    def _within(book: AlarmBook, known: dict[int, Alarm], operator: str) -> set[int]:
        if not operator:
            return set(known)
        owners = book.operators_of({a.finding.thing for a in known.values()})
        return {i for i, a in known.items() if owners.get(a.finding.thing) == operator}


def _acted(
    alarm_id: int,
    alarm: Alarm | None,
    action: str,
    rules: AlarmRules,
    at: datetime,
    who: str,
    reason: str,
    until: datetime | None,
) -> tuple[ActResult, AlarmChange | None]:
    if alarm is None:
        return ActResult(alarm_id, False, "", f"no alarm has the id {alarm_id}"), None
    if action not in alarm.allowed:
        problem = (
            f"alarm {alarm_id} is {alarm.state!r}: {action!r} is not possible; allowed now:"
            f" {', '.join(alarm.allowed) or 'nothing, it has ended'}"
        )
        return ActResult(alarm_id, False, alarm.state, problem, alarm.allowed), None
    problem = _shelf_problem(alarm, rules, at, until) if action == "shelve" else ""
    if problem:
        return ActResult(alarm_id, False, alarm.state, problem, alarm.allowed), None
    after, step = stepped(alarm, action, at, who, reason, until)
    return (
        ActResult(alarm_id, True, after.state, allowed=after.allowed),
        AlarmChange(alarm, after, (step,)),
    )


def _check_action(ids: Sequence[int], action: str, reason: str, until: datetime | None) -> None:
    if not 1 <= len(ids) <= limits.ALARMS_ACTED_MAX:
        raise LimitError(
            f"{len(ids)} alarms were named; 1 to {limits.ALARMS_ACTED_MAX} can be acted on at once"
        )
    people = [name for name, known in LIFECYCLE.actions.items() if known.role]
    if action not in people:
        raise LimitError(f"action was {action!r}; allowed are {', '.join(people)}")
    needs = LIFECYCLE.actions[action].needs
    if "reason" in needs:
        _check_remark(f"the reason to {action}", reason)
    if "until" in needs and until is None:
        raise LimitError(f"to {action} needs `until`, the instant at which it ends")


def _check_remark(what: str, text: str) -> None:
    if not 1 <= len(text.strip()) <= limits.REMARK_CHARACTERS_MAX or "\0" in text:
        raise LimitError(
            f"{what} has 1 to {limits.REMARK_CHARACTERS_MAX} characters; found {len(text.strip())}"
        )


def _shelf_problem(alarm: Alarm, rules: AlarmRules, at: datetime, until: datetime | None) -> str:
    longest_s = rules.of(alarm.finding.app, alarm.finding.kind).shelve_s_max
    if until is not None and at < until <= at + timedelta(seconds=longest_s):
        return ""
    return (
        f"the shelf would end at {until}; it ends within {longest_s} s from now:"
        " what is away for longer is taken out of service"
    )


def _ids(where: Sequence[sa.ColumnElement[bool]], sort: str, up: bool) -> sa.Select[int]:
    """Return the query of ids in order: rows with their evidence are too wide to be sorted."""
    newest = (ALARM.c.raised_at.desc().nulls_last(), ALARM.c.id.desc())
    if sort in _SORTS:
        first = (_SORTS[sort].asc() if up else _SORTS[sort].desc()).nulls_last()
    else:
        first = ALARM.c.priority.desc()
    query = sa.select(ALARM.c.id).select_from(ALARM_AND_THING).where(*where)
    return query.order_by(first, *newest)


def _in_order(c: sa.Connection, ids: Sequence[int]) -> list[ListedAlarm]:
    found = {row.alarm.id: row for row in _listed(c, ALARM.c.id.in_(ids), size=len(ids))}
    return [found[i] for i in ids if i in found]


def _listed(
    c: sa.Connection, *where: sa.ColumnElement[bool], size: int = limits.PAGE_ROWS_MAX
) -> list[ListedAlarm]:
    query = sa.select(ALARM, *THING_COLUMNS).select_from(ALARM_AND_THING).where(*where)
    found = c.execute(query.order_by(ALARM.c.id).limit(size))
    return [listed_of(r._asdict()) for r in found]


def _steps(
    c: sa.Connection, where: Sequence[sa.ColumnElement[bool]], offset: int, size: int
) -> list[ListedStep]:
    a = ALARM.c
    told = (a.thing, THING.c.plate, a.app, a.kind, a.pack_no, a.cell_no, a.priority, a.sentence,
            a.sentence_zh)  # fmt: skip
    joined = ALARM_AND_THING.join(ALARM_STEP, ALARM_STEP.c.alarm_id == ALARM.c.id)
    query = sa.select(ALARM_STEP, *told).select_from(joined).where(*where)
    found = c.execute(query.order_by(ALARM_STEP.c.id.desc()).offset(offset).limit(size))
    return [_listed_step(r._asdict()) for r in found]


def _listed_step(row: dict[str, Any]) -> ListedStep:
    known = {f.name: row[f.name] for f in fields(ListedStep) if f.name != "step"}
    return ListedStep(step=step_of(row), **known | {"plate": row["plate"] or ""})
