"""The alarms over the API: from finding to acknowledgement, scope, exports, rules as a sheet."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.alarms.rules import DECLARED
from millbrain.core.findings import Evidence, Finding, Severity
from millbrain.core.rooms import App, Level
from millbrain.decide.alarms.app import Alarms
from millbrain.record.ledger import Ledger, Thing
from millbrain.record.ledger.models import now

SEEN_S = 1_782_900_000
BATTERY = App("battery", "Battery", "电池", (), (), Level.SKETCH,
              kinds={"connection": ("loose", "松动"), "thermal": ("thermal", "热")})  # fmt: skip


def finding(thing: str = "V1", **fields: object) -> Finding:
    made = Finding(thing, "battery", "connection", 1, 7, SEEN_S - 600, SEEN_S, Severity.STOP,
                   float("inf"), "mV", -15.0, 0.9,
                   (Evidence("drift", "rest", -48.25, -15, "mV", 10, 900),),
                   "=cell 7 is loose", "7 号单体松动", call_out=True)  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


@pytest.fixture
def alarms(app: FastAPI, ledger: Ledger) -> Alarms:
    """Alarms whose vehicles belong to two organisations, and an app that names its kinds."""
    services = app.state.services
    settings = replace(services.settings, apps=(BATTERY,))
    app.state.services = replace(services, settings=settings)
    ledger.things.put([Thing("V1", plate="渝A1", operator="North Fleet"),
                       Thing("V2", operator="South Fleet", simulated=True)])  # fmt: skip
    made = Alarms(ledger.alarms, DECLARED, now)
    made.take([finding("V1"), finding("V2")])
    return made


def rows(client: TestClient, **query: Any) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/alarms", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def act(client: TestClient, ids: Sequence[int], action: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/alarms/act", json={"ids": list(ids), "action": action, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_from_a_finding_to_an_acknowledgement(
    alarms: Alarms, operator: TestClient, admin: TestClient
) -> None:
    row = rows(operator, thing="V1")[0]
    assert (row["state"], row["priority"], row["plate"]) == ("unacknowledged", 3, "渝A1")
    assert (row["value"], row["threshold"], row["unit"]) == (None, -15.0, "mV")
    assert row["last_seen_at"] == "2026-07-01T10:00:00Z"
    assert row["allowed"] == ["acknowledge", "shelve", "take_out"]
    answer = act(operator, [row["id"]], "acknowledge")
    assert (answer["done"], answer["refused"]) == (1, 0)
    one = operator.get(f"/api/v1/alarms/{row['id']}").json()
    assert (one["state"], one["acknowledged_by"], one["order"]) == (
        "acknowledged",
        "operator",
        None,
    )
    assert one["evidence"][0]["name"] == "drift"
    assert [s["action"] for s in one["history"]] == ["acknowledge", "announce"]
    entry = admin.get("/api/v1/audit", params={"what": "alarm.acknowledge"}).json()["rows"][0]
    assert (entry["who"], entry["object"]) == ("operator", str(row["id"]))
    assert entry["result"].startswith("1 done, 0 refused")


def test_a_viewer_looks_and_does_not_touch(alarms: Alarms, viewer: TestClient) -> None:
    which = rows(viewer)[0]["id"]
    for path, body in (
        ("/api/v1/alarms/act", {"ids": [which], "action": "acknowledge"}),
        (f"/api/v1/alarms/{which}/comment", {"text": "hello"}),
    ):
        assert viewer.post(path, json=body).status_code == 403
    assert viewer.put("/api/v1/alarm-rules/battery/connection", json={}).status_code == 403


def test_nobody_gets_anything_without_a_login(app: FastAPI, alarms: Alarms) -> None:
    with TestClient(app) as nobody:
        for path in ("", "/summary", "/bell", "/history", "/chattering", "/lifecycle", "/1"):
            assert nobody.get(f"/api/v1/alarms{path}").status_code == 401
        assert nobody.get("/api/v1/alarm-rules").status_code == 401


def test_an_organisation_sees_and_moves_its_own(
    alarms: Alarms, north: TestClient, operator: TestClient
) -> None:
    foreign = rows(operator, thing="V2")[0]["id"]
    assert [r["thing"] for r in rows(north)] == ["V1"]
    assert rows(north, operator="South Fleet") == rows(north)
    assert north.get(f"/api/v1/alarms/{foreign}").status_code == 404
    answer = act(north, [foreign], "acknowledge")
    assert answer["results"][0]["problem"] == f"no alarm has the id {foreign}"
    comment = north.post(f"/api/v1/alarms/{foreign}/comment", json={"text": "hello"})
    assert comment.status_code == 404
    assert north.get("/api/v1/alarms/summary").json()["standing"] == 1
    assert north.get("/api/v1/alarms/bell").json()["unacknowledged"] == 1
    assert {s["thing"] for s in north.get("/api/v1/alarms/history").json()["rows"]} == {"V1"}
    exported = north.get("/api/v1/alarms", params={"format": "csv"}).text
    assert "V1" in exported
    assert "V2" not in exported
    sheet = {"file": ("rules.csv", b"app,kind\n")}
    assert north.post("/api/v1/alarm-rules/import", files=sheet).status_code == 403


def test_groups_of_states(alarms: Alarms, operator: TestClient) -> None:
    first, second = (r["id"] for r in rows(operator))
    until = (now() + timedelta(hours=1)).isoformat()
    act(operator, [first], "shelve", reason="lane on Monday", until=until)
    act(operator, [second], "acknowledge")
    assert [r["id"] for r in rows(operator)] == [second]
    assert rows(operator, state="unacknowledged") == []
    (hidden,) = rows(operator, state="hidden")
    assert (hidden["id"], hidden["state"], hidden["reason"]) == (first, "shelved", "lane on Monday")
    assert len(rows(operator, state="all")) == 2
    assert [r["id"] for r in rows(operator, state="shelved,acknowledged", sort="state")] == [
        first, second,
    ]  # fmt: skip
    refused = operator.get("/api/v1/alarms", params={"state": "asleep"})
    assert refused.status_code == 422
    assert "allowed are unacknowledged" in refused.json()["error"]["message"]


def test_a_refusal_names_what_is_allowed(alarms: Alarms, operator: TestClient) -> None:
    which = rows(operator)[0]["id"]
    (result,) = act(operator, [which], "reset")["results"]
    assert result["problem"].endswith("allowed now: acknowledge, shelve, take_out")
    for body in ({"ids": [which], "action": "announce"}, {"ids": [which], "action": "shelve"}):
        answer = operator.post("/api/v1/alarms/act", json=body)
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "limit"


def test_summary_bell_and_lifecycle(alarms: Alarms, operator: TestClient) -> None:
    act(operator, [rows(operator, thing="V1")[0]["id"]], "acknowledge")
    summary = operator.get("/api/v1/alarms/summary").json()
    assert (summary["standing"], summary["unacknowledged"], summary["hidden"]) == (2, 1, 0)
    assert summary["by_priority"] == {"4": 0, "3": 2, "2": 0, "1": 0}
    assert summary["load"]["last"] == 2
    assert not summary["load"]["is_flood"]
    assert summary["top"] == [{"app": "battery", "kind": "connection", "count": 2, "share": 1.0}]
    bell = operator.get("/api/v1/alarms/bell").json()
    assert (bell["unacknowledged"], bell["priority"], bell["is_flood"]) == (1, 3, False)
    cycle = operator.get("/api/v1/alarms/lifecycle").json()
    assert cycle["actions"]["shelve"]["needs"] == ["reason", "until"]
    assert cycle["states"]["shelved"] == ["shelved", "已搁置"]


def test_a_flood_is_named_by_organisation(alarms: Alarms, operator: TestClient) -> None:
    alarms.take([finding("V1", cell_no=n) for n in range(10, 20)])
    summary = operator.get("/api/v1/alarms/summary").json()
    assert summary["load"]["is_flood"]
    assert [(load["operator"], load["last"]) for load in summary["loads"]] == [("North Fleet", 11)]
    assert operator.get("/api/v1/alarms/bell").json()["is_flood"]


def test_history_between_two_dates_and_chattering(alarms: Alarms, operator: TestClient) -> None:
    for turn in range(1, 5):
        alarms.take([finding("V1", last_seen=SEEN_S + turn, is_open=turn % 2 == 0)])
    answer = operator.get("/api/v1/alarms/history", params={"action": ["return", "recur"]}).json()
    assert [r["action"] for r in answer["rows"]] == ["recur", "return", "recur", "return"]
    assert answer["rows"][1]["active_s"] < 60
    none = operator.get("/api/v1/alarms/history", params={"before": "2026-01-01T00:00:00"}).json()
    assert none["total"] == 0
    (found,) = operator.get("/api/v1/alarms/chattering").json()
    assert (found["thing"], found["count"]) == ("V1", 2)


def test_exports_hold_every_match_and_no_formula(alarms: Alarms, operator: TestClient) -> None:
    text = operator.get("/api/v1/alarms", params={"format": "csv"}).text.lstrip("\ufeff")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [(r["thing"], r["priority"], r["sentence"]) for r in lines] == [
        ("V2", "high", "'=cell 7 is loose"), ("V1", "high", "'=cell 7 is loose"),
    ]  # fmt: skip
    assert lines[0]["last_seen_at"] == "2026-07-01T10:00:00.000Z"
    book = openpyxl.load_workbook(io.BytesIO(
        operator.get("/api/v1/alarms/history", params={"format": "xlsx"}).content))  # fmt: skip
    values = list(book.worksheets[0].iter_rows(values_only=True))
    assert values[0][:3] == ("at", "thing", "plate")
    assert len(values) == 3


def test_an_export_is_longer_than_any_page(alarms: Alarms, operator: TestClient) -> None:
    alarms.take([finding(f"V{n}", cell_no=n % 90 + 1) for n in range(10, 710)])
    for path in ("", "/history"):
        text = operator.get(f"/api/v1/alarms{path}", params={"format": "csv"}).text
        things = [row["thing"] for row in csv.DictReader(io.StringIO(text.lstrip("\ufeff")))]
        assert len(things) == len(set(things)) == 702


def test_a_comment_stands_in_the_history(alarms: Alarms, operator: TestClient) -> None:
    which = rows(operator)[0]["id"]
    answer = operator.post(f"/api/v1/alarms/{which}/comment", json={"text": "seen <b>here</b>"})
    assert answer.status_code == 200
    (step, _) = operator.get(f"/api/v1/alarms/{which}").json()["history"]
    assert (step["action"], step["reason"], step["who"]) == (
        "comment", "seen <b>here</b>", "operator",
    )  # fmt: skip


# Rules --------------------------------------------------------------------------------------------


def rules(client: TestClient) -> dict[tuple[str, str], dict[str, Any]]:
    answer = client.get("/api/v1/alarm-rules").json()
    return {(r["app"], r["kind"]): r for r in answer["rules"]}


def test_every_app_and_kind_has_its_rule(alarms: Alarms, viewer: TestClient) -> None:
    found = rules(viewer)
    assert list(found) == [("*", "*"), ("battery", "*"), ("battery", "connection"),
                           ("battery", "thermal")]  # fmt: skip
    rule = found["battery", "thermal"]
    assert (rule["priority_danger"], rule["latch"], rule["is_own"]) == ("urgent", "danger", False)


def test_a_rule_can_be_set_and_dropped(alarms: Alarms, operator: TestClient) -> None:
    wanted = {k: v for k, v in rules(operator)["battery", "connection"].items()
              if k not in ("app", "kind", "is_own", "changed_by", "changed_at")}  # fmt: skip
    path = "/api/v1/alarm-rules/battery/connection"
    body = wanted | {"on_delay_s": 30, "priority_stop": "low", "latch": "never"}
    assert operator.put(path, json=body).status_code == 200
    set_rule = rules(operator)["battery", "connection"]
    assert (set_rule["on_delay_s"], set_rule["priority_stop"], set_rule["latch"]) == (
        30, "low", "never",
    )  # fmt: skip
    assert (set_rule["is_own"], set_rule["changed_by"]) == (True, "operator")
    wrong = operator.put(path, json=body | {"on_delay_s": 86_401, "latch": "sometimes"})
    assert wrong.status_code == 422
    assert "on_delay_s" in wrong.json()["error"]["message"]
    assert operator.put("/api/v1/alarm-rules/battery/rust", json=body).status_code == 404
    assert operator.delete(path).status_code == 200
    assert operator.delete(path).status_code == 404


def test_a_sheet_that_comes_back_unchanged_changes_nothing(
    alarms: Alarms, operator: TestClient
) -> None:
    for form in ("xlsx", "csv"):
        content = operator.get("/api/v1/alarm-rules", params={"format": form}).content
        answer = operator.post("/api/v1/alarm-rules/import", files={"file": (f"r.{form}", content)})
        assert answer.json() == {"changed": 0, "refused": 0, "problems": []}


def test_good_rows_of_a_sheet_are_set_and_bad_ones_named(
    alarms: Alarms, operator: TestClient
) -> None:
    content = operator.get("/api/v1/alarm-rules", params={"format": "xlsx"}).content
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = book.worksheets[0]
    heading = {cell.value: cell.column for cell in sheet[1]}
    # Rows 2 to 5: */*, battery/*, battery/connection, battery/thermal.
    sheet.cell(3, heading["on_delay_s"], -5)
    sheet.cell(4, heading["on_delay_s"], 20)
    sheet.cell(4, heading["latch"], "不锁存")
    sheet.cell(5, heading["kind"], "rust")
    changed = io.BytesIO()
    book.save(changed)
    files = {"file": ("rules.xlsx", changed.getvalue())}
    answer = operator.post("/api/v1/alarm-rules/import", files=files).json()
    assert (answer["changed"], answer["refused"]) == (1, 2)
    assert [(p["row"], p["column"]) for p in answer["problems"]] == [(3, "on_delay_s"), (5, "kind")]
    assert answer["problems"][1]["problem"] == (
        "was 'rust'; allowed are *, connection, thermal"
    )  # fmt: skip
    found = rules(operator)
    assert (found["battery", "connection"]["on_delay_s"],
            found["battery", "connection"]["latch"]) == (20, "never")  # fmt: skip
    assert not found["battery", "*"]["is_own"]
