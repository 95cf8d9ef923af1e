"""Damage that is inflicted is found, told, and mended where it can be derived."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from millbrain.core.errors import StoreError
from millbrain.core.keys import handle_key, parse
from millbrain.core.nodes.ranges import range_value
from millbrain.core.records import Value, store_form
from millbrain.core.registry import TAG_TYPE, Verb
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry
from millbrain.record.identifiers.aliases import ALIASES
from millbrain.record.identifiers.blocks import block_of
from millbrain.record.identifiers.past import past_key
from millbrain.record.identifiers.prefixes import COUNTS
from millbrain.record.identifiers.ranges import RANGES
from millbrain.record.identifiers.tags import TAGS
from millbrain.record.identifiers.trail import HEAD, line_key, trail_of
from millbrain.record.identifiers.upkeep import examine, mend
from tests.record.identifiers.test_registry import MAKER, OWN, ROOT, URL, new

VIN = Value(10, "ALIAS", b"LDPGABAC2JN361504")
ENTRY = ALIASES + b"vin:LDPGABAC2JN361504"
P7 = handle_key("88.1.2/p7")
LINES = 12  # of the audit trail of the store below


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RocksIdentifiers]:
    node = new(tmp_path / "store")
    node.registry.prefixes.apply_for(ROOT, "88.1.2", organisation="works")
    node.registry.prefixes.limit(ROOT, "88.1.2", 1_000, None)
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, VIN, Value(11, TAG_TYPE, b"lot=7"), OWN)
    node.do(Verb.MODIFY, "88.1.2/p7", MAKER, Value(1, "URL", b"new"))
    node.do(Verb.CREATE, "88.1.2/p8", MAKER, URL, OWN)
    node.do(Verb.DELETE, "88.1.2/p8", MAKER)
    node.do(Verb.CREATE, "88.1.2/b", MAKER, URL, range_value(50, "S{4}", 1, 100), OWN)
    node.do(Verb.MODIFY, "88.1.2/S0007", MAKER, Value(1, "URL", b"own"))
    node.registry.load([(b"hdl:88.1.2/L1", store_form((URL,)))], ROOT, "file.jsonl")
    node.do(Verb.CREATE, "88.1.2/p9", MAKER, URL, OWN)
    node.close()
    found = RocksIdentifiers(tmp_path / "store")
    yield found
    found.close()


def lines(store: RocksIdentifiers) -> dict[tuple[str, str], int]:
    """Return verb and handle of each line of the trail -> its number."""
    read = [json.loads(raw) for _, raw in store.scan(b"\0a")]
    return {(line["verb"], line.get("handle", "")): line["number"] for line in read}


def told(store: RocksIdentifiers) -> list[str]:
    return [f"{p.kind} {p.where}: {p.what}" for p in examine(store).problems]


def test_a_sound_store_has_no_problems(store: RocksIdentifiers) -> None:
    found = examine(store)
    assert found.problems == ()
    assert found.line_count == len(lines(store)) == LINES


def test_what_can_be_derived_is_mended_and_told(store: RocksIdentifiers) -> None:
    numbers = lines(store)
    tag = next(key for key, _ in store.scan(TAGS))
    head = store.get(HEAD)
    store.delete([ENTRY, tag, RANGES + handle_key("88.1.2/b"), HEAD,
                  past_key(P7, numbers["create", "88.1.2/p7"])])  # fmt: skip
    lonely = ALIASES + parse("vin:LDPGABAC2JN361505").stored
    store.put_many([(lonely, b"88.1.2/P9"), (COUNTS + b"88.1.2", (5).to_bytes(8, "big"))])
    found = examine(store)
    assert sorted(f"{p.kind} {p.where}: {p.what}" for p in found.problems) == [
        "alias 88.1.2/P7: vin:LDPGABAC2JN361504 does not lead to it",
        "alias vin:LDPGABAC2JN361505: leads to 88.1.2/P9, which does not have it",
        "audit head: the head of the trail says 0, the last line is 12",
        "count 88.1.2: 5 identifiers are counted, 4 are there",
        f"history 88.1.2/p7 before line {numbers['create', '88.1.2/p7']}: is not in the history",
        "range 88.1.2/B: is not among the ranges",
        "tag 88.1.2/P7: a tag of it has no entry",
    ]
    assert all(p.cure for p in found.problems)
    with pytest.raises(StoreError, match="is one behind it"):
        StoredRegistry(store)  # which would write its next line over the first one
    assert mend(store, found.problems) == 7
    # The range is known again, so that its hundred items count.
    assert told(store) == ["count 88.1.2: 4 identifiers are counted, 104 are there"]
    mend(store, examine(store).problems)
    assert told(store) == []
    line = json.loads(store.scan(b"\0a")[-2][1])
    assert (line["verb"], line["number"], line["count"]) == ("repair", 13, 7)
    assert (
        "alias 88.1.2/P7: vin:LDPGABAC2JN361504 does not lead to it; is entered" in line["mended"]
    )
    assert head is not None
    assert trail_of(store.get(HEAD)).number == 14
    registry = StoredRegistry(store)
    assert registry.named([parse("vin:LDPGABAC2JN361504")]) == ["88.1.2/P7"]
    assert registry.check_audit() == ""
    assert len(registry.history("88.1.2/S0008")) == 1
    registry.close()


def test_what_cannot_be_derived_is_told_and_left(store: RocksIdentifiers) -> None:
    numbers = lines(store)
    changed, last = numbers["modify", "88.1.2/p7"], numbers["create", "88.1.2/p9"]
    store.delete([past_key(P7, changed)])
    store.put_many([(handle_key("88.1.2/P9"), store_form((URL,))), (b"hdl:88.1.2/X", b"\7junk")])
    found = examine(store)
    assert [f"{p.kind} {p.where}: {p.what}" for p in found.problems] == [
        "record 88.1.2/X: form 07 is not known",
        # The form that the creation left stood in the history that is gone.
        f"history 88.1.2/p7 before line {changed}: is not in the history",
        f"record 88.1.2/p9 after line {last}: is not as this line left it",
    ]
    before = list(store.scan(b""))
    assert mend(store, found.problems) == 0
    assert list(store.scan(b"")) == before


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (5, "audit line 6: does not follow line 5: it, or one before it, was changed"),
        (12, "audit line 12: the last line was changed"),
    ],
)
def test_a_changed_line_of_the_trail_is_found(
    store: RocksIdentifiers, number: int, said: str
) -> None:
    raw = store.get(line_key(number)) or b""
    store.put_many([(line_key(number), raw.replace(b'"from":""', b'"from":"x"').replace(
        b'"from":"127.0.0.1"', b'"from":"x"'))])  # fmt: skip
    assert told(store) == [said]
    assert mend(store, examine(store).problems) == 0


def test_lost_lines_of_the_trail_are_found(store: RocksIdentifiers) -> None:
    store.delete([line_key(12)])
    assert "audit head: lines 12 to 12 are gone" in told(store)
    store.delete([line_key(4)])
    assert any(t.startswith("audit line 5: does not follow line 3") for t in told(store))


def test_a_lost_record_is_found(store: RocksIdentifiers) -> None:
    store.delete([handle_key("88.1.2/p9")])
    assert [t.split(": ", 1)[1] for t in told(store) if t.startswith("record")] == ["was lost"]


def test_two_ranges_with_the_same_items(store: RocksIdentifiers) -> None:
    other = store_form((range_value(50, "S{4}", 50, 60),))
    block = block_of(b"hdl:88.1.2/C", other)
    assert block is not None
    row = (RANGES + b"hdl:88.1.2/C", block.row(has_ended=False))
    store.put_many([(b"hdl:88.1.2/C", other), row])
    assert [t for t in told(store) if t.startswith("range")] == [
        "range 88.1.2/C: shares items with another range, so its own are not answered"]  # fmt: skip
