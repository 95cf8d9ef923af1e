"""A full disk refuses a batch whole, keeps what was acknowledged, takes more when it has room."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from millbrain.core.errors import StoreFullError
from millbrain.record.identifiers import RocksIdentifiers

pytestmark = pytest.mark.fault
DISK_MB = 32
ROWS = 200


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a real file system of 32 MB; only root may mount one."""
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("a small disk needs the right to mount a tmpfs (root)")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"a small disk could not be mounted: {made.stderr.decode().strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=False)


def batch(number: int) -> list[tuple[bytes, bytes]]:
    return [(b"%06d-%03d" % (number, n), os.urandom(500)) for n in range(ROWS)]


def fill(store: RocksIdentifiers) -> dict[bytes, bytes]:
    """Write batches until the disk is full; return what was acknowledged."""
    told: dict[bytes, bytes] = {}
    for number in range(10_000):
        rows = batch(number)
        try:
            store.put_many(rows)
        except StoreFullError:
            return told
        told |= dict(rows)
    raise AssertionError("the disk was never full")


def test_a_full_disk_loses_nothing_and_comes_back(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(20 << 20))
    store = RocksIdentifiers(small_disk / "s")
    told = fill(store)
    assert len(told) > ROWS
    assert all(store.get(key) == value for key, value in told.items())
    with pytest.raises(StoreFullError, match="before it takes writes again"):
        store.put_many([(b"still", b"full")])
    assert all(store.get(key) == value for key, value in told.items())
    ballast.unlink()
    store.put_many([(b"after", b"room")])
    store.close()
    again = RocksIdentifiers(small_disk / "s")
    kept = dict(again.scan(b"0", count_max=10_000))
    assert again.get(b"after") == b"room"
    assert all(again.get(key) == value for key, value in told.items())
    assert len(kept) % ROWS == 0, "a batch is half there"
    again.close()
