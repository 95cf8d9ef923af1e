"""The kit over all queries that rooms declare: well declared, answered as declared, and divided.

What an organisation's account sees must not depend on anybody else's rows: a query is asked by one
organisation in a warehouse of two, and the answer must be what it is in a warehouse of that one
alone. So a count, a mean or a rank over foreign vehicles fails as well as a foreign row. A room
with queries brings rows to try them with: ``tests/<stage>/<room>/made_fleet.py`` with `TABLES`,
`store_company(warehouse, operator, now_s)` and `given(argument, operator)`.
"""

import importlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from millbrain.core.facts import SHARED_TABLES
from millbrain.core.pages import Query, RoomPage, Scope
from millbrain.core.tables import Column, Table
from millbrain.record.warehouse import Warehouse, create_tables, open_embedded
from millbrain.run.discovery import apps, drivers, room_pages
from millbrain.show.api.room_queries import row_model
from millbrain.show.queries import asked
from tests.tidy import rules

pytestmark = pytest.mark.slow

OURS, THEIRS = "North Fleet", "South Fleet"
PAGES = room_pages()
QUERIES = sorted(
    {(page.room, q.name): (page, q) for page in PAGES for q in page.page.queries}.items()
)
TABLES = {
    t.name: t for t in (*SHARED_TABLES, *(t for r in (*drivers(), *apps()) for t in r.tables))
}
each_query = pytest.mark.parametrize(
    ("page", "query"), [found for _, found in QUERIES], ids=[f"{r}.{n}" for (r, n), _ in QUERIES]
)


@dataclass
class Stores:
    """The same company's rows twice: once alone, once beside another company's."""

    alone: Warehouse
    both: Warehouse
    given: Any

    def ask(
        self, query: Query, operator: str, *, alone: bool = False, of: str = OURS
    ) -> list[dict[str, Any]]:
        """Ask for everything; of: whose vehicle the arguments name."""
        values = {
            a.name: a.default if a.default is not None else self.given(a.name, of)
            for a in query.arguments
        }
        part = asked.Slice(size=query.rows_max)
        rows, total, _ = asked.answer(
            self.alone if alone else self.both, query, values, operator, part
        )
        assert total == len(rows)
        return [{name: _rounded(value) for name, value in row.items()} for row in rows]


def _rounded(value: Any) -> Any:
    """Sums of floats depend on the order of their parts, in the last digits."""
    return round(value, 6) if isinstance(value, float) else value


@pytest.fixture(scope="module")
def stores(warehouse_folder: Path) -> Iterator[dict[str, Stores]]:
    """The two warehouses of each room that has queries."""
    found, opened, now_s = {}, [], int(time.time())
    for room, folder in sorted({(p.room, p.folder) for p in PAGES if p.page.queries}):
        made = importlib.import_module(f"tests.{folder.parent.name}.{room}.made_fleet")
        alone, both = (open_embedded(warehouse_folder, f"{room}_{n}") for n in ("alone", "both"))
        opened += [alone, both]
        for warehouse, companies in ((alone, (OURS,)), (both, (OURS, THEIRS))):
            create_tables(warehouse, {t.name: t for t in (*SHARED_TABLES, *made.TABLES)}.values())
            for operator in companies:
                made.store_company(warehouse, operator, now_s)
        found[room] = Stores(alone, both, made.given)
    yield found
    for warehouse in opened:
        warehouse.execute(f"DROP DATABASE {warehouse.database} SYNC")
        warehouse.close()


@each_query
def test_it_is_explained_in_both_languages(page: RoomPage, query: Query) -> None:
    assert query.title
    assert re.search(r"[\u4e00-\u9fff]", query.title_zh), f"{query.name}: a title in Chinese"
    table = Table(f"{page.room}.{query.name}", query.title, query.title_zh, query.columns, ())
    found = list(rules.bad_columns(table))
    found += [f"{a.name}: in both languages" for a in query.arguments
              if not (a.meaning and re.search(r"[\u4e00-\u9fff]", a.meaning_zh))]  # fmt: skip
    assert not found, "\n" + "\n".join(found)


@each_query
def test_tables_with_versions_are_read_with_final(page: RoomPage, query: Query) -> None:
    found = re.findall(r"(?:FROM|JOIN)\s+(\w+)((?:\s+AS\s+\w+)?\s+FINAL)?", query.sql)
    read = [(name, bool(final)) for name, final in found if name in TABLES]
    assert read, "it reads no table that is declared"
    stale = [name for name, is_final in read if TABLES[name].newest_by and not is_final]
    assert not stale, f"{page.room}.{query.name} shows old versions of rows of {stale}: say FINAL"


@each_query
def test_it_answers_as_declared(page: RoomPage, query: Query, stores: dict[str, Stores]) -> None:
    rows = stores[page.room].ask(query, "")
    assert rows, f"the room's made rows do not reach {query.name}, so it is not tried at all"
    model = row_model(page.room, query)
    for row in rows:
        model.model_validate(row)


@each_query
def test_an_organisation_sees_its_own_only(
    page: RoomPage, query: Query, stores: dict[str, Stores]
) -> None:
    if query.scope is Scope.WHOLE:
        return  # refused to it: tests/show/test_room_queries.py
    store = stores[page.room]
    ours = store.ask(query, OURS)
    assert ours == store.ask(query, OURS, alone=True), "it depends on another company's rows"
    everybody = store.ask(query, "")
    one = ("vin", "thing", "machine")
    names_a_thing = any(a.name in one and a.default is None for a in query.arguments)
    assert ours != everybody or names_a_thing, "the made rows cannot tell whether it is divided"
    if names_a_thing:
        assert store.ask(query, "", of=THEIRS), "the made rows hold nothing of the other one"
        assert not [r for r in store.ask(query, OURS, of=THEIRS) if THEIRS in r.values()]
        if not any(c.name == "operator" for c in query.columns):
            assert store.ask(query, OURS, of=THEIRS) == [], "it shows what is another company's"


def test_a_query_that_counts_foreign_vehicles_is_found_out(stores: dict[str, Stores]) -> None:
    """The check above can fail: this text names the organisation and does not divide by it."""
    column = Column("vehicles", "u64", "Vehicles", "车辆数")
    text = "SELECT count() AS vehicles FROM vehicle_latest WHERE operator != {operator:String}"
    query = Query("foul", "Foul", "错误", text, (column,), "vehicles")
    store = stores["battery"]
    assert store.ask(query, OURS) != store.ask(query, OURS, alone=True)


@each_query
def test_nobody_gets_rows_of_an_organisation_that_is_not_there(
    page: RoomPage, query: Query, stores: dict[str, Stores]
) -> None:
    if query.scope is Scope.WHOLE:
        return
    rows = stores[page.room].ask(query, "No Fleet")
    assert all(not value for row in rows for value in row.values()), "counts of nothing are 0"
