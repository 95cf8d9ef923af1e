"""What the page of one machine is told is what the queries of all machines answer of it."""

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from millbrain.analyse.effectiveness.pages import figures, machine, states
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.pages import Document, Query
from millbrain.record.warehouse import Warehouse, create_tables
from millbrain.show.queries import asked
from tests.analyse.effectiveness import made_fleet

OPERATOR = "North"
MACHINE = "N-M1"
Row = dict[str, Any]


@pytest.fixture
def company(warehouse: Warehouse) -> Warehouse:
    create_tables(warehouse, (*SHARED_TABLES, *made_fleet.TABLES))
    made_fleet.store_company(warehouse, OPERATOR, int(time.time()))
    return warehouse


def rows(warehouse: Warehouse, query: Query, operator: str = "", **given: Any) -> list[Row]:
    values = {a.name: a.default for a in query.arguments} | {"machine": MACHINE} | given
    return asked.answer(warehouse, query, values, operator, asked.Slice(size=query.rows_max))[0]


def told(
    warehouse: Warehouse, document: Document, operator: str = "", name: str = MACHINE
) -> dict[str, Any]:
    answers: dict[str, Any] = {
        q.name: rows(warehouse, q, operator, machine=name) for q in document.parts
    }
    for query in document.tables:
        answers[query.name] = asked.table(warehouse, query, {"machine": name}, operator)
    found: dict[str, Any] = json.loads(document.make(answers, "en"))
    return found


def same(mine: Sequence[Row], theirs: Sequence[Row]) -> None:
    """Compare rows over the names that both have."""
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        both = {n: v for n, v in other.items() if n in one}
        assert both, one
        for name, value in both.items():
            assert one[name] == (value if value is None else pytest.approx(value)), name


def test_the_day_is_what_the_queries_say(company: Warehouse) -> None:
    day = told(company, machine.DAY)
    indicators = rows(company, figures.INDICATORS, by="all")
    same([day["indicators"]] if indicators else [], indicators)
    same(day["hours"], rows(company, figures.HOURS))
    same(day["losses"], rows(company, figures.LOSSES))
    same(day["energy"], rows(company, figures.ENERGY))


def test_runs_and_stops_are_put_together_as_the_queries_do(company: Warehouse) -> None:
    day = told(company, machine.DAY)
    runs = rows(company, states.RUNS)
    assert len(runs) > 20
    assert len({row["reason_title_zh"] for row in runs}) > 1, "reasons have names"
    same(day["runs"], runs)
    same(day["stops"], sorted(rows(company, states.STOPS), key=lambda row: row["start_at"]))
    assert day["as_of"] == max(row["as_of"] for row in runs)


def test_failures_of_the_month_are_what_the_query_says(company: Warehouse) -> None:
    (month,) = rows(company, figures.INDICATORS, by="all", days=machine.MONTH_DAYS)
    assert month["mtbf_h"]
    assert month["mttr_h"]
    same([told(company, machine.LONG)], [month])


def test_the_state_is_what_the_query_of_all_machines_says(company: Warehouse) -> None:
    state = rows(company, machine.STATE_NOW)
    assert state[0]["since_at"]
    same(state, rows(company, states.NOW))
    same([told(company, machine.DAY)["state"]], state)


@pytest.mark.parametrize(("operator", "name"), [("South", MACHINE), ("", "nobody")])
def test_other_peoples_and_unknown_machines_tell_nothing(
    company: Warehouse, operator: str, name: str
) -> None:
    day = told(company, machine.DAY, operator, name)
    assert day.pop("indicators") is None
    assert day.pop("as_of") is None
    assert day.pop("state") is None
    assert not any(day.values())
    assert not any(told(company, machine.LONG, operator, name).values())
    assert rows(company, machine.STATE_NOW, operator, machine=name) == []
