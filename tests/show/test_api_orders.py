"""Orders over the API: from an alarm in the ledger to a notice at a receiver; who may do what."""

import csv
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.findings import Severity
from millbrain.decide.notices.app import Sender
from millbrain.record.ledger import Ledger, Role
from millbrain.record.ledger.models import now
from tests.decide.loops import NORTH, SOUTH, VINS, Loop, finding
from tests.decide.receivers import http_receiver
from tests.record.ledger.test_records import inspection
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


def number_of(client: TestClient) -> str:
    (row,) = client.get("/api/v1/orders").json()["rows"]
    return str(row["number"])


def test_an_illegal_step_is_a_409_that_names_the_possible_ones(
    loop: Loop, north: TestClient
) -> None:
    number = number_of(north)
    answer = north.post(f"/api/v1/orders/{number}/steps", json={"action": "done", "note": "x"})
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert (error["code"], error["detail"]["state"]) == ("illegal_step", "dispatched")
    assert error["detail"]["allowed"] == ["accept", "reject", "comment", "attach"]
    assert "'done' is not possible; allowed now: dispatch, accept" in error["message"]


def test_who_decides_on_old_news_is_told_so(loop: Loop, north: TestClient) -> None:
    number = number_of(north)
    seen = north.get(f"/api/v1/orders/{number}").json()
    path = f"/api/v1/orders/{number}/steps"
    assert north.post(path, json={"action": "accept", "version": seen["version"]}).is_success
    late = north.post(
        path, json={"action": "reject", "reason": "x", "version": seen["version"]}
    )  # fmt: skip
    assert late.status_code == 409
    assert late.json()["error"]["detail"]["version"] == seen["version"] + 1


def test_everyone_sees_only_what_their_organisation_may(
    loop: Loop, north: TestClient, south: TestClient, viewer: TestClient, operator: TestClient
) -> None:
    number = number_of(north)
    path = f"/api/v1/orders/{number}"
    assert south.get("/api/v1/orders").json()["total"] == 0
    assert south.get("/api/v1/orders/choices").json()["assignees"] == []
    assert sum(c["total"] for c in south.get("/api/v1/orders/board").json()["columns"]) == 0
    assert number not in south.get("/api/v1/orders", params={"format": "csv"}).text
    for status in (
        south.get(path).status_code,
        south.post(f"{path}/steps", json={"action": "comment", "note": "x"}).status_code,
        south.post(f"{path}/files", files={"file": ("a.txt", b"a")}).status_code,
    ):
        assert status == 404
    refused = north.post(f"{path}/steps", json={"action": "dispatch", "organisation": SOUTH})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "refused")
    assert viewer.get(path).json()["allowed"] == []
    sent = operator.post(f"{path}/steps", json={"action": "dispatch", "organisation": SOUTH})
    assert sent.json()["assignee"] == SOUTH
    assert "accept" in south.get(path).json()["allowed"]
    assert north.get(path).json()["allowed"] == ["comment", "attach"]  # the owner still reads


def test_only_an_inspection_of_the_vehicle_is_linked(
    loop: Loop, ledger: Ledger, north: TestClient
) -> None:
    path = f"/api/v1/orders/{number_of(north)}"
    (other,) = ledger.inspections.put([inspection("2", vin=VINS[1])], "bench").ids
    for action in ("accept", "start"):
        assert north.post(f"{path}/steps", json={"action": action}).is_success
    for given in (str(other), "17000", "lane 3", "²", "9" * 30):
        refused = north.post(f"{path}/steps", json={"action": "inspect", "inspection": given})
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "limit"), given
        assert f"is none of {VINS[0]}" in refused.json()["error"]["message"]
    assert north.get(path).json()["inspection"] == ""


def test_the_whole_way_with_repair_and_files(loop: Loop, ledger: Ledger, north: TestClient) -> None:
    number = number_of(north)
    path = f"/api/v1/orders/{number}"
    (mine,) = ledger.inspections.put([inspection("1", vin=VINS[0])], "bench").ids
    part = {"part": "cell", "pack_no": 1, "cell_no": 82, "old_code": "A1", "new_code": "B2"}
    for body in (
        {"action": "accept"}, {"action": "start"}, {"action": "inspect", "inspection": str(mine)},
        {"action": "repair", "repairs": [part]}, {"action": "done", "note": "cell replaced"},
    ):  # fmt: skip
        answer = north.post(f"{path}/steps", json=body)
        assert answer.is_success, answer.text
    png = b"\x89PNG\r\n\x1a\n" + bytes(30)
    kept = north.post(f"{path}/files", files={"file": ("照片.png", png)}).json()
    file = north.get(f"{path}/files/{kept['id']}")
    assert file.content == png
    assert file.headers["content-type"] == "image/png"
    assert file.headers["content-disposition"].startswith("attachment; filename*=UTF-8''%E7%85%A7")
    order = north.get(path).json()
    assert (order["state"], order["inspection"], order["allowed"]) == (
        "done", str(mine), ["comment", "attach"],
    )  # fmt: skip
    (repair,) = [s for s in order["steps"] if s["action"] == "repair"]
    assert repair["detail"]["repairs"][0]["old_code"] == "A1"
    assert repair["who"] == "north"
    refused = north.post(f"{path}/files", files={"file": ("page.html", b"<script>")})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "limit")


