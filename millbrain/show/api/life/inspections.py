"""The inspection lane: records of benches, their conclusions, limits, curves and reports."""

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import pyarrow as pa
from fastapi import APIRouter, Depends, Path, Query, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError, RefusedError
from millbrain.core.forms import read_form
from millbrain.core.life.inspections import (
    CHEMISTRIES,
    CONCLUSIONS,
    CURVE_CHANNELS,
    HEAD,
    TESTS,
    Conclusion,
    LaneRules,
)
from millbrain.core.times import iso
from millbrain.record.ledger import Inspection, NewInspection, Role, SetLimit, Taken
from millbrain.show import lane
from millbrain.show.access import Caller, Needs, OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Done, Rows
from millbrain.show.api.paging import Page
from millbrain.show.api.things import PROBLEMS_SHOWN, ImportProblem
from millbrain.show.entries import Entry, entries_in, of_organisation
from millbrain.show.export import export_response
from millbrain.show.imports import RowProblem
from millbrain.show.inspection_report import report
from millbrain.show.queries import bench
from millbrain.show.queries.rows import now_ms
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/inspections", tags=["inspections"])
EXPORTED: Final = (
    "id", "bench", "record_no", "version", "vin", "plate", "model", "operator", "tested_at",
    "conclusion", "conclusion_zh", "reason_en", "reason_zh", "entered_by", "entered_at",
)  # fmt: skip
_Id = Annotated[int, Path(ge=1, le=(1 << 53))]
WholeOperator = Annotated[Caller, Depends(Needs(Role.OPERATOR, is_whole=True))]


class InspectionRow(BaseModel):
    """One inspection as it holds."""

    id: int
    bench: str
    record_no: str
    version: int = Field(description="From 1; a correction is the next one.")
    vin: str
    plate: str
    model: str
    operator: str
    tested_at: datetime
    conclusion: str = Field(description="normal, maintain, or none: it is incomplete.")
    conclusion_en: str
    conclusion_zh: str
    reason_en: str = Field(description="The weightiest reason, empty = none.")
    reason_zh: str
    curve_points: int
    entered_by: str
    entered_at: datetime
    replaced_at: datetime | None = Field(description="Null: this version holds.")


class InspectionAnswer(InspectionRow):
    """One inspection with everything that is kept of it."""

    head: dict[str, Any]
    measured: dict[str, float]
    opinion: dict[str, Any] = Field(description="Items judged, reasons, edition of the rules.")
    reason: str = Field(description="Why it was corrected, empty where it was not.")
    content_sha256: str
    versions: list[InspectionRow]


class Imported(BaseModel):
    """What an import did."""

    added: int
    corrected: int = Field(description="Entries whose content changed: a new version each.")
    unchanged: int
    refused: int = Field(description="Rows left out because something is wrong with them.")
    ids: list[int] = Field(description="The versions that hold now, in the order of the file.")
    unused: list[str] = Field(description="Headings that no field has.")
    problems: list[ImportProblem] = Field(description="The first 1,000 of them.")


class LimitFields(BaseModel):
    """A limit that whoever runs the lane sets; without both ends it is lifted."""

    model_config = ConfigDict(extra="forbid")
    chemistry: Literal["", "lfp", "ternary", "other"] = ""
    model: str = Field("", max_length=128, description="Vehicle model, empty = any.")
    low: float | None = Field(None, allow_inf_nan=False)
    high: float | None = Field(None, allow_inf_nan=False)
    source: str = Field(min_length=1, max_length=200, examples=["maker's manual, 7.3"])
    since: date = Field(description="First day of tests that it judges.")


class Sheet(BaseModel):
    """What a record consists of, and what is allowed."""

    edition: str
    head: list[dict[str, Any]]
    items: list[dict[str, Any]]
    limits: list[dict[str, Any]]
    settings: list[dict[str, Any]]
    channels: list[dict[str, Any]]
    tests: dict[str, tuple[str, str]]
    chemistries: dict[str, tuple[str, str]]


