"""The worker thread: chunks of all links in, one delivery out, round by round.

A round takes whatever has arrived on every link, lays it into one buffer, finds the frames, decodes
the reports among them in one columnar call and the few others one by one, and puts everything into
the sink. While the sink is full the round waits, chunks pile up to their limit, links stop reading,
and TCP slows the senders: that is the whole of the back-pressure.
"""

import logging
import threading
import time
from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960 import columnar
from millbrain.connect.gbt32960.halves import Halves
from millbrain.connect.gbt32960.hub import Hub
from millbrain.connect.gbt32960.links import LARGE_BUFFER_BYTES, Chunk, Link
from millbrain.connect.gbt32960.reports import Round
from millbrain.connect.gbt32960.sessions import Sessions
from millbrain.core import limits

log = logging.getLogger(__name__)

ROUND_BYTES_MAX: Final = 9_200_000  # 19,800 frames of 464 bytes, just under a full commit
ROUND_WAIT_S: Final = 0.02  # how long a round gathers before it starts, unless it is full
REST_WAIT_S_MAX: Final = 10.0  # an incomplete frame waits so long, then is given up
TICK_S: Final = 1.0
SPARE_BUFFERS_MAX: Final = 16

Region = tuple[Link, int, int, int]  # link, first byte, end, when received [ms]


