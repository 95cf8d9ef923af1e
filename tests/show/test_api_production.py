"""Production over the API: orders and their import, release, job cards, checks, andon, scopes."""

import dataclasses
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.plant.calendar import Calendar, Shift
from millbrain.core.plant.model import (
    EquipmentClass,
    Level,
    Node,
    Operation,
    Person,
    Product,
    ReasonCategory,
    ReasonNode,
    Routing,
    Skill,
    Team,
)
from millbrain.core.plant.plant import Plant
from millbrain.core.scans.recipes import Part
from millbrain.core.times import utc_from_epoch
from millbrain.core.work.working_time import WorkingCalendar
from millbrain.decide.production.app import Production
from millbrain.decide.production.model import ProductionRules
from millbrain.record.ledger import Ledger
from tests.show.conftest import client_of

API = "/api/v1/production"
PARTS = {"hdl:88.100.1/S1": Part("hdl:88.100.1/S1", "SHAFT"),
         "hdl:88.100.1/P1": Part("hdl:88.100.1/P1", "PISTON")}  # fmt: skip


def now() -> datetime:
    """Return the instant now."""
    return utc_from_epoch(time.time())


def works() -> Plant:
    """Return a plant of one line with a saw and two lathes, worked round the clock."""
    nodes = [Node("W", Level.ENTERPRISE, calendar="all"), Node("S", Level.SITE, "W"),
             Node("L1", Level.LINE, "S"), Node("SAW", Level.UNIT, "L1", "Saw", "锯床"),
             *(Node(f"LATHE{n}", Level.UNIT, "L1", f"Lathe {n}", f"{n}号车床", "lathe")
               for n in (1, 2))]  # fmt: skip
    shift = Shift("all", "All", "全天", *(datetime(2026, 1, 1).time(),) * 2)
    calendar = Calendar("all", UTC, {"all": shift}, ((("all",),) * 7,))
    routing = Routing("R", "SHAFT", (
        Operation(10, "Saw", "下料", machines=("SAW",), run_s=60, skill="sawing"),
        Operation(20, "Turn", "车削", equipment_class="lathe", run_s=120, setup_s=600),
    ))  # fmt: skip
    return Plant(
        "works", "Works", "工厂", UTC, {n.id: n for n in nodes},
        {"lathe": EquipmentClass("lathe", "Lathe", "车床", 100, skill="turning")},
        {"all": calendar}, products={"SHAFT": Product("SHAFT", "Shaft", "轴")},
        routings={"R": routing}, skills={s: Skill(s, s, s) for s in ("sawing", "turning")},
        teams={"A": Team("A", "A", "甲班", "all")},
        people={"P1": Person("P1", "Worker 1", "1号工", "A", {"sawing": 2, "turning": 1}),
                "P2": Person("P2", "Worker 2", "2号工", "A", {"sawing": 1})},
        reasons={"tool": ReasonNode("tool", "Tool broke", "刀具损坏", ReasonCategory.QUALITY)},
    )  # fmt: skip


@pytest.fixture
def room(app: FastAPI, ledger: Ledger) -> Production:
    """The room of production, without its thread."""
    made = Production(
        ledger.production, ledger.reports, ledger.andon, ledger.recipes, [works()],
        lambda text: PARTS.get(text, Part(text)), lambda events: None, WorkingCalendar(UTC),
        ProductionRules.of(), now,
    )  # fmt: skip
    app.state.services = dataclasses.replace(app.state.services, production=made)
    return made


@pytest.fixture
def operator(app: FastAPI, ledger: Ledger, room: Production) -> TestClient:
    """Somebody of the centre who may report."""
    return client_of(app, ledger, "operator")


def enter(client: TestClient, number: str = "PO1", **more: Any) -> dict[str, Any]:
    """Enter and release an order of ten shafts."""
    order = {"number": number, "product": "SHAFT", "quantity": 10, **more}
    assert client.post(f"{API}/orders", json=order).status_code == 201
    answer = client.post(f"{API}/orders/{number}/release", json={})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def report(kind: str, step: str = "10", **more: Any) -> dict[str, Any]:
    """Return a report as a phone sends it."""
    return {"id": str(uuid.uuid4()), "order": "PO1", "step": step, "kind": kind, "person": "P1",
            "device_at": now().isoformat(), **more}  # fmt: skip


