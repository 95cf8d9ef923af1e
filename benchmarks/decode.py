"""Decoding: frames to columns on one thread, beside rtm-con on the same frames in the same run.

    millbrain bench decode [--json]        python benchmarks/decode.py [--json]

The frames are those of the recorded vehicle day (464 bytes, 144 cells, 72 probes) where the data
stand beside the checkout, else 243 distinct ones of the same layout. Ours is the whole way from
bytes to columns: splitting, check byte, every field, cell and probe. Time is CPU time of the
process, the median of several rounds; the two sides take turns, so that a busy machine is unkind to
both.
"""

import argparse
import gzip
import statistics
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, show

from millbrain.connect.gbt32960 import columnar, framing

PEER_FRAMES_HZ: Final = 500_000  # the fastest peer noted: baichangda/parser, Java, after warm-up
RTM_CON_TIMES_GOAL: Final = 1000
FRAMES: Final = 20_000  # one full commit
ROUNDS: Final = 7
OURS_REPEATS: Final = 30  # of one round; the first ones of a process also fetch memory
FRAME_BYTES: Final = 464
_DAY: Final = Path(__file__).resolve().parents[2] / "shared/data/nev"


def main(*, as_json: bool = False) -> None:
    """Run the benchmark and print its figures."""
    frames = _recorded() or _made()
    buffer = np.frombuffer(b"".join(_tiled(frames, FRAMES)), np.uint8)
    places = columnar.Frames.allocate(1 << 15)
    started = time.perf_counter()
    columnar.warm_up()
    warm_up_s = time.perf_counter() - started
    split_s = _cpu_s(lambda: _split(buffer, places), OURS_REPEATS)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(FRAMES / _cpu_s(lambda: _decode(buffer, places), OURS_REPEATS))
        theirs.append(len(frames) / _cpu_s(_rtm_con(frames), 1))
    ours_hz, theirs_hz = statistics.median(ours), statistics.median(theirs)
    show(
        [
            Figure("decode_warm_up", warm_up_s, "s"),
            Figure("decode_split", FRAMES / split_s, "frames/cpu_s"),
            Figure("decode_rtm_con", theirs_hz, "frames/cpu_s"),
            Figure("decode_columns", ours_hz, "frames/cpu_s", PEER_FRAMES_HZ),
            Figure("decode_vs_rtm_con", ours_hz / theirs_hz, "x", RTM_CON_TIMES_GOAL),
        ],
        as_json=as_json,
    )


def _cpu_s(work: Callable[[], None], times: int) -> float:
    """Return CPU time of the process for one call [s]."""
    before = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - before) / times


def _split(buffer: NDArray[np.uint8], places: columnar.Frames) -> None:
    found = columnar.split_frames(buffer, 0, len(buffer), places)
    if found.count != FRAMES or not places.good[:FRAMES].all():
        raise RuntimeError(f"found {found.count} frames, expected {FRAMES} good ones")


def _decode(buffer: NDArray[np.uint8], places: columnar.Frames) -> None:
    _split(buffer, places)
    decoded = columnar.decode_columns(buffer, places.starts[:FRAMES], places.ends[:FRAMES])
    if decoded.status.any():
        raise RuntimeError(f"{np.count_nonzero(decoded.status)} frames were not decoded")


def _rtm_con(frames: list[bytes]) -> Callable[[], None]:
    from rtm_con import msg

    def parse() -> None:
        for frame in frames:
            msg.parse(frame)

    return parse


def _recorded() -> list[bytes]:
    """Return the 464-byte frames of the recorded day, empty where it is absent."""
    lines = [
        line
        for path in sorted(_DAY.glob("day_*.hex.gz"))
        for line in gzip.decompress(path.read_bytes()).decode().split()
    ]
    frames = [bytes.fromhex(line) for line in lines]
    return [frame for frame in frames if len(frame) == FRAME_BYTES]


def _made(count: int = 243) -> list[bytes]:
    """Return distinct frames with the layout of the recorded ones."""
    random = np.random.default_rng(7)
    frames = []
    for second in range(count):
        six = bytes((25, 11, 3, 14, second // 60, second % 60))
        fixed = bytes.fromhex(
            "01 01 03 01 007b 00003039 1770 2710 55 01 0e 09c4 00 00 05 00 06599e80 01c9c380"
            "06 01 01 0d48 01 02 0d34 01 01 41 01 02 3c 07 00 00000000 00 00 00 00"
        )
        cells = struct.pack(">BBBHHHHB", 8, 1, 1, 6000, 10_000, 144, 1, 144)
        cells += random.integers(3300, 3400, 144).astype(">u2").tobytes()
        probes = struct.pack(">BBBH", 9, 1, 1, 72) + random.bytes(72)
        frames.append(
            framing.build_frame(2016, 2, 0xFE, "LNEVTEST0N0000007", six + fixed + cells + probes)
        )
    return frames


def _tiled(frames: list[bytes], count: int) -> list[bytes]:
    return (frames * (count // len(frames) + 1))[:count]


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    main(as_json=options.parse_args().json)
