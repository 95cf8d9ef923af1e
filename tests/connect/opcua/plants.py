"""A register and an intake for tests of the room, and the room itself running on both."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from millbrain.connect.opcua import driver
from millbrain.connect.opcua.simulator import NAMESPACE
from millbrain.core.columns import Columns, DeadLetter, Delivery
from millbrain.core.plant.tags import Connection, ConnectionState, Phase, Tag, TagKind
from millbrain.core.rooms import Wiring
from millbrain.hands.tag_memory import TagMemory
from millbrain.run.settings import OpcuaSettings
from millbrain.run.tags.secrets import SecretFiles


class Nobody:
    """Peers that nobody asks."""

    def check(self, user: str, password: str) -> bool:
        return False

    def keys(self, user: str) -> Mapping[str, bytes]:
        return {}

    def signers(self) -> frozenset[str]:
        return frozenset()

    def foreign(self) -> frozenset[str]:
        return frozenset()


@dataclass(frozen=True)
class Row:
    thing: str
    signal: str
    device_ms: int
    received_ms: int
    value: float | None
    text: str
    quality: int


class Store:
    """An intake that keeps all it is given. gate: closed = full; commits: whether it says so."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.commits = True
        self.received: Counter[str] = Counter()
        self.rows: list[Row] = []
        self.letters: list[DeadLetter] = []

    def put(self, delivery: Delivery) -> None:
        self.gate.wait(60)
        self.received.update(delivery.received)
        self.letters += delivery.rejected
        for name, columns in delivery.tables.items():
            assert name == "reading"
            self.rows += rows_of(columns)
        assert sum(self.received.values()) == len(self.rows) + len(self.letters)
        if self.commits and delivery.on_commit:
            delivery.on_commit()

    def of(self, signal: str) -> list[Row]:
        return [r for r in list(self.rows) if r.signal == signal]


def rows_of(columns: Columns) -> list[Row]:
    missing = columns.missing.get("value", np.zeros(columns.rows, np.bool_))
    names = ("thing", "signal", "device_at", "received_at", "value", "text", "quality")
    lists = [columns.array(n).tolist() for n in names]
    return [
        Row(t.decode(), s.decode(), d, r, None if gone else v, text.decode(), q)
        for t, s, d, r, v, text, q, gone in zip(*lists, missing.tolist(), strict=True)
    ]


class Plant:
    """The room, running in an event loop of its own thread as in an engine."""

    def __init__(self, folder: Path, store: Any = None) -> None:
        self.register = TagMemory()
        self.store = store or Store()
        self.secrets = SecretFiles(folder)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        wiring = Wiring(self.store, Nobody(), self.register, self.secrets, folder / "opcua")
        self.room = self.run(driver.start(OpcuaSettings(), wiring))

    def run(self, work: Any, wait_s: float = 60) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(wait_s)

    def command(self, thing: str, **order: Any) -> Any:
        return self.run(self.room.command(thing, order))

    def browse(self, node: str = "", connection: str = "press") -> Any:
        return self.run(self.room.browse(connection, node))

    def state(self, connection: str = "press") -> ConnectionState:
        found = [s for s in self.room.states() if s.connection == connection]
        return found[0] if found else ConnectionState(connection, Phase.OFF, 0)

    def is_up(self, connection: str = "press") -> bool:
        found = [s for s in self.room.states() if s.connection == connection]
        return bool(found) and found[0].phase is Phase.CONNECTED

    def stop(self) -> None:
        self.store.gate.set()
        self.run(self.room.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def tag(name: str, kind: TagKind = TagKind.NUMBER, *, index: int = -1, **more: Any) -> Tag:
    """A tag of the simulated press, named after its node."""
    element = f"index={index};" if index >= 0 else ""
    given = {"connection": "press", "address": f"{element}nsu={NAMESPACE};s=Press.{name}",
             "thing": "P1", "signal": name, "kind": kind, "period_ms": 50}  # fmt: skip
    return Tag(**(given | more))


def press(endpoint: str, **options: Any) -> Connection:
    return Connection("press", "opcua", endpoint=endpoint,
                      options={"publishing_ms": 50} | options)  # fmt: skip


def wait_until(what: Callable[[], Any], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.01)
    return False
