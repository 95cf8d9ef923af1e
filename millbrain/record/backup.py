"""Backup and restore of the stores, also while facts come in.

A backup is one dated folder: ``warehouse/`` (the engine's own BACKUP, a snapshot of every table),
the ledger as ``ledger.sqlite`` or ``ledger.dump`` (pg_dump), and ``manifest.json`` with versions,
row counts and the SHA-256 of every file. It is made under a name that ends in ``.partial`` and
renamed when it is whole, so a folder with the plain name can be trusted. Another process may `add`
a store of its own; the manifest names its files from then on.
"""

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import millbrain
from millbrain.core.errors import StoreError, StoreFullError
from millbrain.core.times import utc_from_epoch
from millbrain.record import backup_ledger
from millbrain.record.values import quoted, text_literal
from millbrain.record.warehouse import Warehouse

FORMAT: Final = 1  # of the folder's layout; a newer one is refused
_MANIFEST: Final = "manifest.json"
_WAREHOUSE: Final = "warehouse"
_POLL_S: Final = 0.1
_SPARE_BYTES: Final = 64 << 20  # beyond the warehouse's size, for the ledger and the folder itself

Progress = Callable[[float, str], None]
"""Of the share done, 0 to 1, and what is being done."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    tables: warehouse table -> rows. files: path in the folder -> SHA-256 in hexadecimal.
    """

    format: int
    millbrain: str
    engine: str
    made_at: str
    database: str
    ledger: str
    tables: dict[str, int]
    files: dict[str, str]


