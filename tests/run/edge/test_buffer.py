"""The buffer keeps what it accepted, within its bounds, in order, over a restart."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from millbrain.core import limits
from millbrain.core.columns import DeadLetter
from millbrain.core.errors import StoreError
from millbrain.run.edge.buffer import DROP, HOLD, Bounds, Buffer
from millbrain.run.edge.packing import Rows

WIDE = Bounds(1 << 30, 1e6)
FAR = 1 << 62  # every block was written before


def rows(count: int, begin: int = 0, series: int = 1) -> Rows:
    return Rows(
        np.full(count, series, np.int32), 1_700_000_000_000 + np.arange(begin, begin + count),
        np.random.default_rng(begin).normal(size=count), np.full(count, 192, np.uint8),
    )  # fmt: skip


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Buffer]:
    return lambda bounds=WIDE: Buffer(tmp_path / "b.sqlite", bounds)


def test_blocks_come_back_after_a_restart_in_order(opened: Callable[..., Buffer]) -> None:
    buffer = opened()
    assert buffer.series([("M1", "a"), ("M1", "b"), ("M1", "a")]) == [1, 2, 1]
    buffer.write([(0, rows(3)), (0, rows(2, 3, 2))])
    buffer.close()
    buffer = opened()
    assert buffer.names == {1: ("M1", "a"), 2: ("M1", "b")}
    found, _ = buffer.read(buffer.take_oldest(FAR, 100))
    assert found is not None
    assert found.device_at.tolist() == [1_700_000_000_000 + i for i in range(5)]
    assert buffer.status()["accepted"] == 5
    buffer.close()


def test_a_block_is_taken_once_and_leaves_when_it_is_delivered(
    opened: Callable[..., Buffer],
) -> None:
    buffer = opened()
    for n in range(4):
        buffer.write([(0, rows(10, 10 * n))])
    newest = buffer.take_newest(0, 15)
    assert [b.id for b in newest] == [4]
    oldest = buffer.take_oldest(FAR, 20)
    assert [b.id for b in oldest] == [1, 2]
    assert [b.id for b in buffer.take_oldest(FAR, 100)] == [3]
    buffer.give_back(oldest)
    buffer.remove(newest, delivered=10)
    buffer.close()
    buffer = opened()
    assert [b.id for b in buffer.take_oldest(FAR, 100)] == [1, 2, 3]
    assert buffer.status()["delivered"] == 10
    buffer.close()


def test_small_blocks_are_joined_and_nothing_is_lost(
    opened: Callable[..., Buffer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EDGE_BLOCK_ROWS", 100)
    buffer = opened()
    for n in range(25):
        buffer.write([(0, rows(10, 10 * n))])
    while buffer.join_small(FAR):
        pass
    assert [b.rows for b in buffer.take_oldest(FAR, 1_000)] == [100, 100, 50]
    buffer.close()
    buffer = opened()
    found, _ = buffer.read(buffer.take_oldest(FAR, 1_000))
    assert found is not None
    assert sorted(found.device_at.tolist()) == [1_700_000_000_000 + i for i in range(250)]
    buffer.close()


def test_when_full_it_holds_until_the_centre_takes_some(opened: Callable[..., Buffer]) -> None:
    buffer = opened(Bounds(5_000, 1e6, HOLD))
    while not buffer.is_full():
        buffer.write([(0, rows(100))])
    assert not buffer.wait_for_room(0.05)
    freed = threading.Timer(0.1, lambda: buffer.remove(buffer.take_oldest(FAR, 300)))
    freed.start()
    assert buffer.wait_for_room(5)
    assert buffer.status()["dropped"] == 0
    freed.join()
    buffer.close()


def test_when_the_operator_chose_so_the_least_important_go_first(
    opened: Callable[..., Buffer],
) -> None:
    buffer = opened(Bounds(10_000, 1e6, DROP))
    buffer.write([(9, rows(200))])
    for n in range(20):
        buffer.write([(0, rows(100, 100 * n))])
        assert buffer.wait_for_room(0)
    status = buffer.status()
    assert status["bytes"] <= 10_000
    assert status["dropped"] > 0
    assert status["accepted"] == 2_200 == status["dropped"] + status["rows_waiting"]
    left = buffer.take_oldest(FAR, 100_000)
    assert left[0].importance == 9
    assert left[-1].id == 21
    buffer.close()


def test_age_is_a_bound_too(opened: Callable[..., Buffer]) -> None:
    buffer = opened(Bounds(1 << 30, 0.05))
    buffer.write([(0, rows(1))])
    time.sleep(0.1)
    assert buffer.is_full()
    buffer.close()


def test_refusals_are_kept_and_bounded(
    opened: Callable[..., Buffer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EDGE_LETTERS_MAX", 5)
    buffer = opened()
    for n in range(9):
        buffer.write([], [DeadLetter("line", "clock", f"d{n}", b"x" * 9_000, n, 2)])
    assert [r[2] for r in buffer.letters(10)] == ["d8", "d7", "d6", "d5", "d4"]
    assert buffer.status()["refused"] == 18
    buffer.close()


def test_another_file_is_not_taken_for_a_buffer(tmp_path: Path) -> None:
    (tmp_path / "b.sqlite").write_bytes(b"not a database at all, but long enough" * 40)
    with pytest.raises(StoreError):
        Buffer(tmp_path / "b.sqlite", WIDE)


def test_a_commit_is_synced(opened: Callable[..., Buffer], tmp_path: Path) -> None:
    buffer = opened()
    mode = buffer._writer.execute("PRAGMA synchronous").fetchone()[0]
    journal = buffer._writer.execute("PRAGMA journal_mode").fetchone()[0]
    assert (mode, journal) == (2, "wal")
    buffer.write([(0, rows(3))])
    other = sqlite3.connect(tmp_path / "b.sqlite")
    assert other.execute("SELECT sum(rows) FROM block").fetchone() == (3,)
    other.close()
    buffer.close()


def test_a_block_that_rotted_is_named_and_does_not_stop_the_others(
    opened: Callable[..., Buffer],
) -> None:
    buffer = opened()
    for n in range(3):
        buffer.write([(0, rows(10, 10 * n))])
    buffer._writer.execute("UPDATE block SET data = ? WHERE id = 2", (b"MBE1 rotten",))
    found, good = buffer.read(buffer.take_oldest(FAR, 100))
    assert found is not None
    assert len(found) == 20
    assert [b.id for b in good] == [1, 3]
    assert "block 2 of 10 readings" in buffer.status()["trouble"]
    buffer.remove(good)
    assert buffer.take_oldest(FAR, 100) == []
    buffer.close()
    buffer = opened()
    assert [b.id for b in buffer.take_oldest(FAR, 100)] == [2]
    buffer.close()
