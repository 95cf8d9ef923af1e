"""Declared tables, protocol fields and limits keep the rules of names, units and meanings."""

import importlib
import re
from collections.abc import Iterator

import pytest

from millbrain.core import facts, limits
from millbrain.core.tables import Table
from millbrain.core.units import UNITS
from millbrain.core.wire import Block, Field, Group, Many
from millbrain.run.discovery import discover
from tests.tidy import rules, sources
from tests.tidy.sources import ROOT

TABLES = (*facts.SHARED_TABLES, *(t for room in discover("connect") for t in room.tables))
LIMITS = [n for n in vars(limits) if n.isupper()]


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_columns_are_named_and_explained(table: Table) -> None:
    found = list(rules.bad_columns(table))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_table_keys_exist(table: Table) -> None:
    names = {c.name for c in table.columns}
    assert set(table.order_by) <= names, f"{table.name}: order_by names a column that is not there"
    if table.keep_days:
        assert table.keep_by in names, f"{table.name}: keep_by {table.keep_by!r} is no column"
    assert len(names) == len(table.columns), f"{table.name}: a column is declared twice"


def fields(part: object) -> Iterator[Field]:
    if isinstance(part, Field):
        yield part
    elif isinstance(part, Group):
        yield from part.fields
    elif isinstance(part, Many):
        yield part.count
        for item in part.item if isinstance(part.item, tuple) else (part.item,):
            yield from fields(item)


def declared_blocks() -> list[tuple[str, Block]]:
    found = []
    for room in discover("connect"):
        if (ROOT / "millbrain/connect" / room.key / "fields.py").exists():
            module = importlib.import_module(f"millbrain.connect.{room.key}.fields")
            found += [(room.key, block) for block in getattr(module, "BLOCKS", {}).values()]
    return found


def test_protocol_fields_carry_listed_units() -> None:
    columns = {c.name: c for t in TABLES for c in t.columns}
    wrong = []
    for room, block in declared_blocks():
        for field in (f for part in block.parts for f in fields(part)):
            where = f"{room} block {block.edition}/{block.type:02x} field {field.key}"
            if field.unit and field.unit not in UNITS:
                wrong.append(f"{where}: unit {field.unit!r} is not in core.units")
            if not field.title or not re.search(r"[\u4e00-\u9fffA-Z]", field.title_zh):
                wrong.append(f"{where}: needs a title in English and in Chinese")
            if not field.column:
                continue
            if field.column not in columns:
                wrong.append(f"{where}: column {field.column!r} is in no declared table")
            elif field.unit and not field.column_per:
                unit = columns[field.column].unit
                if unit is None or unit.suffix != field.unit:
                    wrong.append(f"{where}: [{field.unit}] fills {field.column}, another unit")
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_is_kept_by_somebody(name: str) -> None:
    users = [
        s.path
        for s in sources.package()
        if s.path != "millbrain/core/limits.py" and re.search(rf"\b{name}\b", s.text)
    ]
    assert users, (
        f"limits.{name} is named by no module: a bound that nobody keeps is a false promise; "
        "keep it or delete it"
    )


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_has_its_reason_beside_it(name: str) -> None:
    text = (ROOT / "millbrain/core/limits.py").read_text("utf-8")
    assert re.search(rf"^{name}: Final = [^#\n]+# \S", text, re.MULTILINE), (
        f"limits.{name} has no comment; an operator who meets it asks why"
    )
