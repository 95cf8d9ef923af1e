"""The queue that slows the drivers down, and the bucket that thins raw frames."""

import threading
import time

import numpy as np
import pytest

from millbrain.core import limits
from millbrain.core.columns import Columns, DeadLetter, Delivery
from millbrain.core.errors import StoreError
from millbrain.record.intake.inbox import Inbox
from millbrain.record.intake.thinning import TokenBucket, shares


def rows(count: int) -> Delivery:
    return Delivery({}, {"vehicle_report": Columns(count, {"device_at": np.zeros(count)})})


def letters(count: int, size_bytes: int) -> Delivery:
    return Delivery({}, {}, [DeadLetter("x", "garbage", "", bytes(size_bytes), 0)] * count)


def blocks(inbox: Inbox, delivery: Delivery) -> bool:
    """Whether a put waits; lets it through before returning."""
    done = threading.Event()
    thread = threading.Thread(target=lambda: (inbox.put(delivery), done.set()))
    thread.start()
    waited = not done.wait(0.15)
    while not done.is_set():
        inbox.gather()
    thread.join()
    return waited


@pytest.mark.parametrize(
    ("filled", "one_more"),
    [
        ([rows(1)] * limits.DELIVERIES_QUEUED_MAX, True),
        ([rows(1)] * (limits.DELIVERIES_QUEUED_MAX - 1), False),
        ([rows(limits.DELIVERY_ROWS_QUEUED_MAX)], True),
        ([letters(5000, 60_000)], True),
        ([rows(100)], False),
    ],
)
def test_a_full_queue_makes_put_wait(filled: list[Delivery], *, one_more: bool) -> None:
    inbox = Inbox()
    for delivery in filled:
        inbox.put(delivery)
    assert blocks(inbox, rows(1)) == one_more


def test_readings_are_narrow_and_a_commit_holds_four_times_as_many() -> None:
    def readings(count: int) -> Delivery:
        return Delivery({}, {"reading": Columns(count, {"device_at": np.zeros(count)})})

    inbox = Inbox()
    for delivery in (readings(30_000), rows(10_000), readings(9_000)):
        inbox.put(delivery)
    inbox.put(readings(40_000))  # 0.99 of a commit waited, so there was room for one more
    assert inbox.depth() == (4, 89_000)
    sizes = [[c.rows for d in inbox.gather() for c in d.tables.values()] for _ in range(2)]
    assert sizes == [[30_000, 10_000, 9_000], [40_000]]
    assert inbox.depth() == (0, 0)


def test_gathers_whole_deliveries_up_to_one_commit() -> None:
    inbox = Inbox()
    for count in (6_000, 6_000, 6_000, 50_000):
        inbox.put(rows(count))
    sizes = [[d.tables["vehicle_report"].rows for d in inbox.gather()] for _ in range(2)]
    assert sizes == [[6_000, 6_000, 6_000], [50_000]]
    assert inbox.depth() == (0, 0)


def test_waits_for_company_but_not_for_long() -> None:
    inbox = Inbox()
    inbox.put(rows(1))
    start_s = time.monotonic()
    assert len(inbox.gather()) == 1
    assert 0.1 < time.monotonic() - start_s < 20


def test_a_closed_inbox_is_drained_then_empty_and_refuses() -> None:
    inbox = Inbox()
    inbox.put(rows(3))
    inbox.close()
    assert len(inbox.gather()) == 1
    assert inbox.gather() == []
    with pytest.raises(StoreError, match="3 rows were refused"):
        inbox.put(rows(3))


def frames(*links: bytes) -> Columns:
    return Columns(len(links), {"n": np.arange(len(links)), "link": np.array(links)})


def test_thinning_spreads_what_it_keeps() -> None:
    bucket = TokenBucket(10)
    thinned = bucket.thin(frames(*[b"city"] * 100))
    assert thinned.values["n"].tolist() == list(range(0, 100, 10))
    assert bucket.thin(frames(*[b"city"] * 5)).rows <= 1
    assert TokenBucket(0).thin(frames(*[b"city"] * 5)).rows == 0


def test_a_quiet_link_keeps_its_frames_beside_a_flood() -> None:
    links = [b"city"] * 100
    links[40], links[70] = b"mine", b"mine"
    thinned = TokenBucket(10).thin(frames(*links))
    kept = thinned.array("n").tolist()
    assert kept == sorted(kept)
    assert len(kept) == 10
    assert {40, 70} <= set(kept)


def test_shares_add_up_to_what_there_is() -> None:
    assert shares(np.array([100, 3, 100]), 13).tolist() == [5, 3, 5]
    assert shares(np.array([4, 4, 4]), 11).tolist() == [3, 4, 4]
    assert shares(np.array([4, 4]), 100).tolist() == [4, 4]
    assert shares(np.array([1, 1, 1]), 0).tolist() == [0, 0, 0]
