"""B2MML over the API: a schedule in, what became of orders out. Sending again changes nothing."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from millbrain.core.errors import IllegalStepError, NotFoundError
from millbrain.core.production.orders import PlannedOperation, ProductionOrder
from millbrain.record.ledger.production.orders import Asker, ProductionFilter
from millbrain.show.access import Caller, OperatorCaller, ViewerCaller
from millbrain.show.errors import ApiError
from millbrain.show.exchange.documents import parse
from millbrain.show.exchange.performance import (
    Performed,
    operations_performance,
    work_performance,
)
from millbrain.show.exchange.schedules import Requested, Schedule, read_schedule
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/production/b2mml", tags=["production"])
_ORDERS_MAX: Final = 500  # orders of one document
_XML: Final = "application/xml"


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post("", summary="Take an OperationsSchedule or WorkSchedule (B2MML V7)")
def take(raw: Annotated[bytes, Depends(_body)], caller: OperatorCaller, use: Use) -> dict[str, Any]:
    """Enter its orders; those the sender released go to the floor, a Cancel cancels.

    The answer says of each order what became of it, and names what was not understood.
    """
    schedule = read_schedule(parse(raw))
    if schedule.verb == "Show":
        raise ApiError(422, "structure", "a Show answers a question; nobody here has asked")
    fates = [_taken(asked, schedule, caller, use) for asked in schedule.requests]
    return {"id": schedule.id, "verb": schedule.verb, "orders": fates,
            "wrong": schedule.wrong, "extensions": schedule.extensions}  # fmt: skip


def _taken(asked: Requested, schedule: Schedule, caller: Caller, use: Services) -> dict[str, Any]:
    asker = Asker(caller.name, caller.address, caller.operator)
    number, orders = asked.order.number, use.ledger.production
    try:
        if schedule.verb == "Cancel":
            detail = {"reason": f"B2MML {schedule.id}"}
            return {"number": number, "fate": "cancelled",
                    "state": orders.act(number, "cancel", asker, detail).state}  # fmt: skip
        added, changed, left = orders.put([asked.order], asker)
        fate = "added" if added else "changed" if changed else "left"
        held = orders.get(number, caller.operator)
        if asked.is_released and held.state == "planned" and not left:
            held = orders.release(number, _plan(asked, held, use), asker)
        return {"number": number, "fate": fate, "state": held.state}
    except (NotFoundError, IllegalStepError) as e:
        return {"number": number, "fate": "refused", "why": str(e)}


def _plan(
    asked: Requested, order: ProductionOrder, use: Services
) -> list[PlannedOperation] | tuple[PlannedOperation, ...]:
    """Return the routing of a plant that knows the product, else the document's own segments."""
    try:
        return list(use.desk.plan(order))
    except NotFoundError:
        if not asked.plan:
            raise
        return asked.plan


@router.get(
    "/performance",
    summary="What became of orders, as OperationsPerformance or WorkPerformance (B2MML V7)",
    response_class=Response,
    responses={200: {"content": {_XML: {}}}},
)
def performance(
    caller: ViewerCaller,
    use: Use,
    form: Annotated[Literal["operations", "work"], Query(description="Which document.")]
    = "operations",
    number: Annotated[list[str] | None, Query(description="These orders; default: open ones.")]
    = None,
) -> Response:  # fmt: skip
    """Return the document; at most 500 orders."""
    found = [_performed(order, use) for order in _orders(number or [], caller, use)]
    done = [each for each in found if each.operations]  # what was never released did nothing
    if not done:
        raise NotFoundError("no order was released; name those that are asked for")
    at = instant_now()
    name = f"MILLBRAIN-{at:%Y%m%dT%H%M%S}"
    if form == "work":
        body = work_performance(name, "MILLBRAIN", at, done)
    else:
        body = operations_performance(name, at, done)
    return Response(body, media_type=_XML)


def _orders(numbers: list[str], caller: Caller, use: Services) -> list[ProductionOrder]:
    if numbers:
        return [use.ledger.production.get(n, caller.operator) for n in numbers[:_ORDERS_MAX]]
    which = ProductionFilter(operator=caller.operator, is_open=True)
    return use.ledger.production.page(which, size=_ORDERS_MAX)[0]


def _performed(order: ProductionOrder, use: Services) -> Performed:
    operations = use.ledger.production.operations([order.number]).get(order.number, [])
    keys = [(order.number, o.plan.step) for o in operations]
    reports = use.ledger.reports.of(keys)
    return Performed(order, operations, {key[1]: r for key, r in reports.items()})
