"""How many sessions there are and for how long, without a clock; and which counters are new."""

import random
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.limits import (
    HANDLE_SESSION_S_MAX,
    HANDLE_SESSIONS_MAX,
    HANDLE_SESSIONS_PER_ADDRESS_MAX,
    HANDLE_UNPROVED_S_MAX,
)
from millbrain.core.records import Reference
from millbrain.identify.handle.sessions.table import Counters, Session, Sessions

ME = Reference("88.100.1/admin", 300)


def begun(sessions: Sessions, now_s: float = 0, address: str = "a", timeout_s: int = 60) -> Session:
    session = sessions.begin(address, ME, None, timeout_s, now_s)
    assert session is not None
    return session


def test_a_session_ends_without_messages() -> None:
    sessions = Sessions(random.Random(1).randbytes)
    session = begun(sessions)
    assert sessions.find(session.number, 60) is session
    sessions.used(session, 60)
    assert sessions.find(session.number, 119) is session
    assert sessions.find(session.number, 121) is None
    assert sessions.find(session.number, 0) is None
    assert len(sessions) == 0


def test_nobody_keeps_a_session_longer_than_allowed() -> None:
    sessions = Sessions(random.Random(1).randbytes)
    for asked_s in (0, 1 << 31):
        session = begun(sessions, timeout_s=asked_s)
        assert session.until_s == HANDLE_UNPROVED_S_MAX
        session.identity = ME
        sessions.used(session, 0)
        assert session.until_s == HANDLE_SESSION_S_MAX


def test_one_address_has_its_share() -> None:
    sessions = Sessions(random.Random(1).randbytes)
    held = [begun(sessions) for _ in range(HANDLE_SESSIONS_PER_ADDRESS_MAX)]
    assert sessions.begin("a", ME, None, 60, 0) is None
    begun(sessions, address="b")
    sessions.end(held[0])
    begun(sessions)


def test_proved_sessions_outlive_a_flood() -> None:
    sessions = Sessions(random.Random(1).randbytes)
    mine = begun(sessions, timeout_s=0)
    mine.identity = ME
    sessions.used(mine, 0)
    for number in range(HANDLE_SESSIONS_MAX + 100):
        sessions.begin(f"flood-{number // 200}", None, None, 0, 1)
        if number % 7 == 0:
            sessions.used(mine, 1)
    assert len(sessions) <= HANDLE_SESSIONS_MAX
    assert sessions.find(mine.number, 2) is mine


@given(st.lists(st.integers(1, 3000), max_size=60))
def test_a_counter_is_new_once(counters: list[int]) -> None:
    known, seen = Counters(), set[int]()
    for counter in counters:
        newest = max(seen, default=0)
        expected = counter not in seen and counter > newest - 1024
        assert known.is_new(counter) == expected
        if expected:
            seen.add(counter)


def test_zero_and_less_are_never_new() -> None:
    known = Counters()
    assert not known.is_new(0)
    assert known.is_new((1 << 32) - 1)
    assert not known.is_new((1 << 32) - 1)


def test_a_leap_back_over_all_numbers_costs_nothing() -> None:
    known = Counters()
    assert known.is_new((1 << 32) - 1)
    tracemalloc.start()
    assert not known.is_new(1)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 10_000