def send(client: TestClient, *reports: dict[str, Any]) -> list[dict[str, Any]]:
    """Hand in a batch; return what became of each."""
    answer = client.post(f"{API}/reports", json={"device": "phone-1", "reports": list(reports)})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def test_an_order_from_entry_to_close(operator: TestClient, room: Production) -> None:
    promised = (now() + timedelta(minutes=10)).isoformat()
    made = enter(operator, promised_at=promised)
    assert [(o["step"], o["stations"]) for o in made["operations"]] == [
        ("10", ["SAW"]), ("20", ["LATHE1", "LATHE2"])
    ]  # fmt: skip
    assert made["allowed"] == ["pause", "cancel"]
    room.project()
    found = operator.get(f"{API}/orders/board").json()
    assert found["late"] == 1
    [row] = found["rows"]
    assert row["late_s"] == pytest.approx(10 * 60 + 600 + 10 * 120 - 600, abs=5)
    assert "step 20 takes longest" in row["why"]
    send(operator, report("start"), report("good", quantity=10), report("finish"))
    send(operator, report("good", "20", quantity=10), report("finish", "20"))
    done = operator.get(f"{API}/orders/PO1").json()
    assert (done["state"], done["good"], done["progress_ratio"]) == ("completed", 10, 1.0)
    closed = operator.post(f"{API}/orders/PO1/steps", json={"action": "close"})
    assert closed.json()["state"] == "closed"
    again = operator.post(f"{API}/orders/PO1/steps", json={"action": "cancel", "reason": "x"})
    assert again.status_code == 409


def test_release_needs_a_routing_or_operations(operator: TestClient) -> None:
    operator.post(f"{API}/orders", json={"number": "X1", "product": "NEW", "quantity": 1})
    refused = operator.post(f"{API}/orders/X1/release", json={})
    assert refused.status_code == 404
    assert "routing" in refused.json()["error"]["message"]
    steps = [{"step": "10", "operation": "WELD", "stations": ["W1"], "run_s": 30}]
    made = operator.post(f"{API}/orders/X1/release", json={"operations": steps})
    assert made.json()["state"] == "released"
    twice = operator.post(f"{API}/orders/X1/release", json={"operations": steps})
    assert twice.status_code == 409


def test_what_can_run_now_and_who_can_run_it(operator: TestClient) -> None:
    enter(operator)
    saw = operator.get(f"{API}/stations/SAW").json()
    [work] = saw["operations"]
    assert (saw["title_zh"], saw["line"]) == ("锯床", "L1")
    assert (work["can_run"], work["available"]) == (True, 10)
    assert [w["code"] for w in work["workers"]] == ["P1", "P2"]
    [waits] = operator.get(f"{API}/stations/LATHE1").json()["operations"]
    assert (waits["can_run"], waits["available"]) == (False, 0)
    assert "step 10" in waits["why_not"][0]
    assert [w["code"] for w in waits["workers"]] == ["P1"]
    send(operator, report("good", quantity=3))
    [now] = operator.get(f"{API}/stations/LATHE1").json()["operations"]
    assert (now["can_run"], now["available"]) == (True, 3)
    names = [s["station"] for s in operator.get(f"{API}/stations").json()]
    assert names == ["LATHE1", "LATHE2", "SAW"]


def test_a_start_is_refused_with_its_reasons(operator: TestClient) -> None:
    enter(operator)

    def asked(**more: str) -> list[str]:
        question = {"order": "PO1", "step": "10", "person": "P1", "machine": "SAW", **more}
        answer = operator.post(f"{API}/checks", json=question).json()
        assert answer["may_start"] is not bool(answer["failed"])
        return [f["check"] for f in answer["failed"]]

    assert asked(text="hdl:88.100.1/S1") == []
    assert asked(text="hdl:88.100.1/P1") == ["right_part"]
    assert asked(text="hdl:88.100.1/UNKNOWN") == ["part_known"]
    assert asked(machine="LATHE1") == ["machine"]
    assert asked(step="20", machine="LATHE1", person="P2") == ["pieces", "qualified"]


def test_work_begun_off_line_without_the_qualification_is_kept_and_flagged(
    operator: TestClient,
) -> None:
    enter(operator)
    [taken] = send(operator, report("start", "20", person="P2"))
    assert (taken["fate"], [c["kind"] for c in taken["conflicts"]]) == ("stored", ["unqualified"])
    [taken] = send(operator, report("start", "20", person="P1"))
    assert taken["conflicts"] == []


def test_batches_again_wrong_clocks_and_conflicts(operator: TestClient) -> None:
    enter(operator)
    late = report("good", quantity=4, device_at="2031-01-01T00:00:00Z")
    ahead = now() + timedelta(minutes=30)
    fast = report("good", quantity=8, device_at=ahead.isoformat(), ahead_ms=1_800_000)
    first = send(operator, late, fast)
    assert [r["fate"] for r in first] == ["stored", "stored"]
    assert [c["kind"] for c in first[0]["conflicts"]] == ["clock"]
    assert [r["fate"] for r in send(operator, fast, late)] == ["duplicate", "duplicate"]
    rows = operator.get(f"{API}/reports", params={"order": "PO1"}).json()["rows"]
    assert abs((datetime.fromisoformat(rows[0]["at"]) - now()).total_seconds()) < 10
    order = operator.get(f"{API}/orders/PO1").json()
    assert sorted(c["kind"] for c in order["operations"][0]["conflicts"]) == ["clock", "too_many"]
    assert order["conflict_count"] == 2


