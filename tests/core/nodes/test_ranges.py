"""Ranges: patterns, items, overlaps held against brute force, what an item has of its own."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.nodes.ranges import (
    Range,
    Shapes,
    alias_ranges,
    is_overlay,
    item_pieces,
    item_values,
    laid_over,
    overlay,
    range_of,
    range_value,
    read_range,
)
from millbrain.core.records import Value, store_form

URL = Value(1, "URL", b"https://id.example.cn/p/{serial}?again={serial}{serial}")
COST = Value(2, "COST", b"{serial}", permissions=0x0C)
RANGE = range_value(50, "p{4}-a", 7, 1200)
VALUES = (URL, COST, Value(3, "MODEL", b"NC250"), RANGE)


def test_a_pattern_names_serials_below_the_prefix_of_its_record() -> None:
    one = range_of("88.1.2/batch-7", VALUES)
    assert one == Range(b"hdl:88.1.2/P", 4, b"-A", 7, 1200)
    assert (one.count, one.key(7), one.key(1200)) == (
        1194, b"hdl:88.1.2/P0007-A", b"hdl:88.1.2/P1200-A")  # fmt: skip
    found = {key: one.serial(b"hdl:88.1.2/" + key) for key in (
        b"P0007-A", b"P0006-A", b"P1201-A", b"P007-A", b"P00007-A", b"P000x-A", b"Q0007-A",
        b"P0007-B", b"P0007", b"P-007-A")}  # fmt: skip
    assert {key: serial for key, serial in found.items() if serial is not None} == {b"P0007-A": 7}


@pytest.mark.parametrize(
    "told",
    [
        {"pattern": "P", "from": 0, "to": 1}, {"pattern": "{4}{4}", "from": 0, "to": 1},
        {"pattern": "P{0}", "from": 0, "to": 0}, {"pattern": "P{19}", "from": 0, "to": 1},
        {"pattern": "P{2}", "from": 0, "to": 100}, {"pattern": "P{2}", "from": -1, "to": 9},
        {"pattern": "P{2}", "from": 9, "to": 1}, {"pattern": "P{2}", "from": 1.0, "to": 9},
        {"pattern": "P{2}", "from": True, "to": 9}, {"pattern": "P {2}", "from": 1, "to": 9},
        {"pattern": "P\0{2}", "from": 1, "to": 9}, {"pattern": "P{2}" + "x" * 200},
        {"pattern": ["P{2}"], "from": 1, "to": 9}, {"pattern": "P{2}", "from": 1},
        {"pattern": "P{2}", "from": 1, "to": 9, "a": 2}, {"pattern": "P{²}", "from": 1, "to": 9},
        [], "P{2}", None, 7,
    ],
)  # fmt: skip
def test_a_malformed_range_is_refused(told: Any) -> None:
    value = Value(50, "RANGE", json.dumps(told).encode())
    with pytest.raises(ValueError, match=r"88\.1\.2/x: "):
        range_of("88.1.2/x", [value])


@given(st.binary(max_size=60))
def test_bytes_that_are_no_range_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(ValueError, match="range"):
        range_of("88.1.2/x", [Value(50, "RANGE", data)])


def test_prefixes_and_two_ranges_are_refused() -> None:
    with pytest.raises(ValueError, match="no serials"):
        range_of("0.NA/88.1", [RANGE])
    with pytest.raises(ValueError, match="one is allowed"):
        range_of("88.1.2/x", [RANGE, RANGE])


@given(st.integers(0, 9999), st.lists(st.sampled_from([b"{serial}", b"x", b"", b"0", b"{"])))
def test_an_item_is_its_pieces_with_its_digits(serial: int, parts: list[bytes]) -> None:
    values = [*VALUES, Value(4, "TEXT", b"".join(parts)), Value(100, "HS_ADMIN", b"{serial}")]
    digits = b"%04d" % serial
    told = item_values(values, digits)
    assert told[0].data == b"https://id.example.cn/p/%b?again=%b%b" % (digits, digits, digits)
    assert [v.type for v in told] == ["URL", "COST", "MODEL", "TEXT", "HS_ADMIN"]
    assert told[-1].data == b"{serial}"
    assert digits.join(item_pieces(values, 4)) == store_form(told)


HEADS = st.sampled_from([b"", b"P", b"P1", b"P12", b"1", b"12", b"Q1"])
TAILS = st.sampled_from([b"", b"1", b"3", b"-A", b"1-A"])
BLOCKS = st.builds(
    lambda head, width, tail, ends: Range(
        head, width, tail, min(ends) % 10**width, max(e % 10**width for e in ends)
    ),
    HEADS, st.integers(1, 3), TAILS, st.tuples(st.integers(0, 999), st.integers(0, 999)),
).filter(lambda r: r.first <= r.last)  # fmt: skip


def keys(one: Range) -> set[bytes]:
    return {one.key(serial) for serial in range(one.first, one.last + 1)}


@given(BLOCKS, BLOCKS)
def test_no_overlap_is_missed(one: Range, other: Range) -> None:
    shared = keys(one) & keys(other)
    assert one.overlaps(other) == other.overlaps(one)
    assert one.overlaps(other) or not shared
    is_plain = one.tail == other.tail or len(one.head) == len(other.head)
    if is_plain and one.overlaps(other) and one.tail == other.tail:
        assert shared


@given(st.lists(BLOCKS, max_size=6), st.integers(0, 9))
def test_shapes_find_what_is_in_a_range(blocks: list[Range], dropped: int) -> None:
    shapes: Shapes[Range] = Shapes()
    kept: list[Range] = []
    for one in blocks:
        if shapes.overlapping(one) is None:
            shapes.put(one, one)
            kept.append(one)
        else:
            assert any(one.overlaps(other) for other in kept)
    if dropped < len(kept):
        shapes.drop(kept.pop(dropped))
    assert len(shapes) == len(kept)
    filled: Shapes[Range] = Shapes()
    assert filled.fill((one, one) for one in kept) == []
    twice: Shapes[Range] = Shapes()
    assert twice.fill([(one, one) for one in kept[:1]] * 2) == kept[:1]
    for one in blocks:
        for serial in {one.first, one.last, (one.first + one.last) // 2}:
            found = shapes.find(one.key(serial))
            holds = [other for other in kept if other.serial(one.key(serial)) is not None]
            assert (found[1] if found else None) == (holds[0] if holds else None)
            assert found == filled.find(one.key(serial))
            if found:
                assert found[0] == found[1].digits(found[1].serial(one.key(serial)) or 0)


@given(BLOCKS, st.binary(max_size=6))
def test_keys_behind_a_place(one: Range, after: bytes) -> None:
    assert list(one.keys_after(after)) == sorted(key for key in keys(one) if key > after)


VALUE = st.builds(
    lambda i, data, p: Value(i, f"T{i}", data, permissions=p),
    st.integers(1, 4), st.binary(max_size=3), st.sampled_from([0x0E, 0x0C]),
)  # fmt: skip
RECORD = st.lists(VALUE, max_size=4, unique_by=lambda v: v.index).map(
    lambda values: sorted(values, key=lambda v: v.index)
)


@given(RECORD, RECORD)
def test_what_an_item_has_of_its_own_lies_over_the_shared(
    shared: list[Value], after: list[Value]
) -> None:
    own = overlay(shared, after)
    assert is_overlay(own)
    assert laid_over(store_form(shared), own) == store_form(after)


def test_aliases_have_the_same_serials() -> None:
    one = read_range("88.1.2/x", "P{4}", 1, 9)
    gtin = Value(10, "ALIAS", b"(01)09506000134352(21)A{serial}")
    (found,) = alias_ranges([gtin, URL], one)
    assert found.key(7) == b"gs1:01/09506000134352/21/A0007"
    for data in (b"vin:LDPGABAC2JN361504", b"a/{serial}{serial}", b"?{serial}", b"\xff{serial}"):
        with pytest.raises(ValueError, match=r".+"):
            alias_ranges([Value(10, "ALIAS", data)], one)
