"""Rates and latencies of the last minute, for the status."""

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

RATE_S_SHORT: Final = 1
RATE_S_LONG: Final = 10
LATENCY_S: Final = 60


@dataclass(frozen=True, slots=True)
class _Commit:
    at_s: float
    reports: int
    frames: int
    latency_ms: float


class Meter:
    """Remembers the commits of the last minute. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commits: deque[_Commit] = deque()
        self.reports_total = 0
        self.commits_total = 0

    def committed(self, reports: int, frames: int, latency_ms: float) -> None:
        """Note a commit: rows of vehicle_report, frames of all kinds, arrival to disk [ms]."""
        now_s = time.monotonic()
        with self._lock:
            self._commits.append(_Commit(now_s, reports, frames, latency_ms))
            self.reports_total += reports
            self.commits_total += 1
            while self._commits[0].at_s < now_s - LATENCY_S:
                self._commits.popleft()

    def status(self) -> dict[str, float]:
        """Return rates [1/s] over 1 s and 10 s and latencies [ms] over 60 s, 0 where none."""
        now_s = time.monotonic()
        with self._lock:
            commits = list(self._commits)
        latencies = [c.latency_ms for c in commits if c.at_s >= now_s - LATENCY_S] or [0.0]
        p50_ms, p99_ms = np.percentile(latencies, (50, 99))
        status = {"commit_p50_ms": float(p50_ms), "commit_p99_ms": float(p99_ms),
                  "commit_max_ms": max(latencies)}  # fmt: skip
        for span_s, suffix in ((RATE_S_SHORT, "1s"), (RATE_S_LONG, "10s")):
            late = [c for c in commits if c.at_s >= now_s - span_s]
            status[f"reports_{suffix}_hz"] = sum(c.reports for c in late) / span_s
            status[f"frames_{suffix}_hz"] = sum(c.frames for c in late) / span_s
        return status
