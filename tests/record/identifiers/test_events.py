"""The store of events: order, ids, spans, pages, and what a reopened store knows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millbrain.core.events import (
    ALL,
    MADE,
    MADE_OF,
    THING,
    WENT_INTO,
    Event,
    Span,
    thing_key,
)
from millbrain.record.identifiers import RocksIdentifiers
from millbrain.record.identifiers.events import StoredEvents

JOB = ("j", b"{}")


def event(name: str, at_ms: int, *things: tuple[str, str], says: str = "") -> Event:
    terms = tuple((THING, thing, parts) for thing, parts in things)
    digest = (says or name).encode().ljust(32, b".")
    return Event(name, digest, b"{}", at_ms, 0, "88.1", True, terms)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RocksIdentifiers]:
    found = RocksIdentifiers(tmp_path / "store")
    yield found
    found.close()


def ids(events: StoredEvents, what: str, *values: str, span: Span | None = None) -> list[str]:
    hits = events.find(what, values or ("",), span or Span(), 100)
    return [e.id for e in events.get([hit.number for hit in hits])]


def test_the_newest_come_first_whatever_the_order_of_capture(store: RocksIdentifiers) -> None:
    events = StoredEvents(store)
    events.add([event("b", 2_000, ("pack", "p"), ("cell", "c")), event("old", -5)], JOB)
    events.add([event("c", 3_000, ("pack", "e")), event("a", 1_000, ("cell", "o"))], JOB)
    assert ids(events, ALL) == ["c", "b", "a", "old"]
    assert ids(events, THING, "pack") == ["c", "b"]
    assert ids(events, THING, "pack", "cell") == ["c", "b", "a"]
    assert ids(events, ALL, span=Span(from_ms=1_000, before_ms=3_000)) == ["b", "a"]
    assert ids(events, ALL, span=Span(before_ms=0)) == ["old"]
    both = events.find(THING, ("pack", "cell"), Span(before_ms=3_000), 1)
    assert [hit.parts for hit in both] == ["cp"]


def test_what_was_made_of_others_is_known(store: RocksIdentifiers) -> None:
    events = StoredEvents(store)
    parts = (("i", "steel", "2 KGM"), ("o", "plate", ""))
    pressed = Event("a", bytes(32), b"{}", 7, 0, "88.1", True, role=MADE, parts=parts)
    events.add([pressed, event("b", 8, ("plate", "e"))], JOB)
    assert events.links(MADE_OF, ["plate", "steel", "none"], 9) == [[(7, 1, ">", "o")], [], []]
    assert events.links(WENT_INTO, ["plate", "steel"], 9) == [[], [(7, 1, ">", "i")]]
    assert events.traced([1, 2, 3]) == [
        (7, ">", True, "88.1", "", "isteel\t2 KGM\0oplate"), None, None,
    ]  # fmt: skip


def test_an_id_is_kept_once(store: RocksIdentifiers) -> None:
    events = StoredEvents(store)
    assert events.add([event("a", 1), event("a", 1)], JOB) == ["", ""]
    assert events.add([event("a", 1), event("b", 2)], JOB) == ["", ""]
    assert events.add([event("a", 1, says="other")], JOB) == ["a is the id of another event"]
    assert ids(events, ALL) == ["b", "a"]


def test_a_reopened_store_goes_on(tmp_path: Path) -> None:
    for round_ in range(3):
        store = RocksIdentifiers(tmp_path / "store")
        events = StoredEvents(store)
        events.add([event("same", 1), event(str(round_), round_)], (f"j{round_}", b"report"))
        store.close()
    store = RocksIdentifiers(tmp_path / "store")
    events = StoredEvents(store)
    assert sorted(ids(events, ALL)) == ["0", "1", "2", "same"]
    assert events.by_id("same") is not None
    assert (events.job("j1"), events.job("none")) == (b"report", None)
    store.close()


@settings(deadline=None, max_examples=15,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30), st.integers(1, 7))
def test_pages_give_every_event_once(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], size: int
) -> None:
    store = RocksIdentifiers(tmp_path_factory.mktemp("events"))
    events = StoredEvents(store)
    events.add([event(str(n), at, ("t", "e")) for n, at in enumerate(times)], JOB)
    seen: list[int] = []
    span = Span()
    while hits := events.find(THING, ("t",), span, size):
        seen += [e.at_ms for e in events.get([hit.number for hit in hits])]
        span = Span(after=hits[-1].position)
    assert seen == sorted(times, reverse=True)
    store.close()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("urn:epc:id:sscc:9506000.0134352001", "gs1:00/095060001343520017"),
        ("urn:epc:class:lgtin:9506000.013435.L", "gs1:01/09506000134352/10/L"),
        ("https://x.example/01/9506000134352/22/V/10/L/21/S", "gs1:01/09506000134352/21/S"),
        ("https://id.gs1.org/414/4012345000115/254/7", "gs1:414/4012345000115/254/7"),
        ("88.100.1/p7", "hdl:88.100.1/P7"),
        ("urn:x:unknown", "urn:x:unknown"),
    ],
)
def test_a_thing_has_one_name(text: str, name: str) -> None:
    assert thing_key(text) == name
