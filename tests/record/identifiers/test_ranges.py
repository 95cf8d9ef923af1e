"""Ranges over the real store: as many single records, seen through the registry."""

import itertools
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Queue
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millbrain.core.errors import StoreFullError
from millbrain.core.keys import handle_key, parse
from millbrain.core.nodes.ranges import range_value
from millbrain.core.records import Value, is_live, store_form, stored_values
from millbrain.core.registry import ADMIN_TYPE, Asker, Change, Reason, RegistryError, Verb
from millbrain.core.templates import version_value
from tests.record.identifiers.test_registry import (
    MAKER,
    NOBODY,
    OWN,
    ROOT,
    STRANGER,
    Node,
    admin,
    new,
    node,
    refused,
)

__all__ = ["node"]

LINK = Value(1, "URL", b"https://id.example.cn/p/{serial}")
COST = Value(2, "COST", b"7", permissions=0x0C)
BATCH = "88.1.2/BATCH"


def block(first: int, last: int, pattern: str = "P{4}") -> Value:
    return range_value(50, pattern, first, last)


def make(node: Node, first: int = 1, last: int = 20, *more: Value) -> None:
    node.do(Verb.CREATE, BATCH, MAKER, LINK, COST, block(first, last), OWN, *more)


def told(node: Node, handle: str, asker: Asker = MAKER) -> dict[int, bytes]:
    (stored,) = node.registry.get_many([handle_key(handle)])
    if stored is None or not is_live(stored):
        return {}
    return {v.index: v.data for v in node.registry.readable(stored, handle, asker)}


def test_an_item_is_answered_with_the_shared_values(node: Node) -> None:
    make(node)
    link = b"https://id.example.cn/p/0007"
    assert told(node, "88.1.2/p0007") == {1: link, 2: b"7", 100: OWN.data}
    assert told(node, "88.1.2/p0007", NOBODY) == {1: link, 100: OWN.data}
    assert told(node, "88.1.2/p0021") == told(node, "88.1.2/P007") == told(node, "88.1.2/P") == {}
    assert node.store.get(b"hdl:88.1.2/P0007") is None
    assert [len(node.registry.history(f"88.1.2/P{n}")) for n in ("0007", "0021")] == [1, 0]


def test_single_items_change_and_the_shared_values_show_through(node: Node) -> None:
    make(node)
    node.do(Verb.MODIFY, "88.1.2/P0003", MAKER, Value(2, "COST", b"9"))
    node.do(Verb.ADD, "88.1.2/P0003", MAKER, Value(5, "NOTE", b"scratched"))
    node.do(Verb.REMOVE, "88.1.2/P0004", MAKER, indexes=(1,))
    node.do(Verb.DELETE, "88.1.2/P0005", MAKER)
    node.do(Verb.CREATE, "88.1.2/P0006", MAKER, Value(9, "A", b"b"), OWN, overwrite=True)
    new_link = Value(1, "URL", b"https://new.example.cn/{serial}")
    node.do(Verb.MODIFY, BATCH, MAKER, new_link)
    assert told(node, "88.1.2/P0003") == {
        1: b"https://new.example.cn/0003", 2: b"9", 5: b"scratched", 100: OWN.data}  # fmt: skip
    assert told(node, "88.1.2/P0004") == {2: b"7", 100: OWN.data}
    assert told(node, "88.1.2/P0005") == {}
    assert told(node, "88.1.2/P0006") == {9: b"b", 100: OWN.data}
    refused(node, Reason.NOT_FOUND, Verb.MODIFY, "88.1.2/P0005", MAKER, COST)
    refused(node, Reason.EXISTS, Verb.CREATE, "88.1.2/P0007", MAKER, LINK, OWN)
    names = [f"88.1.2/P{n:04}" for n in range(1, 21) if n != 5]
    assert node.registry.names("88.1.2", MAKER, "", 100) == ["88.1.2/BATCH", *names]
    assert node.registry.names("88.1.2", MAKER, "88.1.2/P0004", 2) == [
        "88.1.2/P0006",
        "88.1.2/P0007",
    ]