def test_lots_and_their_genealogy(operator: TestClient, ledger: Ledger) -> None:
    enter(operator)
    serial = {"key": "hdl:88.100.1/S1", "quantity": 1, "is_serial": True}
    bar = {"key": "https://hdl.handle.net/88.100.1/bar7", "quantity": 1}
    send(operator, report("good", quantity=1, produced=[serial], consumed=[bar]))
    [move] = operator.get(f"{API}/orders/PO1/genealogy").json()
    assert move["consumed"][0]["key"] == "hdl:88.100.1/BAR7"
    assert move["produced"][0]["key"] == serial["key"]
    [found] = operator.get(f"{API}/lots", params={"key": "hdl:88.100.1/BAR7"}).json()
    assert found["order"] == "PO1"
    question = {"order": "PO1", "step": "10", "person": "P1", "machine": "SAW"}
    again = operator.post(f"{API}/checks", json=question | {"text": serial["key"]})
    assert [f["check"] for f in again.json()["failed"]] == ["not_twice"]


def test_import_says_row_by_row_what_is_wrong(operator: TestClient) -> None:
    enter(operator, "PO9")
    table = ("订单号,产品,数量,承诺日期,立即下达,Colour\n"
             "PO1,SHAFT,10,2026-12-01,是,red\nPO2,SHAFT,0,,,\nPO 3,SHAFT,1,,,\n"
             "PO9,SHAFT,5,,,\nPO4,NEW,5,,yes,\nPO1,SHAFT,3,,,\n")  # fmt: skip
    answer = operator.post(f"{API}/orders/import", files={"file": ("o.csv", table.encode())})
    told = answer.json()
    assert (told["added"], told["released"], told["unused"]) == (2, 1, ["Colour"])
    assert [(p["row"], p["column"]) for p in told["problems"]] == [
        (3, "quantity"), (4, "number"), (5, "number"), (6, "release"), (7, "number")
    ]  # fmt: skip
    assert operator.get(f"{API}/orders/PO1").json()["quantity"] == 10
    sheet = operator.get(f"{API}/orders", params={"format": "csv"})
    assert "PO1" in sheet.text


def test_calls_from_raise_to_figures(operator: TestClient, room: Production) -> None:
    call = {"id": str(uuid.uuid4()), "station": "SAW", "kind": "material", "stops_line": True}
    made = operator.post(f"{API}/andon", json=call).json()
    assert (made["line"], made["state"]) == ("L1", "raised")
    assert made["allowed"] == ["acknowledge", "resolve"]
    assert operator.post(f"{API}/andon", json=call).json()["number"] == made["number"]
    path = f"{API}/andon/{call['id']}/steps"
    assert operator.post(path, json={"action": "acknowledge"}).json()["state"] == "acknowledged"
    assert operator.post(path, json={"action": "resolve"}).status_code == 422
    done = operator.post(path, json={"action": "resolve", "reason": "tool"}).json()
    assert [h["action"] for h in done["history"]] == ["raise", "acknowledge", "resolve"]
    assert operator.post(path, json={"action": "acknowledge"}).status_code == 409
    figures = operator.get(f"{API}/andon/statistics").json()
    assert (figures["count"], figures["by_reason"][0]["name"]) == (1, "tool")
    assert figures["by_kind"][0]["stop_count"] == 1


def test_a_call_that_nobody_answers_is_escalated(
    operator: TestClient, ledger: Ledger, app: FastAPI
) -> None:
    call = {"id": str(uuid.uuid4()), "station": "SAW", "kind": "safety"}
    operator.post(f"{API}/andon", json=call)
    clock = [now()]
    later = Production(
        ledger.production, ledger.reports, ledger.andon, ledger.recipes, [works()], Part,
        lambda events: None, WorkingCalendar(UTC), ProductionRules.of(), lambda: clock[0],
    )  # fmt: skip
    levels = []
    for minutes in (1, 5.1, 5.1, 5.1):
        clock[0] += timedelta(minutes=minutes)
        later.tick()
        levels.append(operator.get(f"{API}/andon/{call['id']}").json()["level"])
    assert levels == [0, 1, 2, 2]


def test_organisations_see_their_own(operator: TestClient, app: FastAPI, ledger: Ledger) -> None:
    enter(operator)
    north = client_of(app, ledger, "north")
    assert north.get(f"{API}/orders").json()["total"] == 0
    assert north.get(f"{API}/orders/PO1").status_code == 404
    assert north.get(f"{API}/reports").json()["total"] == 0
    assert send(north, report("good", quantity=1))[0]["fate"] == "refused"
    mine = enter(north, "PO2")
    assert mine["operator"] == "North Fleet"
    assert north.get(f"{API}/stations").json()[0]["station"] == "LATHE1"
    viewer = client_of(app, ledger, "viewer")
    assert viewer.post(f"{API}/reports", json={"reports": [report("start")]}).status_code == 403
    assert viewer.get(f"{API}/orders/PO1").json()["allowed"] == []
