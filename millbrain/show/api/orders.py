"""Work orders: the board, the list, one order with its history, and every step that people take."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Response, UploadFile

from millbrain.core import limits
from millbrain.core.errors import IllegalStepError
from millbrain.core.findings import SEVERITIES
from millbrain.core.work.orders import (
    ACTIONS,
    ENDED,
    ESCALATION,
    LIFECYCLE,
    REPAIR_PARTS,
    STATES,
    Asked,
    Order,
)
from millbrain.record.ledger import ORDER_SORTS, OrderFilter
from millbrain.show.access import Caller, OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Rows
from millbrain.show.api.order_answers import (
    AttachmentAnswer,
    Board,
    NewOrder,
    OrderAnswer,
    OrderChoices,
    OrderRow,
    StepAsked,
)
from millbrain.show.api.paging import Page
from millbrain.show.errors import ApiError, ErrorAnswer
from millbrain.show.export import export_response
from millbrain.show.queries import orders as queries
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/orders", tags=["orders"])
_Number = Annotated[str, Path(pattern=r"^WO-\d{4}-\d{6,12}$", examples=["WO-2026-000123"])]
_Text = Annotated[str, Query(max_length=128)]
_ILLEGAL: Final[dict[int | str, dict[str, Any]]] = {
    409: {"model": ErrorAnswer, "description": "Not possible now; the detail names what is."}
}


def _filter(
    caller: ViewerCaller,
    q: Annotated[str, Query(max_length=64, description="Part of a number, VIN or plate.")] = "",
    state: Annotated[Literal[("", *LIFECYCLE.states)], Query(description="Empty = any.")] = "",  # type: ignore[valid-type]  # the states are data
    open: Annotated[bool, Query(description="Only those that are not closed.")] = False,
    app: _Text = "",
    severity_min: Annotated[int, Query(ge=0, le=4)] = 0,
    assignee: Annotated[str, Query(max_length=128, description="Organisation in charge.")] = "",
    thing: Annotated[str, Query(max_length=64)] = "",
    overdue: Annotated[bool, Query(description="Only those whose step is late.")] = False,
) -> OrderFilter:
    return OrderFilter(
        caller.operator, state, open, app, severity_min, assignee, thing, q,
        instant_now() if overdue else None,
    )  # fmt: skip


Which = Annotated[OrderFilter, Depends(_filter)]


@router.get(
    "", summary="Search, filter, sort and page orders; export them", response_model=Rows[OrderRow]
)
def orders(
    which: Which,
    caller: ViewerCaller,
    use: Use,
    paging: Page,
    sort: Annotated[Literal[tuple(ORDER_SORTS)], Query()] = "raised_at",  # type: ignore[valid-type]  # the columns are data
    order: Literal["asc", "desc"] = "desc",
    format: Annotated[
        Literal["json", "csv", "xlsx"], Query(description="csv and xlsx hold every match.")
    ] = "json",
) -> object:
    """Return the orders that the caller may see."""
    up = order == "asc"
    if format != "json":
        return export_response(
            queries.export(use.ledger, which, use.settings.calendar, caller, sort, up),
            format,
            "orders",
            (),
        )
    found, total = use.ledger.orders.page(which, sort, up, paging.offset, paging.size)
    return paging.answer([queries.row(o, use.settings.calendar, caller) for o in found], total)


@router.get("/board", summary="The board: a column for each state, with counts")
def board(which: Which, caller: ViewerCaller, use: Use) -> Board:
    """Return the most urgent orders of each state, and how many there are and how many late."""
    return Board(**queries.board(use.ledger, which, use.settings.calendar, caller))


@router.get("/choices", summary="What the filters and the dispatch may be set to")
def choices(caller: ViewerCaller, use: Use) -> OrderChoices:
    """Return organisations and apps that the caller may see."""
    found = use.ledger.orders.choices(caller.operator)
    days = use.settings.clean_days
    return OrderChoices.model_validate({**found, "clean_days": days, "words": _words()})


@router.post("", summary="Raise an order by hand", status_code=201)
def add_order(new: NewOrder, caller: OperatorCaller, use: Use) -> OrderAnswer:
    """Raise an order that no alarm asked for; a thing has one order at a time."""
    year = instant_now().astimezone(use.settings.calendar.zone).year
    made = use.ledger.orders.raise_by_hand(
        new.thing, new.title, _asked("raise", caller), new.severity, year
    )
    return _answer(made, caller, use)


@router.get("/{number}", summary="One order with findings, history and files")
def order(number: _Number, caller: ViewerCaller, use: Use) -> OrderAnswer:
    """Return an order, and which steps the caller may take now."""
    return _answer(use.ledger.orders.get(number, caller.operator), caller, use)


@router.post("/{number}/steps", summary="Take a step", responses=_ILLEGAL)
def step(number: _Number, step: StepAsked, caller: OperatorCaller, use: Use) -> OrderAnswer:
    """Take one step; 409 names the possible ones where it is not possible now."""
    fields = step.model_dump(exclude={"action", "version"}, exclude_none=True)
    fields["repairs"] = [r.model_dump() for r in step.repairs]
    asked = _asked(step.action, caller, step.version, fields)
    try:
        moved = use.ledger.orders.step(number, asked)
    except IllegalStepError as e:
        raise _illegal(e, number, caller, use) from e
    return _answer(moved, caller, use)


@router.post("/{number}/files", summary="Attach a file", status_code=201, responses=_ILLEGAL)
def add_file(
    number: _Number, file: UploadFile, caller: OperatorCaller, use: Use
) -> AttachmentAnswer:
    """Keep a picture, PDF, table or text of at most 5 MiB with the order."""
    content = file.file.read(limits.ATTACHMENT_BYTES_MAX + 1)
    try:
        added = use.ledger.order_files.add(
            number, file.filename or "file", content, _asked("attach", caller)
        )
    except IllegalStepError as e:
        raise _illegal(e, number, caller, use) from e
    return AttachmentAnswer(**asdict(added))


@router.get("/{number}/files/{id}", summary="Download a file", response_class=Response)
def read_file(number: _Number, id: int, caller: ViewerCaller, use: Use) -> Response:
    """Return the bytes of a file, as a download."""
    found, content = use.ledger.order_files.read(number, id, caller.operator)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name)}",
        "ETag": f'"{found.sha256}"',
    }
    return Response(content, media_type=found.media_type, headers=headers)


def _asked(
    action: str, caller: Caller, version: int | None = None, fields: Mapping[str, Any] | None = None
) -> Asked:
    return Asked(action, caller.name, caller.address, caller.operator, version, fields or {})


def _answer(found: Order, caller: Caller, use: Services) -> OrderAnswer:
    calendar = use.settings.calendar
    return OrderAnswer.model_validate({
        **queries.row(found, calendar, caller),
        "holidays_known": found.due_at is None or calendar.is_known(found.due_at.year),
        "inspection": found.inspection,
        "repaired_at": found.repaired_at,
        "findings": [asdict(f) for f in found.findings],
        "steps": [asdict(s) for s in use.ledger.orders.history(found.id)],
        "files": [asdict(a) for a in use.ledger.order_files.all(found.id)],
        "needs": {n: list(ACTIONS[n].needs) for n in queries.allowed(found, caller)},
        "is_ended": found.state in ENDED,
    })  # fmt: skip


def _words() -> dict[str, Any]:
    raised = {"raise": ("Raise", "生成工单")}
    return {
        "states": dict(STATES),
        "actions": raised | {name: (a.title, a.title_zh) for name, a in ACTIONS.items()},
        "severities": SEVERITIES,
        "levels": list(ESCALATION),
        "parts": REPAIR_PARTS,
    }


def _illegal(error: IllegalStepError, number: str, caller: Caller, use: Services) -> ApiError:
    now = use.ledger.orders.get(number, caller.operator)
    detail = {"state": now.state, "version": now.version, "allowed": queries.allowed(now, caller)}
    return ApiError(409, "illegal_step", str(error), detail)
