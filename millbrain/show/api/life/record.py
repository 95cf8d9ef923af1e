"""The digital health record of a vehicle, and the imports that feed it."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, UploadFile
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from millbrain.core.errors import NotFoundError
from millbrain.core.life.events import COMMON, LIFE_KINDS, LifeKind
from millbrain.record.ledger import NewLifeEvent
from millbrain.show.access import Caller, OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Rows
from millbrain.show.api.paging import Page
from millbrain.show.api.seen import Vehicle
from millbrain.show.api.things import PROBLEMS_SHOWN, ImportProblem
from millbrain.show.entries import Entry, entries_in, of_organisation
from millbrain.show.imports import RowProblem
from millbrain.show.services import Services, Use
from millbrain.show.vehicle_record import event_json, vehicle_record

router = APIRouter(tags=["record"])
_COMMON_NAMES = frozenset(f.name for f in COMMON)


class LifeEventRow(BaseModel):
    """One repair, recall, accident, violation or claim as it holds."""

    id: int
    kind: str
    vin: str
    at: datetime
    source: str = Field(description="Who says so.")
    reference: str = Field(description="Its number there.")
    version: int = Field(description="From 1; a correction is the next one.")
    fields: dict[str, Any]
    entered_by: str
    as_of: datetime = Field(description="When it was entered.")


class EventsImported(BaseModel):
    """What an import did."""

    added: int
    corrected: int = Field(description="Entries whose content changed: a new version each.")
    unchanged: int
    refused: int = Field(description="Rows left out because something is wrong with them.")
    unused: list[str] = Field(description="Headings that no field has.")
    problems: list[ImportProblem] = Field(description="The first 1,000 of them.")


class KindForm(BaseModel):
    """The fields of one kind of event."""

    key: str
    title: str
    title_zh: str
    fields: list[dict[str, Any]]


@router.get(
    "/vehicles/{vin}/record",
    summary="The digital health record as one document",
    response_model=dict[str, Any],
)
def record(
    found: Vehicle,
    caller: ViewerCaller,
    use: Use,
    download: Annotated[bool, Query(description="Answer as a file to keep.")] = False,
) -> object:
    """Return everything that is known of a vehicle, each part with its source and instant."""
    made = vehicle_record(found.vin, caller.operator, use)
    if not download:
        return made
    name = f"record_{found.vin}_{made['as_of'][:10]}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return JSONResponse(jsonable_encoder(made), headers=headers)


@router.get("/life-events/kinds", summary="Kinds of events and their fields")
def kinds(caller: ViewerCaller) -> list[KindForm]:
    """Return the form of every kind, as imports check it."""
    return [
        KindForm(key=k.key, title=k.title, title_zh=k.title_zh,
                 fields=[f.as_json() for f in k.form])
        for k in LIFE_KINDS.values()
    ]  # fmt: skip


@router.get("/life-events", summary="Events of all vehicles", response_model=Rows[LifeEventRow])
def events(
    caller: ViewerCaller,
    use: Use,
    paging: Page,
    kind: Literal["", "repair", "recall", "accident", "violation", "claim"] = "",
) -> object:
    """Return events of the vehicles that the caller may see, newest first."""
    rows, total = use.ledger.life_events.page(kind, caller.operator, paging.offset, paging.size)
    return paging.answer([event_json(r) for r in rows], total)


@router.post("/life-events/{kind}/import", summary="Import events from CSV, XLSX or JSON")
def import_events(
    kind: Annotated[str, Path(max_length=16, examples=["repair"])],
    file: UploadFile,
    caller: OperatorCaller,
    use: Use,
    source: Annotated[
        str, Query(max_length=64, description="Of rows that name none, such as a workshop.")
    ] = "",
) -> EventsImported:
    """Keep every good row; the bad ones are left out and listed.

    A row of the same kind, source and reference with other content becomes a new version; the same
    content changes nothing.
    """
    declared = LIFE_KINDS.get(kind)
    if declared is None:
        raise NotFoundError(f"no kind of event is {kind!r}; allowed are {', '.join(LIFE_KINDS)}")
    found = entries_in(file.file.read(), declared.form, {"source": source} if source else None)
    problems = list(found.problems)
    mine = _within_scope(kind, found.entries, caller, use, problems)
    taken = use.ledger.life_events.put([_event(declared, e) for e in mine], caller.name)
    result = (f"{taken.added} added, {taken.corrected} corrected, {taken.unchanged} unchanged,"
              f" {len(problems)} refused")  # fmt: skip
    use.ledger.audit.add(caller.name, caller.address, f"{kind}.import", file.filename or "", result)
    shown = sorted(problems, key=lambda p: p.row)[:PROBLEMS_SHOWN]
    return EventsImported(
        added=taken.added, corrected=taken.corrected, unchanged=taken.unchanged,
        refused=len({p.row for p in problems}), unused=list(found.unused),
        problems=[ImportProblem(**dataclasses.asdict(p)) for p in shown],
    )  # fmt: skip


def _event(kind: LifeKind, entry: Entry) -> NewLifeEvent:
    values = entry.values
    return NewLifeEvent(
        kind.key, values["source"], values["reference"], values["vin"],
        datetime.fromisoformat(values["at"]),
        {name: value for name, value in values.items() if name not in _COMMON_NAMES},
    )  # fmt: skip


def _within_scope(
    kind: str, entries: Sequence[Entry], caller: Caller, use: Services, problems: list[RowProblem]
) -> list[Entry]:
    """Keep what the caller may write; the rest is added to the problems."""
    keys = [(kind, e.values["source"], e.values["reference"]) for e in entries]
    store = use.ledger.life_events
    mine, foreign = of_organisation(
        entries, keys, store.vins_of, caller.operator, use.ledger.things
    )
    problems += foreign
    return mine
