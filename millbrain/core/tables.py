"""How a warehouse table is declared: once, as data.

From one `Table` come the Arrow schema that batches are written with (`arrow_batch`), the ClickHouse
DDL in its plain, replicated and distributed forms (`record.ddl`), the data dictionary page and the
API documentation. The shared tables themselves stand in `core.facts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from millbrain.core.columns import Columns, Ragged
from millbrain.core.units import Unit, unit_of

# kind -> Arrow type. A ClickHouse type for each stands in record.ddl; nothing else maps types.
ARROW_TYPES: Final[Mapping[str, pa.DataType]] = {
    "u8": pa.uint8(),
    "u16": pa.uint16(),
    "u32": pa.uint32(),
    "u64": pa.uint64(),
    "i16": pa.int16(),
    "i32": pa.int32(),
    "i64": pa.int64(),
    "f32": pa.float32(),
    "f64": pa.float64(),
    "text": pa.binary(),  # UTF-8, many different values
    "name": pa.binary(),  # UTF-8, few different values (a link, a reason, a state)
    "blob": pa.binary(),  # any bytes
    "at_s": pa.uint32(),  # instant, whole seconds since 1970 UTC
    "at_ms": pa.timestamp("ms", "UTC"),  # instant, milliseconds
    "day": pa.uint16(),  # date, days since 1970, in the plant's time zone
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name (unit last), kind, meaning in both languages, and how it is kept.

    many: the column holds a list per row. missing: a row may have no value (NULL). codes: value ->
    (English, Chinese) where the values are a code list. latest: the newest value of each thing is
    kept in the live table too. block: bit of the `blocks` mask that says whether the report carried
    the column at all, -1 where every report does.
    """

    name: str
    kind: str
    meaning: str
    meaning_zh: str
    many: bool = False
    missing: bool = False
    codes: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    latest: bool = False
    block: int = -1

    @property
    def unit(self) -> Unit | None:
        """The unit that the name ends in."""
        return unit_of(self.name)

    @property
    def blank(self) -> int:
        """The number a row holds that carried no value, in a column that is never NULL."""
        return 255 if 255 in self.codes else 0

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of the column, a list type where `many`."""
        scalar = ARROW_TYPES[self.kind]
        return pa.list_(pa.field("item", scalar, nullable=False)) if self.many else scalar

    @property
    def arrow_field(self) -> "pa.Field[Any]":
        """The Arrow field: a reader need not look for NULL where there can be none."""
        return pa.field(self.name, self.arrow_type, nullable=self.missing)


@dataclass(frozen=True, slots=True)
class Table:
    """One warehouse table.

    order_by: the sorting key, which is also the lookup key. partition_by: a ClickHouse expression
    over the columns; one commit must fall into one partition, since a part is what is atomic.
    keep_days: rows older than that by `keep_by` are dropped; 0 keeps them for ever. newest_by: rows
    of one sorting key are versions of each other, of which the one with the largest value of this
    column holds; readers say ``FINAL``. Versions must fall into one partition. void_by: a u8 column
    that is 1 in a version which says that the row no longer holds; ``FINAL`` leaves such rows out.
    granule_rows: rows that are read together, 0 = the engine's 8,192; few where rows are long lists
    and one thing is looked up at a time.
    """

    name: str
    meaning: str
    meaning_zh: str
    columns: tuple[Column, ...]
    order_by: tuple[str, ...]
    partition_by: str = ""
    keep_days: int = 0
    keep_by: str = "received_at"
    newest_by: str = ""
    void_by: str = ""
    granule_rows: int = 0

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name!r}")

    def arrow_schema(self) -> pa.Schema:
        """Return the Arrow schema of all columns in declared order."""
        return pa.schema([c.arrow_field for c in self.columns])


def arrow_batch(table: Table, columns: Columns) -> pa.RecordBatch:
    """Wrap NumPy columns as an Arrow batch of the table, without copying numeric values.

    Columns that `columns` does not carry are left out of the batch; the warehouse then stores their
    default (NULL or an empty list), which costs next to nothing.
    """
    present = [c for c in table.columns if c.name in columns.values]
    arrays = [_arrow_array(c, columns) for c in present]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([c.arrow_field for c in present]))


def _arrow_array(column: Column, columns: Columns) -> "pa.Array[Any]":
    values = columns.values[column.name]
    scalar = ARROW_TYPES[column.kind]
    if isinstance(values, Ragged):
        if column.many:
            inner: pa.Array[Any] = pa.array(values.values).cast(scalar, safe=False)
            offsets: pa.Int32Array = pa.array(values.offsets, pa.int32())
            return pa.ListArray.from_arrays(offsets, inner, type=column.arrow_type)
        return _binary(values)
    mask = columns.missing.get(column.name)
    if pa.types.is_binary(scalar):
        text: Any = pa.array(values, pa.binary(), mask=mask)  # NumPy ``S`` loses its NUL padding
        # Above 16 MiB Arrow cuts NumPy texts into chunks, which a batch cannot hold.
        return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    if column.kind == "at_ms":
        values = values.astype("datetime64[ms]")
        return pa.array(values, pa.timestamp("ms"), mask=mask).cast(scalar)
    return pa.array(values, mask=mask).cast(scalar, safe=False)


def _binary(values: Ragged) -> "pa.Array[Any]":
    """Bytes of any length: the `Ragged` buffers are Arrow's own layout already."""
    raw = np.ascontiguousarray(values.values[: values.offsets[-1]], np.uint8)
    bounds = pa.py_buffer(np.ascontiguousarray(values.offsets).data)
    buffers = [None, bounds, pa.py_buffer(raw.data)]
    return pa.Array.from_buffers(pa.binary(), len(values.offsets) - 1, buffers)
