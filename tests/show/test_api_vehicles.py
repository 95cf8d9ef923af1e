"""The vehicles list: search, filters, sorting, paging, scope, exports."""

import csv
import io

import openpyxl
import pytest
from fastapi.testclient import TestClient

VINS = ("LDPGABAC2JN361504", "LSVAU2A37N2183294", "LGXCE4CB8P0041177", "LB378Y4W9JA177121")
LIST = "/api/v1/vehicles"


def vins(client: TestClient, **parameters: object) -> list[str]:
    answer = client.get(LIST, params=parameters)
    assert answer.status_code == 200, answer.text
    return [row["vin"] for row in answer.json()["rows"]]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"q": "jn3615"}, {0}),
        ({"q": "渝AD"}, {1}),
        ({"q": "ev-1"}, {0, 2}),
        ({"q": "%"}, set()),
        ({"state": "driving"}, {0}),
        ({"state": "charging"}, {1}),
        ({"state": "offline"}, {2, 3}),
        ({"state": "online"}, {0, 1}),
        ({"model": "EV-1", "operator": "South Fleet"}, {2}),
        ({"model": "North Fleet", "operator": "North Fleet"}, set()),
        ({"region": "500103"}, {0, 2}),
        ({"alarm_level": 3}, {1}),
        ({"q": "' OR 1=1 --"}, set()),
        ({}, {0, 1, 2, 3}),
    ],
)
def test_filters(viewer: TestClient, parameters: dict[str, object], expected: set[int]) -> None:
    assert set(vins(viewer, **parameters)) == {VINS[i] for i in expected}


def test_sorting_puts_missing_values_last(viewer: TestClient) -> None:
    for order, expected in (("asc", (1, 0, 2, 3)), ("desc", (2, 0, 1, 3))):
        assert vins(viewer, sort="soc_pct", order=order) == [VINS[i] for i in expected]


def test_pages(viewer: TestClient) -> None:
    first = viewer.get(LIST, params={"size": 3}).json()
    assert (len(first["rows"]), first["total"], first["page"], first["size"]) == (3, 4, 1, 3)
    assert first["as_of"].startswith("20")
    second = viewer.get(LIST, params={"size": 3, "page": 2}).json()
    beyond = viewer.get(LIST, params={"size": 3, "page": 9}).json()
    assert len(second["rows"]) == 1
    assert (beyond["rows"], beyond["total"]) == ([], 4)


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"sort": "vin; DROP TABLE vehicle_latest"}, 404),
        ({"sort": "cells_mv"}, 404),
        ({"state": "flying"}, 422),
        ({"size": 501}, 422),
        ({"page": 0}, 422),
        ({"order": "down"}, 422),
    ],
)
def test_refused_parameters(viewer: TestClient, parameters: dict[str, object], status: int) -> None:
    answer = viewer.get(LIST, params=parameters)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message", "detail"}


def test_a_row_in_full(viewer: TestClient) -> None:
    row = viewer.get(LIST, params={"q": VINS[1]}).json()["rows"][0]
    assert row["state"] == "charging"
    assert (row["region"], row["region_zh"], row["region_code"]) == ("Yubei", "渝北区", "500112")
    assert (row["soc_pct"], row["charge_start_soc_pct"], row["edition"]) == (31, 28, 2025)
    assert row["charge_start_at"].endswith("Z")
    assert row["event_at"] is None


def test_scope_filters_lists_totals_choices_and_exports(north: TestClient) -> None:
    answer = north.get(LIST).json()
    assert {r["vin"] for r in answer["rows"]} == set(VINS[:2])
    assert answer["total"] == 2
    assert vins(north, operator="South Fleet") == []
    assert north.get(f"{LIST}/choices").json()["operators"] == ["North Fleet"]
    exported = north.get(LIST, params={"format": "csv"}).text
    assert VINS[0] in exported
    assert VINS[2] not in exported


def test_choices(viewer: TestClient) -> None:
    found = viewer.get(f"{LIST}/choices").json()
    assert found["models"] == ["EV-1", "=cmd()", "EV-2"]
    assert found["regions"][0] == {"code": "500103", "name": "Yuzhong", "name_zh": "渝中区"}


def test_csv_holds_every_vehicle_and_no_formula(viewer: TestClient) -> None:
    answer = viewer.get(LIST, params={"format": "csv"})
    assert answer.headers["content-disposition"].startswith('attachment; filename="vehicles_')
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [r["vin"] for r in rows] == sorted(VINS)
    by_vin = {r["vin"]: r for r in rows}
    assert by_vin[VINS[3]]["model"] == "'=cmd()"
    assert by_vin[VINS[3]]["soc_pct"] == ""
    assert by_vin[VINS[0]]["speed_kmh"] == "42.5"
    assert by_vin[VINS[0]]["plate"] == "渝A12345"


def test_xlsx_holds_texts_as_texts_and_numbers_as_numbers(viewer: TestClient) -> None:
    answer = viewer.get(LIST, params={"format": "xlsx", "state": "offline"})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    found = [dict(zip(rows[0], r, strict=True)) for r in rows[1:]]
    by_vin = {r["vin"]: r for r in found}
    assert set(by_vin) == set(VINS[2:])
    assert by_vin[VINS[2]]["soc_pct"] == 80
    assert by_vin[VINS[3]]["soc_pct"] is None
    column = rows[0].index("model")
    cells = {r[column].value: r[column].data_type for r in sheet.iter_rows(min_row=2)}
    assert cells == {"EV-1": "s", "=cmd()": "s"}


def test_an_empty_export_has_its_heading(viewer: TestClient) -> None:
    text = viewer.get(LIST, params={"format": "csv", "q": "nobody"}).content.decode("utf-8-sig")
    assert text.splitlines()[0].startswith("vin,")
    assert len(text.splitlines()) == 1
