"""Days that are pushed afterwards are told about once; what late readings only reach waits."""

from collections.abc import Sequence

import numpy as np

from millbrain.analyse.effectiveness.calc.parts import HOUR_MS
from millbrain.analyse.effectiveness.model import Rules
from millbrain.analyse.effectiveness.store import Store, Touch
from millbrain.analyse.effectiveness.tables import TABLES
from millbrain.analyse.effectiveness.touching import Span, Touched, spans_of
from millbrain.core.columns import Columns
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.plant.readings import READING
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import Warehouse, create_tables

NOW = 1_790_000_400_000 // HOUR_MS * HOUR_MS + 1_200_000  # 20 min past a whole hour
HOURS = 48
MINUTE_MS = 60_000


def store_states(warehouse: Warehouse, instants: Sequence[int]) -> None:
    """Store readings of the state of machine M."""
    n = len(instants)
    thing, signal = np.full(n, b"M"), np.full(n, b"machine_state")
    at = np.array(instants, np.int64)
    rows = Columns(n, {"thing": thing, "signal": signal, "device_at": at,
                       "received_at": np.full(n, NOW), "value": np.ones(n),
                       "quality": np.full(n, 192, np.uint8)})  # fmt: skip
    warehouse.insert(READING, arrow_batch(READING, rows))


def tell(touched: Touched) -> int:
    """Take off the list what is to be told now; return how many hours of machines."""
    count = 0
    while spans := touched.next(1_000, 64):
        for span in spans:
            count += len(span.machines) * (span.high - span.low) // HOUR_MS
            touched.done(span)
    return count


def test_hours_of_a_push_in_order_are_told_about_once(warehouse: Warehouse) -> None:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    touched = Touched(Store(warehouse), Rules(flush_s=10))
    store_states(warehouse, [NOW])
    touched.add([Touch("M", "machine_state", NOW, NOW)], NOW)
    tell(touched)
    told, at = 0, NOW
    first = NOW // HOUR_MS - HOURS
    for hour in range(first, first + HOURS - 6, 3):  # the last hours before NOW never come
        span = hour * HOUR_MS + 10 * MINUTE_MS, (hour + 3) * HOUR_MS - 10 * MINUTE_MS
        store_states(warehouse, span)
        at += 1_000
        touched.add([Touch("M", "machine_state", *span)], at)
        touched.ripen(at)
        told += tell(touched)
        assert touched.behind, "hours that only wait are not complete"
    assert told == HOURS - 6, "each hour with its readings, and none behind them yet"
    touched.ripen(at + 9_000)
    assert not touched.due, "it is not quiet yet"
    touched.ripen(at + 10_000)
    assert touched.hours == {"M": set(range(NOW // HOUR_MS - 6, NOW // HOUR_MS + 1))}
    tell(touched)
    assert not touched.behind


def test_a_late_reading_reaches_to_the_next_of_its_signal(warehouse: Warehouse) -> None:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    touched = Touched(Store(warehouse), Rules(flush_s=10))
    hour = NOW // HOUR_MS - 20
    late, following = hour * HOUR_MS + 30 * MINUTE_MS, (hour + 5) * HOUR_MS + 30 * MINUTE_MS
    store_states(warehouse, [late, following, NOW])
    touched.open(NOW)
    touched.add([Touch("M", "machine_state", NOW, NOW)], NOW)
    tell(touched)
    touched.add([Touch("M", "machine_state", late, late)], NOW)
    assert touched.hours == {"M": {hour}}, "its own hour at once"
    tell(touched)
    touched.ripen(NOW + 10_000)
    assert touched.hours == {"M": {hour + n for n in range(1, 6)}}


def test_late_hours_wait_no_longer_than_some_minutes(warehouse: Warehouse) -> None:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    touched = Touched(Store(warehouse), Rules(flush_s=600))
    store_states(warehouse, [NOW])
    touched.add([Touch("M", "machine_state", NOW, NOW)], NOW)
    tell(touched)
    early = NOW - 10 * HOUR_MS
    touched.add([Touch("M", "machine_state", early, early)], NOW)
    tell(touched)
    due = []
    for at in (NOW + 299_000, NOW + 300_000):
        touched.ripen(at)
        due.append(touched.due)
    assert due == [0, 10]


def test_machines_of_which_nearly_the_same_hours_wait_are_told_together(
    warehouse: Warehouse,
) -> None:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    touched = Touched(Store(warehouse), Rules())
    day = 24 * 1000
    touched.hours = {"A": {day, day + 1}, "B": {day + 1, day + 2}, "C": {day + 30}}
    low = day * HOUR_MS
    assert touched.next(1_000, 64) == [
        Span(("C",), low + 30 * HOUR_MS, low + 31 * HOUR_MS),
        Span(("A", "B"), low, low + 3 * HOUR_MS),
    ]
    assert spans_of([day - 1, day, day + 1, day + 5]) == [
        (day - 1, day), (day, day + 2), (day + 5, day + 6),
    ]  # fmt: skip
