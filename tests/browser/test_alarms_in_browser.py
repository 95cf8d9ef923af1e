"""The way of an operator through the alarms, in a real browser over a real platform."""

import io
import re
import time
from collections.abc import Iterator
from dataclasses import replace

import openpyxl
import pytest
from playwright.sync_api import Browser, expect

from millbrain.core.alarms.rules import DECLARED
from millbrain.core.findings import Evidence, Finding, Severity
from millbrain.core.times import utc_from_epoch
from millbrain.decide.alarms.app import Alarms
from millbrain.record.ledger import Ledger, Thing
from tests.browser.conftest import Platform, Reader, log_in, open_context

pytestmark = pytest.mark.browser
DESK = (1280, 800)
PHONE = (390, 844)
LOOSE, THERMAL = "LNEVTEST0N0000001", "LNEVTEST0N0000099"


def finding(thing: str, cell_no: int, seen_s: int, **fields: object) -> Finding:
    made = Finding(thing, "battery", "connection", 1, cell_no, seen_s - 6_000, seen_s,
                   Severity.STOP, -48.25, "mV", -15.0, 0.93,
                   (Evidence("drift", "rest", -48.25, -15, "mV", seen_s - 6_000, seen_s),),
                   f"The connection at cell {cell_no} is loose", f"{cell_no} 号单体连接松动",
                   call_out=False)  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def alarms(platform: Platform) -> Iterator[Alarms]:
    """Twelve loose connections of one vehicle and a thermal event of another."""
    ledger = Ledger(f"sqlite:///{platform.data / 'ledger.sqlite'}")
    ledger.things.put([Thing(LOOSE, plate="渝AD10001", operator="North Fleet"),
                       Thing(THERMAL, plate="渝AD10099", operator="North Fleet")])  # fmt: skip
    made = Alarms(ledger.alarms, DECLARED, lambda: utc_from_epoch(time.time()))
    now_s = int(time.time())
    made.take([finding(LOOSE, n, now_s) for n in range(1, 13)])
    made.take([finding(THERMAL, 0, now_s, kind="thermal", severity=Severity.DANGER,
                       sentence="Thermal event", sentence_zh="热事件")])  # fmt: skip
    yield made
    ledger.close()


@pytest.fixture
def reader(browser: Browser, platform: Platform, alarms: Alarms) -> Iterator[Reader]:
    """A reader at a desk, in English, logged in; nothing may have gone wrong at the end."""
    with open_context(browser, "en", "light", DESK) as context:
        opened = Reader(context.new_page(), platform.url).watch()
        opened.go("/alarms")
        log_in(opened)
        expect(opened.page.locator("#alarms tbody tr").first).to_be_visible()
        yield opened
        assert opened.problems == []


def test_the_gravest_stands_first_and_the_flood_is_named(reader: Reader) -> None:
    page = reader.page
    rows = page.locator("#alarms tbody tr")
    expect(rows.first).to_contain_text("Thermal event")
    expect(rows).to_have_count(13)
    expect(page.locator("#flood")).to_contain_text("North Fleet 13")
    expect(page.locator("#bell b")).to_have_text("13")
    expect(page.locator("#figures")).to_contain_text("of 13 standing")
    reader.shoot("alarms")


def test_open_read_comment_and_acknowledge_by_keyboard(reader: Reader) -> None:
    page = reader.page
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    drawer = page.locator("#drawer")
    expect(drawer).to_contain_text("Thermal event")
    expect(drawer).to_contain_text("thermal event")
    drawer.locator("textarea").fill("<b>seen</b>")
    drawer.get_by_role("button", name="Add comment").click()
    expect(drawer.locator(".steps")).to_contain_text("<b>seen</b>")
    drawer.locator("h2").click()
    page.keyboard.press("a")
    expect(drawer.locator("header")).to_contain_text("acknowledged")
    expect(page.locator("#alarms tbody tr").first.locator("td.state")).to_have_text("acknowledged")
    reader.shoot("alarm_drawer")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


def test_shelve_in_bulk_with_a_reason(reader: Reader) -> None:
    page = reader.go("/alarms?kind=battery%7Cconnection")
    rows = page.locator("#alarms tbody tr")
    expect(rows.nth(1)).to_be_visible()
    before = rows.count()
    for number in (0, 1):
        rows.nth(number).locator("input").check()
    expect(page.locator("#bulk")).to_contain_text("2 chosen")
    page.keyboard.press("Tab")
    page.locator("#bulk").get_by_role("button", name="Shelve").click()
    ask = page.locator("#ask")
    expect(ask).to_be_visible()
    ask.locator("textarea").fill("lane on Monday")
    ask.get_by_role("button", name="Shelve").click()
    expect(rows).to_have_count(before - 2)
    page.get_by_role("button", name="hidden").click()
    expect(rows).to_have_count(2)
    expect(rows.first.locator("td.state")).to_contain_text("shelved")


def test_an_alarm_appears_without_a_touch(reader: Reader, alarms: Alarms) -> None:
    page = reader.page
    alarms.take([finding(THERMAL, 44, int(time.time()), kind="insulation",
                         severity=Severity.DANGER, sentence="Insulation is low")])  # fmt: skip
    expect(page.locator("#alarms")).to_contain_text("Insulation is low", timeout=8_000)


def test_history_chattering_and_rules(reader: Reader, alarms: Alarms) -> None:
    page = reader.page
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#steps tbody tr").first).to_be_visible()
    reader.shoot("alarms_history")
    for turn in range(1, 5):
        alarms.take([finding(LOOSE, 90, int(time.time()) + turn, is_open=turn % 2 == 1)])
    page.get_by_role("tab", name="Chattering").click()
    expect(page.locator("#chatterers tbody tr")).to_have_count(1)
    page.get_by_role("tab", name="Rules").click()
    expect(page.locator("#rule-rows")).to_contain_text("loose connection")
    content = page.request.get(f"{reader.url}/api/v1/alarm-rules?format=xlsx").body()
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = book.worksheets[0]
    column = next(c.column for c in sheet[1] if c.value == "on_delay_s")
    sheet.cell(2, column, 5)
    sheet.cell(3, column, -1)
    changed = io.BytesIO()
    book.save(changed)
    page.set_input_files("#upload input", [{"name": "rules.xlsx", "mimeType": "application/zip",
                                            "buffer": changed.getvalue()}])  # fmt: skip
    expect(page.locator("#imported")).to_contain_text("rules changed: 1, rows refused: 1")
    expect(page.locator("#rule-rows tbody tr").first).to_contain_text("5 s")
    reader.shoot("alarms_rules")
    page.locator("#rule-rows").get_by_role("button", name="Reset").click()
    expect(page.locator("#rule-rows tbody tr").first).not_to_contain_text("5 s")


def test_chinese_dark_and_on_a_phone(browser: Browser, platform: Platform, alarms: Alarms) -> None:
    for name, language, theme, size in (
        ("zh_dark", "zh", "dark", DESK),
        ("phone", "en", "light", PHONE),
    ):
        with open_context(browser, language, theme, size) as context:
            reader = Reader(context.new_page(), platform.url).watch()
            page = reader.go("/alarms")
            log_in(reader)
            expect(page.locator("#alarms tbody tr").first).to_be_visible()
            if language == "zh":
                expect(page.locator("#alarms")).to_contain_text("号单体连接松动")
                expect(page.locator("#alarms")).to_contain_text(re.compile("未确认"))
            reader.shoot(f"alarms_{name}")
            width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert width <= 0, f"the page is {width} px too wide"
            assert reader.problems == []
