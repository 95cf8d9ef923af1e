"""Work orders on SQLite and PostgreSQL: exactly one for an alarm, moved only as allowed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from millbrain.core import limits
from millbrain.core.errors import IllegalStepError, LimitError, NotFoundError, RefusedError
from millbrain.core.findings import Verdict
from millbrain.core.work.orders import Asked, CallOut
from millbrain.record.ledger import Ledger, OrderFilter, Thing
from millbrain.record.ledger.models import now

NORTH, SOUTH = "North Fleet", "South Fleet"
VIN, OTHER = "LDPGABAC2JN361504", "LGXCE4CB8P0041177"
NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=90)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    ledger.things.put([Thing(id=VIN, plate="渝A12345", operator=NORTH),
                       Thing(id=OTHER, operator=SOUTH)])  # fmt: skip
    return ledger


def call(alarm_id: int = 1, cell: int = 82, thing: str = VIN, **more: object) -> CallOut:
    made = CallOut(
        alarm_id, f"{thing}|battery|self_discharge|1|{cell}", thing, "battery", "self_discharge",
        1, cell, 3, NOW - timedelta(minutes=1), f"Cell {cell} drifts.", f"{cell} 号单体漂移。",
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def take(ledger: Ledger, made: CallOut, at: datetime = NOW) -> str | None:
    return ledger.orders.take(made, at, 2026, LONG_AGO)


def step(ledger: Ledger, number: str, action: str, side: str = "", **fields: object) -> str:
    moved = ledger.orders.step(number, Asked(action, "wang", "10.0.0.9", side, None, fields))
    return moved.state


def finished(ledger: Ledger, number: str) -> None:
    """Take an order to `done`."""
    step(ledger, number, "dispatch", organisation=NORTH)
    for action in ("accept", "start"):
        step(ledger, number, action, NORTH)
    step(ledger, number, "done", NORTH, note="replaced")


def test_an_alarm_has_one_order_however_often_it_is_taken(filled: Ledger) -> None:
    assert take(filled, call()) == "WO-2026-000001"
    assert take(filled, call()) is None
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda _: take(filled, call(2, thing=OTHER)), range(8)))
    assert [n for n in numbers if n] == ["WO-2026-000002"]
    assert filled.orders.page(OrderFilter())[1] == 2
    assert filled.orders.of_alarm(2) == "WO-2026-000002"


def test_two_engines_that_see_two_alarms_of_one_vehicle_make_one_order(filled: Ledger) -> None:
    barrier = threading.Barrier(4)

    def race(alarm_id: int) -> str | None:
        barrier.wait()
        return take(filled, call(alarm_id, cell=alarm_id))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(race, range(1, 5)))
    for alarm_id in range(1, 5):  # one that lost the race is seen again by the next look
        take(filled, call(alarm_id, cell=alarm_id))
    (order,), total = filled.orders.page(OrderFilter())
    assert total == 1
    assert {f.cell_no for f in filled.orders.get(order.number).findings} == {1, 2, 3, 4}


def test_numbers_count_within_their_year(filled: Ledger) -> None:
    numbers = [
        filled.orders.take(call(n, thing=thing), NOW, year, LONG_AGO)
        for n, thing, year in ((1, VIN, 2026), (2, OTHER, 2027))
    ]
    assert numbers == ["WO-2026-000001", "WO-2027-000001"]


def test_a_further_call_out_joins_the_order_until_it_is_done(filled: Ledger) -> None:
    number = take(filled, call(1))
    assert number
    assert take(filled, call(2, cell=7, severity=4, sentence="Hot.")) == number
    order = filled.orders.get(number)
    assert (order.severity, order.title, len(order.findings)) == (4, "Hot.", 2)
    finished(filled, number)
    assert take(filled, call(3, cell=9)) == "WO-2026-000002"


def test_what_comes_back_after_the_repair_reopens_its_order(filled: Ledger) -> None:
    number = take(filled, call(1))
    assert number
    finished(filled, number)
    later = now() + timedelta(hours=1)
    assert take(filled, call(2, seen_at=later), later) == number
    order = filled.orders.get(number)
    assert (order.state, order.repaired_at, order.clean_days) == ("reopened", None, None)
    assert len(order.findings) == 1
    assert filled.orders.history(order.id)[-1].detail["sentence"] == "Cell 82 drifts."


def test_late_evidence_from_before_the_repair_does_not_undo_it(filled: Ledger) -> None:
    number = take(filled, call(1))
    assert number
    finished(filled, number)
    assert take(filled, call(2, seen_at=NOW - timedelta(days=3))) == number
    assert filled.orders.get(number).state == "done"


def test_a_repair_long_ago_is_another_story(filled: Ledger) -> None:
    number = take(filled, call(1))
    assert number
    finished(filled, number)
    later = now() + timedelta(days=120)
    again = filled.orders.take(
        call(2, seen_at=later), later, 2027, later - timedelta(days=90)
    )  # fmt: skip
    assert again == "WO-2027-000001"


def test_steps_that_are_not_possible_name_those_that_are(filled: Ledger) -> None:
    number = take(filled, call())
    assert number
    with pytest.raises(IllegalStepError, match="'done' is not possible; allowed now: dispatch"):
        step(filled, number, "done", note="x")
    with pytest.raises(IllegalStepError, match="'fly' is not possible"):
        step(filled, number, "fly")
    with pytest.raises(LimitError, match="'dispatch' needs organisation"):
        step(filled, number, "dispatch")
    with pytest.raises(RefusedError, match="'escalate'"):
        step(filled, number, "escalate")
    assert filled.orders.get(number).state == "raised"
    assert len(filled.orders.history(filled.orders.get(number).id)) == 1


def test_each_side_takes_its_own_steps(filled: Ledger) -> None:
    number = take(filled, call())
    assert number
    with pytest.raises(NotFoundError):
        step(filled, number, "comment", SOUTH, note="not ours to see")
    with pytest.raises(RefusedError, match="for the centre"):
        step(filled, number, "dispatch", NORTH, organisation=NORTH)
    step(filled, number, "dispatch", organisation=SOUTH)  # a station of another organisation
    with pytest.raises(RefusedError, match="'accept' is for South Fleet, not for North Fleet"):
        step(filled, number, "accept", NORTH)
    assert step(filled, number, "accept", SOUTH) == "accepted"
    assert step(filled, number, "comment", NORTH, note="please by Friday") == "accepted"
    for side in (NORTH, SOUTH):
        assert filled.orders.get(number, side).number == number
        assert filled.orders.page(OrderFilter(side))[1] == 1
    step(filled, number, "start", SOUTH)
    step(filled, number, "done", SOUTH, note="x")
    with pytest.raises(RefusedError, match="'reopen' is for"):
        step(filled, number, "reopen", SOUTH, reason="x")


def test_who_decides_on_old_news_is_refused(filled: Ledger) -> None:
    number = take(filled, call())
    assert number
    seen = filled.orders.get(number).version
    step(filled, number, "dispatch", organisation=NORTH)
    with pytest.raises(IllegalStepError, match="has changed since you read it"):
        filled.orders.step(number, Asked("reject", "li", "", NORTH, seen, {"reason": "x"}))


def test_of_many_who_accept_at_once_one_does(filled: Ledger) -> None:
    number = take(filled, call())
    assert number
    step(filled, number, "dispatch", organisation=NORTH)

    def accept(_: int) -> bool:
        try:
            step(filled, number, "accept", NORTH)
        except IllegalStepError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(accept, range(6))) == 1


def test_a_step_its_history_audit_and_notice_are_one(filled: Ledger) -> None:
    filled.outbox.add_target("desk", "webhook", "http://127.0.0.1:9/")
    number = take(filled, call())
    assert number
    step(filled, number, "dispatch", organisation=NORTH)
    order = filled.orders.get(number)
    assert [s.action for s in filled.orders.history(order.id)] == ["raise", "dispatch"]
    entries, _ = filled.audit.page(what="order.dispatch")
    assert (entries[0].who, entries[0].object) == ("wang", number)
    assert entries[0].result == "raised -> dispatched"
    told, _ = filled.outbox.page()
    assert [d.topic for d in told] == ["order.dispatch", "order.raise"]
    with pytest.raises(IllegalStepError):
        step(filled, number, "done", note="x")
    assert filled.outbox.page()[1] == 2
    step(filled, number, "accept", NORTH)
    step(filled, number, "start", NORTH)
    with pytest.raises(LimitError, match="part 'wheel'"):
        step(filled, number, "repair", NORTH, repairs=[{"part": "wheel"}])


def test_the_history_cannot_be_rewritten(filled: Ledger) -> None:
    take(filled, call())
    for change in ("UPDATE order_step SET who = 'x'", "DELETE FROM order_step"):
        with (
            pytest.raises(Exception, match="append-only"),
            filled.database.write() as connection,
        ):
            connection.execute(sa.text(change))


def test_a_repair_is_dated_between_the_raising_and_now(filled: Ledger) -> None:
    number = take(filled, call())
    assert number
    step(filled, number, "dispatch", organisation=NORTH)
    step(filled, number, "accept", NORTH)
    step(filled, number, "start", NORTH)
    with pytest.raises(LimitError, match="allowed is from when it was raised"):
        step(filled, number, "done", note="x", repaired_at=NOW - timedelta(days=1))
    step(filled, number, "done", note="x", repaired_at=NOW + timedelta(minutes=5))
    assert filled.orders.get(number).repaired_at == NOW + timedelta(minutes=5)


def test_the_platform_drives_only_what_has_not_moved_on(filled: Ledger) -> None:
    number = take(filled, call())
    assert number
    order = filled.orders.get(number)
    assert filled.orders.drive(order.id, order.version, "escalate", {}, NOW)
    assert not filled.orders.drive(order.id, order.version, "escalate", {}, NOW)
    risen = filled.orders.get(number)
    assert (risen.level, risen.state) == (1, "raised")
    assert not filled.orders.drive(order.id, risen.version, "settle", {}, NOW)
    assert filled.orders.drive(order.id, risen.version, "escalate", {}, NOW)
    top = filled.orders.get(number)
    assert not filled.orders.drive(order.id, top.version, "escalate", {}, NOW)


def test_verdicts_are_kept_with_their_findings(filled: Ledger) -> None:
    number = take(filled, call())
    assert number
    finished(filled, number)
    (order,) = filled.orders.waiting()
    found = Verdict(order.findings[0].key, 5, 3, 3, float("nan"), -1.5, "mV", "In line.", "正常。")
    filled.orders.keep_verdicts(order.id, [found], 3)
    kept = filled.orders.get(number)
    assert kept.clean_days == 3
    assert kept.findings[0].verdict is not None
    assert kept.findings[0].verdict["before"] is None
    assert kept.findings[0].verdict["is_clean"] is True


def test_an_order_raised_by_hand(filled: Ledger) -> None:
    asked = Asked("raise", "wang", "", NORTH)
    made = filled.orders.raise_by_hand(VIN, "Look at the charger", asked, 2, 2026)
    assert (made.state, made.findings, made.plate) == ("raised", (), "渝A12345")
    with pytest.raises(LimitError, match="has the order WO-2026-000001"):
        filled.orders.raise_by_hand(VIN, "again", asked, 2, 2026)
    with pytest.raises(NotFoundError):
        filled.orders.raise_by_hand(OTHER, "not ours", asked, 2, 2026)
    with pytest.raises(LimitError, match="severity 9"):
        filled.orders.raise_by_hand(OTHER, "x", replace(asked, organisation=""), 9, 2026)
    assert take(filled, call()) == made.number  # an alarm joins it


def test_filters_and_sorting(filled: Ledger) -> None:
    first, second = take(filled, call(1)), take(filled, call(2, thing=OTHER, severity=4))
    assert first
    assert second
    orders = filled.orders

    def numbers(**by: object) -> list[str]:
        return [o.number for o in orders.page(OrderFilter(**by), "number", True)[0]]  # type: ignore[arg-type]

    assert numbers() == [first, second]
    assert numbers(q="a123") == [first]
    assert numbers(q="%") == []
    assert numbers(severity_min=4) == [second]
    assert numbers(app="battery", thing=VIN) == [first]
    assert numbers(app="batter") == []
    assert numbers(state="dispatched") == []
    orders.set_deadline(orders.get(first).id, 1, NOW, NOW)
    assert numbers(overdue_at=NOW + timedelta(seconds=1)) == [first]
    assert [o.number for o in orders.late(NOW)] == [first]
    assert [o.number for o in orders.without_deadline()] == [second]
    assert orders.counts(OrderFilter()) == {"raised": 2}
    assert orders.choices(SOUTH) == {
        "assignees": [], "apps": ["battery"], "organisations": [SOUTH]
    }  # fmt: skip


def test_files_are_checked_kept_once_and_handed_to_their_side(filled: Ledger) -> None:
    number = take(filled, call())
    assert number
    asked = Asked("attach", "wang", "", NORTH)
    files = filled.order_files
    kept = files.add(number, "C:\\photos\\cell 82.PNG", PNG, asked)
    assert (kept.name, kept.media_type, kept.size_bytes) == ("cell 82.PNG", "image/png", 28)
    assert files.add(number, "again.png", PNG, asked).id == kept.id
    assert files.all(filled.orders.get(number).id) == [kept]
    assert files.read(number, kept.id, NORTH) == (kept, PNG)
    with pytest.raises(NotFoundError):
        files.read(number, kept.id, SOUTH)
    with pytest.raises(NotFoundError):
        files.add(number, "x.png", PNG, replace(asked, organisation=SOUTH))
    actions = [s.action for s in filled.orders.history(filled.orders.get(number).id)]
    assert actions == ["raise", "attach"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<script>"),
        ("photo.png", b"<script>alert(1)</script>"),
        ("run.exe", b"MZ"),
        ("text.txt", b"\xff\xfe\x00"),
        ("empty.png", b""),
        ("large.txt", b"x" * (limits.ATTACHMENT_BYTES_MAX + 1)),
    ],
    ids=["html", "false-png", "exe", "binary", "empty", "large"],
)  # fmt: skip
def test_files_that_are_refused(filled: Ledger, name: str, content: bytes) -> None:
    number = take(filled, call())
    assert number
    with pytest.raises(LimitError, match="allowed are"):
        filled.order_files.add(number, name, content, Asked("attach", "wang"))


def test_an_order_has_so_many_files_and_no_more(
    filled: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ATTACHMENTS_MAX", 2)
    number = take(filled, call())
    assert number

    def add(text: str) -> None:
        filled.order_files.add(number, "note.txt", text.encode(), Asked("attach", "wang"))

    add("one")
    add("two")
    with pytest.raises(LimitError, match="has 2 files"):
        add("three")


def test_a_clock_that_was_set_back_stops_nobodys_work(filled: Ledger) -> None:
    ahead = now() + timedelta(hours=1)
    number = take(filled, call(), ahead)
    assert number
    finished(filled, number)
    assert filled.orders.get(number).repaired_at == ahead
