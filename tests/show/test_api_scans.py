"""Scans, recipes and stations over the API: roles, organisations, tables of recipes, answers."""

import dataclasses
import io
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.scans.recipes import Part
from millbrain.decide.recipes.app import Recipes
from millbrain.decide.recipes.controller import LineController
from millbrain.decide.recipes.simulator import Simulator
from millbrain.record.ledger import Ledger
from tests.decide.recipes.cell import Resolver
from tests.show.conftest import client_of

API = "/api/v1"
NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
HEADINGS = ("配方", "Part type", "图纸版本", "工序", "前道工序", "Station", "Program", "Parameter",
            "Value", "Unit")  # fmt: skip
ROWS: list[tuple[object, ...]] = [
    ("TURN-A", "SHAFT", "B", "20", "", "LATHE1", "O2001", "spindle_speed", 1800, "1/min"),
    ("TURN-A", "SHAFT", "B", "20", "", "LATHE1", "O2001", "feed", 0.12, "mm"),
    ("GRIND", "SHAFT", "", "30", "20", "GRIND1", "", "wheel", "A60", ""),
]
STATION = {"title": "Lathe 1", "title_zh": "1号车床", "is_simulated": True}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    running = Simulator().start()
    yield running
    running.stop()


@pytest.fixture
def admin(app: FastAPI, ledger: Ledger, simulator: Simulator) -> Iterator[TestClient]:
    """An administrator, in an installation that scans."""
    resolver = Resolver({"hdl:88.100.1/S1": Part("hdl:88.100.1/S1", "SHAFT", "B", "L7")})
    controller = LineController(lambda _: simulator.address)
    room = Recipes(ledger.recipes, ledger.scans, controller, resolver, lambda: NOW,
                   ZoneInfo("Asia/Shanghai"))  # fmt: skip
    app.state.services = dataclasses.replace(app.state.services, scanner=room)
    client = client_of(app, ledger, "admin")
    for name in ("LATHE1", "GRIND1"):
        answer = client.put(f"{API}/stations/{name}", json={**STATION, "address": "127.0.0.1:1"})
        assert answer.status_code == 200, answer.text
    yield client
    controller.close()


def table(rows: list[tuple[object, ...]]) -> bytes:
    book = openpyxl.Workbook()
    for row in (HEADINGS, *rows):
        book.worksheets[0].append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def taken(client: TestClient, rows: list[tuple[object, ...]]) -> dict[str, Any]:
    answer = client.post(f"{API}/recipes/import", files={"file": ("recipes.xlsx", table(rows))})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def scanned(client: TestClient, station: str, text: str = "88.100.1/S1", **more: Any) -> Any:
    asked = {"id": str(uuid.uuid4()), "text": text, "station": station, **more}
    return client.post(f"{API}/scans", json=asked)


def test_a_table_of_recipes_and_a_scan(admin: TestClient, simulator: Simulator) -> None:
    assert taken(admin, ROWS) | {"unused": []} == {
        "changed": 2, "unchanged": 0, "refused": [], "unused": [], "problems": [],
    }  # fmt: skip
    assert taken(admin, ROWS)["unchanged"] == 2
    done = scanned(admin, "LATHE1").json()
    assert (done["state"], done["is_good"], done["is_open"]) == ("written", True, False)
    assert done["settings"] == done["read_back"] == [
        {"name": "spindle_speed", "value": 1800.0, "unit": "1/min"},
        {"name": "feed", "value": 0.12, "unit": "mm"},
    ]  # fmt: skip
    assert (done["state_zh"], done["program"]) == ("已写入，事件待上报", "O2001")
    assert simulator.held["LATHE1"]["id"] == done["id"]
    refused = scanned(admin, "LATHE1").json()
    assert (refused["is_good"], [f["check"] for f in refused["failed"]]) == (False, ["not_twice"])
    assert "20" in refused["failed"][0]["message_zh"]
    again = scanned(admin, "LATHE1", id=done["id"]).json()
    assert again["number"] == done["number"]
    waiting = admin.get(f"{API}/system").json()["scans"]
    assert waiting == {"commands_waiting": 0, "events_waiting": 1, "trouble": ""}
    page = admin.get(f"{API}/scans", params={"station": "LATHE1", "state": "refused"}).json()
    assert [row["id"] for row in page["rows"]] == [refused["id"]]
    assert admin.get(f"{API}/scans/{done['id']}").json()["recipe_version"] == 1


