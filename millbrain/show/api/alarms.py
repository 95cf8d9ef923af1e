"""The alarms: lists, what people do with them, their load, history and comments."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import pyarrow as pa
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from millbrain.core import limits
from millbrain.core.alarms import ANNOUNCED, HIDDEN, LIFECYCLE, STATES
from millbrain.core.errors import LimitError
from millbrain.core.tables import Column
from millbrain.record.ledger import AlarmFilter, Chatterer, Load
from millbrain.show.access import OperatorCaller, ViewerCaller
from millbrain.show.api.alarm_answers import (
    EXPORT_COLUMNS,
    STEP_COLUMNS,
    AlarmAnswer,
    AlarmRow,
    LifecycleAnswer,
    StepRow,
    answer_of,
    export_row,
    lifecycle_answer,
    row_of,
    step_row,
)
from millbrain.show.api.answers import Done, Rows
from millbrain.show.api.paging import Page
from millbrain.show.export import export_response
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Use

router = APIRouter(prefix="/alarms", tags=["alarms"])

EXPORT_ROWS = 5_000  # rows of one portion of an export
HISTORY_DAYS = 7  # that the history shows where nobody says since when
UNACKNOWLEDGED = ("unacknowledged", "returned_unacknowledged", "latched_unacknowledged")
GROUPS = {"": ANNOUNCED, "unacknowledged": UNACKNOWLEDGED, "hidden": HIDDEN, "all": ()}
Text = Annotated[str, Query(max_length=128)]
Form = Annotated[Literal["json", "csv", "xlsx"], Query(description="csv, xlsx: every match.")]
_Id = Annotated[int, Path(ge=1, le=1 << 53)]


def _filter(
    caller: ViewerCaller,
    state: Annotated[
        str,
        Query(
            max_length=200,
            description="A state, several joined by commas, or"
            " a group: empty = announced, unacknowledged, hidden, all.",
        ),
    ] = "",
    priority: Annotated[list[int] | None, Query(description="0 to 4, several allowed.")] = None,
    app: Text = "",
    kind: Text = "",
    thing: Text = "",
    operator: Text = "",
    q: Annotated[str, Query(max_length=64, description="Part of VIN, plate or sentence.")] = "",
    call_out: bool | None = None,
    stale: Annotated[bool, Query(description="Standing for more than a day.")] = False,
) -> AlarmFilter:
    states = GROUPS[state] if state in GROUPS else tuple(state.split(","))
    unknown = [s for s in states if s not in STATES]
    if unknown:
        raise LimitError(f"state was {', '.join(unknown)}; allowed are {', '.join(STATES)}")
    return AlarmFilter(
        caller.operator or operator, tuple(states), tuple(priority or ()), app, kind, thing, q,
        call_out, instant_now() - timedelta(days=1) if stale else None,
    )  # fmt: skip


Which = Annotated[AlarmFilter, Depends(_filter)]


class Act(BaseModel):
    """What to do with which alarms."""

    model_config = ConfigDict(extra="forbid")
    ids: list[int] = Field(min_length=1, max_length=limits.ALARMS_ACTED_MAX)
    action: str = Field(examples=[n for n, a in LIFECYCLE.actions.items() if a.role])
    reason: str = Field("", max_length=limits.REMARK_CHARACTERS_MAX)
    until: datetime | None = Field(None, description="End of a shelf.")


class ActOutcome(BaseModel):
    """What became of one alarm."""

    id: int
    is_done: bool
    state: str
    problem: str = Field(description="Empty where it was done.")
    allowed: list[str]


class Acted(BaseModel):
    """What became of every alarm that was named."""

    done: int
    refused: int
    results: list[ActOutcome]


class Comment(BaseModel):
    """A remark for the history."""

    text: str = Field(min_length=1, max_length=limits.REMARK_CHARACTERS_MAX)


class LoadAnswer(BaseModel):
    """Announcements of an organisation."""

    operator: str
    last: int = Field(description="In the last ten minutes.")
    average: float = Field(description="In ten minutes, over the last day.")
    highest: int = Field(description="In ten minutes, the most of the last day.")
    is_flood: bool = Field(description="More than ten in ten minutes (EEMUA 191).")


class Contribution(BaseModel):
    """What was announced how often."""

    app: str
    kind: str
    count: int
    share: float


class Summary(BaseModel):
    """How much the alarms ask of the people who watch them."""

    as_of: datetime
    standing: int = Field(description="Announced and not ended.")
    unacknowledged: int
    hidden: int = Field(description="Shelved, suppressed, out of service.")
    stale: int = Field(description="Standing for more than a day.")
    by_state: dict[str, int]
    by_priority: dict[int, int] = Field(description="Of those that stand.")
    load: LoadAnswer
    loads: list[LoadAnswer] = Field(description="Of each organisation in a flood.")
    top: list[Contribution] = Field(description="Announced most over the last day.")


class Bell(BaseModel):
    """What the bell of every page shows."""

    unacknowledged: int
    priority: int = Field(description="Highest priority among them, 0 = none.")
    is_flood: bool
    as_of: datetime


class ChattererRow(BaseModel):
    """An alarm that keeps returning within a minute."""

    id: int
    thing: str
    plate: str
    app: str
    kind: str
    pack_no: int
    cell_no: int
    state: str
    priority: int
    sentence: str
    sentence_zh: str
    count: int
    last_at: datetime


@router.get("", summary="Search, filter, sort, page and export", response_model=Rows[AlarmRow])
def alarms(
    which: Which,
    use: Use,
    paging: Page,
    sort: Annotated[str, Query(max_length=32)] = "",
    order: Literal["asc", "desc"] = "desc",
    format: Form = "json",
) -> object:
    """Return alarms within the caller's scope, the most urgent and newest first."""
    up = order == "asc"
    if format != "json":
        found = use.ledger.alarms.portions(which, sort, up)
        chunks = ([row_of(row) for row in rows] for rows in found)
        tables = _tables(chunks, EXPORT_COLUMNS)
        return export_response(tables, format, "alarms", EXPORT_COLUMNS)
    rows, total = use.ledger.alarms.page(which, paging.offset, paging.size, sort, up)
    return paging.answer([row_of(row) for row in rows], total)


