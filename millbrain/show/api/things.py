"""The register of things: what is known of a vehicle besides what it sends."""

import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, UploadFile
from pydantic import BaseModel, Field

from millbrain.core.errors import NotFoundError, RefusedError
from millbrain.record.ledger import Thing
from millbrain.show.access import AdminCaller, Caller, OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Done, Rows
from millbrain.show.api.paging import Page
from millbrain.show.imports import RowProblem, things_in
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/things", tags=["things"])

PROBLEMS_SHOWN = 1_000
_Id = Annotated[str, Path(min_length=1, max_length=64)]


class ThingFields(BaseModel):
    """What the register holds of a thing."""

    kind: str = Field("vehicle", max_length=32)
    protocol: str = Field("gbt32960", max_length=32, description="Room that speaks with it.")
    plate: str = Field("", max_length=32, examples=["渝A12345"])
    model: str = Field("", max_length=128)
    maker: str = Field("", max_length=128)
    operator: str = Field("", max_length=128, description="Organisation; also the scope.")
    simulated: bool = False
    attributes: dict[str, Any] = Field(default_factory=dict)


class ThingAnswer(ThingFields):
    """A thing."""

    id: str = Field(examples=["LDPGABAC2JN361504"])


class ImportProblem(BaseModel):
    """A row that was left out."""

    row: int = Field(description="Counted from 1, the heading included.")
    column: str
    problem: str


class Imported(BaseModel):
    """What an import did."""

    added: int
    changed: int
    refused: int = Field(description="Rows left out because something is wrong with them.")
    problems: list[ImportProblem] = Field(description="The first 1,000 of them.")


@router.get("", summary="Search the register", response_model=Rows[ThingAnswer])
def things(
    caller: ViewerCaller,
    use: Use,
    paging: Page,
    q: Annotated[str, Query(max_length=64, description="Part of an id, plate or model.")] = "",
) -> object:
    """Return things by id."""
    rows, total = use.ledger.things.page(q, caller.operator, paging.offset, paging.size)
    return paging.answer([dataclasses.asdict(r) for r in rows], total)


@router.post("/import", summary="Import things from CSV or XLSX")
def import_things(file: UploadFile, caller: OperatorCaller, use: Use) -> Imported:
    """Add or change every good row; the bad ones are left out and listed.

    Headings in English or Chinese: vin, plate, model, maker, operator, kind, protocol, simulated;
    other columns become attributes. A caller with an organisation imports vehicles of its own only.
    """
    found, problems = things_in(file.file.read())
    mine, foreign = _within_scope(found, caller, use)
    added, changed = use.ledger.things.put(mine)
    problems = sorted([*problems, *foreign], key=lambda p: p.row)
    result = f"{added} added, {changed} changed, {len(problems)} refused"
    use.ledger.audit.add(caller.name, caller.address, "thing.import", file.filename or "", result)
    shown = [ImportProblem(**dataclasses.asdict(p)) for p in problems[:PROBLEMS_SHOWN]]
    return Imported(added=added, changed=changed, refused=len(problems), problems=shown)


def _within_scope(
    things: list[Thing], caller: Caller, use: Services
) -> tuple[list[Thing], list[RowProblem]]:
    """Keep what the caller may write; an empty operator becomes the caller's own."""
    if not caller.operator:
        return things, []
    owners = use.ledger.things.operators_of([t.id for t in things])
    mine: list[Thing] = []
    foreign: list[RowProblem] = []
    for thing in things:
        owner = owners.get(thing.id, caller.operator)
        if owner == caller.operator and thing.operator in ("", caller.operator):
            mine.append(dataclasses.replace(thing, operator=caller.operator))
        else:
            foreign.append(RowProblem(0, "operator", f"{thing.id} is not of {caller.operator}"))
    return mine, foreign


@router.get("/{id}", summary="One thing")
def thing(id: _Id, caller: ViewerCaller, use: Use) -> ThingAnswer:
    """Return what the register holds of a thing."""
    found = use.ledger.things.get(id)
    if found is None or (caller.operator and found.operator != caller.operator):
        raise NotFoundError(f"no thing has the id {id!r}")
    return ThingAnswer(**dataclasses.asdict(found))


@router.put("/{id}", summary="Add or change a thing")
def put_thing(id: _Id, fields: ThingFields, caller: OperatorCaller, use: Use) -> ThingAnswer:
    """Keep a thing, in place of what the register held of it."""
    made = Thing(id=id, **fields.model_dump())
    kept, foreign = _within_scope([made], caller, use)
    if foreign:
        raise RefusedError(foreign[0].problem)
    use.ledger.things.put(kept)
    use.ledger.audit.add(caller.name, caller.address, "thing.put", id)
    return ThingAnswer(**dataclasses.asdict(kept[0]))


@router.delete("/{id}", summary="Delete a thing from the register")
def delete_thing(id: _Id, caller: AdminCaller, use: Use) -> Done:
    """Delete the entry and its keys; its reports stay."""
    use.ledger.things.delete(id)
    use.ledger.audit.add(caller.name, caller.address, "thing.delete", id)
    return Done()
