"""Kill the resolver while clients write: what was acknowledged is there and whole, nothing else is
half there, and the audit trail tells all of it.
"""

import base64
import json
import os
import random
import threading
import time
from pathlib import Path

import pytest
import urllib3

from millbrain.core.keys import handle_key
from millbrain.core.records import is_live, stored_values
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry
from tests.engines import Process
from tests.identify.resolver import ADMIN, OWNER, PREFIX, SECRET, prepare, resolver

ROUNDS = int(os.environ.get("MILLBRAIN_FAULT_ROUNDS", "3"))
CLIENTS = 8
BASIC = base64.b64encode(f"{OWNER.replace(':', '%3A')}:{SECRET}".encode()).decode()

pytestmark = pytest.mark.fault


class Writer(threading.Thread):
    """Creates a handle, then changes it, again and again; remembers what was acknowledged."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__()
        self.made: dict[str, int] = {}  # handle -> newest acknowledged version of its two values
        self.under_way: dict[str, int] = {}
        self._http = urllib3.PoolManager(retries=False)
        self._url = f"http://127.0.0.1:{port}/api/handles/"
        self._name = name
        self.stops = False

    def run(self) -> None:
        number = 0
        while not self.stops:
            handle = f"{PREFIX}/{self._name}-{number // 3}"
            version = number % 3
            self.under_way = {handle: version}
            values = [{"index": n, "type": "V", "data": str(version)} for n in (1, 2)] + [ADMIN]
            try:
                answer = self._http.request(
                    "PUT", self._url + handle, body=json.dumps({"values": values}),
                    headers={"Authorization": f"Basic {BASIC}"}, timeout=10,
                )  # fmt: skip
            except urllib3.exceptions.HTTPError:
                return
            assert answer.status in (200, 201), answer.data
            self.made[handle] = version
            number += 1


def written(node: Process, name: str, life_s: float) -> list[Writer]:
    """Let clients write for a while, kill the node, and return the clients."""
    writers = [Writer(node.ports["http"], f"{name}-{n}") for n in range(CLIENTS)]
    for writer in writers:
        writer.start()
    time.sleep(life_s)
    node.kill()
    for writer in writers:
        writer.stops = True
        writer.join(30)
    return writers


def check(folder: Path, writers: list[Writer]) -> int:
    """Return how many acknowledged handles are there, each whole, at its version or one later."""
    store = RocksIdentifiers(folder / "identifiers")
    registry = StoredRegistry(store)
    try:
        assert registry.check_audit() == ""
        for writer in writers:
            for handle, version in (writer.made | writer.under_way).items():
                stored = store.get(handle_key(handle))
                if handle not in writer.made and not is_live(stored):
                    continue  # under way and not acknowledged: it may be there or not, but not half
                assert stored is not None
                found = {int(v.data) for v in stored_values(stored) if v.type == "V"}
                assert len(found) == 1, f"{handle} is half there: {found}"
                (now,) = found
                least = writer.made.get(handle, 0)
                assert least <= now <= max(version, least)
        return sum(len(w.made) for w in writers)
    finally:
        registry.close()
        store.close()


def test_no_acknowledged_write_is_lost(tmp_path: Path) -> None:
    chance = random.Random(5)
    prepare(tmp_path)
    acknowledged, slowest_s = 0, 0.0
    for number in range(ROUNDS):
        with resolver(tmp_path) as node:
            slowest_s = max(slowest_s, node.ready_s)
            writers = written(node, f"r{number}", chance.uniform(0.2, 0.8))
        acknowledged += check(tmp_path, writers)
    assert acknowledged > ROUNDS * CLIENTS
    print(f"{ROUNDS} kills, {acknowledged} acknowledged handles, slowest start {slowest_s:.2f} s")
