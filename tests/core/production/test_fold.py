"""The fold of reports: small cases by hand, and any order, repeats and splits give one state."""

import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.production.fold import Progress, fold, shortfalls
from millbrain.core.production.reports import COUNTED, Kind, Lot, Report, instant_of

AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def said(n: int, kind: Kind, minute: float, **more: Any) -> Report:
    """Return report number n, of a minute after eight o'clock."""
    at = AT + timedelta(minutes=minute)
    fields = {"person": "P1", "machine": "M1"} | more
    return Report(str(uuid.UUID(int=n)), "PO1", "10", kind, at=at, received_at=at, **fields)


def names(progress: Progress) -> list[str]:
    """Return the kinds of the conflicts."""
    return [c.kind for c in progress.conflicts]


def test_a_shift_at_one_machine() -> None:
    found = fold([
        said(1, Kind.SETUP, 0), said(2, Kind.START, 20), said(3, Kind.GOOD, 30, quantity=4),
        said(4, Kind.SCRAP, 35, quantity=1, reason="tool"), said(5, Kind.PAUSE, 40),
        said(6, Kind.RESUME, 60), said(7, Kind.GOOD, 70, quantity=5), said(8, Kind.FINISH, 75),
    ])  # fmt: skip
    assert (found.state, found.good, found.scrap, found.rework) == ("done", 9, 1, 0)
    assert found.spent_s("setup") == 20 * 60
    assert found.spent_s("running") == (20 + 15) * 60
    assert found.conflicts == ()
    assert found.counts == {("P1", Kind.GOOD): 9, ("P1", Kind.SCRAP): 1}
    assert (found.started_at, found.finished_at) == (AT, AT + timedelta(minutes=75))


def test_states_on_the_way() -> None:
    log = [said(1, Kind.SETUP, 0), said(2, Kind.START, 1), said(3, Kind.PAUSE, 2)]
    assert [fold(log[:n]).state for n in range(4)] == ["ready", "setup", "running", "paused"]
    both = [*log, said(4, Kind.START, 2, person="P2")]
    assert fold(both).state == "running"
    assert fold([said(1, Kind.GOOD, 0, quantity=1)]).state == "running"  # one tap, no start


def test_what_does_not_agree_is_named_and_kept() -> None:
    found = fold([
        said(1, Kind.PAUSE, 0), said(2, Kind.START, 1), said(3, Kind.START, 2),
        said(4, Kind.FINISH, 3), said(5, Kind.FINISH, 4), said(6, Kind.GOOD, 5, quantity=7),
    ])  # fmt: skip
    assert sorted(names(found)) == ["after_finish", "finished_twice", "not_running",
                                    "started_twice"]  # fmt: skip
    assert found.good == 7
    assert found.finished_at == AT + timedelta(minutes=3)


def test_a_later_rejection_takes_back_a_part() -> None:
    good = said(1, Kind.GOOD, 0, quantity=10)
    back = said(2, Kind.GOOD, 9_000, quantity=3, reversal_of=good.id, person="QC")
    scrap = said(3, Kind.SCRAP, 9_000, quantity=3, reason="porosity")
    found = fold([scrap, back, good])
    assert (found.good, found.scrap, found.conflicts) == (7, 3, ())
    assert found.counts["P1", Kind.GOOD] == 7  # of whoever made them, not of the inspector


def test_reversals_that_do_not_fit() -> None:
    good, other = said(1, Kind.GOOD, 0, quantity=2), str(uuid.UUID(int=99))
    much = said(2, Kind.GOOD, 1, quantity=3, reversal_of=good.id)
    lost = said(3, Kind.GOOD, 2, quantity=1, reversal_of=other)
    found = fold([good, much, lost, said(4, Kind.GOOD, 3, reversal_of=much.id)])
    assert found.good == 0
    assert sorted(names(found)) == ["reverses_reversal", "reverses_too_much", "reverses_unknown"]


def test_a_finish_that_was_taken_back_opens_the_operation() -> None:
    finish = said(2, Kind.FINISH, 5)
    log = [said(1, Kind.START, 0), finish, said(3, Kind.FINISH, 6, reversal_of=finish.id)]
    assert fold(log).state == "running"


def test_a_serial_is_made_once() -> None:
    one = (Lot("01069/21S1", 1, is_serial=True),)
    lot = (Lot("L7", 1),)
    twice = [said(1, Kind.GOOD, 0, quantity=1, produced=one),
             said(2, Kind.GOOD, 1, quantity=1, produced=one)]  # fmt: skip
    assert names(fold(twice)) == ["serial_twice"]
    assert names(fold([said(n, Kind.GOOD, n, quantity=1, produced=lot) for n in (1, 2)])) == []


def test_shortfalls() -> None:
    above, own = Progress(good=5), Progress(good=6, scrap=1)
    assert [c.kind for c in shortfalls(5, above, own)] == ["too_many", "previous_short"]
    assert shortfalls(6, None, own) == ()


def test_clocks() -> None:
    late = AT + timedelta(hours=3)
    ahead = AT + timedelta(minutes=10)
    assert instant_of(ahead, 600_000, late) == (AT, False)
    assert instant_of(AT + timedelta(days=400), 0, AT) == (AT, True)
    assert instant_of(AT - timedelta(days=400), 0, AT) == (AT, True)
    assert instant_of(datetime.max.replace(tzinfo=UTC), -(10**15), AT) == (AT, True)
    assert instant_of(AT + timedelta(seconds=20), 0, AT) == (AT, False)  # never ahead of us


@st.composite
def logs(draw: st.DrawFn) -> list[Report]:
    """Return reports of some people, with reversals, equal instants and wrong ones."""
    made: list[Report] = []
    for n in range(1, draw(st.integers(1, 25)) + 1):
        kind = draw(st.sampled_from(list(Kind)))
        quantity = draw(st.integers(1, 5)) if kind in COUNTED else 0
        of = draw(st.sampled_from(["", "", "", *(r.id for r in made), "unknown"]))
        made.append(said(n, kind, draw(st.integers(0, 12)), quantity=quantity, reversal_of=of,
                         person=draw(st.sampled_from(["P1", "P2", "P3"])),
                         machine=draw(st.sampled_from(["M1", "M2"]))))  # fmt: skip
    return made


@given(logs(), st.randoms(use_true_random=False))
def test_any_order_and_any_repeats_give_one_state(log: list[Report], chance: random.Random) -> None:
    wanted = fold(log)
    mixed = log + chance.choices(log, k=len(log))
    chance.shuffle(mixed)
    assert fold(mixed) == wanted
    assert (wanted.good, wanted.scrap, wanted.rework) == slow(log)


def slow(log: Sequence[Report]) -> tuple[int, int, int]:
    """Count pieces one by one: each piece stands until a reversal takes it."""
    pieces = {r.id: r.quantity for r in log if not r.reversal_of and r.kind in COUNTED}
    for back in (r for r in log if r.reversal_of):
        if back.reversal_of in pieces:
            n = back.quantity or pieces[back.reversal_of]
            pieces[back.reversal_of] = max(0, pieces[back.reversal_of] - n)
    by_kind = {kind: sum(pieces[r.id] for r in log if r.id in pieces and r.kind is kind)
               for kind in COUNTED}  # fmt: skip
    return by_kind[Kind.GOOD], by_kind[Kind.SCRAP], by_kind[Kind.REWORK]
