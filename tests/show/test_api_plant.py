"""Plants over the API: the tree, one place, its working time, products and reasons."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.plant.plant import Plant
from millbrain.record.ledger import Ledger, Thing
from millbrain.run.plant import load_plant
from tests.show.conftest import client_of

API = "/api/v1"


@pytest.fixture(scope="module")
def works() -> Plant:
    return load_plant("machining-works")


@pytest.fixture
def viewer(app: FastAPI, ledger: Ledger, works: Plant) -> TestClient:
    _know(app, [works])
    return client_of(app, ledger, "viewer")


def _know(app: FastAPI, plants: Sequence[Plant]) -> None:
    services = app.state.services
    settings = replace(services.settings, plants=lambda: plants)
    app.state.services = replace(services, settings=settings)


def test_plants_are_listed(viewer: TestClient) -> None:
    (one,) = viewer.get(f"{API}/plants").json()
    assert (one["key"], one["root"], one["machines"]) == ("machining-works", "MW", 140)
    assert one["simulated"] is True
    assert one["time_zone"] == "Asia/Shanghai"


def test_the_tree_tells_those_above_first(viewer: TestClient) -> None:
    rows = viewer.get(f"{API}/plants/machining-works/tree").json()
    assert len(rows) == 170
    seen = {""}
    for row in rows:
        assert row["parent"] in seen
        seen.add(row["id"])
    assert viewer.get(f"{API}/plants/mars/tree").status_code == 404


def test_one_place(viewer: TestClient) -> None:
    told = viewer.get(f"{API}/plants/places/MW-L01-M03").json()
    assert [p["id"] for p in told["path"]] == ["MW", "MW-S1", "MW-A1", "MW-L01", "MW-L01-M03"]
    assert (told["plant"], told["class_title"], told["cycle_s"]) == (
        "machining-works", "Gear hobbing machine", 116.0,
    )  # fmt: skip
    assert told["products"] == ["IG-21", "IG-24"]
    assert "feed_set_mmpmin" in {s["name"] for s in told["signals"] if s["writable"]}
    assert len(viewer.get(f"{API}/plants/places/MW-L01").json()["children"]) == 8
    assert viewer.get(f"{API}/plants/places/X").status_code == 404


def test_working_time_of_a_plant_day(viewer: TestClient) -> None:
    """08:00 to 08:00 in Shanghai: two shifts of twelve hours with ninety minutes of breaks each."""
    url = f"{API}/plants/places/MW-L01/working"
    told = viewer.get(url, params={"from": "2026-09-21T00:00:00Z", "to": "2026-09-22T00:00:00Z"})
    answer = told.json()
    assert answer["planned_busy_s"] == 21 * 3600
    assert [s["key"] for s in answer["shifts"]] == ["D", "N"]
    assert answer["busy"][0] == ["2026-09-21T00:00:00Z", "2026-09-21T02:00:00Z"]
    today = viewer.get(url).json()
    assert today["planned_busy_s"] > 0
    wrong = viewer.get(url, params={"from": "2026-09-22T00:00:00Z", "to": "2026-09-21T00:00:00Z"})
    assert wrong.status_code >= 400
    assert "at most 400 days" in wrong.text


def test_products_with_bom_and_routing(viewer: TestClient) -> None:
    (gear,) = viewer.get(f"{API}/plants/machining-works/products", params={"q": "ig-21"}).json()
    assert [b["product"] for b in gear["bom"]] == ["B-IG"]
    (routing,) = gear["routings"]
    assert [o["step"] for o in routing["operations"]] == [10, 20, 30, 40, 50, 60]
    assert routing["operations"][0]["machines"] == ["MW-L01-M01", "MW-L01-M02"]
    assert routing["operations"][0]["skill"] == "turning"


def test_reasons(viewer: TestClient) -> None:
    rows = viewer.get(f"{API}/plants/machining-works/reasons").json()
    assert {"code": "U-SPINDLE", "parent": "U-MECH", "category": "unplanned", "title": "Spindle",
            "title_zh": "主轴"} in rows  # fmt: skip


def test_an_organisation_sees_its_own_places(app: FastAPI, ledger: Ledger, works: Plant) -> None:
    _know(app, [works])
    north = client_of(app, ledger, "north")  # limited to North Fleet
    assert north.get(f"{API}/plants").json() == []
    assert north.get(f"{API}/plants/places/MW-L01-M03").status_code == 404
    ledger.things.put([Thing("MW-L01-M03", "machine", "plant", operator="North Fleet")])
    assert len(north.get(f"{API}/plants").json()) == 1
    rows = north.get(f"{API}/plants/machining-works/tree").json()
    assert [r["id"] for r in rows] == ["MW", "MW-S1", "MW-A1", "MW-L01", "MW-L01-M03"]
    assert north.get(f"{API}/plants/places/MW-L02-M01").status_code == 404
