"""Answers kept ready are what a fresh look would give, whatever is asked and changed between."""

import queue
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.core.errors import MillbrainError
from millbrain.core.keys import handle_key
from millbrain.core.limits import READY_BYTES_MAX
from millbrain.core.records import ReadyAnswers, Reference, Stamps, Value, store_form
from millbrain.core.registry import Asker, Change, Verb
from millbrain.identify.handle import fields
from millbrain.identify.handle.codec import decode, encode
from millbrain.identify.handle.framing import Envelope
from millbrain.identify.handle.records import Site
from millbrain.identify.handle.responder import Responder
from millbrain.record.identifiers import RocksIdentifiers
from millbrain.record.identifiers.registry import StoredRegistry
from tests.identify.handle.test_answers import FLAGS, PLAIN

ROOT = Reference("0.NA/88.1", 300)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> object:
    store = RocksIdentifiers(tmp_path_factory.mktemp("ready") / "store")
    registry = StoredRegistry(store, [ROOT])
    load(registry, {"88.100.1/a": "1", "88.100.1/b": "2", "88.100.1/big": "x" * 3_000})
    yield registry
    registry.close()
    store.close()


def load(registry: StoredRegistry, told: dict[str, str]) -> None:
    rows = [(handle_key(h), store_form([Value(1, "URL", t.encode())])) for h, t in told.items()]
    registry.load(rows, Asker(ROOT), "test")


def make(registry: StoredRegistry, change: Change) -> None:
    """Make a change and wait until it is acknowledged."""
    told: queue.SimpleQueue[Sequence[MillbrainError | None]] = queue.SimpleQueue()
    registry.apply((change,), told.put)
    assert told.get(timeout=10) == [None]


def node(registry: StoredRegistry) -> Responder:
    return Responder(registry, Site(servers=()), lambda size: bytes(size))


def timeless(answer: bytes | None) -> bytes | None:
    return answer and answer[:36] + answer[40:]  # without the instant of expiry


asks = st.builds(
    lambda handle, request, flags, version, expires_s: encode(replace(
        PLAIN, body={"handle": handle, "indexes": (), "types": ()}, flags=flags,
        expires_s=expires_s, envelope=Envelope(2, version, 0, 2, version, request=request),
    )),
    st.sampled_from(["88.100.1/a", "88.100.1/A", "88.100.1/b", "88.100.1/big", "88.100.1/no"]),
    st.integers(0, 3), st.sampled_from([FLAGS, fields.PUBLIC_ONLY]), st.sampled_from([1, 10, 11]),
    st.sampled_from([0, 1_900_000_000]),
)  # fmt: skip
changes = st.tuples(st.sampled_from(["88.100.1/a", "88.100.1/b"]), st.sampled_from("12345"))
damage = st.tuples(asks, st.integers(0, 90), st.integers(0, 255))


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(asks | changes | damage, max_size=30))
def test_a_node_that_remembers_says_what_a_new_one_says(
    registry: StoredRegistry, steps: list[bytes | tuple[str, str] | tuple[bytes, int, int]]
) -> None:
    old = node(registry)
    for step in steps:
        match step:
            case (str(handle), str(text)):
                load(registry, {handle: text})
                continue
            case (bytes(raw), int(at), int(byte)):
                packet = raw[: at % len(raw)] + bytes((byte,)) + raw[at % len(raw) + 1 :]
            case bytes(raw):
                packet = raw
        twice = old.plain([packet, packet])
        (fresh,) = node(registry).plain([packet])
        assert [timeless(answer) for answer in twice] == [timeless(fresh)] * 2


@pytest.mark.slow
def test_nothing_old_is_given_after_a_change_was_acknowledged(registry: StoredRegistry) -> None:
    """One thread changes a record and notes what was acknowledged; this one asks meanwhile."""
    responder, acknowledged, is_over = node(registry), [0], threading.Event()

    def change() -> None:
        for number in range(1, 200):
            value = Value(1, "URL", str(number).encode())
            make(registry, Change(Verb.CREATE, "88.100.1/A", Asker(ROOT), (value,), overwrite=True))
            acknowledged[0] = number
        is_over.set()

    load(registry, {"88.100.1/a": "0"})
    writer = threading.Thread(target=change)
    writer.start()
    packet, asked = encode(replace(PLAIN, body=body("88.100.1/a"))), 0
    while not is_over.is_set():
        least = acknowledged[0]
        (answer,) = responder.plain([packet])
        assert answer is not None
        assert int(decode(answer).body["values"][0].data) >= least
        asked += 1
    writer.join()
    assert asked > 200
    (answer,) = responder.plain([packet])
    assert answer is not None
    assert decode(answer).body["values"][0].data == b"199"


def body(handle: str) -> dict[str, object]:
    return {"handle": handle, "indexes": (), "types": ()}


def test_a_deleted_record_is_gone_at_once(registry: StoredRegistry) -> None:
    responder = node(registry)
    load(registry, {"88.100.1/gone": "1"})
    packet = encode(replace(PLAIN, body=body("88.100.1/gone")))
    assert code(responder, packet) == fields.OK
    make(registry, Change(Verb.DELETE, "88.100.1/gone", Asker(ROOT)))
    assert code(responder, packet) == fields.NOT_FOUND


def code(responder: Responder, packet: bytes) -> int:
    (answer,) = responder.plain([packet])
    assert answer is not None
    return decode(answer).code


def test_what_is_kept_is_bounded() -> None:
    stamps = Stamps()
    ready: ReadyAnswers[str] = ReadyAnswers(stamps, count_max=2)
    ready.keep(b"long", "x", READY_BYTES_MAX, stamps.of(b"k"))
    assert ready.get(b"long") is None
    for question in (b"1", b"2", b"3"):
        ready.keep(question, "x", 1, stamps.of(b"k"))
    assert [ready.get(q) for q in (b"1", b"2", b"3")] == [None, "x", "x"]
    stamps.touch([b"other", b"k"])
    assert ready.get(b"3") is None


def test_a_stamp_from_before_a_change_is_worth_nothing() -> None:
    stamps = Stamps()
    ready: ReadyAnswers[str] = ReadyAnswers(stamps)
    stamp = stamps.of(b"k")  # a reader takes it and reads the record; then the writer changes it
    stamps.touch([b"k"])
    ready.keep(b"q", "old", 1, stamp)
    assert ready.get(b"q") is None
