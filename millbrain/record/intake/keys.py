"""Exact sets of identities (slot, device time, kind), for the few rows that need them."""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from millbrain.record.intake.identity import Slots
from millbrain.record.intake.newness import DUPLICATE, LATE

Codes = NDArray[np.uint64]
_EMPTY: Final = np.iinfo(np.int64).min
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def codes(at: NDArray[np.uint32], kind: NDArray[np.uint32]) -> Codes:
    """Pack device time and kind into one word."""
    return (at.astype(np.uint64) << np.uint64(32)) | kind.astype(np.uint64)


@njit(cache=True, nogil=True)
def _place(slot: int, code: np.uint64, table_slots: Slots, table_codes: Codes) -> np.uint64:
    """Where the identity stands, or the empty place where it would."""
    last = np.uint64(len(table_slots) - 1)
    mixed = (np.uint64(slot) * _MIX) ^ code
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _MIX
    place = (mixed ^ (mixed >> np.uint64(29))) & last
    while table_slots[place] != _EMPTY and (
        table_slots[place] != slot or table_codes[place] != code
    ):
        place = (place + np.uint64(1)) & last
    return place


@njit(cache=True, nogil=True)
def _add_all(slots: Slots, row_codes: Codes, table_slots: Slots, table_codes: Codes) -> None:
    for row in range(len(slots)):
        place = _place(slots[row], row_codes[row], table_slots, table_codes)
        table_slots[place] = slots[row]
        table_codes[place] = row_codes[row]


@njit(cache=True, nogil=True)
def _settle_within(
    slots: Slots,
    row_codes: Codes,
    verdict: NDArray[np.uint8],
    table_slots: Slots,
    table_codes: Codes,
) -> None:
    for row in range(len(slots)):
        if verdict[row] != DUPLICATE:
            place = _place(slots[row], row_codes[row], table_slots, table_codes)
            if table_slots[place] != _EMPTY:
                verdict[row] = DUPLICATE
            else:
                table_slots[place] = slots[row]
                table_codes[place] = row_codes[row]


@njit(cache=True, nogil=True)
def _settle_against(
    slots: Slots,
    row_codes: Codes,
    verdict: NDArray[np.uint8],
    table_slots: Slots,
    table_codes: Codes,
) -> None:
    for row in range(len(slots)):
        if verdict[row] == LATE:
            place = _place(slots[row], row_codes[row], table_slots, table_codes)
            if table_slots[place] != _EMPTY:
                verdict[row] = DUPLICATE


class KeySet:
    """The identities of one batch, or of an answer of the warehouse; hashed when first asked."""

    def __init__(self, slots: Slots, row_codes: Codes) -> None:
        self._slots = slots
        self._codes = row_codes
        self._table: tuple[Slots, Codes] | None = None

    def settle(self, slots: Slots, row_codes: Codes, verdict: NDArray[np.uint8]) -> None:
        """Mark the late rows whose identity is in the set as duplicates, in place."""
        if len(self._slots) == 0:
            return
        if self._table is None:
            self._table = _empty_table(len(self._slots))
            _add_all(self._slots, self._codes, *self._table)
        _settle_against(slots, row_codes, verdict, *self._table)


def settle_within(slots: Slots, row_codes: Codes, verdict: NDArray[np.uint8]) -> None:
    """Mark every row that repeats an earlier row of the same batch as a duplicate, in place."""
    _settle_within(slots, row_codes, verdict, *_empty_table(len(slots)))


def _empty_table(rows: int) -> tuple[Slots, Codes]:
    size = 1 << max(4, (2 * rows - 1).bit_length())
    return np.full(size, _EMPTY, np.int64), np.zeros(size, np.uint64)
