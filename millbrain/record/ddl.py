"""ClickHouse DDL of a declared table, in three forms from one source.

``plain``: MergeTree, for the embedded engine and a single server. ``replicated``: the same on
every replica of a cluster. ``distributed``: replicated tables named ``<name>_local`` on every
shard, and a Distributed table of the declared name over them. The cluster forms use the server's
macros {cluster}, {shard} and {replica}. Pure: `record.warehouse.tables` runs the statements.
"""

from collections.abc import Mapping
from typing import Final, Literal

from millbrain.core.errors import StoreError
from millbrain.core.tables import Column, Table
from millbrain.record.values import quoted, text_literal

Form = Literal["plain", "replicated", "distributed"]

# kind -> ClickHouse type and codec. T64 drops the unused high bits of integers, Delta makes clocks
# small; both cost less CPU than they save in LZ4. Text of many values is the only one worth ZSTD.
_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "u8": ("UInt8", "T64, LZ4"),
    "u16": ("UInt16", "T64, LZ4"),
    "u32": ("UInt32", "T64, LZ4"),
    "u64": ("UInt64", "T64, LZ4"),
    "i16": ("Int16", "T64, LZ4"),
    "i32": ("Int32", "T64, LZ4"),
    "i64": ("Int64", "T64, LZ4"),
    "f32": ("Float32", "LZ4"),
    "f64": ("Float64", "LZ4"),
    "text": ("String", "ZSTD(1)"),
    "name": ("LowCardinality(String)", "LZ4"),
    "blob": ("String", "ZSTD(1)"),
    "at_s": ("DateTime('UTC')", "Delta, LZ4"),
    "at_ms": ("DateTime64(3, 'UTC')", "Delta, LZ4"),
    "day": ("Date", "T64, LZ4"),
}
_SETTINGS: Final[Mapping[str, int]] = {
    # An insert that has returned survives a power cut: the files and their folder are synced.
    "fsync_after_insert": 1,
    "fsync_part_directory": 1,
    # A part of one commit stays one file to sync; as one file a column it would be some 80.
    # A merged part is wide, so that columns are merged one by one: a fifth cheaper than row by row.
    "min_bytes_for_wide_part": 32 << 20,
    # A merge costs 3 us a row whatever its size, so merges wait until they join many parts: a row
    # is then rewritten once in the first minute instead of twice (measured at 20,000-row commits).
    "merge_selector_base": 32,
}
_REPLICA: Final = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"
ON_CLUSTER: Final = " ON CLUSTER '{cluster}'"


def column_type(column: Column) -> str:
    """Return the ClickHouse type of a column."""
    scalar, _ = _TYPES[column.kind]
    if column.many:
        return f"Array({scalar})"
    if not column.missing:
        return scalar
    if column.kind == "name":
        return "LowCardinality(Nullable(String))"
    return f"Nullable({scalar})"


def column_comment(column: Column) -> str:
    """Return meaning, unit and Chinese meaning as the comment kept with the column."""
    unit = f" [{column.unit.symbol}]" if column.unit and column.unit.symbol else ""
    return f"{column.meaning}{unit} · {column.meaning_zh}"


def create_statements(table: Table, form: Form = "plain", *, name: str = "") -> list[str]:
    """Return the statements that create the table where it does not exist yet.

    name: create it under another name with the same columns (plain form), for tables that are
    rebuilt beside the old one and exchanged.
    """
    if form == "plain":
        return [_merge_tree(table, name or table.name, "", _engine(table))]
    if form == "replicated":
        return [_merge_tree(table, table.name, ON_CLUSTER, _engine(table, _REPLICA))]
    local = local_name(table)
    return [
        _merge_tree(table, local, ON_CLUSTER, _engine(table, _REPLICA)),
        _distributed(table, local),
    ]


def _engine(table: Table, replica: str = "") -> str:
    kind = ("Replicated" if replica else "") + ("Replacing" if table.newest_by else "")
    given = ", ".join(part for part in (replica, table.newest_by, table.void_by) if part)
    return f"{kind}MergeTree" + (f"({given})" if given else "")


def local_name(table: Table) -> str:
    """Return the name of the table on each shard in the distributed form."""
    return f"{table.name}_local"


def migrate_statements(
    table: Table, stored: Mapping[str, tuple[str, str]], form: Form = "plain"
) -> list[str]:
    """Return the statements that bring an existing table up to its declaration.

    Columns may be added and comments reworded; a column that is no longer declared is left alone.

    Parameters
    ----------
    table
        The declaration.
    stored
        Column name -> (type, comment) as the engine reports them.
    form
        The form that the table was created in.

    Raises
    ------
    StoreError
        A column's type differs from the declared one: that needs a decision, not a guess.
    """
    names = (local_name(table), table.name) if form == "distributed" else (table.name,)
    where = "" if form == "plain" else ON_CLUSTER
    changes = _changes(table, stored)
    if not changes:
        return []
    return [f"ALTER TABLE {quoted(n)}{where} {', '.join(changes)}" for n in names]


