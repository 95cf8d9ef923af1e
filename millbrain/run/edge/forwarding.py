"""From the buffer to the centre in two lanes: what is fresh at once, what waited beside it.

The live lane sends what was written in the last `live_s` seconds, newest first in line, in order
within a push. The backlog lane sends the oldest rows first, so that the gap at the centre closes
from its beginning; of its two pushes one is made ready and sent while the centre commits the
other. It rests between pushes so that it uses no more than `share` of the time, sends one push at a
time while live readings are late, and none while a live push is. A block leaves the buffer when the
centre has answered; a push that was not answered is sent again, and the identity of a reading
(thing, signal, device_at) makes it count once.
"""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from millbrain.core import limits
from millbrain.core.errors import LinkError, RefusedError
from millbrain.run.edge.buffer import Block, Buffer
from millbrain.run.edge.centre import (
    BODY_BYTES_MAX,
    BusyError,
    Centre,
    UnreadableError,
    body_of,
)
from millbrain.run.edge.packing import Rows

log = logging.getLogger(__name__)

RETRY_S_MIN: Final = 0.5
RETRY_S_MAX: Final = 5.0
IDLE_S: Final = 1.0
GIVEN_UP_MAX: Final = 20  # readings in a row that the centre cannot read, before all is kept
LATE_KEPT_S: Final = 10.0  # how long the age of the last live push counts
LATE_S: Final = 2.0  # a live row that has waited so long makes the backlog wait


class Forwarder:
    """Sends the buffer's blocks to the centre. share: of the time that the backlog may use."""

    def __init__(
        self, buffer: Buffer, centre: Centre, name: str, *, share: float = 0.8, live_s: float = 5.0
    ) -> None:
        self._buffer, self._centre, self._name = buffer, centre, name
        self._share, self._live_s = share, live_s
        self._stopping = threading.Event()
        self._counting = threading.Lock()
        self._live_told = 0.0  # when the live lane was answered last
        self._live_since = 0.0  # when the push of the live lane that is under way began, 0 = none
        self.connected = False
        self.why = "the centre has not been reached yet"
        self.since_ms = _now_ms()
        self.live_age_s = 0.0
        self.sent = {"live": 0, "backlog": 0}
        self._threads = [
            threading.Thread(target=lane, name=f"edge-{lane.__name__.strip('_')}")
            for lane in (self._live, self._backlog, self._backlog_beside, self._joining)
        ]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the lanes; what is not answered stays in the buffer."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                thread.join(self._centre.wait_s + 10)

    def status(self) -> dict[str, Any]:
        """Describe how the centre stands and what was sent."""
        return {
            "centre": self._centre.url, "connected": self.connected, "why": self.why,
            "since_ms": self.since_ms, "live_age_s": round(self.live_age_s, 2),
            "sent_live": self.sent["live"], "sent_backlog": self.sent["backlog"],
        }  # fmt: skip

    def _live(self) -> None:
        self._run_lane("live", lambda: self._buffer.take_newest(
            _now_ms() - int(self._live_s * 1000), limits.PUSH_ROWS_MAX))  # fmt: skip

    def _backlog(self) -> None:
        self._run_lane("backlog", self._oldest)

    def _backlog_beside(self) -> None:
        self._run_lane("backlog", lambda: [] if self._is_live_late() else self._oldest())

    def _oldest(self) -> list[Block]:
        before_ms = _now_ms() - int(self._live_s * 1000)
        return self._buffer.take_oldest(before_ms, limits.PUSH_ROWS_MAX)

    def _is_live_late(self) -> bool:
        """Whether live readings took too long of late."""
        return self.live_age_s > LATE_S and time.monotonic() - self._live_told < LATE_KEPT_S

    def _joining(self) -> None:
        while not self._stopping.is_set():
            try:
                before_ms = _now_ms() - int(2 * self._live_s * 1000)
                if self._buffer.join_small(before_ms):
                    continue
            except Exception as e:  # a disk that takes nothing; it is tried again
                log.warning("edge: small blocks could not be joined: %s", e)
            self._stopping.wait(IDLE_S)

    def _run_lane(self, lane: str, take: Any) -> None:
        client = self._centre.client()
        retry_s = RETRY_S_MIN
        while not self._stopping.is_set():
            if lane == "backlog" and self._must_wait():
                self._stopping.wait(0.05)
                continue
            blocks = take()
            if not blocks:
                self._buffer.wait_for_blocks(IDLE_S if lane == "live" else 0.2)
                continue
            began = time.monotonic()
            try:
                self._send(client, lane, blocks)
                retry_s = RETRY_S_MIN
            except Exception as e:
                self._buffer.give_back(blocks)
                self._lost(e)
                wait_s = e.wait_s if isinstance(e, BusyError) else retry_s
                retry_s = min(RETRY_S_MAX, 2 * retry_s)
                self._stopping.wait(wait_s)
                continue
            finally:
                if lane == "live":
                    self._live_since = 0.0
            if lane == "backlog":
                self._stopping.wait((time.monotonic() - began) * (1 - self._share) / self._share)
        client.clear()

    def _must_wait(self) -> bool:
        """Whether the backlog leaves the centre to the live lane."""
        began = self._live_since
        return began > 0 and time.monotonic() - began > LATE_S

    def _send(self, client: Any, lane: str, blocks: Sequence[Block]) -> None:
        rows, blocks = self._buffer.read(blocks)
        if rows is None:
            return
        if lane == "live":
            self._live_since = time.monotonic()
        key = f"{self._name}-{blocks[0].id}-{blocks[-1].id}-{len(rows)}"
        told = {"stored": 0, "duplicate": 0, "rejected": 0, "given_up": 0}
        self._push(client, rows, key, told)
        self._buffer.remove(
            blocks, delivered=told["stored"], duplicate=told["duplicate"],
            rejected=told["rejected"],
        )  # fmt: skip
        with self._counting:
            self.sent[lane] += len(rows)
        if lane == "live":
            self._live_told = time.monotonic()
            self.live_age_s = (_now_ms() - blocks[0].written_ms) / 1000
        if not self.connected:
            log.info("edge: the centre is reached")
            self.connected, self.why, self.since_ms = True, "", _now_ms()

    def _push(self, client: Any, rows: Rows, key: str, told: dict[str, int]) -> None:
        """Push rows; in halves where they are too many bytes, or unreadable for a few of them."""
        body = body_of(rows, self._buffer.names)
        if len(body) <= BODY_BYTES_MAX:
            try:
                for name, number in self._centre.push(client, body, key).items():
                    told[name] += number
                told["given_up"] = 0
                return
            except UnreadableError as e:
                if len(rows) == 1:
                    log.warning("edge: one reading is given up: %s", e)
                    told["rejected"] += 1
                    told["given_up"] += 1
                    if told["given_up"] > GIVEN_UP_MAX:  # it is not the readings that are wrong
                        raise
                    return
        half = len(rows) // 2
        self._push(client, rows.take(slice(0, half)), f"{key}.0", told)
        self._push(client, rows.take(slice(half, None)), f"{key}.1", told)

    def _lost(self, error: Exception) -> None:
        known = isinstance(error, LinkError | RefusedError)
        if self.connected or not self.why.startswith(str(error)[:20]):
            log.warning("edge: %s", error, exc_info=None if known else error)
        if self.connected:
            self.since_ms = _now_ms()
        self.connected = isinstance(error, BusyError) and self.connected
        self.why = str(error)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