def test_a_recipe_with_a_bad_row_is_left_out_whole(admin: TestClient) -> None:
    rows = [*ROWS, ("BAD", "SHAFT", "", "40", "", "", "", "", 5, ""),
            ("BAD", "SHAFT", "", "40", "", "", "", "depth", 5, "mm"),
            ("TORN", "SHAFT", "", "50", "", "", "", "a", 1, ""),
            ("TORN", "SHAFT", "", "51", "", "", "", "a", 2, "")]  # fmt: skip
    told = taken(admin, rows)
    assert (told["changed"], told["refused"]) == (2, ["BAD", "TORN"])
    assert [(p["row"], p["column"]) for p in told["problems"]] == [
        (5, "parameter"), (8, "step"), (8, "parameter"),
    ]  # fmt: skip
    names = {r["name"] for r in admin.get(f"{API}/recipes").json()["recipes"]}
    assert names == {"TURN-A", "GRIND"}


def test_recipes_are_changed_by_name_and_keep_their_versions(admin: TestClient) -> None:
    fields = {"part_type": "SHAFT", "step": "20",
              "settings": [{"name": "feed", "value": 0.1, "unit": "mm"}]}  # fmt: skip
    assert admin.put(f"{API}/recipes/R1", json=fields).json()["version"] == 1
    assert admin.put(f"{API}/recipes/R1", json=fields).json()["version"] == 1
    fields["settings"][0]["value"] = 0.2  # type: ignore[index]
    assert admin.put(f"{API}/recipes/R1", json=fields).json()["version"] == 2
    versions = admin.get(f"{API}/recipes/R1").json()
    assert [(v["version"], v["replaced_at"] is None) for v in versions] == [(2, True), (1, False)]
    assert admin.delete(f"{API}/recipes/R1").status_code == 200
    assert admin.delete(f"{API}/recipes/R1").status_code == 404
    twice = fields | {"settings": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]}
    assert admin.put(f"{API}/recipes/R2", json=twice).status_code == 422


def test_roles_and_organisations(
    admin: TestClient, app: FastAPI, ledger: Ledger, north: TestClient
) -> None:
    taken(admin, ROWS)
    assert scanned(client_of(app, ledger, "viewer"), "LATHE1").status_code == 403
    assert scanned(north, "LATHE1").status_code == 404
    assert north.get(f"{API}/stations").json() == []
    own = {**STATION, "address": "127.0.0.1:1", "operator": "North Fleet"}
    assert admin.put(f"{API}/stations/LATHE1", json=own).status_code == 200
    (shown,) = north.get(f"{API}/stations").json()
    assert (shown["name"], shown["address"]) == ("LATHE1", "")
    done = scanned(north, "LATHE1").json()
    assert (done["is_good"], done["who"]) == (True, "north")
    assert admin.put(f"{API}/stations/LATHE1", json={**own, "operator": "South"}).status_code == 200
    assert north.get(f"{API}/scans/{done['id']}").status_code == 404


def test_a_qualification_has_a_last_day(admin: TestClient) -> None:
    fields = {"part_type": "SHAFT", "step": "20", "qualification": "turning",
              "settings": [{"name": "feed", "value": 0.1}]}  # fmt: skip
    admin.put(f"{API}/recipes/R1", json=fields)
    path = f"{API}/qualifications/admin/turning"
    assert [f["check"] for f in scanned(admin, "LATHE1").json()["failed"]] == ["qualified"]
    assert admin.put(path, json={"until": "2026-11-19"}).status_code == 200
    assert [f["check"] for f in scanned(admin, "LATHE1").json()["failed"]] == ["qualified"]
    assert admin.put(path, json={"until": "2026-11-20"}).status_code == 200
    assert scanned(admin, "LATHE1").json()["is_good"]
    assert admin.put(path, json={"until": "2026-13-20"}).status_code == 422
    assert admin.put(path, json={"until": None}).status_code == 200
    assert admin.get(f"{API}/qualifications").json() == []


@pytest.mark.parametrize(
    "asked",
    [{"id": "no uuid", "text": "x", "station": "L"},
     {"id": str(uuid.uuid4()), "text": "", "station": "L"},
     {"id": str(uuid.uuid4()), "text": "x" * 3000, "station": "L"}],
)  # fmt: skip
def test_what_is_no_scan(admin: TestClient, asked: dict[str, str]) -> None:
    assert admin.post(f"{API}/scans", json=asked).status_code == 422


@pytest.mark.parametrize(
    ("address", "status"),
    [("10.0.0.7:4800", 200), ("MW-L03-M07", 200), ("opcua:cell-3/MW-L03-M07", 200),
     ("opcua:cell-3/", 422), ("a b", 422), ("http://x/y", 422)],
)  # fmt: skip
def test_a_station_is_a_controller_or_a_machine(
    admin: TestClient, address: str, status: int
) -> None:
    answer = admin.put("/api/v1/stations/S-9", json={"title": "S", "address": address})
    assert answer.status_code == status, answer.text
