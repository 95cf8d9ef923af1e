"""The warehouse, in process and by URL: the same facts, the same errors, whichever it is."""

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from millbrain.core.errors import LimitError, SettingsError, StoreError, StoreFullError
from millbrain.core.facts import SHARED_TABLES, VEHICLE_REPORT
from millbrain.core.tables import Column, Table
from millbrain.record.warehouse import create_tables, open_server
from millbrain.record.warehouse.embedded import EmbeddedWarehouse, open_embedded
from millbrain.record.warehouse.faults import write_error
from millbrain.record.warehouse.http import Role, query_app

SMALL = Table(
    "small",
    "A table",
    "表",
    (
        Column("vin", "text", "Vehicle", "车辆"),
        Column("batch", "u64", "Commit", "批次"),
        Column("link", "name", "Link", "链路"),
        Column("device_at", "at_s", "Device time", "设备时刻"),
        Column("received_at", "at_ms", "Arrival", "接收时刻"),
        Column("speed_kmh", "f32", "Speed", "车速", missing=True),
        Column("soc_pct", "u8", "Charge", "荷电状态", missing=True),
        Column("cells_mv", "u16", "Cells", "单体", many=True),
        Column("raw", "blob", "Bytes", "字节"),
        Column("longitude_deg", "f64", "Longitude", "经度", missing=True),
    ),
    order_by=("vin", "batch"),
)
AT_MS = 1_700_000_000_123


def rows(count: int, batch: int = 1) -> pa.RecordBatch:
    odd = np.arange(count) % 2 == 1
    offsets = np.arange(count + 1, dtype=np.int32) * 3
    arrays = [
        pa.array([f"V{i:06}".encode() for i in range(count)], pa.binary()),
        pa.array(np.full(count, batch), pa.uint64()),
        pa.array([b"city-01"] * count, pa.binary()),
        pa.array(np.arange(count) + 1_700_000_000, pa.uint32()),
        pa.array(np.arange(count) + AT_MS, pa.timestamp("ms", "UTC")),
        pa.array(np.arange(count, dtype=np.float32) / 2, mask=odd),
        pa.array((np.arange(count) % 101).astype(np.uint8), mask=odd),
        pa.ListArray.from_arrays(offsets, pa.array(np.arange(3 * count) % 60_000, pa.uint16())),
        pa.array([b"##\x00\xff'\\" + bytes([i % 256]) for i in range(count)], pa.binary()),
        pa.array(np.full(count, 106.5)),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SMALL.arrow_schema())


@pytest.fixture(params=["embedded", "server"])
def either(request, warehouse, serving):
    if request.param == "embedded":
        yield warehouse
        return
    app = query_app(warehouse, lambda _, password: Role.WRITER if password == "key" else None)
    with serving(app) as port:
        opened = open_server(f"http://millbrain:key@127.0.0.1:{port}/{warehouse.database}")
        yield opened
        opened.close()


def test_rows_come_back_as_they_went_in(either):
    create_tables(either, [SMALL])
    either.insert(SMALL, rows(5))
    back = either.query("SELECT * EXCEPT raw, hex(raw) AS raw FROM small ORDER BY vin").to_pylist()
    assert len(back) == 5
    assert back[3] == {
        "vin": "V000003",
        "batch": 1,
        "link": "city-01",
        "device_at": 1_700_000_003,
        "received_at": datetime(2023, 11, 14, 22, 13, 20, 126_000, tzinfo=UTC),
        "speed_kmh": None,
        "soc_pct": None,
        "cells_mv": [9, 10, 11],
        "raw": "232300FF275C03",
        "longitude_deg": 106.5,
    }
    assert back[4]["speed_kmh"] == 2.0


def test_a_slice_of_a_batch_and_some_columns_only(either):
    create_tables(either, [SMALL])
    batch = rows(10).slice(6, 3).select(["vin", "cells_mv", "speed_kmh"])
    either.insert(SMALL, batch)
    back = either.query("SELECT vin, batch, speed_kmh, cells_mv FROM small ORDER BY vin")
    assert back.to_pylist() == [
        {"vin": "V000006", "batch": 0, "speed_kmh": 3.0, "cells_mv": [18, 19, 20]},
        {"vin": "V000007", "batch": 0, "speed_kmh": None, "cells_mv": [21, 22, 23]},
        {"vin": "V000008", "batch": 0, "speed_kmh": 4.0, "cells_mv": [24, 25, 26]},
    ]


def test_a_commit_is_one_part(either):
    create_tables(either, [SMALL])
    either.insert(SMALL, rows(20_000))
    assert either.query("SELECT uniq(_part) AS parts, count() AS n FROM small").to_pylist() == [
        {"parts": 1, "n": 20_000}
    ]


def test_another_table_of_the_same_columns(either):
    create_tables(either, [SMALL])
    either.execute("CREATE TABLE fresh AS small")
    either.insert(SMALL, rows(3), into="fresh")
    either.execute("EXCHANGE TABLES small AND fresh")
    assert either.query("SELECT count() AS n FROM small")["n"].to_pylist() == [3]


