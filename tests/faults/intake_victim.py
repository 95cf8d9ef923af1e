"""An engine in small, to be killed: an intake on a folder, fed by rule, that says what is stored.

    python -m tests.faults.intake_victim FOLDER FIRST [TABLE before|after COUNT]

It prints ``ready`` once it accepts, then the number of each delivery from its `on_commit`. With a
table given it kills itself at the COUNT-th insert into that table, before or after the insert.
Delivery n is known to everybody by rule (`made_delivery`), so the test can tell what must be there.
"""

import os
import pathlib
import signal
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from millbrain.core.columns import Columns, DeadLetter, Delivery
from millbrain.core.facts import SHARED_TABLES
from millbrain.record.intake import Intake
from millbrain.record.warehouse import Warehouse, open_embedded
from millbrain.record.warehouse.tables import create_tables

VEHICLES = 40
ROWS = 60
PERIOD_S = 10
START_S = int(os.environ.get("VICTIM_START_S", "1790000000"))


def rows_of(number: int) -> list[tuple[str, int]]:
    """(vin, device time) of delivery `number`: 50 new ones and 10 copies of an earlier delivery."""
    fresh = [number * 50 + k for k in range(50)]
    copies = [max(0, number - 3) * 50 + k for k in range(10)]
    return [(f"V{i % VEHICLES:03d}", START_S + PERIOD_S * (i // VEHICLES)) for i in fresh + copies]


def made_delivery(number: int, on_commit: Callable[[], None] | None = None) -> Delivery:
    """Delivery `number`: reports, a login and a dead letter, on one of three links."""
    link = f"city-{number % 3}"
    rows = rows_of(number)
    at = np.array([t for _, t in rows], np.uint32)
    common = {
        "received_at": np.full(len(rows), (START_S + number) * 1000, np.int64),
        "link": np.full(len(rows), link.encode()),
        "frame_count": np.ones(len(rows), np.uint8),
    }
    vins = np.array([v.encode() for v, _ in rows])
    blocks = np.full(len(rows), 3, np.uint32)
    reports = Columns(len(rows), common | {"vin": vins, "device_at": at, "blocks": blocks})
    one = {n: v[:1] for n, v in common.items()}
    event = {"vin": vins[:1], "device_at": at[:1], "command": np.array([1], np.uint8),
             "event": np.array([b"vehicle_login"])}  # fmt: skip
    letters = [DeadLetter(link, "checksum", "test", b"##", (START_S + number) * 1000)]
    received = Counter({link: len(rows) + 2})
    tables = {"vehicle_report": reports, "link_event": Columns(1, one | event)}
    return Delivery(received, tables, letters, on_commit)


class Suicidal:
    """A warehouse that kills its process at a chosen insert."""

    def __init__(self, store: Warehouse, table: str, when: str, count: int) -> None:
        self._store, self._table, self._when, self._left = store, table, when, count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert(self, table: Any, batch: Any, into: str | None = None) -> None:
        self._left -= table.name == self._table
        ends = self._left <= 0 and table.name == self._table
        if ends and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        self._store.insert(table, batch, into)
        if ends:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    folder, first = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    store: Any = open_embedded(folder)
    create_tables(store, SHARED_TABLES)
    if len(sys.argv) > 3:
        store = Suicidal(store, sys.argv[3], sys.argv[4], int(sys.argv[5]))
    intake = Intake(store)
    intake.start()
    os.write(1, b"ready\n")
    number = first
    while True:
        line = b"%d\n" % number
        intake.put(made_delivery(number, lambda line=line: os.write(1, line) and None))
        number += 1


if __name__ == "__main__":
    main()
