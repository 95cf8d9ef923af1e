"""The registry over the real store: rights, commits of several changes, history, audit."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from millbrain.core.errors import MillbrainError
from millbrain.core.keys import handle_key
from millbrain.core.records import (
    Administrator,
    Reference,
    Value,
    is_live,
    store_form,
    stored_values,
    write_administrator,
)
from millbrain.core.registry import Asker, Change, Reason, RegistryError, Verb
from millbrain.record.identifiers import RocksIdentifiers
from millbrain.record.identifiers.registry import StoredRegistry
from millbrain.record.identifiers.trail import LINES, Trail, verify

ROOT = Asker(Reference("0.NA/88.1", 300), "test", "127.0.0.1")
MAKER = Asker(Reference("88.1.2/0.0", 301), "test")
STRANGER = Asker(Reference("88.9.9/0.0", 301), "test")
NOBODY = Asker()
URL = Value(1, "URL", b"https://x.example/1")
SECRET = Value(2, "COST", b"7", permissions=0x0C)


def admin(permissions: int, who: Reference, index: int = 100) -> Value:
    return Value(index, "HS_ADMIN", write_administrator(Administrator(permissions, who)))


OWN = admin(0xFFF, Reference("88.1.2/0.0", 301))


class Node:
    def __init__(self, folder: Path) -> None:
        self.store = RocksIdentifiers(folder)
        self.registry = StoredRegistry(self.store, [ROOT.identity] if ROOT.identity else [])

    def do(self, verb: Verb, handle: str, asker: Asker = MAKER, *values: Value,
           indexes: tuple[int, ...] = (), overwrite: bool = False) -> None:  # fmt: skip
        done: Future[MillbrainError | None] = Future()
        change = Change(verb, handle, asker, values, indexes, overwrite)
        self.registry.apply((change,), lambda refused: done.set_result(refused[0]))
        if error := done.result(10):
            raise error

    def values(self, handle: str) -> tuple[Value, ...]:
        stored = self.store.get(handle_key(handle))
        return stored_values(stored) if stored and is_live(stored) else ()

    def close(self) -> None:
        self.registry.close()
        self.store.close()


def new(folder: Path) -> Node:
    node = Node(folder)
    node.do(Verb.HOME, "0.NA/88.1.2", ROOT)
    node.do(Verb.CREATE, "0.NA/88.1.2", ROOT, admin(0xFFF, Reference("88.1.2/0.0", 301)))
    return node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = new(tmp_path / "store")
    yield node
    node.close()


def refused(node: Node, reason: Reason, *change: object, **more: object) -> None:
    with pytest.raises(RegistryError) as caught:
        node.do(*change, **more)  # type: ignore[arg-type]
    assert caught.value.reason is reason


def test_a_record_lives_and_dies(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, SECRET, OWN)
    assert [v.index for v in node.values("88.1.2/P7")] == [1, 100, 2]
    node.do(Verb.ADD, "88.1.2/P7", MAKER, Value(5, "MODEL", b"NC250"))
    node.do(Verb.MODIFY, "88.1.2/P7", MAKER, Value(5, "MODEL", b"NC300"))
    node.do(Verb.REMOVE, "88.1.2/P7", MAKER, indexes=(1,))
    assert {v.index: v.data for v in node.values("88.1.2/P7")} == {
        2: b"7", 5: b"NC300", 100: OWN.data,
    }  # fmt: skip
    node.do(Verb.DELETE, "88.1.2/P7")
    assert node.values("88.1.2/P7") == ()
    refused(node, Reason.NOT_FOUND, Verb.DELETE, "88.1.2/P7")
    assert [bool(form) for _, form in node.registry.history("88.1.2/p7")] == [
        False, True, True, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asker", "reason"), [(NOBODY, Reason.NO_IDENTITY), (STRANGER, Reason.DENIED)]
)
def test_others_change_nothing(node: Node, asker: Asker, reason: Reason) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, OWN)
    before = node.store.get(handle_key("88.1.2/p7"))
    refused(node, reason, Verb.CREATE, "88.1.2/p8", asker, URL)
    refused(node, reason, Verb.CREATE, "88.1.2/p7", asker, URL, overwrite=True)
    refused(node, reason, Verb.ADD, "88.1.2/p7", asker, Value(5, "MODEL", b""))
    refused(node, reason, Verb.MODIFY, "88.1.2/p7", asker, Value(1, "URL", b"evil"))
    refused(node, reason, Verb.REMOVE, "88.1.2/p7", asker, indexes=(1,))
    refused(node, reason, Verb.DELETE, "88.1.2/p7", asker)
    refused(node, reason, Verb.HOME, "0.NA/88.7", asker)
    assert node.store.get(handle_key("88.1.2/p7")) == before


def test_what_makes_no_sense_is_named(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, OWN)
    refused(node, Reason.EXISTS, Verb.CREATE, "88.1.2/P7", MAKER, URL)
    refused(node, Reason.NOT_HOMED, Verb.CREATE, "88.5.5/p7", MAKER, URL)
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/", MAKER, URL)
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/p9", MAKER, URL, URL)
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/p9", MAKER)
    refused(node, Reason.VALUE_EXISTS, Verb.ADD, "88.1.2/p7", MAKER, URL)
    refused(node, Reason.VALUES_NOT_FOUND, Verb.MODIFY, "88.1.2/p7", MAKER, Value(9, "A", b""))
    refused(node, Reason.VALUES_NOT_FOUND, Verb.REMOVE, "88.1.2/p7", MAKER, indexes=(9,))


def test_a_value_that_nobody_may_write_stays(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, Value(1, "URL", b"x", permissions=0x02), OWN)
    refused(node, Reason.DENIED, Verb.MODIFY, "88.1.2/p7", MAKER, Value(1, "URL", b"y"))
    refused(node, Reason.DENIED, Verb.REMOVE, "88.1.2/p7", MAKER, indexes=(1,))


def test_an_administrator_of_values_cannot_make_administrators(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, admin(0x070, Reference("88.9.9/0.0", 301)))
    node.do(Verb.MODIFY, "88.1.2/p7", STRANGER, Value(1, "URL", b"y"))
    mine = admin(0xFFF, Reference("88.9.9/0.0", 301))
    refused(node, Reason.DENIED, Verb.MODIFY, "88.1.2/p7", STRANGER, mine)
    refused(node, Reason.DENIED, Verb.MODIFY, "88.1.2/p7", STRANGER,
            Value(1, "HS_ADMIN", mine.data))  # fmt: skip
    refused(node, Reason.DENIED, Verb.ADD, "88.1.2/p7", STRANGER,
            Value(101, "HS_ADMIN", mine.data))  # fmt: skip


def test_groups_give_rights_and_rings_of_groups_end(node: Node) -> None:
    ring = (
        b"\0\0\0\2" + b"\0\0\0\x0888.1.2/g" + b"\0\0\0\1" + b"\0\0\0\x0a88.9.9/0.0" + b"\0\0\1\x2d"
    )
    node.do(Verb.CREATE, "88.1.2/g", MAKER, Value(1, "HS_VLIST", ring), OWN)
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, admin(0x040, Reference("88.1.2/g", 1)))
    node.do(Verb.ADD, "88.1.2/p7", STRANGER, Value(5, "MODEL", b""))
    refused(node, Reason.DENIED, Verb.DELETE, "88.1.2/p7", STRANGER)


def test_restricted_values_are_for_readers(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, SECRET, OWN)
    stored = node.store.get(handle_key("88.1.2/p7"))
    assert stored is not None
    seen = {who: [v.index for v in node.registry.readable(stored, "88.1.2/p7", who)]
            for who in (NOBODY, STRANGER, MAKER, ROOT)}  # fmt: skip
    assert seen == {NOBODY: [1, 100], STRANGER: [1, 100], MAKER: [1, 100, 2], ROOT: [1, 100, 2]}


def test_changes_that_wait_together_see_each_other(node: Node) -> None:
    outcomes: list[MillbrainError | None] = []
    over = threading.Event()

    def told(refused: Sequence[MillbrainError | None]) -> None:
        outcomes.extend(refused)
        if len(outcomes) == 40:
            over.set()

    for number in range(20):
        for _ in range(2):
            change = Change(Verb.CREATE, f"88.1.2/n{number}", MAKER, (URL, OWN))
            node.registry.apply((change,), told)
    assert over.wait(10)
    assert [o is None for o in outcomes] == [True, False] * 20
    assert node.registry.names("88.1.2", MAKER, "", 5) == [
        f"88.1.2/N{n}" for n in (0, 1, 10, 11, 12)
    ]


def test_a_batch_is_one_commit_and_each_change_is_judged_alone(node: Node) -> None:
    changes = [Change(Verb.CREATE, f"88.1.2/b{n % 3}", MAKER, (URL, OWN)) for n in range(4)]
    changes.append(Change(Verb.CREATE, "88.1.2/c", STRANGER, (URL, OWN)))
    told = asyncio.run(node.registry.make_many(changes))
    reasons = [e.reason if isinstance(e, RegistryError) else e for e in told]
    assert reasons == [None, None, None, Reason.EXISTS, Reason.DENIED]
    assert node.registry.names("88.1.2", MAKER, "", 5) == ["88.1.2/B0", "88.1.2/B1", "88.1.2/B2"]


def test_a_prefix_that_leaves_within_a_batch_takes_no_more_of_it(node: Node) -> None:
    first, last = (Change(Verb.CREATE, f"88.1.2/u{n}", MAKER, (URL, OWN)) for n in range(2))
    leave = Change(Verb.UNHOME, "0.NA/88.1.2", ROOT)
    told = asyncio.run(node.registry.make_many([first, leave, last]))
    assert told[:2] == [None, None]
    assert isinstance(told[2], RegistryError)
    assert told[2].reason is Reason.NOT_HOMED


def test_whoever_raises_when_told_stops_nobody_else(node: Node) -> None:
    heard: list[object] = []
    change = Change(Verb.CREATE, "88.1.2/p7", MAKER, (URL, OWN))
    node.registry.apply((change,), lambda _: 1 / 0)
    node.registry.apply((change,), heard.extend)
    node.do(Verb.CREATE, "88.1.2/p8", MAKER, URL, OWN)
    assert len(heard) == 1


def test_as_of_tells_what_held(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, OWN)
    first = node.registry.history("88.1.2/p7")[-1][0]
    assert node.registry.as_of("88.1.2/p7", first - 1) is None
    node.do(Verb.MODIFY, "88.1.2/p7", MAKER, Value(1, "URL", b"new"))
    second = node.registry.history("88.1.2/p7")[-1][0]
    held = node.registry.as_of("88.1.2/p7", second - 1) if second > first else None
    assert held is None or stored_values(held)[0].data == URL.data
    now = node.registry.as_of("88.1.2/p7", second)
    assert now is not None
    assert stored_values(now)[0].data == b"new"


def test_the_trail_tells_everything_and_shows_a_forged_line(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, OWN)
    node.registry.load([(b"hdl:88.1.2/B1", store_form((URL,)))], ROOT, "file.jsonl")
    lines = node.registry.audit()
    told = [json.loads(raw) for raw in lines]
    assert [line["verb"] for line in told] == ["home", "create", "create", "load"]
    assert told[2]["who"] == "301:88.1.2/0.0"
    assert node.registry.check_audit() == ""
    forged = [*lines[:2], lines[2].replace(b"P7", b"P8").replace(b"p7", b"p8"), lines[3]]
    assert "line 4" in verify(forged, Trail(4))
    node.store.delete([LINES + (4).to_bytes(8, "big")])
    assert "ends at line 3" in node.registry.check_audit()


def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    node = new(tmp_path / "store")
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, OWN)
    lines = len(node.registry.audit())
    node.close()
    again = Node(tmp_path / "store")
    try:
        assert again.registry.homed() == ["88.1.2"]
        again.do(Verb.MODIFY, "88.1.2/p7", MAKER, Value(1, "URL", b"new"))
        assert len(again.registry.audit()) == lines + 1
        assert again.registry.check_audit() == ""
    finally:
        again.close()
