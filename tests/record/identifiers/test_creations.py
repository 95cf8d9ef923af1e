"""Creations in bulk: the same outcome as one by one, whatever is sent."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millbrain.core.errors import MillbrainError
from millbrain.core.keys import handle_key
from millbrain.core.records import (
    PERMISSIONS_USUAL,
    Administrator,
    Reference,
    Value,
    store_form,
    stored_values,
    write_administrator,
)
from millbrain.core.registry import Asker, Change, Verb
from millbrain.core.templates import version_value
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry
from millbrain.record.identifiers.creations import Creations
from millbrain.record.identifiers.waiting import Batch

PREFIX = "88.5.1"
OWNER = Reference(f"{PREFIX}/admin", 300)
ADMIN = Value(100, "HS_ADMIN", write_administrator(Administrator(0xFFF, OWNER)))
META = Value(1001, "META", f"{PREFIX}/META_gear".encode())
TEMPLATE = {"title": "Gear", "title_zh": "齿轮", "fields": [
    {"name": "mass", "index": 2000, "kind": "number", "is_required": True, "high": 500},
    {"name": "maker", "index": 2001, "kind": "text", "longest": 8},
    {"name": "note", "index": 2002, "kind": "text", "is_hidden": True},
]}  # fmt: skip


class OneByOne(Creations):
    """Takes the long way always."""

    def made(self, change: Change, before: bytes | None) -> bytes | None:
        return None


@pytest.fixture(scope="module")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[StoredRegistry]]:
    found, stores = [], []
    for name in ("bulk", "single"):
        folder: Path = tmp_path_factory.mktemp(name)
        stores.append(RocksIdentifiers(folder / "store"))
        registry = StoredRegistry(stores[-1])
        registry.load(
            [(handle_key(f"0.NA/{PREFIX}"), store_form([ADMIN])),
             (handle_key(f"{PREFIX}/META_gear"), store_form([version_value(1, TEMPLATE), ADMIN]))],
            Asker(OWNER), "test",
        )  # fmt: skip
        found.append(registry)
    yield found
    for registry, store in zip(found, stores, strict=True):
        registry.close()
        store.close()


def made(registry: StoredRegistry, changes: Sequence[Change]) -> list[str]:
    """What each change was told, and what is recorded then, without the time."""
    heard: list[Sequence[MillbrainError | None]] = []
    with registry._writing:
        told = registry._commit([Batch(changes, heard.append)])
    (refused,) = (r for _, r in told)
    records = [registry.get_many([handle_key(c.handle)])[0] for c in changes]
    shown = [[(v.index, v.type, v.data, v.permissions) for v in stored_values(r)] if r and r[0] == 1
             else r for r in records]  # fmt: skip
    return [f"{type(e).__name__} {e} {s}" for e, s in zip(refused, shown, strict=True)]


def held_together(
    registries: list[StoredRegistry], changes: Sequence[Change], monkeypatch: Any
) -> list[str]:
    bulk = made(registries[0], changes)
    with monkeypatch.context() as patch:
        patch.setattr("millbrain.record.identifiers.registry.Creations", OneByOne)
        single = made(registries[1], changes)
    assert bulk == single
    return bulk


texts = st.one_of(
    st.sampled_from([b"12", b"501", b"-1", b"x", b"", b" ", b"NC250", b"123456789", "é".encode()]),
    st.binary(max_size=12),
)
values = st.builds(
    Value,
    st.sampled_from([0, 1, 100, 300, 1001, 2000, 2001, 2002, 2003]),
    st.sampled_from(["URL", "mass", "maker", "MAKER", "note", "HS_ADMIN", "META", "ALIAS", "TAG"]),
    texts,
    permissions=st.sampled_from([PERMISSIONS_USUAL, 0b1100, 0b1111]),
    references=st.sampled_from([(), (OWNER,)]),
)
askers = st.sampled_from([Asker(OWNER), Asker(None), Asker(Reference(f"{PREFIX}/x", 300))])
heads = st.sampled_from([PREFIX, "88.5.2", "0.NA", "88..5", PREFIX])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_same_outcome_as_one_by_one(
    registries: list[StoredRegistry], monkeypatch: pytest.MonkeyPatch, data: st.DataObject
) -> None:
    plain = [ADMIN, META, Value(2000, "mass", b"12"), Value(2001, "maker", b"NC")]
    changes = []
    for _ in range(data.draw(st.integers(1, 8))):
        more = st.lists(values, max_size=4)
        kinds = (st.just(plain), more, st.permutations(plain), more.map(plain.__add__))
        chosen = data.draw(st.one_of(*kinds))
        name = data.draw(st.text("abC/ é", max_size=3))
        handle = f"{data.draw(heads)}/{name}"
        asker, over = data.draw(askers), data.draw(st.booleans())
        changes.append(Change(Verb.CREATE, handle, asker, tuple(chosen), overwrite=over))
    held_together(registries, changes, monkeypatch)


def test_plain_ones_take_the_short_way(
    registries: list[StoredRegistry], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> bytes:
        raise AssertionError("a plain creation took the long way")

    monkeypatch.setattr("millbrain.record.identifiers.registry.made", never)
    kept = (ADMIN, META, Value(2000, "mass", b"12"), Value(2001, "maker", b"NC"))
    # Numbers are read in full, so only records of plain text are quick.
    changes = [Change(Verb.CREATE, f"{PREFIX}/q{n}", Asker(OWNER), kept[:1] + kept[3:])
               for n in range(3)]  # fmt: skip
    assert all(told.startswith("NoneType") for told in made(registries[0], changes))


def test_what_creations_rest_on_may_change_in_the_same_commit(
    registries: list[StoredRegistry], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, root = Asker(OWNER), f"0.NA/{PREFIX}"
    row = (ADMIN, Value(1, "URL", b"x"))
    other = write_administrator(Administrator(0xFFF, Reference("88.9.9/other", 300)))
    changes = [
        Change(Verb.CREATE, f"{PREFIX}/before", owner, row),
        Change(Verb.MODIFY, root, owner, (Value(100, "HS_ADMIN", other),)),
        Change(Verb.CREATE, f"{PREFIX}/behind", owner, row),
        Change(Verb.CREATE, f"{PREFIX}/before", Asker(Reference("88.9.9/other", 300)), row),
    ]
    told = held_together(registries, changes, monkeypatch)
    assert [t.split()[0] for t in told] == [
        "NoneType", "NoneType", "RegistryError", "RegistryError",
    ]  # fmt: skip
