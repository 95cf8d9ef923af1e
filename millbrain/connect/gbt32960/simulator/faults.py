"""What goes wrong on request: in the values that a vehicle reports, and in the bytes on their way.

A share of the fleet has each fault of values (the same vehicles for the same seed); a share of the
frames suffers each fault of bytes. `tally` counts what was sent, so that a test can compare it with
the intake ledger.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960 import fields
from millbrain.connect.gbt32960.simulator.cohort import SIGNALS, Snapshot
from millbrain.connect.gbt32960.simulator.fleet import Model
from millbrain.connect.gbt32960.simulator.grid import UNIT_AT, write_checks

VALUE_FAULTS: Final[Mapping[str, str]] = {
    "cell_drift": "one cell falls behind the others, 20 mV an hour",
    "sense_wire": "one cell reads 80 mV high and its neighbour 80 mV low",
    "stuck_cell": "one cell's reading no longer changes",
    "stuck_probe": "one temperature probe reads 25 degC for ever",
    "thermal_event": "a probe runs away within minutes and the event alarm comes up",
    "clock_skew": "the terminal's clock is minutes or hours wrong",
}
BYTE_FAULTS: Final[Mapping[str, str]] = {
    "duplicate": "the same frame twice",
    "bad_bcc": "a wrong check byte",
    "truncated": "a frame that ends in the middle",
    "garbage": "bytes that are no frame, before a good one",
    "unknown_block": "a block type that no table of the standard has, after good blocks",
    "outage": "frames held back for a minute and sent as reissue (03)",
}
REISSUE: Final = 0x03
OUTAGE_S: Final = 60
_DRIFT_MV_S: Final = 20 / 3600
_WIRE_MV: Final = 80
_RUNAWAY_DEGC_S: Final = 1.5
_SKEWS_S: Final = (-28_800, -3600, -300, 300, 3600, 28_800)
_UNKNOWN: Final = b"\x55\x01\x02\x03\x04\x05\x06"  # type 0x55 is reserved in both editions
_ALARM: Final = {  # edition -> level and flags of a thermal event
    fields.EDITION_2016: (3, 1 << 0 | 1 << 1),
    fields.EDITION_2025: (4, 1 << 1 | 1 << 23),  # GB/T 32960.3-2025: bit 23 is always level 4
}


def check_kinds(shares: Mapping[str, float]) -> None:
    """Refuse unknown kinds and shares outside 0 to 1.

    Raises
    ------
    ValueError
        Names what was found and what is allowed.
    """
    known = [*VALUE_FAULTS, *BYTE_FAULTS]
    for kind, share in shares.items():
        if kind not in known:
            raise ValueError(f"there is no fault {kind!r}; known are {', '.join(known)}")
        if not 0 <= share <= 1:
            raise ValueError(f"the share of {kind} is {share}; allowed is 0 to 1")


class ValueFaults:
    """Faults in what the vehicles of one cohort report."""

    def __init__(self, model: Model, size: int, shares: Mapping[str, float], seed: Any) -> None:
        rng = np.random.Generator(np.random.SFC64(seed))
        self.model = model
        self.rows: dict[str, NDArray[np.intp]] = {}
        self.cell = rng.integers(0, max(model.cells - 1, 1), size)
        self.probe = rng.integers(0, model.probes, size)
        self.delay_s = rng.uniform(20, 120, size)
        self.skew_s = rng.choice(_SKEWS_S, size)
        for kind in VALUE_FAULTS:
            hit = rng.random(size) < shares.get(kind, 0.0)
            if hit.any():
                self.rows[kind] = np.flatnonzero(hit)
        self._began_s: float | None = None
        self._stuck: NDArray[np.uint16] | None = None

    def apply(self, snapshot: Snapshot, at_s: float) -> None:
        """Change the snapshot in place; the faults begin with the first call."""
        if self._began_s is None:
            self._began_s = at_s
        since_s = at_s - self._began_s
        for kind, rows in self.rows.items():
            getattr(self, f"_{kind}")(snapshot, rows, since_s)

    def _cell_drift(self, snapshot: Snapshot, rows: NDArray[np.intp], since_s: float) -> None:
        cells, at = snapshot.cells_mv, self.cell[rows]
        lost = int(25 + since_s * _DRIFT_MV_S)
        cells[rows, at] = np.maximum(cells[rows, at].astype(np.int32) - lost, 500)

    def _sense_wire(self, snapshot: Snapshot, rows: NDArray[np.intp], since_s: float) -> None:
        snapshot.cells_mv[rows, self.cell[rows]] += _WIRE_MV
        snapshot.cells_mv[rows, self.cell[rows] + 1] -= _WIRE_MV

    def _stuck_cell(self, snapshot: Snapshot, rows: NDArray[np.intp], since_s: float) -> None:
        if self._stuck is None:
            self._stuck = snapshot.cells_mv[rows, self.cell[rows]].copy()
        snapshot.cells_mv[rows, self.cell[rows]] = self._stuck

    def _stuck_probe(self, snapshot: Snapshot, rows: NDArray[np.intp], since_s: float) -> None:
        snapshot.temps_degc[rows, self.probe[rows]] = 25

    def _thermal_event(self, snapshot: Snapshot, rows: NDArray[np.intp], since_s: float) -> None:
        rows = rows[self.delay_s[rows] <= since_s]
        hot_s = since_s - self.delay_s[rows]
        rise = np.minimum(hot_s * _RUNAWAY_DEGC_S, 150).astype(np.int16)
        snapshot.temps_degc[rows, self.probe[rows]] += rise
        cells = snapshot.cells_mv[rows, self.cell[rows]].astype(np.float64)
        cells *= np.clip(1 - hot_s / 120, 0.05, 1)
        snapshot.cells_mv[rows, self.cell[rows]] = cells.astype(np.uint16)
        level, flags = _ALARM[self.model.edition]
        snapshot.signals[rows, SIGNALS.index("alarm_level")] = level
        snapshot.signals[rows, SIGNALS.index("alarm_flags")] = flags

    def _clock_skew(self, snapshot: Snapshot, rows: NDArray[np.intp], since_s: float) -> None:
        snapshot.device_s = snapshot.device_s.copy()
        snapshot.device_s[rows] += self.skew_s[rows]


class ByteFaults:
    """Faults on the way of one cohort's frames; holds back what an outage delays."""

    def __init__(self, size: int, shares: Mapping[str, float], seed: Any) -> None:
        self._rng = np.random.Generator(np.random.SFC64(seed))
        self._kinds = [k for k in BYTE_FAULTS if k != "outage" and shares.get(k, 0) > 0]
        self._edges = np.cumsum([shares[k] for k in self._kinds])
        self._cut_off = self._rng.random(size) < shares.get("outage", 0.0)
        self._held: list[NDArray[np.uint8]] = []
        self._began_s: float | None = None

    def pass_on(
        self, frames: NDArray[np.uint8], who: NDArray[np.intp], at_s: float, tally: Counter[str]
    ) -> Iterator[memoryview | bytes]:
        """Yield the bytes to send for `frames`, uint8 (n, size), of the vehicles `who`, (n,)."""
        frames, late = self._through_outage(frames, who, at_s)
        for held in late:
            tally["frames"] += len(held)
            tally["reissued"] += len(held)
            yield held.tobytes()
        if not len(frames):
            return  # nobody of this layout is awake; an empty array has no bytes to view
        if not self._kinds:
            tally["frames"] += len(frames)
            yield np.ascontiguousarray(frames).data.cast("B")
            return
        draw = self._rng.random(len(frames))
        kind = np.searchsorted(self._edges, draw, "right")
        start = 0
        for row in np.flatnonzero(kind < len(self._kinds)).tolist():
            tally["frames"] += row - start
            yield frames[start:row].tobytes()
            yield self._spoil(frames[row].tobytes(), self._kinds[kind[row]], tally)
            start = row + 1
        tally["frames"] += len(frames) - start
        yield frames[start:].tobytes()

    def _through_outage(
        self, frames: NDArray[np.uint8], who: NDArray[np.intp], at_s: float
    ) -> tuple[NDArray[np.uint8], list[NDArray[np.uint8]]]:
        """Hold back cut-off vehicles every second minute; return what to send, and what is late."""
        if not self._cut_off.any():
            return frames, []
        if self._began_s is None:
            self._began_s = at_s
        if (at_s - self._began_s) // OUTAGE_S % 2:
            off = self._cut_off[who]
            self._held.append(frames[off].copy())
            return frames[~off], []
        late, self._held = self._held, []
        for held in late:
            held[:, 2] = REISSUE
            write_checks(held)
        return frames, late

    def _spoil(self, frame: bytes, kind: str, tally: Counter[str]) -> bytes:
        """Return the bytes that stand in for one frame."""
        tally[kind] += 1
        if kind == "bad_bcc":
            return frame[:-1] + bytes((frame[-1] ^ 0x5A,))
        if kind == "truncated":
            return frame[: int(self._rng.integers(UNIT_AT + 1, len(frame) - 1))]
        tally["frames"] += 2 if kind == "duplicate" else 1
        if kind == "duplicate":
            return frame * 2
        if kind == "garbage":
            junk = self._rng.integers(0x25, 0x100, 40, np.uint8).tobytes()  # never a start byte
            return junk + frame
        unit = frame[UNIT_AT:-1] + _UNKNOWN
        longer = frame[:22] + len(unit).to_bytes(2, "big") + unit + b"\0"
        row = np.frombuffer(longer, np.uint8).copy()[None, :]
        write_checks(row)
        return row.tobytes()
