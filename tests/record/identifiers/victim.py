"""A process that writes batches until it is killed, and says which are on disk.

    python -m tests.record.identifiers.victim FOLDER FIRST

It prints ``ready``, then the number of each batch after `put_many` has returned. Batch n holds the
records n*50 .. n*50+49 and one counter, so that a half-visible batch would show.
"""

import os
import sys
from pathlib import Path

from millbrain.record.identifiers import RocksIdentifiers
from tests.record.identifiers.made import made_record

ROWS = 50
COUNTER = b"counter"


def main() -> None:
    store = RocksIdentifiers(Path(sys.argv[1]))
    os.write(1, b"ready\n")
    number = int(sys.argv[2])
    while True:
        rows = [made_record(number * ROWS + n) for n in range(ROWS)]
        store.put_many([*rows, (COUNTER, b"%d" % number)])
        os.write(1, b"%d\n" % number)
        number += 1


if __name__ == "__main__":
    main()