@router.get("", summary="Search inspections", response_model=Rows[InspectionRow])
def inspections(
    caller: ViewerCaller,
    use: Use,
    paging: Page,
    q: Annotated[str, Query(max_length=64, description="Part of a VIN, plate or number.")] = "",
    vin: Annotated[str, Query(max_length=64)] = "",
    conclusion: Literal["", "normal", "maintain", "none"] = "",
    format: Annotated[
        Literal["json", "csv", "xlsx"], Query(description="csv and xlsx hold every match.")
    ] = "json",
) -> object:
    """Return inspections of the vehicles that the caller may see, newest test first."""
    if format != "json":
        chunks = _chunks(use, q, vin, conclusion, caller.operator)
        return export_response(chunks, format, "inspections", ())
    rows, total = use.ledger.inspections.page(
        q, vin, conclusion, caller.operator, paging.offset, paging.size
    )
    return paging.answer([as_row(r) for r in rows], total)


def _chunks(use: Services, q: str, vin: str, conclusion: str, operator: str) -> Iterator[pa.Table]:
    """Yield every matching inspection as rows of texts and numbers."""
    offset = 0
    while offset < limits.EXPORT_ROWS_MAX:
        rows, _ = use.ledger.inspections.page(
            q, vin, conclusion, operator, offset, limits.PAGE_ROWS_MAX
        )
        if rows or not offset:
            shown = [as_row(r) for r in rows]
            columns = [[row[name] for row in shown] for name in EXPORTED]
            arrays = [pa.array([None if v is None else str(v) for v in c], pa.string())
                      for c in columns]  # fmt: skip
            yield pa.table(arrays, names=list(EXPORTED))
        if len(rows) < limits.PAGE_ROWS_MAX:
            return
        offset += len(rows)


def _rules(use: Services) -> LaneRules:
    if use.lane is None:
        raise NotFoundError("this installation has no inspection room; the lane is not available")
    return use.lane


def as_row(found: Inspection) -> dict[str, Any]:
    """Return a version as lists carry it."""
    titles = CONCLUSIONS[Conclusion(found.conclusion)] if found.conclusion else ("", "")
    reasons = found.opinion.get("reasons") or [["", ""]]
    plain = ("id", "bench", "record_no", "version", "vin", "plate", "model", "operator",
             "tested_at", "conclusion", "curve_points", "entered_by", "entered_at",
             "replaced_at")  # fmt: skip
    return {name: getattr(found, name) for name in plain} | {
        "conclusion_en": titles[0], "conclusion_zh": titles[1],
        "reason_en": reasons[0][0], "reason_zh": reasons[0][1],
    }  # fmt: skip


@router.get("/sheet", summary="Items, limits and fields of a record")
def sheet(caller: ViewerCaller, use: Use) -> Sheet:
    """Return the form of a record, each item with its limits and where they come from."""
    rules = _rules(use)
    items = [
        item.field.as_json() | {
            "test": item.test, "need": str(item.need), "is_condition": item.is_condition,
            "in_standard": item.in_standard, "headings": list(item.field.headings),
        }
        for item in rules.items
    ]  # fmt: skip
    return Sheet(
        edition=rules.edition,
        head=[f.as_json() for f in HEAD],
        items=items,
        limits=[limit.as_json() for limit in rules.limits],
        settings=[dataclasses.asdict(s) for s in use.ledger.inspections.limits()],
        channels=[field.as_json() for field, _ in CURVE_CHANNELS.values()],
        tests=TESTS,
        chemistries=CHEMISTRIES,
    )


