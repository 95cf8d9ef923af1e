"""B2MML over the API: in, again, cancelled, out; scopes and refusals."""

import dataclasses
from datetime import UTC
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.scans.recipes import Part
from millbrain.core.work.working_time import WorkingCalendar
from millbrain.decide.production.app import Production
from millbrain.decide.production.model import ProductionRules
from millbrain.record.ledger import Ledger
from millbrain.show.exchange.documents import parse
from millbrain.show.queries.rows import instant_now
from tests.show.conftest import client_of
from tests.show.exchange.made_b2mml import SCHEDULE, WORK, schema, sync

API = "/api/v1/production"
XML = {"Content-Type": "application/xml"}


@pytest.fixture
def operator(app: FastAPI, ledger: Ledger) -> TestClient:
    """Somebody of the centre, in a house without plants."""
    room = Production(
        ledger.production, ledger.reports, ledger.andon, ledger.recipes, [], Part,
        lambda events: None, WorkingCalendar(UTC), ProductionRules.of(), instant_now,
    )  # fmt: skip
    app.state.services = dataclasses.replace(app.state.services, production=room)
    return client_of(app, ledger, "operator")


def test_orders_come_in_once_and_go_to_the_floor(
    operator: TestClient, ledger: Ledger, shared_data: Path
) -> None:
    first = operator.post(f"{API}/b2mml", content=SCHEDULE, headers=XML)
    assert first.json()["orders"] == [{"number": "PO-1001", "fate": "added", "state": "released"}]
    again = operator.post(f"{API}/b2mml", content=sync(SCHEDULE), headers=XML).json()
    assert again["orders"] == [{"number": "PO-1001", "fate": "left", "state": "released"}]
    steps = [o.plan.step for o in ledger.production.operations(["PO-1001"])["PO-1001"]]
    assert steps == ["010", "020"]
    waiting = operator.post(f"{API}/b2mml", content=WORK, headers=XML).json()
    assert waiting["orders"][0]["state"] == "planned"
    for form, name in (("operations", "OperationsPerformance"), ("work", "WorkPerformance")):
        answer = operator.get(f"{API}/b2mml/performance", params={"form": form})
        assert answer.headers["content-type"] == "application/xml"
        schema(shared_data, name).assertValid(parse(answer.content))
    cancelled = operator.post(f"{API}/b2mml", content=sync(SCHEDULE, "Cancel"), headers=XML)
    assert cancelled.json()["orders"][0]["state"] == "cancelled"
    twice = operator.post(f"{API}/b2mml", content=sync(SCHEDULE, "Cancel"), headers=XML)
    assert twice.json()["orders"][0]["fate"] == "refused"


def test_refusals_have_the_shape_of_every_error(operator: TestClient) -> None:
    for body in (b"<a/>", b"no xml", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'):
        answer = operator.post(f"{API}/b2mml", content=body, headers=XML)
        assert 400 <= answer.status_code < 500, answer.text
        assert "B2MML" in answer.json()["error"]["message"]
    shown = operator.post(f"{API}/b2mml", content=sync(SCHEDULE, "Show"), headers=XML)
    assert shown.status_code == 422
    assert operator.get(f"{API}/b2mml/performance").status_code == 404


def test_an_organisation_sees_its_own_orders_only(
    app: FastAPI, ledger: Ledger, operator: TestClient
) -> None:
    operator.post(f"{API}/b2mml", content=SCHEDULE, headers=XML)
    stranger = client_of(app, ledger, "north")
    asked = stranger.get(f"{API}/b2mml/performance", params={"number": "PO-1001"})
    assert asked.status_code == 404
    taken = stranger.post(f"{API}/b2mml", content=SCHEDULE, headers=XML).json()["orders"]
    assert taken[0]["fate"] == "refused", "its number is another organisation's"
