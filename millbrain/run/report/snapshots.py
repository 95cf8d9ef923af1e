"""The warehouse as it was when a commit was the newest: later readings are not seen."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from millbrain.core.rooms import Facts
from millbrain.core.tables import Table

_READING: Final = re.compile(r"\bFROM reading\b(?!_)")


class FactsAt:
    """A warehouse whose readings end with a commit; see `core.rooms.Facts`. Read only."""

    def __init__(self, facts: Facts, batch: int) -> None:
        self._facts = facts
        self._source = f"FROM (SELECT * FROM reading WHERE batch <= {int(batch)}) AS reading"

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> pa.Table:
        """Return the rows of a query over what was stored up to the commit."""
        return self._facts.query(_READING.sub(self._source, sql), params)

    def batches(
        self, sql: str, params: Mapping[str, Any] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of such a query as they come."""
        return self._facts.batches(_READING.sub(self._source, sql), params)

    def insert(self, table: Table, batch: pa.RecordBatch, into: str | None = None) -> None:
        """Refuse: a snapshot is not written to."""
        raise TypeError("a snapshot of the warehouse is read only")
