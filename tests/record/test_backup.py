"""Backup and restore: whole while facts come in, refused when not whole, back as it was."""

import json
import os
import sqlite3
import stat
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from millbrain.core.errors import StoreError
from millbrain.core.tables import Column, Table
from millbrain.record import backup, backup_ledger
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import create_tables
from millbrain.record.warehouse.embedded import open_embedded

FACT = Table(
    "fact",
    "A table",
    "表",
    (Column("batch", "u64", "Commit", "批次"), Column("vin", "text", "Vehicle", "车辆")),
    order_by=("vin", "batch"),
)


def rows(batch: int, count: int = 100) -> pa.RecordBatch:
    vins = pa.array([f"V{i:05}".encode() for i in range(count)], pa.binary())
    return pa.RecordBatch.from_arrays(
        [pa.array([batch] * count, pa.uint64()), vins], schema=FACT.arrow_schema()
    )


@pytest.fixture
def ledger_url(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledger = Ledger(url)
    ledger.migrate()
    ledger.peers.add("city-01", "secret-of-city-01", "Chongqing")
    ledger.close()
    return url


@pytest.fixture
def empty(warehouse_folder, warehouse):
    """A second, empty database beside the test's own."""
    opened = open_embedded(warehouse_folder, f"{warehouse.database}_empty")
    yield opened
    opened.execute(f"DROP DATABASE {opened.database} SYNC")
    opened.close()


@pytest.fixture
def made(warehouse, ledger_url, tmp_path):
    create_tables(warehouse, [FACT])
    warehouse.insert(FACT, rows(1))
    warehouse.insert(FACT, rows(2))
    return Path(backup.back_up(warehouse, ledger_url, tmp_path / "backups"))


def test_a_backup_holds_what_its_manifest_says(made, warehouse):
    manifest = backup.verify(made)
    assert manifest.tables == {"fact": 200}
    assert manifest.database == warehouse.database
    assert manifest.engine.startswith("2")
    assert "ledger.sqlite" in manifest.files
    assert made.name.startswith("millbrain-2")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert [p.name for p in made.parent.iterdir()] == [made.name]


def test_restored_stores_are_what_they_were(made, empty, tmp_path):
    url = f"sqlite:///{tmp_path / 'restored.sqlite'}"
    seen = []
    backup.restore(empty, url, made, lambda share, what: seen.append((share, what)))
    answer = empty.query("SELECT batch, count() AS n FROM fact GROUP BY batch ORDER BY batch")
    assert answer.to_pylist() == [{"batch": 1, "n": 100}, {"batch": 2, "n": 100}]
    ledger = Ledger(url)
    assert ledger.peers.check("city-01", "secret-of-city-01")
    ledger.close()
    empty.insert(FACT, rows(3))
    assert empty.query("SELECT count() AS n FROM fact")["n"].to_pylist() == [300]
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert seen[-1] == (1.0, "done")


def test_versions_that_are_not_merged_yet_come_back_as_they_were(
    warehouse, empty, ledger_url, tmp_path, monkeypatch
):
    check = backup._check_rows

    def merge_first(*args) -> None:
        with suppress(StoreError):
            empty.execute("OPTIMIZE TABLE state FINAL")
        check(*args)

    monkeypatch.setattr(backup, "_check_rows", merge_first)
    state = replace(FACT, name="state", order_by=("vin",), newest_by="batch")
    create_tables(warehouse, [state])
    warehouse.execute("SYSTEM STOP MERGES state")
    for batch in range(1, 11):
        warehouse.insert(state, rows(batch))
    folder = backup.back_up(warehouse, ledger_url, tmp_path / "backups")
    manifest = backup.restore(empty, f"sqlite:///{tmp_path / 'r.sqlite'}", folder)
    assert manifest.tables["state"] == 1000
    answer = empty.query("SELECT count() AS n, min(batch) AS oldest FROM state FINAL").to_pylist()
    assert answer == [{"n": 100, "oldest": 10}]
    empty.execute("OPTIMIZE TABLE state FINAL")  # merges go on again
    assert empty.query("SELECT count() AS n FROM state")["n"].to_pylist() == [100]


def test_a_backup_taken_while_facts_come_in_is_whole(warehouse, empty, ledger_url, tmp_path):
    create_tables(warehouse, [FACT])
    stop, stored = threading.Event(), [0]

    def take_in() -> None:
        while not stop.is_set():
            warehouse.insert(FACT, rows(stored[0]))
            stored[0] += 1

    thread = threading.Thread(target=take_in)
    thread.start()
    try:
        while stored[0] < 5:
            stop.wait(0.01)
        before = stored[0]
        folder = backup.back_up(warehouse, ledger_url, tmp_path / "backups")
    finally:
        stop.set()
        thread.join()
    manifest = backup.restore(empty, f"sqlite:///{tmp_path / 'r.sqlite'}", folder)
    assert 100 * before <= manifest.tables["fact"] <= 100 * stored[0]
    answer = empty.query(
        "SELECT uniq(batch) AS n, max(batch) + 1 AS upto, count() AS rows FROM fact"
    ).to_pylist()[0]
    assert answer["n"] == answer["upto"] == answer["rows"] // 100  # whole commits, none skipped


def test_stores_that_hold_something_are_refused(made, warehouse, empty, ledger_url, tmp_path):
    with pytest.raises(StoreError, match="warehouse is not empty: table fact has 200 rows"):
        backup.restore(warehouse, f"sqlite:///{tmp_path / 'r.sqlite'}", made)
    with pytest.raises(StoreError, match="ledger is not empty"):
        backup.restore(empty, ledger_url, made)
    warehouse.insert(FACT, rows(3))
    backup.restore(warehouse, ledger_url, made, replace=True)
    assert warehouse.query("SELECT count() AS n FROM fact")["n"].to_pylist() == [200]


@pytest.mark.parametrize("harm", ["change", "remove", "add", "manifest", "newer"])
def test_a_backup_that_is_not_whole_is_refused(made, empty, tmp_path, harm):
    data = next((made / "warehouse" / "data").rglob("data.bin"))
    manifest = made / "manifest.json"
    if harm == "change":
        raw = bytearray(data.read_bytes())
        raw[len(raw) // 2] ^= 1
        data.write_bytes(raw)
    elif harm == "remove":
        data.unlink()
    elif harm == "add":
        (made / "stray").write_text("x")
    elif harm == "manifest":
        manifest.write_text(manifest.read_text()[:-20])
    else:
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 99}))
    message = {
        "change": "has changed since it was made", "remove": "is missing", "newer": "format 99",
        "add": "stray is not in the manifest", "manifest": "is not a backup folder",
    }[harm]  # fmt: skip
    url = f"sqlite:///{tmp_path / 'r.sqlite'}"
    with pytest.raises(StoreError, match=message):
        backup.restore(empty, url, made)
    assert not (tmp_path / "r.sqlite").exists()


def test_a_failed_backup_leaves_nothing_behind(warehouse, tmp_path):
    create_tables(warehouse, [FACT])
    with pytest.raises(StoreError, match="does not exist"):
        backup.back_up(warehouse, f"sqlite:///{tmp_path / 'none.sqlite'}", tmp_path / "backups")
    assert os.listdir(tmp_path / "backups") == []


def test_the_ledger_is_copied_while_somebody_writes_to_it(made, ledger_url, tmp_path, warehouse):
    writer = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE peer SET title = 'half done'")
    folder = Path(backup.back_up(warehouse, ledger_url, tmp_path / "more"))
    writer.execute("ROLLBACK")
    writer.close()
    copy = sqlite3.connect(folder / "ledger.sqlite")
    assert copy.execute("SELECT title FROM peer").fetchall() == [("Chongqing",)]
    copy.close()


def test_a_backup_of_the_other_ledger_is_named(made):
    with pytest.raises(StoreError, match=r"the backup's ledger is ledger\.sqlite"):
        backup_ledger.load("postgresql+psycopg://u:p@127.0.0.1:1/x", made / "ledger.sqlite")
