"""Lane, health record and replay in a real browser: from a bench's file to the report."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Platform, Reader, log_in, open_context

pytestmark = pytest.mark.browser
VIN = "LDPGABAC2JN361504"
RECORD = {
    "bench": "3", "record_no": "A-1", "vin": VIN, "tested_at": "2026-03-02 09:30:00",
    "chemistry": "ternary",
    "items": {"charge_duration_s": 240, "charge_start_pct": 45, "charge_temp_degc": 61,
              "charge_cell_max_mv": 4180, "charge_cell_spread_mv": 38, "working_voltage_v": 400,
              "socket_dc_insulation_kohm": 21000, "bonding_mohm": 12},
    "curve": {"t_s": [0, 120, 240], "voltage_v": [380, 390, 396]},
}  # fmt: skip


@pytest.fixture(scope="module")
def day(platform: Platform, shared_data: Path) -> None:
    """The recorded day of one vehicle, played into the platform."""
    (recorded,) = (shared_data / "nev").glob("day_*.hex.gz")
    platform.play("--user", "recorder", str(recorded))


@pytest.fixture(params=[("en", "light", (1280, 800)), ("zh", "dark", (390, 844))],
                ids=["desk", "phone"])  # fmt: skip
def reader(
    request: pytest.FixtureRequest, browser: Browser, platform: Platform, day: None
) -> Iterator[Reader]:
    """A reader at a desk in English, or with a phone in Chinese; nothing may go wrong."""
    language, theme, size = request.param
    with open_context(browser, language, theme, size) as context:
        opened = Reader(context.new_page(), platform.url).watch()
        opened.go("/")
        log_in(opened)
        yield opened
        assert opened.problems == []
        width = opened.page.evaluate("document.documentElement.scrollWidth")
        assert width <= size[0], "the page is wider than the screen"


def test_from_a_benchs_file_to_the_report_and_a_correction(reader: Reader) -> None:
    page = reader.go("/lane")
    expect(page.locator("#limits tr.group")).to_have_count(4)
    day = f"2026-03-0{2 + _zh(reader)}"  # a record of its own for each reader
    mine = RECORD | {"record_no": day, "tested_at": f"{day} 09:30:00"}
    content = json.dumps([mine, {"vin": "x"}]).encode()
    page.set_input_files("#file", {"name": "b.json", "mimeType": "text/json", "buffer": content})
    expect(page.locator("#imported td", has_text="bench").first).to_be_visible()
    page.locator("#inspections tbody a", has_text=day).click()
    expect(page.locator("#verdict")).to_contain_text(
        ("maintenance advised", "建议维护")[_zh(reader)]
    )
    expect(page.locator("#reasons li").first).to_contain_text("61 °C")
    expect(page.locator("#curve canvas")).to_be_visible()
    reader.shoot(f"inspection-{_zh(reader)}", full_page=True)
    report = page.request.get(reader.url + str(page.get_attribute("#pdf", "href")))
    assert report.body().startswith(b"%PDF-")
    page.click("#correct")
    page.fill("#correction [name=charge_temp_degc]", "50")
    page.fill("#correction [name=reason]", "read again")
    page.click("#correction button")
    expect(page.locator("#verdict")).to_contain_text(("normal", "正常")[_zh(reader)])
    expect(page.locator("#versions tbody tr")).to_have_count(2)


def test_the_health_record_takes_an_import_and_leads_to_the_replay(reader: Reader) -> None:
    page = reader.go(f"/vehicles/{VIN}/record")
    expect(page.locator("#operation .figure").first).to_contain_text("243")
    page.select_option("#kind", "accident")
    row = f"vin,at,source,reference,form\n{VIN},2019-12-30 13:52:00,police,SG-1,scrape\n"
    page.set_input_files("#file", {"name": "a.csv", "mimeType": "text/csv",
                                   "buffer": row.encode()})  # fmt: skip
    expect(page.locator("#imported")).to_be_visible()
    link = page.locator("#events a")
    expect(link).to_have_count(1)
    reader.shoot(f"record-{_zh(reader)}", full_page=True)
    link.click()
    expect(page.locator("replay-board path.line").first).to_be_attached()
    expect(page.locator("#events")).to_contain_text("SG-1")
    before = page.locator("#now").text_content()
    page.locator("#scrub").press("ArrowRight")
    expect(page.locator("#now")).not_to_have_text(before or "")
    expect(page.locator("#values dd").first).not_to_be_empty()
    reader.shoot(f"replay-{_zh(reader)}", full_page=True)
    packed = page.request.get(reader.url + str(page.get_attribute("#export", "href")))
    assert packed.body().startswith(b"PK")


def _zh(reader: Reader) -> int:
    """1 on a Chinese page, 0 on an English one."""
    return int(reader.page.get_attribute("html", "lang") == "zh")
