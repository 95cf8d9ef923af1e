"""The buffer: what was accepted and not yet taken by the centre, in SQLite, each commit synced.

Fresh blocks are small, a commit each. Those that wait for longer are joined into blocks of
`limits.EDGE_BLOCK_ROWS` sorted rows: a four-day outage is then some thousand rows of SQLite instead
of a million. A block leaves when the centre has answered that its readings are on disk.
"""

import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from millbrain.core import limits
from millbrain.core.columns import DeadLetter
from millbrain.core.errors import FrameError, StoreError, StoreFullError
from millbrain.run.edge.packing import Rows, joined, pack, unpack

HOLD: Final = "hold"
DROP: Final = "drop"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS block (
    id INTEGER PRIMARY KEY AUTOINCREMENT, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
    written_ms INTEGER NOT NULL, importance INTEGER NOT NULL, whole INTEGER NOT NULL,
    data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, thing TEXT NOT NULL, signal TEXT NOT NULL, UNIQUE (thing, signal));
CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT, link TEXT, reason TEXT, detail TEXT, raw BLOB,
    received_ms INTEGER, frames INTEGER);
"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the buffer holds at most, and what happens then.

    when_full: `hold` = nothing more is accepted, so that machines and brokers wait; `drop` = the
    oldest blocks of the least importance make room, counted.
    """

    bytes_max: int
    age_s_max: float
    when_full: str = HOLD


@dataclass(frozen=True, slots=True)
class Block:
    """What is known of a block without its data. whole: joined already, or as large as such."""

    id: int
    rows: int
    size: int
    written_ms: int
    importance: int
    whole: bool


class Buffer:
    """Blocks on disk. Safe from several threads.

    Raises
    ------
    StoreError
        The file cannot be opened, or is of another program.
    """

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self.bounds = bounds
        self.trouble = ""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._open()
            self._reader = self._open()
            self._writer.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as e:
            raise StoreError(f"edge buffer {path}: {e}") from e
        self._reading = threading.Lock()
        self._series: dict[tuple[str, str], int] = {
            (t, s): i for i, t, s in self._writer.execute("SELECT id, thing, signal FROM series")
        }
        self.names: dict[int, tuple[str, str]] = {i: n for n, i in self._series.items()}
        self.counters: dict[str, int] = dict(
            self._writer.execute("SELECT name, number FROM counter")
        )
        shown = "SELECT id, rows, bytes, written_ms, importance, whole FROM block ORDER BY id"
        self._blocks = {
            number: Block(number, rows, size, written_ms, importance, bool(whole))
            for number, rows, size, written_ms, importance, whole in self._writer.execute(shown)
        }
        self._size = sum(b.size for b in self._blocks.values())
        self._taken: set[int] = set()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=30, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a commit is on the disk, not in its cache
        connection.execute("PRAGMA temp_store=MEMORY")
        return connection

    def close(self) -> None:
        """Close the file."""
        with self._lock, self._reading:
            self._writer.close()
            self._reader.close()

    # In -----------------------------------------------------------------------------------------

    def series(self, names: Sequence[tuple[str, str]]) -> list[int]:
        """Return the numbers of series (thing, signal), new ones where they are new."""
        with self._lock:
            fresh = [n for n in dict.fromkeys(names) if n not in self._series]
            if fresh:
                self._name(fresh)
            return [self._series[n] for n in names]

    def _name(self, fresh: Sequence[tuple[str, str]]) -> None:
        sql = "INSERT INTO series (thing, signal) VALUES (?, ?)"
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            made = [int(self._writer.execute(sql, name).lastrowid or 0) for name in fresh]
            self._writer.execute("COMMIT")
        except sqlite3.Error as e:
            self._roll_back()
            self.trouble = f"the buffer's disk takes nothing: {e}"
            raise StoreFullError(f"edge buffer {self._path}: {e}") from e
        self._series.update(zip(fresh, made, strict=True))
        self.names.update(zip(made, fresh, strict=True))

    def is_full(self) -> bool:
        """Whether nothing more may be accepted."""
        with self._lock:
            return self._size >= self.bounds.bytes_max or self._age_s() >= self.bounds.age_s_max

    def wait_for_room(self, wait_s: float) -> bool:
        """Wait until something may be accepted; False where the time ran out."""
        with self._changed:
            if self.bounds.when_full == DROP:
                return True
            return self._changed.wait_for(lambda: not self.is_full(), wait_s)

    def write(self, parts: Sequence[tuple[int, Rows]], letters: Iterable[DeadLetter] = ()) -> None:
        """Store rows, each part with its importance, and refusals; all of it or nothing, synced.

        Raises
        ------
        StoreFullError
            The disk is full.
        """
        packed = [(importance, rows, pack(rows)) for importance, rows in parts if len(rows)]
        now_ms = time.time_ns() // 1_000_000
        with self._changed:
            made: list[Block] = []
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                for importance, rows, data in packed:
                    whole = len(rows) >= limits.EDGE_BLOCK_ROWS
                    made.append(self._insert(rows, data, (now_ms, importance, whole)))
                self._keep_letters(letters)
                accepted = sum(b.rows for b in made)
                self._count(accepted=accepted)
                self._writer.execute("COMMIT")
            except sqlite3.Error as e:
                self._roll_back()
                self.trouble = f"the buffer's disk takes nothing: {e}"
                raise StoreFullError(f"edge buffer {self._path}: {e}") from e
            self.trouble = ""
            self._blocks.update({b.id: b for b in made})
            self._size += sum(b.size for b in made)
            if self.bounds.when_full == DROP:
                self._make_room()
            self._changed.notify_all()

    def _insert(self, rows: Rows, data: bytes, told: tuple[int, int, bool]) -> Block:
        written_ms, importance, whole = told
        sql = (
            "INSERT INTO block (rows, bytes, written_ms, importance, whole, data) "
            "VALUES (?, ?, ?, ?, ?, ?)"
        )
        values = (len(rows), len(data), written_ms, importance, whole, data)
        number = int(self._writer.execute(sql, values).lastrowid or 0)
        return Block(number, len(rows), len(data), written_ms, importance, whole)

    def _keep_letters(self, letters: Iterable[DeadLetter]) -> None:
        refused = 0
        for letter in letters:
            refused += letter.frames
            values = (letter.link, letter.reason, letter.detail, letter.raw[:4096],
                      letter.received_ms, letter.frames)  # fmt: skip
            self._writer.execute(
                "INSERT INTO letter (link, reason, detail, raw, received_ms, frames) "
                "VALUES (?, ?, ?, ?, ?, ?)", values,
            )  # fmt: skip
        if refused:
            sql = "DELETE FROM letter WHERE id <= (SELECT max(id) FROM letter) - ?"
            self._writer.execute(sql, (limits.EDGE_LETTERS_MAX,))
            self._count(refused=refused)

    def _count(self, **more: int) -> None:
        """Add to counters within the transaction that is open."""
        for name, number in more.items():
            if number:
                self.counters[name] = self.counters.get(name, 0) + number
                self._writer.execute(
                    "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE "
                    "SET number = excluded.number", (name, self.counters[name]),
                )  # fmt: skip

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
        self.counters = dict(self._writer.execute("SELECT name, number FROM counter"))

    def _make_room(self) -> None:
        """Drop the oldest blocks of the least importance; the operator asked for it."""
        order = sorted(self._blocks.values(), key=lambda b: (b.importance, b.id))
        gone: list[Block] = []
        left, now_s = self._size, time.time()
        for block in order:
            is_old = now_s - block.written_ms / 1000 >= self.bounds.age_s_max
            if left <= self.bounds.bytes_max and not is_old:
                continue
            if block.id not in self._taken:
                gone.append(block)
                left -= block.size
        if gone:
            self._remove(gone, dropped=sum(b.rows for b in gone))

    # Out ----------------------------------------------------------------------------------------

    def take_newest(self, since_ms: int, rows_max: int) -> list[Block]:
        """Return the newest blocks that were written since then, in order, for the live lane."""
        with self._lock:
            newest = takewhile(
                lambda b: b.written_ms >= since_ms, reversed(list(self._blocks.values()))
            )
            return self._reserved(newest, rows_max)[::-1]

    def take_oldest(self, before_ms: int, rows_max: int) -> list[Block]:
        """Return the oldest blocks that were written before then, for the backlog lane."""
        with self._lock:
            return self._reserved(
                (b for b in self._blocks.values() if b.written_ms < before_ms), rows_max
            )

    def _reserved(self, blocks: Iterable[Block], rows_max: int) -> list[Block]:
        chosen: list[Block] = []
        rows = 0
        for block in blocks:
            if block.id in self._taken:
                continue
            if chosen and rows + block.rows > rows_max:
                break
            chosen.append(block)
            rows += block.rows
        self._taken.update(b.id for b in chosen)
        return chosen

    def give_back(self, blocks: Sequence[Block]) -> None:
        """Return blocks that were taken and not sent."""
        with self._lock:
            self._taken.difference_update(b.id for b in blocks)

    def read(self, blocks: Sequence[Block]) -> tuple[Rows | None, list[Block]]:
        """Return the rows of blocks, in order, and which of them could be read.

        One that cannot stays in the file, out of the lanes until the next start, and is named.
        """
        parts: list[Rows] = []
        good: list[Block] = []
        for block, raw in self._raw(blocks):
            try:
                parts.append(unpack(raw))
                good.append(block)
            except FrameError as e:
                self.trouble = f"block {block.id} of {block.rows} readings cannot be read: {e}"
        return (joined(parts) if parts else None), good

    def _raw(self, blocks: Sequence[Block]) -> list[tuple[Block, bytes]]:
        found = []
        with self._reading:
            for block in blocks:
                sql = "SELECT data FROM block WHERE id = ?"
                row = self._reader.execute(sql, (block.id,)).fetchone()
                if row:
                    found.append((block, bytes(row[0])))
        return found

    def remove(self, blocks: Sequence[Block], **counted: int) -> None:
        """Forget blocks that the centre has stored; counters tell what it made of them."""
        with self._changed:
            self._remove(blocks, **counted)
            self._taken.difference_update(b.id for b in blocks)
            self._changed.notify_all()

    def _remove(self, blocks: Sequence[Block], **counted: int) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany("DELETE FROM block WHERE id = ?", [(b.id,) for b in blocks])
            self._count(**counted)
            self._writer.execute("COMMIT")
        except sqlite3.Error as e:
            self._roll_back()
            raise StoreError(f"edge buffer {self._path}: {e}") from e
        for block in blocks:
            if self._blocks.pop(block.id, None):
                self._size -= block.size

    def join_small(self, before_ms: int) -> bool:
        """Join small blocks written before then into one; False where there are too few."""
        with self._lock:
            small = [
                b for b in self._blocks.values()
                if not b.whole and b.written_ms < before_ms and b.id not in self._taken
            ]  # fmt: skip
            first = small[0].importance if small else 0
            chosen = self._reserved(
                (b for b in small if b.importance == first), limits.EDGE_BLOCK_ROWS
            )
        rows_enough = sum(b.rows for b in chosen) >= limits.EDGE_BLOCK_ROWS // 2
        if not rows_enough and len(chosen) < limits.EDGE_SMALL_BLOCKS_MAX:
            self.give_back(chosen)
            return False
        found, good = self.read(chosen)
        if found is None:
            return True  # none of them can be read: they are out of the lanes now
        chosen, rows = good, found.ordered()
        data = pack(rows)
        with self._changed:
            try:
                self._exchange(chosen, rows, data)
            finally:
                self.give_back(chosen)
                self._changed.notify_all()
        return True

    def _exchange(self, chosen: Sequence[Block], rows: Rows, data: bytes) -> None:
        """Put the joined block in the place of the oldest of those that it is made of."""
        head = chosen[0]
        joined_block = replace(head, rows=len(rows), size=len(data), whole=True)
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany(
                "DELETE FROM block WHERE id = ?", [(b.id,) for b in chosen[1:]]
            )
            self._writer.execute(
                "UPDATE block SET rows = ?, bytes = ?, whole = 1, data = ? WHERE id = ?",
                (len(rows), len(data), data, head.id),
            )
            self._writer.execute("COMMIT")
        except sqlite3.Error as e:
            self._roll_back()
            raise StoreError(f"edge buffer {self._path}: {e}") from e
        for block in chosen[1:]:
            self._blocks.pop(block.id)
        self._blocks[head.id] = joined_block
        self._size += len(data) - sum(b.size for b in chosen)

    # What others see ----------------------------------------------------------------------------

    def wait_for_blocks(self, wait_s: float) -> None:
        """Wait until something changed, at most so long."""
        with self._changed:
            self._changed.wait(wait_s)

    def _age_s(self) -> float:
        oldest = next(iter(self._blocks.values()), None)
        return time.time() - oldest.written_ms / 1000 if oldest else 0.0

    def status(self) -> dict[str, Any]:
        """Describe what waits, and what was counted since the buffer was made."""
        with self._lock:
            return {
                "rows_waiting": sum(b.rows for b in self._blocks.values()),
                "blocks": len(self._blocks),
                "bytes": self._size,
                "bytes_max": self.bounds.bytes_max,
                "oldest_age_s": round(self._age_s(), 1),
                "age_s_max": self.bounds.age_s_max,
                "when_full": self.bounds.when_full,
                "full": self.is_full(),
                "series": len(self._series),
                "trouble": self.trouble,
                **{n: self.counters.get(n, 0) for n in
                   ("accepted", "delivered", "duplicate", "rejected", "dropped", "refused")},
            }  # fmt: skip

    def letters(self, count: int) -> list[tuple[Any, ...]]:
        """Return the newest refusals: link, reason, detail, received [ms], values."""
        with self._reading:
            return self._reader.execute(
                "SELECT link, reason, detail, received_ms, frames FROM letter "
                "ORDER BY id DESC LIMIT ?", (count,),
            ).fetchall()  # fmt: skip
