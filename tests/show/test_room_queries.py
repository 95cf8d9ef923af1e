"""What a room declares is asked as declared: types, ranges, pages, exports, and whose rows."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.errors import SettingsError
from millbrain.core.pages import Argument, Document, Page, Query, RoomPage, Scope
from millbrain.core.tables import Column
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import Warehouse
from millbrain.show.access import Access
from millbrain.show.app import WebSettings, create_app
from tests.show.conftest import REGIONS, VINS, StubEngine

COLUMNS = (
    Column("vin", "text", "Vehicle", "车辆"),
    Column("soc_pct", "u8", "State of charge", "荷电状态", missing=True),
    Column("day", "day", "Day", "日期"),
    Column("pair", "f32", "Two numbers, one of them unknown", "两个数", many=True),
)
CHARGED = Query(
    "charged",
    "Vehicles by charge",
    "按电量",
    "SELECT vin, soc_pct, toDate('2026-11-22') AS day, [toFloat32(0.5), nan] AS pair"
    " FROM vehicle_latest WHERE ({operator:String} = '' OR operator = {operator:String})"
    " AND ifNull(soc_pct, 0) >= {soc_min:UInt8} AND (model = {model:String} OR {model:String} = '')"
    " AND link != {kind:String} AND soc_pct > {share:Float64} OR toDate(0) > {since:Date}",
    COLUMNS,
    "soc_pct desc, vin",
    (
        Argument("soc_min", "UInt8", "Least charge", "最低电量", 0, 0, 100),
        Argument("model", "String", "Model", "车型", "", length_max=8),
        Argument("kind", "String", "Kind", "类别", "a", choices=("a", "b")),
        Argument("share", "Float64", "Share", "比例", 0.0, 0, 1),
        Argument("since", "Date", "Since", "起", "2026-01-01"),
    ),
)
ALL = Query(
    "all",
    "All vehicles",
    "全部",
    "SELECT count() AS vehicles, toDateTime64(1.5, 3, 'UTC') AS as_of FROM vehicle_latest"
    " WHERE vin != {vin:String}",
    (Column("vehicles", "u64", "Vehicles", "车辆数"), Column("as_of", "at_ms", "As of", "时刻")),
    "vehicles",
    (Argument("vin", "String", "Left out", "除外"),),
    Scope.WHOLE,
)


def _told(rows: Any, language: str) -> str:
    return f"{language}: {', '.join(row['vin'] for row in rows['charged'])}"


TOLD = Document("told", "Told", "说明", (CHARGED,), _told, "text/plain")
BOTH = Document("both", "Both", "全部", (CHARGED, ALL), _told)
PATH = "/api/v1/rooms/toy/charged"


TOY = """{% extends "shell.html" %}{% block main %}{{ queries | tojson }}
{% include "toy/pages/in.html" %}{% endblock %}"""


@pytest.fixture(scope="module")
def toy_app(city: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """The application with one toy room, still without a ledger: it takes 0.2 s to make."""
    folder = tmp_path_factory.mktemp("rooms") / "toy"
    (folder / "pages").mkdir(parents=True)
    (folder / "pages" / "toy.html").write_text(TOY)
    (folder / "pages" / "in.html").write_text("{{ parameters.get('vin', 'none') }}")
    (folder / "pages" / "wall.html").write_text('{% extends "page.html" %}')
    for name in ("toy.js", "part.js", "toy.css", "secret.py"):
        (folder / "pages" / name).write_text("")
    (folder / "codec.js").write_text("")
    first = Page("/toy/{vin}", "Toy", "玩具", "pages/toy.html", within="/toy")
    second = Page("/toy", "Toys", "玩具", "pages/toy.html", queries=(CHARGED, ALL),
                  documents=(TOLD,))  # fmt: skip
    wall = Page("/toy/wall", "Wall", "大屏", "pages/wall.html", queries=(CHARGED,), wall=True,
                documents=(BOTH,), within="/toy")  # fmt: skip
    pages = tuple(RoomPage("toy", page, folder) for page in (first, second, wall))
    return create_app(None, city, pages, WebSettings(regions=REGIONS), None)  # type: ignore[arg-type]


@pytest.fixture
def app(toy_app: FastAPI, ledger: Ledger, engine: StubEngine) -> FastAPI:
    """The same over a fresh ledger."""
    state = toy_app.state
    state.services = dataclasses.replace(state.services, ledger=ledger, engine=engine)
    state.access = Access(ledger, is_secure=False)
    return toy_app


def test_a_page_of_rows_with_types_and_as_of(viewer: TestClient) -> None:
    answer = viewer.get(PATH, params={"size": 2}).json()
    assert [(r["vin"], r["soc_pct"]) for r in answer["rows"]] == [(VINS[2], 80), (VINS[0], 66)]
    assert answer["rows"][0]["day"] == "2026-11-22"
    assert answer["rows"][0]["pair"] == [0.5, None]
    assert (answer["total"], answer["page"], answer["size"]) == (3, 1, 2)
    assert answer["as_of"].endswith("Z")
    behind = viewer.get(PATH, params={"size": 2, "page": 9}).json()
    assert (behind["rows"], behind["total"]) == ([], 3)
    turned = viewer.get(PATH, params={"sort": "vin", "order": "desc"}).json()
    assert [r["vin"] for r in turned["rows"]] == sorted((VINS[0], VINS[1], VINS[2]), reverse=True)


def test_as_of_is_the_rows_own_where_they_say_it(viewer: TestClient) -> None:
    answer = viewer.get("/api/v1/rooms/toy/all", params={"vin": VINS[0]}).json()
    assert answer["rows"] == [{"vehicles": 3, "as_of": "1970-01-01T00:00:01.500Z"}]
    assert answer["as_of"] == "1970-01-01T00:00:01.500Z"


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"soc_min": "101"}, "soc_min"),
        ({"soc_min": "-1"}, "soc_min"),
        ({"soc_min": "many"}, "soc_min"),
        ({"model": "a model too long"}, "model"),
        ({"kind": "c"}, "kind"),
        ({"share": "1.01"}, "share"),
        ({"share": "nan"}, "share"),
        ({"since": "22.11.2026"}, "since"),
        ({"size": "501"}, "size"),
        ({"page": "0"}, "page"),
        ({"sort": "vin; DROP TABLE vehicle_latest"}, "sort"),
        ({"order": "sideways"}, "order"),
        ({"format": "exe"}, "format"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_not_allowed_is_refused(
    viewer: TestClient, given: dict[str, str], where: str
) -> None:
    answer = viewer.get(PATH, params=given)
    assert answer.status_code == 422
    assert where in answer.json()["error"]["message"]


def test_an_argument_without_default_must_be_given(viewer: TestClient) -> None:
    assert viewer.get("/api/v1/rooms/toy/all").status_code == 422


def test_a_value_cannot_become_a_statement(viewer: TestClient) -> None:
    assert viewer.get(PATH, params={"model": "' OR 1--"}).json()["total"] == 0


def test_an_organisation_gets_its_own_rows_and_nothing_that_is_not_divided(
    north: TestClient, viewer: TestClient
) -> None:
    own = {VINS[0], VINS[1]}
    assert {r["vin"] for r in north.get(PATH).json()["rows"]} == own
    assert north.get(PATH, params={"operator": "North Fleet"}).json()["total"] == 2
    assert {
        r["vin"] for r in viewer.get(PATH, params={"operator": "North Fleet"}).json()["rows"]
    } == own
    assert north.get(PATH, params={"format": "csv"}).text.count("\r\n") == 3
    foreign = north.get(PATH, params={"operator": "South Fleet"})
    whole = north.get("/api/v1/rooms/toy/all", params={"vin": VINS[0]})
    both = north.get("/api/v1/rooms/toy/both", params={"vin": VINS[0]})
    for answer in (foreign, whole, both):
        assert answer.status_code == 403
        assert "North Fleet" in answer.json()["error"]["message"]


def test_without_a_login_nothing_is_answered(app: FastAPI) -> None:
    for name in ("charged", "told", "all"):
        assert TestClient(app).get(f"/api/v1/rooms/toy/{name}").status_code == 401


def test_exports_hold_every_row_and_lists_as_text(viewer: TestClient) -> None:
    answer = viewer.get(PATH, params={"format": "csv", "size": 1})
    assert "toy_charged" in answer.headers["content-disposition"]
    lines = list(csv.reader(answer.content.decode("utf-8-sig").splitlines()))
    assert lines[0] == ["vin", "soc_pct", "day", "pair"]
    assert lines[1] == [VINS[2], "80", "2026-11-22", "0.5;"]
    assert len(lines) == 4
    xlsx = viewer.get(PATH, params={"format": "xlsx", "sort": "soc_pct"}).content
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx)).active
    assert sheet is not None
    assert [row[1] for row in sheet.iter_rows(values_only=True)] == ["soc_pct", 31, 66, 80]


def test_a_document_is_made_of_the_readers_rows_in_its_language(
    viewer: TestClient, north: TestClient
) -> None:
    answer = viewer.get("/api/v1/rooms/toy/told", params={"language": "zh", "soc_min": 60})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == f"zh: {VINS[2]}, {VINS[0]}"
    assert north.get("/api/v1/rooms/toy/told").text == f"en: {VINS[0]}, {VINS[1]}"


def test_the_api_says_what_may_be_asked_and_what_comes(viewer: TestClient) -> None:
    api = viewer.get("/api/v1/openapi.json").json()
    asked = {p["name"]: p for p in api["paths"]["/api/v1/rooms/toy/charged"]["get"]["parameters"]}
    assert asked["soc_min"]["schema"]["maximum"] == 100
    assert asked["kind"]["schema"]["enum"] == ["a", "b"]
    assert "soc_pct" in asked["sort"]["schema"]["enum"]
    row = api["components"]["schemas"]["ToyChargedRow"]["properties"]
    assert row["soc_pct"]["description"] == "State of charge [%]. 荷电状态."


def test_pages_of_one_room(viewer: TestClient, app: FastAPI) -> None:
    html = viewer.get("/toy").text
    assert html.count('href="/toy"') == 1  # the others stand under its entry
    assert 'href="/toy" aria-current="page"' in html
    assert '"title": "Vehicles by charge"' in html
    assert "none" in html  # the included part
    assert 'href="/toy" aria-current="page"' in viewer.get("/toy/V1").text
    assert "V1" in viewer.get("/toy/V1").text
    assert viewer.get("/toy/wall").text.count("data-wall") == 1
    assert TestClient(app).get("/toy/wall").status_code == 200, "a wall's shell holds no data"
    assert TestClient(app).get("/toy", follow_redirects=False).status_code == 303


def test_only_modules_and_styles_beside_the_template_are_served(app: FastAPI) -> None:
    anybody = TestClient(app)
    for name in ("toy.js", "part.js", "toy.css"):
        assert anybody.get(f"/rooms/toy/{name}").status_code == 200
    for name in ("secret.py", "toy.html", "codec.js", "..%2fcodec.js", "pages%2ftoy.js"):
        assert anybody.get(f"/rooms/toy/{name}").status_code == 404


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sql": "SELECT vin FROM vehicle_latest"}, "operator"),
        ({"sql": CHARGED.sql + "; DROP TABLE finding"}, "one statement"),
        ({"sql": CHARGED.sql + " OR vin = {vin:String}"}, "vin"),
        ({"arguments": CHARGED.arguments[:1]}, "model"),
        ({"order": "plate"}, "plate"),
        ({"columns": ()}, "columns"),
        ({"name": "No Name"}, "one word"),
        ({"rows": 0}, "rows a page"),
        ({"rows": 2_001}, "rows a page"),
    ],
)
def test_a_declaration_that_cannot_be_right_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        dataclasses.replace(CHARGED, **change)


@pytest.mark.parametrize("name", ["operator", "page", "sort", "format"])
def test_an_argument_cannot_take_a_name_of_the_mechanism(name: str) -> None:
    argument = Argument(name, "UInt8", "Any", "任意", 0)
    text = f"{CHARGED.sql} OR 1 = {{{name}:UInt8}}"
    with pytest.raises(SettingsError, match="argument"):
        dataclasses.replace(CHARGED, sql=text, arguments=(*CHARGED.arguments, argument))


def test_two_queries_of_one_name_are_refused(
    city: Warehouse, ledger: Ledger, engine: StubEngine, tmp_path: Path
) -> None:
    other = dataclasses.replace(CHARGED, title="Another")
    page = Page("/toy", "Toy", "玩具", "toy.html", queries=(CHARGED, other))
    with pytest.raises(SettingsError, match="charged"):
        create_app(ledger, city, (RoomPage("toy", page, tmp_path),), WebSettings(), engine)  # type: ignore[arg-type]
