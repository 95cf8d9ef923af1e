"""Orders over the API: from an alarm in the ledger to a notice at a receiver; who may do what."""

from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.decide.notices.app import Sender
from millbrain.record.ledger import Ledger, Role
from millbrain.record.ledger.models import now
from tests.decide.loops import NORTH, SOUTH, VINS, Loop, finding
from tests.decide.receivers import http_receiver
from tests.show.conftest import PASSWORD, client_of


@pytest.fixture
def loop(ledger: Ledger) -> Loop:
    """One order of North Fleet, dispatched to it by its severity."""
    made = Loop(ledger)
    made.alarms.take([finding()])
    made.settle()
    return made


@pytest.fixture
def south(app: FastAPI, ledger: Ledger) -> TestClient:
    """An operator who is limited to South Fleet."""
    ledger.accounts.add("south", PASSWORD, Role.OPERATOR, SOUTH)
    return client_of(app, ledger, "south")


def test_from_the_alarm_to_the_receiver(
    loop: Loop, ledger: Ledger, admin: TestClient, north: TestClient
) -> None:
    with http_receiver() as receiver:
        target = {"name": "desk", "channel": "webhook", "address": receiver.url, "language": "en",
                  "topics": ["order.accept"]}  # fmt: skip
        assert admin.post("/api/v1/notices/targets", json=target).status_code == 201
        (row,) = north.get("/api/v1/orders").json()["rows"]
        assert (row["thing"], row["state"], row["assignee"]) == (VINS[0], "dispatched", NORTH)
        accepted = north.post(f"/api/v1/orders/{row['number']}/steps", json={"action": "accept"})
        assert accepted.json()["state"] == "accepted"
        sender = Sender(ledger.outbox, ZoneInfo("Asia/Shanghai"), now)
        sender.tick()
        sender.settle()
        sender.stop()
        (got,) = receiver.got
        assert got.json()["subject"] == row["number"]
        assert got.json()["attempt"] == 1
    (told,) = admin.get("/api/v1/notices/deliveries").json()["rows"]
    assert told["state"] == "delivered"