@router.get("/summary", summary="Standing alarms, load, flood, what contributes")
def summary(caller: ViewerCaller, use: Use) -> Summary:
    """Return the figures by which alarms are managed (ISA-18.2 clause 16, EEMUA 191)."""
    at = instant_now()
    counts = use.ledger.alarms.counts
    standing = counts.standing(caller.operator)
    by_state = {s: sum(n for (t, _), n in standing.items() if t == s) for s in STATES}
    by_priority = {
        p: sum(n for (s, q), n in standing.items() if q == p and s in ANNOUNCED)
        for p in range(4, 0, -1)
    }
    overall, each = counts.loads(at, caller.operator)
    top = counts.contributors(at, caller.operator)
    return Summary(
        as_of=at,
        standing=sum(by_state[s] for s in ANNOUNCED),
        unacknowledged=sum(by_state[s] for s in UNACKNOWLEDGED),
        hidden=sum(by_state[s] for s in HIDDEN),
        stale=counts.stale(at, caller.operator),
        by_state={s: n for s, n in by_state.items() if n},
        by_priority=by_priority,
        load=_load(overall),
        loads=[_load(load) for load in each if load.is_flood],
        top=[Contribution(app=t.app, kind=t.kind, count=t.count, share=t.share) for t in top],
    )


@router.get("/bell", summary="How many wait for somebody")
def bell(caller: ViewerCaller, use: Use) -> Bell:
    """Return what the bell of every page shows; cheap, since every page asks."""
    at = instant_now()
    standing = use.ledger.alarms.counts.standing(caller.operator)
    waiting = {key: n for key, n in standing.items() if key[0] in UNACKNOWLEDGED}
    return Bell(
        unacknowledged=sum(waiting.values()),
        priority=max((priority for _, priority in waiting), default=0),
        is_flood=use.ledger.alarms.counts.is_flood(at, caller.operator),
        as_of=at,
    )


@router.get("/lifecycle", summary="States, actions and transition table")
def lifecycle(_: ViewerCaller) -> LifecycleAnswer:
    """Return the declared life cycle (ISA-18.2, IEC 62682)."""
    return lifecycle_answer()


