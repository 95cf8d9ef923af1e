"""Run a room's declared query: placeholders bound, sorted, one page of it, or all for an export.

The author's text stands inside a SELECT of the declared columns, so what leaves is what was
declared. Names that are written into the text come from the declaration, values never do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from millbrain.core import limits
from millbrain.core.pages import OPERATOR, Query
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import Row, rows_of

_TOTAL: Final = "rows_total"


@dataclass(frozen=True, slots=True)
class Slice:
    """Which rows: sorted by a column of the query (empty = as declared), from an offset on."""

    sort: str = ""
    order: str = "asc"
    offset: int = 0
    size: int = 50


def answer(
    warehouse: Warehouse, query: Query, values: Mapping[str, Any], operator: str, part: Slice
) -> tuple[list[Row], int, str | None]:
    """Return rows, how many there are over all pages, and as of when (None = as of now).

    values: by argument. operator: the organisation whose rows are asked for, empty = all.
    """
    params = _bound(values, operator) | {"rows_size": part.size, "rows_offset": part.offset}
    names = ", ".join(c.name for c in query.columns)
    sql = (
        f"SELECT {names}, count() OVER () AS {_TOTAL} FROM ({query.sql}) "
        f"ORDER BY {_order(query, part)} LIMIT {{rows_size:UInt32}} OFFSET {{rows_offset:UInt32}}"
    )
    rows = rows_of(warehouse.query(sql, params), query.columns)
    total = rows[0][_TOTAL] if rows else _count(warehouse, query, params, part)
    for row in rows:
        del row[_TOTAL]
    return rows, total, max((r["as_of"] for r in rows if r.get("as_of")), default=None)


def export(
    warehouse: Warehouse, query: Query, values: Mapping[str, Any], operator: str, part: Slice
) -> pa.Table:
    """Return all rows up to the limit of an export; a list becomes one text, parted by ``;``."""
    names = ", ".join(_flat(c.name) if c.many else c.name for c in query.columns)
    sql = (
        f"SELECT {names} FROM ({query.sql}) "
        f"ORDER BY {_order(query, part)} LIMIT {limits.EXPORT_ROWS_MAX}"
    )
    return warehouse.query(sql, _bound(values, operator))


def table(warehouse: Warehouse, query: Query, values: Mapping[str, Any], operator: str) -> pa.Table:
    """Return all rows up to the limit of an export, as they are, in declared order."""
    names = ", ".join(c.name for c in query.columns)
    sql = (
        f"SELECT {names} FROM ({query.sql}) "
        f"ORDER BY {_order(query, Slice())} LIMIT {limits.EXPORT_ROWS_MAX}"
    )
    return warehouse.query(sql, _bound(values, operator))


def _flat(name: str) -> str:
    each = "if(toString(x) IN ('nan', 'inf', '-inf'), '', toString(x))"
    return f"arrayStringConcat(arrayMap(x -> {each}, {name}), ';') AS {name}"


def _count(warehouse: Warehouse, query: Query, params: Row, part: Slice) -> int:
    """Count all rows where the asked page lies behind the last one."""
    if not part.offset:
        return 0
    counted = warehouse.query(f"SELECT count() AS n FROM ({query.sql})", params)
    return int(rows_of(counted)[0]["n"])


def _bound(values: Mapping[str, Any], operator: str) -> Row:
    return {**values, OPERATOR: operator}


def _order(query: Query, part: Slice) -> str:
    """Return the sorting; what is asked for first, then as declared, so that pages do not mix."""
    asked = [(part.sort, "DESC" if part.order == "desc" else "ASC")] if part.sort else []
    return ", ".join(f"{n} {d} NULLS LAST" for n, d in [*asked, *query.sorting(query.order)])
