"""Addresses, requests and values of Modbus against the specification's examples and by hand."""

import contextlib
import csv
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.connect.modbus import codec
from millbrain.connect.modbus.codec import Block, Layout, Place, decode, encode, parse, plan
from millbrain.connect.modbus.fields import ORDERS, TABLES, TYPES
from millbrain.core.errors import FrameError

HERE = Path(__file__).parent


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f, delimiter="\t"))


@pytest.mark.parametrize("row", rows("frames.tsv"), ids=lambda r: r["name"])
def test_reads_of_the_specification(row: dict[str, str]) -> None:
    """The request that is planned is the one printed there, and so is what comes back."""
    place = parse(row["address"], first=int(row["first"]))
    request = bytes.fromhex(row["request"])
    function, start, _ = struct.unpack(">BHH", request)
    assert (place.kind.read, place.start) == (function, start)
    assert decode(place, [int(r) for r in row["registers"].split()]) == float(row["value"])


@pytest.mark.parametrize("row", rows("writes.tsv"), ids=lambda r: r["name"])
def test_writes_of_the_specification(row: dict[str, str]) -> None:
    place = parse(row["address"], first=int(row["first"]))
    request = bytes.fromhex(row["request"])
    words = encode(place, int(row["value"]))
    assert struct.unpack(">H", request[1:3])[0] == place.start
    if request[0] == 5:
        assert words == [1]
        return
    data = request[6:] if request[0] == 16 else request[3:5]
    assert b"".join(struct.pack(">H", w) for w in words) == data


# 123456.789 as a float is 47F1 2065 (IEEE 754); 0x12345678 = 305419896.
@pytest.mark.parametrize(
    ("address", "registers", "value"),
    [
        ("holding:0:u16", [0xFFFE], 65534),
        ("holding:0:i16", [0xFFFE], -2),
        ("holding:0:u16:badc", [0x3412], 0x1234),
        ("holding:0:u32", [0x1234, 0x5678], 305419896),
        ("holding:0:u32:badc", [0x3412, 0x7856], 305419896),
        ("holding:0:u32:cdab", [0x5678, 0x1234], 305419896),
        ("holding:0:u32:dcba", [0x7856, 0x3412], 305419896),
        ("holding:0:i32", [0xFFFF, 0xFFFF], -1),
        ("input:0:u64", [0, 0, 1, 2], 65538),
        ("input:0:u64:cdab", [2, 1, 0, 0], 65538),
        ("input:0:i64:dcba", [0xFEFF, 0xFFFF, 0xFFFF, 0xFFFF], -2),
        ("holding:0:f32", [0x47F1, 0x2065], 123456.7890625),
        ("holding:0:f32:cdab", [0x2065, 0x47F1], 123456.7890625),
        ("holding:0:f64", [0x3FF8, 0, 0, 0], 1.5),
        ("holding:0:f64:dcba", [0, 0, 0, 0xF83F], 1.5),
        ("holding:0.0", [0b1], 1),
        ("holding:0.15", [0x7FFF], 0),
        ("holding:0:text:3", [0x4D57, 0x2D37, 0x0000], "MW-7"),
        ("holding:0:text:2:badc", [0x574D, 0x372D], "MW-7"),
        ("holding:0:text:2", [0xD6F7, 0xD6E1], "主轴"),  # GB 18030, as local panels write
        ("holding:0:text:3", [0xE8BD, 0xB400, 0x4100], "轴"),
    ],
)
def test_types_and_orders(address: str, registers: list[int], value: float | str) -> None:
    assert decode(parse(address), registers) == value


def test_a_number_that_is_none_stays_none() -> None:
    assert math.isnan(float(decode(parse("holding:0:f32"), [0x7FC0, 0])))
    assert math.isnan(float(decode(parse("holding:0:f32"), [0x7F80, 1])))  # one that signals
    assert decode(parse("holding:0:f32"), [0x7F80, 0]) == math.inf


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("40001", "holding:100:f32:cdab"),
        ("register:1", "coil, discrete, input, holding"),
        ("256/holding:1", "0 to 255"),
        ("holding:65536", "0 to 65535"),
        ("holding:65535:u32", "65535"),
        ("holding:1:u8", "u16, i16"),
        ("holding:1:f32:abdc", "abcd, badc, cdab, dcba"),
        ("holding:1:text", "text:registers"),
        ("holding:1:text:121", "1 to 120"),
        ("holding:1:u16:2", "text:registers"),
        ("holding:1.16", "a bit 0 to 15"),
        ("holding:1.3:u16", "a bit 0 to 15"),
        ("coil:3:u16", "nothing behind coil:N"),
        ("coil:3.1", "nothing behind coil:N"),
        ("discrete:3:bool:abcd", "nothing behind discrete:N"),
        ("", "holding:100:f32:cdab"),
    ],
)
def test_a_wrong_address_says_what_is_allowed(address: str, allowed: str) -> None:
    with pytest.raises(FrameError) as refused:
        parse(address)
    assert refused.value.reason == "address"
    assert allowed in str(refused.value)


def test_sheets_that_count_from_one() -> None:
    assert parse("holding:1", first=1).start == 0
    with pytest.raises(FrameError, match="1 to 65536"):
        parse("holding:0", first=1)


