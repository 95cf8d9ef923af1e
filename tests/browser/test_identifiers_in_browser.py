"""The pages of identifiers in a browser: what fills them, filters, keyboard, languages."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page, expect

from millbrain.run.demo import fill
from millbrain.run.demo.identifiers import WHO
from millbrain.run.resolver import open_registry
from millbrain.run.settings import load
from tests.browser.conftest import Platform, Reader, log_in, open_context
from tests.engines import Process

pytestmark = pytest.mark.browser
DESK, PHONE = (1280, 800), (390, 844)
LOT = "88.999.4/CATHODE-07"
PAGES = ("", "/record?handle={handle}", "/trace?thing={vin}", f"/recall?thing={LOT}", "/templates",
         "/nodes", "/statistics", "/labels?text={handle}")  # fmt: skip


@pytest.fixture(scope="module")
def vin(platform: Platform) -> str:
    """The demonstration's identifiers, written before any resolver; a vehicle with a past."""
    settings = load(platform.data, None, demo__vehicles=230, demo__history_vehicles=12)
    with ThreadPoolExecutor(1) as thread:  # an event loop of the browser runs in this one
        assert thread.submit(fill, settings).result() > 460
    store, registry = open_registry(settings)
    try:
        names = registry.names("88.999.1", WHO, "88.999.1/0", 500)
        (found, *_) = [n for n in names if len(registry.history(n)) > 1]
    finally:
        registry.close()
        store.close()
    return found.partition("/")[2]


@pytest.fixture(scope="module")
def resolver(platform: Platform, vin: str) -> Iterator[Process]:
    running = Process("resolver", platform.data, ("--port", "0", "--http-port", "0")).start()
    yield running
    if running.process and running.process.poll() is None:
        running.stop()


@pytest.fixture
def reader(browser: Browser, platform: Platform, resolver: Process) -> Iterator[Reader]:
    """A reader at a desk, in English, logged in; nothing may have gone wrong at the end."""
    with open_context(browser, "en", "light", DESK) as context:
        opened = Reader(context.new_page(), platform.url).watch()
        opened.go("/identifiers")
        log_in(opened)
        yield opened
        assert opened.problems == []


def wait_for_picture(page: Page, selector: str) -> None:
    """Wait until a picture has been drawn; the pages forbid scripts in strings."""
    picture = page.locator(selector)
    picture.wait_for()
    for _ in range(50):
        if picture.evaluate("e => e.complete && e.naturalWidth > 50"):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"{selector} shows nothing")


def test_one_box_resolves_what_it_recognises(reader: Reader, vin: str) -> None:
    page = reader.page
    expect(page.locator("#schemes tr")).to_have_count(10)
    page.fill("#text", vin)
    expect(page.locator("#told")).to_contain_text("Vehicle identification number")
    expect(page.locator("#schemes .lit")).to_have_attribute("data-scheme", "vin")
    page.press("#text", "Enter")
    expect(page.locator("h1.handle")).to_have_text(f"88.999.1/{vin}")
    expect(page.locator(".answer-main tbody").first).to_contain_text("Kerb mass")
    expect(page.locator(".stop.end")).to_have_text("this node")
    expect(page.locator(".vehicle-card .vin")).to_have_text(vin)
    wait_for_picture(page, ".qr")
    reader.shoot("identifiers")
    page.get_by_text("88.999.2/", exact=False).first.click()
    expect(page.locator("h1.handle")).to_contain_text("88.999.2/")
    page.go_back()
    expect(page.locator("h1.handle")).to_have_text(f"88.999.1/{vin}")


def test_what_is_no_identifier_is_told_why(reader: Reader, vin: str) -> None:
    page = reader.page
    page.fill("#text", vin[:8] + ("7" if vin[8] != "7" else "6") + vin[9:])
    expect(page.locator("#told")).to_contain_text("check digit")
    page.fill("#text", "88.999.1/NOT-THERE")
    page.press("#text", "Enter")
    expect(page.locator(".answer")).to_contain_text("there is no such identifier")


