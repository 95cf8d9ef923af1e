"""The live state: the newest value of every signal of every vehicle, as arrays by slot.

A report changes only the columns whose block it carries. The arrays change under a lock, so that a
picture of all of them (`snapshot`) is the state after some batch, exactly.
"""

import threading
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core import facts
from millbrain.core.columns import Columns
from millbrain.core.plant.admission import LINK_BYTES_MAX
from millbrain.core.tables import Column
from millbrain.record.intake import latest_kernels as kernels
from millbrain.record.intake.balance import LINKS_MAX
from millbrain.record.intake.batches import received_ms
from millbrain.record.intake.identity import Slots, TextIndex

CLOCK_AHEAD_S_MAX: Final = 300  # a device clock farther ahead of ours does not hold the picture
EVENTS: Final = {0: b"", 1: b"login", 4: b"logout"}
_TYPES: Final = {"u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
                 "i16": np.int16, "f32": np.float32, "f64": np.float64, "at_s": np.uint32,
                 "at_ms": np.int64}  # fmt: skip
_FIRST_ROOM: Final = 1024
_ANY: Final = -1  # the group of columns that every report carries

_CARRIED: Final = [c for c in facts.VEHICLE_REPORT.columns if c.latest and c.name != "vin"]
GROUPS: Final[dict[int, list[Column]]] = {
    bit: [c for c in _CARRIED if c.block == bit] for bit in sorted({c.block for c in _CARRIED})
}
# Kept beside the declared columns: `charging` is -1 unknown, 0 no, 1 yes.
_OWN: Final[dict[str, Any]] = {
    "report_count": np.uint64, "first_received_at": np.int64, "charge_start_at": np.uint32,
    "charge_start_soc_pct": np.uint8, "event": np.uint8, "event_at": np.int64,
    "charging": np.int8,
}  # fmt: skip
_OWN_MISSING: Final = ("charge_start_soc_pct",)


@dataclass(frozen=True, slots=True)
class Picture:
    """A copy of the live state after `batch`: arrays of shape (slots,)."""

    batch: int
    vins: NDArray[np.bytes_]
    links: NDArray[np.bytes_]
    values: dict[str, NDArray[Any]]
    missing: dict[str, NDArray[np.bool_]]


