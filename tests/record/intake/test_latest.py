"""The live table: newest values, charge starts, sessions, regions, attributes, restarts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from millbrain.core import facts
from millbrain.core.columns import Columns
from millbrain.record.intake import Intake, Regions
from millbrain.record.warehouse import Warehouse
from tests.record.intake.made import NOON_S, delivery, events, reports, texts

Open = Callable[..., Intake]
VEHICLE = 1 << facts.BLOCK_VEHICLE
POSITION = 1 << facts.BLOCK_POSITION


def latest(store: Warehouse, vin: str = "A") -> dict[str, Any]:
    sql = "SELECT * FROM vehicle_latest WHERE vin = {vin:String}"
    return store.query(sql, {"vin": vin}).to_pylist()[0]


def test_keeps_the_newest_value_of_each_block(store: Warehouse, open_intake: Open) -> None:
    intake = open_intake()
    both = VEHICLE | POSITION
    intake.put(delivery(reports([("A", 10)], blocks=both, soc_pct=[60], speed_kmh=[30.5],
                                longitude_deg=[106.5], latitude_deg=[29.5])))  # fmt: skip
    intake.put(delivery(reports([("A", 20)], blocks=POSITION, soc_pct=[0], longitude_deg=[106.6],
                                latitude_deg=[29.6])))  # fmt: skip
    intake.put(delivery(reports([("A", 5)], blocks=both, soc_pct=[99], longitude_deg=[1.0],
                                latitude_deg=[1.0], reissued=1)))  # fmt: skip
    intake.stop()
    row = latest(store)
    assert (row["soc_pct"], row["speed_kmh"]) == (60, 30.5)
    assert (row["longitude_deg"], row["latitude_deg"]) == (106.6, 29.6)
    assert (row["device_at"] - NOON_S, row["report_count"], row["link"]) == (20, 3, "city-01")
    assert row["cell_max_mv"] is None
    assert row["vehicle_state"] == 255


def test_a_clock_far_ahead_does_not_freeze_the_picture(store: Warehouse, open_intake: Open) -> None:
    intake = open_intake()
    year_s = 365 * 86_400
    intake.put(delivery(reports([("A", year_s)], received_s=0, soc_pct=[10])))
    intake.put(delivery(reports([("A", 10)], soc_pct=[20])))
    intake.put(delivery(reports([("A", 5)], received_s=11, soc_pct=[30], reissued=1)))
    intake.stop()
    row = latest(store)
    assert (row["device_at"] - NOON_S, row["soc_pct"]) == (10, 20)
    assert row["device_at_max"] - NOON_S == year_s


def test_a_charge_starts_where_charging_begins(store: Warehouse, open_intake: Open) -> None:
    states = [3, 3, 254, 1, 1, 255, 1, 4, 3, 2, 3]
    rows = [("A", 10 * n) for n in range(len(states))]
    soc = list(range(40, 40 + len(states)))
    intake = open_intake()
    intake.put(delivery(reports(rows[:6], charge_state=states[:6], soc_pct=soc[:6])))
    intake.stop()
    assert (latest(store)["charge_start_at"] - NOON_S, latest(store)["charge_start_soc_pct"]) == (
        30, 43,
    )  # fmt: skip
    intake = open_intake()
    intake.put(delivery(reports(rows[6:], charge_state=states[6:], soc_pct=soc[6:])))
    intake.put(delivery(reports([("B", 0), ("B", 10)], charge_state=[1, 1], soc_pct=[7, 8])))
    intake.stop()
    row = latest(store)
    assert (row["charge_start_at"] - NOON_S, row["charge_start_soc_pct"]) == (90, 49)
    assert latest(store, "B")["charge_start_at"] is None  # nobody saw it begin


def test_sessions_show_and_a_silent_vehicle_is_known_by_its_login(
    store: Warehouse, open_intake: Open
) -> None:
    intake = open_intake()
    intake.put(delivery(events([("A", 0, 1), ("A", 50, 4), ("A", 60, 8), ("B", 7, 1),
                                ("P", 0, 5)])))  # fmt: skip
    intake.put(delivery(reports([("A", 40)])))
    intake.stop()
    assert store.query("SELECT vin FROM vehicle_latest ORDER BY vin").to_pylist() == [
        {"vin": "A"}, {"vin": "B"},
    ]  # fmt: skip
    row = latest(store)
    assert (row["event"], row["event_at"].timestamp() - NOON_S) == ("logout", 50)
    row = latest(store, "B")
    assert (row["event"], row["report_count"], row["device_at"] - NOON_S) == ("login", 0, 7)


def test_regions_and_attributes(store: Warehouse, open_intake: Open) -> None:
    regions = Regions(
        np.array([b"500103", b"500101"]), np.array([106.57, 108.41]), np.array([29.56, 30.81])
    )
    intake = open_intake(regions=regions)
    things = {
        "vin": texts(["A", "silent"]), "plate": texts(["渝A12345", "渝B1"]),
        "model": texts(["M1", "M2"]), "operator": texts(["bus", "taxi"]),
        "simulated": np.array([0, 1], np.uint8),
    }  # fmt: skip
    intake.register(Columns(2, things))
    intake.register(Columns(1, {n: v[:1] for n, v in things.items()} | {"model": texts(["M9"])}))
    where = {"longitude_deg": [106.5, 108.3, 116.4], "latitude_deg": [29.6, 30.8, 39.9]}
    intake.put(delivery(reports([("A", 0), ("B", 0), ("C", 0)], link="sim-1", **where)))
    intake.put(delivery(reports([("D", 0)])))
    intake.stop()
    row = latest(store)
    assert (row["plate"], row["model"], row["operator"]) == ("渝A12345", "M9", "bus")
    assert [latest(store, v)["region_code"] for v in "ABCD"] == ["500103", "500101", "", ""]
    assert [latest(store, v)["simulated"] for v in "ABCD"] == [1, 1, 1, 0]
    assert store.query("SELECT count() AS n FROM vehicle_latest").to_pylist() == [{"n": 4}]


@pytest.mark.parametrize("pictured", [True, False])
def test_a_restart_brings_everything_back(
    store: Warehouse, open_intake: Open, *, pictured: bool
) -> None:
    """From the picture, or, where that is lost, from the reports themselves."""
    intake = open_intake()
    intake.put(delivery(events([("A", 0, 1), ("B", 7, 1)])))
    intake.put(
        delivery(reports([("A", 10), ("A", 20), ("B", 15)], soc_pct=[50, 51, 70],
                         charge_state=[3, 1, 1], longitude_deg=[106.5] * 3,
                         latitude_deg=[29.5] * 3))
    )  # fmt: skip
    intake.stop()
    before = [latest(store, v) for v in "AB"]
    if not pictured:
        store.execute("TRUNCATE TABLE vehicle_latest")
    intake = open_intake()
    intake.put(delivery(reports([("C", 0)])))
    intake.stop()
    after = [latest(store, v) for v in "AB"]
    for row in (*before, *after):
        del row["as_of"], row["batch"]
    assert after == before
