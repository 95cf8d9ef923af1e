"""Rows of the room's tables as versions: written where they differ, void where they no longer hold.

Whoever looks again at the same reports writes nothing, so a look that was cut off anywhere is
simply repeated.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import reading
from millbrain.core.columns import Columns
from millbrain.core.rooms import Facts
from millbrain.core.tables import Column, Table, arrow_batch

_READ: Final = {"at_s": "toUInt32({})", "day": "toUInt16({})", "name": "toString({})"}
_READ_FAST: Final = _READ | {"at_ms": "toUnixTimestamp64Milli({})"}
_VIN: Final = f"toFixedString({{}}, {reading.VIN_BYTES})"
_MONTHS: Final = {"at_s": "datetime64[s]", "day": "datetime64[D]"}

Row = tuple[Any, ...]


def settle(
    facts: Facts, table: Table, found: Columns, where: str, params: Mapping[str, Any],
    as_of_ms: int,
) -> int:  # fmt: skip
    """Make the rows that a condition picks those that were found; return the versions written.

    where, params: the rows that the look has seen the whole truth of. A stored one that was not
    found becomes void. as_of_ms: instant of the versions [ms since 1970 UTC].
    """
    names = [c for c in table.columns if c.name not in ("as_of", table.void_by)]
    keys = [i for i, c in enumerate(names) if c.name in table.order_by]
    stored = _stored(facts, table, names, where, params)
    old = {tuple(row[i] for i in keys): row for row in stored}
    rows = _rows(names, found)
    new = [place for place, row in enumerate(rows)
           if old.pop(tuple(row[i] for i in keys), None) != row]  # fmt: skip
    fresh = found.take(np.array(new, np.intp))
    fresh.values["as_of"] = np.full(len(new), as_of_ms, np.int64)
    _insert(facts, table, fresh)
    _insert(facts, table, _void(table, names, list(old.values()), as_of_ms))
    return len(new) + len(old)


def read(facts: Facts, table: Table, where: str, params: Mapping[str, Any]) -> Columns:
    """Return the rows in force that a condition picks, as columns."""
    picked = ", ".join(
        (_VIN if c.name == "vin" else _READ_FAST.get(c.kind, "`{}`")).format(c.name)
        + f" AS {c.name}_"
        for c in table.columns
        if c.name != table.void_by
    )
    sql = f"SELECT {picked} FROM {table.name} FINAL WHERE {where} {reading.PLAIN}"
    answer = facts.query(sql, params)
    known = reading.columns_of(answer)
    masks = {
        name.removesuffix("_"): np.asarray(answer.column(name).is_null())
        for name in answer.column_names
        if answer.column(name).null_count
    }
    return Columns(known.rows, known.values, masks)


def _stored(
    facts: Facts, table: Table, names: list[Column], where: str, params: Mapping[str, Any]
) -> list[Row]:
    picked = ", ".join(_READ.get(c.kind, "`{}`").format(c.name) + f" AS {c.name}_" for c in names)
    answer = facts.query(f"SELECT {picked} FROM {table.name} FINAL WHERE {where}", params)
    return list(zip(*(map(_plain, c.to_pylist()) for c in answer.columns), strict=True))


def _rows(names: list[Column], columns: Columns) -> list[Row]:
    """Return rows as the warehouse would give them back."""
    lists = []
    for column in names:
        values = [_plain(v) for v in columns.array(column.name).tolist()]
        mask = columns.missing.get(column.name)
        if mask is not None:
            values = [None if gone else v for v, gone in zip(values, mask, strict=True)]
        lists.append(values)
    return list(zip(*lists, strict=True))


def _columns(names: list[Column], rows: list[Row]) -> Columns:
    values: dict[str, Any] = {}
    missing: dict[str, NDArray[np.bool_]] = {}
    for i, column in enumerate(names):
        own = [row[i] for row in rows]
        if column.kind in ("text", "name"):
            values[column.name] = np.array(own, "S") if own else np.zeros(0, "S1")
            continue
        kind = np.dtype(str(column.arrow_type)) if column.kind[0] in "uif" else np.dtype("u4")
        values[column.name] = np.array([0 if v is None else v for v in own], kind)
        if column.missing:
            missing[column.name] = np.array([v is None for v in own], np.bool_)
    return Columns(len(rows), values, missing)


def _void(table: Table, names: list[Column], rows: list[Row], as_of_ms: int) -> Columns:
    columns = _columns(names, rows)
    columns.values["as_of"] = np.full(len(rows), as_of_ms, np.int64)
    columns.values[table.void_by] = np.ones(len(rows), np.uint8)
    return columns


def _insert(facts: Facts, table: Table, rows: Columns) -> None:
    """Insert rows, those of one calendar month at once."""
    if not rows.rows:
        return
    if not table.partition_by:
        facts.insert(table, arrow_batch(table, rows))
        return
    by = table.column(table.keep_by)
    months = rows.array(by.name).astype(np.int64).astype(_MONTHS[by.kind]).astype("datetime64[M]")
    for month in np.unique(months):
        part = rows.take(np.flatnonzero(months == month))
        facts.insert(table, arrow_batch(table, part))


def _plain(value: Any) -> Any:
    """Return text as bytes: one engine answers with text, another with bytes."""
    return value.encode() if isinstance(value, str) else value
