"""The way of a reader through the pages, in a real browser over a real platform."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Platform, Reader, log_in, open_context

pytestmark = pytest.mark.browser
DAY_VIN = "LDPGABAC2JN361504"
DESK = (1280, 800)
PHONE = (390, 844)
WALL = (1920, 1080)


def _known(reader: Reader) -> int:
    """How many vehicles the API knows."""
    answer = reader.page.request.get(f"{reader.url}/api/v1/vehicles?size=1").json()
    return int(answer["total"])


@pytest.fixture
def reader(browser: Browser, platform: Platform) -> Iterator[Reader]:
    """A reader at a desk, in English, logged in; nothing may have gone wrong at the end."""
    with open_context(browser, "en", "light", DESK) as context:
        opened = Reader(context.new_page(), platform.url).watch()
        opened.go("/")
        log_in(opened)
        yield opened
        assert opened.problems == []


@pytest.fixture(scope="module")
def day(platform: Platform, shared_data: Path) -> None:
    """The recorded day of one vehicle, played into the platform."""
    (recorded,) = (shared_data / "nev").glob("day_*.hex.gz")
    platform.play("--user", "recorder", str(recorded))


def test_login_refuses_a_wrong_password_and_keeps_the_wanted_page(
    browser: Browser, platform: Platform
) -> None:
    with open_context(browser, "en", "light", DESK) as context:
        reader = Reader(context.new_page(), platform.url)
        page = reader.go("/vehicles?state=charging")
        page.fill("input[name=account]", "reader")
        page.fill("input[name=password]", "wrong password")
        page.click("button.main")
        expect(page.locator("#problem")).to_be_visible()
        log_in(reader)
        assert page.url.endswith("/vehicles?state=charging")


def test_from_overview_to_one_vehicle(reader: Reader) -> None:
    page = reader.page
    expect(page.locator("#connected b")).to_have_text(str(_known(reader)))
    regions = page.request.get(f"{reader.url}/api/v1/overview").json()["regions"]
    expect(page.locator("tile-map a")).to_have_count(len(regions))
    expect(page.locator("#simulated")).to_contain_text("Simulated data")
    reader.shoot("overview")
    page.keyboard.press("g")
    page.keyboard.press("v")
    expect(page.locator("#vehicles tbody tr")).to_have_count(50)
    reader.shoot("vehicles")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#soc_pct b")).to_have_text(re.compile(r"^\d+$"))
    expect(page.locator("cell-bars .bar-mark").first).to_be_attached()
    expect(page.locator("trend-chart canvas")).to_be_visible()
    expect(page.locator("#frames tr").first).to_contain_text("inspect")
    reader.shoot("vehicle", full_page=True)


def test_the_table_filters_sorts_pages_and_exports(reader: Reader) -> None:
    page = reader.go("/vehicles")
    rows = page.locator("#vehicles tbody tr")
    known = _known(reader)
    assert known > 50
    expect(rows).to_have_count(50)
    page.keyboard.press("ArrowRight")
    expect(rows).to_have_count(min(known - 50, 50))
    page.click("th button:has-text('SOC')")
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("SOC")
    values = [int(v) for v in page.locator("#vehicles td:nth-child(7)").all_inner_texts()]
    assert values == sorted(values)
    page.fill("#filters input[name=q]", "no such vehicle")
    expect(page.locator("caption")).to_contain_text("No vehicle matches")
    page.click("#clear")
    expect(rows).to_have_count(50)
    with page.expect_download() as waiting:
        page.click("#csv")
    lines = Path(waiting.value.path()).read_text("utf-8-sig").splitlines()
    assert len(lines) == known + 1


def test_search_from_anywhere_finds_a_vehicle(reader: Reader) -> None:
    page = reader.go("/system")
    vin = page.request.get(f"{reader.url}/api/v1/vehicles?size=1").json()["rows"][0]["vin"]
    page.keyboard.press("/")
    page.keyboard.type(vin[-7:])
    expect(page.locator("#found a")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/vehicles/{vin}")


def test_inspector_ties_bytes_to_fields(reader: Reader) -> None:
    page = reader.go("/inspector")
    page.click(".examples button >> nth=0")
    expect(page.locator("hex-view .byte[data-at]")).to_have_count(326)
    expect(page.locator("#summary")).to_contain_text("in order")
    page.hover("hex-view .byte[data-at='44']")
    expect(page.locator("#rows tr.near")).to_contain_text("state of charge")
    page.hover("#rows tr:has-text('odometer')")
    expect(page.locator("hex-view .byte.near")).to_have_count(4)
    page.click(".examples button >> nth=4")
    expect(page.locator("#findings li")).to_contain_text(re.compile("BCC|check"))
    reader.shoot("inspector")
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator("#findings li").first).to_be_visible()


def test_intake_balances_and_system_answers(reader: Reader) -> None:
    page = reader.go("/intake")
    expect(page.locator("balance-bar .verdict")).to_contain_text("every frame is accounted for")
    expect(page.locator("#days tr").first).to_contain_text("sim-city")
    reader.shoot("intake")
    page = reader.go("/system")
    expect(page.locator("#tables tr:has-text('vehicle_report')")).to_be_visible()
    page.fill("#add-peer input[name=user]", "plant-07")
    page.click("#add-peer button")
    expect(page.locator("#peer-secret code")).not_to_be_empty()
    expect(page.locator("#peer-rows")).to_contain_text("plant-07")
    page = reader.go("/dictionary")
    expect(page.locator("#vehicle_report")).to_contain_text("cells_mv")


def test_language_and_theme_stay_with_the_account(reader: Reader) -> None:
    page = reader.go("/account")
    page.click("details.menu summary")
    page.click("[data-prefer=theme][data-value=dark]")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.click("[data-prefer=language][data-value=zh]")
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    expect(page.locator(".nav a").first).to_contain_text("总览")
    page.context.clear_cookies(name="language")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    page.request.patch(f"{reader.url}/api/v1/me", data={"language": "", "theme": ""})


@pytest.mark.usefixtures("day")
def test_the_recorded_day_is_on_the_vehicle_page(reader: Reader) -> None:
    page = reader.go(f"/vehicles/{DAY_VIN}")
    expect(page.locator("#plate")).to_have_text(DAY_VIN)
    expect(page.locator("cell-bars .cell")).to_have_count(144)
    expect(page.locator("#live-note")).to_contain_text("2019-12-30")
    expect(page.locator("#soc_pct[stale]")).to_be_attached()
    expect(page.locator("#events tr")).to_have_count(4)
    expect(page.locator("#trend-note")).to_contain_text("points")
    reader.shoot("recorded-day", full_page=True)
    totals = page.request.get(f"{reader.url}/api/v1/intake").json()
    assert totals["balanced"]


@pytest.mark.parametrize("path", ["/", "/vehicles", "/intake", "/inspector", "/system"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_shows_every_page_in_chinese(
    browser: Browser, platform: Platform, path: str, theme: str
) -> None:
    with open_context(browser, "zh", theme, PHONE) as context:
        reader = Reader(context.new_page(), platform.url).watch()
        page = reader.go(path)
        log_in(reader)
        expect(page.locator(".nav a[aria-current]")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", "zh")
        page.wait_for_timeout(800)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        reader.shoot(f"phone-{path.strip('/') or 'overview'}-{theme}")
        assert reader.problems == []


def test_a_wall_needs_a_token_only(browser: Browser, platform: Platform, reader: Reader) -> None:
    made = reader.page.request.post(
        f"{platform.url}/api/v1/tokens", data={"name": "wall", "role": "viewer", "days": 1}
    ).json()
    with open_context(browser, "zh", "dark", WALL) as context:
        wall = Reader(context.new_page(), platform.url)
        page = wall.go("/wall")
        expect(page.locator("#closed")).to_be_visible()
        page.goto("about:blank")
        wall.watch()
        page = wall.go(f"/wall#token={made['secret']}")
        expect(page.locator("#connected b")).to_have_text(re.compile(r"^\d+$"))
        expect(page.locator("#closed")).to_be_hidden()
        sizes = page.evaluate("[document.documentElement.scrollHeight, document.body.innerText]")
        assert sizes[0] <= WALL[1]
        assert made["secret"] not in sizes[1]
        wall.shoot("wall")
        assert wall.problems == []


def test_a_page_that_stays_open_does_not_grow(reader: Reader) -> None:
    """Every refresh draws in place: as many nodes after ten as after two."""
    page = reader.go("/")
    expect(page.locator("#connected b")).to_have_text(re.compile(r"^\d+$"))
    page.wait_for_timeout(4500)
    before = page.evaluate("document.querySelectorAll('*').length")
    page.wait_for_timeout(8000)
    after = page.evaluate("document.querySelectorAll('*').length")
    assert after <= before * 1.05
