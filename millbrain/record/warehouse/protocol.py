"""The one face of the warehouse, whether the engine is in this process or a cluster elsewhere."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import pyarrow as pa

from millbrain.core.tables import Table


class Warehouse(Protocol):
    """Where facts are kept and asked for. Safe to call from any thread.

    Queries carry values as ``{name:Type}`` placeholders with `params`, never in the text. A list
    becomes an array, an aware datetime its UTC text, None becomes NULL (``Nullable`` types only).
    """

    @property
    def database(self) -> str:
        """Name of the database that unqualified table names refer to."""
        ...

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> pa.Table:
        """Run a query and return its rows as Arrow.

        ``DateTime`` columns come back as uint32 seconds, ``DateTime64(3)`` as timestamp[ms, UTC].

        Raises
        ------
        LimitError
            The query ran into a limit of time, memory or size.
        StoreError
            The engine refused the query or is gone.

        """
        ...

    def batches(
        self, sql: str, params: Mapping[str, Any] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Run a query and yield its rows as they come, for answers too long to be held at once.

        An answer without rows may yield nothing. Raises as `query` does, in the midst of it too.
        """
        ...

    def query_bytes(self, sql: str, fmt: str, params: Mapping[str, Any] | None = None) -> bytes:
        """Run a query and return its answer in a ClickHouse format such as ``JSONEachRow``."""
        ...

    def insert(self, table: Table, batch: pa.RecordBatch, into: str | None = None) -> None:
        """Store a batch as one part: all of it or nothing. On disk when this returns.

        The batch must fall into one partition and carry columns of `table` only; those that it
        leaves out take their default. into: another table of the same columns.

        Raises
        ------
        StoreFullError
            The disk is full; the same batch may be tried again later.
        StoreError
            Anything else; nothing was stored.

        """
        ...

    def execute(self, sql: str) -> None:
        """Run a statement that returns no rows: DDL, OPTIMIZE, BACKUP."""
        ...

    def aside(self) -> "Warehouse":
        """Return the same warehouse for work that nobody waits for.

        Its queries leave cores to those of people and devices.
        """
        ...

    def close(self) -> None:
        """Let the running calls end, then let go of everything. Calls after that raise."""
        ...
