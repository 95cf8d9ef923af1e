"""The newest value of every series, as arrays by slot; `snapshot` writes what has changed."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.core.columns import Columns, Ragged
from millbrain.core.plant.admission import LINK_BYTES_MAX
from millbrain.record.intake.balance import LINKS_MAX
from millbrain.record.intake.identity import Slots, TextIndex
from millbrain.record.intake.series.index import SeriesIndex

CLOCK_AHEAD_MS_MAX: Final = 300_000  # a device clock farther ahead of ours does not hold the value
_TYPES: Final[dict[str, Any]] = {
    "device_at": np.int64, "received_at": np.int64, "value": np.float64, "quality": np.uint8,
    "link": np.int32, "reading_count": np.uint64,
}  # fmt: skip
_FIRST_ROOM: Final = 1024
_Rows = NDArray[np.int64]


@njit(cache=True, nogil=True)
def _winners(
    slots: Slots,
    at: NDArray[np.int64],
    received: NDArray[np.int64],
    held: NDArray[np.int64],
    counts: NDArray[np.uint64],
    changed: NDArray[np.bool_],
) -> _Rows:
    """Rows that are the newest of their series so far.

    Device time decides, but a clock that is ahead counts as the instant of arrival: it would
    freeze the picture until its day has come.
    """
    out = np.empty(len(slots), np.int64)
    count = 0
    for row in range(len(slots)):
        slot = slots[row]
        if slot < 0:
            continue
        counts[slot] += np.uint64(1)
        changed[slot] = True
        when = at[row] if at[row] <= received[row] + CLOCK_AHEAD_MS_MAX else received[row]
        if when >= held[slot]:
            held[slot] = when
            out[count] = row
            count += 1
    return out[:count]


@dataclass(frozen=True, slots=True)
class Picture:
    """The changed series after `batch`: arrays of shape (slots,), texts by slot."""

    batch: int
    slots: Slots
    values: dict[str, Any]
    missing: NDArray[np.bool_]
    texts: list[bytes]


class Live:
    """The arrays. The owner holds a lock over every call."""

    def __init__(self, index: SeriesIndex) -> None:
        self.index = index
        self.batch = 0
        self.links = TextIndex(LINK_BYTES_MAX, LINKS_MAX)
        self._values = {n: np.zeros(0, t) for n, t in _TYPES.items()}
        self._missing = np.zeros(0, np.bool_)
        self._held = np.zeros(0, np.int64)
        self._changed = np.zeros(0, np.bool_)
        self._texts: dict[int, bytes] = {}
        self._room(_FIRST_ROOM)

    def readings(self, slots: Slots, rows: Columns) -> None:
        """Apply rows of `reading`, in order of arrival."""
        self._room(len(self.index))
        live = self._values
        newest = _winners(
            slots, rows.array("device_at"), rows.array("received_at"), self._held,
            live["reading_count"], self._changed,
        )  # fmt: skip
        here = slots[newest]
        for name in ("device_at", "received_at", "value", "quality"):
            live[name][here] = rows.array(name)[newest]  # of one slot's rows the last one stays
        live["link"][here] = self.links.slots(rows.values["link"])[newest]
        mask = rows.missing.get("value")
        self._missing[here] = False if mask is None else mask[newest]
        self._put_texts(newest, here, rows)

    def picture(self) -> Picture:
        """Return a copy of what has changed since the last picture that was `kept`."""
        slots = np.flatnonzero(self._changed[: len(self.index)])
        self._changed[slots] = False
        return Picture(
            self.batch, slots, {n: v[slots] for n, v in self._values.items()},
            self._missing[slots], [self._texts.get(s, b"") for s in slots.tolist()],
        )  # fmt: skip

    def forget(self, picture: Picture) -> None:
        """Count the series of a picture as changed again: it was not written."""
        self._changed[picture.slots] = True

    def restore(self, slots: Slots, rows: Columns) -> None:
        """Set the state of `slots` to rows of reading_latest, which have a count of their own."""
        self._room(len(self.index))
        kept = np.flatnonzero(slots >= 0)
        slots, rows = slots[kept], rows.take(kept)
        for name in ("device_at", "received_at", "value", "quality", "reading_count"):
            self._values[name][slots] = rows.array(name)
        self._values["link"][slots] = self.links.slots(rows.values["link"])
        self._missing[slots] = rows.missing["value"]
        at, received = rows.array("device_at"), rows.array("received_at")
        self._held[slots] = np.where(at <= received + CLOCK_AHEAD_MS_MAX, at, received)
        self._put_texts(np.arange(rows.rows), slots, rows)

    def add_counts(self, slots: Slots, counts: NDArray[np.uint64]) -> None:
        """Count stored rows of series (each once) that `restore` knew nothing of."""
        known = slots >= 0
        self._values["reading_count"][slots[known]] += counts[known]
        self._changed[slots[known]] = True

    def _put_texts(self, newest: _Rows, here: Slots, rows: Columns) -> None:
        if self._texts:
            for slot in self._texts.keys() & set(here.tolist()):
                del self._texts[slot]
        if "text" not in rows.values:
            return
        text = rows.values["text"]
        assert isinstance(text, Ragged)
        sizes = np.diff(text.offsets)[newest]
        for row, slot in zip(newest[sizes > 0].tolist(), here[sizes > 0].tolist(), strict=True):
            self._texts[slot] = text.values[text.offsets[row] : text.offsets[row + 1]].tobytes()

    def _room(self, slots: int) -> None:
        room = len(self._held)
        if slots <= room:
            return
        room = max(slots, 2 * room, _FIRST_ROOM)
        self._values = {n: _grown(v, room) for n, v in self._values.items()}
        self._missing = _grown(self._missing, room)
        self._held = _grown(self._held, room)
        self._changed = _grown(self._changed, room)


def _grown(old: NDArray[Any], room: int) -> NDArray[Any]:
    new = np.zeros(room, old.dtype)
    new[: len(old)] = old
    return new
