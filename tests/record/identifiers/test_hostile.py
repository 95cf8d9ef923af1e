"""Hostile values of the types that the registry reads: refused by name, or kept and harmless."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.core.keys import handle_key
from millbrain.core.records import Value, is_live
from millbrain.core.registry import RegistryError, Verb
from millbrain.record.identifiers import RocksIdentifiers
from millbrain.record.identifiers.upkeep import examine
from tests.record.identifiers.test_registry import MAKER, NOBODY, OWN, ROOT, STRANGER, Node, new


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("hostile") / "s"
    node = new(folder)
    node.do(Verb.CREATE, "88.1.2/t", MAKER, Value(1, "URL", b"x"), OWN)
    yield node
    node.close()
    store = RocksIdentifiers(folder)
    assert examine(store).problems == ()
    store.close()


DEEP = b"[" * 100_000
LONG = b'{"pattern":"P{4}","from":' + b"9" * 5_000 + b',"to":1}'
LEAVES: Any = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
TOLD = st.dictionaries(
    st.sampled_from(["pattern", "from", "to", "fields", "until", "by", "title", "about"]),
    LEAVES | st.lists(LEAVES, max_size=3)
    | st.fixed_dictionaries({"handle": LEAVES, "index": LEAVES})
    | st.sampled_from(["P{4}", "{18}", "{serial}{1}", "*", "9999-12-31T23:59:59Z"]),
    max_size=4,
).map(lambda told: json.dumps(told).encode())  # fmt: skip
DATA = st.binary(max_size=40) | TOLD | st.sampled_from(
    [DEEP, LONG, b"88.1.2/META_X", b"88.1.2/t", b"\xff", b"null", b"{}", b"[]", b"NaN"]
)  # fmt: skip
HOSTILE = st.builds(
    Value, st.integers(0, 3) | st.sampled_from([500, 1001, 2001, (1 << 32) - 1]),
    st.sampled_from(["META", "META_TEMPLATE", "GRANT", "RANGE", "RANGE_WITHOUT", "ALIAS", "TAG"]),
    DATA, permissions=st.integers(0, 15),
)  # fmt: skip
NAMES = st.sampled_from(["88.1.2/x", "88.1.2/META_X", "0.NA/88.1.2", "88.1.2/t", "88.1.2/P0001"])


@settings(max_examples=150, deadline=None)
@given(
    verb=st.sampled_from([Verb.CREATE, Verb.ADD, Verb.MODIFY, Verb.PUT, Verb.REMOVE, Verb.DELETE]),
    handle=NAMES, asker=st.sampled_from([MAKER, ROOT, STRANGER, NOBODY]),
    values=st.lists(HOSTILE, max_size=3), over=st.booleans(),
)  # fmt: skip
def test_hostile_values_are_refused_by_name(
    shared: Node, verb: Verb, handle: str, asker: Any, values: list[Value], over: bool
) -> None:
    more: dict[str, Any] = {"overwrite": over}
    if verb is Verb.REMOVE:
        more, values = {"indexes": tuple(v.index for v in values)}, []
    if handle == "0.NA/88.1.2" and verb in (Verb.CREATE, Verb.DELETE):
        return  # the node would not know its own administrators any more
    told = "made"
    try:
        shared.do(verb, handle, asker, *values, **more)
    except RegistryError as error:
        told = str(error)
    assert 0 < len(told) < 2_000
    # Whatever was kept answers, and tells strangers nothing that is hidden.
    (stored,) = shared.registry.get_many([handle_key(handle)])
    if stored is not None and is_live(stored):
        for who in (NOBODY, STRANGER):
            seen = shared.registry.readable(stored, handle, who)
            assert all(v.permissions & 2 for v in seen)
        shared.registry.access(handle, ROOT)
        shared.registry.template_for(handle, shared.registry.readable(stored, handle, ROOT))
    shared.registry.history(handle)
    shared.registry.names("88.1.2", ROOT, "", 5)
    shared.registry.templates("88.1.2")
