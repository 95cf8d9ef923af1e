"""Connections in a real browser: connect a device, browse, make tags, see values, write, trend."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from millbrain.connect.modbus.simulator import Simulator
from millbrain.record.ledger import Ledger
from tests.browser.conftest import Platform, Reader, log_in, open_context

pytestmark = pytest.mark.browser
WAIT_MS = 20_000


class Device:
    """A Modbus device in a thread with a loop of its own."""

    def __init__(self) -> None:
        self.simulator = Simulator()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self) -> None:
        self._thread.start()
        self._run(self.simulator.start())

    def stop(self) -> None:
        self._run(self.simulator.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)  # type: ignore[arg-type]


@pytest.fixture
def device() -> Iterator[Device]:
    made = Device()
    made.simulator.station.put("holding", 3, 4711)
    made.simulator.station.absent["holding"] = set(range(40, 4000))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def reader(platform: Platform, browser: Browser) -> Iterator[Reader]:
    context = open_context(browser, "en", "light", (1280, 900))
    opened = Reader(context.new_page(), platform.url).watch()
    opened.go("/connections")
    log_in(opened)
    yield opened
    context.close()


def test_from_a_device_to_its_trend(reader: Reader, device: Device, platform: Platform) -> None:
    page = reader.page
    page.wait_for_selector("#add select option[value=modbus]", state="attached")
    expect(page.locator("#connections tbody tr").first).to_be_visible()
    expect(page.locator("#adding")).to_have_attribute("open", "")  # as long as nothing is there
    page.select_option("#add select[name=room]", "modbus")
    expect(page.locator("#add input[name=endpoint]")).to_have_attribute(
        "placeholder", "192.168.1.30:502"
    )
    page.fill("#add input[name=key]", "press-3")
    page.fill("#add input[name=title]", "Press 3")
    page.fill("#add input[name=endpoint]", f"127.0.0.1:{device.simulator.port}")
    page.click("#add button.main")
    row = page.locator("tr[data-connection=press-3]")
    expect(row.locator(".stand.connected")).to_be_visible(timeout=WAIT_MS)
    reader.shoot("connections_en_light_1280", full_page=True)

    row.locator("a", has_text="Press 3").click()
    expect(page.locator("#proposing input[name=pattern]")).to_have_value("{0}")
    page.click("#browse")
    page.click("#tree .fold[aria-label='open Holding registers']")
    page.click("#tree .fold[aria-label='open 0 to 99']")
    leaf = page.locator("#tree tr", has_text="holding:3").first
    expect(leaf).to_contain_text("4711")
    leaf.locator("input[type=checkbox]").check()
    leaf.locator("input[aria-label=signal]").fill("good_count")
    page.click("#make")
    expect(leaf.locator(".badge.good")).to_be_visible()
    value = page.locator("#tags td.value a")
    expect(value).to_have_text("4,711", timeout=WAIT_MS)
    reader.shoot("connection_en_light_1280", full_page=True)

    page.once("dialog", lambda asked: asked.accept("4712"))
    page.locator("#tags button", has_text="Write").click()
    expect(page.locator("#tested")).to_have_text("written 4712, read back 4712", timeout=WAIT_MS)
    assert device.simulator.station.tables["holding"][3] == 4712
    expect(value).to_have_text("4,712", timeout=WAIT_MS)

    value.click()
    page.wait_for_url("**/trend?**")
    page.click("#spans button[data-span='60']")
    expect(page.locator("#note")).to_contain_text("every reading", timeout=WAIT_MS)
    expect(page.locator("#trend canvas").first).to_be_visible(timeout=WAIT_MS)
    reader.shoot("trend_en_light_1280", full_page=True)
    assert reader.problems == []
    ledger = Ledger(f"sqlite:///{platform.data / 'ledger.sqlite'}")
    (tag,) = ledger.tags.tags("press-3")
    ((written, *_), _) = ledger.audit.page("", "command.write", None, 0, 5)
    ledger.close()
    assert (written.object, written.result) == ("press-3 good_count", "ok")
    assert (tag.address, tag.thing, tag.signal) == ("holding:3", "press-3", "good_count")


def test_a_sheet_is_reported_row_by_row(reader: Reader, tmp_path: Path) -> None:
    sheet = tmp_path / "tags.csv"
    sheet.write_text("connection,address,thing,signal\nnowhere,holding:1,M7,a\n")
    with reader.page.expect_response("**/tags/import"):
        reader.page.set_input_files("#upload input[type=file]", sheet)
    report = reader.page.locator("#imported")
    expect(report).to_contain_text("Nothing was changed.")
    expect(report.locator("tbody tr")).to_contain_text(["nowhere"])
    assert reader.problems == []


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("zh", "dark", 1280), ("zh", "light", 390)]
)
def test_pages_fit_their_window(
    platform: Platform, browser: Browser, language: str, theme: str, width: int
) -> None:
    context = open_context(browser, language, theme, (width, 844))
    opened = Reader(context.new_page(), platform.url).watch()
    opened.go("/connections")
    log_in(opened)
    for name, path in (
        ("connections", "/connections"),
        ("connection", "/connections/press-3"),
        ("trend", "/trend?s=press-3~good_count&span=600"),
    ):
        page = opened.go(path)
        expect(page.locator("#as-of")).not_to_be_empty(timeout=WAIT_MS)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        opened.shoot(f"{name}_{language}_{theme}_{width}", full_page=True)
    assert opened.problems == []
    context.close()
