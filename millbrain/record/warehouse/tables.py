"""Bring declared tables into being in a warehouse, and existing ones up to their declaration."""

from collections.abc import Sequence

from millbrain.core.tables import Table
from millbrain.record import ddl
from millbrain.record.warehouse.protocol import Warehouse


def create_tables(warehouse: Warehouse, tables: Sequence[Table], form: ddl.Form = "plain") -> None:
    """Create the tables that are not there; add columns that a declaration gained.

    Raises
    ------
    StoreError
        A stored column, sorting key or partition key contradicts the declaration.
    """
    for table in tables:
        stored = _columns(warehouse, table.name)
        if stored:
            data = ddl.local_name(table) if form == "distributed" else table.name
            ddl.check_keys(table, *_keys(warehouse, data))
        for statement in (
            ddl.migrate_statements(table, stored, form)
            if stored
            else ddl.create_statements(table, form)
        ):
            warehouse.execute(statement)


def _columns(warehouse: Warehouse, name: str) -> dict[str, tuple[str, str]]:
    rows = warehouse.query(
        "SELECT name, type, comment FROM system.columns "
        "WHERE database = {database:String} AND table = {table:String} ORDER BY position",
        {"database": warehouse.database, "table": name},
    ).to_pylist()
    return {r["name"]: (r["type"], r["comment"]) for r in rows}


def _keys(warehouse: Warehouse, name: str) -> tuple[str, str]:
    rows = warehouse.query(
        "SELECT sorting_key, partition_key FROM system.tables "
        "WHERE database = {database:String} AND name = {table:String}",
        {"database": warehouse.database, "table": name},
    ).to_pylist()
    return rows[0]["sorting_key"], rows[0]["partition_key"]
