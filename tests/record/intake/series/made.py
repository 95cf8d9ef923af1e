"""Plant readings made by hand."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from millbrain.core.columns import Column, Columns, Delivery, Outcome
from millbrain.record.intake import Intake

NOW_MS = int(time.time() * 1000)
HOUR_MS = 3_600_000
START_MS = NOW_MS - HOUR_MS

Given = tuple[str, str, int, float]  # thing, signal, ms after START_MS, value


def readings(
    rows: Sequence[Given],
    *,
    link: str = "line-1",
    received_ms: int = NOW_MS,
    **columns: NDArray[Any],
) -> Columns:
    """Rows of `reading`; columns: others by name."""
    values: dict[str, Column] = {
        "thing": np.array([t.encode() for t, *_ in rows], np.bytes_),
        "signal": np.array([s.encode() for _, s, *_ in rows], np.bytes_),
        "device_at": np.array([START_MS + at for _, _, at, _ in rows], np.int64),
        "received_at": np.full(len(rows), received_ms, np.int64),
        "value": np.array([v for *_, v in rows], np.float64),
        "link": np.full(len(rows), link.encode()),
    }
    return Columns(len(rows), {**values, **columns})


def delivery(
    rows: Columns, on_commit: Callable[[], None] | None = None, outcome: Outcome | None = None
) -> Delivery:
    """A delivery that counts its values, as a driver does."""
    received = Counter(link.decode() for link in rows.array("link"))
    return Delivery(received, {"reading": rows}, (), on_commit, outcome)


def put(intake: Intake, rows: Columns) -> tuple[int, int, int]:
    """Hand rows over, wait until they are on disk; return stored, duplicate, rejected."""
    done, outcome = threading.Event(), Outcome()
    intake.put(delivery(rows, done.set, outcome))
    assert done.wait(30)
    return outcome.stored, outcome.duplicate, outcome.rejected
