"""The store of identifiers over RocksDB.

Why RocksDB: the smallest on disk of what was measured, atomic durable batches, checkpoints by hard
links. Small blocks and a bloom filter keep a miss at one look in memory; the last level, where
nearly all records lie, is compressed with a dictionary, since records of one maker resemble one
another more than the bytes of one record do.

A crash loses nothing that was acknowledged: every batch is synced to the log before it returns. On
opening, an unfinished batch at the log's tail is dropped; damage before the tail refuses to open
(`repair` saves what can be read). After a full disk everything can be read; writes are taken again
once there is room.
"""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from rocksdict import (
    BlockBasedOptions,
    BottommostLevelCompaction,
    Cache,
    Checkpoint,
    CompactOptions,
    DbClosedError,
    DBCompressionType,
    DBRecoveryMode,
    IngestExternalFileOptions,
    Options,
    Rdict,
    ReadOptions,
    SstFileWriter,
    WriteBatch,
)

from millbrain.core.errors import LimitError, StoreError, StoreFullError
from millbrain.core.limits import (
    IDENTIFIER_BATCH_BYTES_MAX,
    IDENTIFIER_BATCH_MAX,
    IDENTIFIER_PAGE_MAX,
)
from millbrain.record.identifiers.store import Judge, Record, Report

CACHE_BYTES: Final = 256 << 20  # decoded blocks in memory: about two million hot records
_BLOCK_BYTES: Final = 4 << 10
_BLOOM_BITS: Final = 10  # a key; one miss in a hundred reads a block in vain
_WRITE_BUFFER_BYTES: Final = 64 << 20
_DICTIONARY_BYTES: Final = 16 << 10
_ZSTD_WINDOW_BITS, _ZSTD_LEVEL, _ZSTD_STRATEGY = -14, 3, 0
_LOG_FILES: Final = 3
_SPARE_BYTES: Final = 4 << 20  # manifest, options and filters of a folder that is opened anew
_PROBLEMS_MAX: Final = 100
_CHECKPOINT_NS_MAX: Final = 86_400 * 10**9


