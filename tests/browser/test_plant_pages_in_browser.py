"""The pages of a plant in a real browser: figures by hand, two languages, desk, phone and wall."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from millbrain.core.plant.tags import Connection
from millbrain.core.production.orders import PlannedOperation, ProductionOrder
from millbrain.core.production.reports import Kind, Report
from millbrain.record.ledger import Ledger, Role, Thing
from millbrain.record.ledger.production.orders import Asker
from millbrain.run.tags.secrets import SecretFiles
from tests.browser.conftest import ACCOUNT, PASSWORD, Reader, open_context
from tests.engines import Process

pytestmark = pytest.mark.browser
TOKEN: Final = "a token that is long enough"
ZONE: Final = ZoneInfo("Asia/Shanghai")
WAIT_MS: Final = 20_000
READY_S: Final = 40
DESK, PHONE, WALL = (1280, 800), (390, 844), (1920, 1080)
RULES: Final = {"energy": {"look_s": 0.2}, "process": {"look_s": 0.2}, "limits": {"look_s": 0.1},
                "effectiveness": {"flush_s": 0.2}}  # fmt: skip
CHARACTERISTIC: Final = """
[[characteristic]]
thing = "GAUGE-1"
signal = "bore_mm"
title = "Bore diameter"
title_zh = "孔径"
unit = "mm"
lower = 9.97
upper = 10.03
centre = 10.0
sigma = 0.005
"""
# Uneven steps around the middle that break no rule [sigma].
STEPS: Final = (0.9, -1.4, 0.3, -0.6, 1.3, 0.5, -0.8, -0.2, 1.2, -1.1, -0.4, 0.7)
# What may stand in Latin letters on a Chinese page: names of things, of formats, of standards.
LATIN: Final = re.compile(
    r"(?<![A-Za-z])(?:[A-Z]+(?:-[A-Z\d]+)+|M[78]|T|W2|alone|viewer|reader|"
    r"PO\d+\S*|PAY1|TURN|chip-jam|gate|"
    r"Gateway|\w+_\w+|B\d+-R\d+-T\d+|CSV|XLSX|PDF|OEE|NEE|TEEP|MTBF|MTTR|MTTF|Cpk?|Ppk?|ppm|kWh|"
    r"kvarh|kW|mm|CO2|ISO|SPC|Xbar|OPC|UA|Modbus|HTTP|MQTT|Sparkplug|UTC|Asia/Shanghai|"
    r"Anderson-Darling|ms|push)(?![A-Za-z])",
    re.ASCII,
)


@dataclass
class Rows:
    """Readings to push, as the columns of one body."""

    columns: dict[str, list[Any]]

    @classmethod
    def none(cls) -> "Rows":
        return cls({name: [] for name in ("thing", "signal", "device_at", "value", "text")})

    def add(self, thing: str, signal: str, at_s: float, value: float | str) -> None:
        """Add one reading; a text goes where texts go."""
        is_text = isinstance(value, str)
        row = (thing, signal, round(at_s * 1000), None if is_text else value,
               value if is_text else None)  # fmt: skip
        for name, each in zip(self.columns, row, strict=True):
            self.columns[name].append(each)


def of_machines(rows: Rows, now_s: float) -> list[float]:
    """Add two machines of which no plant knows; return when the first made its good pieces.

    M7 has a nameplate of 27 s a piece. Its order PO7 begins two hours ago: 45 min of producing with
    a piece every 30 s, 80 of them good and then 10 scrap, and 15 min down; then it works on PO8. It
    takes 10 kW while producing and 2 kW while down. M8 is down since 25 min.
    """
    begin = now_s - 7200
    rows.add("M7", "machine_state", begin, 1)
    rows.add("M7", "order_operation", begin, "PO7/10")
    for signal in ("good_count", "scrap_count", "energy_kwh"):
        rows.add("M7", signal, begin, 0)
    for piece in range(1, 91):
        at_s = begin + 30 * piece
        rows.add("M7", "good_count" if piece <= 80 else "scrap_count", at_s,
                 piece if piece <= 80 else piece - 80)  # fmt: skip
        rows.add("M7", "energy_kwh", at_s, 7.5 * piece / 90)
    rows.add("M7", "machine_state", begin + 2700, 4)
    rows.add("M7", "stop_reason", begin + 2700, "chip-jam")
    rows.add("M7", "energy_kwh", begin + 3600, 8.0)
    rows.add("M7", "machine_state", begin + 3600, 1)
    rows.add("M7", "stop_reason", begin + 3600, "")
    rows.add("M7", "order_operation", begin + 3600, "PO8/10")
    rows.add("M8", "machine_state", begin, 1)
    rows.add("M8", "machine_state", now_s - 1500, 4)
    rows.add("M8", "stop_reason", now_s - 1500, "chip-jam")
    for machine in ("M7", "M8"):
        rows.add(machine, "machine_state", now_s, 1 if machine == "M7" else 4)
    return [begin + 30 * piece for piece in range(1, 81)]


def of_meter(rows: Rows) -> None:
    """Add a day of quarter-hours and one of the month after it.

    48 of 1 kWh at night, 47 of 4 kWh and one of 5 kWh, which is 20 kW, by day: 241 kWh; then 2 kWh.
    """
    midnight = datetime(2025, 6, 2, tzinfo=ZONE)
    ends = [(midnight + timedelta(minutes=15 * i), i <= 48, 1 if i <= 48 else 5 if i == 61 else 4)
            for i in range(1, 97)]  # fmt: skip
    for end, is_night, energy in (*ends, (datetime(2025, 7, 1, 0, 15, tzinfo=ZONE), True, 2)):
        at_s = end.timestamp()
        rows.add("METER-1", "interval_energy_kwh", at_s, energy)
        rows.add("METER-1", "reactive_lagging_kvarh", at_s, 0.75 * energy)
        rows.add("METER-1", "co2_t", at_s, 0.001 * energy)
        rows.add("METER-1", "load_type", at_s, "Light_Load" if is_night else "Maximum_Load")


def of_gauge_and_pump(rows: Rows, now_s: float) -> None:
    """Add 36 quiet diameters and one beyond every limit; a bearing that gets hot."""
    bores = [10 + 0.005 * step for step in (*STEPS, *STEPS, *STEPS)] + [10.05]
    for place, bore in enumerate(bores):
        rows.add("GAUGE-1", "bore_mm", now_s - 60 * (len(bores) - place), round(bore, 6))
    for back_s, value in ((240, 70.5), (120, 82.5), (1, 97.5)):
        rows.add("PUMP-1", "bearing_degc", now_s - back_s, value)


def fill_ledger(data: Path) -> None:
    """Enter the account, the connection, the nameplate, an order with its reports, rates of pay."""
    ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    ledger.migrate()
    ledger.accounts.add(ACCOUNT, PASSWORD, Role.ADMIN)
    ledger.tags.put_connection(Connection("gate", "http", "Gateway", "/push/gate"))
    SecretFiles(data).put("gate", "token", TOKEN)
    named = {"M7": ("Mill 7", "七号铣床", {"cycle_s": 27}), "M8": ("Lathe 8", "八号车床", {})}
    ledger.things.put([
        Thing(key, "machine", "", attributes={"title": en, "title_zh": zh, "gap_s": 7200, **more})
        for key, (en, zh, more) in named.items()
    ])  # fmt: skip
    asker, at = Asker("test"), datetime(2025, 6, 10, 8, tzinfo=UTC)
    ledger.production.put([ProductionOrder("PAY1", "SHAFT", 90)], asker)
    ledger.production.release("PAY1", [PlannedOperation("10", 1, "TURN")], asker)
    made = (("viewer", Kind.GOOD, 10, ""), ("W2", Kind.GOOD, 5, ""), ("alone", Kind.GOOD, 3, ""),
            ("alone", Kind.SCRAP, 2, "chip-jam"))  # fmt: skip
    ledger.reports.take([
        Report(f"0000001{n}-0000-8000-8000-000000000000", "PAY1", "10", kind, person, at, at,
               quantity=count, reason=reason)
        for n, (person, kind, count, reason) in enumerate(made)
    ], asker)  # fmt: skip
    ledger.close()


@dataclass
class Plant:
    """A running platform with what the tests know of it; its client is logged in."""

    url: str
    client: httpx.Client
    made_at: list[float]
    series: int

    def get(self, path: str, **asked: Any) -> Any:
        """Ask the API."""
        return self.client.get(path, params=asked).raise_for_status().json()

    def tell(self, method: str, path: str, told: Any) -> None:
        """Tell the API something."""
        self.client.request(method, path, json=told).raise_for_status()


def push(port: int, rows: Rows) -> None:
    """Push everything at once; the room knows a connection a moment after it was made."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    until_s = time.monotonic() + READY_S
    while True:
        answer = httpx.post(f"http://127.0.0.1:{port}/push/gate", json=rows.columns,
                            headers=headers, timeout=30)  # fmt: skip
        if answer.status_code == 200 or time.monotonic() > until_s:
            break
        time.sleep(0.1)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["stored"], told["rejected"]) == (len(rows.columns["thing"]), 0), told


