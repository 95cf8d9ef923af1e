"""Limits of signals over the API: what is set, how it stands, who may, sheets."""

import io
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient

from millbrain.core.findings import FINDING, Finding, Severity, finding_columns
from millbrain.core.plant.readings import READING_LATEST
from millbrain.core.tables import arrow_batch
from millbrain.record.ledger import Ledger, Thing
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import now_ms
from tests.show.conftest import insert

API = "/api/v1/limits"
HOT = {"thing": "PUMP-1", "signal": "bearing_degc", "high": 80, "high_high": 95, "deadband": 5}


def rows(client: TestClient, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get(API, params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


@pytest.fixture
def limited(operator: TestClient, ledger: Ledger) -> TestClient:
    assert operator.put(API, json=HOT).status_code == 200
    return operator


def test_what_is_set_is_what_is_read(limited: TestClient, viewer: TestClient) -> None:
    (row,) = rows(viewer)
    assert {k: row[k] for k in HOT} == HOT
    assert (row["low"], row["unit"], row["level"], row["changed_by"]) == (
        None,
        "°C",
        None,
        "operator",
    )
    assert rows(viewer, thing="PUMP-2") == []


def test_it_says_how_the_signal_stands(
    limited: TestClient, viewer: TestClient, city: Warehouse
) -> None:
    at = now_ms()
    insert(
        city, READING_LATEST, {"value": [False]}, thing=["PUMP-1"], signal=["bearing_degc"],
        device_at=[at], received_at=[at], value=[97.5], text=[""], quality=[192], link=["x"],
        reading_count=[1], as_of=[at],
    )  # fmt: skip
    (row,) = rows(viewer)
    assert (row["value"], row["level"]) == (97.5, 0)
    found = Finding("PUMP-1", "limits", "high", 1, 0, 10, 20, Severity.STOP, 97.5, "°C", 95, 1.0)
    city.insert(FINDING, arrow_batch(FINDING, finding_columns([found], at)))
    (row,) = rows(viewer)
    assert row["level"] == 2


def test_a_second_setting_replaces_and_deleting_ends_it(limited: TestClient) -> None:
    assert limited.put(API, json={**HOT, "high": 70}).status_code == 200
    (row,) = rows(limited)
    assert row["high"] == 70
    which = {"thing": "PUMP-1", "signal": "bearing_degc"}
    assert limited.delete(API, params=which).status_code == 200
    assert rows(limited) == []
    assert limited.delete(API, params=which).status_code == 404


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({**HOT, "high": 99}, "low_low < low < high < high_high is allowed"),
        ({"thing": "P", "signal": "s"}, "none is given"),
        ({**HOT, "deadband": -1}, "deadband"),
        ({"signal": "s", "high": 1}, "thing"),
    ],
)
def test_nonsense_is_refused_in_words(
    operator: TestClient, body: dict[str, Any], sentence: str
) -> None:
    answer = operator.put(API, json=body)
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]["message"]


def test_an_organisation_sets_limits_of_its_own_things_only(
    limited: TestClient, ledger: Ledger, north: TestClient
) -> None:
    assert rows(north) == []
    answer = north.put(API, json=HOT)
    assert answer.status_code == 403
    assert "not registered as a thing of" in answer.json()["error"]["message"]
    which = {"thing": "PUMP-1", "signal": "bearing_degc"}
    assert north.delete(API, params=which).status_code == 404
    ledger.things.put([Thing("PUMP-1", kind="machine", operator="North Fleet")])
    assert north.put(API, json=HOT).status_code == 200
    assert len(rows(north)) == 1


def test_a_sheet_goes_out_and_comes_back(limited: TestClient, viewer: TestClient) -> None:
    book = openpyxl.load_workbook(io.BytesIO(viewer.get(API, params={"format": "xlsx"}).content))
    sheet = book.active
    assert sheet is not None
    heading = [c.value for c in sheet[1]]
    sheet.append(["PUMP-2", "bearing_degc", None, None, 60, None, None][: len(heading)])
    sheet.append(["PUMP-3", "bearing_degc", 5, 4, None, None, None][: len(heading)])
    out = io.BytesIO()
    book.save(out)
    answer = limited.post(f"{API}/import", files={"file": ("limits.xlsx", out.getvalue())})
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["added"], done["changed"], done["refused"]) == (1, 1, 1)
    assert done["problems"][0]["row"] == 4
    assert [(r["thing"], r["high"]) for r in rows(viewer)] == [("PUMP-1", 80), ("PUMP-2", 60)]
