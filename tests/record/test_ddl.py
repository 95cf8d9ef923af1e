"""The declared tables as DDL: three forms that parse, one that runs; migration adds or refuses."""

import dataclasses

import pyarrow as pa
import pytest

from millbrain.core.errors import StoreError
from millbrain.core.facts import INTAKE, SHARED_TABLES, VEHICLE_REPORT
from millbrain.core.tables import Column, Table
from millbrain.record import ddl
from millbrain.record.warehouse import create_tables
from millbrain.record.warehouse.embedded import EmbeddedWarehouse

SMALL = Table(
    "small",
    "A table",
    "表",
    (
        Column("vin", "text", "It's a vehicle", "车辆"),
        Column("batch", "u64", "Commit", "批次"),
        Column("speed_kmh", "f32", "Speed", "车速", missing=True),
    ),
    order_by=("vin", "batch"),
    partition_by="intDiv(batch, 1000)",
)


def test_the_plain_form_written_out():
    assert ddl.create_statements(SMALL) == [
        "CREATE TABLE IF NOT EXISTS small (\n"
        "  vin String COMMENT 'It\\'s a vehicle · 车辆' CODEC(ZSTD(1)),\n"
        "  batch UInt64 COMMENT 'Commit · 批次' CODEC(T64, LZ4),\n"
        "  speed_kmh Nullable(Float32) COMMENT 'Speed [km/h] · 车速' CODEC(LZ4),\n"
        "  INDEX batch_range batch TYPE minmax GRANULARITY 1\n"
        ")\n"
        "ENGINE = MergeTree\n"
        "PARTITION BY intDiv(batch, 1000)\n"
        "ORDER BY (vin, batch)\n"
        "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, "
        "min_bytes_for_wide_part = 33554432, merge_selector_base = 32\n"
        "COMMENT 'A table · 表'"
    ]


def test_a_version_that_is_void_is_left_out_and_a_later_one_brings_the_row_back(
    warehouse: EmbeddedWarehouse,
):
    table = dataclasses.replace(
        SMALL, order_by=("vin",), partition_by="", newest_by="batch", void_by="is_void",
        columns=(*SMALL.columns, Column("is_void", "u8", "1 = it no longer holds", "已作废")),
    )  # fmt: skip
    assert "ReplacingMergeTree(batch, is_void)" in ddl.create_statements(table)[0]
    create_tables(warehouse, [table])
    seen = []
    for batch, is_void in ((1, 0), (2, 1), (3, 0)):
        warehouse.execute(
            f"INSERT INTO small (vin, batch, is_void) VALUES ('A', {batch}, {is_void})"
        )
        seen.append(warehouse.query("SELECT batch FROM small FINAL")["batch"].to_pylist())
    assert seen == [[1], [], [3]]


@pytest.mark.parametrize("form", ["plain", "replicated", "distributed"])
@pytest.mark.parametrize("table", SHARED_TABLES, ids=lambda t: t.name)
def test_every_form_of_every_table_parses(warehouse: EmbeddedWarehouse, table, form):
    for statement in ddl.create_statements(table, form):
        tree = warehouse.query_bytes(f"EXPLAIN AST {statement}", "LineAsString").decode()
        assert tree.startswith("CreateQuery")
        assert tree.count("ColumnDeclaration") == len(table.columns)


def test_the_cluster_forms_name_their_macros():
    local, over = ddl.create_statements(VEHICLE_REPORT, "distributed")
    assert "vehicle_report_local ON CLUSTER '{cluster}'" in local
    assert "ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')" in local
    assert "Distributed('{cluster}', currentDatabase(), 'vehicle_report_local'" in over
    assert "cityHash64(batch)" in over


def test_all_shared_tables_exist_after_creation_twice(warehouse: EmbeddedWarehouse):
    create_tables(warehouse, SHARED_TABLES)
    create_tables(warehouse, SHARED_TABLES)
    names = warehouse.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
    assert set(names["name"].to_pylist()) == {t.name for t in SHARED_TABLES}
    comment = warehouse.query(
        "SELECT comment FROM system.columns WHERE database = currentDatabase() "
        "AND table = 'vehicle_report' AND name = 'voltage_v'"
    )
    assert comment["comment"].to_pylist() == ["Total voltage [V] · 总电压"]


