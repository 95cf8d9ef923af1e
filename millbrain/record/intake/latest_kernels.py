"""The loops of the live state: which rows are the newest of their vehicle, and what they change."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.record.intake.identity import Slots

CHARGING_UNKNOWN = -1
_Rows = NDArray[np.int64]


@njit(cache=True, nogil=True)
def winners(
    slots: Slots,
    at: NDArray[np.uint32],
    received_ms: NDArray[np.int64],
    reissued: NDArray[np.uint8],
    blocks: NDArray[np.uint32],
    bit: int,
    ahead_s: int,
    newest: NDArray[np.uint32],
) -> _Rows:
    """Rows that carry block `bit` (-1: any row) and are the newest of their vehicle so far.

    Device time decides, except where the time held lies more than `ahead_s` ahead of the arrival
    of a live row: such a clock was wrong, and would freeze the picture until its day has come.
    """
    out = np.empty(len(slots), np.int64)
    count = 0
    for row in range(len(slots)):
        slot = slots[row]
        if slot < 0 or (bit >= 0 and not (blocks[row] >> np.uint32(bit)) & np.uint32(1)):
            continue
        held = np.int64(newest[slot])
        wrong = held > received_ms[row] // 1000 + ahead_s and reissued[row] == 0
        if np.int64(at[row]) >= held or wrong:
            newest[slot] = at[row]
            out[count] = row
            count += 1
    return out[:count]


@njit(cache=True, nogil=True)
def put(rows: _Rows, slots: Slots, values: NDArray[Any], live: NDArray[Any]) -> None:
    """Copy the values of `rows` to their slots, in order."""
    for row in rows:
        live[slots[row]] = values[row]


@njit(cache=True, nogil=True)
def fill(rows: _Rows, slots: Slots, value: int, live: NDArray[Any]) -> None:
    """Set the slots of `rows` to one value."""
    for row in rows:
        live[slots[row]] = value


@njit(cache=True, nogil=True)
def count(
    slots: Slots,
    received_ms: NDArray[np.int64],
    reports: NDArray[np.uint64],
    first_ms: NDArray[np.int64],
) -> None:
    """Count the rows by vehicle and keep the arrival of its first."""
    for row in range(len(slots)):
        slot = slots[row]
        if slot >= 0:
            if reports[slot] == 0:
                first_ms[slot] = received_ms[row]
            reports[slot] += np.uint64(1)


@njit(cache=True, nogil=True)
def charges(
    rows: _Rows,
    slots: Slots,
    at: NDArray[np.uint32],
    state: NDArray[np.uint8],
    soc_pct: NDArray[np.uint8],
    soc_missing: NDArray[np.bool_],
    charging: NDArray[np.int8],
    start_at: NDArray[np.uint32],
    start_soc_pct: NDArray[np.uint8],
    start_soc_missing: NDArray[np.bool_],
) -> None:
    """Note the start of a charge: a step from not charging (3, 4) to charging (1, 2).

    Abnormal and invalid states change nothing. A vehicle first seen charging has no known start.
    """
    for row in rows:
        slot = slots[row]
        now = state[row]
        if now == 1 or now == 2:
            if charging[slot] == 0:
                start_at[slot] = at[row]
                start_soc_pct[slot] = soc_pct[row]
                start_soc_missing[slot] = soc_missing[row]
            charging[slot] = 1
        elif now == 3 or now == 4:
            charging[slot] = 0


@njit(cache=True, nogil=True)
def sessions(
    slots: Slots,
    at: NDArray[np.uint32],
    received_ms: NDArray[np.int64],
    command: NDArray[np.uint8],
    event: NDArray[np.uint8],
    event_ms: NDArray[np.int64],
) -> _Rows:
    """Keep the newest login (1) or logout (4) of each vehicle; return the rows that were."""
    out = np.empty(len(slots), np.int64)
    used = 0
    for row in range(len(slots)):
        slot = slots[row]
        session = command[row] == 1 or command[row] == 4
        if slot >= 0 and session and received_ms[row] >= event_ms[slot]:
            event[slot] = command[row]
            event_ms[slot] = received_ms[row]
            out[used] = row
            used += 1
    return out[:used]
