"""Deliveries made by hand for the intake tests."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from millbrain.core import facts
from millbrain.core.columns import Columns, DeadLetter, Delivery, Ragged

# Noon UTC of yesterday: far from both midnights, and younger than any retention.
NOON_S = int(time.time()) // 86_400 * 86_400 - 43_200
ALL_BLOCKS = 0b1_1111_0011


def texts(values: Sequence[str]) -> np.ndarray:
    return np.array([v.encode() for v in values], np.bytes_)


def reports(
    rows: Sequence[tuple[str, int]],
    *,
    link: str = "city-01",
    blocks: int | Sequence[int] = ALL_BLOCKS,
    received_s: float | Sequence[float] | None = None,
    reissued: int = 0,
    **columns: Sequence[float],
) -> Columns:
    """Rows of vehicle_report: (vin, seconds after NOON_S), and what columns the test needs."""
    count = len(rows)
    at = np.array([NOON_S + s for _, s in rows], np.uint32)
    arrived = at if received_s is None else NOON_S + np.asarray(received_s, np.float64)
    values = {
        "vin": texts([v for v, _ in rows]),
        "device_at": at,
        "received_at": (np.broadcast_to(arrived, count) * 1000.0).astype(np.int64),
        "link": texts([link] * count),
        "frame_count": np.ones(count, np.uint8),
        "reissued": np.full(count, reissued, np.uint8),
        "edition": np.full(count, 2016, np.uint16),
        "blocks": np.broadcast_to(np.asarray(blocks, np.uint32), count).copy(),
        "cells_mv": Ragged(
            np.arange(count + 1, dtype=np.int32) * 3,
            np.tile(np.array([3600, 3601, 3602], np.uint16), count),
        ),
    }
    for name, given in columns.items():
        kind = facts.VEHICLE_REPORT.column(name).kind
        values[name] = np.array(given, {"u8": np.uint8, "f32": np.float32}.get(kind, np.float64))
    return Columns(count, values)


def events(rows: Sequence[tuple[str, int | None, int]], *, link: str = "city-01") -> Columns:
    """Rows of link_event: (vin, seconds after NOON_S or None, command)."""
    count = len(rows)
    at = np.array([NOON_S + (s or 0) for _, s, _ in rows], np.uint32)
    return Columns(
        count,
        {
            "vin": texts([v for v, _, _ in rows]),
            "device_at": at,
            "received_at": at.astype(np.int64) * 1000,
            "link": texts([link] * count),
            "frame_count": np.ones(count, np.uint8),
            "edition": np.full(count, 2016, np.uint16),
            "command": np.array([c for _, _, c in rows], np.uint8),
            "event": texts(
                [{1: "vehicle_login", 4: "vehicle_logout"}.get(c, "x") for *_, c in rows]
            ),
            "detail": texts(["{}"] * count),
        },
        {"device_at": np.array([s is None for _, s, _ in rows])},
    )


def delivery(
    *tables: Columns,
    letters: Sequence[DeadLetter] = (),
    on_commit: Callable[[], None] | None = None,
) -> Delivery:
    """A delivery that counts its own frames, as a driver would on the wire."""
    received: Counter[str] = Counter()
    named = {}
    for columns in tables:
        name = "link_event" if "command" in columns.values else "vehicle_report"
        named[name] = columns
        for link, frames in zip(columns.values["link"], columns.values["frame_count"], strict=True):
            received[link.decode()] += int(frames)
    for letter in letters:
        received[letter.link] += letter.frames
    return Delivery(received, named, letters, on_commit)


def letter(link: str = "city-01", frames: int = 1, raw: bytes = b"##\x00") -> DeadLetter:
    return DeadLetter(link, "checksum", "computed 1, found 2", raw, NOON_S * 1000, frames)
