"""A recording as frames of GB/T 32960, exact to the step of the wire.

Only what was recorded is sent: a block of which nothing is known is left out, a value that is
missing goes as the marker "invalid" (FF..), one that the field cannot hold as "abnormal" (FE..).
Nothing is clipped. Both are counted by column, as is what was recorded finer than the wire's step.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960 import fields
from millbrain.connect.gbt32960.simulator.fleet import Model
from millbrain.connect.gbt32960.simulator.grid import (
    FRAME_CELLS_MAX,
    TIME_BYTES,
    UNIT_AT,
    Layout,
    Slot,
    six_bytes,
    write_checks,
)
from millbrain.connect.gbt32960.simulator.readings import Recording
from millbrain.connect.gbt32960.simulator.spellings import CELLS, PROBES
from millbrain.connect.gbt32960.simulator.stream import LOGIN, LOGOUT, session_frames
from millbrain.core import facts
from millbrain.core.errors import SettingsError
from millbrain.core.wire import ABNORMAL, INVALID, Field

REALTIME: Final = 0x02
REISSUE: Final = 0x03
CHUNK_ROWS: Final = 4096  # reports encoded at once
_AT_COMMAND: Final = 2
_KEPT: Final = frozenset(("sub", "cells_total", "start"))  # written in the template
_PACK_CELLS_MAX: Final = {fields.EDITION_2016: 2 * FRAME_CELLS_MAX, fields.EDITION_2025: 65_531}
_FINER: Final = 0.01  # of a step: a recorded value so far from the wire's is finer than it
_MARK_STEPS: Final = 2  # the two highest numbers of a field with markers are the markers


class Recorded:
    """Makes the frames of one recording.

    Parameters
    ----------
    found
        What was recorded.
    vin
        Under which identification it is sent, at most 17 ASCII characters.
    edition
        2016 or 2025.
    packs
        Packs in parallel, among which cells and probes are divided in order.
    command
        `REALTIME` or `REISSUE`.

    Raises
    ------
    SettingsError
        The cells or probes cannot be divided so, or a pack has more cells than two frames hold.
    """

    def __init__(
        self, found: Recording, vin: str, *, edition: int = fields.EDITION_2016, packs: int = 1,
        command: int = REALTIME,
    ) -> None:  # fmt: skip
        self.found = found
        self.vin = np.frombuffer(vin.encode("ascii").ljust(17, b"\0"), np.uint8)
        self.edition = edition
        self.tally: Counter[tuple[str, str]] = Counter()
        model = _model(found, edition, packs)
        split = edition == fields.EDITION_2016 and model.cells > FRAME_CELLS_MAX
        self._layouts = [Layout(model, part, _kinds(found, edition)) for part in range(1 + split)]
        self._templates = [_template(layout, self.vin, command) for layout in self._layouts]

    @property
    def frames_per_report(self) -> int:
        """2 where the cells of a pack need a second frame (32960.3-2016 annex B), else 1."""
        return len(self._layouts)

    def encode(self, first: int, last: int) -> NDArray[np.uint8]:
        """Return the frames of the reports first to last - 1, one report a row, uint8 (n, size)."""
        parts = [
            self._write(layout, template, first, last)
            for layout, template in zip(self._layouts, self._templates, strict=True)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def chunks(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield (number of the first report, frames as of `encode`) over the whole recording."""
        for first in range(0, len(self.found), CHUNK_ROWS):
            yield first, self.encode(first, min(first + CHUNK_ROWS, len(self.found)))

    def session(self, *, is_login: bool) -> bytes:
        """Return the login dated as the first report, or the logout dated as the last."""
        at = self.found.device_s[:1] if is_login else self.found.device_s[-1:]
        command = LOGIN if is_login else LOGOUT
        frames = session_frames(self.edition, command, self.vin[None, :], at, np.ones(1, np.int64))
        return frames.tobytes()

    def _write(
        self, layout: Layout, template: NDArray[np.uint8], first: int, last: int
    ) -> NDArray[np.uint8]:
        rows = np.repeat(template[None, :], last - first, axis=0)
        rows[:, UNIT_AT : UNIT_AT + TIME_BYTES] = six_bytes(self.found.device_s[first:last])
        for slot in layout.slots.values():
            name = _source(slot, layout.model.packs)
            if name is None:
                continue
            raw = self._position(first, last) if name == "position_state" else self._raw(
                slot.field, name, self.found.values.get(name), first, last
            )  # fmt: skip
            _put(rows, slot.offset, slot.field.width, raw)
        self._lists(layout, rows, first, last)
        write_checks(rows)
        return rows

    def _lists(self, layout: Layout, rows: NDArray[np.uint8], first: int, last: int) -> None:
        model, start = layout.model, layout.part * FRAME_CELLS_MAX
        for path, span in layout.spans.items():
            kind, pack = path.rpartition(".")[2], path.split(".")[1]
            if kind == "cells_v":
                width, name, source = 2, CELLS, self.found.cells_mv
                at = int(pack) * model.cells + start
            elif kind == "temps_c":
                width, name, source = 1, PROBES, self.found.temps_degc
                at = int(pack) * model.probes
            else:
                continue
            field = _ITEM[name]
            raw = self._raw(field, name, source[:, at : at + span.count], first, last)
            _put(rows, span.offset, width, raw)

    def _raw(
        self, field: Field, name: str, values: NDArray[Any] | None, first: int, last: int
    ) -> NDArray[np.uint32]:
        """Return raw numbers; what is missing or does not fit becomes a marker and is counted."""
        blank = INVALID[field.wire] if field.marks else 0
        if values is None:
            return np.full(last - first, blank, np.uint32)
        here = values[first:last].astype(np.float64)
        here = abs(here) if field.unit == "deg" else here  # the hemispheres are bits of their own
        exact = (here - field.shift) * (field.column_per or field.per)
        raw = np.rint(exact)
        missing = np.isnan(here)
        high = field.high if field.high >= 0 else 256**field.width - 1 - _MARK_STEPS * field.marks
        outside = ~missing & ((raw < field.low) | (raw > high))
        if field.column == name:  # a pack's voltage repeats the vehicle's, and counts once
            self._count(name, "invalid", missing)
            self._count(name, "abnormal", outside)
            self._count(name, "finer", ~missing & ~outside & (abs(raw - exact) > _FINER))
        raw = np.where(outside, ABNORMAL[field.wire] if field.marks else 0, raw)
        return np.where(missing, blank, raw).astype(np.uint32)

    def _count(self, name: str, what: str, mask: NDArray[np.bool_]) -> None:
        count = int(np.count_nonzero(mask))
        if count:
            self.tally[name, what] += count

    def _position(self, first: int, last: int) -> NDArray[np.uint32]:
        """Return the position byte: bit 0 invalid, 1 south, 2 west (32960.3-2016 table 15)."""
        lon, lat = (self.found.values[n][first:last] for n in ("longitude_deg", "latitude_deg"))
        bits = np.isnan(lon + lat) | (lat < 0) * 2 | (lon < 0) * 4
        return np.asarray(bits, np.uint32)


