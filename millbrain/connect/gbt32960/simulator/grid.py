"""Frames as a grid: rows of one layout, one uint8 row a frame, written column by column.

`Layout` walks the declared blocks once for a vehicle model and notes where each value stands; a
`Grid` then writes thousands of frames in a handful of passes. A pack of more than 200 cells makes
two layouts in edition 2016: the second frame carries the rest (32960.3-2016 annex B).

::

    ## cmd FE vin(17) 01 len(2) | time(6) blocks ... | bcc
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.connect.gbt32960 import fields
from millbrain.connect.gbt32960.simulator.cohort import SIGNALS, Snapshot
from millbrain.connect.gbt32960.simulator.fleet import Model
from millbrain.core import facts
from millbrain.core.times import BEIJING_OFFSET_S, six_from_epoch
from millbrain.core.wire import Block, Field, Group, Part

HEAD_BYTES: Final = 24
UNIT_AT: Final = 24
TIME_BYTES: Final = 6
_SPAN_S: Final = 120
FRAME_CELLS_MAX: Final = 200  # cells of one pack in one frame, 2016 annex B
_START: Final = {edition: start for start, edition in fields.START_BYTES.items()}
_PREFIX: Final = {
    facts.BLOCK_VEHICLE: "vehicle", facts.BLOCK_MOTOR: "motors", facts.BLOCK_POSITION: "position",
    facts.BLOCK_EXTREMES: "extremes", facts.BLOCK_ALARM: "alarms", facts.BLOCK_CELLS: "cells",
    facts.BLOCK_TEMPS: "temps",
}  # fmt: skip
_TYPES: Final = {2016: (1, 2, 5, 6, 7, 8, 9), 2025: (1, 2, 5, 6, 7, 8)}
_SAME: Final = {  # warehouse columns whose signal has another name here
    "pack_voltage_v": "voltage_v", "motor_voltage_v": "voltage_v",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one number stands: path such as ``packs.0.v``, byte offset in the frame, its field."""

    path: str
    offset: int
    field: Field


@dataclass(frozen=True, slots=True)
class Span:
    """Where a list of equal numbers stands: path, byte offset of the first, how many."""

    path: str
    offset: int
    count: int


class Layout:
    """Where everything stands in the frames of one model.

    part: 0 for the frame with all blocks, 1 for the second half of a split pack. kinds: types of
    the blocks of part 0 in order; None = all that the simulator sends.
    """

    def __init__(self, model: Model, part: int = 0, kinds: tuple[int, ...] | None = None) -> None:
        self.model = model
        self.part = part
        self.slots: dict[str, Slot] = {}
        self.spans: dict[str, Span] = {}
        self.cells_here = _cells_in(model, part)
        body = bytearray()
        counts = self._counts()
        for kind in (_TYPES[model.edition] if kinds is None else kinds) if part == 0 else (8,):
            block = fields.BLOCKS[model.edition, kind]
            prefix = _PREFIX[block.block]
            if prefix == "motors" and not model.motors:
                continue
            body.append(kind)
            self._walk(block.parts, "" if block.rows else f"{prefix}.", block, counts, body)
        self.template = self._frame(bytes(body))
        self.size = len(self.template)

    def _counts(self) -> Mapping[str, int]:
        model = self.model
        return {
            "motors": model.motors, "cells": model.packs, "temps": model.packs,
            "cells_v": self.cells_here, "temps_c": model.probes,
        }  # fmt: skip

    def _walk(
        self, parts: tuple[Part, ...], prefix: str, block: Block, counts: Mapping[str, int],
        body: bytearray,
    ) -> None:  # fmt: skip
        """Note each number's place and append its bytes, zero but for the counts."""
        for part in parts:
            if isinstance(part, Field):
                path = prefix + part.key
                self.slots[path] = Slot(path, UNIT_AT + TIME_BYTES + len(body), part)
                body += bytes(part.width)
            elif isinstance(part, Group):
                self._walk(part.fields, f"{prefix}{part.key}.", block, counts, body)
            else:
                rows = not prefix and block.rows
                key = _PREFIX[block.block] if rows else part.key
                count = counts.get(key, 0)
                body += count.to_bytes(part.count.width, "big")
                if isinstance(part.item, Field):
                    path = prefix + key
                    self.spans[path] = Span(path, UNIT_AT + TIME_BYTES + len(body), count)
                    body += bytes(part.item.width * count)
                    continue
                for i in range(count):
                    self._walk(part.item, f"{prefix}{key}.{i}.", block, counts, body)

    def _frame(self, body: bytes) -> NDArray[np.uint8]:
        unit = bytes(TIME_BYTES) + body
        head = _START[self.model.edition] + bytes((0x02, fields.FLAG_COMMAND)) + bytes(17)
        frame = head + b"\x01" + len(unit).to_bytes(2, "big") + unit + b"\x00"
        template = np.frombuffer(frame, np.uint8).copy()
        for path, value in self._constants():
            slot = self.slots[path]
            raw = int(value).to_bytes(slot.field.width, "big")
            template[slot.offset : slot.offset + slot.field.width] = np.frombuffer(raw, np.uint8)
        return template

    def _constants(self) -> Iterator[tuple[str, int]]:
        """Yield the raw numbers that never change: pack and motor numbers, cells of the pack."""
        for path in self.slots:
            key = path.rpartition(".")[2]
            if path == "vehicle.mode" or path == "position.sys":
                yield path, 1
            elif key in ("sub", "no") and not path.startswith("extremes"):
                yield path, int(path.split(".")[1]) + 1
            elif key == "cells_total":
                yield path, self.model.cells
            elif key == "start":
                yield path, 1 + self.part * FRAME_CELLS_MAX

    def moving(self) -> list[tuple[Slot, int]]:
        """Return the slots that a signal fills, each with the signal's column."""
        found = []
        for slot in self.slots.values():
            name = _SAME.get(slot.field.column, slot.field.column)
            if name in SIGNALS:
                found.append((slot, SIGNALS.index(name)))
        return found


