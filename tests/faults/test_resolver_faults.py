"""Kill the resolver while clients create, change and delete; fill its disk.

After each kill: every acknowledged change is there, each record is whole, what was under way is
there or not but never half, the audit trail is sound, and the node answers again soon.
"""

import base64
import contextlib
import json
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from millbrain.core.keys import handle_key
from millbrain.core.records import is_live, stored_values
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry
from tests.engines import Process
from tests.faults import lengths
from tests.identify.resolver import ADMIN, OWNER, PREFIX, SECRET, prepare, resolver

READY_S_MAX = 2.0  # of its own processor's time: how long that takes depends on who else works
CLIENTS = 8
BASIC = base64.b64encode(f"{OWNER.replace(':', '%3A')}:{SECRET}".encode()).decode()
State = int | None  # version of the two values, None = deleted or never there

pytestmark = pytest.mark.fault


class Writer(threading.Thread):
    """Creates, changes and deletes records by chance; remembers what was acknowledged."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__()
        self.known: dict[str, State] = {}  # what was acknowledged last
        self.under_way: tuple[str, State] | None = None
        self.acknowledged = 0
        self._http = urllib3.PoolManager(retries=False)
        self._url = f"http://127.0.0.1:{port}/api/handles/"
        self._name = name
        self._chance = random.Random(name)
        self.stops = False

    def run(self) -> None:
        version = 0
        while not self.stops:
            handle = f"{PREFIX}/{self._name}-{self._chance.randrange(40)}"
            before, version = self.known.get(handle), version + 1
            is_end = before is not None and self._chance.random() < 0.25
            self.under_way = (handle, None if is_end else version)
            try:
                status = self._sent(handle, version, is_new=before is None, is_end=is_end)
            except urllib3.exceptions.HTTPError:
                return
            assert status in (200, 201), (handle, before, is_end, status)
            self.known[handle] = self.under_way[1]
            self.under_way = None
            self.acknowledged += 1

    def _sent(self, handle: str, version: int, *, is_new: bool, is_end: bool) -> int:
        """Delete, create with its administrator, or change both values at once."""
        values = [{"index": n, "type": "V", "data": str(version)} for n in (1, 2)]
        headers = {"Authorization": f"Basic {BASIC}"}
        url = self._url + handle
        if is_end:
            return self._http.request("DELETE", url, headers=headers, timeout=10).status
        body: dict[str, Any] = {"values": values + ([ADMIN] if is_new else [])}
        more = "" if is_new else "?index=various"
        answer = self._http.request(
            "PUT", url + more, body=json.dumps(body), headers=headers, timeout=10
        )
        return answer.status


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


def state_of(stored: bytes | None, handle: str) -> State:
    """Return the version that both values of a record have."""
    if stored is None or not is_live(stored):
        return None
    found = [int(v.data) for v in stored_values(stored) if v.type == "V"]
    assert len(found) == 2, f"{handle} is half there: {found}"
    assert found[0] == found[1], f"{handle} is half changed: {found}"
    return found[0]


def check(folder: Path, writers: list[Writer]) -> int:
    """Return how many changes were acknowledged; each is there, and the trail is sound."""
    store = RocksIdentifiers(folder / "identifiers")
    registry = StoredRegistry(store)
    try:
        assert registry.check_audit() == ""
        for writer in writers:
            open_, might = writer.under_way or ("", None)
            for handle in writer.known.keys() | {open_} - {""}:
                now = state_of(store.get(handle_key(handle)), handle)
                allowed = {writer.known.get(handle)} | ({might} if handle == open_ else set())
                assert now in allowed, f"{handle}: {now}, acknowledged or under way: {allowed}"
        return sum(w.acknowledged for w in writers)
    finally:
        registry.close()
        store.close()


def cpu_s(node: Process) -> float:
    """Return the processor's time that a process took so far [s]."""
    assert node.process is not None
    fields = Path(f"/proc/{node.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_no_acknowledged_write_is_lost(tmp_path: Path) -> None:
    chance = random.Random(5)
    prepare(tmp_path)
    acknowledged, slowest_s, dearest_s = 0, 0.0, 0.0
    for number in range(lengths.RESOLVER):
        with resolver(tmp_path) as node:
            dearest_s = max(dearest_s, cpu_s(node))
            slowest_s = max(slowest_s, node.ready_s)
            writers = written(node, f"r{number}", chance.uniform(0.05, 0.8))
        acknowledged += check(tmp_path, writers)
    print(
        f"\n{lengths.RESOLVER} kills, {acknowledged} acknowledged changes,"
        f" slowest start {slowest_s:.2f} s, at most {dearest_s:.2f} s of processor"
    )
    assert acknowledged > lengths.RESOLVER * CLIENTS
    assert dearest_s < READY_S_MAX


# A full disk ------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 96 MB, which only root may mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs the right to mount a tmpfs (root)")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=False)


def put(node: Process, name: str) -> tuple[int, dict[str, Any]]:
    """Create a record; return the status and the answer."""
    values = [{"index": 1, "type": "V", "data": "x" * 50_000}, ADMIN]
    answer = urllib3.PoolManager(retries=False).request(
        "PUT", f"http://127.0.0.1:{node.ports['http']}/api/handles/{PREFIX}/{name}",
        body=json.dumps({"values": values}), headers={"Authorization": f"Basic {BASIC}"},
        timeout=20,
    )  # fmt: skip
    told: dict[str, Any] = answer.json()
    return answer.status, told


def read(node: Process, name: str) -> int:
    """Resolve a record; return the code of the answer."""
    url = f"http://127.0.0.1:{node.ports['http']}/api/handles/{PREFIX}/{name}"
    answer = urllib3.PoolManager(retries=False).request("GET", url, timeout=20)
    return int(answer.json()["responseCode"])


def test_a_full_disk_refuses_writes_and_goes_on_reading(small_disk: Path) -> None:
    prepare(small_disk)
    stuffing = small_disk / "stuffing"
    with resolver(small_disk) as node:
        assert put(node, "before")[0] == 201
        with stuffing.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(os.urandom(1 << 20))
                file.flush()
        refused = []
        for number in range(400):
            status, told = put(node, f"full-{number}")
            if status not in (200, 201):
                refused.append((number, told))
                break
        assert refused, "a disk without space took every write"
        number, told = refused[0]
        assert told["message"]
        assert [read(node, n) for n in ("before", "P7")] == [1, 1]
        assert read(node, f"full-{number}") == 100  # refused is refused
        assert all(read(node, f"full-{n}") == 1 for n in range(0, number, 20))
        stuffing.unlink()
        end = time.monotonic() + 60
        while put(node, "after")[0] not in (200, 201):
            assert time.monotonic() < end, "space did not bring writing back"
            time.sleep(0.2)
        assert [read(node, n) for n in ("before", "after")] == [1, 1]
        assert node.stop() == 0
    with resolver(small_disk) as node:
        assert [read(node, n) for n in ("before", "after")] == [1, 1]
