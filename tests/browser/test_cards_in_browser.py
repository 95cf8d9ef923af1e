"""Job cards in a real browser: without a server, with lost answers, logged out, twenty at once."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from millbrain.core.production.andon import AndonCall
from millbrain.core.production.orders import OrderOperation, PlannedOperation, ProductionOrder
from millbrain.record.ledger import Ledger, Role
from millbrain.record.ledger.production.andon import AndonFilter
from millbrain.record.ledger.production.orders import Asker
from millbrain.record.ledger.production.reports import ReportFilter
from tests.browser.conftest import ACCOUNT, PASSWORD, SCREENSHOTS, open_context
from tests.engines import Process
from tests.faults.lengths import PHONES

pytestmark = pytest.mark.browser
PHONE = (390, 844)
TAPS = 4
PATIENCE_MS = 60_000  # a busy machine takes its time


@dataclass
class Works:
    """An engine and a web process that a test may kill, and the ledger behind them."""

    web: Process
    url: str
    ledger: Ledger
    count: int = 0

    def order(self, pieces: int = 1000) -> str:
        """Release an order of one step at M1 and return its number."""
        self.count += 1
        number = f"PO{self.count}"
        self.ledger.production.put([ProductionOrder(number, "SHAFT", pieces)], Asker("test"))
        plan = [PlannedOperation("10", 1, "TURN", "Turn", "车削", ("M1",), run_s=60)]
        self.ledger.production.release(number, plan, Asker("test"))
        return number

    def operation(self, number: str) -> OrderOperation:
        """Return how far the only step of an order is."""
        return self.ledger.production.operations([number])[number][0]


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A platform with one administrator and no plant."""
    data = tmp_path_factory.mktemp("works")
    ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    ledger.migrate()
    ledger.accounts.add(ACCOUNT, PASSWORD, Role.ADMIN)
    engine = Process("engine", data, ("--port", "0")).start()
    web = Process("web", data, ("--port", "0")).start()
    expect.set_options(timeout=PATIENCE_MS)
    yield Works(web, f"http://127.0.0.1:{web.ports['web']}", ledger)
    expect.set_options(timeout=5_000)
    web.stop()
    engine.stop()
    ledger.close()


def log_in(context: BrowserContext, url: str) -> None:
    """Log a context in without a page."""
    answer = context.request.post(f"{url}/api/v1/login",
                                  data={"account": ACCOUNT, "password": PASSWORD})  # fmt: skip
    assert answer.ok, answer.text()


