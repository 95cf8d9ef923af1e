"""The columnar splitter against the object splitter, whose rule it repeats."""

from typing import Any

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from millbrain.connect.gbt32960 import columnar, framing
from millbrain.connect.gbt32960.columnar import Frames

VIN = "LNEVTEST0N0000007"
GOOD = framing.build_frame(2016, 2, 0xFE, VIN, bytes.fromhex("190b030e053b") + bytes(60))
HEARTBEAT = framing.build_frame(2025, 7, 0xFE, VIN, b"")
NESTED = framing.build_frame(2025, 2, 0xFE, VIN, bytes(9) + b"##\x02\xfe" * 10)
CUTS = (b"#", b"##", b"$$", b"##$$", b"##\x02\xfe", GOOD[:24], GOOD[:-1], GOOD[:9])


def spans_of(data: bytes, *, final: bool, places: Frames | None = None) -> tuple[Any, int]:
    """Frames and garbage runs of a stream, in order, and how much was consumed."""
    out = places or Frames.allocate(64, 64)
    buffer = np.frombuffer(b"?" * 3 + data, np.uint8)  # regions begin anywhere in a buffer
    at, found = 3, []
    while True:
        split = columnar.split_frames(buffer, at, len(buffer), out, final)
        for i in range(split.count):
            found.append((int(out.starts[i]) - 3, int(out.ends[i]) - 3, bool(out.good[i])))
        found += [(int(s) - 3, int(e) - 3, None) for s, e in out.garbage[: split.garbage]]
        at = split.consumed
        if not split.full:
            return sorted(found), at - 3


def assert_split_agrees(data: bytes, places: Frames | None = None) -> None:
    for final in (False, True):
        theirs = framing.split(data, final=final)
        runs = [(s, e, None) for s, e in theirs.garbage + theirs.cut]
        assert spans_of(data, final=final, places=places) == (
            sorted(theirs.frames + runs),
            theirs.consumed,
        )


def _flipped(at: int) -> bytes:
    return GOOD[:at] + bytes((GOOD[at] ^ 4,)) + GOOD[at + 1 :]


_PIECES = st.one_of(
    st.sampled_from((GOOD, HEARTBEAT, NESTED, *CUTS)),
    st.binary(max_size=30),
    st.integers(0, len(GOOD) - 1).map(_flipped),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_PIECES, max_size=8).map(b"".join))
@example(b"")
@example(GOOD[:-1] + b"\x00" + b"$")
def test_split_agrees_with_the_object_splitter(data: bytes) -> None:
    assert_split_agrees(data)
    assert_split_agrees(data, Frames.allocate(1, 2))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from((b"#", b"$", b"\x02", b"\xfe", b"\x01", b"\x00")), max_size=400))
def test_split_agrees_on_bytes_that_look_like_headers(parts: list[bytes]) -> None:
    assert_split_agrees(b"".join(parts))


def test_split_of_hostile_bytes_takes_linear_time() -> None:
    period = bytearray(b"##\x02\xfe" + b"\x01" * 17 + b"\x01\xff\x00")
    buffer = np.frombuffer(bytes(period) * 100_000, np.uint8)  # each announces 65,280 bytes
    out = Frames.allocate(1 << 10, 1 << 18)
    split = columnar.split_frames(buffer, 0, len(buffer), out)
    assert split.consumed > len(buffer) - 2 * 65_556


def test_check_bytes_at_every_alignment() -> None:
    buffer = np.frombuffer(b"?" * 16 + GOOD * 9, np.uint8)
    out = Frames.allocate(16)
    for shift in range(8):
        split = columnar.split_frames(buffer[shift:], 16 - shift, len(buffer) - shift, out)
        assert (split.count, split.consumed) == (9, len(buffer) - shift)
        assert out.good[:9].all()