@pytest.mark.parametrize(
    ("address", "value", "allowed"),
    [
        ("holding:0", 65536, "0 to 65535"),
        ("holding:0", -1, "0 to 65535"),
        ("holding:0:i16", -32769, "-32768 to 32767"),
        ("holding:0", math.nan, "0 to 65535"),
        ("holding:0", "seven", "a number"),
        ("holding:0", None, "a number"),
        ("holding:0:f32", 1e39, "3.40282e+38"),
        ("coil:0", 2, "0 or 1"),
        ("holding:0:text:1", "abc", "at most 2 bytes"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(address: str, value: object, allowed: str) -> None:
    with pytest.raises(FrameError) as refused:
        encode(parse(address), value)
    assert refused.value.reason == "value"
    assert allowed in str(refused.value)


def test_few_requests() -> None:
    def planned(*addresses: str, gap: int = 16, most: int = 125) -> list[tuple[int, int]]:
        return [(b.start, b.count) for b in plan(map(parse, addresses), gap, most)]

    assert planned("holding:0", "holding:1:f32", "holding:10") == [(0, 11)]
    assert planned("holding:0", "holding:18") == [(0, 1), (18, 1)]  # 17 between, 16 allowed
    assert planned("holding:0", "holding:17") == [(0, 18)]
    assert planned("holding:0", "holding:3", gap=0) == [(0, 1), (3, 1)]
    assert planned("holding:0:f32", "holding:1") == [(0, 2)]  # they overlap
    assert planned(*(f"holding:{n}" for n in range(300))) == [(0, 125), (125, 125), (250, 50)]
    assert planned("holding:124:f32", *(f"holding:{n}" for n in range(124))) == [(0, 124), (124, 2)]
    assert planned("coil:0", "coil:256") == [(0, 257)]
    assert planned("coil:0", "coil:2000") == [(0, 1), (2000, 1)]
    assert len(plan(map(parse, ("1/holding:0", "2/holding:1", "input:1", "coil:1")))) == 4


numbers = st.sampled_from([*TYPES])
places = st.builds(
    lambda table, start, kind, order, unit: Place(unit, table, start, kind, TYPES[kind][0], order),
    st.sampled_from(["input", "holding"]), st.integers(0, 400), numbers,
    st.sampled_from([*ORDERS]), st.integers(1, 2),
)  # fmt: skip


@given(st.lists(places, min_size=1, max_size=60), st.integers(0, 40), st.integers(4, 125))
def test_a_plan_reads_every_place_whole(some: list[Place], gap: int, most: int) -> None:
    blocks = plan(some, gap, most)
    assert all(1 <= b.count <= most for b in blocks)
    assert len(blocks) <= len({(p.unit, p.table, p.start, p.end) for p in some})
    for place in some:
        assert any(
            (b.unit, b.table) == (place.unit, place.table)
            and b.start <= place.start
            and place.end <= b.start + b.count
            for b in blocks
        )


@given(st.lists(places, min_size=1, max_size=40), st.integers(0, 1 << 30))
def test_a_layout_reads_what_single_decoding_reads(some: list[Place], seed: int) -> None:
    blocks = plan(some)
    draw = np.random.default_rng(seed)
    memory = {(u, t): draw.integers(0, 1 << 16, 500) for u in (1, 2) for t in TABLES}
    parts = [memory[b.unit, b.table][b.start : b.start + b.count] for b in blocks]
    values, texts = Layout(some, blocks).values(np.concatenate(parts).astype(np.uint16))
    assert texts == {}
    for place, value in zip(some, values, strict=True):
        one = decode(
            place, [int(w) for w in memory[place.unit, place.table][place.start : place.end]]
        )
        assert value == one or (math.isnan(value) and math.isnan(float(one)))


@given(numbers, st.sampled_from([*ORDERS]), st.data())
def test_what_is_written_is_read(kind: str, order: str, data: st.DataObject) -> None:
    place = Place(1, "holding", 0, kind, TYPES[kind][0], order)
    if kind[0] == "f":
        value = data.draw(st.floats(width=32 if kind == "f32" else 64, allow_nan=False))
    else:
        info = np.iinfo(TYPES[kind][1])
        value = data.draw(st.integers(int(info.min), int(info.max)))
    words = encode(place, value)
    assert all(0 <= w <= 0xFFFF for w in words)
    assert decode(place, words) == float(value)


@given(st.text(max_size=40))
def test_any_address_is_read_or_refused(address: str) -> None:
    with contextlib.suppress(FrameError):
        assert parse(address).count >= 1


@given(st.binary(max_size=40))
def test_any_bytes_are_some_text(raw: bytes) -> None:
    codec.text_of(raw).decode()


def test_a_thousand_floats_are_seventeen_requests() -> None:
    """The arithmetic of the README: 1,000 floats take 2,000 registers, 17 requests of 124."""
    some = [parse(f"holding:{2 * n}:f32") for n in range(1000)]
    blocks = plan(some)
    assert len(blocks) == 17
    assert blocks[0] == Block(1, "holding", 0, 124)
