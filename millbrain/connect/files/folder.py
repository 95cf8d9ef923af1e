"""One watched folder: which files are whole, what they hold, where they go afterwards.

A file is moved, and its receipt written, after its readings are on disk. A run that is killed in
between reads it again, and the intake knows each reading by (thing, signal, instant). All of this
blocks, so it runs in a thread.
"""

import csv
import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import numpy as np

from millbrain.connect.files.codec import Fault, Reader, Value
from millbrain.connect.files.options import Options
from millbrain.connect.files.receipts import Receipts
from millbrain.connect.files.sheets import rows_of
from millbrain.core import limits
from millbrain.core.columns import Columns, DeadLetter, Delivery
from millbrain.core.errors import FrameError, LinkError
from millbrain.core.plant.reading_rows import reading_rows
from millbrain.core.plant.tags import Tag
from millbrain.core.rooms import Sink
from millbrain.core.times import utc_from_epoch

DONE: Final = "done"
FAILED: Final = "failed"
REPORT: Final = ".errors.csv"
LETTER_ROWS: Final = 200  # faults that share a dead letter; its count is one byte
ADDRESSES_SHOWN: Final = 5_000


@dataclass(slots=True)
class Result:
    """What became of a file. values, faults: how many. why: where it could not be read at all.

    again: when it was taken before. grew: it was still being written and will be read again.
    """

    name: str
    values: int = 0
    faults: int = 0
    why: str = ""
    again: str = ""
    report: str = ""
    grew: bool = False


@dataclass(slots=True)
class Seen:
    """An address that a file had: its newest text, and whether it may become a tag."""

    thing: str
    signal: str
    value: str


