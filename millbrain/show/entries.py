"""Entries of a declared form out of a file: CSV, XLSX or JSON, with every problem by its row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from millbrain.core import limits
from millbrain.core.errors import LimitError
from millbrain.core.forms import FormField, heading_factor, heading_key, read_form
from millbrain.record.ledger.things import Things
from millbrain.show.imports import RowProblem, table_rows

_CURVE: Final = "curve"


@dataclass(frozen=True, slots=True)
class Entry:
    """One good entry. row: of the file, from 1, the heading included. curve: None = none."""

    row: int
    values: Mapping[str, Any]
    curve: Any = None


@dataclass(frozen=True, slots=True)
class FileEntries:
    """What a file held. unused: headings that no field of the form has."""

    entries: Sequence[Entry]
    problems: Sequence[RowProblem]
    unused: Sequence[str]


def entries_in(
    content: bytes, fields: Sequence[FormField], defaults: Mapping[str, object] | None = None
) -> FileEntries:
    """Return the entries of a file, and what is wrong with the rows that are left out.

    Parameters
    ----------
    content
        XLSX (told by its first bytes), JSON (a list of objects, or an object with `records`), or
        CSV in UTF-8 or GB 18030. Headings are names or titles of fields in either language; a unit
        in brackets is converted. Objects may carry a `curve`.
    fields
        The form.
    defaults
        Field -> value where a row has none.

    Raises
    ------
    LimitError
        The file cannot be read, has too many rows, or names a unit that cannot be converted.

    """
    start = content.lstrip()[:1]
    rows = _objects(content) if start in (b"[", b"{") else _table(content)
    spelled = {text: field for field in fields for text in field.spellings()}
    entries: list[Entry] = []
    problems: list[RowProblem] = []
    unused: dict[str, None] = {}
    for number, row in rows:
        if len(entries) + len(problems) >= limits.RECORD_ROWS_MAX:
            raise LimitError(
                f"a file has at most {limits.RECORD_ROWS_MAX} rows; nothing was imported"
            )
        curve = row.pop(_CURVE, None)
        given = dict(defaults or {}) | _given(row, spelled, unused)
        values, wrong = read_form(fields, given)
        if wrong:
            problems += [RowProblem(number, p.field, p.problem) for p in wrong]
        else:
            entries.append(Entry(number, values, curve))
    return FileEntries(entries, problems, list(unused))


def _given(
    row: Mapping[str, object], spelled: Mapping[str, FormField], unused: dict[str, None]
) -> dict[str, object]:
    given: dict[str, object] = {}
    for heading, value in row.items():
        field = spelled.get(heading_key(heading))
        if field is None:
            if heading:
                unused[heading] = None
        elif value not in (None, ""):
            given[field.name] = _converted(field, heading, value)
    return given


def _converted(field: FormField, heading: str, value: object) -> object:
    if field.kind not in ("number", "whole"):
        return value
    try:
        factor = heading_factor(field, heading)
    except ValueError as e:
        raise LimitError(f"column {heading!r} {e}; nothing was imported") from e
    if factor == 1:
        return value
    try:
        return round(float(str(value)) * factor, 9)
    except ValueError:
        return value  # the field says what is wrong with it


def _table(content: bytes) -> Iterator[tuple[int, dict[str, object]]]:
    rows = table_rows(content)
    heading = [text.strip() for text in next(rows, [])]
    if not any(heading):
        raise LimitError("the file has no heading in its first row; nothing was imported")
    for number, row in enumerate(rows, start=2):
        if any(text.strip() for text in row):
            yield number, dict(zip(heading, row, strict=False))


def _objects(content: bytes) -> Iterator[tuple[int, dict[str, object]]]:
    try:
        read = orjson.loads(content)
    except orjson.JSONDecodeError as e:
        raise LimitError(f"the file is not JSON: {e}; nothing was imported") from e
    records = read.get("records") if isinstance(read, dict) else read
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise LimitError("a JSON file is a list of objects, or an object with `records`")
    for number, record in enumerate(records, start=1):
        items = record.pop("items", {})  # measured values may stand apart
        yield number, record | (items if isinstance(items, dict) else {"items": items})


def of_organisation(
    entries: Sequence[Entry],
    keys: Sequence[tuple[str, ...]],
    vins_of: Callable[[Sequence[tuple[str, ...]]], Mapping[tuple[str, ...], str]],
    operator: str,
    things: Things,
) -> tuple[list[Entry], list[RowProblem]]:
    """Keep entries about vehicles of an organisation, and name the others as problems.

    An entry that corrects one of another organisation's vehicle is as foreign as one about it.

    Parameters
    ----------
    entries, keys
        Good entries, and by what each is known.
    vins_of
        Of keys, the VIN that each is about already.
    operator
        Organisation that the caller is limited to, empty = none.
    things
        The register, which knows whose a vehicle is.

    """
    if not operator:
        return list(entries), []
    before = vins_of(keys)
    vins = {e.values["vin"] for e in entries} | set(before.values())
    owners = things.operators_of(sorted(vins))
    mine: list[Entry] = []
    foreign: list[RowProblem] = []
    for key, entry in zip(keys, entries, strict=True):
        vin = entry.values["vin"]
        if {owners.get(vin), owners.get(before.get(key, vin))} == {operator}:
            mine.append(entry)
        else:
            foreign.append(RowProblem(entry.row, "vin", f"{vin} is not of {operator}"))
    return mine, foreign
