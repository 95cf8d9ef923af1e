"""Machine code of `sudden`: a table of vehicles by number, probed in turn, and what each last said.

A vehicle's place is found from a hash of its number (FNV-1a over its words); places that are taken
are passed over one by one. Tables are kept at most half full.
"""

from typing import Any, Final

import numpy as np
from numba import njit

from millbrain.analyse.battery.calc.inputs import NAME_WORDS
from millbrain.analyse.battery.calc.kernels import TEMP_NONE

HELD: Final = np.dtype(
    [("at", "<u4"), ("soc_at", "<u4"), ("rose_since", "<u4"), ("rose_at", "<u4"), ("degc", "<i2"),
     ("rose_from", "<i2"), ("rose_to", "<i2"), ("soc_pct", "u1"), ("is_held", "u1")]
)  # fmt: skip
FOUND: Final = 5
FOUND_MAX: Final = 4_096  # rises and as many jumps in one batch; more are counted
RISE_S_MIN: Final = 10  # nearer, a probe's step of 1 degC tells nothing
RISE_DEGC_MIN: Final = 3  # less may be the rounding of two probes
HELD_S: Final = 30  # a report is compared with one that is at least so old, if there is one
RISE_S_MAX: Final = 300  # farther, too
_FALLS_DEGC: Final = 2  # a rise is confirmed by a report that has fallen by no more
_SOC_MAX: Final = 100
_PRIME: Final = np.uint64(0x100000001B3)
_BASIS: Final = np.uint64(0xCBF29CE484222325)

_part = njit(nogil=True, cache=True, error_model="numpy", forceinline=True)


@_part
def _place(name: Any, names: Any, held: Any) -> Any:
    """Return the place of a number: its own, or the first free one."""
    code = _BASIS
    for k in range(NAME_WORDS):
        code = (code ^ name[k]) * _PRIME
        code ^= code >> np.uint64(29)
    mask = np.uint64(len(held) - 1)
    place = code & mask
    while held[place]["is_held"]:
        same = True
        for k in range(NAME_WORDS):
            same &= names[place, k] == name[k]
        if same:
            break
        place = (place + np.uint64(1)) & mask
    return place


@njit(nogil=True, cache=True, error_model="numpy")
def move(names: Any, held: Any, new_names: Any, new_held: Any) -> None:
    """Move all vehicles into larger tables."""
    for i in range(len(held)):
        if held[i]["is_held"]:
            place = _place(names[i], new_names, new_held)
            new_names[place] = names[i]
            new_held[place] = held[i]


@njit(nogil=True, cache=True, error_model="numpy")
def watch(asked: Any, order: Any, at_s: Any, degrees: Any, soc: Any, names: Any,
          held: Any, rise_min: Any, degc_min: Any, jump_min: Any, jump_s_max: Any,
          found: Any) -> Any:  # fmt: skip
    """Look at every report in order of time; return new vehicles, rises and jumps.

    found: rows of five numbers: report, since, at, before, after; rises in the first half, jumps in
    the second; they are counted on where there is no room for them.
    """
    new, rises, jumps = 0, 0, 0
    half = len(found) // 2
    place, before = np.uint64(0), -1
    for i in order:
        same = before >= 0
        for k in range(NAME_WORDS):
            same = same and asked[i, k] == asked[before, k]
        if not same:
            place = _place(asked[i], names, held)
        before = i
        now = held[place]
        at, degc = at_s[i], degrees[i]
        if not now["is_held"]:
            names[place] = asked[i]
            now["is_held"], now["soc_pct"], now["degc"] = 1, 255, TEMP_NONE
            new += 1
        if soc[i] <= _SOC_MAX and at > now["soc_at"]:
            step = abs(np.int64(soc[i]) - np.int64(now["soc_pct"]))
            near = now["soc_pct"] <= _SOC_MAX and at - now["soc_at"] <= jump_s_max
            if near and step >= jump_min:
                if jumps < half:
                    _note(found, half + jumps, i, now["soc_at"], at, now["soc_pct"], soc[i])
                jumps += 1
            now["soc_at"], now["soc_pct"] = at, soc[i]
        if degc == TEMP_NONE:
            continue
        if now["rose_at"] and at > now["rose_at"]:
            if degc >= now["rose_to"] - _FALLS_DEGC:
                if rises < half:
                    _note(found, rises, i, now["rose_since"], now["rose_at"], now["rose_from"],
                          now["rose_to"])  # fmt: skip
                rises += 1
            now["rose_at"] = 0
        _follow(now, at, degc, rise_min, degc_min)
    return new, rises, jumps


@_part
def _follow(now: Any, at: Any, degc: Any, rise_min: Any, degc_min: Any) -> Any:
    """Compare a report's hottest probe with the held one; hold it where it is far enough on."""
    seconds = np.int64(at) - np.int64(now["at"])
    is_held = now["degc"] != TEMP_NONE
    if is_held and seconds >= RISE_S_MIN and seconds <= RISE_S_MAX and degc >= degc_min:
        up = np.int64(degc) - np.int64(now["degc"])
        if up >= RISE_DEGC_MIN and up * 60.0 / seconds >= rise_min and not now["rose_at"]:
            now["rose_since"], now["rose_at"] = now["at"], at
            now["rose_from"], now["rose_to"] = now["degc"], degc
    if not is_held or seconds >= HELD_S:
        now["at"], now["degc"] = at, degc


@_part
def _note(found: Any, k: Any, row: Any, since: Any, at: Any, before: Any, after: Any) -> Any:
    found[k, 0], found[k, 1], found[k, 2] = row, since, at
    found[k, 3], found[k, 4] = before, after
