"""Someone who looks at the overview while the load runs: how long each look takes."""

import http.cookiejar
import json
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from _engine import Figure, process

from millbrain.record.ledger import Ledger

PAGE_P95_MS_GOAL: Final = 200
PAUSE_S: Final = 0.5
_PATHS: Final = {"page": "/", "api": "/api/v1/overview"}


class Watcher:
    """Asks for the page and for its data in turn, in a thread, and keeps the times."""

    def __init__(self, port: int, password: str) -> None:
        self._base = f"http://127.0.0.1:{port}"
        jar = http.cookiejar.CookieJar()
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar)).open
        self._password = password
        self._taken_ms: Mapping[str, list[float]] = {name: [] for name in _PATHS}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        """Log in and begin to look."""
        body = json.dumps({"account": "admin", "password": self._password}).encode()
        ask = urllib.request.Request(
            f"{self._base}/api/v1/login", body, {"Content-Type": "application/json"}
        )
        self._open(ask, timeout=60).close()
        for path in _PATHS.values():  # the first look loads templates
            self._open(self._base + path, timeout=60).read()
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(60)

    def figures(self) -> list[Figure]:
        """Return the 95th percentile of both [ms]."""
        return [
            Figure(f"overview.{name}_p95", float(np.quantile(taken, 0.95)), "ms", PAGE_P95_MS_GOAL)
            for name, taken in self._taken_ms.items()
            if taken
        ]

    def _look(self) -> None:
        while not self._stop.wait(PAUSE_S):
            for name, path in _PATHS.items():
                asked_s = time.monotonic()
                self._open(self._base + path, timeout=60).read()
                self._taken_ms[name].append((time.monotonic() - asked_s) * 1e3)


@contextmanager
def watching(data: Path) -> Iterator[Watcher]:
    """Run the web process on an engine's data folder and look at the overview."""
    ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    password = ledger.accounts.first_run()
    ledger.close()
    if password is None:
        raise RuntimeError("the data folder has accounts already; give the benchmark a fresh one")
    with process("web", data, ["--port", "0"]) as web:
        watcher = Watcher(web.ports["web"], password)
        watcher.start()
        try:
            yield watcher
        finally:
            watcher.stop()
