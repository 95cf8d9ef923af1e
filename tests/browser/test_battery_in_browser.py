"""The battery pages in a real browser, over a made fleet of two organisations."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from millbrain.core.facts import SHARED_TABLES
from millbrain.record.ledger import Ledger, Role
from millbrain.record.warehouse import create_tables, open_embedded
from millbrain.run.discovery import room_pages
from millbrain.run.packs import read_regions
from millbrain.show.app import WebSettings, create_app
from tests.analyse.battery import made_fleet
from tests.browser.conftest import ACCOUNT, PASSWORD, Reader, log_in, open_context
from tests.show.conftest import StubEngine

pytestmark = pytest.mark.browser
DESK, PHONE, WALL = (1280, 800), (390, 844), (1920, 1080)
FLEETS = ("North Fleet", "South Fleet")
CARS = made_fleet.cars(240, FLEETS, ["500112", "500103", "500101"], 4)
SUSPECTS = [car for car in CARS if car.fault]
SUSPECT = SUSPECTS[0]
PATHS = ("/battery", f"/battery/{SUSPECT.vin}", "/battery/fleet", "/battery/heat")


@pytest.fixture(scope="module")
def url(
    warehouse_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    serving: Callable[[Any], AbstractContextManager[int]],
) -> Iterator[str]:
    """The pages over the made fleet; the account `north` sees one of the two organisations."""
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('battery') / 'ledger.sqlite'}")
    ledger.migrate()
    ledger.accounts.add(ACCOUNT, PASSWORD, Role.ADMIN)
    ledger.accounts.add("north", PASSWORD, Role.VIEWER, FLEETS[0])
    warehouse = open_embedded(warehouse_folder, "battery_browser")
    create_tables(warehouse, {t.name: t for t in (*SHARED_TABLES, *made_fleet.TABLES)}.values())
    made_fleet.store(warehouse, CARS, int(time.time()))
    settings = WebSettings(regions=read_regions("chongqing"))
    engine: Any = StubEngine()
    with serving(create_app(ledger, warehouse, room_pages(), settings, engine)) as port:
        yield f"http://127.0.0.1:{port}"
    warehouse.close()
    ledger.close()


@pytest.fixture
def reader(browser: Browser, url: str) -> Iterator[Reader]:
    """A reader at a desk, in English; nothing may have gone wrong at the end."""
    with open_context(browser, "en", "light", DESK) as context:
        opened = Reader(context.new_page(), url).watch()
        opened.go("/battery")
        log_in(opened)
        yield opened
        assert opened.problems == []


def _drawn(page: Page, count: int) -> None:
    expect(page.locator("xy-chart canvas")).to_have_count(count)


def test_the_overview_ranks_filters_and_leads_to_a_suspect(reader: Reader) -> None:
    page = reader.page
    rows = page.locator("#rows tbody tr")
    expect(rows).to_have_count(25)
    _drawn(page, 2)
    risks = [int(text) for text in page.locator("#rows td.risk").all_inner_texts()]
    assert risks == sorted(risks, reverse=True)
    expect(page.locator("#judged-sub")).to_contain_text("240")
    reader.shoot("battery-overview", full_page=True)
    page.select_option("select[name=kind]", "resistance")
    resistance = [car for car in SUSPECTS if car.fault == "resistance"]
    expect(rows).to_have_count(len(resistance))
    assert "kind=resistance" in page.url
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/battery/LNEV*")
    expect(page.locator("#why .sentence")).to_contain_text("high internal resistance")


def test_a_suspect_shows_why_its_cell_and_the_evidence(reader: Reader, tmp_path: Path) -> None:
    page = reader.go(f"/battery/{SUSPECT.vin}")
    expect(page.locator("#why .sentence")).to_contain_text(f"Cell {SUSPECT.cell}")
    expect(page.locator("#why tbody tr")).to_have_count(5)
    expect(page.locator("#why tbody tr").first).to_contain_text("-68.4 mV")
    _drawn(page, 4)
    expect(page.locator("cell-bars .cell.out")).to_have_count(1)
    expect(page.locator("#similar tbody tr").first).to_contain_text("pack 1")
    reader.shoot("battery-suspect", full_page=True)
    grid = page.locator("cell-days canvas")
    grid.scroll_into_view_if_needed()
    grid.hover(position={"x": 300, "y": 100})
    expect(page.locator("cell-days .readout")).to_contain_text(re.compile(r"cell \d+ · .* mV"))
    page.click("[data-measure=excess_mohm]")
    expect(page.locator("cell-days .readout")).to_contain_text("mΩ")
    with page.expect_download() as waiting:
        page.click("#evidence")
    told = json.loads(Path(waiting.value.path()).read_text("utf-8"))
    assert told["why"][0]["evidence"][0]["name"] == "deviation"
    assert len(told["cell_days"]) == 45


def test_a_suspicion_has_its_funnel_its_course_and_a_dossier(reader: Reader) -> None:
    page = reader.go("/battery/fleet")
    expect(page.locator("#suspicions tbody tr")).to_have_count(2)
    _drawn(page, 2)
    page.locator("#suspicions tbody tr").nth(1).click()
    expect(page.locator("#pattern li")).to_have_count(3)
    reader.shoot("battery-fleet", full_page=True)
    with page.context.expect_page() as opening:
        page.click("#dossier")
    expect(opening.value.locator("h1")).to_contain_text("EV-1")
    expect(opening.value.locator("svg").first).to_be_visible()


@pytest.mark.parametrize(
    ("n", "p", "level", "share"),
    [
        (2, 0.5, 0.75, 0.5),  # P(0) = 1/4, P(1 at most) = 3/4: one of two
        (2, 0.5, 0.5, 0.25),  # half of the step from none to one
        (3, 0.5, 0.125, 0.0),
        (1_000, 0.0, 0.999, 0.0),
        (1_000_000, 0.01, 0.975, 0.01 + 1.96 * 9.9499e-5),  # sqrt(0.01 * 0.99 / 1e6)
    ],
)
def test_funnel_limits_are_those_reckoned_by_hand(
    reader: Reader, n: int, p: float, level: float, share: float
) -> None:
    ask = "([n, p, l]) => import('/rooms/battery/funnel.js').then((m) => m.limitOf(n, p, l))"
    assert reader.page.evaluate(ask, [n, p, level]) == pytest.approx(share, abs=1e-7)


def test_the_heat_watch_lists_who_is_flagged_and_why(reader: Reader) -> None:
    page = reader.go("/battery/heat")
    hot = [car for car in CARS if car.fault in ("heat", "thermal")]
    expect(page.locator("#flagged b")).to_have_text(str(len(hot)))
    expect(page.locator("tile-map a")).to_have_count(len(read_regions("chongqing")))
    _drawn(page, 3)
    reader.shoot("battery-heat", full_page=True)


def test_an_organisation_sees_its_own_and_is_told_what_it_may_not(
    browser: Browser, url: str
) -> None:
    with open_context(browser, "en", "light", DESK) as context:
        reader = Reader(context.new_page(), url)
        page = reader.go("/battery")
        page.fill("input[name=account]", "north")
        page.fill("input[name=password]", PASSWORD)
        page.click("button.main")
        own = [car for car in SUSPECTS if car.operator == FLEETS[0]]
        expect(page.locator("#pager")).to_contain_text(f"of {len(own)}")
        page = reader.go("/battery/fleet")
        expect(page.locator("#problem")).to_contain_text("North Fleet only")


@pytest.mark.parametrize("path", PATHS)
def test_a_phone_shows_it_in_chinese(browser: Browser, url: str, path: str) -> None:
    with open_context(browser, "zh", "dark", PHONE) as context:
        reader = Reader(context.new_page(), url).watch()
        page = reader.go(path)
        log_in(reader)
        expect(page.locator("xy-chart canvas").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        page.wait_for_timeout(500)
        reader.shoot(f"phone-battery-{path.rpartition('/')[2]}")
        assert reader.problems == []


def test_the_wall_fits_one_screen_and_does_not_grow(browser: Browser, url: str) -> None:
    with open_context(browser, "zh", "dark", WALL) as context:
        reader = Reader(context.new_page(), url)
        page = reader.go("/battery/wall")
        expect(page.locator("#closed")).to_be_visible()
        reader.go("/login")
        log_in(reader)
        secret = page.request.post(
            f"{url}/api/v1/tokens", data={"name": "wall", "role": "viewer", "days": 1}
        ).json()["secret"]
        context.clear_cookies()
        page.goto("about:blank")
        reader.watch()
        page = reader.go(f"/battery/wall#token={secret}")
        expect(page.locator("#call-outs b")).to_have_text(re.compile(r"^\d+$"))
        expect(page.locator("#ticker tr")).to_have_count(3)
        _drawn(page, 1)
        assert page.evaluate("document.documentElement.scrollHeight") <= WALL[1]
        reader.shoot("battery-wall")
        before = page.evaluate("document.querySelectorAll('*').length")
        page.wait_for_timeout(13_000)  # a turn of the ticker and two refreshes
        assert page.evaluate("document.querySelectorAll('*').length") <= before * 1.05
        assert reader.problems == []