def _source(slot: Slot, packs: int) -> str | None:
    """Return the quantity that fills a slot, "" for one that nobody records, None to leave it."""
    key, column = slot.path.rpartition(".")[2], slot.field.column
    if key in _KEPT or (key == "no" and slot.path.startswith("motors")):
        return None
    if column == "pack_voltage_v":
        return "voltage_v"
    if column == "pack_current_a":
        return "current_a" if packs == 1 else ""  # how it divides is not known
    return column


def _put(rows: NDArray[np.uint8], at: int, width: int, raw: NDArray[np.uint32]) -> None:
    """Write raw numbers, shape (n,) or (n, count), big-endian at an offset."""
    lists = raw.reshape(len(raw), -1)
    words = np.ascontiguousarray(lists.astype(f">u{width}")).view(np.uint8)
    rows[:, at : at + width * lists.shape[1]] = words.reshape(len(raw), -1)


def _model(found: Recording, edition: int, packs: int) -> Model:
    cells, probes = found.cells_mv.shape[1], found.temps_degc.shape[1]
    if packs < 1 or cells % packs or probes % packs:
        raise SettingsError(
            f"{cells} cells and {probes} probes cannot be divided among {packs} packs; "
            "allowed is a number of packs that divides both"
        )
    most = _PACK_CELLS_MAX[edition]
    if cells // packs > most:
        raise SettingsError(
            f"{cells // packs} cells a pack; at most {most} go into the frames of edition {edition}"
        )
    motors = any(name.startswith("motor_") for name in found.values)
    return Model(
        "R", "recorded", "", 0.0, edition, "", cells // packs, probes // packs, 0.0, 0.0, 0.0, 0.0,
        0.0, 0.0, 0.0, packs=packs, motors=int(motors),
    )  # fmt: skip


def _kinds(found: Recording, edition: int) -> tuple[int, ...]:
    """Return the types of the blocks that something was recorded for, in the order of the table."""
    known = set(found.values)
    wanted = {
        facts.BLOCK_VEHICLE: True,
        facts.BLOCK_MOTOR: any(name.startswith("motor_") for name in known),
        facts.BLOCK_POSITION: {"longitude_deg", "latitude_deg"} <= known,
        facts.BLOCK_EXTREMES: bool(known & _EXTREMES),
        facts.BLOCK_ALARM: bool(known & {"alarm_level", "alarm_flags"}),
        facts.BLOCK_CELLS: found.cells_mv.shape[1] > 0,
        facts.BLOCK_TEMPS: found.temps_degc.shape[1] > 0,
    }
    return tuple(
        block.type for block in fields.BLOCKS.values()
        if block.edition == edition and wanted.get(block.block, False)
    )  # fmt: skip


def _template(layout: Layout, vin: NDArray[np.uint8], command: int) -> NDArray[np.uint8]:
    template = layout.template.copy()
    template[_AT_COMMAND] = command
    template[4:21] = vin
    return template


_EXTREMES: Final = frozenset(("cell_max_mv", "cell_min_mv", "temp_max_degc", "temp_min_degc"))
_ITEM: Final = {CELLS: fields.CELL, PROBES: fields.PROBE}
