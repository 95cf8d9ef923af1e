"""Reports of job cards: batches in, the log out, lots; and what can run at a station."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from millbrain.core import keys
from millbrain.core.production.andon import ESCALATION
from millbrain.core.production.andon import KINDS as ANDON_KINDS
from millbrain.core.production.checks import CHECKS
from millbrain.core.production.desk import StartAsked
from millbrain.core.production.orders import LIFECYCLE, OPERATION_STATES
from millbrain.core.production.reports import KINDS, Kind, Lot, Report, Taken, instant_of
from millbrain.record.ledger.production.orders import Asker
from millbrain.record.ledger.production.reports import ReportFilter
from millbrain.show.access import OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Rows
from millbrain.show.api.paging import Page
from millbrain.show.api.production.answers import (
    CODE,
    BatchAnswer,
    LotTold,
    ReportAnswer,
    ReportBatch,
    ReportTold,
    StartAnswer,
    StartQuestion,
    StationWork,
    TakenAnswer,
)
from millbrain.show.queries import production as queries
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Use

router = APIRouter(prefix="/production", tags=["production"])


@router.get("/words", summary="States, kinds, reasons, people and checks")
def words(caller: ViewerCaller, use: Use) -> dict[str, Any]:
    """Return every word that pages and job cards need, so that they work without asking again."""
    plants = use.desk.plants()
    return {
        "states": LIFECYCLE.states, "operation_states": OPERATION_STATES,
        "actions": {n: (a.title, a.title_zh) for n, a in LIFECYCLE.actions.items()},
        "kinds": {str(k): titles for k, titles in KINDS.items()}, "andon_kinds": ANDON_KINDS,
        "andon_levels": ESCALATION,
        "reasons": [asdict(r) for plant in plants for r in plant.reasons.values()],
        "people": [{"code": p.code, "title": p.title, "title_zh": p.title_zh, "team": p.team}
                   for plant in plants for p in plant.people.values()],
        "checks": [{"key": c.key, "title": c.title, "title_zh": c.title_zh} for c in CHECKS],
        "as_of": instant_now(),
    }  # fmt: skip


@router.get("/stations", summary="Stations at which there is something to do")
def stations(caller: ViewerCaller, use: Use) -> list[Mapping[str, str]]:
    """Return the stations that operations of open orders name, with their titles."""
    return [use.desk.place(name) for name in use.ledger.production.stations(caller.operator)]


@router.get("/stations/{station}", summary="What can run now at a station, and who can run it")
def station(
    station: Annotated[str, Path(pattern=CODE)], caller: ViewerCaller, use: Use
) -> StationWork:
    """Return operations of open orders, those that can run now first, the most urgent first."""
    found = [queries.runnable_row(r, caller)
             for r in use.desk.at_station(station, caller.operator)]  # fmt: skip
    place = dict(use.desk.place(station))
    return StationWork.model_validate(place | {"operations": found, "as_of": instant_now()})


@router.post("/checks", summary="May somebody begin an operation?")
def check(asked: StartQuestion, caller: OperatorCaller, use: Use) -> StartAnswer:
    """Check order, machine, pieces, qualification, part and tool; nothing is changed."""
    failed = use.desk.may_start(StartAsked(**asked.model_dump(), operator=caller.operator))
    return StartAnswer.model_validate(
        {"may_start": not failed, "failed": [f.as_json() for f in failed]}
    )


@router.post("/reports", summary="Hand in reports of a job card")
def take(batch: ReportBatch, caller: OperatorCaller, use: Use) -> BatchAnswer:
    """Keep what is new; what is known is told as a duplicate, so send a batch until it is answered.

    A report that does not agree with others is kept and its conflicts are named. One that cannot be
    kept is refused with its reason; the others are kept all the same.
    """
    at = instant_now()
    reports = [_report(told, batch.device, caller.name, at) for told in batch.reports]
    wrong = use.desk.flags(reports)
    reports = [replace(r, flags=(*r.flags, *wrong.get(r.id, ()))) for r in reports]
    asker = Asker(caller.name, caller.address, caller.operator)
    taken = use.ledger.reports.take(reports, asker)
    return BatchAnswer.model_validate(
        {"results": [_taken(t) for t in taken], "received_at": at}, from_attributes=True
    )


@router.get("/reports", summary="The log of reports", response_model=Rows[ReportAnswer])
def reports(
    caller: ViewerCaller,
    use: Use,
    paging: Page,
    order: Annotated[str, Query(max_length=64)] = "",
    step: Annotated[str, Query(max_length=32)] = "",
    person: Annotated[str, Query(max_length=64)] = "",
    machine: Annotated[str, Query(max_length=64)] = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> object:
    """Return reports, newest first."""
    which = ReportFilter(order, step, person, machine, _aware(since), _aware(until), 0,
                         caller.operator)  # fmt: skip
    found, total = use.ledger.reports.page(which, paging.offset, paging.size)
    return paging.answer([queries.report_row(r) for r in found], total)


@router.get("/lots", summary="Where a lot or serial was consumed or made")
def lots(
    key: Annotated[str, Query(min_length=1, max_length=255)], caller: ViewerCaller, use: Use
) -> list[ReportAnswer]:
    """Return the reports that name a lot or serial, oldest first."""
    found = use.ledger.reports.of_lot(key, caller.operator)
    return [ReportAnswer.model_validate(queries.report_row(r)) for r in found]


@router.get("/status", summary="What waits in production")
def status(caller: ViewerCaller, use: Use) -> dict[str, Any]:
    """Return events that wait for the resolver, and what keeps production from working."""
    return dict(use.desk.status())


def _report(told: ReportTold, device: str, who: str, at: datetime) -> Report:
    fields = told.model_dump(exclude={"kind", "device_at", "consumed", "produced"})
    device_at = _aware(told.device_at) or at
    happened_at, is_wrong = instant_of(device_at, told.ahead_ms, at)
    return Report(
        **fields, kind=Kind(told.kind), at=happened_at, device_at=device_at, received_at=at,
        flags=("clock",) if is_wrong else (), device=device, who=who,
        consumed=tuple(map(_lot, told.consumed)), produced=tuple(map(_lot, told.produced)),
    )  # fmt: skip


def _lot(told: LotTold) -> Lot:
    """Return a lot under the one text of its identifier; what is none stays as it is."""
    try:
        key = keys.parse(told.key).text
    except ValueError:
        key = told.key
    return Lot(key[:255], told.quantity, told.is_serial)


def _taken(taken: Taken) -> TakenAnswer:
    return TakenAnswer.model_validate({
        "id": taken.id, "fate": str(taken.fate), "detail": taken.detail,
        "conflicts": [c.as_json() for c in taken.conflicts],
    })  # fmt: skip


def _aware(at: datetime | None) -> datetime | None:
    """Return an instant; one without a zone is UTC."""
    return at if at is None or at.tzinfo else at.replace(tzinfo=instant_now().tzinfo)