def check_keys(table: Table, sorting_key: str, partition_key: str) -> None:
    """Refuse a table whose sorting or partition key differs from its declaration.

    Raises
    ------
    StoreError
        Neither key can be changed in place.
    """
    declared = (", ".join(table.order_by), table.partition_by)
    for what, now, wanted in zip(
        ("sorted by", "partitioned by"), (sorting_key, partition_key), declared, strict=True
    ):
        if _squeezed(now) != _squeezed(wanted):
            raise StoreError(
                f"table {table.name} is stored {what} ({now}), this version declares ({wanted}); "
                "that cannot be changed in place: move the old table away (RENAME TABLE) and "
                "start again, or run the version that wrote it"
            )


def _squeezed(expression: str) -> str:
    return expression.replace(" ", "").replace("`", "").removeprefix("(").removesuffix(")")


def _changes(table: Table, stored: Mapping[str, tuple[str, str]]) -> list[str]:
    changes: list[str] = []
    after = "FIRST"
    for column in table.columns:
        if column.name not in stored:
            changes.append(f"ADD COLUMN {_column(column)} {after}")
        else:
            changes.extend(_reworded(table, column, *stored[column.name]))
        after = f"AFTER {quoted(column.name)}"
    return changes


def _reworded(table: Table, column: Column, kind: str, comment: str) -> list[str]:
    wanted = column_type(column)
    if kind.replace(" ", "") != wanted.replace(" ", ""):
        raise StoreError(
            f"table {table.name}: column {column.name} is stored as {kind}, this version declares "
            f"{wanted}; types are not changed by themselves: give the column a new name, or "
            "convert it by hand (ALTER TABLE ... MODIFY COLUMN) while nothing is taken in"
        )
    if comment == column_comment(column):
        return []
    return [f"COMMENT COLUMN {quoted(column.name)} {text_literal(column_comment(column))}"]


def _column(column: Column, *, codec: bool = True) -> str:
    """Return one column's declaration."""
    text = f"{quoted(column.name)} {column_type(column)}"
    text += f" COMMENT {text_literal(column_comment(column))}"
    return text + (f" CODEC({_TYPES[column.kind][1]})" if codec else "")


def _columns(table: Table, *, codec: bool = True) -> list[str]:
    return [_column(c, codec=codec) for c in table.columns]


def _merge_tree(table: Table, name: str, where: str, engine: str) -> str:
    parts = _columns(table)
    if any(c.name == "batch" for c in table.columns):
        # Commits are numbered upwards: what is new since one is found without reading the rest.
        parts.append("INDEX batch_range batch TYPE minmax GRANULARITY 1")
    if table.order_by[:2] == ("vin", "device_at"):
        # A late report is looked for by vehicle and instant, whatever day it arrived on.
        parts.append("INDEX device_at_range device_at TYPE minmax GRANULARITY 1")
    chosen = dict(_SETTINGS)
    if table.granule_rows:
        chosen["index_granularity"] = table.granule_rows
    settings = ", ".join(f"{k} = {v}" for k, v in chosen.items())
    lines = [
        f"CREATE TABLE IF NOT EXISTS {quoted(name)}{where} (\n  " + ",\n  ".join(parts) + "\n)",
        f"ENGINE = {engine}",
        f"PARTITION BY {table.partition_by}" if table.partition_by else "",
        f"ORDER BY ({', '.join(quoted(n) for n in table.order_by)})",
        f"SETTINGS {settings}",
        f"COMMENT {text_literal(_table_comment(table))}",
    ]
    return "\n".join(line for line in lines if line)


def _distributed(table: Table, local: str) -> str:
    # Sharded by commit where there is one, so that a commit stays one part on one shard, atomic;
    # versions of one row must meet on one shard.
    has_batch = any(c.name == "batch" for c in table.columns) and not table.newest_by
    key = "batch" if has_batch else table.order_by[0]
    body = ",\n  ".join(_columns(table, codec=False))
    return (
        f"CREATE TABLE IF NOT EXISTS {quoted(table.name)}{ON_CLUSTER} (\n  {body}\n)\n"
        f"ENGINE = Distributed('{{cluster}}', currentDatabase(), {text_literal(local)}, "
        f"cityHash64({quoted(key)}))\nCOMMENT {text_literal(_table_comment(table))}"
    )


def _table_comment(table: Table) -> str:
    return f"{table.meaning} · {table.meaning_zh}"