@router.put("/limits/{item}", summary="Set or lift a limit of the lane")
def set_limit(
    item: Annotated[str, Path(max_length=64)], fields: LimitFields, caller: WholeOperator, use: Use
) -> Done:
    """Set a limit that goes before the standard's; what was set before stays, dated."""
    if item not in {i.field.name for i in _rules(use).items}:
        raise NotFoundError(f"no item of the lane is named {item!r}")
    if fields.low is not None and fields.high is not None and fields.low >= fields.high:
        raise LimitError(f"the low end {fields.low:g} is not below the high end {fields.high:g}")
    limit = SetLimit(item=item, **fields.model_dump() | {"since": fields.since.isoformat()})
    use.ledger.inspections.set_limit(limit, caller.name)
    said = f"{fields.low} to {fields.high}, {fields.source}"
    use.ledger.audit.add(caller.name, caller.address, "inspection.limit", item, said)
    return Done()


@router.post("/import", summary="Import a bench's records from CSV, XLSX or JSON")
def import_inspections(file: UploadFile, caller: OperatorCaller, use: Use) -> Imported:
    """Keep every good record, judged; the bad ones are left out and listed.

    A record of the same bench and number with other content becomes a new version; the same
    content changes nothing.
    """
    rules = _rules(use)
    found = entries_in(file.file.read(), lane.form(rules))
    problems = list(found.problems)
    mine = _within_scope(found.entries, caller, use, problems)
    made = _judged(mine, use, rules, problems)
    taken = use.ledger.inspections.put(made, caller.name)
    return _told(taken, problems, found.unused, caller, use, file.filename or "")


def _told(
    taken: Taken, problems: list[RowProblem], unused: Any, caller: Caller, use: Services, name: str
) -> Imported:
    result = (f"{taken.added} added, {taken.corrected} corrected, {taken.unchanged} unchanged,"
              f" {len(problems)} refused")  # fmt: skip
    use.ledger.audit.add(caller.name, caller.address, "inspection.import", name, result)
    shown = sorted(problems, key=lambda p: p.row)[:PROBLEMS_SHOWN]
    return Imported(
        added=taken.added, corrected=taken.corrected, unchanged=taken.unchanged,
        refused=len({p.row for p in problems}), ids=list(taken.ids), unused=list(unused),
        problems=[ImportProblem(**dataclasses.asdict(p)) for p in shown],
    )  # fmt: skip


def _within_scope(
    entries: Sequence[Entry], caller: Caller, use: Services, problems: list[RowProblem]
) -> list[Entry]:
    """Keep what the caller may write; the rest is added to the problems."""
    keys = [(e.values["bench"], e.values["record_no"]) for e in entries]
    store = use.ledger.inspections
    mine, foreign = of_organisation(
        entries, keys, store.vins_of, caller.operator, use.ledger.things
    )
    problems += foreign
    return mine


def _judged(
    entries: list[Entry], use: Services, rules: LaneRules, problems: list[RowProblem]
) -> list[NewInspection]:
    settings = lane.settings_of(use.ledger.inspections.limits())
    things = {vin: use.ledger.things.get(vin) for vin in {e.values["vin"] for e in entries}}
    made: list[NewInspection] = []
    for entry in entries:
        try:
            curve = lane.curve_of(entry.curve)
        except ValueError as e:
            problems.append(RowProblem(entry.row, "curve", str(e)))
            continue
        thing = things[entry.values["vin"]]
        made.append(lane.inspection(entry.values, curve, thing, rules, settings))
    return made


class Record(BaseModel):
    """One record, entered by hand or corrected."""

    model_config = ConfigDict(extra="forbid")
    head: dict[str, Any] = Field(examples=[{"bench": "3", "record_no": "1", "vin": "..."}])
    measured: dict[str, Any] = Field(default_factory=dict)
    curve: dict[str, list[float | None]] | None = None
    reason: str = Field("", max_length=500, description="Of a correction.")


@router.post("", summary="Enter or correct one record")
def enter(record: Record, caller: OperatorCaller, use: Use) -> InspectionAnswer:
    """Keep a record, judged; with the bench and number of another one it is its correction."""
    rules = _rules(use)
    values, wrong = read_form(lane.form(rules), record.head | record.measured)
    problems = [RowProblem(1, p.field, p.problem) for p in wrong]
    entries = [] if wrong else [Entry(1, values, record.curve)]
    mine = _within_scope(entries, caller, use, problems)
    made = _judged(mine, use, rules, problems)
    if problems:
        sentence = "; ".join(f"{p.column}: {p.problem}" for p in problems)
        raise LimitError(f"{sentence}; nothing was kept")
    corrected = dataclasses.replace(made[0], reason=record.reason)
    return _kept(corrected, caller, use, "inspection.enter")


