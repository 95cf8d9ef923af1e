"""The whole intake on a real warehouse: each fact once, the ledger always in balance."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from millbrain.core.columns import Columns, Delivery, Ragged
from millbrain.core.errors import StoreError
from millbrain.record.intake import Intake, check_balance
from millbrain.record.intake.batches import SPAN_MS
from millbrain.record.warehouse import Warehouse
from tests.record.intake.made import (
    NOON_S,
    delivery,
    events,
    letter,
    reports,
    texts,
)

Open = Callable[..., Intake]


def stored(store: Warehouse) -> list[tuple[str, int, int]]:
    answer = store.query("SELECT vin, device_at, blocks FROM vehicle_report ORDER BY ALL")
    return [(r["vin"], r["device_at"] - NOON_S, r["blocks"]) for r in answer.to_pylist()]


def put_and_wait(intake: Intake, sent: Delivery) -> None:
    done = threading.Event()
    intake.put(Delivery(sent.received, sent.tables, sent.rejected, done.set))
    assert done.wait(20)


def totals(intake: Intake) -> tuple[int, int, int, int]:
    status = intake.status()
    return tuple(status[f"{n}_total"] for n in ("received", "stored", "duplicate", "rejected"))


def test_stores_each_fact_once_wherever_its_copy_stands(
    store: Warehouse, open_intake: Open
) -> None:
    intake = open_intake()
    intake.put(delivery(reports([("A", 0), ("B", 0), ("A", 0)])))  # same delivery
    intake.put(delivery(reports([("A", 0), ("A", 10)])))  # same commit
    put_and_wait(intake, delivery(reports([("B", 10)])))
    put_and_wait(intake, delivery(reports([("A", 0), ("B", 10), ("A", 5)])))  # on disk
    assert totals(intake) == (9, 5, 4, 0)
    intake = open_intake()  # after a restart
    put_and_wait(intake, delivery(reports([("A", 10), ("A", 0), ("B", 20), ("C", 0)])))
    assert totals(intake) == (4, 2, 2, 0)
    assert [r[:2] for r in stored(store)] == [
        ("A", 0), ("A", 5), ("A", 10), ("B", 0), ("B", 10), ("B", 20), ("C", 0),
    ]  # fmt: skip
    assert check_balance(store)["balanced"]


def test_a_reissued_copy_is_the_same_fact_and_other_blocks_are_another(
    store: Warehouse, open_intake: Open
) -> None:
    intake = open_intake()
    put_and_wait(intake, delivery(reports([("A", 0)], blocks=0b11)))
    put_and_wait(intake, delivery(reports([("A", 0)], blocks=0b11, reissued=1)))
    put_and_wait(intake, delivery(reports([("A", 0)], blocks=0b1100)))
    intake = open_intake()
    put_and_wait(intake, delivery(reports([("A", 0)] * 3, blocks=[0b11, 0b1100, 0b1])))
    assert stored(store) == [("A", 0, 0b1), ("A", 0, 0b11), ("A", 0, 0b1100)]
    assert check_balance(store)["balanced"]


def test_late_rows_in_the_hole_of_an_outage_need_no_query(
    store: Warehouse, open_intake: Open
) -> None:
    intake = open_intake()
    put_and_wait(intake, delivery(reports([("A", 0), ("A", 3600)])))
    outage = [("A", s) for s in range(10, 3600, 10)]
    put_and_wait(intake, delivery(reports(outage, reissued=1)))
    assert intake.status()["late_queries_total"] == 0
    put_and_wait(intake, delivery(reports(outage, reissued=1)))
    assert totals(intake) == (2 + 2 * 359, 361, 359, 0)
    assert len(stored(store)) == 361


def test_copies_under_way_are_found_while_the_store_is_slow(
    store: Warehouse, open_intake: Open
) -> None:
    slow = Slow(store)
    intake = open_intake(slow)
    for _ in range(3):
        intake.put(delivery(reports([("A", 0), ("A", 30), ("A", 20)])))
        time.sleep(0.3)  # each becomes a commit of its own, none of them on disk
    slow.go.set()
    intake.stop()
    assert totals(intake) == (9, 3, 6, 0)
    assert len(stored(store)) == 3


class Slow:
    """A warehouse whose inserts wait until told to go."""

    def __init__(self, store: Warehouse) -> None:
        self._store = store
        self.go = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert(self, *args: Any, **named: Any) -> None:
        assert self.go.wait(20)
        self._store.insert(*args, **named)


def test_acknowledges_in_order_and_only_what_is_on_disk(
    store: Warehouse, open_intake: Open
) -> None:
    slow = Slow(store)
    intake = open_intake(slow)
    told: list[int] = []
    for number in range(4):
        sent = delivery(reports([("A", number)]), on_commit=lambda n=number: told.append(n))
        intake.put(sent)
        time.sleep(0.27)
    assert told == []
    slow.go.set()
    intake.stop()
    assert told == [0, 1, 2, 3]


def test_session_events_once_heartbeats_always(store: Warehouse, open_intake: Open) -> None:
    intake = open_intake()
    rows = [("A", 0, 1), ("A", None, 7), ("A", None, 7), ("A", 0, 1), ("A", 0, 4), ("P", 0, 5)]
    put_and_wait(intake, delivery(events(rows)))
    intake = open_intake()
    put_and_wait(intake, delivery(events(rows)))
    answer = store.query(
        "SELECT vin, command, count() AS n FROM link_event GROUP BY ALL ORDER BY ALL"
    )
    assert [tuple(r.values()) for r in answer.to_pylist()] == [
        ("A", 1, 1), ("A", 4, 1), ("A", 7, 4), ("P", 5, 1),
    ]  # fmt: skip
    assert totals(intake) == (6, 2, 4, 0)
    assert check_balance(store)["balanced"]


def test_counts_by_link_and_keeps_dead_letters(store: Warehouse, open_intake: Open) -> None:
    intake = open_intake()
    raw = b"##\x02\xfe\x00\x00"
    put_and_wait(
        intake,
        delivery(
            reports([("A", 0), ("A", 0)], link="city-01"),
            letters=[letter("city-02", raw=raw), letter("city-01", frames=0), letter("direct")],
        ),
    )
    balance = check_balance(store)
    assert balance["balanced"]
    counted = {
        link: (e["received"], e["stored"], e["duplicate"], e["rejected"])
        for link, e in balance["links"].items()
    }
    assert counted == {
        "city-01": (2, 1, 1, 0), "city-02": (1, 0, 0, 1), "direct": (1, 0, 0, 1),
    }  # fmt: skip
    kept = store.query("SELECT hex(raw) AS raw FROM dead_letter WHERE link = 'city-02'")
    assert kept.to_pylist() == [{"raw": raw.hex().upper()}]


def test_a_split_pack_counts_its_two_frames(store: Warehouse, open_intake: Open) -> None:
    rows = reports([("A", 0), ("A", 0)])
    rows.values["frame_count"][:] = 2
    intake = open_intake()
    put_and_wait(intake, delivery(rows))
    assert totals(intake) == (4, 2, 2, 0)
    assert check_balance(store)["balanced"]


def test_a_driver_that_counts_wrongly_shows_in_the_ledger(
    store: Warehouse, open_intake: Open
) -> None:
    intake = open_intake()
    sent = delivery(reports([("A", 0)]))
    put_and_wait(intake, Delivery({"city-01": 3}, sent.tables))
    balance = check_balance(store)
    assert not balance["balanced"]
    assert balance["problems"] == ["link city-01: 3 frames received, 1 accounted for"]
    assert intake.status()["unbalanced_total"] == 1


def test_a_delivery_over_a_days_end_becomes_commits_of_one_day(
    store: Warehouse, open_intake: Open
) -> None:
    midnight_s = (NOON_S * 1000 // SPAN_MS + 1) * SPAN_MS // 1000 - NOON_S
    rows = [("A", s) for s in range(midnight_s - 3, midnight_s + 3)]
    intake = open_intake()
    put_and_wait(intake, delivery(reports(rows), letters=[letter()]))
    answer = store.query("SELECT received, stored, rejected FROM intake ORDER BY batch").to_pylist()
    assert [tuple(r.values()) for r in answer] == [(4, 3, 1), (3, 3, 0)]
    assert check_balance(store)["balanced"]


def test_joins_parts_with_different_columns(store: Warehouse, open_intake: Open) -> None:
    intake = open_intake()
    intake.put(delivery(reports([("A", 0)], soc_pct=[55], charge_state=[3])))
    plain = reports([("B", 0)])
    temps = Ragged(np.array([0, 2], np.int32), np.array([20, -5], np.int16))
    put_and_wait(intake, delivery(Columns(1, {**plain.values, "temps_degc": temps}, plain.missing)))
    answer = store.query(
        "SELECT soc_pct, charge_state, cells_mv, temps_degc FROM vehicle_report ORDER BY vin"
    )
    assert [tuple(r.values()) for r in answer.to_pylist()] == [
        (55, 3, [3600, 3601, 3602], []), (None, 255, [3600, 3601, 3602], [20, -5]),
    ]  # fmt: skip


def test_thins_raw_frames_and_counts_the_skipped(store: Warehouse, open_intake: Open) -> None:
    count = 500
    at = np.full(count, NOON_S, np.uint32)
    frames = Columns(
        count,
        {
            "vin": texts(["A"] * count),
            "device_at": at,
            "received_at": at.astype(np.int64) * 1000,
            "link": texts(["city-01"] * count),
            "frame": Ragged(np.arange(count + 1, dtype=np.int32), np.zeros(count, np.uint8)),
        },
    )
    intake = open_intake(raw_frames_hz=100)
    put_and_wait(intake, Delivery({}, {"raw_frame": frames}))
    assert intake.status()["raw_frames_kept"] == 100
    assert intake.status()["raw_frames_skipped"] == 400
    assert store.query("SELECT count(), any(hex(frame)) FROM raw_frame").to_pylist()[0] == {
        "count()": 100, "any(hex(frame))": "00",
    }  # fmt: skip


def test_many_vehicles_over_many_links(store: Warehouse, open_intake: Open) -> None:
    intake = open_intake()
    for link in range(40):
        rows = [(f"V{(link + n) % 700:05d}", link) for n in range(250)]
        intake.put(delivery(reports(rows, link=f"city-{link:02d}")))
    intake.stop()
    assert totals(intake) == (10_000, 10_000, 0, 0)
    balance = check_balance(store)
    assert balance["balanced"]
    assert len(balance["links"]) == 40
    answer = store.query("SELECT count(), uniqExact(batch) FROM vehicle_report").to_pylist()[0]
    assert answer["count()"] == 10_000
    assert answer["uniqExact(batch)"] <= 10  # 250-row deliveries were joined


def test_refuses_an_unknown_table_and_a_put_after_stop(open_intake: Open) -> None:
    intake = open_intake()
    with pytest.raises(KeyError, match="delivery carries table 'weld'"):
        intake.put(Delivery({}, {"weld": Columns(0, {})}))
    intake.stop()
    with pytest.raises(StoreError, match="it is stopped, 1 rows were refused"):
        intake.put(delivery(reports([("A", 0)])))


def test_status_tells_rates_and_latencies(open_intake: Open) -> None:
    intake = open_intake()
    now_s = time.time() - NOON_S
    put_and_wait(intake, delivery(reports([("A", 0), ("B", 0)], received_s=now_s)))
    status = intake.status()
    assert status["reports_10s_hz"] == 0.2
    assert status["reports_total"] == 2
    assert 100 < status["commit_p50_ms"] < 5000
    assert status["troubles"] == []
    assert status["settled"] == status["batch"] == 1


def test_an_empty_delivery_is_acknowledged(open_intake: Open) -> None:
    put_and_wait(open_intake(), Delivery({}, {}))
