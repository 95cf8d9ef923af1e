"""Connections and tags over the API: scope, roles, refusals in words, sheets, values, browsing."""

import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.errors import LinkError
from millbrain.core.plant.readings import READING_LATEST
from millbrain.core.plant.tags import Connection, Tag, Wrong
from millbrain.core.rooms import Driver, Level
from millbrain.core.tagging.rules import TagRules
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import now_ms
from tests.show.conftest import StubEngine, client_of, insert

API = "/api/v1"
CARD = Driver(
    key="field", title="Field bus", title_zh="现场总线", standards=("Example 1",), port=0,
    level=Level.SKETCH, start="", endpoint="10.0.0.7:502",
    options={"unit_id": ("Number of the station", "站号"), "password": ("Password", "密码")},
    secrets=("password",),
)  # fmt: skip
LINE = {"key": "line-3", "room": "field", "title": "Line 3", "endpoint": "10.0.0.7:502"}
SPEED = {"connection": "line-3", "address": "r:1", "thing": "MW-L03-M07", "signal": "speed_rpm",
         "unit": "r/min"}  # fmt: skip


def check(connection: Connection, tags: Sequence[Tag]) -> Sequence[Wrong]:
    """What the made-up room says: registers are r:N."""
    if not tags and ":" not in connection.endpoint:
        return [Wrong("endpoint", connection.endpoint, "host:port")]
    return [Wrong("address", t.address, "r:0 to r:99", t.address)
            for t in tags if not t.address.startswith("r:")]  # fmt: skip


