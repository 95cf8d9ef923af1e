"""Kill a node while it makes ranges: what was acknowledged is there, nothing is half there."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from millbrain.core.keys import handle_key
from millbrain.core.records import is_live, stored_values
from millbrain.core.registry import Asker
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry
from millbrain.record.identifiers.upkeep import examine
from tests.faults import lengths
from tests.record.identifiers.range_victim import BUYER
from tests.record.identifiers.range_victim import ROOT as NODE

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.fault


def killed(folder: Path, first: int, life_s: float) -> int:
    """Run a victim, kill it `life_s` after it was ready, return its last acknowledged round."""
    command = [sys.executable, "-m", "tests.record.identifiers.range_victim", str(folder),
               str(first)]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"ready\n"
        time.sleep(life_s)
        victim.kill()
        told, _ = victim.communicate(timeout=30)
    numbers = [int(line) for line in told.split(b"\n")[:-1]]
    return numbers[-1] if numbers else first - 1


def seen(registry: StoredRegistry, number: int, serial: int) -> set[int]:
    """Return the indexes of the values that the buyer sees of an item."""
    handle = f"88.1.2/R{number}-{serial:03}"
    (stored,) = registry.get_many([handle_key(handle)])
    if stored is None or not is_live(stored):
        return set()
    assert all(b"{serial}" not in v.data for v in stored_values(stored))
    return {v.index for v in registry.readable(stored, handle, Asker(BUYER))}


def test_no_acknowledged_range_is_lost_and_none_is_half_visible(tmp_path: Path) -> None:
    chance, first, acknowledged = random.Random(7), 0, set[int]()
    for _ in range(lengths.IDENTIFIERS):
        last = killed(tmp_path / "s", first, chance.uniform(0.1, 0.8))
        store = RocksIdentifiers(tmp_path / "s")
        assert examine(store).problems == ()
        registry = StoredRegistry(store, [NODE.identity or BUYER])
        acknowledged.update(range(first, last + 1))
        for number in acknowledged:
            found = [seen(registry, number, serial) for serial in (6, 7, 8, 9, 150, 200)]
            assert found == [{1, 2}, {1, 2, 3}, set(), {3}, {1, 2}, set()]
        registry.close()
        store.close()
        first = last + 2  # the round that was cut may be there in part, one change by one
    assert acknowledged
