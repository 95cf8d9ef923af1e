"""From the event loop to the intake: notifications wait here, are decoded together, handed on.

The loop only lays down bytes. One thread takes all that lie there, makes columns of them and puts
one delivery; while it waits for a full intake, more lies down, until links are told to ask their
servers for no more. A server then keeps values in the queues of its tags.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from millbrain.connect.opcua import columnar
from millbrain.connect.opcua.rows import Readings, readings
from millbrain.connect.opcua.slots import Slots
from millbrain.core import limits
from millbrain.core.columns import DeadLetter, Delivery, concat
from millbrain.core.errors import FrameError, StoreError
from millbrain.core.plant.readings import READING
from millbrain.core.rooms import Sink

log = logging.getLogger(__name__)

PAUSE_S = 0.02  # between two looks whether there is room again
TAKE_BYTES_MAX = 1 << 20  # of one delivery: about 20,000 values


@dataclass(frozen=True, slots=True)
class Part:
    """One notification. changes: where its data changes stand. committed: called in the loop."""

    slots: Slots
    body: bytes
    changes: Sequence[tuple[int, int]]
    received_ms: int
    committed: Callable[[], None]


class Handover:
    """The thread between links and intake. The event loop is the one that makes it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self.received: Counter[str] = Counter()  # values by link, since the start
        self._parts: list[Part] = []
        self._bytes = 0
        self._ending = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="opcua-handover")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def add(self, part: Part) -> None:
        """Lay down a notification."""
        with self._changed:
            self._parts.append(part)
            self._bytes += len(part.body)
            self._changed.notify()

    async def room(self) -> None:
        """Wait until there is room for more."""
        while self._bytes > limits.OPCUA_BYTES_WAITING_MAX:
            await asyncio.sleep(PAUSE_S)

    def stop(self) -> None:
        """Hand on what lies here and end the thread. Blocks."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        columnar.warm_up()
        while parts := self._take():
            try:
                self._sink.put(self._delivery(parts))
            except StoreError as e:
                log.error("%d notifications were not taken: %s", len(parts), e)
                return

    def _take(self) -> list[Part]:
        with self._changed:
            while not self._parts and not self._ending:
                self._changed.wait()
            taken, size = 0, 0
            while taken < len(self._parts) and (not taken or size < TAKE_BYTES_MAX):
                size += len(self._parts[taken].body)
                taken += 1
            parts, self._parts = self._parts[:taken], self._parts[taken:]
            self._bytes -= size
            return parts

    def _delivery(self, parts: Sequence[Part]) -> Delivery:
        received: Counter[str] = Counter()
        found: list[Readings] = []
        rejected: list[DeadLetter] = []
        for part in parts:
            link = part.slots.link.decode()
            for start, stop in part.changes:
                try:
                    read = readings(part.body, start, stop, part.slots, part.received_ms)
                except FrameError as e:
                    rejected.append(_letter(part, link, e))
                    received[link] += 1
                    continue
                found.append(read)
                rejected += read.rejected
                received[link] += read.received
        self.received.update(received)
        columns = [f.columns for f in found if f.columns.rows]
        tables = {READING.name: concat(columns, READING)} if columns else {}
        return Delivery(received, tables, rejected, self._sender(parts))

    def _sender(self, parts: Sequence[Part]) -> Callable[[], None]:
        def committed() -> None:
            for part in parts:
                part.committed()

        def send() -> None:
            # The loop may have ended: what was not acknowledged then comes again.
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(committed)

        return send


def _letter(part: Part, link: str, error: FrameError) -> DeadLetter:
    raw = part.body[: limits.DEAD_LETTER_BYTES_MAX]
    return DeadLetter(link, error.reason, error.detail, raw, part.received_ms)
