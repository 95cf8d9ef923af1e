"""The process that prints: takes orders from its standard input, answers on its standard output.

An order is its length (8 bytes) and JSON; an answer is a head (`HEAD`: 0 done, 1 unreadable labels,
2 an order that cannot be made; pages; labels; length) and the print or the reason. It ends with its
input, so that it never outlives the resolver, and when nothing was asked for a while.
"""

import os
import select
import struct
import sys
from typing import BinaryIO, Final

from millbrain.core.limits import LABEL_PRINTER_IDLE_S_MAX
from millbrain.identify.labels.sheets import UnreadableError, printed
from millbrain.identify.labels.told import read_order

HEAD: Final = struct.Struct(">BIIQ")
LENGTH: Final = struct.Struct(">Q")
DONE, UNREADABLE, IMPOSSIBLE = 0, 1, 2
_NICE: Final = 10  # who resolves goes first


def main() -> None:
    """Print until the input ends."""
    os.nice(_NICE)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while select.select([source], [], [], LABEL_PRINTER_IDLE_S_MAX)[0]:
        head = source.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return
        _answer(source.read(*LENGTH.unpack(head)), target)


def _answer(raw: bytes, target: BinaryIO) -> None:
    try:
        made = printed(read_order(raw))
        head, body = (DONE, made.pages, made.labels), made.body
    except UnreadableError as error:
        head, body = (UNREADABLE, 0, 0), str(error).encode()
    except ValueError as error:
        head, body = (IMPOSSIBLE, 0, 0), str(error).encode()
    target.write(HEAD.pack(*head, len(body)) + body)
    target.flush()


if __name__ == "__main__":
    main()
