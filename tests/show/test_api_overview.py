"""The overview: its counts by hand, its scope, and that many readers cost one query."""

import threading
import time
from typing import Any

from fastapi.testclient import TestClient

from millbrain.core.facts import INTAKE, SHARED_TABLES
from millbrain.record.warehouse import Warehouse, create_tables
from millbrain.show.queries import intake
from millbrain.show.queries.overview import OverviewBoard
from tests.show.conftest import insert


def test_counts_of_the_city(viewer: TestClient) -> None:
    answer = viewer.get("/api/v1/overview")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["vehicles"] == {
        "known": 4, "connected": 2, "driving": 1, "charging": 1, "parked": 0, "offline": 2,
        "simulated": 1,
    }  # fmt: skip
    assert [b["count"] for b in found["offline"]] == [0, 1, 0, 1]
    assert {b["from_pct"]: b["count"] for b in found["charge_start_soc"] if b["count"]} == {20: 1}
    # The silent vehicle's level 2 is not an alarm of now.
    assert {a["level"]: a["count"] for a in found["alarms"]} == {1: 0, 2: 0, 3: 1, 4: 0}
    yuzhong, yubei = found["regions"]
    assert (yuzhong["vehicles"], yuzhong["connected"], yuzhong["name_zh"]) == (2, 1, "渝中区")
    assert (yubei["charging"], yubei["alarmed"]) == (1, 1)
    assert found["elsewhere"] == 1
    assert [e["event"] for e in found["events"]] == ["vehicle_login"]
    assert found["events"][0]["plate"] == "渝A12345"
    assert found["intake"]["balanced"] is True
    assert found["links"] == 2


def test_a_scoped_caller_sees_its_organisation_only(north: TestClient) -> None:
    found = north.get("/api/v1/overview").json()
    assert found["vehicles"]["known"] == 2
    assert [r["vehicles"] for r in found["regions"]] == [1, 1]
    assert found["elsewhere"] == 0
    assert found["intake"] is None
    assert found["rate_hz"] is None


def test_rates_count_what_was_committed_lately(warehouse: Warehouse) -> None:
    create_tables(warehouse, SHARED_TABLES)
    now_s = int(time.time())
    ages_s = (2, 4, 25, 4000)
    counts = (100, 50, 70, 9000)
    insert(
        warehouse, INTAKE, {}, batch=[1, 2, 3, 4], day=[(now_s + 8 * 3600) // 86_400] * 4,
        link=["a"] * 4, received=counts, stored=counts, duplicate=[0] * 4, rejected=[0] * 4,
        first_received_at=[now_s * 1000] * 4, committed_at=[(now_s - a) * 1000 for a in ages_s],
    )  # fmt: skip
    assert intake.rate_hz(warehouse) == 15.0
    curve = intake.rate_curve(warehouse)
    # 25 s ago lies one whole span back at least; spans without a commit after it are 0.
    assert {rate for _, rate in curve} <= {0.0, 5.0, 10.0, 15.0}


def test_many_readers_cost_one_picture(city: Any) -> None:
    asked = []

    class Counting:
        def query(self, sql: str, params: Any = None) -> Any:
            asked.append(sql)
            return city.query(sql, params)

    board = OverviewBoard(Counting(), ())  # type: ignore[arg-type]
    threads = [threading.Thread(target=board.get) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("soc_bin" in sql for sql in asked) == 1
