"""Kill the writer at random moments: what was acknowledged is there, nothing is half there."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from millbrain.core.errors import StoreError
from millbrain.record.identifiers import RocksIdentifiers, repair
from tests.faults import lengths
from tests.record.identifiers.made import made_record
from tests.record.identifiers.victim import COUNTER, ROWS

ROOT = Path(__file__).resolve().parents[3]
READY_S_MAX = 2.0

pytestmark = pytest.mark.fault


def killed(folder: Path, first: int, life_s: float) -> int:
    """Run a victim, kill it `life_s` after it was ready, return its last acknowledged batch."""
    command = [sys.executable, "-m", "tests.record.identifiers.victim", str(folder), str(first)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as victim:
        assert victim.stdout is not None
        assert victim.stderr is not None
        if victim.stdout.readline() != b"ready\n":
            raise AssertionError(victim.stderr.read().decode())
        time.sleep(life_s)
        victim.kill()
        told, _ = victim.communicate(timeout=30)
    numbers = [int(line) for line in told.split(b"\n")[:-1]]  # a cut last line does not count
    return numbers[-1] if numbers else first - 1


def count_whole(store: RocksIdentifiers, batches: int) -> int:
    """Return how many of the first `batches` are there with every record."""
    rows = [made_record(n) for n in range(batches * ROWS)]
    there = [store.get(key) == value for key, value in rows]
    return sum(all(there[n * ROWS : (n + 1) * ROWS]) for n in range(batches))


def test_no_acknowledged_batch_is_lost_and_none_is_half_visible(tmp_path: Path) -> None:
    chance = random.Random(11)
    first = 0
    for _ in range(lengths.IDENTIFIERS):
        acknowledged = killed(tmp_path / "s", first, chance.uniform(0.05, 0.6))
        before = time.monotonic()
        store = RocksIdentifiers(tmp_path / "s")
        assert time.monotonic() - before < READY_S_MAX
        last = int(store.get(COUNTER) or b"-1")
        assert last in (acknowledged, acknowledged + 1), "at most the batch in flight is more"
        assert count_whole(store, last + 1) == last + 1
        found = store.check()
        assert (found.record_count, found.problems) == ((last + 1) * ROWS + (last >= 0), ())
        store.close()
        first = last + 1
    assert first > 0


def test_a_torn_tail_of_the_log_costs_only_what_was_torn(tmp_path: Path) -> None:
    last = killed(tmp_path / "s", 0, 0.2)
    log = max((tmp_path / "s").glob("*.log"), key=lambda f: f.stat().st_size)
    os.truncate(log, log.stat().st_size - 7)
    store = RocksIdentifiers(tmp_path / "s")
    found = int(store.get(COUNTER) or b"-1")
    assert last - 2 <= found <= last + 1
    assert count_whole(store, found + 1) == found + 1
    store.close()


def test_damage_before_the_tail_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    killed(tmp_path / "s", 0, 0.2)
    log = max((tmp_path / "s").glob("*.log"), key=lambda f: f.stat().st_size)
    data = bytearray(log.read_bytes())
    data[len(data) // 3] ^= 0xFF
    log.write_bytes(data)
    with pytest.raises(StoreError, match="orruption"):
        RocksIdentifiers(tmp_path / "s")
    repair(tmp_path / "s")
    store = RocksIdentifiers(tmp_path / "s")
    assert store.check().problems == ()
    store.close()
