"""The data dictionary: what every table and column means, straight from the declarations."""

from collections.abc import Sequence

from millbrain.core.tables import Column, Table
from millbrain.record.ddl import column_type
from millbrain.show.queries.rows import Row


def dictionary(tables: Sequence[Table]) -> list[Row]:
    """Return every table with its columns, types, units and code lists."""
    return [
        {
            "name": t.name,
            "meaning": t.meaning,
            "meaning_zh": t.meaning_zh,
            "order_by": list(t.order_by),
            "partition_by": t.partition_by,
            "keep_days": t.keep_days,
            "columns": [_column(c, t) for c in t.columns],
        }
        for t in tables
    ]


def _column(column: Column, table: Table) -> Row:
    unit = column.unit
    return {
        "name": column.name,
        "type": column_type(column),
        "meaning": column.meaning,
        "meaning_zh": column.meaning_zh,
        "unit": unit.symbol if unit else "",
        "quantity": unit.quantity if unit else "",
        "quantity_zh": unit.quantity_zh if unit else "",
        "missing": column.missing,
        "key": column.name in table.order_by,
        "codes": [
            {"value": value, "name": en, "name_zh": zh} for value, (en, zh) in column.codes.items()
        ],
    }
