"""Intake, system, dictionary, things, accounts, tokens, peers, audit, rooms, errors, OpenAPI."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.pages import Page, RoomPage
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import Warehouse
from millbrain.show.app import WebSettings, create_app

API = "/api/v1"


def get(client: TestClient, path: str, **parameters: object) -> Any:
    answer = client.get(API + path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def basic(account: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{account}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def test_intake_balances(viewer: TestClient) -> None:
    found = get(viewer, "/intake")
    totals = [found[k] for k in ("received", "stored", "duplicate", "rejected")]
    assert totals == [134, 129, 4, 1]
    assert found["balanced"] is True
    assert found["rejected_by_reason"] == {"checksum": 1}
    assert found["noted_by_reason"] == {"note_unknown_block": 1}
    assert [(d["link"], d["received"]) for d in found["days"]] == [
        ("city-01", 124),
        ("city-02", 10),
    ]
    assert found["commit"] == {"p50_ms": 20.0, "p99_ms": 41.5, "max_ms": 60.0}
    assert found["rate_hz"] >= 0


def test_intake_without_the_engine(viewer: TestClient, engine: Any) -> None:
    engine.failure = ConnectionError("silent")
    found = get(viewer, "/intake")
    assert found["engine"] is None
    assert found["commit"]["p99_ms"] is None
    refused = viewer.get(f"{API}/intake/links")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "engine_down")


def test_links_and_dead_letters(viewer: TestClient) -> None:
    assert get(viewer, "/intake/links")["rows"][0]["vehicles"] == 3
    assert get(viewer, "/intake/dead-letters")["total"] == 2
    one = get(viewer, "/intake/dead-letters", reason="checksum")
    assert [(r["raw"], r["size_bytes"]) for r in one["rows"]] == [("232301", 3)]
    assert get(viewer, "/intake/dead-letters", link="city-02", reason="checksum")["total"] == 0


def test_system(viewer: TestClient, engine: Any) -> None:
    found = get(viewer, "/system")
    assert {t["name"] for t in found["tables"]} >= {"vehicle_report", "vehicle_latest"}
    assert found["disks"][0]["total_bytes"] > 0
    assert re.fullmatch(r"\d{4}", found["versions"]["ledger"])
    assert found["settings"] == {"web": {"port": 0}}
    engine.failure = ConnectionError("silent")
    assert get(viewer, "/system")["engine_problem"] == "silent"


def test_dictionary_comes_from_the_declarations(viewer: TestClient) -> None:
    tables = {t["name"]: t for t in get(viewer, "/dictionary")["tables"]}
    columns = {c["name"]: c for c in tables["vehicle_report"]["columns"]}
    assert columns["voltage_v"]["unit"] == "V"
    assert columns["vin"]["key"] is True
    assert columns["charge_state"]["codes"][0]["name_zh"] == "停车充电"


def test_things(operator: TestClient, admin: TestClient) -> None:
    path = f"{API}/things/VIN1"
    made = operator.put(path, json={"plate": "渝A1", "attributes": {"color": "red"}})
    assert made.status_code == 200
    assert get(operator, "/things/VIN1")["attributes"] == {"color": "red"}
    assert get(operator, "/things", q="渝a1")["total"] == 1
    assert admin.delete(path).json() == {"done": True}
    assert operator.get(path).status_code == 404


def _import(client: TestClient, name: str, content: bytes) -> Any:
    return client.post(f"{API}/things/import", files={"file": (name, content)})


def test_import_csv_row_by_row(operator: TestClient, ledger: Ledger) -> None:
    text = (
        "车架号,车牌号,model,simulated,colour\n"
        "VIN1,渝A1,EV,是,red\n,渝A2,EV,,\nVIN3,渝A3,EV,perhaps,\n"
    )
    for encoding in ("utf-8-sig", "gb18030"):
        answer = _import(operator, "things.csv", text.encode(encoding)).json()
        assert (answer["added"] + answer["changed"], answer["refused"]) == (1, 2)
        assert [(p["row"], p["column"]) for p in answer["problems"]] == [
            (3, "车架号"), (4, "simulated"),
        ]  # fmt: skip
    thing = ledger.things.get("VIN1")
    assert thing
    assert (thing.plate, thing.simulated, thing.attributes) == ("渝A1", True, {"colour": "red"})


def test_import_xlsx(operator: TestClient, ledger: Ledger) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet
    for row in (("VIN", "plate"), (123456, "渝A9")):
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    assert _import(operator, "things.xlsx", content.getvalue()).json()["added"] == 1
    assert ledger.things.get("123456")


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"PK\x03\x04broken", b"\xff\xfe\xfd", b'vin\n"x']
)
def test_import_refuses_what_is_no_table(operator: TestClient, content: bytes) -> None:
    answer = _import(operator, "things", content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "limit")


def test_import_within_the_scope(north: TestClient, ledger: Ledger, operator: TestClient) -> None:
    _import(operator, "a.csv", b"vin,operator\nSOUTH1,South Fleet\n")
    text = b"vin,operator\nNORTH1,\nSOUTH1,North Fleet\nX1,South Fleet\n"
    answer = _import(north, "b.csv", text).json()
    assert (answer["added"], answer["refused"]) == (1, 2)
    mine = ledger.things.get("NORTH1")
    assert mine
    assert mine.operator == "North Fleet"
    assert north.put(f"{API}/things/SOUTH1", json={}).status_code == 403
    assert north.get(f"{API}/things/SOUTH1").status_code == 404
    assert get(north, "/things")["total"] == 1


def test_accounts(admin: TestClient, app: FastAPI) -> None:
    new = {"name": "li.wei", "password": "ten letters", "role": "viewer"}
    assert admin.post(f"{API}/accounts", json=new).status_code == 201
    assert admin.post(f"{API}/accounts", json=new).status_code == 403
    short = admin.post(f"{API}/accounts", json=new | {"name": "x", "password": "short"})
    assert short.status_code == 422
    assert "short" not in short.text.replace("shorter", "")
    client = TestClient(app, headers=basic("li.wei", "ten letters"))
    assert get(client, "/me")["via"] == "basic"
    assert admin.patch(f"{API}/accounts/li.wei", json={"active": False}).json()["active"] is False
    assert client.get(f"{API}/me").status_code == 401
    assert admin.delete(f"{API}/accounts/li.wei").status_code == 200
    assert admin.delete(f"{API}/accounts/li.wei").status_code == 404


def test_the_last_admin_stays(admin: TestClient) -> None:
    for change in ({"active": False}, {"role": "viewer"}):
        assert admin.patch(f"{API}/accounts/admin", json=change).status_code == 403
    assert admin.delete(f"{API}/accounts/admin").status_code == 403
    assert get(admin, "/me")["role"] == "admin"


def test_tokens(operator: TestClient, admin: TestClient, app: FastAPI) -> None:
    made = operator.post(f"{API}/tokens", json={"name": "wall", "role": "viewer", "days": 30})
    assert made.status_code == 201
    wall = TestClient(app, headers={"Authorization": f"Bearer {made.json()['secret']}"})
    assert get(wall, "/me")["role"] == "viewer"
    assert wall.put(f"{API}/things/X", json={}).status_code == 403
    assert wall.post(f"{API}/tokens", json={"name": "up", "role": "operator"}).status_code == 403
    assert operator.post(f"{API}/tokens", json={"name": "up", "role": "admin"}).status_code == 403
    assert "secret" not in get(operator, "/tokens")["rows"][0]
    number = made.json()["id"]
    assert operator.get(f"{API}/tokens", params={"all": True}).status_code == 403
    assert {t["account"] for t in get(admin, "/tokens", all=True)["rows"]} == {"operator", "admin"}
    assert operator.delete(f"{API}/tokens/{number}").status_code == 200
    assert wall.get(f"{API}/me").status_code == 401


def test_peers_and_keys(admin: TestClient, ledger: Ledger) -> None:
    made = admin.post(f"{API}/peers", json={"user": "city-01", "title": "City bus"}).json()
    assert ledger.peers.check("city-01", made["password"])
    kept = admin.put(f"{API}/keys/city-01/aes", json={"hex": "00" * 16}).json()
    assert kept["sha256"] == "374708fff7719dd5"  # SHA-256 of 16 zero bytes
    assert ledger.peers.keys("city-01") == {"aes": bytes(16)}
    listed = get(admin, "/peers")["rows"][0]
    assert listed["keys"] == ["aes"]
    assert "password" not in listed
    assert admin.put(f"{API}/keys/city-01/aes", json={}).status_code == 422
    assert admin.put(f"{API}/keys/city-01/aes", json={"hex": "xyz"}).status_code == 422
    assert admin.patch(f"{API}/peers/city-01", json={"active": False}).json()["active"] is False
    assert not ledger.peers.check("city-01", made["password"])
    assert admin.delete(f"{API}/keys/city-01/aes").status_code == 200
    assert admin.delete(f"{API}/peers/city-01").status_code == 200
    assert admin.patch(f"{API}/peers/city-01", json={}).status_code == 404


def test_audit_names_every_change(admin: TestClient) -> None:
    admin.put(f"{API}/things/VIN1", json={})
    admin.post(f"{API}/peers", json={"user": "city-01", "password": "secret-1"})
    rows = get(admin, "/audit", who="admin")["rows"]
    assert [(r["what"], r["object"]) for r in rows] == [
        ("peer.add", "city-01"), ("thing.put", "VIN1"),
    ]  # fmt: skip
    assert rows[0]["from_where"] == "testclient"
    assert "secret-1" not in str(rows)
    assert get(admin, "/audit", what="thing.put")["total"] == 1


def test_rooms_answer_by_get_and_post(
    ledger: Ledger, warehouse: Warehouse, engine: Any, tmp_path: Path
) -> None:
    page = Page(
        "/reverser", "Reverser", "反转", "page.html", {"reverse": lambda hex="": {"r": hex[::-1]}}
    )
    (tmp_path / "page.html").write_text("", "utf-8")
    room = RoomPage("mirror", page, tmp_path)
    app = create_app(ledger, warehouse, (room,), WebSettings(), engine)
    client = TestClient(app, headers=basic("viewer", "a long enough password"))
    path = f"{API}/rooms/mirror/reverse"
    assert client.get(path, params={"hex": "ab"}).json() == {"r": "ba"}
    assert client.post(path, json={"hex": "cd"}).json() == {"r": "dc"}
    assert client.post(path, data={"hex": "ef"}).json() == {"r": "fe"}
    for wrong in ({"json": {"hex": 1}}, {"json": {"text": ""}}, {"json": ["x"]}, {"content": b"{"}):
        if "content" in wrong:
            wrong["headers"] = {"content-type": "application/json"}
        assert client.post(path, **wrong).status_code == 422  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("PUT", "/me", 405, "method_not_allowed"),
        ("GET", "/vehicles?size=x", 422, "invalid"),
        ("GET", "/vehicles/NOBODY", 404, "not_found"),
    ],
)
def test_errors_have_one_shape(
    viewer: TestClient, method: str, path: str, status: int, code: str
) -> None:
    answer = viewer.request(method, API + path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]


def test_an_unforeseen_failure_tells_no_secrets(viewer: TestClient, engine: Any) -> None:
    engine.failure = RuntimeError("the inside of the server")
    answer = viewer.get(f"{API}/system")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "inside" not in answer.text


def test_a_warehouse_without_its_tables(ledger: Ledger, warehouse: Warehouse, engine: Any) -> None:
    app = create_app(ledger, warehouse, (), WebSettings(), engine)
    client = TestClient(app, headers=basic("viewer", "a long enough password"))
    answer = client.get(f"{API}/vehicles")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store")


def test_openapi_describes_every_route(app: FastAPI) -> None:
    described = TestClient(app).get(f"{API}/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            name = f"{method} {path}"
            assert route.get("summary"), name
            assert route.get("description"), name
            assert route["responses"]["422"]["content"]["application/json"]["schema"][
                "$ref"
            ].endswith("/ErrorAnswer"), name
    row = described["components"]["schemas"]["VehicleRow"]["properties"]
    assert "总电压" in row["voltage_v"]["description"]
