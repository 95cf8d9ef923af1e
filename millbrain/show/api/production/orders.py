"""Production orders: the board, the list, one order whole, release, steps, a table of many."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Path, Query, UploadFile

from millbrain.core import limits
from millbrain.core.errors import LimitError, MillbrainError
from millbrain.core.production.desk import ProductionDesk
from millbrain.core.production.forms import NUMBER as NUMBER_FORM
from millbrain.core.production.forms import ORDER_FORM
from millbrain.core.production.orders import (
    LIFECYCLE,
    PlannedOperation,
    ProductionOrder,
)
from millbrain.record.ledger.production.orders import SORTS, Asker, ProductionFilter
from millbrain.record.ledger.production.reports import ReportFilter
from millbrain.show.access import Caller, OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Rows
from millbrain.show.api.paging import Page
from millbrain.show.api.production.answers import (
    NUMBER,
    BoardAnswer,
    MoveAnswer,
    NewOrder,
    OrderAnswer,
    OrdersTaken,
    OrderWhole,
    ReleaseAsked,
    StepAsked,
)
from millbrain.show.api.things import PROBLEMS_SHOWN, ImportProblem
from millbrain.show.entries import Entry, entries_in
from millbrain.show.export import export_response
from millbrain.show.imports import RowProblem
from millbrain.show.queries import production as queries
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/production/orders", tags=["production"])
_Number = Annotated[str, Path(pattern=NUMBER)]
_BOARD_MAX: Final = 300  # orders on a board


def _filter(
    caller: ViewerCaller,
    q: Annotated[str, Query(max_length=64, description="Part of a number, product, ...")] = "",
    state: Annotated[Literal[("", *LIFECYCLE.states)], Query(description="Empty = any.")] = "",  # type: ignore[valid-type]  # the states are data
    open: Annotated[bool, Query(description="Only those that are not done.")] = False,
    line: Annotated[str, Query(max_length=64)] = "",
    product: Annotated[str, Query(max_length=64)] = "",
    late: Annotated[bool, Query(description="Only those that are or will be late.")] = False,
) -> ProductionFilter:
    return ProductionFilter(caller.operator, state, open, line, product, q,
                            instant_now() if late else None)  # fmt: skip


Which = Annotated[ProductionFilter, Depends(_filter)]


@router.get("", summary="Search, sort, page and export orders", response_model=Rows[OrderAnswer])
def orders(
    which: Which,
    caller: ViewerCaller,
    use: Use,
    paging: Page,
    sort: Annotated[Literal[tuple(SORTS)], Query()] = "due_at",  # type: ignore[valid-type]  # the columns are data
    order: Literal["asc", "desc"] = "asc",
    format: Annotated[
        Literal["json", "csv", "xlsx"], Query(description="csv and xlsx hold every match.")
    ] = "json",
) -> object:
    """Return the orders that the caller may see."""
    if format != "json":
        chunks = queries.export(use.ledger, which, use.desk, caller, sort, order)
        return export_response(chunks, format, "production_orders", ())
    found, total = use.ledger.production.page(which, sort, order, paging.offset, paging.size)
    return paging.answer(queries.rows_of(use.ledger, found, use.desk, caller), total)


@router.get("/board", summary="Open orders, the latest first, with why")
def board(which: Which, caller: ViewerCaller, use: Use) -> BoardAnswer:
    """Return open orders with the progress of each operation."""
    return BoardAnswer.model_validate(
        queries.board(use.ledger, _opened(which), use.desk, caller, _BOARD_MAX)
    )


@router.get("/form", summary="What a table of orders consists of")
def form(caller: ViewerCaller) -> list[dict[str, Any]]:
    """Return the fields of an import, with their titles and what is allowed."""
    return [field.as_json() for field in ORDER_FORM]


@router.post("", summary="Enter an order", status_code=201)
def add(new: NewOrder, caller: OperatorCaller, use: Use) -> OrderWhole:
    """Enter an order, or change it while it is planned."""
    asker = _asker(caller)
    order = ProductionOrder(**new.model_dump(), source="api", operator=caller.operator)
    if use.ledger.production.put([order], asker)[2]:
        raise LimitError(f"order {new.number} is released already, or another organisation's")
    return _whole(new.number, caller, use)


@router.post("/import", summary="Import orders from XLSX, CSV or JSON")
def import_orders(file: UploadFile, caller: OperatorCaller, use: Use) -> OrdersTaken:
    """Keep every good row, and say of each bad one what is wrong with it."""
    found = entries_in(file.file.read(), ORDER_FORM)
    problems = list(found.problems)
    good = _good_rows(found.entries, problems, use)
    orders = [_order_of(entry, caller) for entry in good.values()]
    added = changed = 0
    if orders:
        added, changed, _ = use.ledger.production.put(orders, _asker(caller))
    released = sum(_released(e, caller, use, problems) for e in good.values())
    shown = sorted(problems, key=lambda p: p.row)[:PROBLEMS_SHOWN]
    return OrdersTaken(added=added, changed=changed, released=released, unused=list(found.unused),
                       problems=[ImportProblem(**asdict(p)) for p in shown])  # fmt: skip


@router.get("/{number}", summary="One order whole")
def one(number: _Number, caller: ViewerCaller, use: Use) -> OrderWhole:
    """Return an order with its operations, projection and history."""
    return _whole(number, caller, use)


@router.post("/{number}/release", summary="Release an order into operations")
def release(number: _Number, asked: ReleaseAsked, caller: OperatorCaller, use: Use) -> OrderWhole:
    """Release by the routing of the product, or by the operations that are given."""
    order = use.ledger.production.get(number, caller.operator)
    LIFECYCLE.after(order.state, "release")
    given = [
        PlannedOperation(ordinal=n, **(step.model_dump() | {"stations": tuple(step.stations)}))
        for n, step in enumerate(asked.operations, start=1)
    ]
    if len({p.step for p in given}) < len(given):
        raise LimitError("a step stands there twice; nothing was released")
    plan = given or use.desk.plan(order)
    if len(plan) > limits.ORDER_OPERATIONS_MAX:
        raise LimitError(f"{len(plan)} operations; {limits.ORDER_OPERATIONS_MAX} are allowed")
    use.ledger.production.release(number, plan, _asker(caller))
    return _whole(number, caller, use)


@router.post("/{number}/steps", summary="Take a step of an order's life")
def step(number: _Number, asked: StepAsked, caller: OperatorCaller, use: Use) -> OrderWhole:
    """Hold, take up, close or cancel an order; 409 names what is possible instead."""
    needs = LIFECYCLE.actions[asked.action].needs
    if "reason" in needs and not asked.reason:
        raise LimitError(f"order: {asked.action!r} needs a reason; nothing was changed")
    detail = {"reason": asked.reason} if asked.reason else {}
    use.ledger.production.act(number, asked.action, _asker(caller), detail, asked.version)
    return _whole(number, caller, use)


@router.get("/{number}/genealogy", summary="What an order consumed and produced")
def genealogy(number: _Number, caller: ViewerCaller, use: Use) -> list[MoveAnswer]:
    """Return lots and serials by report, oldest first."""
    use.ledger.production.get(number, caller.operator)
    reports, _ = use.ledger.reports.page(
        ReportFilter(order=number), 0, limits.REPORTS_OPERATION_MAX, newest_first=False
    )
    return [MoveAnswer.model_validate(m) for m in queries.genealogy(reports)]


def _opened(which: ProductionFilter) -> ProductionFilter:
    return which if which.state else ProductionFilter(
        which.operator, "", True, which.line, which.product, which.q, which.late_at
    )  # fmt: skip


def _whole(number: str, caller: Caller, use: Services) -> OrderWhole:
    desk: ProductionDesk = use.desk
    order = use.ledger.production.get(number, caller.operator)
    projection = desk.projection(number)
    [row] = queries.rows_of(use.ledger, [order], desk, caller)
    spans = [asdict(s) for s in projection.spans] if projection else []
    history = [asdict(h) for h in use.ledger.production.history(number)]
    return OrderWhole.model_validate(row | {"spans": spans, "history": history})


def _good_rows(entries: Any, problems: list[RowProblem], use: Services) -> dict[str, Entry]:
    """Return the rows that can be kept, by order number; what is wrong with others is noted."""
    good: dict[str, Entry] = {}
    for entry in entries:
        number = entry.values["number"]
        if not NUMBER_FORM.fullmatch(number):
            told = f"was {number!r}; letters, digits and . _ : - are allowed"
            problems.append(RowProblem(entry.row, "number", told))
        elif number in good:
            told = f"{number} stands in row {good[number].row} already"
            problems.append(RowProblem(entry.row, "number", told))
        else:
            good[number] = entry
    states = use.ledger.production.states(list(good))
    for number, state in states.items():
        if state != LIFECYCLE.start:
            told = f"{number} is {state} already; only planned orders are changed"
            problems.append(RowProblem(good.pop(number).row, "number", told))
    return good


def _order_of(entry: Entry, caller: Caller) -> ProductionOrder:
    told = {name: value for name, value in entry.values.items() if name != "release"}
    told |= {name: datetime.fromisoformat(told[name]) for name in ("due_at", "promised_at")
             if name in told}  # fmt: skip
    return ProductionOrder(**told, source="import", operator=caller.operator)


def _released(entry: Entry, caller: Caller, use: Services, problems: list[RowProblem]) -> int:
    """Release an order of an import that asks for it; a refusal is a problem of its row."""
    if not entry.values.get("release"):
        return 0
    number = entry.values["number"]
    try:
        plan = use.desk.plan(use.ledger.production.get(number, caller.operator))
        use.ledger.production.release(number, plan, _asker(caller))
    except MillbrainError as error:
        problems.append(RowProblem(entry.row, "release", str(error)))
        return 0
    return 1


def _asker(caller: Caller) -> Asker:
    return Asker(caller.name, caller.address, caller.operator)
