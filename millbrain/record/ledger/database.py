"""Connections to the ledger's database: SQLite by default, PostgreSQL by URL.

Every read runs in `Database.read`, every change in `Database.write`. On SQLite a writer takes the
lock at its first statement (BEGIN IMMEDIATE): a transaction that starts as a reader and then wants
to write would fail at once instead of waiting when another process wrote in between.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite

from millbrain.core.errors import SettingsError, StoreError, StoreFullError

BUSY_MS_MAX: Final = 10_000  # how long a writer waits for another one
CONNECTIONS_MAX: Final = 40  # as many as the web process has threads
MIGRATION_LOCK: Final = 0x6D696C6C  # PostgreSQL advisory lock that serialises migrations


class Database:
    """A pool of connections to one ledger.

    Parameters
    ----------
    url
        SQLAlchemy URL: ``sqlite:///<file>`` or ``postgresql://user:password@host/name``.

    """

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(parsed) if self.is_sqlite else _postgres_engine(parsed)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection for reading one consistent state."""
        with _translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, *, is_synced: bool = True) -> Iterator[sa.Connection]:
        """Give a connection whose changes are committed together, or not at all on an error.

        is_synced: on disk when this returns. Else it is on disk soon: a killed process loses
        nothing, a power cut may lose the newest. For what can be found out again.
        """
        with _translated(), self.engine.connect() as connection:
            connection.execution_options(ledger_write=True)
            with self._waiting_for_disk(connection, is_synced), connection.begin():
                if not is_synced and not self.is_sqlite:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection

    @contextmanager
    def _waiting_for_disk(self, connection: sa.Connection, is_synced: bool) -> Iterator[None]:
        """Let SQLite's commit return before the disk has it; outside of a transaction only."""
        if is_synced or not self.is_sqlite:
            yield
            return
        raw: Any = connection.connection.driver_connection
        raw.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            raw.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        """Give a writing connection that no other process migrates beside."""
        with self.write() as connection:
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            yield connection

    def upsert(self, table: sa.Table, keys: list[str], values: list[str]) -> sa.Insert:
        """Return an INSERT that changes `values` of a row whose `keys` are there already."""
        if self.is_sqlite:
            lite = sqlite.insert(table)
            return lite.on_conflict_do_update(keys, set_={v: lite.excluded[v] for v in values})
        post = postgresql.insert(table)
        return post.on_conflict_do_update(
            index_elements=keys, set_={v: post.excluded[v] for v in values}
        )

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as e:
        raise SettingsError(f"ledger URL is not an SQLAlchemy URL: {e}") from e
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise SettingsError(
            f"ledger URL names {backend} {parsed.database or ''!r};"
            " allowed are sqlite:///<file> and postgresql://..."
        )
    return parsed


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url, pool_size=8, max_overflow=CONNECTIONS_MAX - 8)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours, see below
        for pragma in (
            f"busy_timeout = {BUSY_MS_MAX}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        is_write = connection.get_execution_options().get("ledger_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

    return engine


def _postgres_engine(url: sa.URL) -> sa.Engine:
    return sa.create_engine(
        url,
        pool_size=8,
        max_overflow=CONNECTIONS_MAX - 8,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5},
    )


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the database reports into the errors that callers know."""
    try:
        yield
    except sa.exc.IntegrityError:
        raise  # the caller knows which rule it asked for and says so in its own words
    except sa.exc.SQLAlchemyError as e:
        text = str(getattr(e, "orig", None) or e)
        if "disk is full" in text or "No space left" in text:
            raise StoreFullError(f"the ledger has no space left: {text}") from e
        raise StoreError(f"the ledger refused: {text}; nothing was changed") from e