def back_up(
    warehouse: Warehouse,
    ledger_url: str,
    folder: str | Path,
    progress: Progress = lambda _, __: None,
    hold: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> str:
    """Make a dated backup folder under `folder` and return its path.

    Parameters
    ----------
    warehouse
        Facts go on being taken in meanwhile; what is committed later is not part of the backup.
    ledger_url
        SQLAlchemy URL of the ledger, SQLite or PostgreSQL.
    folder
        Where the dated folder is made; made itself where it is not there.
    progress
        Called now and then with the share done and what is being done.

    Raises
    ------
    StoreFullError
        There is not enough space under `folder`.
    StoreError
        A store refused; the unfinished folder is removed.
    """
    made_at = utc_from_epoch(time.time())
    whole = Path(folder).absolute() / f"millbrain-{made_at:%Y%m%dT%H%M%SZ}"
    if whole.exists():
        raise StoreError(f"backup folder {whole} exists already; wait a second and try again")
    partial = whole.with_suffix(".partial")
    # It holds password hashes and keys, so nobody else may look into it.
    partial.mkdir(parents=True, mode=0o700)
    try:
        _back_up_warehouse(warehouse, partial / _WAREHOUSE, progress, hold)
        progress(0.7, "ledger")
        ledger = backup_ledger.dump(ledger_url, partial)
        progress(0.8, "checksums")
        manifest = Manifest(
            format=FORMAT,
            millbrain=millbrain.__version__,
            engine=_engine_version(warehouse),
            made_at=made_at.isoformat(timespec="seconds"),
            database=warehouse.database,
            ledger=ledger,
            tables=_rows_in(partial / _WAREHOUSE, warehouse.database),
            files=_checksums(partial),
        )
        _write_synced(partial / _MANIFEST, json.dumps(asdict(manifest), indent=1))
        partial.rename(whole)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    progress(1.0, "done")
    return str(whole)


def add(folder: str | Path, name: str, write: Callable[[Path], None]) -> None:
    """Add to a backup the folder `name`, which `write` makes; the manifest vouches for it too.

    It is written beside the backup and moved in when it is whole and on disk.

    Raises
    ------
    StoreError
        The backup has such a folder already, or a store refused; the backup is as it was.
    """
    root = Path(folder).absolute()
    manifest = _read_manifest(root)
    partial, target = root.with_name(f"{root.name}.{name}.partial"), root / name
    if target.exists():
        raise StoreError(f"backup {root} holds {name} already")
    try:
        partial.mkdir(mode=0o700)
        write(partial)
        found = _checksums(partial)
        for path in partial.rglob("*"):
            if path.is_file():
                _synced(path)
        files = manifest.files | {f"{name}/{path}": sum_ for path, sum_ in found.items()}
        told = root.with_name(f"{root.name}.{name}.manifest")
        _write_synced(told, json.dumps(asdict(replace(manifest, files=files)), indent=1))
        partial.rename(target)
        told.rename(root / _MANIFEST)
    except OSError as error:
        raise StoreError(f"backup {root}: {name}: {error}; the backup is without it") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def part(folder: str | Path, name: str) -> Path | None:
    """Return a folder that was added to a backup, None where it was not."""
    root = Path(folder).absolute()
    is_there = any(path.startswith(f"{name}/") for path in _read_manifest(root).files)
    return root / name if is_there else None


def verify(folder: str | Path, progress: Progress = lambda _, __: None) -> Manifest:
    """Check that a backup folder is whole, and return its manifest.

    Raises
    ------
    StoreError
        The manifest is missing or of a newer format, or a file is missing, changed or extra.
    """
    root = Path(folder).absolute()
    manifest = _read_manifest(root)
    found = _checksums(root, progress)
    for name, checksum in manifest.files.items():
        if name not in found:
            raise StoreError(f"backup {root}: file {name} is missing; this backup is not whole")
        if found[name] != checksum:
            raise StoreError(
                f"backup {root}: file {name} has changed since it was made (SHA-256 {found[name]}, "
                f"the manifest says {checksum}); this backup cannot be trusted"
            )
    if extra := found.keys() - manifest.files.keys():
        raise StoreError(f"backup {root}: {sorted(extra)[0]} is not in the manifest; remove it")
    return manifest


def restore(
    warehouse: Warehouse,
    ledger_url: str,
    folder: str | Path,
    progress: Progress = lambda _, __: None,
    *,
    replace: bool = False,
) -> Manifest:
    """Put a backup back into empty stores, after verifying it; return its manifest.

    Parameters
    ----------
    warehouse
        Its database is dropped and made anew. Nothing else may use it meanwhile.
    ledger_url
        SQLAlchemy URL of the ledger.
    folder
        A dated backup folder.
    progress
        As for `back_up`.
    replace
        Throw away what the stores hold; without it, stores that hold anything are refused.

    Raises
    ------
    StoreError
        The backup is not whole, the stores are not empty, or a store refused.
    """
    progress(0.0, "verifying")
    manifest = verify(folder, lambda share, what: progress(0.3 * share, what))
    if not replace:
        _check_empty(warehouse, ledger_url)
    root = Path(folder).absolute()
    progress(0.3, "warehouse")
    database = quoted(warehouse.database)
    source = text_literal(f"{root / _WAREHOUSE}/")
    warehouse.execute(f"DROP DATABASE IF EXISTS {database} SYNC")
    statement = f"RESTORE DATABASE {quoted(manifest.database)} AS {database} FROM File({source})"
    try:
        _run(warehouse, statement, lambda: None, ", structure_only = 1")
        with _unmerged(warehouse, manifest):
            _run(warehouse, statement, lambda: progress(0.5, "warehouse"))
            _check_rows(warehouse, manifest)
    except StoreError:
        # An open warehouse must have its database, whatever became of the restore.
        warehouse.execute(f"CREATE DATABASE IF NOT EXISTS {database} ENGINE = Atomic")
        raise
    progress(0.8, "ledger")
    backup_ledger.load(ledger_url, root / manifest.ledger)
    progress(1.0, "done")
    return manifest


def _back_up_warehouse(
    warehouse: Warehouse,
    target: Path,
    progress: Progress,
    hold: Callable[[], AbstractContextManager[Any]],
) -> None:
    answer = warehouse.query(
        "SELECT toUInt64(sum(bytes_on_disk)) AS size FROM system.parts "
        "WHERE active AND database = {database:String}",
        {"database": warehouse.database},
    )
    size_bytes = int(answer["size"].to_pylist()[0] or 0)
    free_bytes = shutil.disk_usage(target.parent).free
    if free_bytes < size_bytes + _SPARE_BYTES:
        raise StoreFullError(
            f"backup under {target.parent.parent}: {free_bytes >> 20} MiB are free, about "
            f"{(size_bytes + _SPARE_BYTES) >> 20} MiB are needed; nothing was written"
        )

    def tell() -> None:
        share = min(_size_of(target) / max(size_bytes, 1), 1.0)
        progress(0.7 * share, "warehouse")

    # Equal files stay apart, so that each table's row counts can be read from the folder.
    _run(
        warehouse,
        f"BACKUP DATABASE {quoted(warehouse.database)} TO File({text_literal(f'{target}/')})",
        tell,
        ", deduplicate_files = 0",
        hold,
    )
    if not target.is_dir():
        raise StoreError(
            f"the ClickHouse server wrote its backup on its own machine, not to {target}; "
            "run `millbrain backup` there, or use the server's BACKUP statement"
        )


def _run(
    warehouse: Warehouse,
    statement: str,
    tell: Callable[[], None],
    more: str = "",
    hold: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> None:
    """Run a BACKUP or RESTORE to its end, calling `tell` now and then.

    The engine first lists the parts of all tables and then copies them for as long as it takes;
    `hold` lasts over the listing only.
    """
    name = str(uuid.uuid4())
    with hold():
        warehouse.execute(f"{statement} SETTINGS id = {text_literal(name)}{more} ASYNC")
        while not _state(warehouse, statement, name).listed:
            time.sleep(_POLL_S / 10)
    while not _state(warehouse, statement, name).done:
        tell()
        time.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class _State:
    """How far a BACKUP or RESTORE has come."""

    listed: bool
    done: bool


def _state(warehouse: Warehouse, statement: str, name: str) -> _State:
    """Ask how far it has come; StoreError where it failed."""
    rows = warehouse.query(
        "SELECT toString(status) AS status, error, num_files FROM system.backups "
        "WHERE id = {id:String}",
        {"id": name},
    ).to_pylist()
    status = rows[0]["status"] if rows else "FAILED"
    if not rows or "FAILED" in status or "CANCELLED" in status:
        reason = rows[0]["error"].partition(", Stack trace")[0] if rows else "it was forgotten"
        raise StoreError(f"{statement}: {status}, {reason}")
    done = status in ("BACKUP_CREATED", "RESTORED")
    return _State(done or rows[0]["num_files"] > 0 or status == "RESTORING", done)


def _engine_version(warehouse: Warehouse) -> str:
    return str(warehouse.query("SELECT version() AS version")["version"].to_pylist()[0])


def _rows_in(folder: Path, database: str) -> dict[str, int]:
    """Return the rows of each table as the engine wrote them beside each part."""
    counts: dict[str, int] = {}
    for table in sorted((folder / "metadata" / database).glob("*.sql")):
        parts = (folder / "data" / database / table.stem).glob("*/count.txt")
        counts[table.stem] = sum(int(p.read_text()) for p in parts)
    return counts


def _checksums(root: Path, progress: Progress = lambda _, __: None) -> dict[str, str]:
    """Return the SHA-256 of every file in the folder but the manifest."""
    files = sorted(p for p in root.rglob("*") if p.is_file() and p != root / _MANIFEST)
    found: dict[str, str] = {}
    for number, path in enumerate(files):
        progress(number / len(files), "checksums")
        with path.open("rb") as file:
            found[path.relative_to(root).as_posix()] = hashlib.file_digest(
                file, "sha256"
            ).hexdigest()
    return found


def _read_manifest(root: Path) -> Manifest:
    try:
        raw: dict[str, Any] = json.loads((root / _MANIFEST).read_text())
        if raw["format"] > FORMAT:
            raise StoreError(
                f"backup {root} has format {raw['format']}, this version reads up to {FORMAT}; "
                f"restore it with Millbrain {raw['millbrain']} or newer"
            )
        return Manifest(**raw)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{root} is not a backup folder: its {_MANIFEST} is missing or damaged ({error})"
        ) from error


def _check_empty(warehouse: Warehouse, ledger_url: str) -> None:
    rows = warehouse.query(
        "SELECT name, total_rows FROM system.tables WHERE database = {database:String} "
        "AND total_rows > 0 ORDER BY name LIMIT 1",
        {"database": warehouse.database},
    ).to_pylist()
    if rows:
        raise StoreError(
            f"the warehouse is not empty: table {rows[0]['name']} has {rows[0]['total_rows']} "
            "rows; restore into an empty data folder, or say that it is to be replaced"
        )
    if holds := backup_ledger.holds(ledger_url):
        raise StoreError(
            f"the ledger is not empty: {holds}; restore into an empty data folder, or say that it "
            "is to be replaced"
        )


def _check_rows(warehouse: Warehouse, manifest: Manifest) -> None:
    for table, rows in manifest.tables.items():
        answer = warehouse.query(f"SELECT count() AS n FROM {_whole_name(warehouse, table)}")
        found = answer["n"].to_pylist()[0]
        if found != rows:
            raise StoreError(
                f"restored table {table} has {found} rows, the manifest says {rows}; do not use "
                "this data folder"
            )


@contextmanager
def _unmerged(warehouse: Warehouse, manifest: Manifest) -> Iterator[None]:
    """Keep every row as it is stored: a merge drops superseded versions and expired rows."""
    names = [_whole_name(warehouse, table) for table in manifest.tables]
    for name in names:
        warehouse.execute(f"SYSTEM STOP MERGES {name}")
    try:
        yield
    finally:
        for name in names:
            warehouse.execute(f"SYSTEM START MERGES {name}")


def _whole_name(warehouse: Warehouse, table: str) -> str:
    return f"{quoted(warehouse.database)}.{quoted(table)}"


def _size_of(folder: Path) -> int:
    """Return the bytes of all files; a file that vanishes meanwhile counts nothing."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            file = Path(path) / name
            total += file.stat().st_size if file.exists() else 0
    return total


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _write_synced(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
