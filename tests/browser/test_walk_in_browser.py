"""The walk of docs/guides/connect-a-machine.md: a server, its tree, a trend, an OEE, an alarm."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Platform, Reader, log_in, open_context

pytestmark = pytest.mark.browser
KEY = "hot-end"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Six simulated machines behind an OPC UA server that the platform does not know."""
    command = [
        sys.executable, "-m", "millbrain.run.cli", "plant", "simulate", "engine-plant",
        "--only", "ep-hot", "--opcua-port", "0", "--seconds", "240",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if found := re.search(r"opc\.tcp://\S+", line):
                break
        else:
            pytest.fail("the simulated plant named no OPC UA server")
        yield found[0]
        running.terminate()


@pytest.fixture(scope="module")
def reader(browser: Browser, platform: Platform) -> Iterator[Reader]:
    with open_context(browser, "en", "light", (1280, 800)) as context:
        opened = Reader(context.new_page(), platform.url).watch()
        opened.go("/connections")
        log_in(opened)
        yield opened
        assert opened.problems == []


def connect(reader: Reader, server: str) -> None:
    """Step 1: say where the server is."""
    page = reader.go("/connections")
    adding = page.locator("#adding")
    expect(adding).to_be_visible()
    expect(page.locator("#connections tbody tr").first).to_be_visible()
    if adding.get_attribute("open") is None:
        page.get_by_text("Connect something").click()
    page.get_by_label("What it speaks").select_option("opcua")
    page.get_by_label("Key").fill(KEY)
    page.get_by_label("Endpoint").fill(server)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("row", name=KEY).get_by_text("connected")).to_be_visible(timeout=30_000)


def take_over(reader: Reader) -> None:
    """Step 2: look around and make tags of what is there."""
    page = reader.go(f"/connections/{KEY}")
    page.get_by_label("Thing, by the path").fill("hot-{-2}")  # names that no plant's calendar knows
    page.get_by_role("button", name="Browse").click()
    works = page.get_by_role("row").filter(has_text="EP-HOT")
    works.get_by_role("button", name="choose all below").click()
    page.get_by_role("button", name="Make tags").click(timeout=30_000)
    value = page.locator("#tags").get_by_role("link").filter(has_text=re.compile(r"\d")).first
    expect(value).to_be_visible(timeout=30_000)
    reader.shoot("walk_tags")


def look_at_a_trend(reader: Reader) -> None:
    """Step 3: a number, opened, is a curve."""
    page = reader.page
    page.locator("#tags").get_by_role("link", name=re.compile("power|Power")).first.click()
    page.wait_for_url("**/trend?**")
    expect(page.locator("trend-chart canvas").first).to_be_visible(timeout=30_000)
    expect(page.locator("#note")).to_contain_text("points", timeout=30_000)
    reader.shoot("walk_trend")


def read_the_oee(reader: Reader, machine: str) -> None:
    """Step 4: what the machine did of the time that was planned."""
    page = reader.go(f"/plant/machine/{machine}")
    expect(page.locator("#state")).not_to_be_empty(timeout=60_000)
    page.get_by_label("Nameplate time of a piece").fill("40")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("#effectiveness-sub")).to_contain_text("kept")
    expect(page.locator("#oee")).to_have_text(re.compile(r"\d"), timeout=120_000)
    reader.shoot("walk_machine")


def set_a_limit(reader: Reader, machine: str) -> None:
    """Step 5: a limit that is passed is an alarm."""
    page = reader.go(f"/plant/limits?thing={machine}&signal=power_kw")
    page.get_by_label("High", exact=True).fill("-1")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_role("row", name=machine).get_by_text("above high")).to_be_visible(
        timeout=30_000
    )
    reader.shoot("walk_limits")
    page = reader.go("/alarms")
    expect(page.get_by_text("power_kw is").first).to_be_visible(timeout=30_000)
    reader.shoot("walk_alarms")


def test_a_plant_engineer_gets_a_trend_an_oee_and_an_alarm(reader: Reader, server: str) -> None:
    began = time.monotonic()
    connect(reader, server)
    take_over(reader)
    thing = reader.page.locator("#tags small").first.inner_text().split()[0]
    look_at_a_trend(reader)
    read_the_oee(reader, thing)
    set_a_limit(reader, thing)
    print(f"the walk took {time.monotonic() - began:.0f} s")
