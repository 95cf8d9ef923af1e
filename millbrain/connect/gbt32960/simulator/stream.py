"""A city's frames in the order that a platform link sends them: by rounds, then by cohorts."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960 import fields
from millbrain.connect.gbt32960.framing import build_frame
from millbrain.connect.gbt32960.simulator.cohort import City, Cohort, Snapshot
from millbrain.connect.gbt32960.simulator.faults import ByteFaults, ValueFaults, check_kinds
from millbrain.connect.gbt32960.simulator.fleet import Weak
from millbrain.connect.gbt32960.simulator.grid import (
    HEAD_BYTES,
    TIME_BYTES,
    Grid,
    layouts_of,
    six_bytes,
    write_checks,
)
from millbrain.connect.gbt32960.simulator.weak import WeakCells

LOGIN: Final = 0x01
LOGOUT: Final = 0x04
_SERIAL_AT: Final = HEAD_BYTES + TIME_BYTES
_ICCID_BYTES: Final = 20

Piece = memoryview | bytes


@dataclass(frozen=True, slots=True)
class Habits:
    """How the stream behaves.

    sleep: parked vehicles fall silent after two minutes, as terminals do. logins: a vehicle that
    wakes sends a login and one that falls silent a logout. faults: kind -> share. weak: serial ->
    what is wrong with that vehicle, `weak_since_s` as in `WeakCells`.
    """

    sleep: bool = True
    logins: bool = True
    faults: Mapping[str, float] = field(default_factory=dict)
    weak: Mapping[int, Weak] = field(default_factory=dict)
    weak_since_s: float = 0.0


class Reporter:
    """One cohort and what it takes to turn its snapshots into bytes."""

    def __init__(self, cohort: Cohort, grids: list[Grid], habits: Habits, seed: int) -> None:
        self.cohort = cohort
        self._grids = grids
        self._habits = habits
        seeds = [seed, int(cohort.serials[0])]
        self._values = ValueFaults(cohort.model, cohort.size, habits.faults, [*seeds, 7])
        self._weak = WeakCells(cohort.model, cohort.serials, habits.weak, habits.weak_since_s)
        self._bytes = [ByteFaults(cohort.size, habits.faults, [*seeds, 8]) for _ in grids]
        self._session = np.zeros(cohort.size, np.int64)
        self._first = True

    def report(self, at_s: float, step_s: float, tally: Counter[str]) -> Iterator[Piece]:
        """Move the cohort on and yield its bytes; each piece is valid until the next is asked for.

        at_s: seconds since 1970; step_s: since the last call. tally: counts what is sent.
        """
        snapshot = self.cohort.advance(at_s, step_s)
        self._weak.apply(snapshot, at_s)
        self._values.apply(snapshot, at_s)
        everyone = not self._habits.sleep
        who = np.arange(self.cohort.size) if everyone else np.flatnonzero(snapshot.awake)
        if self._habits.logins:
            woke = snapshot.awake if self._first else snapshot.woke
            self._session[woke] = self._session[woke] % 65_531 + 1
            yield from self._sessions(snapshot, woke, LOGIN, tally)
        self._first = False
        for grid, faults in zip(self._grids, self._bytes, strict=True):
            rows = grid.write(snapshot)
            yield from faults.pass_on(rows if everyone else rows[who], who, at_s, tally)
        if self._habits.logins:
            yield from self._sessions(snapshot, snapshot.slept, LOGOUT, tally)

    def _sessions(
        self, snapshot: Snapshot, who: NDArray[np.bool_], command: int, tally: Counter[str]
    ) -> Iterator[bytes]:
        rows = np.flatnonzero(who)
        if len(rows):
            tally["frames"] += len(rows)
            tally["commands"] += len(rows)
            yield session_frames(
                self.cohort.model.edition, command, snapshot.vin[rows], snapshot.device_s[rows],
                self._session[rows],
            ).tobytes()  # fmt: skip


def session_frames(
    edition: int, command: int, vin: NDArray[np.uint8], device_s: NDArray[np.int64],
    serial: NDArray[np.int64],
) -> NDArray[np.uint8]:  # fmt: skip
    """Return vehicle logins (01, without pack codes) or logouts (04), uint8 (n, size).

    vin: uint8 (n, 17). serial: 1 to 65531. 32960.3-2016 tables 6 and 20; the 2025 login counts its
    battery management systems where the 2016 one counts packs and the length of a code.
    """
    tail = 0 if command == LOGOUT else _ICCID_BYTES + (2 if edition == fields.EDITION_2016 else 1)
    unit = bytearray(TIME_BYTES + 2 + tail)
    if command == LOGIN:
        unit[TIME_BYTES + 2 : TIME_BYTES + 2 + _ICCID_BYTES] = b"0" * _ICCID_BYTES
    template = build_frame(edition, command, fields.FLAG_COMMAND, "", bytes(unit))
    rows = np.repeat(np.frombuffer(template, np.uint8)[None, :], len(vin), axis=0)
    rows[:, 4:21] = vin
    rows[:, HEAD_BYTES : HEAD_BYTES + TIME_BYTES] = six_bytes(device_s)
    rows[:, _SERIAL_AT] = serial >> 8
    rows[:, _SERIAL_AT + 1] = serial & 255
    if command == LOGIN:  # the ICCID of an invented card: zeros, then the digits of the VIN
        rows[:, _SERIAL_AT + 16 : _SERIAL_AT + 22] = vin[:, 11:]
    write_checks(rows)
    return rows


def reporters_of(city: City, habits: Habits, seed: int = 1) -> list[Reporter]:
    """Return a reporter per cohort, in the city's order; cohorts of a model share their buffers.

    Raises
    ------
    ValueError
        A kind of fault is unknown or its share is outside 0 to 1.
    """
    check_kinds(habits.faults)
    grids: dict[str, list[Grid]] = {}
    for model in {c.model.letter: c.model for c in city.cohorts}.values():
        rows_max = max(c.size for c in city.cohorts if c.model is model)
        grids[model.letter] = [Grid(layout, rows_max) for layout in layouts_of(model)]
    return [Reporter(c, grids[c.model.letter], habits, seed) for c in city.cohorts]