def _cells_in(model: Model, part: int) -> int:
    if model.edition == fields.EDITION_2025:
        return model.cells
    return min(model.cells - part * FRAME_CELLS_MAX, FRAME_CELLS_MAX)


def layouts_of(model: Model) -> list[Layout]:
    """Return the layouts that together carry one report: two for a split pack, else one."""
    split = model.edition == fields.EDITION_2016 and model.cells > FRAME_CELLS_MAX
    return [Layout(model, part) for part in range(2 if split else 1)]


class Grid:
    """Writes the frames of one layout, up to `rows_max` at once, into one buffer that is reused."""

    def __init__(self, layout: Layout, rows_max: int) -> None:
        self.layout = layout
        self._rows = np.repeat(layout.template[None, :], rows_max, axis=0)
        moving = layout.moving()
        self._offsets = np.array([s.offset for s, _ in moving], np.int64)
        self._widths = np.array([s.field.width for s, _ in moving], np.int64)
        self._columns = np.array([c for _, c in moving], np.int64)
        self._per = np.array([s.field.per for s, _ in moving], np.float64)
        self._shift = np.array([s.field.shift for s, _ in moving], np.float64)
        self._high = np.array([_highest(s.field) for s, _ in moving], np.float64)
        self._cell_at = self._places("cells_v")
        self._temp_at = self._places("temps_c")
        extremes = layout.slots.get("extremes.vmax.pack")
        self._extremes_at = extremes.offset if extremes else -1

    def _places(self, key: str) -> NDArray[np.int64]:
        spans = [s for path, s in self.layout.spans.items() if path.endswith("." + key)]
        return np.array([s.offset for s in spans], np.int64)

    def write(self, snapshot: Snapshot) -> NDArray[np.uint8]:
        """Write a frame a vehicle and return them, uint8 (n, size), valid until the next call."""
        layout, model = self.layout, self.layout.model
        rows = self._rows[: len(snapshot.vin)]
        rows[:, 4:21] = snapshot.vin
        rows[:, UNIT_AT : UNIT_AT + TIME_BYTES] = six_bytes(snapshot.device_s)
        _write_numbers(rows, snapshot.signals, self._columns, self._offsets, self._widths,
                       self._per, self._shift, self._high)  # fmt: skip
        first = layout.part * FRAME_CELLS_MAX
        for k, at in enumerate(self._cell_at):
            start = k * model.cells + first
            _write_words(rows, at, snapshot.cells_mv[:, start : start + layout.cells_here])
        for k, at in enumerate(self._temp_at):
            temps = snapshot.temps_degc[:, k * model.probes : (k + 1) * model.probes]
            _write_temps(rows, at, temps)
        if self._extremes_at >= 0:
            _write_extremes(rows, self._extremes_at, snapshot.cells_mv, model.cells, 2, 0)
            _write_extremes(rows, self._extremes_at + 8, snapshot.temps_degc, model.probes, 1, 40)
        write_checks(rows)
        return rows


