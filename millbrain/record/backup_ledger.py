"""The ledger's part of a backup: SQLite by its online backup, PostgreSQL by its own tools."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from millbrain.core.errors import StoreError

_SQLITE: Final = "ledger.sqlite"
_POSTGRES: Final = "ledger.dump"
_PAGES: Final = 1_000  # copied at a time, so that writers get their turn in between


def dump(url: str, folder: Path) -> str:
    """Write the ledger at `url` into `folder` while it is in use; return the file's name.

    Raises
    ------
    StoreError
        The ledger is not there, is damaged, or its tools are missing.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        _copy(Path(parsed.database or ""), folder / _SQLITE)
        return _SQLITE
    _tool(parsed, ("pg_dump", "--format=custom", "--no-owner", "--file", str(folder / _POSTGRES)))
    return _POSTGRES


def load(url: str, dumped: Path) -> None:
    """Replace the ledger at `url` by a file that `dump` wrote.

    Raises
    ------
    StoreError
        The file is of the other kind of database, or the database refused.
    """
    parsed = sa.make_url(url)
    kind = parsed.get_backend_name()
    if (dumped.name == _SQLITE) != (kind == "sqlite"):
        raise StoreError(
            f"the backup's ledger is {dumped.name}, the settings name a {kind} ledger; restore "
            "with a ledger of the same kind"
        )
    if kind == "sqlite":
        _copy(dumped, Path(parsed.database or ""))
        return
    _tool(parsed, (
        "pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", str(dumped),
    ))  # fmt: skip


def holds(url: str) -> str:
    """Say what the ledger at `url` holds, empty where it holds nothing or is not there."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return ""
    driver = "postgresql+psycopg" if parsed.get_backend_name() == "postgresql" else "sqlite"
    engine = sa.create_engine(parsed.set(drivername=driver))
    try:
        with engine.connect() as connection:
            for table in sorted(sa.inspect(connection).get_table_names()):
                if table == "alembic_version":
                    continue
                count = sa.select(sa.func.count()).select_from(sa.table(table))
                if rows := connection.scalar(count):
                    return f"table {table} has {rows} rows"
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"ledger {parsed!r}: it cannot be read ({error})") from error
    finally:
        engine.dispose()
    return ""


def _copy(source: Path, target: Path) -> None:
    """Copy a SQLite database as of one instant, whoever writes to it meanwhile."""
    if not source.is_file():
        raise StoreError(f"ledger {source} does not exist; nothing was copied")
    try:
        with (
            contextlib.closing(sqlite3.connect(source)) as read,
            contextlib.closing(sqlite3.connect(target)) as write,
        ):
            read.backup(write, pages=_PAGES, sleep=0.01)
            (state,) = write.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"ledger {source}: copying it to {target} failed ({error})") from error
    if state != "ok":
        raise StoreError(f"ledger {source} is damaged ({state}); the copy is of no use")
    target.chmod(0o600)


def _tool(url: sa.URL, command: Sequence[str]) -> None:
    """Run a PostgreSQL client tool; the password goes by the environment, not the process list."""
    # Debian keeps the tools of each version in a folder of its own; the newest dumps every older.
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))[::-1]
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *folders))
    program = shutil.which(command[0], path=path)
    if program is None:
        raise StoreError(
            f"{command[0]} was not found; it is part of the PostgreSQL client "
            "(apt-get install postgresql-client)"
        )
    where = {
        "PGHOST": url.host, "PGPORT": str(url.port or 5432), "PGUSER": url.username,
        "PGPASSWORD": url.password, "PGDATABASE": url.database,
        **{f"PG{k.upper()}": str(v) for k, v in url.query.items() if k in ("host", "sslmode")},
    }  # fmt: skip
    environment = os.environ | {k: str(v) for k, v in where.items() if v}
    ends = ("--dbname", url.database or "") if command[0] == "pg_restore" else ()
    ended = subprocess.run(
        [program, *command[1:], *ends], env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise StoreError(f"{command[0]} of ledger {url.database} failed: {ended.stderr.strip()}")
