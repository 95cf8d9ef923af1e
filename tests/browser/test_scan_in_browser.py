"""Scanning at a machine through the page: reader, picture, refusal, a lost answer, a phone."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from millbrain.core.scans.commands import Setting
from millbrain.core.scans.recipes import Job, Part, Recipe, Station
from millbrain.decide.recipes.simulator import Simulator
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.models import now
from tests.browser.conftest import Platform, Reader, log_in, open_context

pytestmark = pytest.mark.browser
PHONE, DESK = (390, 844), (1280, 800)
# No Chromium without a window reads codes itself: what it would say is put in its place.
READS = """
window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["qr_code", "data_matrix"]; }
  async detect() { return [{ rawValue: "https://hdl.handle.net/88.100.1/S2" }]; }
};
"""


@pytest.fixture(scope="module")
def machine(platform: Platform) -> Iterator[Simulator]:
    """A lathe and two shafts that are known; no resolver runs: the uplink is cut."""
    simulator = Simulator().start()
    ledger = Ledger(f"sqlite:///{platform.data / 'ledger.sqlite'}")
    book = ledger.recipes
    job = Job("WO-7", "SHAFT", "B")
    book.put_station(Station("LATHE1", "Lathe 1", "1号车床", simulator.address, job=job,
                             is_simulated=True))  # fmt: skip
    book.put_recipes([Recipe("TURN", "SHAFT", "20", (Setting("speed", 1800.0, "1/min"),))], "x")
    book.put_parts([Part(f"hdl:88.100.1/{name}", "SHAFT", revision, fetched_at=now())
                    for name, revision in (("S1", "B"), ("S2", "A"), ("S3", "B"))])  # fmt: skip
    ledger.close()
    yield simulator
    simulator.stop()


@pytest.fixture
def phone(browser: Browser, platform: Platform, machine: Simulator) -> Iterator[Reader]:
    with open_context(browser, "zh", "light", PHONE) as context:
        opened = Reader(context.new_page(), platform.url).watch()
        opened.page.add_init_script(READS)
        opened.go("/scan?station=LATHE1")
        log_in(opened)
        yield opened
        assert opened.problems == []


def png() -> bytes:
    """Return a white picture of 8 x 8 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        size, check = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
        return size + kind + data + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    rows = zlib.compress((b"\0" + b"\xff" * 8) * 8)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_phone_scans_and_says_it_large(phone: Reader, machine: Simulator, tmp_path: Path) -> None:
    page = phone.page
    expect(page.locator("#told")).to_contain_text("WO-7 · SHAFT · B")
    page.keyboard.type("88.100.1/S1")  # a reader types wherever the focus is
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_have_text("通过")
    expect(page.locator("#told")).to_contain_text("1800 1/min")
    assert machine.held["LATHE1"]["settings"][0]["value"] == 1800.0
    phone.shoot("scan_good_zh_phone")
    picture = tmp_path / "code.png"
    picture.write_bytes(png())
    page.set_input_files("#photo", picture)
    expect(page.locator("#verdict")).to_have_text("拒绝")
    expect(page.locator("#told")).to_contain_text("版本不符：当前为 A，要求 B")
    expect(page.locator("#last li")).to_have_count(2)
    size = page.evaluate(
        "parseFloat(getComputedStyle(document.querySelector('#verdict')).fontSize)"
    )
    assert size >= 44, "read from two metres"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    for name in ("#send", "#text", "#station"):
        box = page.locator(name).bounding_box()
        assert box
        assert box["height"] >= 55, "touched with gloves"
    phone.shoot("scan_bad_zh_phone")


def test_a_lost_answer_is_sent_again_under_the_same_id(
    browser: Browser, platform: Platform, machine: Simulator
) -> None:
    with open_context(browser, "en", "dark", DESK) as context:
        reader = Reader(context.new_page(), platform.url)
        page = reader.go("/scan?station=LATHE1")
        log_in(reader)
        expect(page.locator("#means")).to_contain_text("use a reader, or type")
        before = len(machine.writes)
        page.route("**/api/v1/scans", lambda route: (route.fetch(), route.abort()), times=1)
        page.fill("#text", "88.100.1/S3")
        page.click("#send")
        expect(page.locator("#verdict")).to_have_text("Not answered")
        page.click("text=Send again")
        expect(page.locator("#verdict")).to_have_text("OK")
        assert len(machine.writes) == before + 1
        reader.shoot("scan_good_en_desk")


def test_the_camera_is_allowed_here_and_nowhere_else(phone: Reader) -> None:
    page = phone.page
    allowed = {path: page.request.get(phone.url + path).headers["permissions-policy"]
               for path in ("/scan", "/alarms")}  # fmt: skip
    assert "camera=(self)" in allowed["/scan"]
    assert "camera=()" in allowed["/alarms"]
    expect(page.locator("#look")).to_be_visible()
