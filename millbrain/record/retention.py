"""Lets go of old facts: whole partitions, once every row in them is past its keeping time.

A partition is named after its day or month, so nothing is read to decide, and dropping it costs the
same whether it holds a thousand rows or a billion.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from millbrain.core.errors import StoreError
from millbrain.core.tables import Table
from millbrain.core.times import utc_from_epoch
from millbrain.record import ddl
from millbrain.record.values import quoted, text_literal
from millbrain.record.warehouse import Warehouse

_BY_DATE: Final = re.compile(r"toYYYYMM(DD)?\((\w+)\)")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A partition that was dropped: of which table, its name (20260131 or 202601), its rows."""

    table: str
    partition: str
    rows: int


def sweep(
    warehouse: Warehouse,
    tables: Sequence[Table],
    form: ddl.Form = "plain",
    now: datetime | None = None,
) -> list[Dropped]:
    """Drop the partitions of `tables` whose every row is older than `keep_days`.

    Parameters
    ----------
    warehouse
        Where the tables are; those that do not exist there are passed over.
    tables
        Declarations; `keep_days` 0 keeps for ever.
    form
        The form that the tables were created in.
    now
        The present, for tests; the clock's time where None.

    Raises
    ------
    StoreError
        A table's partitions are not days or months of its `keep_by` column.
    """
    today = (now or utc_from_epoch(time.time())).astimezone(UTC).date()
    dropped: list[Dropped] = []
    for table in tables:
        if table.keep_days:
            dropped.extend(_swept(warehouse, table, form, today))
    return dropped


def _swept(warehouse: Warehouse, table: Table, form: ddl.Form, today: date) -> list[Dropped]:
    _check_partition(table)
    name = ddl.local_name(table) if form == "distributed" else table.name
    where = "" if form == "plain" else ddl.ON_CLUSTER
    oldest = today - timedelta(days=table.keep_days)
    dropped: list[Dropped] = []
    for partition, rows in _partitions(warehouse, name, form):
        if last_day(partition) < oldest:
            # Without the setting, the engine refuses to drop more than 50 GB.
            warehouse.execute(
                f"ALTER TABLE {quoted(name)}{where} DROP PARTITION ID {text_literal(partition)} "
                "SETTINGS max_partition_size_to_drop = 0"
            )
            dropped.append(Dropped(table.name, partition, rows))
    return dropped


def _check_partition(table: Table) -> None:
    found = _BY_DATE.fullmatch(table.partition_by)
    if not found or found.group(2) != table.keep_by:
        raise StoreError(
            f"table {table.name} is kept {table.keep_days} days by {table.keep_by}, but is "
            f"partitioned by {table.partition_by or 'nothing'}; allowed is "
            f"toYYYYMMDD({table.keep_by}) or toYYYYMM({table.keep_by})"
        )


def _partitions(warehouse: Warehouse, name: str, form: ddl.Form) -> list[tuple[str, int]]:
    """Return name and rows of each partition, oldest first."""
    parts = "system.parts" if form == "plain" else "clusterAllReplicas('{cluster}', system.parts)"
    rows = warehouse.query(
        f"SELECT partition_id, toUInt64(sum(rows)) AS rows FROM {parts} WHERE active "
        "AND database = {database:String} AND table = {table:String} "
        "GROUP BY partition_id ORDER BY partition_id",
        {"database": warehouse.database, "table": name},
    ).to_pylist()
    return [(r["partition_id"], r["rows"]) for r in rows]


def last_day(partition: str) -> date:
    """Return the last day that a partition may hold.

    >>> last_day("20260131"), last_day("202602")
    (datetime.date(2026, 1, 31), datetime.date(2026, 2, 28))
    """
    year, month = int(partition[:4]), int(partition[4:6])
    if len(partition) == 8:
        return date(year, month, int(partition[6:]))
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