class RocksIdentifiers:
    """Identifiers in a folder that this process owns while it is open."""

    def __init__(self, folder: Path, *, cache_bytes: int = CACHE_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._cache_bytes = cache_bytes
        self._logs: set[str] = set()
        self._writing = threading.Lock()
        self._has_failed = False
        self._db = self._open()

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, None where there is none."""
        found: bytes | None
        try:
            found = self._db.get(key)
        except DbClosedError:  # another thread opens it anew
            with self._writing, _engine_errors(self.folder):
                found = self._db.get(key)
        except Exception as error:
            raise _named(error, self.folder) from error
        return found

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the value of each of `keys`, None where there is none; cheaper than one by one."""
        try:
            found = self._db.get(list(keys))
        except DbClosedError:  # another thread opens it anew
            with self._writing, _engine_errors(self.folder):
                found = self._db.get(list(keys))
        except Exception as error:
            raise _named(error, self.folder) from error
        return found or []

    def put_many(self, records: Sequence[Record]) -> None:
        """Write all of `records` or none, on disk when this returns; a later one of a key wins."""
        _check_batch(records)
        batch = WriteBatch(raw_mode=True)
        for key, value in records:
            batch.put(key, value)
        self._commit(batch)

    def delete(self, keys: Iterable[bytes]) -> None:
        """Remove all of `keys` or none, on disk when this returns; missing ones do not matter."""
        batch = WriteBatch(raw_mode=True)
        for key in keys:
            batch.delete(key)
        self._commit(batch)

    def scan(
        self, prefix: bytes, after: bytes = b"", count_max: int = IDENTIFIER_PAGE_MAX
    ) -> list[Record]:
        """Return records whose key begins with `prefix` and is greater than `after`, in order."""
        found: list[Record] = []
        start = max(prefix, after + b"\0" if after else b"")
        for key, value in self._items(_bounded(prefix), start):
            if len(found) >= min(count_max, IDENTIFIER_PAGE_MAX) or not key.startswith(prefix):
                break
            found.append((key, value))
        return found

    def build(self, records: Iterable[Record]) -> None:
        """Take many records that come in the order of their keys, as a table of the last level.

        For stores that are made: no log is written and nothing is merged. A crash before this
        returns leaves nothing of it.
        """
        options = _options(self._cache_bytes)
        options.set_compression_type(DBCompressionType.zstd())
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="build-") as place:
            path = str(Path(place) / "records.sst")
            with _engine_errors(self.folder):
                writer = SstFileWriter(options)
                writer.open(path)
                for key, value in records:
                    writer[key] = value
                writer.finish()
                moved = IngestExternalFileOptions()
                moved.set_move_files(True)
                self._db.ingest_external_file([path], moved)

    def checkpoint(self, folder: Path) -> None:
        """Make a copy in `folder`, which must not exist; cheap where links to files can be made."""
        if folder.exists():
            raise StoreError(f"checkpoint folder {folder} exists; name one that does not")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _engine_errors(self.folder):
            Checkpoint(self._db).create_checkpoint(str(folder))
        # The binding keeps its own settings beside the engine's files and opens only with them.
        for settings in self.folder.glob("rocksdict-config.json"):
            shutil.copy2(settings, folder)

    def check(self, judge: Judge | None = None) -> Report:
        """Read every record and its checksum; `judge` says what is wrong with one, '' if nothing.

        Ends with the first place that cannot be read.
        """
        records = keys = values = 0
        problems: list[str] = []
        try:
            for key, value in self._items(_verified()):
                records, keys, values = records + 1, keys + len(key), values + len(value)
                wrong = judge(key, value) if judge else ""
                if wrong and len(problems) < _PROBLEMS_MAX:
                    problems.append(f"{key!r}: {wrong}")
        except StoreError as error:
            problems.append(f"after {records} records: {error}")
        return Report(records, keys, values, tuple(problems))

    def compact(self) -> None:
        """Bring every record to the last level now; the engine does so in its own time else."""
        forced = CompactOptions()
        forced.set_bottommost_level_compaction(BottommostLevelCompaction.force())
        with _engine_errors(self.folder):
            self._db.flush()
            self._db.compact_range(None, None, forced)

    def keys_about(self) -> int:
        """Return how many keys there are, about: the engine's estimate, everything counted."""
        with _engine_errors(self.folder):
            return int(self._db.property_int_value("rocksdb.estimate-num-keys") or 0)

    def disk_bytes(self) -> int:
        """Return the size of the table files on disk [bytes]; the log is not counted."""
        return sum(f.stat().st_size for f in self.folder.glob("*.sst"))

    def close(self) -> None:
        """Close the folder; another process may open it then. Closing again does nothing.

        Every batch that returned is on disk already, so an engine that complains while it closes
        after a failed write has nothing left to lose.
        """
        try:
            self._db.close()
        except DbClosedError:
            return
        except Exception as error:
            if not self._has_failed:
                raise StoreError(f"identifier store in {self.folder}: {error}") from error

    def _items(self, options: ReadOptions, start: bytes | None = None) -> Iterator[Record]:
        """Yield the records in order; raise where a block cannot be read.

        The binding's own `items` ends at a damaged block as if it were the last: its status is
        asked here. The engine reads the bounds in `options` as it goes and the binding does not
        keep them alive; this frame does.
        """
        with _engine_errors(self.folder):
            cursor = self._db.iter(options)
            if start is None:
                cursor.seek_to_first()
            else:
                cursor.seek(start)
            while cursor.valid():
                yield cursor.key(), cursor.value()
                cursor.next()
            cursor.status()

    def _open(self) -> Rdict:
        with _engine_errors(self.folder):
            options = _options(self._cache_bytes)
            # Named, because the binding would open what is there with settings of its own else:
            # no filter, and a cache of 8 MiB.
            return Rdict(str(self.folder), options, column_families={"default": options})

    def _commit(self, batch: WriteBatch) -> None:
        with self._writing:
            if self._has_failed:
                self._open_anew()
            try:
                with _engine_errors(self.folder):
                    self._db.write(batch)
                    self._sync_log()
            except StoreError:
                self._has_failed = True
                raise

    def _sync_log(self) -> None:
        """Wait until the log is on disk.

        The engine would do so itself when asked to write in sync, but the binding holds Python's
        lock meanwhile: every answer of the process would wait for the disk. A log that is gone has
        become a table, which the engine has synced.
        """
        logs = {name for name in os.listdir(self.folder) if name.endswith(".log")}
        for name in logs:
            with contextlib.suppress(FileNotFoundError):
                _synced(self.folder / name, os.O_WRONLY)
        if logs - self._logs:
            _synced(self.folder, os.O_RDONLY)  # the name of a new log
        self._logs = logs

    def _open_anew(self) -> None:
        """Leave the state in which the engine refuses writes for good after one has failed.

        Opening writes the log's records into a table, so it waits until there is room for that;
        until then everything can still be read.
        """
        log_bytes = sum(f.stat().st_size for f in self.folder.glob("*.log"))
        free_bytes, need_bytes = shutil.disk_usage(self.folder).free, log_bytes + _SPARE_BYTES
        if free_bytes < need_bytes:
            raise StoreFullError(
                f"identifier store in {self.folder}: {free_bytes} bytes are free, "
                f"{need_bytes} are needed before it takes writes again"
            )
        self.close()
        self._db = self._open()
        self._has_failed = False