def test_a_record_goes_back_in_time(reader: Reader, vin: str) -> None:
    page = reader.go(f"/identifiers/record?handle=88.999.1/{vin}")
    mass = page.locator("#values tr", has_text="Kerb mass")
    now = mass.locator(".data").inner_text()
    page.locator("#slider").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#version")).to_contain_text("version 1 of 3")
    assert mass.locator(".data").inner_text() != now
    page.keyboard.press("ArrowRight")
    page.check("#compare")
    expect(mass.locator("ins")).to_have_text(now)
    expect(mass.locator("del")).to_be_visible()
    expect(page.locator("#chain")).to_contain_text("every line is sound")
    expect(page.locator("#who")).to_contain_text("account north was given it")
    reader.shoot("identifier-record")


def test_a_trace_unfolds_by_keyboard_and_stays_small(reader: Reader, vin: str) -> None:
    page = reader.go(f"/identifiers/recall?thing={LOT}")
    page.click("[data-kind=vehicle]")
    car = page.locator(".recall-row .key").first.inner_text()
    reader.go(f"/identifiers/trace?thing={car}")
    rows = page.locator(".tree-row")
    expect(rows.first).to_contain_text("vehicle")
    shown = rows.count()
    page.locator("#tree").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator(".tree-row[aria-level='4']").first).to_contain_text("cell")
    assert rows.count() > shown
    page.click("#all")
    expect(page.locator(".tree-row", has_text="SALT-00").first).to_be_visible()
    assert page.locator("tall-list > div").evaluate("e => e.offsetHeight") > 5_000
    assert rows.count() < 150  # what is out of sight is not in the document
    page.click("[data-way=uses]")
    expect(page.locator("#note")).to_contain_text("No event tells what it went into")
    reader.shoot("identifier-trace")


def test_a_recall_lists_what_can_be_called_in_first(reader: Reader) -> None:
    page = reader.go(f"/identifiers/recall?thing={LOT}")
    expect(page.locator(".recall-row").nth(1)).to_contain_text("vehicle")
    expect(page.locator("#figures")).to_contain_text("Affected things")
    page.click("[data-kind=pack]")
    expect(page.locator(".tree-row").first).to_contain_text("pack")
    with page.expect_download() as download:
        page.click("#csv")
    assert download.value.path().read_text("utf-8").count("\n") > 20
    reader.shoot("identifier-recall")


def test_a_version_of_a_template_adds_and_never_narrows(reader: Reader) -> None:
    page = reader.go("/identifiers/templates?handle=88.999.1/META_VEHICLE")
    expect(page.locator(".fields tbody tr")).to_have_count(10)
    page.get_by_role("button", name="version 1").click()
    expect(page.locator(".fields tbody tr")).to_have_count(8)
    page.click("#evolve")
    mass = page.locator(".field-row").nth(3)
    mass.locator("[name=high]").fill("100")
    page.click(".editor button.main")
    expect(page.locator("#editor-problem")).to_contain_text("versions only add and widen")
    mass.locator("[name=high]").fill("90000")
    page.click("#add-field")
    added = page.locator(".field-row").last
    added.locator("[name=name]").fill("colour")
    added.locator("[name=title]").fill("Colour")
    page.click(".editor button.main")
    expect(page.locator(".fields tbody tr")).to_have_count(11)
    expect(page.locator(".fields tr", has_text="colour")).to_contain_text("version 3")
    reader.problems[:] = [p for p in reader.problems if "400" not in p]  # the refusal
    reader.shoot("identifier-templates")