@dataclass(slots=True)
class Folder:
    """A folder of one connection."""

    key: str
    path: Path
    options: Options
    tags: Mapping[str, Tag]
    sink: Sink
    receipts: Receipts
    seen: dict[str, Seen] = field(default_factory=dict)
    _sizes: dict[Path, tuple[int, int, float]] = field(default_factory=dict)
    _kept: set[tuple[Path, int, int]] = field(default_factory=set)

    def ready(self, now_s: float) -> list[Path]:
        """Return files that have not grown for long enough, the oldest first.

        Raises
        ------
        LinkError
            The folder is not there or cannot be read.
        """
        try:
            found = [p for p in self.path.iterdir() if self._is_wanted(p)]
            stats = {p: p.stat() for p in found}
        except OSError as e:
            raise LinkError(f"the folder {self.path} cannot be read: {e.strerror or e}") from e
        whole = []
        fresh: dict[Path, tuple[int, int, float]] = {}
        for path, stat in sorted(stats.items(), key=lambda pair: pair[1].st_mtime_ns):
            mark = (stat.st_size, stat.st_mtime_ns)
            size, mtime, since_s = self._sizes.get(path, (-1, -1, now_s))
            fresh[path] = (*mark, since_s if (size, mtime) == mark else now_s)
            is_still = now_s - fresh[path][2] >= self.options.stable_s
            if is_still and (path, *mark) not in self._kept:
                whole.append(path)
        self._sizes = fresh
        return whole[: limits.FILES_WAITING_MAX]

    def _is_wanted(self, path: Path) -> bool:
        name = path.name.lower()
        if name.endswith(REPORT) or name.startswith((".", "~$")) or not path.is_file():
            return False
        return not path.is_symlink() and any(fnmatch(name, n.lower()) for n in self.options.names)

    def take(self, path: Path) -> Result:
        """Read a file, hand its readings on, wait for the disk, and put the file away."""
        result = Result(path.name)
        digest = _digest(path)
        before = self.receipts.of(digest)
        if before is not None:
            result.again = str(before["at"])
            self._put_away(path, DONE)
            return result
        faults: list[Fault] = []
        mark = _mark(path)
        try:
            self._read(path, result, faults)
        except FrameError as e:
            result.why = e.detail
        if _mark(path) != mark:  # it was still being written: the whole of it comes later
            result.grew = True
            return result
        if result.why:
            self._refuse(path, result)
        if faults or result.why:
            result.report = self._report(path, faults, result).name
        at = utc_from_epoch(time.time()).isoformat(timespec="seconds")
        if not result.why:
            self.receipts.add({"sha256": digest, "name": path.name, "at": at,
                               "values": result.values, "faults": result.faults})  # fmt: skip
        self._put_away(path, FAILED if result.why else DONE)
        return result

    def _read(self, path: Path, result: Result, faults: list[Fault]) -> None:
        rows = rows_of(path, self.options.delimiter)
        reader: Reader | None = None
        values: list[Value] = []
        refused: list[Fault] = []
        committed = _Committed()
        for number, row in enumerate(rows, start=1):
            if number <= self.options.skip_rows:
                continue
            if reader is None:
                reader = Reader(row, self.options, self.tags)
                continue
            more, wrong = reader.read(number, row)
            values += more
            refused += wrong
            if len(values) + len(refused) >= limits.FILE_READINGS_MAX:
                self._hand_on(values, refused, committed)
                faults += refused[: limits.FILE_FAULTS_MAX - len(faults)]
                result.values, result.faults = (
                    result.values + len(values),
                    result.faults + len(refused),
                )
                values, refused = [], []
        if reader is None:
            raise FrameError("heading", "the file is empty: no row with headings")
        self._hand_on(values, refused, committed)
        faults += refused[: limits.FILE_FAULTS_MAX - len(faults)]
        result.values, result.faults = result.values + len(values), result.faults + len(refused)
        committed.wait()

    def _hand_on(self, values: list[Value], faults: list[Fault], committed: "_Committed") -> None:
        if not values and not faults:
            return
        now_ms = time.time_ns() // 1_000_000
        for value in values:
            if len(self.seen) < ADDRESSES_SHOWN or value.address in self.seen:
                shown = value.text or f"{value.value:g}"
                self.seen[value.address] = Seen(value.thing, value.signal, shown)
        letters = [_letter(self.key, faults[i : i + LETTER_ROWS], now_ms)
                   for i in range(0, len(faults), LETTER_ROWS)]  # fmt: skip
        tables = {"reading": _columns(self.key, values, now_ms)} if values else {}
        received = {self.key: len(values) + len(faults)}
        self.sink.put(Delivery(received, tables, letters, committed.one_more()))

    def _refuse(self, path: Path, result: Result) -> None:
        """Keep a file that cannot be read as one dead letter."""
        with path.open("rb") as f:
            raw = f.read(limits.READING_TEXT_BYTES_MAX)
        detail = f"{path.name}: {result.why}"
        letter = DeadLetter(self.key, "file", detail, raw, time.time_ns() // 1_000_000)
        self.sink.put(Delivery({self.key: 1}, {}, [letter]))

    def _report(self, path: Path, faults: Sequence[Fault], result: Result) -> Path:
        """Write what was refused, row by row, beside the file's own place afterwards."""
        folder = path.parent
        if self.options.after == "move":
            folder = folder / (FAILED if result.why else DONE)
            folder.mkdir(exist_ok=True)
        target = folder / f"{path.name}{REPORT}"
        with target.open("w", encoding="utf-8-sig", newline="") as f:
            writer = csv.writer(f)
            writer.writerow(("row", "column", "found", "allowed"))
            if result.why:
                writer.writerow(("", "", "", result.why))
            for fault in faults:
                writer.writerow((fault.row, fault.column, _harmless(fault.found), fault.allowed))
            if result.faults > len(faults):
                writer.writerow(("", "", "", f"and {result.faults - len(faults)} more"))
        return target

    def _put_away(self, path: Path, where: str) -> None:
        if self.options.after == "keep":
            stat = path.stat()
            self._kept.add((path, stat.st_size, stat.st_mtime_ns))
            return
        folder = path.parent / where
        folder.mkdir(exist_ok=True)
        target = folder / path.name
        for number in range(2, 10_000):
            if not target.exists():
                break
            target = folder / f"{path.stem}-{number}{path.suffix}"
        path.rename(target)


class _Committed:
    """Counts deliveries and waits until all are on disk."""

    def __init__(self) -> None:
        self._open = 0
        self._changed = threading.Condition()

    def one_more(self) -> Callable[[], None]:
        """Return what a delivery calls after its commit."""
        with self._changed:
            self._open += 1
        return self._one_less

    def _one_less(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait for all of them."""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0)


def _columns(link: str, values: Sequence[Value], now_ms: int) -> Columns:
    texts = [v.text.encode() for v in values]
    return reading_rows(
        link,
        np.array([v.thing.encode() for v in values], np.bytes_),
        np.array([v.signal.encode() for v in values], np.bytes_),
        np.array([v.device_ms for v in values], np.int64),
        now_ms,
        np.array([v.value for v in values], np.float64),
        np.array([v.quality for v in values], np.uint8),
        texts if any(texts) else None,
    )


def _letter(link: str, faults: Sequence[Fault], now_ms: int) -> DeadLetter:
    first = faults[0]
    detail = (
        f"row {first.row}, {first.column}: {first.found!r} was found, {first.allowed} is allowed"
    )
    lines: list[Any] = [f"{f.row}\t{f.column}\t{f.found}\t{f.allowed}" for f in faults]
    return DeadLetter(link, "cell", detail, "\n".join(lines).encode(), now_ms, len(faults))


def _mark(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _digest(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
