"""Blocks of serials: how fast they are registered and answered, and what they take on disk.

A hundred ranges of a million serials each, two shared values, one with the serial in it. One serial
in ten thousand is changed by itself, which leaves its history and a line of the audit trail.
"""

import sys
import threading
import time
from pathlib import Path
from typing import Final

from _engine import Figure

from millbrain.core.keys import handle_key
from millbrain.core.nodes.ranges import RANGE_INDEX, range_value
from millbrain.core.records import Reference, Value
from millbrain.core.registry import Asker, Change, Verb
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry

RANGES: Final = 100
SERIALS: Final = 1_000_000
CHANGED_EVERY: Final = 10_000
ASKED: Final = 200_000
BYTES_GOAL: Final = 1.0
_PREFIX: Final = "88.608.8889"
_WHO: Final = Asker(Reference("0.NA/88.608.8889", 300), "benchmark")
_BATCH: Final = 500


def ranges(folder: Path) -> list[Figure]:
    """Return rate of registration, rate of resolution a CPU second, and bytes an identifier."""
    store = RocksIdentifiers(folder)
    registry = StoredRegistry(store, [_WHO.identity] if _WHO.identity else [])
    _made(registry, [Change(Verb.HOME, f"0.NA/{_PREFIX}", _WHO)])
    began = time.perf_counter()
    _made(registry, [_range(number) for number in range(RANGES)])
    took = time.perf_counter() - began
    changed = range(0, RANGES * SERIALS, CHANGED_EVERY)
    note = Value(3000, "NOTE", b"reworked")
    for start in range(0, len(changed), _BATCH):
        some = changed[start : start + _BATCH]
        _made(registry, [Change(Verb.ADD, _item(n), _WHO, (note,)) for n in some])
    rate = _answered(registry)
    registry.close()
    store.compact()
    disk = sum(f.stat().st_size for f in folder.glob("*.[sl][so][tg]"))
    store.close()
    count = RANGES * SERIALS
    print(
        f"{count:,} identifiers in {RANGES} ranges, {len(changed):,} of them changed by "
        f"themselves: {disk:,} bytes on disk, {disk / count:.4f} bytes an identifier",
        file=sys.stderr,
    )
    return [
        Figure("register.range", count / took, "1/s", 100_000),
        Figure("register.range_read_per_cpu", rate, "1/cpu_s", 60_000),
        Figure("register.range_disk", disk / count, "B/record", BYTES_GOAL),
    ]


def _range(number: int) -> Change:
    first = number * SERIALS
    values = (
        Value(1, "URL", b"https://id.example.cn/p/{serial}"), Value(2000, "MODEL", b"NC250-00017"),
        range_value(RANGE_INDEX, "R{10}", first, first + SERIALS - 1),
    )  # fmt: skip
    return Change(Verb.CREATE, f"{_PREFIX}/BLOCK-{number}", _WHO, values)


def _item(number: int) -> str:
    return f"{_PREFIX}/R{number:010d}"


def _answered(registry: StoredRegistry) -> float:
    """Return how many different items are looked up a CPU second, a batch of 64 at a time."""
    total = RANGES * SERIALS
    names = [handle_key(_item(n * 2_654_435_761 % total)) for n in range(ASKED)]
    began = time.process_time()
    for start in range(0, len(names), 64):
        assert None not in registry.get_many(names[start : start + 64])
    return ASKED / (time.process_time() - began)


def _made(registry: StoredRegistry, changes: list[Change]) -> None:
    """Make changes and wait until they are on disk."""
    over, refused = threading.Event(), []

    def done(told: object) -> None:
        refused.append(told)
        over.set()

    registry.apply(changes, done)
    assert over.wait(60)
    assert not any(refused[0]), refused[0]