def test_an_application_goes_its_way(reader: Reader) -> None:
    page = reader.go("/identifiers/nodes")
    expect(page.locator(".map-row.homed")).to_have_count(5)
    page.click("#new")
    page.fill("[name=prefix]", "88.999.30")
    page.fill("[name=organisation]", "Test works")
    page.click("#add .main")
    drawer = page.locator("#drawer")
    expect(drawer).to_contain_text("Test works")
    drawer.locator("[data-action=approve] button").click()
    drawer.locator("[data-action=route] [name=site]").fill("192.0.2.30:2641")
    drawer.locator("[data-action=route] button").click()
    expect(drawer).to_contain_text("192.0.2.30:2641")
    expect(page.locator("node-band")).to_contain_text("192.0.2.30:2641")
    drawer.locator("[name=handles_max]").fill("500")
    drawer.locator("#quotas button").click()
    expect(drawer).to_contain_text("0 of at most 500")
    page.keyboard.press("Escape")
    page.fill("#filters [name=q]", "Test works")
    expect(page.locator(".map-row:not(.between)")).to_have_count(1)
    page.locator(".map-row.routed").focus()
    page.keyboard.press("Enter")
    expect(drawer).to_be_visible()
    reader.shoot("identifier-nodes")


def test_labels_are_seen_before_they_are_printed(reader: Reader, vin: str) -> None:
    page = reader.go(f"/identifiers/labels?text=88.999.1/{vin}")
    wait_for_picture(page, "#sheet img")
    expect(page.locator("#count")).to_contain_text("labels on this page: 1")
    with page.expect_download() as download:
        page.click("[data-format=zpl]")
    assert download.value.path().read_bytes().startswith(b"^XA")
    page.fill("[name=identifiers]", "88.999.1/NOT-THERE")
    expect(page.locator("#refused")).to_contain_text("NOT-THERE")
    reader.problems[:] = [p for p in reader.problems if "404" not in p]  # the refusal
    reader.shoot("identifier-labels")


def test_the_platform_shows_identifiers_where_people_are(reader: Reader, vin: str) -> None:
    page = reader.go("/")
    expect(page.locator("#identifiers")).to_contain_text("prefixes")
    reader.go("/system")
    expect(page.locator("#resolver")).to_contain_text("enterprise node")
    reader.go(f"/vehicles/{vin}")
    expect(page.locator("#identifiers")).to_contain_text(f"88.999.1/{vin}")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("language", "theme", "size"), [("zh", "dark", PHONE), ("zh", "light", DESK)]
)
def test_every_page_fits_and_speaks_chinese(
    browser: Browser, platform: Platform, resolver: Process, vin: str, path: str, language: str,
    theme: str, size: tuple[int, int],
) -> None:  # fmt: skip
    with open_context(browser, language, theme, size) as context:
        reader = Reader(context.new_page(), platform.url)
        where = "/identifiers" + path.format(handle=f"88.999.1/{vin}", vin=vin)
        page = reader.go(where)
        log_in(reader)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        expect(page.locator(".ways")).to_have_attribute("aria-label", "标识")
        reader.shoot(f"identifiers-{path.strip('/').partition('?')[0] or 'resolve'}-{size[0]}")


def test_without_a_resolver_the_pages_say_so_and_go_on(
    browser: Browser, platform: Platform, resolver: Process, vin: str
) -> None:
    resolver.stop()
    with open_context(browser, "en", "light", DESK) as context:
        reader = Reader(context.new_page(), platform.url)
        page = reader.go("/identifiers/nodes")
        log_in(reader)
        expect(page.locator("#problem")).to_contain_text("resolver")
        reader.go("/identifiers")
        page.fill("#text", vin)
        expect(page.locator("#told")).to_contain_text("Vehicle identification number")
        page.press("#text", "Enter")
        expect(page.locator("#problem")).to_contain_text("resolver")
        reader.go("/system")
        expect(page.locator("#resolver")).to_contain_text("not running")
        reader.go(f"/vehicles/{vin}")
        expect(page.locator("#identifiers")).to_contain_text("not running")
        reader.go("/")
        expect(page.locator("#identifiers")).to_contain_text("not running")
        expect(page.locator("#connected")).not_to_be_empty()
