"""Recorded frames, sent again as they are."""

import gzip
import json
import time
from collections.abc import Iterator, Sequence
from math import isinf
from pathlib import Path
from typing import Final

import uvloop

from millbrain.connect.gbt32960.framing import AT_COMMAND, HEADER_BYTES, checksum
from millbrain.core.times import beijing_from_six, six_from_epoch
from millbrain.run.play.sender import (
    PIECE_BYTES,
    Piece,
    Player,
    Progress,
    Speed,
    Summary,
    factor_of,
    send_pieces,
    silent,
)

_TIMED: Final = frozenset((0x01, 0x02, 0x03, 0x04))
_LIVE: Final = 0x02
_PLATFORM: Final = frozenset((0x05, 0x06))  # ours are the only platform frames of the link


def play_file(
    paths: Sequence[Path],
    host: str,
    port: int,
    *,
    speed: Speed = "flat",
    user: str = "player",
    password: str = "",
    retime: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Replay recorded frames over a platform link.

    Parameters
    ----------
    paths
        Files of hex lines or of JSON lines with ``hex``, plain or .gz.
    speed
        ``true`` keeps the recorded pauses, a number divides them, ``flat`` has none. Pauses follow
        the device times of live frames (02); reissued ones are sent without.
    retime
        Shift every device time so that the last frame is dated now.
    progress
        Called with frames sent and frames in all.

    Raises
    ------
    OSError, RefusedError
        Nobody listens there, or the login was refused.
    """
    frames, skipped = read_frames(paths)
    if retime:
        frames = shift_times(frames, time.time())
    pieces = _pieces(frames, factor_of(speed))
    player = Player(host, port, user, password)
    summary = uvloop.run(send_pieces(player, pieces, len(frames), progress or silent))
    summary.skipped = skipped
    return summary


def _pieces(frames: Sequence[bytes], factor: float) -> Iterator[Piece]:
    """Yield the frames with their pauses; flat out, many frames make one piece."""
    if isinf(factor):
        held: list[bytes] = []
        size = 0
        for frame in frames:
            held.append(frame)
            size += len(frame)
            if size >= PIECE_BYTES:
                yield b"".join(held), len(held), 0.0
                held, size = [], 0
        if held:
            yield b"".join(held), len(held), 0.0
        return
    last_s: float | None = None
    for frame in frames:
        at_s = device_s(frame) if frame[AT_COMMAND] == _LIVE else None
        pause_s = max(at_s - last_s, 0.0) / factor if at_s and last_s else 0.0
        last_s = at_s or last_s
        yield frame, 1, pause_s


def read_frames(paths: Sequence[Path]) -> tuple[list[bytes], int]:
    """Return the frames of recordings in order, and how many lines were left out.

    Left out are lines without hex and platform logins and logouts, since the link makes its own.
    """
    frames: list[bytes] = []
    skipped = 0
    for path in paths:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8", "replace")
        for line in filter(None, map(str.strip, text.splitlines())):
            frame = _from_line(line)
            if frame is None or (len(frame) > AT_COMMAND and frame[AT_COMMAND] in _PLATFORM):
                skipped += 1
            else:
                frames.append(frame)
    return frames, skipped


def _from_line(line: str) -> bytes | None:
    try:
        return bytes.fromhex(str(json.loads(line)["hex"]) if line.startswith("{") else line)
    except (ValueError, KeyError, TypeError):
        return None


def device_s(frame: bytes) -> float | None:
    """Return the device time [s since 1970] of a plain frame that carries one, else None."""
    if len(frame) < HEADER_BYTES + 7 or frame[AT_COMMAND] not in _TIMED or frame[21] > 1:
        return None
    at = beijing_from_six(frame[HEADER_BYTES : HEADER_BYTES + 6])
    return at.timestamp() if at else None


def shift_times(frames: Sequence[bytes], last_s: float) -> list[bytes]:
    """Move all device times by one amount, so that the latest becomes `last_s` [s since 1970].

    Check bytes are made anew where they were right; signatures would no longer agree.
    """
    times = [device_s(frame) for frame in frames]
    known = [t for t in times if t is not None]
    if not known:
        return list(frames)
    shift = int(last_s - max(known))
    return [
        frame if at is None else _dated(frame, int(at) + shift)
        for frame, at in zip(frames, times, strict=True)
    ]


def _dated(frame: bytes, at_s: int) -> bytes:
    dated = bytearray(frame)
    dated[HEADER_BYTES : HEADER_BYTES + 6] = six_from_epoch(at_s)
    if checksum(frame) == frame[-1]:
        dated[-1] = checksum(dated)
    return bytes(dated)
