"""The room on a free port, over a real intake."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from millbrain.connect.http.driver import HttpPush, start
from millbrain.connect.http.simulator import Pusher
from millbrain.core.columns import Delivery
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.plant.tags import Connection
from millbrain.core.rooms import Wiring
from millbrain.hands.tag_memory import TagMemory
from millbrain.record.intake import Intake
from millbrain.record.warehouse import Warehouse
from millbrain.record.warehouse.tables import create_tables
from millbrain.run.settings import HttpSettings

TOKENS = {"line-1": "token one", "line-2": "token two", "off": "token off", "north": "token north"}
OWNERS = {"N1": "North Works", "S1": "South Works", "X1": ""}


CONNECTIONS = (
    Connection("line-1", "http", endpoint="/push/line-1"),
    Connection("line-2", "http", endpoint="/push/line-2", options={"rate_hz": 10}),
    Connection("off", "http", endpoint="/push/off", enabled=False),
    Connection("bare", "http", endpoint="/push/bare"),
    Connection("north", "http", endpoint="/push/north", operator="North Works"),
)


class Tokens:
    """Tokens that a test may change."""

    def __init__(self) -> None:
        self.tokens = dict(TOKENS)

    def get(self, connection: str, name: str) -> str:
        assert name == "token"
        return self.tokens.get(connection, "")

    def put(self, connection: str, name: str, value: str) -> None:
        self.tokens[connection] = value

    def names(self, connection: str) -> frozenset[str]:
        return frozenset({"token"} if connection in self.tokens else ())


class Gate:
    """The intake behind a gate: closed, it takes nothing, as when the disk is full."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.open = threading.Event()
        self.open.set()

    def put(self, delivery: Delivery) -> None:
        self.open.wait(30)
        self._intake.put(delivery)


@dataclass
class Room:
    """The running room."""

    driver: HttpPush
    book: TagMemory
    secrets: Tokens
    gate: Gate
    store: Warehouse
    loop: asyncio.AbstractEventLoop
    audited: list[tuple[str, ...]]
    pushers: list[Pusher] = field(default_factory=list)

    def pusher(self, connection: str = "line-1", token: str = "") -> Pusher:
        token = token or TOKENS.get(connection, "none")
        self.pushers.append(Pusher(self.driver.port, connection, token))
        return self.pushers[-1]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(r.values()) for r in self.store.query(sql).to_pylist()]

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


class NoPeers:
    """This room asks no peers."""

    def check(self, user: str, password: str) -> bool:
        raise NotImplementedError

    def keys(self, user: str) -> dict[str, bytes]:
        raise NotImplementedError

    def foreign(self) -> frozenset[str]:
        raise NotImplementedError

    def signers(self) -> frozenset[str]:
        raise NotImplementedError


@pytest.fixture
def room(warehouse: Warehouse) -> Iterator[Room]:
    create_tables(warehouse, SHARED_TABLES)
    intake = Intake(warehouse)
    intake.start()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    book, tokens, gate = TagMemory(CONNECTIONS), Tokens(), Gate(intake)

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    def owners(things: Sequence[str]) -> dict[str, str]:
        return {t: OWNERS[t] for t in things if t in OWNERS}

    audited: list[tuple[str, ...]] = []
    wiring = Wiring(gate, NoPeers(), book, tokens, owners=owners,
                    audit=lambda *entry: audited.append(entry))  # fmt: skip
    driver = run(start(HttpSettings(port=0), wiring))
    made = Room(driver, book, tokens, gate, warehouse, loop, audited)
    yield made
    for pusher in made.pushers:
        pusher.close()
    gate.open.set()
    run(driver.stop())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    intake.stop()
