"""Pay over the API: who sees what, books entered by administrators only, payslips that add up."""

import dataclasses
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.production.orders import PlannedOperation, ProductionOrder
from millbrain.core.production.reports import Kind, Report
from millbrain.decide.pay.app import Pay
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.orders import Asker
from tests.show.conftest import client_of

API = "/api/v1/production/pay"
AT = datetime(2026, 6, 10, 8, tzinfo=UTC)
BOOKS = {
    "rates": [{"operation": "TURN", "since": "2026-01-01", "fen": 35}],
    "people": [{"person": p, "since": "2026-01-01", "team": "T"} for p in ("viewer", "W2")],
    "attendance": [{"person": p, "day": "2026-06-10", "minutes": 480} for p in ("viewer", "W2")],
}


@pytest.fixture
def admin(app: FastAPI, ledger: Ledger) -> TestClient:
    """An administrator of a house where somebody worked."""
    pay = Pay(ledger.pay, ledger.pay, UTC)
    app.state.services = dataclasses.replace(app.state.services, pay=pay)
    asker = Asker("test")
    ledger.production.put([ProductionOrder("PAY1", "SHAFT", 90)], asker)
    if ledger.production.get("PAY1").state == "planned":
        ledger.production.release("PAY1", [PlannedOperation("10", 1, "TURN")], asker)
    ledger.reports.take([
        Report(f"0000001{n}-0000-8000-8000-000000000000", "PAY1", "10", Kind.GOOD, person, AT, AT,
               quantity=count)
        for n, (person, count) in enumerate((("viewer", 10), ("W2", 5), ("alone", 3)))
    ], asker)  # fmt: skip
    return client_of(app, ledger, "admin")


def test_books_scoreboard_and_payslip(admin: TestClient) -> None:
    assert admin.post(f"{API}/books", json=BOOKS).json() == {
        "rates": 1, "people": 2, "attendance": 2,
    }  # fmt: skip
    assert admin.post(f"{API}/books", json=BOOKS).json()["rates"] == 0
    assert admin.get(f"{API}/books").json()["rates"][0]["fen"] == 35
    board = admin.get(f"{API}/2026-06").json()
    assert {p["person"]: p["fen"] for p in board["people"]} == {
        "W2": 263, "alone": 105, "viewer": 262,  # of equal remainders the first name gets the fen
    }  # fmt: skip
    assert board["teams"] == [{"team": "T", "fen": 525, "people": 2, "pieces": 15}]
    assert board["total_fen"] == 630
    slip = admin.get(f"{API}/2026-06/viewer").json()
    assert sum(line["fen"] for line in slip["lines"]) == slip["fen"] == 262
    assert slip["pot"]["own"][0]["report"].startswith("00000010")


def test_everybody_else_sees_the_own_line_and_team_totals(
    app: FastAPI, ledger: Ledger, admin: TestClient
) -> None:
    admin.post(f"{API}/books", json=BOOKS)
    viewer = client_of(app, ledger, "viewer")
    board = viewer.get(f"{API}/2026-06").json()
    assert [p["person"] for p in board["people"]] == ["viewer"]
    assert board["teams"][0]["fen"] == 525
    assert board["total_fen"] is None
    assert viewer.get(f"{API}/2026-06/viewer").status_code == 200
    assert viewer.get(f"{API}/2026-06/W2").status_code == 404
    assert viewer.get(f"{API}/books").status_code == 403
    assert viewer.post(f"{API}/books", json=BOOKS).status_code == 403


def test_wrong_books_and_months_are_refused(admin: TestClient) -> None:
    assert admin.get(f"{API}/2026-13").status_code == 422
    good: dict[str, object] = {"operation": "TURN", "since": "2026-01-01", "fen": 35}
    for wrong in ({"fen": -1}, {"per": 0}, {"since": "soon"}, {"colour": "red"}):
        rate = good | wrong
        assert admin.post(f"{API}/books", json={"rates": [rate]}).status_code == 422, wrong
