"""The backfill against a real engine: the same rows as streaming, again and again, anywhere."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from millbrain.core.columns import Columns, concat
from millbrain.core.facts import VEHICLE_REPORT
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import open_server
from millbrain.run import analyse
from millbrain.run.analyse import Wanted, backfill
from millbrain.run.settings import load
from millbrain.run.web import engine_url
from tests import engines
from tests.analyse.battery.made import Pack
from tests.engines import Process

VEHICLES = 5
STATE = (
    "SELECT * EXCEPT (batch, as_of, cell_sums, cell_loads, cell_tallies, cell_bounds, deviation_mv,"
    " rest_mv, excess_mohm), cityHash64(cell_sums, cell_loads, cell_tallies, cell_bounds),"
    " cityHash64(toString(deviation_mv), toString(rest_mv), toString(excess_mohm))"
    " FROM battery_day FINAL ORDER BY vin, pack_no, day"
)
FINDINGS = "SELECT * EXCEPT as_of FROM finding FINAL ORDER BY ALL"
quiet = Console(quiet=True)


def reports() -> Columns:
    """Five vehicles over ten days; one has a weak cell."""
    parts = []
    for number in range(VEHICLES):
        pack = Pack(days=10, seed=number)
        columns = (pack.lack(39, 6) if number == 2 else pack).columns()
        vin = np.full(columns.rows, b"LNEVTEST0N%07d" % number)
        parts.append(Columns(columns.rows, columns.values | {"vin": vin}))
    return concat(parts)


def store(running: Process) -> None:
    """Put reports into the warehouse behind the engine's back, as if they were there for long."""
    columns, warehouse = reports(), open_server(url(running))
    days = columns.array("device_at") // 86_400
    arrived_ms = int(time.time() * 1_000)
    for number, day in enumerate(np.unique(days)):
        part = columns.take(np.flatnonzero(days == day))
        values = {
            "received_at": np.full(part.rows, arrived_ms, np.int64),  # recorded, sent today
            "link": np.full(part.rows, b"city-01"),
            "frame_count": np.ones(part.rows, np.uint8),
            "batch": np.full(part.rows, number + 1, np.uint64),
        }
        batch = arrow_batch(VEHICLE_REPORT, Columns(part.rows, part.values | values))
        warehouse.insert(VEHICLE_REPORT, batch)
    warehouse.close()


# The engine's own app must not write beside the backfill that is looked at.
SELDOM = {"MILLBRAIN_ANALYSE__RULES": json.dumps({"battery": {"flush_s": 86_400}})}


def url(running: Process) -> str:
    key = json.loads((running.data / "secrets.json").read_text("utf-8"))["internal_key"]
    return engine_url(load(running.data), key)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with engines.engine(tmp_path_factory.mktemp("analyse"), **SELDOM) as process:
        store(process)
        process.stop()
        process.start()  # it now counts on from those batches
        yield process


def rows(running: Process) -> tuple[Any, Any]:
    return running.sql(STATE), running.sql(FINDINGS)


def empty(running: Process) -> None:
    warehouse = open_server(url(running))
    for table in ("battery_day", "finding"):
        warehouse.execute(f"TRUNCATE TABLE {table}")
    warehouse.close()


@pytest.mark.slow
def test_recomputed_again_on_processes_and_on_ray_the_rows_are_the_same(
    running: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millbrain.analyse.battery.backfill.VEHICLES_A_SHARD", 2)
    settings = load(running.data)
    done = backfill(settings, Wanted("battery", workers=1), quiet)
    assert (done.vehicles, done.reports, done.days) == (VEHICLES, VEHICLES * 2_400, VEHICLES * 10)
    alone = rows(running)
    assert [r[2] for r in alone[1]] == ["self-discharge"]
    assert backfill(settings, Wanted("battery", workers=2), quiet).findings == 0  # known already
    assert rows(running) == alone
    empty(running)
    backfill(settings, Wanted("battery", workers=2), quiet)
    assert rows(running) == alone
    empty(running)
    assert analyse_on_ray(running).findings == 1
    assert rows(running) == alone


def analyse_on_ray(running: Process) -> analyse.Tally:
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'millbrain[ray]'")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        settings = load(running.data)
        section = settings.analyse.model_copy(update={"ray": cluster.address})
        settings = settings.model_copy(update={"analyse": section})
        return backfill(settings, Wanted("battery"), quiet)
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_vehicles_are_named_on_the_line_or_in_a_file(tmp_path: Path) -> None:
    listed = tmp_path / "vins.txt"
    listed.write_text("A\n\n B \n", "utf-8")
    assert analyse.read_vins("A, B,") == analyse.read_vins(f"@{listed}") == ("A", "B")
    with pytest.raises(analyse.NotFoundError, match="one vehicle a line"):
        analyse.read_vins("@nowhere")