def checkpoint_of(store: RocksIdentifiers) -> Path:
    """Make a copy of a store beside it, for a backup, and return where; links cost no room.

    The caller removes it once it is copied away. One that was left behind a day ago is removed.
    """
    beside, now = store.folder.with_name(f"{store.folder.name}.checkpoint"), time.time_ns()
    for old in beside.parent.glob(f"{beside.name}-*"):
        if now - old.stat().st_mtime_ns > _CHECKPOINT_NS_MAX:
            shutil.rmtree(old, ignore_errors=True)
    folder = beside.with_name(f"{beside.name}-{now}")
    store.checkpoint(folder)
    return folder


def repair(folder: Path) -> None:
    """Rebuild a store that does not open, from all that can be read; keep a copy of it first.

    Raises
    ------
    StoreError
        Nothing can be read, or a process has the folder open.
    """
    with _engine_errors(folder):
        Rdict.repair(str(folder), _options(CACHE_BYTES))


def _synced(path: Path, mode: int) -> None:
    number = os.open(path, mode)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _options(cache_bytes: int) -> Options:
    table = BlockBasedOptions()
    table.set_block_size(_BLOCK_BYTES)
    table.set_bloom_filter(_BLOOM_BITS, False)
    table.set_block_cache(Cache(cache_bytes))
    # Filters and indexes stay in memory, outside the cache: about 2 bytes a record.
    table.set_cache_index_and_filter_blocks(False)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_bottommost_compression_type(DBCompressionType.zstd())
    options.set_bottommost_compression_options(
        _ZSTD_WINDOW_BITS, _ZSTD_LEVEL, _ZSTD_STRATEGY, _DICTIONARY_BYTES, True
    )
    options.set_bottommost_zstd_max_train_bytes(100 * _DICTIONARY_BYTES, True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_wal_recovery_mode(DBRecoveryMode.tolerate_corrupted_tail_records())
    options.set_paranoid_checks(True)
    options.set_keep_log_file_num(_LOG_FILES)
    return options


def _bounded(prefix: bytes) -> ReadOptions:
    """Return options that end a scan near the end of `prefix`, before deleted keys behind it."""
    options = ReadOptions()
    stripped = prefix.rstrip(b"\xff")
    if stripped:
        options.set_iterate_upper_bound(stripped[:-1] + bytes((stripped[-1] + 1,)))
    return options


def _verified() -> ReadOptions:
    options = ReadOptions()
    options.set_verify_checksums(True)
    options.set_readahead_size(2 << 20)
    return options


def _check_batch(records: Sequence[Record]) -> None:
    size = sum(len(key) + len(value) for key, value in records)
    if len(records) > IDENTIFIER_BATCH_MAX or size > IDENTIFIER_BATCH_BYTES_MAX:
        raise LimitError(
            f"batch of {len(records)} identifiers, {size} bytes; allowed are "
            f"{IDENTIFIER_BATCH_MAX} and {IDENTIFIER_BATCH_BYTES_MAX}: write it in parts"
        )


@contextlib.contextmanager
def _engine_errors(folder: Path) -> Iterator[None]:
    """Turn what the engine raises into our errors; it has one class for everything."""
    try:
        yield
    except (LimitError, StoreError):
        raise
    except Exception as error:
        raise _named(error, folder) from error


def _named(error: Exception, folder: Path) -> StoreError:
    kind = StoreFullError if "No space left" in str(error) else StoreError
    return kind(f"identifier store in {folder}: {error}")