def test_every_column_takes_its_arrow_type_and_gives_it_back(warehouse: EmbeddedWarehouse):
    for table in SHARED_TABLES:
        create_tables(warehouse, [table])
        row = pa.RecordBatch.from_arrays(
            [_one(c) for c in table.columns], schema=table.arrow_schema()
        )
        warehouse.insert(table, row)
        assert warehouse.query(f"SELECT count() AS n FROM {table.name}")["n"].to_pylist() == [1]


def _one(column: Column) -> pa.Array:
    scalar = {"text": b"LDPGABAC2JN361504", "name": b"direct", "blob": b"\x23\xff\x00"}.get(
        column.kind, 1
    )
    if column.kind == "at_ms":
        return pa.array([1_700_000_000_000], pa.timestamp("ms", "UTC"))
    return pa.array([[scalar] if column.many else scalar], column.arrow_type)


def test_migration_adds_columns_where_they_are_declared(warehouse: EmbeddedWarehouse):
    create_tables(warehouse, [SMALL])
    warehouse.execute("INSERT INTO small VALUES ('a', 1, 2.5)")
    new = Column("soc_pct", "u8", "State of charge", "荷电状态", missing=True)
    vin, batch, speed = SMALL.columns
    reworded = dataclasses.replace(speed, meaning="Speed over ground")
    grown = dataclasses.replace(SMALL, columns=(vin, new, batch, reworded))
    create_tables(warehouse, [grown])
    columns = warehouse.query("DESCRIBE TABLE small").to_pylist()
    assert [c["name"] for c in columns] == ["vin", "soc_pct", "batch", "speed_kmh"]
    assert columns[1]["codec_expression"] == "T64, LZ4"
    assert columns[3]["comment"] == "Speed over ground [km/h] · 车速"
    assert warehouse.query("SELECT * FROM small").to_pylist() == [
        {"vin": "a", "soc_pct": None, "batch": 1, "speed_kmh": 2.5}
    ]


def test_migration_leaves_undeclared_columns_alone(warehouse: EmbeddedWarehouse):
    create_tables(warehouse, [SMALL])
    create_tables(warehouse, [dataclasses.replace(SMALL, columns=SMALL.columns[:2])])
    assert warehouse.query("DESCRIBE TABLE small").num_rows == 3


def test_migration_refuses_a_changed_type(warehouse: EmbeddedWarehouse):
    create_tables(warehouse, [SMALL])
    vin, batch, speed = SMALL.columns
    other = dataclasses.replace(SMALL, columns=(vin, batch, dataclasses.replace(speed, kind="f64")))
    with pytest.raises(StoreError, match=r"small: column speed_kmh is stored as Nullable\(Float32"):
        create_tables(warehouse, [other])


def test_migration_refuses_a_changed_key(warehouse: EmbeddedWarehouse):
    create_tables(warehouse, [SMALL])
    with pytest.raises(StoreError, match=r"small is stored sorted by \(vin, batch\)"):
        create_tables(warehouse, [dataclasses.replace(SMALL, order_by=("batch",))])
    with pytest.raises(StoreError, match="small is stored partitioned by"):
        create_tables(warehouse, [dataclasses.replace(SMALL, partition_by="")])


def test_migration_of_the_distributed_form_changes_both_tables():
    stored = {c.name: (ddl.column_type(c), ddl.column_comment(c)) for c in INTAKE.columns[1:]}
    local, over = ddl.migrate_statements(INTAKE, stored, "distributed")
    assert local.startswith("ALTER TABLE intake_local ON CLUSTER '{cluster}' ADD COLUMN batch ")
    assert over.startswith("ALTER TABLE intake ON CLUSTER '{cluster}' ADD COLUMN batch ")
