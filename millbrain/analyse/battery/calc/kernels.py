"""Machine code of the streaming layer: one pass over a report's cells, twice at most.

Voltages of a herd lie close together, so the pass counts them into a histogram as wide as their
spread: the median is a walk along it, the median absolute deviation a walk outwards from the
median, and nothing is sorted. Deviations are whole numbers (half millivolts), hence sums of them
do not depend on the order in which reports arrive.
"""

from typing import Any, Final

import numpy as np
from numba import njit

PLAUSIBLE_MV_MIN: Final = 500  # a lithium cell below is a broken measurement, or no cell any more
PLAUSIBLE_MV_MAX: Final = 5_000  # above any lithium chemistry
CELLS_MIN: Final = 8  # below that a median says little of a herd
CLIP_D2: Final = 500  # half mV: one report moves a daily mean by no more than 250 mV
SPIKE_D2: Final = 600  # half mV from the herd
SENSE_D2: Final = 80  # half mV: both halves of a sense-wire pair stand out by 40 mV or more
WEIGHT_MAX: Final = 48  # with the clip: a day of 1 s reports stays within 32 bits
SPAN_MAX: Final = 1_024
SCRATCH: Final = 1 << 16  # cells of the largest pack, and more than a histogram has bins
TEMP_NONE: Final = np.iinfo(np.int16).min
TEMP_MARK: Final = 214  # 214 abnormal, 215 invalid (probe byte FE, FF less 40)
NO_CURRENT: Final = np.iinfo(np.int32).min

# Columns of a slot's head (int64). The sums are weighted by how calm the report is.
(BEGIN, COUNT, REPORTS, FIRST, LAST, W, WM, WS, WMS, WSS, W_REST, WI, WII, W_BLIND, REST_REPORTS,
 SPREAD_MAX, M2_MIN, M2_MAX, FLAGS, LEVEL, TEMP_MAX, LEAKY, BI, BII, BMI, BIS, WARM_REPORTS,
 WARM_SPREAD, ISOLATED_REPORTS, ISOLATED, HEAD) = (
    0, 1, 2, 3, 4, 5, 8, 11, 14, 17, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 35, 38, 41,
    44, 45, 46, 47, 48,
)  # fmt: skip
FAR: Final = np.iinfo(np.int64).max
LEVELS_MAX: Final = 4  # 254 and 255 are markers
SPREAD_DEGC_MAX: Final = 40  # more is a broken probe
ISOLATED_KOHM_MAX: Final = 5_000  # above, it tells nothing of a leak; keeps a mean from drowning
INSULATION_NONE: Final = 65_535
BINS: Final = 3  # SOC below 30 %, to 70 %, above: the flat middle and the two steep ends
BIN_SOC: Final = (30, 70)

# Without numba's counting of references: atomic steps for each view, a third of a report's time.
# What is compiled so makes no arrays.
_BARE: Final[dict[str, Any]] = {
    "nogil": True, "cache": True, "error_model": "numpy", "_nrt": False
}  # fmt: skip
_part = njit(forceinline=True, **_BARE)


@_part
def row_words(count: Any) -> Any:
    """Return the words (8 bytes) of a row: head, sums, load, tallies and bounds of each cell.

    A row lies in one piece: int64 (HEAD,), int32 (BINS + 1, cells), the last at rest, int64
    (cells,), uint16 (3, cells): lost, sense wire, lowest; uint16 (2, cells): least, most voltage.
    """
    return HEAD + 3 * count + (5 * count + 3) // 4


@_part
def _bounds(cells: Any, begin: Any, count: Any) -> Any:
    """Return lowest and highest plausible voltage and how many cells are not plausible."""
    least, most = np.uint16(65_535), np.uint16(0)
    for k in range(count):
        v = cells[begin + np.uint64(k)]
        least = min(least, v)
        most = max(most, v)
    if least >= PLAUSIBLE_MV_MIN and most <= PLAUSIBLE_MV_MAX:  # nearly always, and fast
        return np.int32(least), np.int32(most), np.int32(0)
    low, high, lost = np.int32(65_535), np.int32(0), np.int32(0)
    for k in range(count):
        v = np.int32(cells[begin + np.uint64(k)])
        good = (v >= PLAUSIBLE_MV_MIN) & (v <= PLAUSIBLE_MV_MAX)
        low = min(low, v if good else np.int32(65_535))
        high = max(high, v if good else np.int32(0))
        lost += np.int32(0) if good else np.int32(1)
    return low, high, lost