class Live:
    """The arrays, and the batch they stand at. They and `index` change under `lock` only."""

    def __init__(self, index: TextIndex) -> None:
        self.lock = threading.Lock()
        self.index = index
        self.batch = 0
        self.changes = 0
        self._links = TextIndex(LINK_BYTES_MAX, LINKS_MAX)
        self._values = {c.name: _full(c, 0) for c in _CARRIED}
        self._values |= {n: np.zeros(0, t) for n, t in _OWN.items()}
        self._missing = {c.name: np.zeros(0, np.bool_) for c in _CARRIED if c.missing}
        self._missing |= {n: np.zeros(0, np.bool_) for n in _OWN_MISSING}
        self._group_at = {bit: np.zeros(0, np.uint32) for bit in GROUPS}
        self._room(_FIRST_ROOM)

    def reports(self, slots: Slots, rows: Columns) -> None:
        """Apply rows of vehicle_report, in order of arrival. Call with `lock` held."""
        self._room(len(self.index))
        at = np.asarray(rows.values["device_at"]).astype(np.uint32, copy=False)
        arrived = received_ms(rows)
        reissued = _or_zeros(rows, "reissued", np.uint8)
        blocks = _or_zeros(rows, "blocks", np.uint32)
        kernels.count(
            slots, arrived, self._values["report_count"], self._values["first_received_at"]
        )
        for bit, columns in GROUPS.items():
            newest = kernels.winners(
                slots, at, arrived, reissued, blocks, bit, CLOCK_AHEAD_S_MAX, self._group_at[bit]
            )
            if len(newest):
                if bit == facts.BLOCK_VEHICLE:
                    self._charges(newest, slots, at, rows)
                for column in columns:
                    self._put(column, newest, slots, rows)
        self.changes += rows.rows

    def events(self, slots: Slots, rows: Columns) -> None:
        """Apply rows of link_event: the newest login or logout. Call with `lock` held."""
        self._room(len(self.index))
        at = np.asarray(rows.values["device_at"]).astype(np.uint32, copy=False)
        newest = kernels.sessions(
            slots,
            at,
            received_ms(rows),
            np.asarray(rows.values["command"]).astype(np.uint8, copy=False),
            self._values["event"],
            self._values["event_at"],
        )
        # A vehicle that has only logged in yet is known by its login.
        silent = newest[self._values["report_count"][slots[newest]] == 0]
        for column in GROUPS[_ANY]:
            self._put(column, silent, slots, rows)
        self.changes += len(newest)

    def picture(self) -> Picture:
        """Return a copy of everything. Call with `lock` held."""
        count = len(self.index)
        self._room(count)
        return Picture(
            self.batch,
            self.index.texts().copy(),
            self._links.texts().copy(),
            {n: v[:count].copy() for n, v in self._values.items()},
            {n: m[:count].copy() for n, m in self._missing.items()},
        )

    def restore(self, slots: Slots, rows: Columns) -> None:
        """Set the state of `slots` to rows of vehicle_latest. Call with `lock` held."""
        self._room(len(self.index))
        kept = np.flatnonzero(slots >= 0)  # the limit of things may have been lowered
        slots, rows = slots[kept], rows.take(kept)
        for name, values in rows.values.items():
            if name == "link":
                self._values[name][slots] = self._links.slots(values)
            elif name in self._values:
                self._values[name][slots] = np.asarray(values)
        for name, mask in rows.missing.items():
            if name in self._missing:
                self._missing[name][slots] = mask
        for group_at in self._group_at.values():
            group_at[slots] = np.asarray(rows.values["device_at"])
        state = self._values["charge_state"][slots]
        unknown = np.where(np.isin(state, (3, 4)), 0, kernels.CHARGING_UNKNOWN)
        self._values["charging"][slots] = np.where(np.isin(state, (1, 2)), 1, unknown)

    def _put(self, column: Column, newest: Slots, slots: Slots, rows: Columns) -> None:
        name, live = column.name, self._values[column.name]
        if name not in rows.values:
            kernels.fill(newest, slots, column.blank, live)
            if name in self._missing:
                kernels.fill(newest, slots, True, self._missing[name])
            return
        values = rows.values[name]
        if name == "link":
            kernels.put(newest, slots, self._links.slots(values), live)
            return
        kernels.put(newest, slots, np.asarray(values), live)
        if name in self._missing:
            mask = rows.missing.get(name)
            if mask is None:
                kernels.fill(newest, slots, False, self._missing[name])
            else:
                kernels.put(newest, slots, mask, self._missing[name])

    def _charges(self, newest: Slots, slots: Slots, at: NDArray[np.uint32], rows: Columns) -> None:
        if "charge_state" not in rows.values:
            return
        values, missing = self._values, self._missing
        none = np.ones(rows.rows, np.bool_)
        mask = rows.missing.get("soc_pct", ~none) if "soc_pct" in rows.values else none
        kernels.charges(
            newest,
            slots,
            at,
            _or_zeros(rows, "charge_state", np.uint8),
            _or_zeros(rows, "soc_pct", np.uint8),
            mask,
            values["charging"],
            values["charge_start_at"],
            values["charge_start_soc_pct"],
            missing["charge_start_soc_pct"],
        )

    def _room(self, slots: int) -> None:
        room = len(self._values["report_count"])
        if slots <= room:
            return
        room = max(slots, 2 * room, _FIRST_ROOM)
        for column in _CARRIED:
            self._values[column.name] = _grown(self._values[column.name], _full(column, room))
        for name, kind in _OWN.items():
            blank = kernels.CHARGING_UNKNOWN if name == "charging" else 0
            self._values[name] = _grown(self._values[name], np.full(room, blank, kind))
        for name, mask in self._missing.items():
            self._missing[name] = _grown(mask, np.ones(room, np.bool_))
        for bit, at in self._group_at.items():
            self._group_at[bit] = _grown(at, np.zeros(room, np.uint32))


def _full(column: Column, room: int) -> NDArray[Any]:
    kind = np.int32 if column.name == "link" else _TYPES[column.kind]
    return np.full(room, column.blank, kind)


def _grown(old: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    new[: len(old)] = old
    return new


def _or_zeros(rows: Columns, name: str, kind: Any) -> NDArray[Any]:
    if name not in rows.values:
        return np.zeros(rows.rows, kind)
    return np.asarray(rows.values[name]).astype(kind, copy=False)
