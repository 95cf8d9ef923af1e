"""The store of identifiers on real files."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millbrain.core.errors import LimitError, StoreError
from millbrain.core.limits import IDENTIFIER_BATCH_MAX
from millbrain.record.identifiers import Identifiers, RocksIdentifiers, repair
from tests.record.identifiers.made import BYTES_MAX, made_record


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RocksIdentifiers]:
    opened = RocksIdentifiers(tmp_path / "identifiers")
    yield opened
    opened.close()


def test_it_is_a_store_of_identifiers(store: RocksIdentifiers) -> None:
    checked: Identifiers = store
    assert checked.get(b"hdl:88.1/A") is None


def test_what_was_put_is_there_and_after_opening_again(store: RocksIdentifiers) -> None:
    store.put_many([(b"hdl:88.1/A", b"one"), (b"hdl:88.1/B", b"")])
    store.put_many([(b"hdl:88.1/A", b"two"), (b"hdl:88.1/A", b"three")])
    store.close()
    again = RocksIdentifiers(store.folder)
    assert (again.get(b"hdl:88.1/A"), again.get(b"hdl:88.1/B")) == (b"three", b"")
    again.delete([b"hdl:88.1/A", b"hdl:88.1/never"])
    assert again.get(b"hdl:88.1/A") is None
    again.close()


def test_a_scan_stays_in_its_prefix_and_comes_in_pages(store: RocksIdentifiers) -> None:
    keys = [b"hdl:88.1/%03d" % n for n in range(25)]
    others = [b"hdl:88.0/Z", b"hdl:88.1.5/A", b"hdl:88.10/A", b"oid:1.2"]
    store.put_many([(key, key) for key in keys + others])
    found, after = [], b""
    while page := store.scan(b"hdl:88.1/", after, 10):
        assert len(page) <= 10
        found += page
        after = page[-1][0]
    assert found == [(key, key) for key in keys]
    assert [key for key, _ in store.scan(b"")] == sorted(keys + others)
    assert store.scan(b"vin:") == []


def test_a_scan_of_a_prefix_of_high_bytes_ends(store: RocksIdentifiers) -> None:
    store.put_many([(b"a\xff\xff1", b""), (b"a\xff\xff2", b""), (b"b", b""), (b"\xff", b"")])
    assert [key for key, _ in store.scan(b"a\xff\xff")] == [b"a\xff\xff1", b"a\xff\xff2"]
    assert [key for key, _ in store.scan(b"\xff")] == [b"\xff"]


def test_a_batch_too_big_is_refused_whole(store: RocksIdentifiers) -> None:
    with pytest.raises(LimitError, match="write it in parts"):
        store.put_many([(b"k", b"v")] * (IDENTIFIER_BATCH_MAX + 1))
    with pytest.raises(LimitError, match="bytes"):
        store.put_many([(b"k%d" % n, bytes(1 << 20)) for n in range(65)])
    assert store.scan(b"") == []


def test_one_process_owns_the_folder(store: RocksIdentifiers) -> None:
    with pytest.raises(StoreError, match="lock"):
        RocksIdentifiers(store.folder)


def test_a_checkpoint_is_the_store_of_that_moment(store: RocksIdentifiers, tmp_path: Path) -> None:
    store.put_many([(b"a", b"1"), (b"b", b"1")])
    store.checkpoint(tmp_path / "copies" / "one")
    store.put_many([(b"a", b"2")])
    copy = RocksIdentifiers(tmp_path / "copies" / "one")
    assert copy.scan(b"") == [(b"a", b"1"), (b"b", b"1")]
    copy.close()
    with pytest.raises(StoreError, match="exists"):
        store.checkpoint(tmp_path / "copies" / "one")


# Check and repair -------------------------------------------------------------------------------


def filled(store: RocksIdentifiers, count: int = 20_000) -> None:
    store.put_many([made_record(n) for n in range(count)])
    store.compact()


def test_a_check_reads_every_record(store: RocksIdentifiers) -> None:
    filled(store, 1_000)
    found = store.check(lambda key, _: "is odd" if key.endswith(b"7") else "")
    assert found.record_count == 1_000
    assert len(found.problems) == 100
    assert all(p.endswith("is odd") for p in found.problems)
    assert store.check().problems == ()


def damage(folder: Path) -> None:
    """Flip a byte in the middle of the biggest table file."""
    table = max(folder.glob("*.sst"), key=lambda f: f.stat().st_size)
    data = bytearray(table.read_bytes())
    data[len(data) // 3] ^= 0xFF
    table.write_bytes(data)


def test_a_damaged_block_is_found_and_the_rest_is_saved(store: RocksIdentifiers) -> None:
    filled(store)
    store.close()
    damage(store.folder)
    opened = RocksIdentifiers(store.folder)
    found = opened.check()
    assert len(found.problems) == 1
    assert "orruption" in found.problems[0]
    with pytest.raises(StoreError, match="orruption"):
        [opened.get(made_record(n)[0]) for n in range(20_000)]
    opened.close()


def test_a_store_without_its_manifest_is_repaired(store: RocksIdentifiers) -> None:
    filled(store)
    store.put_many([(b"in the log", b"yes")])
    store.close()
    next(store.folder.glob("MANIFEST-*")).unlink()
    with pytest.raises(StoreError):
        RocksIdentifiers(store.folder)
    repair(store.folder)
    opened = RocksIdentifiers(store.folder)
    assert opened.check().record_count == 20_001
    assert opened.get(b"in the log") == b"yes"
    opened.close()


# Size and truth ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_records_are_small_on_disk(store: RocksIdentifiers) -> None:
    """Two values, a random serial: the goal is 60 bytes an identifier."""
    filled(store, 100_000)
    assert store.disk_bytes() / 100_000 < BYTES_MAX


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
def test_it_does_what_a_dictionary_does(store: RocksIdentifiers, seed: int) -> None:
    chance = random.Random(seed)
    store.delete([key for key, _ in store.scan(b"")])
    model: dict[bytes, bytes] = {}
    for _ in range(20):
        keys = [bytes(chance.choices(b"ab\xff", k=chance.randint(1, 4))) for _ in range(5)]
        if chance.random() < 0.3:
            store.delete(keys)
            for key in keys:
                model.pop(key, None)
        else:
            records = [(key, chance.randbytes(3)) for key in keys]
            store.put_many(records)
            model.update(records)
        prefix = bytes(chance.choices(b"ab\xff", k=chance.randint(0, 2)))
        assert dict(store.scan(prefix)) == {k: v for k, v in model.items() if k.startswith(prefix)}
    assert store.scan(b"") == sorted(model.items())


def test_a_store_that_is_opened_again_keeps_its_filter_and_cache(tmp_path: Path) -> None:
    for _ in range(2):
        RocksIdentifiers(tmp_path, cache_bytes=32 << 20).close()
        newest = max(tmp_path.glob("OPTIONS-*"))
        assert "filter_policy=bloomfilter" in newest.read_text("utf-8")
        assert f"capacity : {32 << 20}" in (tmp_path / "LOG").read_text("utf-8")
