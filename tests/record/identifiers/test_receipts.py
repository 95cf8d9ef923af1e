"""Receipts: how long, how many, of whom."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from millbrain.core.errors import LimitError
from millbrain.core.records import Reference
from millbrain.core.registry import Once, Reason, RegistryError
from millbrain.record.identifiers import RocksIdentifiers, receipts
from millbrain.record.identifiers.receipts import Receipts

DAY_MS = 24 * 3600 * 1000
ONE = Once(Reference("88.1/a", 300), "k", b"\1" * 32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RocksIdentifiers]:
    found = RocksIdentifiers(tmp_path / "store")
    yield found
    found.close()


def test_same_request_same_answer_for_a_day(store: RocksIdentifiers) -> None:
    kept = Receipts(store)
    assert kept.found(ONE, store.get, 0) is None
    store.put_many([kept.row(ONE, [None, RegistryError(Reason.EXISTS, "there"), None], 1_000)])
    for again in (kept, Receipts(store)):
        made = again.found(ONE, store.get, DAY_MS + 1_000)
        assert made is not None
        assert [made[0], str(made[1]), made[2]] == [None, "there", None]
        assert again.found(ONE, store.get, DAY_MS + 1_001) is None, "over"


def test_another_request_is_refused_and_another_identity_is_not(store: RocksIdentifiers) -> None:
    kept = Receipts(store)
    store.put_many([kept.row(ONE, [None], 0)])
    with pytest.raises(RegistryError) as refused:
        kept.found(Once(ONE.identity, "k", b"\2" * 32), store.get, 0)
    assert refused.value.reason is Reason.KEY_USED
    assert kept.found(Once(Reference("88.1/b", 300), "k", b"\2" * 32), store.get, 0) is None


def test_bounded_and_swept(store: RocksIdentifiers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "RECEIPTS_MAX", 3)
    kept = Receipts(store)
    for n in range(3):
        once = Once(ONE.identity, str(n), b"\1" * 32)
        store.put_many([kept.row(once, [None], n)])
    with pytest.raises(LimitError):
        kept.found(ONE, store.get, 10)
    kept.sweep(DAY_MS + 2)
    assert kept.found(ONE, store.get, DAY_MS + 2) is None, "two are over and gone"
    assert len(store.scan(receipts.RECEIPTS)) == 1