@router.get("/chattering", summary="Alarms that keep returning within a minute")
def chattering(
    caller: ViewerCaller, use: Use, days: Annotated[int, Query(ge=1, le=31)] = 1
) -> list[ChattererRow]:
    """Return alarms that returned within a minute at least twice, most often first."""
    at = instant_now()
    found = use.ledger.alarms.counts.chattering(at - timedelta(days=days), at, caller.operator)
    return [ChattererRow(**{n: getattr(c, n) for n in Chatterer.__slots__}) for c in found]


@router.get("/history", summary="Steps between two instants", response_model=Rows[StepRow])
def history(
    which: Which,
    use: Use,
    paging: Page,
    since: datetime | None = None,
    before: datetime | None = None,
    action: Annotated[list[str] | None, Query(description="Only these actions.")] = None,
    format: Form = "json",
) -> object:
    """Return who or what changed which alarm when, newest first; the last week by default."""
    end = _aware(before) or instant_now()
    start = _aware(since) or end - timedelta(days=HISTORY_DAYS)

    # What happens from now on lies after `end`, so that no portion moves while others are read.
    def portion(offset: int, size: int) -> tuple[list[dict[str, Any]], int]:
        rows, total = use.ledger.alarms.history(which, start, end, action or (), offset, size)
        return [step_row(row) for row in rows], total

    if format != "json":
        chunks = (
            portion(at, EXPORT_ROWS)[0] for at in range(0, limits.EXPORT_ROWS_MAX, EXPORT_ROWS)
        )
        tables = _tables(chunks, STEP_COLUMNS)
        return export_response(tables, format, "alarm_history", STEP_COLUMNS)
    return paging.answer(*portion(paging.offset, paging.size))


@router.post("/act", summary="Acknowledge, shelve, reset, take out of service, ...")
def act(body: Act, caller: OperatorCaller, use: Use) -> Acted:
    """Take an action on each alarm on its own; a refusal names what is allowed.

    Alarms of other organisations count as unknown.
    """
    results = use.ledger.alarms.act(
        body.ids, body.action, caller.name, body.reason, _aware(body.until), caller.operator
    )
    done = sum(r.is_done for r in results)
    named = ",".join(str(r.id) for r in results)
    said = f"{done} done, {len(results) - done} refused. {body.reason}"
    use.ledger.audit.add(caller.name, caller.address, f"alarm.{body.action}", named, said)
    return Acted(
        done=done,
        refused=len(results) - done,
        results=[
            ActOutcome(id=r.id, is_done=r.is_done, state=r.state, problem=r.problem,
                       allowed=list(r.allowed))
            for r in results
        ],
    )  # fmt: skip


@router.get("/{id}", summary="One alarm")
def alarm(id: _Id, caller: ViewerCaller, use: Use) -> AlarmAnswer:
    """Return one alarm with its evidence and the history of its finding over all instances."""
    listed = use.ledger.alarms.get(id, caller.operator)
    steps = use.ledger.alarms.steps(id, caller.operator)
    return answer_of(listed, steps, use.ledger.orders.of_alarm(id))


@router.post("/{id}/comment", summary="Add a comment")
def comment(id: _Id, body: Comment, caller: OperatorCaller, use: Use) -> Done:
    """Add a comment to an alarm's history."""
    use.ledger.alarms.comment(id, caller.name, body.text, caller.operator)
    use.ledger.audit.add(caller.name, caller.address, "alarm.comment", str(id))
    return Done()


def _load(load: Load) -> LoadAnswer:
    return LoadAnswer(
        operator=load.operator, last=load.last, average=load.average, highest=load.highest,
        is_flood=load.is_flood,
    )  # fmt: skip


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at


def _tables(
    portions: Iterable[list[dict[str, Any]]], columns: Sequence[Column]
) -> Iterator[pa.Table]:
    """Yield rows as tables, in portions that memory never feels, until one is not full."""
    schema = pa.schema([(c.name, _arrow(c)) for c in columns])
    for rows in portions:
        yield pa.Table.from_pylist([export_row(row) for row in rows], schema=schema)
        if len(rows) < EXPORT_ROWS:
            return


def _arrow(column: Column) -> pa.DataType:
    return pa.string() if column.kind == "text" else column.arrow_type