@_part
def _by_histogram(cells: Any, begin: Any, count: Any, low: Any, high: Any, good: Any,
                  bins: Any) -> Any:  # fmt: skip
    """Return twice the median and four times the MAD, by counting."""
    span = high - low
    for j in range(span + 1):
        bins[np.uint64(j)] = 0
    if good == count:
        for k in range(count):
            bins[np.uint64(cells[begin + np.uint64(k)] - low)] += 1
    else:
        for k in range(count):
            v = np.int32(cells[begin + np.uint64(k)])
            if (v >= low) & (v <= high):
                bins[np.uint64(v - low)] += 1
    rank, upper = (good - 1) // 2, good // 2
    seen, place = bins[0], np.uint64(0)  # a place without sign is not looked for from the end
    while seen <= rank:
        place += np.uint64(1)
        seen += bins[place]
    first = place
    while seen <= upper:
        place += np.uint64(1)
        seen += bins[place]
    m2 = np.int64(first + place)
    return m2 + 2 * low, _outwards(bins, span, m2, rank, upper)


@_part
def _outwards(bins: Any, span: Any, m2: Any, rank: Any, upper: Any) -> Any:
    """Return the sum of the two middle absolute deviations [half mV] around `m2`."""
    radius = m2 & 1
    seen = bins[np.uint64(m2 >> 1)] if radius == 0 else 0
    first = -1 if radius or seen <= rank else 0
    if radius == 0 and seen > upper:
        return 0
    radius = radius if radius else 2
    while True:
        below, above = (m2 - radius) >> 1, (m2 + radius) >> 1
        seen += bins[np.uint64(below)] if below >= 0 else 0
        seen += bins[np.uint64(above)] if above <= span else 0
        if first < 0 and seen > rank:
            first = radius
        if seen > upper:
            return first + radius
        radius += 2