def test_parameters_of_every_kind(either):
    at = datetime(2023, 11, 14, 22, 13, 20, 126_000, tzinfo=UTC)
    values = {
        "text": "it's \\ \t\n\0 中文", "number": -5, "real": 1.5, "flag": True, "none": None,
        "list": [1, 2], "texts": ["it's", "a\tb\\"], "at": at, "second": at.replace(microsecond=0),
        "raw": b"V1", "empty": [], "instants": [at],
    }  # fmt: skip
    back = either.query(
        "SELECT {text:String} AS text, {number:Int32} AS number, {real:Float64} AS real, "
        "{flag:Bool} AS flag, {none:Nullable(UInt8)} AS none, {list:Array(UInt8)} AS list, "
        "{texts:Array(String)} AS texts, {at:DateTime64(3, 'UTC')} AS at, "
        "{second:DateTime} AS second, {raw:String} AS raw, {empty:Array(String)} AS empty, "
        "{instants:Array(DateTime64(3, 'UTC'))} AS instants",
        values,
    ).to_pylist()[0]
    assert back == values | {"second": 1_700_000_000, "raw": "V1"}


def test_errors_say_what_they_are(either):
    with pytest.raises(StoreError, match="Code: 60"):
        either.query("SELECT * FROM nothing")
    with pytest.raises(StoreError, match="Code: 62"):
        either.execute("CREATE TABL x")
    with pytest.raises(LimitError, match="Code: 159"):
        either.query("SELECT count() FROM numbers(1e13) SETTINGS max_execution_time = 0.2")
    with pytest.raises(StoreError, match=r"insert of 2 rows into small: .*nothing was stored"):
        either.insert(SMALL, rows(2))


def test_answers_in_any_format(either):
    assert either.query_bytes("SELECT 1 AS a", "JSONEachRow") == b'{"a":1}\n'
    assert either.query("SELECT 1 AS a WHERE 0").schema.names == ["a"]


def test_a_long_answer_comes_in_batches(either):
    sql = "SELECT number, [number] AS list FROM numbers({count:UInt64})"
    batches = list(either.batches(sql, {"count": 200_000}))
    assert len(batches) > 1
    numbers = np.concatenate([b.column("number").to_numpy() for b in batches])
    assert (numbers == np.arange(200_000)).all()
    assert sum(b.num_rows for b in either.batches(sql, {"count": 0})) == 0


def test_a_long_answer_that_breaks_off_says_so(either):
    sql = "SELECT throwIf(number = 200000) FROM numbers(300000)"
    with pytest.raises(StoreError):
        list(either.batches(sql))
    with pytest.raises(StoreError):
        list(either.batches("SELECT nothing_of_that_name"))
    half = either.batches("SELECT number FROM numbers(1000000)")
    assert next(half).num_rows
    half.close()  # whoever has seen enough may leave
    assert either.query("SELECT 1 AS one").column(0)[0].as_py() == 1


def test_many_threads_read_and_write_at_once(either):
    create_tables(either, [SMALL])
    failed = []

    def work(number: int) -> None:
        try:
            for step in range(5):
                either.insert(SMALL, rows(100, batch=number * 10 + step))
                either.query("SELECT count() AS n FROM small")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    answer = either.query("SELECT count() AS n, uniq(batch) AS batches FROM small")
    assert answer.to_pylist() == [{"n": 3000, "batches": 30}]


def test_closed_means_closed(warehouse_folder):
    opened = open_embedded(warehouse_folder, "keeper")
    opened.close()
    opened.close()
    with pytest.raises(StoreError, match="is closed"):
        opened.query("SELECT 1")
    server = open_server("http://127.0.0.1:1/x")
    server.close()
    with pytest.raises(StoreError, match="is closed"):
        server.query("SELECT 1")


def test_close_waits_for_the_call_that_runs(warehouse_folder):
    opened = open_embedded(warehouse_folder, "keeper")
    seen = []
    thread = threading.Thread(
        target=lambda: seen.append(opened.query("SELECT sleep(0.5) AS a").num_rows)
    )
    thread.start()
    time.sleep(0.1)
    opened.close()
    thread.join()
    assert seen == [1]


def test_connections_of_ended_threads_are_let_go(warehouse):
    for _ in range(5):
        thread = threading.Thread(target=warehouse.query, args=("SELECT 1",))
        thread.start()
        thread.join()
    assert len(warehouse._connections) <= 2