def until(what: str, is_so: Callable[[], bool]) -> None:
    """Wait until the engine has come so far."""
    until_s = time.monotonic() + READY_S
    while not is_so():
        assert time.monotonic() < until_s, what
        time.sleep(0.1)


def until_told(plant: Plant) -> None:
    """Wait until every room has told what was pushed."""
    room = "/rooms/effectiveness"
    until("both machines", lambda: plant.get(f"{room}/now")["total"] == 2)
    job: dict[str, Any] = {"by": "order", "days": 2, "job": "PO7"}
    until("the order", lambda: [r["gq_count"] for r in plant.get(
        f"{room}/indicators", **job)["rows"]] == [80])  # fmt: skip
    until("the meter", lambda: [r["interval_count"] for r in plant.get(
        "/rooms/energy/meters")["rows"]] == [97])  # fmt: skip
    until("the gauge", lambda: [r["points"] for r in plant.get(
        "/rooms/process/characteristics")["rows"] if r["thing"] == "GAUGE-1"] == [37])  # fmt: skip
    until("the limit", lambda: [r["level"] for r in plant.get("/limits")["rows"]] == [2])
    until("the tags", lambda: plant.get("/tags", connection="gate")["total"] == plant.series)


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Engine and web process over a small plant."""
    data = tmp_path_factory.mktemp("plant")
    (data / "characteristics.toml").write_text(CHARACTERISTIC, "utf-8")
    fill_ledger(data)
    engine = Process("engine", data, ("--port", "0"),
                     {"MILLBRAIN_ANALYSE__RULES": json.dumps(RULES)})  # fmt: skip
    web = Process("web", data, ("--port", "0"))
    try:
        engine.start()
        rows, now_s = Rows.none(), int(time.time())
        made_at = of_machines(rows, now_s)
        of_meter(rows)
        of_gauge_and_pump(rows, now_s)
        series = len(set(zip(rows.columns["thing"], rows.columns["signal"], strict=True)))
        url = f"http://127.0.0.1:{web.start().ports['web']}"
        client = httpx.Client(base_url=f"{url}/api/v1", timeout=30)
        client.post("/login", json={"account": ACCOUNT, "password": PASSWORD}).raise_for_status()
        running = Plant(url, client, made_at, series)
        limit = {"thing": "PUMP-1", "signal": "bearing_degc", "high": 80, "high_high": 95}
        running.tell("PUT", "/limits", limit)
        running.tell("POST", "/production/pay/books", {
            "rates": [{"operation": "TURN", "since": "2025-01-01", "fen": 35}],
            "people": [{"person": p, "since": "2025-01-01", "team": "T"} for p in ("viewer", "W2")],
            "attendance": [{"person": p, "day": "2025-06-10", "minutes": 480}
                           for p in ("viewer", "W2")],
        })  # fmt: skip
        push(engine.ports["http"], rows)
        until_told(running)
        yield running
        client.close()
    finally:
        for process in (web, engine):
            process.stop()


@pytest.fixture(scope="module")
def readers(plant: Plant, browser: Browser) -> Iterator[dict[str, Reader]]:
    """One reader of each language, logged in: English by day, Chinese in the dark."""
    made = {}
    for language, theme in (("en", "light"), ("zh", "dark")):
        context = open_context(browser, language, theme, DESK)
        context.request.post(f"{plant.url}/api/v1/login",
                             data={"account": ACCOUNT, "password": PASSWORD})  # fmt: skip
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        made[language] = Reader(page, plant.url).watch()
    expect.set_options(timeout=WAIT_MS)
    yield made
    expect.set_options(timeout=5_000)
    for reader in made.values():
        reader.page.context.close()


Said = Mapping[str, str | list[str]]  # selector -> text, or the texts of its rows


def check(page: Page, said: Said) -> None:
    """Compare what stands at each selector."""
    for selector, text in said.items():
        found = page.locator(selector)
        if isinstance(text, list):
            expect(found).to_contain_text(text)
        else:
            expect(found.first).to_contain_text(text)


def latin(page: Page) -> set[str]:
    """Return the English words that a reader of a Chinese page sees."""
    seen = str(page.evaluate("document.querySelector('main').innerText"))
    return set(re.findall(r"[A-Za-z]{2,}", LATIN.sub(" ", seen)))


def look(readers: Mapping[str, Reader], path: str, both: Said, own: Mapping[str, Said]) -> None:
    """Open a page in both languages, compare figures, and see that it fits a desk and a phone."""
    for language, reader in readers.items():
        page = reader.page
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        reader.go(path)
        check(page, {**both, **own.get(language, {})})
        name = re.sub(r"\W+", "-", path.split("?")[0]).strip("-")
        for width, height in (DESK, PHONE):
            page.set_viewport_size({"width": width, "height": height})
            reader.shoot(f"{name}-{language}-{width}", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
        if language == "zh":
            assert latin(page) == set(), path
        assert reader.problems == []


def test_losses_and_indicators_of_an_order(readers: dict[str, Reader]) -> None:
    """One hour: 80 pieces of 27 s are 36 min, 10 scrap 4.5 min, 4.5 min slow, 15 min down."""
    lost = "#losses tbody tr"
    look(readers, "/plant/losses?days=2&job=PO7", {
        "#losses tfoot": "1:00:00",
        "#stops tbody tr": "0:15:00",
    }, {
        "en": {lost: ["good pieces0:36:0060.0 %", "0:15:0025.0 %1", "0:04:307.5 %", "7.5 %"]},
        "zh": {lost: ["合格品0:36:0060.0 %", "故障停机", "0:04:307.5 %", "7.5 %"]},
    })  # fmt: skip
    # availability 45/60, effectiveness 90 x 27 s in 45 min, quality 80/90
    look(readers, "/plant/indicators?by=order&days=2&job=PO7&sums=1", {
        "#rows tbody tr": "60.0",
        "#rows tbody td:first-child": "PO7",
    }, {})  # fmt: skip
    cells = readers["en"].page.locator("#rows tbody tr").first.locator("td").all_inner_texts()
    for figure in ("75.0", "90.0", "88.9", "8.00"):
        assert figure in cells, cells


def test_the_plant_and_its_walls(readers: dict[str, Reader], plant: Plant) -> None:
    look(readers, "/plant", {"#running": "1", "#down": "1"},
         {"en": {"#running-sub": "of 2 machines"}, "zh": {"#running-sub": "共 2 台"}})  # fmt: skip
    begin = time.time() // 86_400 * 86_400 - 8 * 3600  # "today" turns at eight in the morning
    good = sum(at > begin for at in plant.made_at)
    for path, figures in (
        ("/plant/wall", {"#running": "1", "#down": "1", "#made": str(good)}),
        ("/plant/wall/-", {"#made": str(good), "#ribbons": ""}),
    ):
        for language, name in (("en", "Lathe 8"), ("zh", "八号车床")):
            reader = readers[language]
            page = reader.page
            page.set_viewport_size({"width": WALL[0], "height": WALL[1]})
            reader.go(path)
            check(page, {**figures, "#andon li": name})
            expect(page.locator("#stops tbody tr").first).to_contain_text(name)
            reader.shoot(f"wall{path.count('/')}-{language}")
            sizes = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
            assert page.evaluate(sizes) == list(WALL), path
            if language == "zh":
                assert latin(page) == set(), path
            assert reader.problems == []


def test_energy_of_a_meter(readers: dict[str, Reader]) -> None:
    """Active 4 and reactive 3 make a power factor of 0.8."""
    look(readers, "/plant/energy", {
        "#kwh": "243", "#peak": "20.0", "#peak-sub": "2025-06-02 15:15", "#factor": "80.0",
        "#reactive": "182", "#co2": "0.24", "#intervals": "97", "#curve canvas": "",
        "#months tbody tr": ["2025-06241.020.080.0 %0.24", "2025-072.08.080.0 %0.00"],
    }, {
        "en": {"#loads tbody tr": ["maximum load193.079 %", "light load50.021 %"]},
        "zh": {"#loads tbody tr": ["最大负荷193.079 %", "轻负荷50.021 %"]},
    })  # fmt: skip


def test_a_characteristic_out_of_control(readers: dict[str, Reader]) -> None:
    """Mean 10.00151; moving ranges of 0.2735 in 36 make a sigma of 0.00673, Cp 1.49, Cpk 1.41."""
    look(readers, "/plant/spc", {
        "#rules tbody tr": ["37", "37"],
        "#capability tbody tr": ["Cp1.49", "Cpk1.41", "Pp", "Ppk", "1.33", "10.002 mm",
                                 "0.00673 mm", "mm", "1", ""],
        "#first canvas": "", "#second canvas": "", "#histogram canvas": "",
    }, {
        "en": {"#all tr.chosen": "Bore diameter", "#rule-set": "Nelson"},
        "zh": {"#all tr.chosen": "孔径"},
    })  # fmt: skip


def test_pay_of_a_month(readers: dict[str, Reader]) -> None:
    """15 pieces of a team at 0.35 are 5.25, shared 2.63 and 2.62; 3 of somebody alone are 1.05."""
    people = "#people tbody tr"
    look(readers, "/plant/pay?period=2025-06&person=viewer", {
        people: ["W2", "alone", "viewer"],
        f"{people}:has-text('W2')": "2.63", f"{people}:has-text('alone')": "1.05",
        f"{people}:has-text('viewer')": "2.62", "#teams tbody tr": "5.25", "#slip tbody tr": "2.62",
    }, {
        "en": {"#scope": "6.30 CNY", "#slip-title": "viewer"},
        "zh": {"#scope": "6.30 元", "#pot tbody tr": "合格件×计件单价"},
    })  # fmt: skip


def test_report_of_a_day(readers: dict[str, Reader]) -> None:
    rows = "#tables section:nth-of-type({}) tbody tr"
    both = {rows.format(1): ["PAY11820"], rows.format(2): ["W2500", "alone320", "viewer1000"],
            rows.format(3): ["chip-jam020"]}  # fmt: skip
    look(readers, "/plant/report?day=2025-06-10", both, {
        "en": {"#tables h2": ["Orders", "People", "Quality"]},
        "zh": {"#tables h2": ["订单", "人员", "质量"]},
    })  # fmt: skip


def test_a_limit_that_is_passed(readers: dict[str, Reader]) -> None:
    row = "#limits tbody tr"
    look(readers, "/plant/limits", {f"{row} td:nth-child(4)": "97.5 °C"}, {
        "en": {row: "above high-high"}, "zh": {row: "高于高高限"},
    })  # fmt: skip


def test_connections_tags_and_a_trend(readers: dict[str, Reader], plant: Plant) -> None:
    look(readers, "/connections", {"tr[data-connection=gate] .stand.connected": ""},
         {"en": {"#total": "1 of 1 connected"}})  # fmt: skip
    look(readers, "/connections/gate", {
        "#tags tbody tr:has-text('bearing_degc') td.value": "97.5",
    }, {"en": {"#total": f"{plant.series} tags"}})  # fmt: skip
    look(
        readers,
        "/trend?s=PUMP-1~bearing_degc&span=3600",
        {"#trend canvas": ""},
        {"en": {"#note": "3 points, every reading"}, "zh": {"#note": "3 个点，即每个读数"}},
    )
