"""What one round of the worker hands on: readings, refusals, and what is acknowledged with them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.sparkplug import readings
from millbrain.connect.sparkplug.columnar import Metrics
from millbrain.connect.sparkplug.messages import Message
from millbrain.connect.sparkplug.readings import Picked
from millbrain.connect.sparkplug.slots import Slots
from millbrain.connect.sparkplug.topics_json import Sample
from millbrain.core import limits
from millbrain.core.columns import Columns, DeadLetter
from millbrain.core.plant.admission import LETTER_ROWS_MAX
from millbrain.core.plant.readings import BAD, GOOD


@dataclass(slots=True)
class Part:
    """Metrics of one message. number: of the message. first: its first metric."""

    number: int
    first: int
    slots: NDArray[np.int64]
    received_ms: int
    doubtful: bool


@dataclass(slots=True)
class Batch:
    """Collected while messages are looked at. marks: connection and id of each to acknowledge."""

    link: str
    received: int = 0
    columns: list[Columns] = field(default_factory=list)
    rejected: list[DeadLetter] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    plain: list[tuple[int, Sample, int]] = field(default_factory=list)
    seen: list[tuple[NDArray[np.int64], Columns]] = field(default_factory=list)

    def done(self, message: Message) -> None:
        """Acknowledge a message with this batch."""
        if message.qos:
            self.marks.append((message.epoch, message.mid))

    def refuse(self, message: Message, reason: str, detail: str, values: int = 1) -> None:
        """Refuse values of a message; its bytes are kept once."""
        self.received += values
        raw = message.payload[: limits.DEAD_LETTER_BYTES_MAX]
        text = f"{self.link} {message.topic}: {detail}; kept in dead letters"
        for left in range(values, 0, -LETTER_ROWS_MAX):  # the count of a letter is one byte
            count = min(left, LETTER_ROWS_MAX)
            letter = DeadLetter(self.link, reason, text, raw, message.received_ms, frames=count)
            self.rejected.append(letter)
            raw = b""

    def store(self, metrics: Metrics, slots: Slots) -> None:
        """Make readings of all that was collected."""
        if self.parts:
            self._store_metrics(metrics, slots)
        if self.plain:
            self._store_plain(slots)
        self.received += sum(c.rows for c in self.columns)

    def _store_metrics(self, metrics: Metrics, slots: Slots) -> None:
        sizes = [len(p.slots) for p in self.parts]
        numbers = np.concatenate([p.slots for p in self.parts])
        rows = np.concatenate([np.arange(p.first, p.first + len(p.slots)) for p in self.parts])
        kept = np.flatnonzero(numbers >= 0)
        kept = kept[slots.stored().taken[numbers[kept]]]
        picked = Picked(
            rows[kept],
            numbers[kept],
            np.repeat([p.number for p in self.parts], sizes)[kept],
            np.repeat([p.received_ms for p in self.parts], sizes)[kept],
            np.repeat([p.doubtful for p in self.parts], sizes)[kept],
        )
        if not len(kept):
            return
        taken = readings.take(self.link, metrics, picked, slots)
        self.received += len(taken.rejected)
        self.rejected += taken.rejected
        self.columns.append(taken.columns)
        self.seen.append((taken.slots, taken.columns))

    def _store_plain(self, slots: Slots) -> None:
        stored = slots.stored()
        rows = [r for r in self.plain if stored.taken[r[0]]]
        if not rows:
            return
        numbers = np.array([r[0] for r in rows], np.int64)
        number = np.array([_number(s.value) for _, s, _ in rows])
        missing = ~np.isfinite(number)
        texts = [s.value.encode() if isinstance(s.value, str) else b"" for _, s, _ in rows]
        value = np.where(missing, 0.0, number * stored.scale[numbers] + stored.offset[numbers])
        quality = np.where(missing & np.array([not t for t in texts]), BAD, GOOD)
        columns = Columns(
            len(rows),
            {
                "thing": stored.thing[numbers],
                "signal": stored.signal[numbers],
                "device_at": np.array([s.device_at_ms or at for _, s, at in rows], np.int64),
                "received_at": np.array([at for _, _, at in rows], np.int64),
                "value": value,
                "text": np.array(texts, object),
                "quality": quality.astype(np.uint8),
                "link": np.full(len(rows), self.link.encode()),
                "frame_count": np.ones(len(rows), np.uint8),
            },
            {"value": missing},
        )
        self.columns.append(columns)
        self.seen.append((numbers, columns))


def _number(value: float | str | None) -> float:
    return float("nan") if value is None or isinstance(value, str) else float(value)
