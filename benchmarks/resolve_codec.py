"""Resolving without sockets: packet in, store looked up, packet out, on one core.

    python benchmarks/resolve_codec.py [--json] [--records N]

Three ways of the same request: the short way over a dictionary (what reading and answering cost),
the short way over the store on disk, and the object codec. Then what the store takes in and what an
identifier with two values costs on disk. Time is CPU time of the process. The reference is what the
resolver owes per core, 60,000 a second with its sockets.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, show

from millbrain.core.limits import IDENTIFIER_BATCH_MAX
from millbrain.core.records import Value, store_form, stored_values
from millbrain.identify.handle import fields
from millbrain.identify.handle.answers import hit, read_query
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.record.identifiers import RocksIdentifiers

GOAL_HZ: Final = 60_000  # resolutions a second on one core, with sockets
REGISTER_GOAL_HZ: Final = 100_000  # records a second, durable, from a file
BYTES_GOAL: Final = 60  # on disk, an identifier with two values
RECORDS: Final = 400_000
ASKED: Final = 50_000
EXPIRES_S: Final = 1_900_000_000
_SCHEME: Final = b"hdl:"
_FLAGS: Final = fields.CACHE_CERTIFY | fields.RECURSIVE | fields.PUBLIC_ONLY


def main(*, as_json: bool = False, records: int = RECORDS) -> None:
    """Run the benchmark and print its figures."""
    folder = Path(tempfile.mkdtemp(prefix="millbrain-identifiers-"))
    store = RocksIdentifiers(folder)
    try:
        rows = _made(records)
        load_s = _cpu_s(lambda: _load(store, rows))
        store.compact()
        chosen = random.Random(3).sample(range(records), min(ASKED, records))
        packets = [_asked(rows[n][0][len(_SCHEME) :].decode()) for n in chosen]
        known = dict(rows)
        figures = [
            Figure("resolve_codec_short", _hz(packets, known.get), "1/cpu_s", GOAL_HZ),
            Figure("resolve_codec_store", _hz(packets, store.get), "1/cpu_s", GOAL_HZ),
            Figure("resolve_codec_objects", _objects_hz(packets[:5_000], known), "1/cpu_s"),
            Figure("identifiers_load", records / load_s, "records/cpu_s", REGISTER_GOAL_HZ),
            Figure("identifiers_disk", store.disk_bytes() / records, "B/record", BYTES_GOAL),
        ]
    finally:
        store.close()
        shutil.rmtree(folder)
    show(figures, as_json=as_json)


def _made(count: int) -> list[tuple[bytes, bytes]]:
    """Return records of parts with random serials: a link and a model each."""
    chance = random.Random(1)
    rows = []
    for number in range(count):
        serial = chance.randrange(10**9)
        at_s = 1_760_000_000 + number // 100
        url = Value(1, "URL", b"https://id.example.cn/p/%09d" % serial, timestamp_s=at_s)
        model = Value(2000, "MODEL", b"NC250-%05d" % (number % 977), timestamp_s=at_s)
        key = _SCHEME + b"88.608.8889/P%09d-%d" % (serial, number)
        rows.append((key, store_form((url, model))))
    return rows


def _load(store: RocksIdentifiers, rows: list[tuple[bytes, bytes]]) -> None:
    for at in range(0, len(rows), IDENTIFIER_BATCH_MAX // 2):
        store.put_many(rows[at : at + IDENTIFIER_BATCH_MAX // 2])


def _asked(handle: str) -> bytes:
    body = {"handle": handle, "indexes": (), "types": ()}
    return encode(Message(fields.RESOLVE, body, flags=_FLAGS, expires_s=EXPIRES_S))


def _hz(packets: list[bytes], get: Callable[[bytes], bytes | None]) -> float:
    """Return answers a CPU second by the short way."""

    def work() -> None:
        for packet in packets:
            query = read_query(packet)
            found = get(_SCHEME + query.handle.upper()) if query else None
            if query is None or found is None:
                raise RuntimeError("a request was not read, or its record is missing")
            hit(query, found, 1, EXPIRES_S)

    work()  # the first round fetches blocks
    return len(packets) / _cpu_s(work)


def _objects_hz(packets: list[bytes], known: dict[bytes, bytes]) -> float:
    """Return answers a CPU second by the object codec."""

    def work() -> None:
        for packet in packets:
            asked = decode(packet)
            handle = asked.body["handle"]
            values = stored_values(known[_SCHEME + handle.upper().encode()])
            encode(replace(asked, code=fields.OK, body={"handle": handle, "values": values}))

    return len(packets) / _cpu_s(work)


def _cpu_s(work: Callable[[], None]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--records", type=int, default=RECORDS)
    given = parser.parse_args()
    main(as_json=given.json, records=given.records)
