"""A running platform and a browser for it.

Screenshots go to /screenshots of the checkout, which git ignores: a person looks at them.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from millbrain.record.ledger import Ledger, Role
from tests.conftest import ROOT
from tests.engines import Process

ACCOUNT: Final = "reader"
PASSWORD: Final = "a long enough password"
CITY_S: Final = "6"
VEHICLES: Final = 230
_FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
)  # fmt: skip
SCREENSHOTS: Final = ROOT / "screenshots"


@dataclass
class Platform:
    """The address of the pages, and how to send frames."""

    url: str
    data: Path
    port: int

    def play(self, *options: str) -> None:
        """Send frames with the player and wait until all are on disk."""
        subprocess.run(
            [sys.executable, "-m", "millbrain.run.cli", "play", "--data", str(self.data),
             "--port", str(self.port), *options],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip

    def known(self) -> int:
        """How many vehicles have reported."""
        with httpx.Client(base_url=f"{self.url}/api/v1") as client:
            client.post("/login", json={"account": ACCOUNT, "password": PASSWORD})
            return int(client.get("/vehicles?size=1").raise_for_status().json()["total"])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Engine and web process with one administrator and a few seconds of a simulated city."""
    data = tmp_path_factory.mktemp("platform")
    ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    ledger.migrate()
    ledger.accounts.add(ACCOUNT, PASSWORD, Role.ADMIN)
    ledger.close()
    engine = Process("engine", data, ("--port", "0"))
    web = Process("web", data, ("--port", "0"))
    try:
        port = engine.start().ports["gbt32960"]
        running = Platform(f"http://127.0.0.1:{web.start().ports['web']}", data, port)
        for _ in range(5):  # a busy machine does not send from all of them in the first round
            running.play("--user", "sim-city", "--vehicles", str(VEHICLES), "--period", "2",
                         "--speed", "true", "--awake", "--seconds", CITY_S)  # fmt: skip
            if running.known() >= VEHICLES:
                break
        yield running
    finally:
        for process in (web, engine):
            process.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window.

    Not kept for the session: while it is open its event loop runs in the main thread, and tests
    that start a loop of their own would find it there.
    """
    path = which("chromium")
    if path is None:
        pytest.skip("no chromium is installed: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield opened
        opened.close()


@dataclass
class Reader:
    """A page that remembers everything that went wrong on it."""

    page: Page
    url: str
    problems: list[str] = field(default_factory=list)

    def watch(self) -> "Reader":
        """Note console errors, uncaught errors, failed requests and refused answers."""
        self.page.on("console", lambda m: self._note(m.type in ("error", "warning"), m.text))
        self.page.on("pageerror", lambda e: self._note(True, str(e)))
        self.page.on("requestfailed", lambda r: self._note(not _aborted(r), f"{r.url} {r.failure}"))
        self.page.on("response", lambda r: self._note(r.status >= 400, f"{r.status} {r.url}"))
        return self

    def _note(self, is_problem: bool, text: str) -> None:
        if is_problem:
            self.problems.append(text)

    def go(self, path: str) -> Page:
        """Open a page of the platform."""
        self.page.goto(self.url + path)
        return self.page

    def shoot(self, name: str, **options: Any) -> None:
        """Keep a picture for a person to look at."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", **options)


def _aborted(request: Any) -> bool:
    """A page that is left drops the questions it still had under way."""
    return "ERR_ABORTED" in (request.failure or "")


def open_context(
    browser: Browser, language: str, theme: str, size: tuple[int, int]
) -> BrowserContext:
    """Open a browser profile with a language, a colour scheme and a window size [px]."""
    return browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale={"zh": "zh-CN", "en": "en-GB"}[language],
        color_scheme=theme,  # type: ignore[arg-type]
    )


def log_in(reader: Reader) -> None:
    """Log in through the form and wait for the page that was asked for."""
    page = reader.page
    page.fill("input[name=account]", ACCOUNT)
    page.fill("input[name=password]", PASSWORD)
    page.click("button.main")
    page.wait_for_url(lambda url: "/login" not in url)