@njit(**_BARE | {"_nrt": True})
def _by_sorting(cells: Any, begin: Any, count: Any, low: Any, high: Any, good: Any,
                room: Any) -> Any:  # fmt: skip
    """Do the same for a herd that is spread wider than the histogram; this one is rare."""
    n = 0
    for k in range(count):
        v = np.int32(cells[begin + np.uint64(k)])
        if (v >= low) & (v <= high):
            room[n] = v
            n += 1
    known = room[:n]
    known.sort()
    m2 = known[(good - 1) // 2] + known[good // 2]
    for k in range(n):
        known[k] = abs(2 * known[k] - m2)
    known.sort()
    return m2, known[(good - 1) // 2] + known[good // 2]


@_part
def _places_of(cells: Any, begin: Any, count: Any, low: Any, high: Any) -> Any:
    """Return the numbers, from 1, of the first cells with those voltages."""
    first, last = np.int32(count), np.int32(count)
    for k in range(count):
        v = np.int32(cells[begin + np.uint64(k)])
        first = min(first, np.int32(k) if v == low else np.int32(count))
        last = min(last, np.int32(k) if v == high else np.int32(count))
    return first + 1, last + 1


@_part
def _sense_wire(cells: Any, begin: Any, count: Any, m2: Any) -> Any:
    """Return k, from 1, where cells k and k + 1 stand out by as much to opposite sides, else 0.

    A cell's voltage is measured between two wires; a wire that has lost contact shifts the point
    between two cells, which adds to one what it takes from the other.
    """
    for k in range(count - 1):
        a = 2 * np.int32(cells[begin + np.uint64(k)]) - m2
        b = 2 * np.int32(cells[begin + np.uint64(k + 1)]) - m2
        if a * b < 0 and min(abs(a), abs(b)) >= SENSE_D2 and 4 * abs(a + b) <= abs(a - b):
            return k + 1
    return 0


@_part
def _spikes(cells: Any, begin: Any, count: Any, low: Any, high: Any, m2: Any) -> Any:
    """Return how many plausible cells stand far from the herd."""
    found = 0
    for k in range(count):
        v = np.int32(cells[begin + np.uint64(k)])
        found += (v >= low) & (v <= high) & (abs(2 * v - m2) > SPIKE_D2)
    return found


@_part
def _clipped(v: Any, m2: Any) -> Any:
    return min(max(2 * np.int32(v) - m2, np.int32(-CLIP_D2)), np.int32(CLIP_D2))


@_part
def _add_cells(cells: Any, begin: Any, count: Any, m2: Any, weight: Any, current: Any,
               by_soc: Any, load: Any, least: Any, most: Any) -> Any:  # fmt: skip
    """Add a whole report to the sums of its cells; the loops are plain so that they vectorise."""
    pull = np.int64(weight) * np.int64(current)
    for k in range(count):
        d2 = np.int32(_clipped(cells[begin + np.uint64(k)], m2))
        by_soc[k] += weight * d2
        load[k] += pull * np.int64(d2)
    for k in range(count):
        v = cells[begin + np.uint64(k)]
        least[k] = min(least[k], v)
        most[k] = max(most[k], v)


@_part
def _add_rest(cells: Any, begin: Any, count: Any, m2: Any, weight: Any, rest: Any) -> Any:
    for k in range(count):
        rest[k] += weight * _clipped(cells[begin + np.uint64(k)], m2)


@_part
def _add_one(v: Any, m2: Any, weight: Any, current: Any, k: Any, is_rest: Any, by_soc: Any,
             rest: Any, load: Any) -> Any:  # fmt: skip
    """Add one cell of a report in which others are left out."""
    d2 = _clipped(v, m2)
    by_soc[k] += weight * d2
    load[k] += np.int64(weight) * np.int64(current) * np.int64(d2)
    if is_rest:
        rest[k] += weight * d2


@_part
def bump(counts: Any, k: Any) -> Any:
    """Count one more, up to the largest number; a count that is full stays full."""
    if counts[k] < 65_535:
        counts[k] += 1


@_part
def _add_head(head: Any, b: Any, m2: Any, weight: Any, soc: Any, current: Any, is_blind: Any,
              is_rest: Any) -> Any:  # fmt: skip
    head[W + b] += weight
    head[WM + b] += weight * m2
    head[WS + b] += weight * soc
    head[WMS + b] += weight * m2 * soc
    head[WSS + b] += weight * soc * soc
    # By range of SOC once more: what the pack's own resistance does must not count as its curve.
    head[BI + b] += weight * current
    head[BII + b] += weight * current * current
    head[BMI + b] += weight * m2 * current
    head[BIS + b] += weight * current * soc
    head[WI] += weight * current
    head[WII] += weight * current * current
    head[W_BLIND] += weight if is_blind else 0
    head[W_REST] += weight if is_rest else 0
    head[REST_REPORTS] += 1 if is_rest else 0
    head[M2_MIN] = min(head[M2_MIN], m2)
    head[M2_MAX] = max(head[M2_MAX], m2)


@_part
def _bin_of(soc: Any) -> Any:
    return 0 if soc < BIN_SOC[0] else (1 if soc < BIN_SOC[1] else 2)


@_part
def _calm(mad4: Any) -> Any:
    """Return the weight of a report: inverse to the variance of its herd, 1 to `WEIGHT_MAX`.

    Cells are not sampled at one instant; while the current changes, the herd scatters by more than
    any cell deviates. 16 mV and more weigh 1, 2.3 mV and less weigh most.
    """
    return min(max(4_096 // max(mad4 * mad4, 1), 1), WEIGHT_MAX)


@_part
def _measure(cells: Any, begin: Any, count: Any, low: Any, high: Any, good: Any, i: Any,
             out: Any, scratch: Any) -> Any:  # fmt: skip
    """Fill column i of `out`; return twice the median and four times the MAD."""
    if high - low < SPAN_MAX:
        m2, mad4 = _by_histogram(cells, begin, count, low, high, good, scratch)
    else:
        m2, mad4 = _by_sorting(cells, begin, count, low, high, good, scratch)
    out[0, i], out[1, i], out[2, i], out[3, i] = m2, mad4, low, high
    out[4, i], out[5, i] = _places_of(cells, begin, count, low, high)
    if high - low >= SENSE_D2:
        out[7, i] = _sense_wire(cells, begin, count, m2)
    if 2 * high - m2 > SPIKE_D2 or m2 - 2 * low > SPIKE_D2:
        out[8, i] = _spikes(cells, begin, count, low, high, m2)
    return np.int32(m2), mad4


@_part
def _add_partly(cells: Any, begin: Any, count: Any, m2: Any, weight: Any, flow: Any, is_rest: Any,
                sense: Any, by_soc: Any, rest: Any, load: Any, marks: Any) -> Any:  # fmt: skip
    """Add a report some cells of which are not plausible or belong to a loose sense wire."""
    for k in range(count):
        v = cells[begin + np.uint64(k)]
        if v < PLAUSIBLE_MV_MIN or v > PLAUSIBLE_MV_MAX:
            bump(marks, k)
        elif sense and (k + 1 == sense or k == sense):
            bump(marks, count + k)
        else:
            _add_one(v, m2, weight, flow, k, is_rest, by_soc, rest, load)
            marks[3 * count + k] = min(marks[3 * count + k], v)
            marks[4 * count + k] = max(marks[4 * count + k], v)


@_part
def _note(head: Any, at: Any, level: Any, flags: Any, high: Any, low: Any, kohm: Any,
          limit_kohm: Any) -> Any:  # fmt: skip
    """Add what is known of a whole report: times, alarms, heat, insulation."""
    head[REPORTS] += 1
    head[FIRST] = min(head[FIRST], at)
    head[LAST] = max(head[LAST], at)
    if level <= LEVELS_MAX:
        head[LEVEL] = max(head[LEVEL], np.int64(level))
    head[FLAGS] |= np.int64(flags)
    head[TEMP_MAX] = max(head[TEMP_MAX], np.int64(high))
    if kohm != INSULATION_NONE:
        head[LEAKY] += 1 if np.float32(kohm) < limit_kohm else 0
        head[ISOLATED_REPORTS] += 1
        head[ISOLATED] += min(np.int64(kohm), ISOLATED_KOHM_MAX)
    if high != TEMP_NONE and low != TEMP_NONE:
        head[WARM_REPORTS] += 1
        head[WARM_SPREAD] += min(np.int64(high) - np.int64(low), SPREAD_DEGC_MAX)


@njit(**_BARE)
def watch(cells: Any, begins: Any, counts: Any, soc: Any, current: Any, whole: Any, slots: Any,
          order: Any, starts: Any, rest_da: Any, leak_ohm_per_v: Any, words: Any, halves: Any,
          quarters: Any, scratch: Any, out: Any) -> None:  # fmt: skip
    """Measure every report and add it to the row of its slot (-1 = only measure).

    current: [0.1 A], the least int32 = not reported. whole: device time, level, alarm flags,
    highest and lowest probe, insulation, voltage of each report. order: in which reports are taken.
    starts: where the row of each slot begins in `words`; `halves` (int32) and `quarters` (uint16)
    are the same memory. scratch: int32 (`SCRATCH`,), anything. out: int32 (9, reports), zero: twice
    the median, four times the MAD, lowest, highest, number of the lowest, of the highest, lost,
    sense wire, spikes.
    """
    at, level, flags, hottest, coldest, kohm, volts = whole
    for i in order:
        begin, count, slot = np.uint64(begins[i]), counts[i], slots[i]
        low, high, lost = _bounds(cells, begin, count)
        out[6, i] = lost
        row = starts[slot] if slot >= 0 else 0
        first = row + HEAD
        head = words[row:first]
        load = words[first + 2 * count : first + 3 * count]
        marks = quarters[4 * (first + 3 * count) : 4 * (first + 3 * count) + 5 * count]
        if slot >= 0:
            _note(head, at[i], level[i], flags[i], hottest[i], coldest[i], kohm[i],
                  leak_ohm_per_v * volts[i] / np.float32(1_000))  # fmt: skip
        if count - lost < CELLS_MIN:
            if slot >= 0:
                for k in range(count):
                    bump(marks, k)
            continue
        m2, mad4 = _measure(cells, begin, count, low, high, count - lost, i, out, scratch)
        if slot < 0:
            continue
        bump(marks, 2 * count + out[4, i] - 1)
        weight = np.int32(_calm(mad4))
        is_blind = current[i] == NO_CURRENT
        flow = np.int64(0) if is_blind else np.int64(current[i])
        is_rest = not is_blind and abs(flow) <= rest_da
        charge = np.int64(soc[i]) if soc[i] <= 100 else np.int64(50)
        b = _bin_of(charge)
        head[SPREAD_MAX] = max(head[SPREAD_MAX], high - low)
        _add_head(head, b, np.int64(m2), np.int64(weight), charge, flow, is_blind, is_rest)
        by_soc = halves[2 * first + b * count : 2 * first + (b + 1) * count]
        rest = halves[2 * first + BINS * count : 2 * first + (BINS + 1) * count]
        if lost or out[7, i]:
            _add_partly(cells, begin, count, m2, weight, flow, is_rest, out[7, i], by_soc, rest,
                        load, marks)  # fmt: skip
            continue
        _add_cells(cells, begin, count, m2, weight, flow, by_soc, load,
                   marks[3 * count : 4 * count], marks[4 * count : 5 * count])  # fmt: skip
        if is_rest:
            _add_rest(cells, begin, count, m2, weight, rest)


@njit(nogil=True, cache=True, error_model="numpy")
def clear(starts: Any, counts: Any, words: Any, quarters: Any) -> None:
    """Set rows to nothing seen."""
    for i in range(len(starts)):
        row, count = starts[i], counts[i]
        words[row : row + row_words(count)] = 0
        words[row + COUNT] = count
        words[row + FIRST] = words[row + M2_MIN] = FAR
        words[row + TEMP_MAX] = TEMP_NONE
        least = 4 * (row + HEAD + 3 * count) + 3 * count
        quarters[least : least + count] = 65_535


@njit(nogil=True, cache=True, error_model="numpy")
def extremes(offsets: Any, probes: Any, high: Any, low: Any) -> None:
    """Fill in the highest and lowest plausible probe [degC] of rows that have no extremes."""
    for i in range(len(high)):
        if high[i] != TEMP_NONE and low[i] != TEMP_NONE:
            continue
        for j in range(offsets[i], offsets[i + 1]):
            v = probes[j]
            if v < TEMP_MARK:
                high[i] = max(high[i], v)
                low[i] = v if low[i] == TEMP_NONE else min(low[i], v)
