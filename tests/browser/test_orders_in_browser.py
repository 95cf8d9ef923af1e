"""The way of an order through the pages: board, steps, repair, files; targets of notices."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from millbrain.core.findings import Severity
from millbrain.record.ledger import Ledger
from tests.browser.conftest import Platform, Reader, log_in, open_context
from tests.decide.loops import VINS, Loop, finding
from tests.decide.receivers import http_receiver

pytestmark = pytest.mark.browser
DESK, PHONE = (1280, 800), (390, 844)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture(scope="module")
def orders(platform: Platform) -> Iterator[Loop]:
    """Two orders beside the running engine, which keeps them: one grave, one calm and late."""
    ledger = Ledger(f"sqlite:///{platform.data / 'ledger.sqlite'}")
    loop = Loop(ledger)
    loop.alarms.take([finding(), finding(VINS[2], 7, Severity.SERVICE)])
    loop.settle()
    (calm,) = [o for o in loop.all() if o.severity == Severity.SERVICE]
    early = calm.raised_at.replace(year=calm.raised_at.year - 1)
    ledger.orders.set_deadline(calm.id, calm.version, early, None)
    yield loop
    ledger.close()


@pytest.fixture
def reader(browser: Browser, platform: Platform, orders: Loop) -> Iterator[Reader]:
    """A reader at a desk, in English, logged in; nothing may have gone wrong at the end."""
    with open_context(browser, "en", "light", DESK) as context:
        opened = Reader(context.new_page(), platform.url).watch()
        opened.go("/orders")
        log_in(opened)
        yield opened
        assert opened.problems == []


def test_the_board_says_who_has_what_and_what_is_late(reader: Reader) -> None:
    page = reader.page
    raised = page.locator(".column", has=page.get_by_role("heading", name="raised", exact=True))
    expect(raised.locator(".card")).to_contain_text("nobody in charge yet")
    expect(raised.locator(".card .late")).to_contain_text("of working time")
    sent = page.locator(".column", has=page.get_by_role("heading", name="dispatched"))
    expect(sent.locator(".card")).to_contain_text("North Fleet")
    expect(page.locator("#late")).to_contain_text("1 late")
    reader.shoot("orders")
    page.check("input[name=overdue]")
    expect(page.locator(".card")).to_have_count(1)
    page.click("[data-view=list]")
    expect(page.locator("#orders tbody tr")).to_have_count(1)
    assert "overdue=true" in page.url
    with page.expect_download() as download:
        page.click("#xlsx")
    assert download.value.suggested_filename.endswith(".xlsx")


def test_an_order_goes_its_way(reader: Reader) -> None:
    page = reader.page
    page.locator(".card", has_text=VINS[0]).click()
    page.click("[data-action=accept]")
    page.click("[data-action=start]")
    page.click("[data-action=repair]")
    expect(page.locator("#parts [data-part=cell_no]")).to_have_value("82")  # the suspect
    page.fill("#parts [data-part=old_code]", "OLD-1")
    page.fill("#parts [data-part=new_code]", "NEW-1")
    page.click("#act button.main")
    expect(page.locator("#repairs tbody tr")).to_contain_text("NEW-1")
    photo = {"name": "cell.png", "mimeType": "image/png", "buffer": PNG}
    page.set_input_files("#attach input", [photo])
    expect(page.locator("#files a")).to_have_text("cell.png")
    page.click("[data-action=done]")
    page.fill("textarea[name=note]", "Cell replaced.")
    page.click("#act button.main")
    expect(page.locator("#state")).to_have_text("done")
    expect(page.locator("#findings")).to_contain_text("No verdict yet")
    expect(page.locator("#history li")).to_have_count(7)
    page.click("[data-action=reopen]")
    page.fill("textarea[name=reason]", "<b>It smells</b>")
    page.click("#act button.main")
    expect(page.locator("#history li").first).to_contain_text("<b>It smells</b>")
    reader.shoot("order", full_page=True)


def test_a_target_is_added_tested_and_told(reader: Reader) -> None:
    with http_receiver() as receiver:
        page = reader.go("/orders/notices")
        page.click("#adding summary")
        page.fill("#add input[name=name]", "desk")
        page.fill("#add input[name=address]", receiver.url)
        page.click("#add button.main")
        row = page.locator("#targets tbody tr", has_text="desk")
        row.get_by_role("button", name="Test").click()
        expect(page.locator("#deliveries tbody tr").first).to_contain_text(
            "delivered", timeout=20_000
        )
        expect(row).to_contain_text("works")
        assert receiver.got[0].json()["topic"] == "test"
        reader.shoot("notices", full_page=True)


@pytest.mark.parametrize(("theme", "size"), [("dark", DESK), ("light", PHONE)])
def test_in_chinese_dark_and_on_a_phone(
    browser: Browser, platform: Platform, orders: Loop, theme: str, size: tuple[int, int]
) -> None:
    with open_context(browser, "zh", theme, size) as context:
        reader = Reader(context.new_page(), platform.url).watch()
        page = reader.go("/orders")
        log_in(reader)
        expect(page.locator("h1")).to_have_text("工单")
        expect(page.locator(".card").first).to_be_visible()
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, "the page itself never scrolls sideways"
        reader.shoot(f"orders-zh-{theme}-{size[0]}", full_page=True)
        page.locator(".card").first.click()
        expect(page.locator("#history li").last).to_contain_text("生成工单")
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        assert reader.problems == []
