"""Limits of signals: what is in force, set one or many, download and bring back a sheet."""

import dataclasses
from datetime import datetime
from typing import Annotated, Any, Literal

import pyarrow as pa
from fastapi import APIRouter, Query, UploadFile
from pydantic import BaseModel

from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError, RefusedError
from millbrain.core.findings import Severity
from millbrain.core.forms import read_form
from millbrain.core.plant.signal_limits import FIELDS, SignalLimits, limits_of
from millbrain.core.tables import Column
from millbrain.record.ledger.tags.signal_limits import SetLimits
from millbrain.show.access import Caller, OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Done
from millbrain.show.api.things import PROBLEMS_SHOWN, ImportProblem
from millbrain.show.entries import entries_in
from millbrain.show.export import export_response
from millbrain.show.imports import RowProblem
from millbrain.show.queries import signal_limits as queries
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/limits", tags=["tags"])
_Name = Annotated[str, Query(min_length=1, max_length=limits.READING_NAME_BYTES_MAX)]
_COLUMNS = [Column(f.name, "text", f.title, f.title_zh) for f in FIELDS]


class LimitRow(BaseModel):
    """Limits of one signal, and how it stands. level: -2 to 2, 0 = inside, None = never seen."""

    thing: str
    signal: str
    unit: str
    low_low: float | None
    low: float | None
    high: float | None
    high_high: float | None
    deadband: float
    changed_by: str
    changed_at: datetime
    value: float | None
    device_at: datetime | None
    level: int | None


class LimitsAnswer(BaseModel):
    """Every limit that the caller may see."""

    rows: list[LimitRow]
    as_of: datetime


class LimitsImported(BaseModel):
    """What an import did."""

    added: int
    changed: int
    refused: int
    problems: list[ImportProblem]


@router.get("", summary="Limits of signals and how they stand; as a sheet to change and bring back")
def every(
    caller: ViewerCaller,
    use: Use,
    thing: Annotated[str, Query(max_length=limits.READING_NAME_BYTES_MAX)] = "",
    format: Literal["json", "csv", "xlsx"] = "json",
) -> object:
    """Return the limits of the things that the caller may see, by thing and signal."""
    kept = [k for k in use.ledger.signal_limits.kept(thing) if _sees(caller, use, k.limits)]
    if format != "json":
        return export_response([_sheet(kept)], format, "limits", _COLUMNS)
    newest = queries.newest(use.warehouse, [(k.limits.thing, k.limits.signal) for k in kept])
    found = queries.open_levels(use.warehouse)
    return LimitsAnswer(rows=[_row(k, newest, found) for k in kept], as_of=instant_now())


@router.put("", summary="Set the limits of a signal")
def put(body: dict[str, Any], caller: OperatorCaller, use: Use) -> Done:
    """Set the limits of one signal in place of those it had. The engine follows in a second."""
    values, wrong = read_form(FIELDS, body)
    if wrong:
        raise LimitError("; ".join(f"{p.field}: {p.problem}" for p in wrong))
    given = limits_of(values)
    _check(caller, use, given)
    use.ledger.signal_limits.put([given], caller.name)
    _note(caller, use, "signal_limit", f"{given.thing} {given.signal}", _said(given))
    return Done()


@router.delete("", summary="Take the limits of a signal away")
def delete(thing: _Name, signal: _Name, caller: OperatorCaller, use: Use) -> Done:
    """Delete the limits of one signal; an open alarm of it closes."""
    mine = [k for k in use.ledger.signal_limits.kept(thing) if k.limits.signal == signal]
    if not mine or not _sees(caller, use, mine[0].limits):
        raise NotFoundError(f"signal {signal!r} of {thing!r} has no limits")
    use.ledger.signal_limits.delete(thing, signal)
    _note(caller, use, "signal_limit.delete", f"{thing} {signal}", "")
    return Done()


@router.post("/import", summary="Set limits from CSV or XLSX")
def import_limits(file: UploadFile, caller: OperatorCaller, use: Use) -> LimitsImported:
    """Set every good row; the bad ones are left out and listed."""
    found = entries_in(file.file.read(), FIELDS)
    problems = list(found.problems)
    good: list[SignalLimits] = []
    for entry in found.entries:
        try:
            given = limits_of(entry.values)
            _check(caller, use, given)
        except (LimitError, RefusedError) as wrong:
            problems.append(RowProblem(entry.row, "", str(wrong)))
        else:
            good.append(given)
    added, changed = use.ledger.signal_limits.put(good, caller.name)
    refused = len({p.row for p in problems})
    said = f"{added} added, {changed} set again, {refused} refused"
    _note(caller, use, "signal_limit.import", file.filename or "", said)
    shown = sorted(problems, key=lambda p: p.row)[:PROBLEMS_SHOWN]
    listed = [ImportProblem(**dataclasses.asdict(p)) for p in shown]
    return LimitsImported(added=added, changed=changed, refused=refused, problems=listed)


def _sees(caller: Caller, use: Services, given: SignalLimits) -> bool:
    if not caller.operator:
        return True
    registered = use.ledger.things.get(given.thing)
    return registered is not None and registered.operator == caller.operator


def _check(caller: Caller, use: Services, given: SignalLimits) -> None:
    if not _sees(caller, use, given):
        raise RefusedError(
            f"{given.thing} is not registered as a thing of {caller.operator}; you set limits of "
            "your own things only"
        )


def _note(caller: Caller, use: Services, what: str, about: str, said: str) -> None:
    use.ledger.audit.add(caller.name, caller.address, what, about, said)


def _said(given: SignalLimits) -> str:
    bounds = " ".join("-" if b is None else f"{b:g}" for b in given.bounds)
    return f"{bounds}, deadband {given.deadband:g}"


def _sheet(kept: list[SetLimits]) -> pa.Table:
    return pa.table({f.name: [getattr(k.limits, f.name) for k in kept] for f in FIELDS})


def _row(
    kept: SetLimits, newest: queries.Newest, found: dict[tuple[str, int], tuple[str, int]]
) -> LimitRow:
    own = kept.limits
    seen = newest.get((own.thing, own.signal))
    kind, severity = found.get((own.thing, own.number), ("", 0))
    level = (2 if severity >= Severity.STOP else 1) * (1 if kind == "high" else -1) if kind else 0
    plain = {f.name: getattr(own, f.name) for f in FIELDS}
    value, device_at = seen or (None, None)
    return LimitRow.model_validate({
        **plain, "unit": queries.unit_symbol(own.signal), "changed_by": kept.changed_by,
        "changed_at": kept.changed_at, "value": value, "device_at": device_at,
        "level": level if seen else None,
    })  # fmt: skip