def test_who_may_change_what(node: Node) -> None:
    make(node)
    refused(node, Reason.DENIED, Verb.MODIFY, "88.1.2/P0003", STRANGER, COST)
    refused(node, Reason.NO_IDENTITY, Verb.DELETE, "88.1.2/P0003", NOBODY)
    refused(node, Reason.DENIED, Verb.CREATE, "88.1.2/B2", STRANGER, block(50, 60), OWN)
    # An item with administrators of its own stands by itself.
    sold = admin(0xFFF, STRANGER.identity)  # type: ignore[arg-type]
    node.do(Verb.MODIFY, "88.1.2/P0003", MAKER, sold)
    node.do(Verb.MODIFY, BATCH, MAKER, Value(1, "URL", b"https://evil.example"))
    assert told(node, "88.1.2/P0003")[1] == b"https://id.example.cn/p/0003"
    refused(node, Reason.DENIED, Verb.MODIFY, "88.1.2/P0003", MAKER, COST)


def test_to_extend_needs_the_right_to_create(node: Node) -> None:
    editor = admin(0x070, STRANGER.identity, 101)  # type: ignore[arg-type]
    make(node, 1, 20, editor)
    node.do(Verb.MODIFY, BATCH, STRANGER, Value(2, "COST", b"8"))
    refused(node, Reason.DENIED, Verb.MODIFY, BATCH, STRANGER, block(1, 21))
    node.do(Verb.MODIFY, BATCH, STRANGER, Value(2, "COST", block(1, 21).data))
    refused(node, Reason.DENIED, Verb.MODIFY, BATCH, STRANGER, block(1, 21))
    node.do(Verb.MODIFY, BATCH, STRANGER, Value(2, "COST", b"8"))
    node.do(Verb.MODIFY, BATCH, MAKER, block(1, 21))
    assert told(node, "88.1.2/P0021")[2] == b"8"


def test_ranges_grow_and_never_overlap(node: Node) -> None:
    make(node)
    refused(node, Reason.INVALID, Verb.MODIFY, BATCH, MAKER, block(2, 30))
    refused(node, Reason.INVALID, Verb.MODIFY, BATCH, MAKER, block(1, 30, "Q{4}"))
    refused(node, Reason.INVALID, Verb.REMOVE, BATCH, MAKER, indexes=(50,))
    refused(node, Reason.INVALID, Verb.CREATE, BATCH, MAKER, LINK, OWN, overwrite=True)
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/X", MAKER, Value(50, "RANGE", b"{}"), OWN)
    refused(node, Reason.EXISTS, Verb.CREATE, "88.1.2/X", MAKER, block(20, 30), OWN)
    refused(node, Reason.EXISTS, Verb.CREATE, "88.1.2/X", MAKER, block(1, 1, "P00{2}"), OWN)
    node.do(Verb.CREATE, "88.1.2/X", MAKER, block(21, 30), OWN)
    refused(node, Reason.EXISTS, Verb.MODIFY, BATCH, MAKER, block(1, 21))
    node.do(Verb.MODIFY, BATCH, MAKER, block(0, 20))
    assert told(node, "88.1.2/P0000")[1] == b"https://id.example.cn/p/0000"
    node.do(Verb.DELETE, BATCH, MAKER)
    assert told(node, "88.1.2/P0007") == {}
    assert told(node, "88.1.2/P0021") == {100: OWN.data}
    node.do(Verb.CREATE, BATCH, MAKER, LINK, block(1, 5), OWN)
    assert [n for n, _ in node.registry.ranges("88.1.2", MAKER)] == [BATCH, "88.1.2/X"]
    with pytest.raises(RegistryError):
        node.registry.ranges("88.1.2", STRANGER)