def _kept(made: NewInspection, caller: Caller, use: Services, what: str) -> InspectionAnswer:
    taken = use.ledger.inspections.put([made], caller.name)
    said = "unchanged" if taken.unchanged else "corrected" if taken.corrected else "added"
    number = f"{made.bench}/{made.record_no}"
    use.ledger.audit.add(caller.name, caller.address, what, number, said)
    return _answer(find(taken.ids[0], caller, use), use)


def find(id: int, caller: Caller, use: Services) -> Inspection:
    """Return a version within the caller's scope; NotFoundError where there is none."""
    found = use.ledger.inspections.get(id, caller.operator)
    if found is None:
        raise NotFoundError(f"no inspection has the id {id}")
    return found


def _answer(found: Inspection, use: Services) -> InspectionAnswer:
    versions = [as_row(v) for v in use.ledger.inspections.versions(found.bench, found.record_no)]
    return InspectionAnswer.model_validate(
        as_row(found) | {
            "head": found.head, "measured": found.measured, "opinion": found.opinion,
            "reason": found.reason, "content_sha256": found.content_sha256, "versions": versions,
        }
    )  # fmt: skip


@router.get("/{id}", summary="One inspection")
def inspection(id: _Id, caller: ViewerCaller, use: Use) -> InspectionAnswer:
    """Return a version of an inspection with every item, and the versions beside it."""
    return _answer(find(id, caller, use), use)


@router.post("/{id}/judge", summary="Judge again by the limits of now")
def judge_again(id: _Id, caller: OperatorCaller, use: Use) -> InspectionAnswer:
    """Judge a record by the limits that are set now; another opinion is a new version."""
    found = find(id, caller, use)
    if found.replaced_at:
        raise RefusedError("this version was replaced; judge the one that holds")
    settings = lane.settings_of(use.ledger.inspections.limits())
    curve = lane.unpacked(use.ledger.inspections.curve(id))
    values = dict(found.head) | dict(found.measured)
    thing = use.ledger.things.get(found.vin)
    made = lane.inspection(values, curve, thing, _rules(use), settings, "judged again")
    return _kept(made, caller, use, "inspection.judge")


@router.get("/{id}/curve", summary="The bench's curve beside what the vehicle sent")
def curve(id: _Id, caller: ViewerCaller, use: Use) -> dict[str, Any]:
    """Return the bench's curve, the vehicle's own reports of that span, and its charge before."""
    found = find(id, caller, use)
    kept = lane.unpacked(use.ledger.inspections.curve(id))
    start_s, end_s = span_of(found)
    return {
        "bench": bench.bench_curve(kept, start_s),
        **bench.beside(use.warehouse, found.vin, start_s, end_s),
        "as_of": iso(now_ms()),
    }


def span_of(found: Inspection) -> tuple[int, int]:
    """Return start and end of a test [s since 1970 UTC], at least a minute apart."""
    start_s = int(found.tested_at.timestamp())
    ended = datetime.fromisoformat(found.head["ended_at"])
    least = found.tested_at + timedelta(minutes=1)
    return start_s, int(max(ended, least).timestamp())


@router.get("/{id}/report.pdf", summary="The report to print, in both languages")
def pdf(id: _Id, caller: ViewerCaller, use: Use) -> Response:
    """Return the report of a version as PDF; the same version gives the same bytes."""
    found = find(id, caller, use)
    kept = lane.unpacked(use.ledger.inspections.curve(id))
    made = report(found, _rules(use), kept)
    name = f"inspection_{found.id}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(made, media_type="application/pdf", headers=headers)