class Worker:
    """Owns the decode thread and the queue in front of it."""

    def __init__(self, hub: Hub, sessions: Sessions) -> None:
        self._hub = hub
        self._sessions = sessions
        self._halves = Halves()
        self._chunks: deque[Chunk] = deque()
        self._ended: deque[Link] = deque()
        self._resting: dict[Link, float] = {}
        self._bytes = 0
        self._lock = threading.Condition()
        self._stopping = False
        self._frames = columnar.Frames.allocate(1 << 16)
        self._buffer = np.empty(2 * ROUND_BYTES_MAX, np.uint8)
        self._spare: deque[bytearray] = deque(maxlen=SPARE_BUFFERS_MAX)
        self._thread = threading.Thread(target=self._run, name="gbt32960-decode", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Decode and deliver what has arrived, then end. Blocks."""
        with self._lock:
            self._stopping = True
            self._lock.notify()
        self._thread.join()

    def offer(self, chunk: Chunk) -> None:
        """Queue what a link has read. From the event loop."""
        with self._lock:
            self._chunks.append(chunk)
            self._bytes += len(chunk.data)
            self._lock.notify()

    def offer_end(self, link: Link) -> None:
        """Say that nothing more will come from a link."""
        with self._lock:
            self._ended.append(link)
            self._lock.notify()

    def offer_again(self, link: Link) -> None:
        """Let the bytes that a link held back be decoded."""
        self.offer(Chunk(link, memoryview(b""), int(time.time() * 1000)))

    def spare_buffer(self) -> bytearray:
        """Return a large receive buffer, one that the thread is done with if there is any."""
        try:
            return self._spare.pop()
        except IndexError:
            return bytearray(LARGE_BUFFER_BYTES)

    def is_full(self) -> bool:
        """Whether links should stop reading."""
        return self._bytes > limits.CHUNK_QUEUE_BYTES_MAX

    def _run(self) -> None:
        ticked = time.monotonic()
        while True:
            with self._lock:
                while not (self._chunks or self._ended or self._stopping):
                    if not self._lock.wait(TICK_S):
                        break
                full = self._bytes >= ROUND_BYTES_MAX
                stopping = self._stopping and not self._chunks and not self._ended
            if not full and not self._stopping:
                time.sleep(ROUND_WAIT_S)
            self._guarded_round(self._take(), final=stopping)
            if time.monotonic() - ticked > TICK_S:
                ticked = time.monotonic()
                self._guarded_round({}, final=False, tick=True)
            if stopping:
                return

    def _take(self) -> dict[Link, list[Chunk]]:
        """Take about one commit's worth of chunks, by link, in order of arrival."""
        taken: dict[Link, list[Chunk]] = {}
        size = 0
        with self._lock:
            while self._chunks and size < ROUND_BYTES_MAX:
                chunk = self._chunks.popleft()
                size += len(chunk.data)
                taken.setdefault(chunk.link, []).append(chunk)
            self._bytes -= size
            if not self._chunks:
                while self._ended:
                    taken.setdefault(self._ended.popleft(), [])
        return taken

    def _guarded_round(
        self, taken: dict[Link, list[Chunk]], *, final: bool, tick: bool = False
    ) -> None:
        """Run one round; a defect in it is logged and costs that round, never the thread."""
        try:
            self._round(taken, final=final, tick=tick)
        except Exception:
            log.exception("a round of %d links failed; their bytes were lost", len(taken))
        finally:
            for link, chunks in taken.items():
                link.bytes_waiting -= sum(len(c.data) for c in chunks)
            if taken and not self.is_full():
                self._hub.resume_paused()

    def _round(self, taken: dict[Link, list[Chunk]], *, final: bool, tick: bool) -> None:
        work = Round(self._hub, self._sessions, self._halves)
        if tick or final:
            taken = {link: [] for link in self._overdue(final=final)} | taken
        buffer, regions = self._lay_out(taken)
        for link, start, stop, received_ms in regions:
            over = link.has_ended or final or (tick and not taken[link])
            self._split(work, buffer, link, start, stop, received_ms, final=over)
            if link.has_ended:
                work.ended.append(link)
        work.decode(buffer)
        work.assemble(final=final)
        delivery = work.delivery()
        if delivery:
            self._hub.sink.put(delivery)
        elif work.ended:
            self._hub.sender((), work.ended)()

    def _lay_out(self, taken: dict[Link, list[Chunk]]) -> tuple[NDArray[np.uint8], list[Region]]:
        """Lay the bytes of all links behind one another: what was left over, then what came."""
        parts: list[memoryview | bytes] = []
        regions = []
        at = 0
        for link, chunks in taken.items():
            if link.is_checking():
                link.state.waiting.extend(chunks)
                continue
            come = [*link.take_waiting(), *chunks]
            pieces: list[memoryview | bytes] = [link.state.rest, *(c.data for c in come)]
            size = sum(len(p) for p in pieces)
            received_ms = come[0].received_ms if come else link.state.last_received_ms
            regions.append((link, at, at + size, received_ms))
            parts += pieces
            at += size
        if at > len(self._buffer):
            self._buffer = np.empty(at, np.uint8)
        self._fill(parts)
        return self._buffer[:at], regions

    def _fill(self, parts: list[memoryview | bytes]) -> None:
        """Copy the parts into the round's buffer; large receive buffers become spare ones."""
        at = 0
        for part in parts:
            self._buffer[at : at + len(part)] = np.frombuffer(part, np.uint8)
            at += len(part)
            if isinstance(part, memoryview) and isinstance(part.obj, bytearray):
                self._spare.append(part.obj)

    def _overdue(self, *, final: bool) -> list[Link]:
        """Links whose incomplete frame has waited too long, or all of them at the end."""
        now = time.monotonic()
        return [k for k, since in self._resting.items() if final or now - since > REST_WAIT_S_MAX]

    def _split(
        self,
        work: Round,
        buffer: NDArray[np.uint8],
        link: Link,
        start: int,
        stop: int,
        received_ms: int,
        *,
        final: bool,
    ) -> None:
        """Find the frames of one link's region and keep what is incomplete for the next round."""
        at = start
        while True:
            found = columnar.split_frames(buffer, at, stop, self._frames, final)
            held = work.take_frames(buffer, link, received_ms, self._frames, found)
            at = found.consumed
            if held is not None:
                held += buffer[at:stop].tobytes()
                link.state.waiting.insert(0, Chunk(link, memoryview(held), received_ms))
                at = stop
            if not found.full or held is not None:
                break
        link.state.rest = buffer[at:stop].tobytes()
        if link.state.rest:
            self._resting[link] = time.monotonic()  # since its newest bytes
        else:
            self._resting.pop(link, None)