def test_work_aside_sees_the_same_rows_and_leaves_cores_to_others(warehouse):
    aside = warehouse.aside()
    warehouse.execute("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
    warehouse.execute("INSERT INTO t VALUES (7)")
    assert aside.query("SELECT a FROM t")["a"].to_pylist() == [7]
    assert [b.num_rows for b in aside.batches("SELECT a FROM t")] == [1]
    threads = "SELECT value FROM system.settings WHERE name = 'max_threads'"
    assert aside.query(threads)["value"].to_pylist() == [str(max(1, os.cpu_count() // 2))]
    assert warehouse.query(threads) != aside.query(threads)


def test_another_process_is_told_who_owns_the_folder(warehouse_folder):
    script = (
        "import sys; from pathlib import Path; from millbrain.record.warehouse import open_embedded"
        f"; open_embedded(Path({str(warehouse_folder)!r}))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "another process (pid " in ended.stderr
    assert "owns it, one is allowed" in ended.stderr


def test_this_process_is_told_that_it_has_another_folder(warehouse, tmp_path):
    with pytest.raises(StoreError, match="another warehouse folder open"):
        open_embedded(tmp_path / "other")


@pytest.mark.slow
def test_a_process_ends_cleanly_under_load(tmp_path):
    script = f"""
import threading, time
from pathlib import Path
from millbrain.core.errors import StoreError
from millbrain.record.warehouse import create_tables, open_embedded
from tests.record.test_warehouse import SMALL, rows
warehouse = open_embedded(Path({str(tmp_path / "w")!r}))
create_tables(warehouse, [SMALL])
def work(call):
    try:
        while True: call()
    except StoreError as error: assert "is closed" in str(error)
batch = rows(5000)
write = lambda: warehouse.insert(SMALL, batch)
read = lambda: warehouse.query("SELECT sum(batch) FROM small")
threads = [threading.Thread(target=work, args=(c,)) for c in (write, read, write, read)]
for t in threads: t.start()
time.sleep(0.7)
warehouse.close()
for t in threads: t.join()
print("closed")
"""
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, cwd=root
    )
    assert (ended.returncode, ended.stdout) == (0, "closed\n"), ended.stderr


def test_what_a_full_disk_is_called():
    for text in (
        "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)",
        "Code: 75. DB::ErrnoException: Cannot write to file: , errno: 28, strerror: No space left "
        "on device. (CANNOT_WRITE_TO_FILE_DESCRIPTOR)",
    ):
        error = write_error("insert of 5 rows into t", text)
        assert isinstance(error, StoreFullError)
        assert "the warehouse's disk is full" in str(error)
    assert type(write_error("insert", "Code: 49. DB::Exception: x")) is StoreError


@pytest.mark.fault
def test_a_full_disk_refuses_and_recovers(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", disk]).returncode:
        pytest.skip("a small disk cannot be mounted here (that needs root); nothing was tried")
    script = f"""
from pathlib import Path
from millbrain.core.errors import StoreFullError
from millbrain.record.warehouse import create_tables, open_embedded
from tests.record.test_warehouse import SMALL, rows
import dataclasses, os
warehouse = open_embedded(Path({str(disk / "w")!r}))
table = dataclasses.replace(SMALL, partition_by="batch")
create_tables(warehouse, [table])
stored = 0
def raw(n):
    batch = rows(500, batch=n)
    return batch.set_column(8, "raw", [os.urandom(4000) for _ in range(500)])
while stored < 100:
    try: warehouse.insert(table, raw(stored))
    except StoreFullError as error: print("full", type(error).__name__); break
    stored += 1
assert warehouse.query("SELECT count() AS n FROM small")["n"].to_pylist() == [500 * stored]
warehouse.execute("ALTER TABLE small DROP PARTITION 0")
warehouse.execute("ALTER TABLE small DROP PARTITION 1")
import time
until = time.monotonic() + 20
while time.monotonic() < until:
    try: warehouse.insert(table, raw(stored)); print("recovered"); break
    except StoreFullError: time.sleep(0.2)
assert warehouse.query("SELECT count() AS n FROM small")["n"].to_pylist() == [500 * (stored - 1)]
warehouse.close()
"""
    root = Path(__file__).resolve().parents[2]
    try:
        ended = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=root
        )
    finally:
        subprocess.run(["umount", disk], check=True)
    assert (ended.returncode, ended.stdout) == (0, "full StoreFullError\nrecovered\n"), ended.stderr


def test_a_server_that_is_not_there_or_not_named():
    with pytest.raises(StoreError, match=r"http://ada@127\.0\.0\.1:1/x: no answer of a ClickHouse"):
        open_server("http://ada:secret@127.0.0.1:1/x").query("SELECT 1")
    with pytest.raises(SettingsError, match="allowed is http"):
        open_server("clickhouse:9000")


def test_the_server_form_makes_its_database(warehouse: EmbeddedWarehouse, serving):
    name = f"{warehouse.database}_new"
    with serving(query_app(warehouse, lambda _, __: Role.WRITER)) as port:
        opened = open_server(f"http://127.0.0.1:{port}/{name}")
        create_tables(opened, SHARED_TABLES)
        assert opened.query("SHOW TABLES").num_rows == len(SHARED_TABLES)
        assert VEHICLE_REPORT.name in opened.query("SHOW TABLES")["name"].to_pylist()
        opened.close()
    warehouse.execute(f"DROP DATABASE {name} SYNC")
