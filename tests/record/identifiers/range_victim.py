"""A process that registers ranges and changes single items until it is killed.

    python -m tests.record.identifiers.range_victim FOLDER FIRST

It prints ``ready``, then the number of each round once all of it was acknowledged. Round n makes a
range of a hundred serials with a grant, extends it by a hundred, changes serial 7, deletes serial 8
and makes serial 9 a record of its own.
"""

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from millbrain.core.errors import MillbrainError
from millbrain.core.nodes.grants import Grant, write_grant
from millbrain.core.nodes.ranges import range_value
from millbrain.core.records import Reference, Value
from millbrain.core.registry import Asker, Change, Verb
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry

ROOT = Asker(Reference("0.NA/88.1", 300), "test")
BUYER = Reference("88.200.5/buyer", 300)
URL = Value(1, "URL", b"https://id.example.cn/{serial}")
COST = Value(2, "COST", b"7", permissions=0x0C)
NOTE = Value(3, "NOTE", b"reworked")


def block(number: int, count: int) -> Value:
    return range_value(50, f"R{number}-{{3}}", 0, count - 1)


def rounds(number: int) -> list[Change]:
    """Return the changes of a round, in order."""
    record, item = f"88.1.2/BLOCK-{number}", f"88.1.2/R{number}-{{:03}}"
    given = Value(500, "GRANT", write_grant(Grant(BUYER, (2,))), permissions=0x0C)
    return [
        Change(Verb.CREATE, record, ROOT, (URL, COST, block(number, 100), given)),
        Change(Verb.MODIFY, record, ROOT, (block(number, 200),)),
        Change(Verb.ADD, item.format(7), ROOT, (NOTE,)),
        Change(Verb.DELETE, item.format(8), ROOT),
        Change(Verb.CREATE, item.format(9), ROOT, (NOTE,), overwrite=True),
    ]


def make(registry: StoredRegistry, changes: Sequence[Change]) -> None:
    """Make changes and wait for them."""
    over: list[Sequence[MillbrainError | None]] = []
    event = threading.Event()

    def done(told: Sequence[MillbrainError | None]) -> None:
        over.append(told)
        event.set()

    registry.apply(changes, done)
    assert event.wait(30)
    assert not any(over[0]), over[0]


def main() -> None:
    registry = StoredRegistry(RocksIdentifiers(Path(sys.argv[1])), [ROOT.identity or BUYER])
    number = int(sys.argv[2])
    if number == 0:
        make(registry, [Change(Verb.HOME, "0.NA/88.1.2", ROOT)])
    os.write(1, b"ready\n")
    while True:
        for change in rounds(number):
            make(registry, [change])
        os.write(1, b"%d\n" % number)
        number += 1


if __name__ == "__main__":
    main()