class Vault:
    """Secrets in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get(self, connection: str, name: str) -> str:
        return self.kept.get((connection, name), "")

    def put(self, connection: str, name: str, value: str) -> None:
        self.kept.pop((connection, name), None)
        if value:
            self.kept[connection, name] = value

    def names(self, connection: str) -> frozenset[str]:
        return frozenset(name for key, name in self.kept if key == connection)


class PlantEngine(StubEngine):
    """An engine with one room and one connection that stands."""

    def connections(self) -> list[dict[str, Any]]:
        if self.failure:
            raise self.failure
        return [{
            "connection": "line-3", "room": "field", "phase": "connected",
            "since_ms": 1_700_000_000_000, "why": "1 of 2 tags brings no value.",
            "why_zh": "2 个测点中有 1 个没有数值。", "values": 120, "rate_hz": 2.0,
            "received_ms": 1_700_000_060_000, "troubles": {"r:2": "no such register"},
        }]  # fmt: skip

    def browse(
        self, connection: str, node: str = "", path: Sequence[str] = (), depth: int = 1
    ) -> Mapping[str, Any]:
        if self.failure:
            raise self.failure
        blank = {"parent": "", "kind": "number", "unit": "", "writable": False, "value": ""}
        return {"all": True, "nodes": [
            blank | {"address": "m7", "name": "M07", "leaf": False, "path": ["L03", "M07"]},
            blank | {"address": "r:1", "name": "SpindleSpeed", "leaf": True, "unit": "rpm",
                     "path": ["L03", "M07", "SpindleSpeed"]},
            blank | {"address": "r:2", "name": "Oil temp", "leaf": True, "unit": "°C",
                     "path": ["Oil temp"]},
        ]}  # fmt: skip


@pytest.fixture
def engine() -> StubEngine:
    return PlantEngine()


@pytest.fixture
def vault() -> Vault:
    return Vault()


@pytest.fixture
def plant(app: FastAPI, vault: Vault) -> FastAPI:
    """The application with one room that has connections."""
    services = app.state.services
    rules = TagRules({"field": CARD}, {"field": check})
    settings = dataclasses.replace(services.settings, tag_rules=rules, secrets=vault)
    app.state.services = dataclasses.replace(services, settings=settings)
    return app


@pytest.fixture
def line(plant: FastAPI, operator: TestClient) -> TestClient:
    """An operator, after connection and tag were added."""
    assert operator.post(f"{API}/connections", json=LINE).status_code == 201
    assert operator.post(f"{API}/tags", json=SPEED).status_code == 200
    return operator


def problem(answer: Any, status: int = 422) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["error"]["message"])


def test_a_connection_says_how_it_stands(line: TestClient, viewer: TestClient) -> None:
    found = viewer.get(f"{API}/connections").json()
    assert found["total"] == 1
    row = found["rows"][0]
    assert (row["phase"], row["rate_hz"], row["tags"]) == ("connected", 2.0, 1)
    assert row["since"] == "2023-11-14T22:13:20Z"
    assert row["why"] == "1 of 2 tags brings no value."
    assert viewer.get(f"{API}/connections/line-3").json()["troubles"] == 1
    assert viewer.get(f"{API}/connections/line-3/troubles").json() == {"r:2": "no such register"}


def test_a_silent_engine_is_said_in_words(line: TestClient, engine: StubEngine) -> None:
    engine.failure = ConnectionError("down")
    row = line.get(f"{API}/connections/line-3").json()
    assert row["phase"] == ""
    assert row["why"].startswith("The engine does not answer")
    assert "引擎" in row["why_zh"]


def test_refusals_name_what_is_allowed(plant: FastAPI, operator: TestClient) -> None:
    def added(**changes: Any) -> Any:
        return operator.post(f"{API}/connections", json=LINE | changes)

    assert "one of the rooms field is allowed" in problem(added(room="opc"))
    assert "such as 10.0.0.7:502 is allowed" in problem(added(endpoint=" "))
    assert "host:port is allowed" in problem(added(endpoint="nowhere"))
    assert "Field bus has the options unit_id, password" in problem(added(options={"unit": 3}))
    assert "1 to 64 letters" in problem(added(key="line 3"))
    assert operator.get(f"{API}/connections").json()["total"] == 0
    assert added().status_code == 201
    assert "there already" in problem(added(), 409)


def test_a_password_is_kept_apart_and_never_shown(
    plant: FastAPI, operator: TestClient, ledger: Ledger, vault: Vault
) -> None:
    given = LINE | {"options": {"unit_id": 3, "password": "s3cret"}}
    answer = operator.post(f"{API}/connections", json=given)
    assert "s3cret" not in answer.text
    assert answer.json()["options"] == {"unit_id": 3}
    assert answer.json()["secrets"] == ["password"]
    assert vault.get("line-3", "password") == "s3cret"
    kept = ledger.tags.connection("line-3")
    assert kept is not None
    assert dict(kept.options) == {"unit_id": 3}
    changed = {k: v for k, v in given.items() if k != "key"} | {"options": {"password": "***"}}
    assert operator.put(f"{API}/connections/line-3", json=changed).status_code == 200
    assert vault.get("line-3", "password") == "s3cret"
    assert operator.delete(f"{API}/connections/line-3").status_code == 200
    assert vault.names("line-3") == frozenset()


def test_an_organisation_sees_its_own_and_the_plants(
    plant: FastAPI, operator: TestClient, north: TestClient
) -> None:
    operator.post(f"{API}/connections", json=LINE | {"key": "common"})
    operator.post(f"{API}/connections", json=LINE | {"key": "south", "operator": "South Fleet"})
    assert north.post(f"{API}/connections", json=LINE | {"key": "mine"}).status_code == 201
    rows = {r["key"]: r for r in north.get(f"{API}/connections").json()["rows"]}
    assert {k: r["may_edit"] for k, r in rows.items()} == {"common": False, "mine": True}
    assert rows["mine"]["operator"] == "North Fleet"
    assert north.get(f"{API}/connections/south").status_code == 404
    assert "South Fleet" not in problem(north.get(f"{API}/tags?connection=south"), 404)
    refused = north.put(f"{API}/connections/common", json=LINE | {"title": "x"})
    assert "of the whole plant" in problem(refused, 403)
    tag = SPEED | {"connection": "common"}
    assert north.post(f"{API}/tags", json=tag).status_code == 403
    assert operator.post(f"{API}/tags", json=tag).status_code == 200
    assert north.get(f"{API}/tags").json()["total"] == 1


def test_a_tag_shows_its_newest_reading(
    line: TestClient, viewer: TestClient, city: Warehouse
) -> None:
    at = now_ms()
    insert(
        city, READING_LATEST, {"value": [False]}, thing=["MW-L03-M07"], signal=["speed_rpm"],
        device_at=[at - 1000], received_at=[at - 900], value=[1480.0], text=[""], quality=[192],
        link=["line-3"], reading_count=[1], as_of=[at],
    )  # fmt: skip
    row = viewer.get(f"{API}/tags", params={"q": "SPEED"}).json()["rows"][0]
    assert (row["value"], row["quality"], row["stale"], row["trouble"]) == (1480.0, 192, False, "")
    assert viewer.get(f"{API}/tags", params={"q": "%"}).json()["total"] == 0
    line.post(f"{API}/tags", json=SPEED | {"enabled": False})
    off = viewer.get(f"{API}/tags").json()["rows"][0]
    assert (off["value"], off["stale"]) == (1480.0, True)
    other = SPEED | {"address": "r:2", "signal": "oil_degc"}
    made = line.post(f"{API}/tags", json=other).json()
    assert (made["value"], made["quality"], made["trouble"]) == (None, None, "no such register")


def test_a_wrong_tag_is_refused_and_nothing_changes(line: TestClient, ledger: Ledger) -> None:
    before = ledger.tags.revision()

    def sent(**changes: Any) -> str:
        return problem(line.post(f"{API}/tags", json=SPEED | {"address": "r:5"} | changes))

    assert "r:0 to r:99 is allowed" in sent(address="x:1", signal="other")
    assert "snake" in sent(signal="Speed") or "small letters" in sent(signal="Speed")
    assert "without blanks" in sent(thing="M 7")
    assert "50 to 86400000 ms" in sent(signal="other", period_ms=1)
    assert "r:1 has it" in sent()
    assert ledger.tags.revision() == before


def test_many_tags_change_at_once_or_not_at_all(line: TestClient, ledger: Ledger) -> None:
    put = [SPEED | {"address": f"r:{n}", "signal": f"s_{n}"} for n in range(2, 6)]
    done = line.post(f"{API}/tags/bulk", json={"connection": "line-3", "put": put}).json()
    assert done == {"added": 4, "changed": 0, "deleted": 0}
    some = {"connection": "line-3", "addresses": ["r:2", "r:3"]}
    changed = line.post(f"{API}/tags/bulk", json=some | {"change": {"period_ms": 200}}).json()
    assert changed["changed"] == 2
    periods = {t.address: t.period_ms for t in ledger.tags.tags("line-3")}
    assert periods == {"r:1": 1000, "r:2": 200, "r:3": 200, "r:4": 1000, "r:5": 1000}
    lost = some | {"addresses": ["r:2", "r:99"], "change": {"enabled": False}}
    assert "nothing was changed" in problem(line.post(f"{API}/tags/bulk", json=lost), 404)
    assert all(t.enabled for t in ledger.tags.tags("line-3"))
    gone = line.post(f"{API}/tags/bulk", json=some | {"delete": True}).json()
    assert gone["deleted"] == 2
    assert line.delete(f"{API}/tags", params={"connection": "line-3", "address": "r:4"}).is_success
    assert len(ledger.tags.tags("line-3")) == 2


def test_browsing_proposes_thing_and_signal(line: TestClient, viewer: TestClient) -> None:
    assert viewer.get(f"{API}/connections/line-3/browse").status_code == 403
    asked = {"pattern": "MW-{-3}-{-2}"}
    nodes = line.get(f"{API}/connections/line-3/browse", params=asked).json()["nodes"]
    assert [(n["address"], n["thing"], n["signal"], n["known"]) for n in nodes] == [
        ("m7", "", "", False),
        ("r:1", "MW-L03-M07", "spindle_speed_rpm", True),
        ("r:2", "", "", False),
    ]
    assert "names no part of Oil temp" in nodes[2]["problem"]


def test_a_test_says_what_came_of_it(line: TestClient, engine: StubEngine) -> None:
    good = line.post(f"{API}/connections/line-3/test").json()
    assert (good["reached"], good["nodes"]) == (True, 3)
    engine.failure = LinkError("10.0.0.7:502 refuses the connection")
    bad = line.post(f"{API}/connections/line-3/test").json()
    assert bad["reached"] is False
    assert bad["message"] == "10.0.0.7:502 refuses the connection"


def send(client: TestClient, content: bytes, **parameters: str) -> Any:
    answer = client.post(f"{API}/tags/import", files={"file": ("tags.xlsx", content)},
                         params=parameters)  # fmt: skip
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_export_is_imported_unchanged(line: TestClient, ledger: Ledger) -> None:
    for form in ("xlsx", "csv"):
        sheet = line.get(f"{API}/tags/export", params={"form": form})
        revision = ledger.tags.revision()
        done = send(line, sheet.content)
        assert (done["unchanged"], done["added"], done["changed"]) == (1, 0, 0)
        assert ledger.tags.revision() == revision


def test_a_sheet_is_judged_row_by_row(line: TestClient, ledger: Ledger) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (
        ["连接", "地址", "对象", "信号", "周期_ms", "启用", "系数", "remark"],
        ["line-3", "r:1", "MW-L03-M07", "speed_rpm", 500, "是", 1, "changed"],
        ["line-3", "r:2", "MW-L03-M07", "oil_degc", 1000, "yes", 0.1, "added"],
        ["line-9", "r:3", "MW-L03-M07", "a", 1000, "yes", 1, "no such connection"],
        ["line-3", "q:4", "MW-L03-M07", "b", 1000, "yes", 1, "no such register"],
        ["line-3", "r:5", "MW-L03-M07", "c", "often", "perhaps", 1, "two wrongs"],
        ["line-3", "r:2", "MW-L03-M07", "d", 1000, "yes", 1, "twice"],
        [None] * 8,
        ["line-3", "r:6", "MW-L03-M07", "speed_rpm", 1000, "yes", 1, "same signal"],
    ):
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    only = send(line, file.getvalue(), mode="check")
    refused = send(line, file.getvalue())
    assert only == refused
    assert refused["done"] is False
    assert len(ledger.tags.tags("line-3")) == 1
    assert [(w["row"], w["column"], w["found"]) for w in refused["wrongs"]] == [
        (4, "connection", "line-9"),
        (5, "address", "q:4"),
        (6, "period_ms", "often"),
        (6, "enabled", "perhaps"),
        (7, "address", "r:2"),
        (9, "signal", "MW-L03-M07 speed_rpm"),
    ]
    assert refused["wrongs"][1]["allowed"] == "r:0 to r:99"
    good = send(line, file.getvalue(), mode="good")
    assert (good["done"], good["added"], good["changed"], good["refused"]) == (True, 1, 1, 5)
    tags = {t.address: t for t in ledger.tags.tags("line-3")}
    assert (tags["r:1"].period_ms, tags["r:2"].scale) == (500, 0.1)
    assert tags["r:1"].unit == "r/min"  # a column that the sheet leaves out stays


def test_a_register_map_as_toml(line: TestClient, ledger: Ledger) -> None:
    text = """
