"""The object codec against recorded frames and against frames written by hand from the tables."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from millbrain.connect.gbt32960.codec import answer, build_frame, decode, encode, split
from millbrain.connect.gbt32960.fields import BLOCKS
from millbrain.connect.gbt32960.framing import FRAME_BYTES_MAX, Kind
from millbrain.core.errors import FrameError

GOLDEN = [
    line.split("\t")
    for line in (Path(__file__).parent / "frames.tsv").read_text("utf-8").splitlines()[1:]
]
VIN = "LMBTEST00R0000001"
SIX = bytes.fromhex("19061e080f2a")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def heartbeat(name: str = VIN) -> bytes:
    return build_frame(2016, 0x07, 0xFE, name, b"")


# Golden frames ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "source", "text", "expected"), GOLDEN, ids=[g[0] for g in GOLDEN])
def test_golden_frame_decodes(name: str, source: str, text: str, expected: str) -> None:
    assert source
    assert decode(bytes.fromhex(text)) == json.loads(expected)


@pytest.mark.parametrize(("name", "text"), [(g[0], g[2]) for g in GOLDEN], ids=lambda t: t[:24])
def test_golden_frame_encodes_to_the_same_bytes(name: str, text: str) -> None:
    found = decode(bytes.fromhex(text))
    if "why" in found:
        with pytest.raises(FrameError):
            encode(found)
    elif name.endswith("_abnormal"):  # None is written as invalid (FF): which it was is not kept
        assert decode(encode(found)) == found
    else:
        assert encode(found).hex() == text


def test_golden_frames_reach_every_block_of_both_editions() -> None:
    reached = set()
    for _, _, _, expected in GOLDEN:
        frame = json.loads(expected)
        reached |= {(frame["ver"], info["t"]) for info in frame["data"].get("infos", ())}
    assert set(BLOCKS) <= reached


def test_marker_in_every_marked_number_decodes_to_none() -> None:
    found = decode(bytes.fromhex(next(g[2] for g in GOLDEN if g[0] == "vehicle_2016_abnormal")))
    values = found["data"]["infos"][0]["v"]
    assert [key for key, value in values.items() if value is None] == [
        "speed_kmh", "odo_km", "v", "a", "soc", "insul_kohm", "accel", "brake",
    ]  # fmt: skip


# Recorded frames --------------------------------------------------------------------------------


def test_recorded_frames_decode_as_expected(shared_data: Path) -> None:
    rows = lines_of(shared_data / "nev" / "frames.jsonl")
    wrong = [
        n for n, row in enumerate(rows) if decode(bytes.fromhex(row["hex"])) != row["expected"]
    ]
    assert len(rows) == 58
    assert wrong == []


def test_recorded_frames_survive_encoding(shared_data: Path) -> None:
    for row in lines_of(shared_data / "nev" / "frames.jsonl"):
        found = decode(bytes.fromhex(row["hex"]))
        if "why" not in found:
            assert decode(encode(found)) == found


def test_recorded_streams_split_as_expected(shared_data: Path) -> None:
    for row in lines_of(shared_data / "nev" / "streams.jsonl"):
        data = bytes.fromhex(row["stream"] + row.get("then", ""))
        first = len(row["stream"]) // 2
        for sizes in (row.get("chunks", [len(data)]), [first, len(data)], [1], [5, 1, 30]):
            kinds, pending = feed(data, sizes)
            assert kinds.count(Kind.GOOD) == row["frames"], row["note"]
            assert kinds.count(Kind.BAD_BCC) == row.get("errors", 0), row["note"]
            assert pending == row.get("pending_bytes", 0), row["note"]


def feed(data: bytes, sizes: list[int]) -> tuple[list[Kind], int]:
    kinds, waiting, at = [], b"", 0
    for size in itertools.cycle(sizes):
        waiting += data[at : at + size]
        at += size
        found = split(waiting)
        kinds += [kind for _, _, kind in found.spans]
        waiting = waiting[found.consumed :]
        if at >= len(data):
            return kinds, len(waiting)
    raise AssertionError("sizes is empty")


# Splitting --------------------------------------------------------------------------------------


def test_frame_that_lost_bytes_does_not_take_the_next_with_it() -> None:
    whole = bytes.fromhex(GOLDEN[0][2])
    for lost in (1, 2, 5, 20):
        found = split(whole[:-lost] + heartbeat() + heartbeat())
        kinds = [kind for _, _, kind in found.spans]
        assert (kinds[0], kinds[-2:]) == (Kind.CUT, [Kind.GOOD, Kind.GOOD]), lost


def test_too_long_a_length_gives_the_swallowed_frames_back() -> None:
    hostile = bytearray(heartbeat())
    hostile[22:24] = (60_000).to_bytes(2, "big")
    good = heartbeat("NEXT") * 2_500
    found = split(bytes(hostile) + good)
    assert found.cut == [(0, 25)]
    assert sum(ok for _, _, ok in found.frames) == 2_500


def test_too_long_a_length_waits_for_one_frame_at_most_and_not_when_told() -> None:
    hostile = bytearray(heartbeat())
    hostile[22:24] = (65_531).to_bytes(2, "big")
    data = bytes(hostile) + heartbeat()
    assert split(data).consumed == 0
    assert split(data, final=True).frames == [(25, 50, True)]
    waited = split(data + bytes(FRAME_BYTES_MAX - len(data)))
    assert waited.frames == [(25, 50, True)]


def test_length_grown_to_the_end_of_the_next_frame_gives_it_back() -> None:
    long = bytearray(heartbeat())
    long[23] = 25
    found = split(bytes(long) + heartbeat("NEXT") + heartbeat("LAST"))
    assert [(s, e) for s, e, ok in found.frames if ok] == [(25, 50), (50, 75)]


def test_bad_frame_at_the_end_is_reported_without_waiting() -> None:
    bad = heartbeat()[:-1] + b"\x00"
    assert split(bad).frames == [(0, 25, False)]


def test_hostile_nested_headers_take_linear_time() -> None:
    header = bytes.fromhex("232302fe") + b"A" * 17 + bytes.fromhex("01fb00")
    data = header * 20_000
    assert split(data, final=True).consumed == len(data)


def test_implausible_header_is_garbage() -> None:
    for at, value in ((3, 0x00), (3, 0x08), (21, 0x06), (21, 0x30)):
        frame = bytearray(heartbeat())
        frame[at] = value
        assert split(bytes(frame) + heartbeat()).garbage == [(0, 25)]
    oversized = bytearray(heartbeat())
    oversized[22:24] = (65_532).to_bytes(2, "big")
    assert split(bytes(oversized)).garbage == [(0, 25)]


# Frames by hand ---------------------------------------------------------------------------------


def test_heartbeat_is_25_bytes_with_the_check_byte_of_the_standard() -> None:
    running = 0
    for byte in b"\x07\xfe" + VIN.encode() + b"\x01\x00\x00":
        running ^= byte
    assert heartbeat() == b"##\x07\xfe" + VIN.encode() + b"\x01\x00\x00" + bytes([running])


@pytest.mark.parametrize("unit", [b"", SIX + b"\x00\x07"])
def test_unit_that_does_not_fit_is_refused(unit: bytes) -> None:
    with pytest.raises(FrameError, match="17"):
        build_frame(2016, 1, 0xFE, "X" * 18, unit)
    with pytest.raises(FrameError, match="65531"):
        build_frame(2016, 1, 0xFE, VIN, bytes(65_532))
    with pytest.raises(FrameError, match="Latin-1"):
        build_frame(2016, 1, 0xFE, "渝A12345", unit)


def test_answer_keeps_the_time_and_drops_the_rest() -> None:
    logout = build_frame(2016, 0x04, 0xFE, VIN, SIX + b"\x00\x07")
    found = decode(answer(logout, 0x01))
    assert (found["cmd"], found["resp"], found["id"], found["enc"]) == (4, 1, VIN, 1)
    assert found["data"] == {"time": "2025-06-30T08:15:42+08:00", "rest_len": 0}
    assert found["bcc_ok"]


def test_answers_to_heartbeat_and_clock() -> None:
    assert decode(answer(heartbeat(), 1))["data"] == {"rest_len": 0}
    clock = build_frame(2025, 0x08, 0xFE, VIN, b"")
    now = bytes.fromhex("1a0101000000")
    assert decode(answer(clock, 1, now_six=now))["data"]["time"] == "2026-01-01T00:00:00+08:00"


def test_answer_of_2016_knows_no_flag_above_three() -> None:
    for edition, flag in ((2016, 2), (2025, 6)):
        frame = build_frame(edition, 0x01, 0xFE, VIN, SIX)
        assert decode(answer(frame, 6))["resp"] == flag


def test_answer_to_an_encrypted_frame_takes_no_time_from_it() -> None:
    frame = build_frame(2016, 0x02, 0xFE, VIN, bytes(32), encryption=3)
    assert decode(answer(frame, 2))["data"] == {"rest_len": 0}


def test_time_that_names_no_instant_is_named() -> None:
    frame = build_frame(2016, 0x02, 0xFE, VIN, bytes.fromhex("190d1e080f2a"))
    found = decode(frame)
    assert found["bad_time"] is True
    assert found["data"]["time"] == "2025-13-30T08:15:42+08:00"
    assert encode(found) == frame


def test_what_is_no_frame_is_said() -> None:
    assert "not a frame" in decode(b"")["error"]
    assert "not a frame" in decode(b"##" + bytes(22))["error"]
    assert "header says 25" in decode(heartbeat() + b"\x00")["error"]
    assert decode(heartbeat()[:24] + b"")["error"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"time": "2025-06-30T08:15:42+08:00"}, "structure"),
        ({"time": "yesterday", "serial": 1}, "bad_time"),
        ({"time": "2025-06-30T08:15:42+08:00", "serial": 65_536}, "structure"),
        ({"time": "2025-06-30T08:15:42+08:00", "serial": "x"}, "structure"),
    ],
)
def test_value_that_does_not_fit_is_refused(data: dict[str, Any], reason: str) -> None:
    with pytest.raises(FrameError) as caught:
        encode({"ver": 2016, "cmd": 4, "resp": 254, "id": VIN, "data": data})
    assert caught.value.reason == reason
