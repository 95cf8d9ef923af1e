"""Pages: who may open which, in which language, and that nothing in them breaks the policy."""

import re
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import Warehouse
from millbrain.run.discovery import room_pages
from millbrain.show.app import WebSettings, create_app
from millbrain.show.pages.routes import SHOW_FOLDER
from tests.show.conftest import REGIONS, VINS, client_of

PRIVATE = (
    "/", "/vehicles", f"/vehicles/{VINS[0]}", "/intake", "/inspector", "/system", "/dictionary",
    "/account", "/identifiers", "/identifiers/record", "/identifiers/nodes",
    "/identifiers/templates", "/identifiers/trace", "/identifiers/recall", "/identifiers/labels",
    "/identifiers/statistics",
)  # fmt: skip
BATTERY = ("/battery", f"/battery/{VINS[0]}", "/battery/fleet", "/battery/heat")
PUBLIC = ("/login", "/wall", "/battery/wall")
CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}


@pytest.fixture(scope="module")
def plain_app(city: Warehouse) -> FastAPI:
    """The application with the pages that rooms bring, still without a ledger: it takes 0.9 s."""
    return create_app(None, city, room_pages(), WebSettings(regions=REGIONS), None)  # type: ignore[arg-type]


@pytest.fixture(params=("viewer", "operator", "admin"))
def reader(request: pytest.FixtureRequest, app: FastAPI, ledger: Ledger) -> TestClient:
    """Somebody of each role."""
    return client_of(app, ledger, request.param)


class Page(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("path", [*PRIVATE, *PUBLIC])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_role_is_answered_in_its_language(
    reader: TestClient, path: str, language: str
) -> None:
    answer = reader.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert Page(answer.text).tags[0] == ("html", Page(answer.text).tags[0][1])
    assert Page(answer.text).tags[0][1]["lang"] == language
    assert ("总览" in answer.text or "登录" in answer.text) == (language == "zh")


@pytest.mark.parametrize("path", PRIVATE)
def test_without_a_login_a_page_leads_to_it_and_back(app: FastAPI, path: str) -> None:
    answer = TestClient(app).get(f"{path}?q=1%202", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?next={path}%3Fq%3D1%25202"


@pytest.mark.parametrize("path", PUBLIC)
def test_login_and_wall_are_open_and_hold_no_data(app: FastAPI, path: str) -> None:
    answer = TestClient(app).get(path)
    assert answer.status_code == 200
    assert VINS[0] not in answer.text


def test_sections_go_with_the_role(app: FastAPI, ledger: Ledger) -> None:
    vehicle = {n: client_of(app, ledger, n).get(f"/vehicles/{VINS[0]}").text
               for n in ("viewer", "operator", "admin")}  # fmt: skip
    system = {n: client_of(app, ledger, n).get("/system").text for n in vehicle}
    assert [name for name, html in vehicle.items() if 'id="command"' in html] == [
        "operator",
        "admin",
    ]
    assert [name for name, html in system.items() if 'id="accounts"' in html] == ["admin"]


def test_account_wins_over_cookie_and_cookie_over_browser(app: FastAPI, ledger: Ledger) -> None:
    reader = client_of(app, ledger, "viewer")
    reader.cookies.set("language", "en")
    reader.cookies.set("theme", "dark")
    html = reader.get("/", headers=CHINESE).text
    assert '<html lang="en" data-theme="dark"' in html
    ledger.accounts.change("viewer", language="zh", theme="light")
    assert '<html lang="zh" data-theme="light"' in reader.get("/").text


def test_unknown_preferences_are_ignored(app: FastAPI) -> None:
    reader = TestClient(app, cookies={"language": "tlh", "theme": "<b>"})
    assert '<html lang="zh" data-theme="auto"' in reader.get("/login", headers=CHINESE).text


def test_what_a_device_sends_cannot_become_markup(app: FastAPI, ledger: Ledger) -> None:
    answer = client_of(app, ledger, "viewer").get("/vehicles/%3Cb%20id%3D'x'%3E")
    assert answer.status_code == 200
    assert "<b id" not in answer.text
    assert "&lt;b id=" in answer.text


@pytest.mark.parametrize("path", [*PRIVATE, *BATTERY, *PUBLIC])
def test_nothing_inline_that_the_policy_would_refuse(
    app: FastAPI, ledger: Ledger, path: str
) -> None:
    page = Page(client_of(app, ledger, "admin").get(path).text)
    scripts = [a for tag, a in page.tags if tag == "script"]
    assert all(a.get("src") or a["type"] == "application/json" for a in scripts)
    assert "style" not in [tag for tag, _ in page.tags]
    wrong = [(t, n) for t, a in page.tags for n in a if n == "style" or n.startswith("on")]
    assert wrong == []


@pytest.mark.parametrize("path", [*PRIVATE, *BATTERY, *PUBLIC])
def test_every_file_that_a_page_names_is_there(app: FastAPI, ledger: Ledger, path: str) -> None:
    reader = client_of(app, ledger, "admin")
    tags = Page(reader.get(path).text).tags
    named = {a.get("src") or a.get("href") for tag, a in tags if tag in ("script", "link")}
    files = sorted(name for name in named if name)
    assert len(files) > 4
    assert {name: reader.get(name).status_code for name in files} == dict.fromkeys(files, 200)


def test_every_import_of_a_module_is_there() -> None:
    found = 0
    folders = {(r.folder / r.page.template).parent for r in room_pages()}
    brought = (p for folder in folders for p in folder.glob("*.js"))
    for module in sorted([*(SHOW_FOLDER / "static" / "js").rglob("*.js"), *brought]):
        for name in re.findall(r'(?:from|import) "([./][^"]+)"', module.read_text("utf-8")):
            near = SHOW_FOLDER / name[1:] if name.startswith("/static/") else module.parent / name
            assert near.resolve().is_file(), f"{module.name} imports {name}"
            found += 1
    assert found > 50


def test_only_two_files_of_a_room_are_served(app: FastAPI) -> None:
    anybody = TestClient(app)
    assert (
        anybody.get("/rooms/gbt32960/page.js").headers["content-type"].startswith("text/javascript")
    )
    assert anybody.get("/rooms/gbt32960/page.css").status_code == 200
    for path in (
        "/rooms/gbt32960/codec.py",
        "/rooms/none/page.js",
        "/rooms/gbt32960/..%2f__init__.py",
    ):
        assert anybody.get(path).status_code == 404


def test_the_word_list_is_kept_for_ever_under_its_own_name_only(app: FastAPI) -> None:
    anybody = TestClient(app)
    html = anybody.get("/login", headers=CHINESE).text
    address = re.search(r'data-words="([^"]+)"', html)
    assert address
    answer = anybody.get(address[1])
    assert answer.json()["Vehicles"] == "车辆"
    assert "immutable" in answer.headers["cache-control"]
    assert anybody.get("/words/zh.000000000000.json").headers["cache-control"] == "no-cache"
    assert anybody.get("/words/tlh.json").status_code == 404