[[tag]]
address = "r:8"
thing = "MW-L03-M08"
signal = "power_kw"
writable = true
scale = 0.001
"""
    done = send(line, text.encode(), connection="line-3")
    assert done["added"] == 1
    made = {t.address: t for t in ledger.tags.tags("line-3")}["r:8"]
    assert (made.writable, made.scale, made.connection) == (True, 0.001, "line-3")
    typo = send(line, text.replace("scale", "scaling").encode(), connection="line-3")
    assert (typo["done"], typo["wrongs"][0]["column"]) == (False, "scaling")


def test_every_change_is_in_the_audit(line: TestClient, ledger: Ledger) -> None:
    line.post(f"{API}/tags/bulk", json={"connection": "line-3", "addresses": ["r:1"],
                                        "delete": True})  # fmt: skip
    line.delete(f"{API}/connections/line-3")
    rows, _ = ledger.audit.page("operator", "", None, 0, 10)
    assert [(r.what, r.object) for r in reversed(rows)] == [
        ("connection.add", "line-3"),
        ("tag.put", "line-3 r:1"),
        ("tag.bulk", "line-3"),
        ("connection.delete", "line-3"),
    ]


def test_a_viewer_changes_nothing(line: TestClient, app: FastAPI, ledger: Ledger) -> None:
    viewer = client_of(app, ledger, "viewer")
    assert viewer.post(f"{API}/tags", json=SPEED).status_code == 403
    assert viewer.post(f"{API}/connections", json=LINE).status_code == 403
    assert viewer.delete(f"{API}/connections/line-3").status_code == 403


def test_an_order_to_a_machine_is_recorded_with_its_end(
    line: TestClient, viewer: TestClient, engine: StubEngine, ledger: Ledger
) -> None:
    order = {"thing": "MW-L03-M07", "signal": "speed_rpm", "value": 900}
    assert viewer.post(f"{API}/tags/commands", json=order).status_code == 403
    done = line.post(f"{API}/tags/commands", json=order).json()
    assert (done["state"], done["thing"]) == ("answered", "MW-L03-M07")
    sent = {"do": "write", "signal": "speed_rpm", "value": 900.0}
    assert engine.orders == [("field", "MW-L03-M07", sent)]
    engine.failure = LinkError("line-3 is not connected: nothing listens")
    assert "nothing listens" in problem(line.post(f"{API}/tags/commands", json=order), 502)
    rows = viewer.get(f"{API}/tags/commands", params={"thing": "MW-L03-M07"}).json()["rows"]
    assert [(r["state"], r["order"]) for r in rows] == [("failed", sent), ("answered", sent)]
    trail, _ = ledger.audit.page(what="command.write")
    assert [(e.object, e.result[:7]) for e in trail] == [
        ("MW-L03-M07 speed_rpm", "failed:"), ("MW-L03-M07 speed_rpm", "ok"),
    ]  # fmt: skip


def test_an_order_goes_only_where_the_caller_may_change_things(
    line: TestClient, engine: StubEngine
) -> None:
    unknown = {"thing": "MW-L03-M07", "signal": "torque_nm", "value": 1}
    assert "reaches signal 'torque_nm'" in problem(
        line.post(f"{API}/tags/commands", json=unknown), 404
    )
    call = {"thing": "MW-L03-M07", "do": "call", "connection": "line-9", "method": "m"}
    assert "reaches MW-L03-M07" in problem(line.post(f"{API}/tags/commands", json=call), 404)
    span = {"thing": "MW-L03-M07", "do": "history", "signal": "speed_rpm",
            "since": "2026-01-01T00:00:00", "until": "2026-01-02T00:00:00Z"}  # fmt: skip
    assert "with its zone" in problem(line.post(f"{API}/tags/commands", json=span))
    assert engine.orders == []
