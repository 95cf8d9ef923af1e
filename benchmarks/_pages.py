"""Someone who opens pages while the load runs: how long each takes, as a browser asks for it."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from _engine import Figure, process

from millbrain.record.ledger import Ledger

PAGE_P95_MS_GOAL: Final = 200
PAUSE_S: Final = 0.5
CONNECTIONS: Final = 6  # of a browser to one host
# Returns what is asked for when a page is opened for the n-th time: first one address after the
# other has been answered, then the next; those of one round are asked at once.
Look = Callable[[int], Sequence[Sequence[str]]]
OVERVIEW: Final[Mapping[str, Look]] = {
    "overview.page": lambda _: [["/"]], "overview.api": lambda _: [["/api/v1/overview"]],
}  # fmt: skip


class Watcher:
    """Opens pages in turn, in a thread, and keeps the times."""

    def __init__(self, port: int, password: str, looks: Mapping[str, Look]) -> None:
        self._port, self._password, self._looks = port, password, looks
        self._pool = ThreadPoolExecutor(CONNECTIONS)
        self._mine = threading.local()
        self._cookie = ""
        self.taken_ms: Mapping[str, list[float]] = {name: [] for name in looks}
        self.slowest_ms: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        """Log in, look once, which loads templates, and begin."""
        body = json.dumps({"account": "admin", "password": self._password})
        self._cookie = self._ask("POST", "/api/v1/login", body).partition(";")[0]
        for look in self._looks.values():
            self._open(look(0))
        self.slowest_ms.clear()
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(60)
        self._pool.shutdown()

    def figures(self) -> list[Figure]:
        """Return the 95th percentile of each look [ms]."""
        return [
            Figure(f"{name}_p95", float(np.quantile(taken, 0.95)), "ms", PAGE_P95_MS_GOAL)
            for name, taken in self.taken_ms.items()
            if taken
        ]

    def _look(self) -> None:
        for number in itertools.count(1):
            if self._stop.wait(PAUSE_S):
                return
            for name, look in self._looks.items():
                asked_s = time.monotonic()
                self._open(look(number))
                self.taken_ms[name].append((time.monotonic() - asked_s) * 1e3)

    def _open(self, rounds: Sequence[Sequence[str]]) -> None:
        for paths in rounds:
            list(self._pool.map(lambda path: self._ask("GET", path), paths))

    def _ask(self, method: str, path: str, body: str | None = None) -> str:
        """Ask, read the answer, and return the cookie that it sets."""
        if not hasattr(self._mine, "link"):
            self._mine.link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {"Cookie": self._cookie, "Accept": "*/*"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        asked_s = time.monotonic()
        self._mine.link.request(method, path, body, headers)
        answer = self._mine.link.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} was answered with {answer.status}")
        kind = path.partition("?")[0]
        took_ms = (time.monotonic() - asked_s) * 1e3
        self.slowest_ms[kind] = max(took_ms, self.slowest_ms.get(kind, 0.0))
        return str(answer.getheader("Set-Cookie") or "")


@contextmanager
def watching(data: Path, looks: Mapping[str, Look] = OVERVIEW) -> Iterator[Watcher]:
    """Run the web process on an engine's data folder and open pages."""
    ledger = Ledger(f"sqlite:///{data.absolute() / 'ledger.sqlite'}")
    password = ledger.accounts.first_run()
    ledger.close()
    if password is None:
        raise RuntimeError("the data folder has accounts already; give the benchmark a fresh one")
    with process("web", data, ["--port", "0"]) as web:
        watcher = Watcher(web.ports["web"], password, looks)
        watcher.start()
        try:
            yield watcher
        finally:
            watcher.stop()