def test_a_refused_or_taken_back_range_is_not_in_force(node: Node) -> None:
    alone = Value(10, "ALIAS", b"vin:LDPGABAC2JN361504")
    refused(node, Reason.INVALID, Verb.CREATE, BATCH, MAKER, block(1, 9), alone, OWN)
    assert told(node, "88.1.2/P0007") == {}
    node.do(Verb.CREATE, BATCH, MAKER, block(1, 9), OWN)


def test_a_range_that_was_not_written_is_not_in_force(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise StoreFullError("no room")

    make(node, 1, 9)
    with monkeypatch.context() as broken:
        broken.setattr(node.store, "put_many", full)
        with pytest.raises(StoreFullError):
            node.do(Verb.MODIFY, BATCH, MAKER, block(1, 20))
        with pytest.raises(StoreFullError):
            node.do(Verb.DELETE, BATCH, MAKER)
    assert told(node, "88.1.2/P0012") == {}
    assert told(node, "88.1.2/P0007") != {}
    node.do(Verb.CREATE, "88.1.2/X", MAKER, block(10, 20), OWN)
    refused(node, Reason.EXISTS, Verb.MODIFY, BATCH, MAKER, block(1, 10))


def test_a_batch_that_is_refused_as_a_whole_makes_no_range(node: Node) -> None:
    changes = [Change(Verb.CREATE, f"88.1.2/{name}", MAKER, (block(1, last), OWN))
               for name, last in (("A", 9), ("B", 5))]  # fmt: skip
    outcomes: Queue[Sequence[object]] = Queue()
    node.registry.apply(changes, outcomes.put, is_whole=True)
    assert all(outcomes.get(timeout=10))
    assert told(node, "88.1.2/P0007") == {}
    make(node)


def test_it_is_there_again_after_a_restart(tmp_path: Path) -> None:
    node = new(tmp_path / "store")
    make(node)
    node.do(Verb.MODIFY, "88.1.2/P0003", MAKER, Value(2, "COST", b"9"))
    node.do(Verb.CREATE, "88.1.2/X", MAKER, block(30, 40), OWN)
    node.do(Verb.DELETE, "88.1.2/X", MAKER)
    node.close()
    again = Node(tmp_path / "store")
    try:
        assert told(again, "88.1.2/P0003")[2] == b"9"
        assert told(again, "88.1.2/P0007")[1] == b"https://id.example.cn/p/0007"
        assert told(again, "88.1.2/P0030") == {}
        assert [bool(f) for _, f in again.registry.history("88.1.2/P0030")] == [False, True]
        refused(again, Reason.EXISTS, Verb.CREATE, "88.1.2/Y", MAKER, block(20, 25), OWN)
    finally:
        again.close()


def test_takedowns_and_quotas_count_items(node: Node) -> None:
    prefixes = node.registry.prefixes
    prefixes.apply_for(ROOT, "88.1.2", organisation="works")
    node.do(Verb.CREATE, "88.1.2/P0002", MAKER, LINK, OWN)
    prefixes.limit(ROOT, "88.1.2", 21, None)
    make(node)  # twenty serials, one of them registered before, and the range's own record
    assert prefixes.handles("88.1.2") == 21
    refused(node, Reason.HANDLE_QUOTA, Verb.MODIFY, BATCH, MAKER, block(1, 21))
    assert told(node, "88.1.2/P0021") == {}
    node.do(Verb.DELETE, "88.1.2/P0005")
    assert prefixes.handles("88.1.2") == 20
    node.do(Verb.MODIFY, BATCH, MAKER, block(1, 21))
    prefixes.limit(ROOT, "88.1.2", None, None)
    prefixes.limit(ROOT, "88.1.2", 100, None)
    assert prefixes.handles("88.1.2") == 21
    node.do(Verb.DELETE, BATCH)
    assert prefixes.handles("88.1.2") == 1
    make(node)
    prefixes.take_down(ROOT, "88.1.2/P0007", "test")
    assert told(node, "88.1.2/P0007") == {}
    assert told(node, "88.1.2/P0008") != {}
    prefixes.take_down(ROOT, BATCH, "test")
    assert told(node, "88.1.2/P0008") == {}
    assert node.registry.names("88.1.2", MAKER, "", 10) == []  # nor a single one of its serials
    prefixes.restore(ROOT, BATCH, "test")
    assert told(node, "88.1.2/P0008") != {}


def test_items_follow_the_template(node: Node) -> None:
    fields = [{"name": "mass", "index": 2000, "kind": "number", "high": 15}]
    node.do(Verb.CREATE, "88.1.2/META_P", MAKER, version_value(1, {"fields": fields}), OWN)
    meta, mass = Value(1001, "META", b"88.1.2/META_P"), Value(2000, "mass", b"{serial}")
    refused(node, Reason.INVALID, Verb.CREATE, BATCH, MAKER, meta, mass, block(1, 20), OWN)
    node.do(Verb.CREATE, BATCH, MAKER, meta, mass, block(1, 15), OWN)
    refused(node, Reason.INVALID, Verb.MODIFY, BATCH, MAKER, block(1, 16))
    refused(node, Reason.INVALID, Verb.MODIFY, "88.1.2/P0003", MAKER, Value(2000, "mass", b"16"))


def test_aliases_of_items(node: Node) -> None:
    gtin = Value(10, "ALIAS", b"(01)09506000134352(21)A{serial}")
    make(node, 1, 20, gtin)
    key = parse("https://x.example/01/9506000134352/21/A0007")
    assert node.registry.named([key]) == ["88.1.2/P0007"]
    node.do(Verb.REMOVE, "88.1.2/P0007", MAKER, indexes=(10,))
    assert node.registry.named([key]) == [""]
    other = Value(10, "ALIAS", b"(01)09506000134352(21)A0008")
    refused(node, Reason.EXISTS, Verb.CREATE, "88.1.2/Q", MAKER, other, OWN)
    refused(node, Reason.EXISTS, Verb.CREATE, "88.1.2/X", MAKER, gtin, block(1, 5, "Q{4}"), OWN)


def test_a_range_from_a_file(node: Node) -> None:
    row = (handle_key(BATCH), store_form([LINK, block(1, 20), OWN]))
    other = (handle_key("88.1.2/X"), store_form([block(5, 6), OWN]))
    with pytest.raises(RegistryError, match="shares items"):
        node.registry.load([row, other], ROOT, "file")
    assert told(node, "88.1.2/P0007") == {}
    assert node.registry.load([row], ROOT, "file") == 1
    assert told(node, "88.1.2/P0007")[1] == b"https://id.example.cn/p/0007"
    assert len(json.loads(node.registry.audit()[-1])) > 3


def test_answers_kept_ready_end_with_a_change_of_the_range(node: Node) -> None:
    make(node)
    stamp = node.registry.stamps.of(b"hdl:88.1.2/P0007")
    node.do(Verb.MODIFY, BATCH, MAKER, Value(2, "COST", b"8"))
    assert node.registry.stamps.of(b"hdl:88.1.2/P0007") != stamp


# As many single records -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    nodes = new(tmp_path_factory.mktemp("a") / "s"), new(tmp_path_factory.mktemp("b") / "s")
    yield nodes
    for one in nodes:
        one.close()


EXAMPLE = itertools.count()
SERIALS = st.integers(0, 4)  # 0 and 4 are outside
VALUES = st.builds(lambda i, d: Value(i, f"T{i}", d), st.integers(1, 4), st.binary(max_size=2))
STEPS = st.lists(st.one_of(
    st.tuples(st.sampled_from([Verb.ADD, Verb.MODIFY, Verb.PUT, Verb.CREATE]), SERIALS,
              st.lists(VALUES, min_size=1, max_size=2, unique_by=lambda v: v.index),
              st.booleans(), st.sampled_from([MAKER, STRANGER])),
    st.tuples(st.just(Verb.REMOVE), SERIALS, st.sets(st.integers(1, 4), min_size=1),
              st.just(False), st.sampled_from([MAKER, STRANGER])),
    st.tuples(st.just(Verb.DELETE), SERIALS, st.just([]), st.just(False),
              st.sampled_from([MAKER, NOBODY])),
), max_size=8)  # fmt: skip
SHARED = st.lists(VALUES, max_size=3, unique_by=lambda v: v.index)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(shared=SHARED, steps=STEPS)
def test_a_range_is_as_many_single_records(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch, shared: list[Value], steps: list[Any]
) -> None:
    number = next(EXAMPLE)
    clock = itertools.count(1_760_000_000 + number * 1_000)
    now = [next(clock)]
    clocked = SimpleNamespace(time=lambda: float(now[0]))
    monkeypatch.setattr("millbrain.record.identifiers.registry.time", clocked)
    ranged, single = pair
    name = f"88.1.2/E{number}-{{}}"
    handles = [name.format(n) for n in range(5)]
    values = [*shared, Value(9, "URL", b"x/{serial}"), OWN]
    ranged.do(Verb.CREATE, f"88.1.2/F{number}", MAKER, *values, block(1, 3, f"E{number}-{{1}}"))
    for n in range(1, 4):
        own = [Value(9, "URL", b"x/%d" % n) if v.index == 9 else v for v in values]
        single.do(Verb.CREATE, handles[n], MAKER, *own)
    began_ms = now[0] * 1_000
    for verb, n, what, over, asker in steps:
        now[0] = next(clock)
        more: dict[str, Any] = {"overwrite": over}
        if verb is Verb.REMOVE:
            more, what = {"indexes": tuple(sorted(what))}, []
        extra = [OWN] if verb is Verb.CREATE else []
        outcomes = [attempt(one, verb, handles[n], asker, *what, *extra, **more) for one in pair]
        assert outcomes[0] == outcomes[1]
    assert looks(ranged, handles, began_ms, now[0]) == looks(single, handles, began_ms, now[0])
    listed = [
        [h for h in one.registry.names("88.1.2", MAKER, f"88.1.2/E{number}", 9)
         if h.startswith(f"88.1.2/E{number}-")] for one in pair
    ]  # fmt: skip
    assert listed[0] == listed[1]


def attempt(node: Node, *change: Any, **more: Any) -> str:
    try:
        node.do(*change, **more)
    except RegistryError as error:
        return f"{error.reason} {error}"
    return ""


def looks(node: Node, handles: list[str], began_ms: int, now_s: int) -> list[Any]:
    seen: list[Any] = []
    for handle in handles:
        (stored,) = node.registry.get_many([handle_key(handle)])
        seen.append(stored)
        seen.append(node.registry.history(handle))
        instants = range(began_ms - 1, now_s * 1_000 + 1_001, 500)
        seen.append([node.registry.as_of(handle, at_ms) for at_ms in instants])
        if stored is not None and is_live(stored):
            for asker in (NOBODY, MAKER, STRANGER):
                seen.append(node.registry.readable(stored, handle, asker))
            assert any(v.type == ADMIN_TYPE for v in stored_values(stored))
    return seen


def test_an_item_is_never_missing_while_its_range_grows(tmp_path: Path) -> None:
    missing: list[str] = []
    nodes: list[Node] = []

    def look(frame: FrameType, _: str, __: object) -> Any:
        """Ask for an item before each line that the writer runs of what finds ranges."""
        is_at_it = frame.f_code.co_filename.endswith("ranges.py") and nodes
        if is_at_it and nodes[0].registry.get_many([b"hdl:88.1.2/P0007"]) == [None]:
            missing.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
        return look

    threading.settrace(look)
    try:
        node = new(tmp_path / "store")
    finally:
        threading.settrace(None)
    make(node, 5, 9, Value(10, "ALIAS", b"(01)09506000134352(21)A{serial}"))
    nodes.append(node)
    node.do(Verb.MODIFY, BATCH, MAKER, block(1, 20))
    node.do(Verb.MODIFY, BATCH, MAKER, Value(2, "COST", b"8"))
    nodes.clear()
    assert told(node, "88.1.2/P0020")[2] == b"8"
    node.close()
    assert not missing