def card(context: BrowserContext, works: Works, number: str, person: str) -> Page:
    """Open the card of an order at M1, ready for a life off line."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{works.url}/cards?station=M1")
    page.wait_for_selector("html[data-ready]")
    page.fill("#person", person)
    page.locator("#person").blur()
    page.locator(f"[data-order={number}]").click()
    expect(page.locator("#card h1")).to_have_text(number)
    return page


def until_kept(page: Page) -> None:
    """Wait until the service worker holds what the page is built from."""
    page.wait_for_function(
        """async () => {
            const cache = await caches.open("millbrain-cards-1");
            const held = (await cache.keys()).map((each) => new URL(each.url).pathname);
            const needed = ["/cards", "/static/js/pages/cards.js", "/static/css/cards.css",
                            "/static/js/cards/queue.js", "/static/js/shell.js"];
            return needed.every((path) => held.includes(path))
              && held.some((path) => path.startsWith("/words/"));
        }"""
    )


def until_called(works: Works) -> list[AndonCall]:
    """Wait until somebody calls for help, and return the open calls."""
    until_s = time.monotonic() + 20
    while time.monotonic() < until_s:
        calls, _ = works.ledger.andon.page(AndonFilter(is_open=True))
        if calls:
            return calls
        time.sleep(0.05)
    return []


def taps(page: Page, kind: str, count: int) -> None:
    for _ in range(count):
        page.locator(f"[data-act={kind}]").click()


def test_a_shift_without_a_server(works: Works, browser: Browser) -> None:
    """The server is killed, the page is opened again, work goes on; nothing is lost or doubled."""
    number = works.order()
    with open_context(browser, "zh", "light", PHONE) as context:
        log_in(context, works.url)
        page = card(context, works, number, "P1")
        until_kept(page)
        works.web.kill()
        taps(page, "start", 1)
        expect(page.locator("#state")).to_have_text("加工中")
        taps(page, "good", 3)
        page.locator("[data-act=scrap]").click()
        page.locator("#sheet [data-reason=other]").click()
        expect(page.locator("#waiting")).to_have_attribute("data-count", "5")
        page.reload()
        page.wait_for_selector("html[data-ready]")
        expect(page.locator("#sync")).to_have_attribute("data-way", "offline")
        expect(page.locator("#waiting")).to_have_attribute("data-count", "5")
        page.locator(f"[data-order={number}]").click()
        expect(page.locator("#count-good")).to_have_text("3")
        taps(page, "good", 2)
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / "cards_offline_zh.png")
        works.web.options = ("--port", works.url.rpartition(":")[2])
        works.web.start()
        expect(page.locator("#waiting")).to_have_attribute("data-count", "0")
        expect(page.locator("#sync")).to_have_attribute("data-way", "online")
        found = works.operation(number)
        assert (found.state, found.good, found.scrap, found.report_count) == ("running", 5, 1, 7)
        assert found.conflicts == ()
        expect(page.locator("#count-good")).to_have_text("5")


def test_lost_answers_and_a_session_that_ended(works: Works, browser: Browser) -> None:
    """Answers are lost after the server took the batch; later the session has ended."""
    number = works.order()
    lost = [2]

    def lose(route: Route) -> None:
        if lost[0]:
            lost[0] -= 1
            route.fetch()
            route.abort()
        else:
            route.continue_()

    with open_context(browser, "en", "dark", PHONE) as context:
        log_in(context, works.url)
        page = card(context, works, number, "P2")
        page.route("**/api/v1/production/reports", lose)
        taps(page, "good", 3)
        expect(page.locator("#waiting")).to_have_attribute("data-count", "0")
        assert lost == [0]
        assert works.operation(number).good == 3
        context.clear_cookies()
        taps(page, "good", 2)
        expect(page.locator("#sync")).to_have_attribute("data-way", "login")
        expect(page.locator("#waiting")).to_have_attribute("data-count", "2")
        expect(page.locator("#sync a")).to_have_attribute("href", "/login?next=%2Fcards")
        page.close()
        log_in(context, works.url)
        page = card(context, works, number, "P2")
        expect(page.locator("#waiting")).to_have_attribute("data-count", "0")
        assert works.operation(number).good == 5
        assert works.operation(number).report_count == 5


def test_a_wrong_clock_a_taken_back_report_and_a_call(works: Works, browser: Browser) -> None:
    number = works.order()
    with open_context(browser, "zh", "dark", PHONE) as context:
        log_in(context, works.url)
        context.add_init_script(
            "const real = Date.now; Date.now = () => real() + 7_200_000;"
            "window.Date = class extends Date { constructor(...a) {"
            " super(...(a.length ? a : [Date.now()])); } };"
        )
        page = card(context, works, number, "P3")
        expect(page.locator("#sync .late")).to_contain_text("2 小时")
        taps(page, "good", 2)
        expect(page.locator("#waiting")).to_have_attribute("data-count", "0")
        page.locator("#last").click()
        page.locator("#sheet li button").first.click()
        expect(page.locator("#count-good")).to_have_text("1")
        expect(page.locator("#waiting")).to_have_attribute("data-count", "0")
        page.locator("#andon").click()
        page.check("#stops")
        page.locator("#sheet [data-kind=material]").click()
        calls = until_called(works)
        expect(page.locator("#waiting")).to_have_attribute("data-count", "0")
    rows, _ = works.ledger.reports.page(ReportFilter(order=number))
    assert works.operation(number).good == 1
    for row in rows:
        assert row.device_at
        assert 7_195_000 < row.ahead_ms < 7_205_000
        assert 7190 < (row.device_at - row.received_at).total_seconds() < 7210
        assert abs((row.at - row.received_at).total_seconds()) < 10
        assert row.flags == ()
    [call] = calls
    assert (call.station, call.kind, call.stops_line) == ("M1", "material", True)
    assert call.order == number


def test_twenty_phones_come_back(works: Works, browser: Browser) -> None:
    """Twenty browsers work off line at one order and come back in any order, some twice."""
    number = works.order()
    contexts = [browser.new_context(viewport={"width": 390, "height": 844}) for _ in range(PHONES)]
    try:
        pages = []
        for n, context in enumerate(contexts):
            log_in(context, works.url)
            pages.append(card(context, works, number, f"P{n}"))
        for n, context in enumerate(contexts):
            context.set_offline(True)
            taps(pages[n], "good", TAPS + n % 3)
            expect(pages[n].locator("#waiting")).to_have_attribute("data-count", str(TAPS + n % 3))
        assert works.operation(number).good == 0
        chance = random.Random(20)
        for n in chance.sample(range(PHONES), PHONES):
            contexts[n].set_offline(False)
            pages[n].evaluate("dispatchEvent(new Event('online'))")
        for page in pages:
            expect(page.locator("#waiting")).to_have_attribute("data-count", "0")
    finally:
        for context in contexts:
            context.close()
    found = works.operation(number)
    wanted = sum(TAPS + n % 3 for n in range(PHONES))
    assert (found.good, found.report_count) == (wanted, wanted)
    people = {r.person for r in works.ledger.reports.page(ReportFilter(order=number), 0, 500)[0]}
    assert people == {f"P{n}" for n in range(PHONES)}


def test_a_code_opens_its_card_and_a_part_goes_with_its_piece(
    works: Works, browser: Browser
) -> None:
    number, other = works.order(), works.order()
    with open_context(browser, "en", "light", (1280, 800)) as context:
        log_in(context, works.url)
        page = card(context, works, number, "P4")
        page.fill("#text", f"https://example.org/orders/{other}")
        page.press("#text", "Enter")
        expect(page.locator("#card h1")).to_have_text(other)
        page.locator("[data-act=start]").click()
        expect(page.locator("#state")).to_have_text("running")
        page.fill("#text", "88.999.1/part-1")
        page.press("#text", "Enter")
        expect(page.locator("#part")).to_contain_text("88.999.1/part-1")
        taps(page, "good", 1)
        expect(page.locator("#part")).to_have_count(0)
        expect(page.locator("#waiting")).to_have_attribute("data-count", "0")
    [made] = works.ledger.reports.of_lot("hdl:88.999.1/PART-1")
    assert (made.order, made.quantity, made.produced[0].is_serial) == (other, 1, True)


def test_the_board_an_order_and_a_call(works: Works, browser: Browser) -> None:
    """A planner enters an order of the machining works, holds it, and answers a call."""
    with open_context(browser, "zh", "light", (1280, 800)) as context:
        log_in(context, works.url)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        problems: list[str] = []
        page.on("pageerror", lambda e: problems.append(str(e)))
        page.on("response", lambda r: problems.append(r.url) if r.status >= 400 else None)
        page.goto(f"{works.url}/plant/production")
        page.wait_for_selector("#orders tbody tr")
        page.click("#new")
        page.fill("#add [name=number]", "PLAN-1")
        page.fill("#add [name=product]", "IG-21")
        page.fill("#add [name=quantity]", "24")
        page.click("#add button")
        page.wait_for_url("**/plant/production/PLAN-1")
        expect(page.locator("#operations tbody tr")).to_have_count(6)
        expect(page.locator("#state")).to_have_text("已下达")
        page.fill("#reason", "图纸变更")
        page.locator("[data-act=pause]").click()
        expect(page.locator("#state")).to_have_text("已暂停")
        expect(page.locator("#history")).to_contain_text("图纸变更")
        told = context.request.post(
            f"{works.url}/api/v1/production/andon",
            data={"id": "0b0e1d6c-8f53-4c1e-9d1b-6f7a5f0c2a12", "station": "MW-L01-M01",
                  "kind": "quality", "stops_line": True},
        )  # fmt: skip
        assert told.ok, told.text()
        page.goto(f"{works.url}/plant/andon")
        call = page.locator("[data-call='0b0e1d6c-8f53-4c1e-9d1b-6f7a5f0c2a12']")
        expect(call).to_contain_text("MW-L01")
        call.locator("[data-act=acknowledge]").click()
        expect(call.locator("[data-act=acknowledge]")).to_have_count(0)
        call.locator("[data-act=resolve]").click()
        page.select_option("#solve select", index=1)
        page.locator("#solve .main").click()
        expect(call).to_have_count(0)
        assert problems == []