def test_the_board_counts_and_marks_what_is_late(loop: Loop, viewer: TestClient) -> None:
    loop.alarms.take([finding(VINS[2], severity=Severity.SERVICE)])
    loop.settle()
    (second,) = [o for o in loop.all() if o.thing == VINS[2]]
    loop.ledger.orders.set_deadline(second.id, second.version, now() - timedelta(days=3), None)
    board = viewer.get("/api/v1/orders/board").json()
    totals = {c["state"]: (c["total"], c["overdue"]) for c in board["columns"] if c["total"]}
    assert totals == {"raised": (1, 1), "dispatched": (1, 0)}
    (late,) = next(c["rows"] for c in board["columns"] if c["state"] == "raised")
    assert late["is_overdue"]
    assert late["left_s"] < 0
    shown = viewer.get("/api/v1/orders", params={"overdue": True}).json()
    assert [r["number"] for r in shown["rows"]] == [second.number]
    fine = viewer.get("/api/v1/orders", params={"state": "dispatched", "q": VINS[0][:8]}).json()
    assert fine["total"] == 1


def test_exports_hold_every_match(loop: Loop, viewer: TestClient) -> None:
    text = viewer.get("/api/v1/orders", params={"format": "csv"}).text.lstrip("\ufeff")
    (row,) = csv.DictReader(text.splitlines())
    assert (row["number"], row["thing"]) == (loop.all()[0].number, VINS[0])
    assert (row["plate"], row["state"], row["apps"]) == ("渝A00000", "dispatched", "battery")
    assert (row["severity"], row["is_overdue"], row["clean_days"]) == ("3", "false", "")
    book = viewer.get("/api/v1/orders", params={"format": "xlsx"})
    assert book.content.startswith(b"PK")


def test_an_order_by_hand(loop: Loop, north: TestClient) -> None:
    body = {"thing": VINS[1], "title": "Look at the charger"}
    made = north.post("/api/v1/orders", json=body)
    assert (made.status_code, made.json()["state"]) == (201, "raised")
    assert made.json()["steps"][0]["who"] == "north"
    assert north.post("/api/v1/orders", json=body).status_code == 422
    assert north.post("/api/v1/orders", json=body | {"thing": VINS[2]}).status_code == 404


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"address": "ftp://x/"}, "http or https URL"),
        ({"channel": "email", "address": "nobody"}, "is no e-mail address"),
        ({"channel": "email", "address": "a@b.example"}, "needs `mail`"),
        ({"channel": "pigeon"}, "channel"),
        ({"severity_min": 9}, "severity_min"),
        ({"rate_count": 0}, "rate_count"),
    ],
)
def test_targets_that_could_not_work_are_refused(
    admin: TestClient, change: dict[str, object], why: str
) -> None:
    body = {"name": "desk", "channel": "webhook", "address": "http://h.example/x"}
    answer = admin.post("/api/v1/notices/targets", json=body | change)
    assert answer.status_code == 422
    assert why in answer.json()["error"]["message"]


def test_a_target_shows_neither_its_secret_nor_its_key(admin: TestClient, ledger: Ledger) -> None:
    body = {
        "name": "desk", "channel": "wecom", "secret": "sesame",
        "address": "https://user:pass@robot.example/send?key=KEY-1",
    }  # fmt: skip
    made = admin.post("/api/v1/notices/targets", json=body).json()
    assert made["address"] == "https://robot.example/send?key=***"
    listed = admin.get("/api/v1/notices/targets").text
    assert not any(word in listed for word in ("sesame", "KEY-1", "pass"))
    path = f"/api/v1/notices/targets/{made['id']}"
    assert admin.patch(path, json={"state": "off", "severity_min": 3}).json()["state"] == "off"
    assert ledger.outbox.targets()[0].address.endswith("KEY-1")  # what was not given stays
    assert admin.patch(path, json={"address": "nonsense"}).status_code == 422
    assert admin.post(f"{path}/test").status_code == 202
    (waiting,) = admin.get("/api/v1/notices/deliveries", params={"state": "waiting"}).json()["rows"]
    assert (waiting["topic"], waiting["attempt"]) == ("test", 0)
    assert admin.delete(path).json() == {"done": True}
    assert admin.delete(path).status_code == 404
    audited, _ = ledger.audit.page(who="admin")
    assert {e.what for e in audited} == {
        "notice.target.add", "notice.target.change", "notice.target.test", "notice.target.delete",
    }  # fmt: skip
