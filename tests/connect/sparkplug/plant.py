"""A connection with its tag book and sink in memory, for tests of the room."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from millbrain.connect.sparkplug.driver import Sparkplug, start
from millbrain.core.columns import DeadLetter, Delivery
from millbrain.core.plant.secrets import NoSecrets, Secrets
from millbrain.core.plant.tags import ConnectionState
from millbrain.core.rooms import Wiring
from millbrain.hands.tag_memory import TagMemory
from tests.rooms.test_every_driver import Everyone


class Store:
    """A sink that keeps rows by identity and commits at once, unless it is held."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.received = self.stored = self.duplicate = 0
        self.rejected: list[DeadLetter] = []
        self._lock = threading.Lock()
        self.commits = threading.Event()
        self.commits.set()

    def put(self, delivery: Delivery) -> None:
        self.received += sum(delivery.received.values())
        self.rejected += delivery.rejected
        for columns in delivery.tables.values():
            v, missing = columns.values, columns.missing["value"]
            for i in range(columns.rows):
                row: dict[str, Any] = {n: np.asarray(v[n])[i] for n in v}
                key = (row["thing"].decode(), row["signal"].decode(), int(row["device_at"]))
                fresh = key not in self.rows
                self.stored += fresh
                self.duplicate += not fresh
                kept = {
                    "value": None if missing[i] else float(row["value"]),
                    "text": bytes(row["text"]).decode(), "quality": int(row["quality"]),
                }  # fmt: skip
                with self._lock:
                    self.rows.setdefault(key, kept)
        if self.commits.wait(20) and delivery.on_commit:
            delivery.on_commit()

    def balanced(self) -> bool:
        refused = sum(d.frames for d in self.rejected)
        return self.received == self.stored + self.duplicate + refused

    def instants(self) -> set[int]:
        with self._lock:
            return {key[2] for key, row in self.rows.items() if row["value"] is not None}

    def of(self, thing: str, signal: str) -> list[dict[str, Any]]:
        with self._lock:
            found = [(k[2], r) for k, r in self.rows.items() if k[:2] == (thing, signal)]
        return [r for _, r in sorted(found, key=lambda f: f[0])]


class House:
    """The room's driver in an event loop of its own thread."""

    def __init__(
        self, folder: Path, book: TagMemory, store: Store, secrets: Secrets | None = None
    ) -> None:
        self.book, self.store = book, store
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        wiring = Wiring(store, Everyone(), book, secrets or NoSecrets(), folder)
        self.driver: Sparkplug = self.run(start(type("On", (), {"enabled": True})(), wiring))

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def state(self) -> ConnectionState:
        assert wait_until(self.driver.states), "no connection was followed"
        return self.driver.states()[0]

    def stop(self) -> None:
        self.run(self.driver.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@contextmanager
def house(folder: Path, book: TagMemory, store: Store) -> Iterator[House]:
    running = House(folder, book, store)
    try:
        yield running
    finally:
        running.stop()


def wait_until(what: Callable[[], Any], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False