def _highest(field: Field) -> float:
    return float(field.high if field.high >= 0 else 256**field.width - 1)


def six_bytes(device_s: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return YY MM DD hh mm ss of each instant, Beijing time, uint8 (n, 6).

    The instants of a cohort lie within seconds of each other unless clocks are wrong, so each
    second is written once and looked up.
    """
    first = int(device_s.min())
    ahead = (device_s - first).astype(np.int32)
    if ahead.max() < _SPAN_S:
        known = b"".join(six_from_epoch(first + k) for k in range(int(ahead.max()) + 1))
        return np.frombuffer(known, np.uint8).reshape(-1, TIME_BYTES)[ahead]
    local = (device_s + BEIJING_OFFSET_S).astype("M8[s]")
    year, month, day = (local.astype(f"M8[{unit}]") for unit in "YMD")
    clock = (local - day).astype(np.int64)
    return np.stack((
        (year.astype(np.int64) + 70) % 100, (month - year).astype(np.int64) + 1,
        (day - month).astype(np.int64) + 1, clock // 3600, clock // 60 % 60, clock % 60,
    ), axis=1).astype(np.uint8)  # fmt: skip


@njit(cache=True, nogil=True)
def _write_numbers(
    rows: Any, signals: Any, columns: Any, offsets: Any, widths: Any, per: Any, shift: Any,
    high: Any,
) -> None:  # fmt: skip
    """Write raw = (value - shift) * per, rounded and kept in range, big-endian."""
    for i in range(len(rows)):
        row, line = rows[i], signals[i]
        for f in range(len(columns)):
            value = (line[columns[f]] - shift[f]) * per[f] + 0.5
            raw = np.uint32(min(max(value, 0.0), high[f]))
            at = offsets[f]
            if widths[f] == 4:
                row[at] = raw >> 24
                row[at + 1] = raw >> 16
                at += 2
            if widths[f] > 1:
                row[at] = raw >> 8
                at += 1
            row[at] = raw


@njit(cache=True, nogil=True)
def _write_words(rows: Any, at: int, words: Any) -> None:
    width = words.shape[1]
    for i in range(len(rows)):
        line, out = words[i], rows[i, at : at + 2 * width]
        for j in range(width):
            out[2 * j] = line[j] >> 8
            out[2 * j + 1] = line[j] & 255


@njit(cache=True, nogil=True)
def _write_temps(rows: Any, at: int, temps: Any) -> None:
    width = temps.shape[1]
    for i in range(len(rows)):
        line, out = temps[i], rows[i, at : at + width]
        for j in range(width):
            out[j] = min(max(line[j] + 40, 0), 250)


@njit(cache=True, nogil=True)
def _write_extremes(rows: Any, at: int, values: Any, of_pack: int, width: int, shift: int) -> None:
    """Write pack, number and value of the highest and the lowest; the first where several tie."""
    for i in range(len(rows)):
        line = values[i]
        top, low = line[0], line[0]
        for j in range(len(line)):
            top = max(top, line[j])
            low = min(low, line[j])
        out = at
        for wanted in (top, low):
            j = 0
            while line[j] != wanted:
                j += 1
            rows[i, out] = j // of_pack + 1
            rows[i, out + 1] = j % of_pack + 1
            raw = np.int64(wanted) + shift
            if width == 2:
                rows[i, out + 2] = raw >> 8
            rows[i, out + 1 + width] = raw & 255
            out += 2 + width


@njit(cache=True, nogil=True)
def write_checks(rows: Any) -> None:
    """Write each row's last byte: the exclusive or of bytes 2 to the one before it."""
    size = rows.shape[1]
    for i in range(len(rows)):
        checked = rows[i, 2 : size - 1]
        check = np.uint8(0)
        for j in range(len(checked)):
            check = np.uint8(check ^ checked[j])  # kept at one byte, or the loop is not vectorised
        rows[i, size - 1] = check
