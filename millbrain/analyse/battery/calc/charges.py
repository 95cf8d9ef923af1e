"""Charges out of reports: what went in, between which states of charge, and the capacity it tells.

A charge is a run of reports in state 1 (parked charging) or 4 (charged), from the first to the last
in state 1 and one beyond; any other state ends it, and so does a silence. Ah and kWh are counted by
trapezoids between reports. Capacity is the Ah between the first and the last step of the SOC,
divided by the steps between them: at a step the SOC is known to far better than its resolution.
Uncertainties are propagated as in the GUM (JCGM 100:2008): see `docs/concepts`.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc.inputs import (
    CURRENT_PER_A,
    SOC_NONE,
    PackReports,
    is_ordered,
    pack_reports,
)
from millbrain.analyse.battery.calc.kernels import NO_CURRENT, TEMP_NONE
from millbrain.analyse.battery.calc.peaks import Peaks, peaks
from millbrain.analyse.battery.model import ChargeRules
from millbrain.core.columns import Columns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PARKED_CHARGING: Final = 1
CHARGED: Final = 4
_STATE_MAX: Final = 4  # beyond: abnormal, invalid or not carried, which says nothing
_RECTANGLE: Final = 1 / np.sqrt(12)  # standard deviation of a rectangle of width 1


@dataclass(frozen=True, slots=True)
class _Rows:
    """The reports of all charges, in order of vehicle, pack and time; shape (reports,).

    charge: index of the charge, ascending. current_a: charging positive.
    gap_s: time since the report before it in the same charge, 0 for the first. added_ah,
    added_kwh: between that report and this one. gap_ah: standard uncertainty of that where it is a
    gap, else 0. cells: cells of the pack, 0 = not known.
    """

    source: NDArray[np.intp]
    charge: Ints
    starts: NDArray[np.intp]
    at: Ints
    soc: Ints
    current_a: Floats
    voltage_v: Floats
    cells: Ints
    gap_s: Ints
    added_ah: Floats
    added_kwh: Floats
    gap_ah: Floats


def charges(columns: Columns, rules: ChargeRules, as_of_ms: int) -> Columns:
    """Return the charges in a batch of `vehicle_report`, as rows of `BATTERY_CHARGE`.

    columns: any number of vehicles in any order of rows; whole charges, since a charge cut by the
    end of the batch comes out cut. Needs `vin`, `device_at`, `charge_state`, `current_a`. as_of_ms:
    instant of writing [ms since 1970 UTC]. The same reports give the same rows, whatever their
    order and however often they are repeated.
    """
    columns = _near_charges(columns)
    reports = pack_reports(columns)
    state = _states(columns)[reports.row]
    known = (reports.current_da != NO_CURRENT) & ~_is_shared(columns, reports)
    kept = _runs(reports, state, known, rules)
    rows = _counted(reports, kept, rules)
    return _table(reports, rows, rules, as_of_ms)


def in_force(found: Columns) -> Columns:
    """Return charges (rows of `BATTERY_CHARGE`) without those that a later look has replaced.

    Late reports may show that a charge began earlier than was known; its row then has another key,
    and the old one stays in the table. Of charges of a pack that overlap the one of more reports
    holds, of equal ones the newer. Any order in, order of vehicle, pack and start out.
    """
    vin, pack = found.array("vin").astype("S"), found.array("pack_no")
    start, end = (found.array(n).astype(np.int64) for n in ("start_at", "end_at"))
    order = np.lexsort((start, pack, vin))
    vin, pack, start, end = vin[order], pack[order], start[order], end[order]
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (vin[1:] != vin[:-1]) | (pack[1:] != pack[:-1])
    far = (np.cumsum(is_new) - 1) << 34  # no pack's times reach into another's
    until = np.maximum.accumulate(far + end)
    apart = np.ones(len(order), np.bool_)
    apart[1:] = far[1:] + start[1:] > until[:-1]
    cluster = np.cumsum(apart)
    count, as_of = (found.array(n)[order].astype(np.int64) for n in ("report_count", "as_of"))
    best = np.lexsort((as_of, count, cluster))
    is_last = np.ones(len(best), np.bool_)
    is_last[:-1] = np.diff(cluster[best]) != 0
    return found.take(order[best[is_last]])


def _states(columns: Columns) -> NDArray[np.uint8]:
    if "charge_state" not in columns.values:
        return np.full(columns.rows, 255, np.uint8)
    return columns.array("charge_state").astype(np.uint8)


def _near_charges(columns: Columns) -> Columns:
    """Leave out what is neither in a charge nor beside one, where the rows are in order."""
    if not is_ordered(columns):
        return columns
    state = _states(columns)
    said = np.flatnonzero((state >= 1) & (state <= _STATE_MAX))
    is_on = np.zeros(len(said) + 2, np.bool_)
    is_on[1:-1] = (state[said] == PARKED_CHARGING) | (state[said] == CHARGED)
    return columns.take(said[is_on[1:-1] | is_on[:-2] | is_on[2:]])


def _is_shared(columns: Columns, reports: PackReports) -> Flags:
    """Whether a report's current is the vehicle's although it has several packs.

    Who knows whether they lie side by side or in a row? Such a current tells no pack's charge.
    """
    several = np.bincount(reports.row, minlength=columns.rows)[reports.row] > 1
    if not several.any() or "pack_current_a" not in columns.values:
        return several
    own = columns.ragged("pack_current_a")  # with several packs it is a list
    known = np.concatenate([[0], np.cumsum(np.isfinite(own.values.astype(np.float64)))])
    told = np.diff(known[own.offsets]) == np.diff(own.offsets)
    told &= np.diff(own.offsets) > 0
    return np.asarray(several & ~told[reports.row])


def _runs(reports: PackReports, state: NDArray[np.uint8], known: Flags,
          rules: ChargeRules) -> tuple[NDArray[np.intp], Ints]:  # fmt: skip
    """Return the places of the reports that belong to a charge, and the charge of each."""
    is_on = np.isin(state, (PARKED_CHARGING, CHARGED))
    # A report of a charge that does not say its current is passed over: what it leaves is a gap.
    said = np.flatnonzero((state >= 1) & (state <= _STATE_MAX) & (known | ~is_on))
    order = said[np.lexsort((state[said], reports.device_at[said], reports.pack_no[said],
                             reports.vin[said]))]  # fmt: skip
    vin, pack, at = reports.vin[order], reports.pack_no[order], reports.device_at[order]
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = (vin[1:] != vin[:-1]) | (pack[1:] != pack[:-1])
    is_again = ~is_new
    is_again[1:] &= at[1:] == at[:-1]  # one report per pack and instant
    order, is_new = order[~is_again], is_new[~is_again]
    on = is_on[order]
    silence = np.diff(reports.device_at[order], prepend=0) > rules.charge_silence_s
    begins = on & (is_new | silence | ~np.r_[False, on[:-1]])
    run = np.cumsum(begins) - 1
    order, run = order[on], run[on]
    return _trimmed(order, run, state[order] == PARKED_CHARGING)


def _trimmed(order: NDArray[np.intp], run: Ints,
             is_charging: Flags) -> tuple[NDArray[np.intp], Ints]:  # fmt: skip
    """Cut each run to its first and last report in state 1, and one beyond."""
    place = np.arange(len(run))
    count = int(run[-1]) + 1 if len(run) else 0
    first = np.full(count, len(run))
    last = np.full(count, -2)
    np.minimum.at(first, run[is_charging], place[is_charging])
    np.maximum.at(last, run[is_charging], place[is_charging])
    kept = (place >= first[run]) & (place <= last[run] + 1)
    order, run = order[kept], run[kept]
    size = np.bincount(run, minlength=count)
    long = size[run] >= 2
    order, run = order[long], run[long]
    return order, np.cumsum(np.diff(run, prepend=run[:1]) != 0).astype(np.int64)


def _counted(reports: PackReports, kept: tuple[NDArray[np.intp], Ints],
             rules: ChargeRules) -> _Rows:  # fmt: skip
    """Count what went in between neighbouring reports."""
    source, charge = kept
    starts = np.flatnonzero(np.diff(charge, prepend=-1))
    at = reports.device_at[source]
    tenths = reports.current_da[source]
    current = tenths / -CURRENT_PER_A
    voltage = reports.voltage_v[source].astype(np.float64)
    is_first = np.zeros(len(source), np.bool_)
    is_first[starts] = True
    gap = np.where(is_first, 0, np.diff(at, prepend=0))
    before = np.r_[0.0, current[:-1]][: len(current)]
    hours = gap / 3_600
    ah = np.where(is_first, 0, (before + current) / 2 * hours)
    power = current * voltage / 1_000
    kwh = np.where(is_first, 0, (np.r_[0.0, power[:-1]][: len(power)] + power) / 2 * hours)
    sign = _direction(ah, starts, charge)
    half_width = (
        np.abs(current - before) / 2 + rules.charge_gap_ratio * np.abs(current + before) / 2
    )
    gap_ah = np.where(gap > rules.charge_gap_s, half_width * hours * 2 * _RECTANGLE, 0)
    return _Rows(
        source, charge, starts, at, reports.soc_pct[source].astype(np.int64), current * sign,
        voltage, reports.counts[source], gap, ah * sign, np.nan_to_num(kwh * sign), gap_ah,
    )  # fmt: skip


def _direction(ah: Floats, starts: NDArray[np.intp], charge: Ints) -> Floats:
    """Return +1 or -1 per report: some vehicles report charging as positive.

    A parked vehicle that charges takes charge in as a whole, so the sum says which it is.
    """
    if not len(starts):
        return np.zeros(0)
    return np.where(np.add.reduceat(ah, starts) < 0, -1.0, 1.0)[charge]


def _sums(values: NDArray[Any], rows: _Rows) -> NDArray[Any]:
    return np.add.reduceat(values, rows.starts) if len(rows.starts) else values[:0]


@dataclass(frozen=True, slots=True)
class _Capacity:
    """Capacity of each charge and its standard uncertainty [Ah], NaN = it tells none."""

    ah: Floats
    std_ah: Floats


def _capacity(rows: _Rows, rules: ChargeRules) -> _Capacity:
    """Count between the first and the last single step of the SOC.

    Half of the charge of the interval in which the SOC stepped belongs to either side: the step is
    somewhere in it, by a rectangle.
    """
    count = len(rows.starts)
    inside = np.cumsum(rows.added_ah) - rows.added_ah / 2  # up to the middle of the interval
    rose = np.diff(rows.soc, prepend=0) == 1
    edge = np.flatnonzero(
        rose & (rows.gap_s > 0) & (rows.gap_s <= rules.charge_gap_s) & (rows.soc <= 100)
    )
    first, last = np.full(count, -1), np.full(count, -1)
    last[rows.charge[edge]] = edge
    first[rows.charge[edge[::-1]]] = edge[::-1]
    is_known = (first >= 0) & (last > first)
    low, high = np.where(is_known, first, 0), np.where(is_known, last, 0)
    if not count:
        return _Capacity(np.zeros(0), np.zeros(0))
    rise = (rows.soc[high] - rows.soc[low]).astype(np.float64)
    is_known &= rise >= rules.charge_soc_min_pct
    ah = inside[high] - inside[low]
    is_known &= ah > 0
    share = np.where(is_known, rise, 1.0) / 100
    hours = (rows.at[high] - rows.at[low]) / 3_600
    ends = (rows.added_ah[low] ** 2 + rows.added_ah[high] ** 2) * _RECTANGLE**2
    gaps = np.cumsum(rows.gap_ah**2)
    zero = (rules.current_offset_a**2 + (rules.current_step_a * _RECTANGLE) ** 2) * hours**2
    std_ah_2 = ends + gaps[high] - gaps[low] + zero + (rules.current_gain_ratio * ah) ** 2
    soc_2 = (rules.soc_random_pct**2 + rules.soc_common_pct**2) / 1e4
    std = np.sqrt(std_ah_2 + (ah / share) ** 2 * soc_2) / share
    return _Capacity(np.where(is_known, ah / share, np.nan), np.where(is_known, std, np.nan))


def _table(reports: PackReports, rows: _Rows, rules: ChargeRules, as_of_ms: int) -> Columns:
    capacity = _capacity(rows, rules)
    peak = _peaks(rows, capacity, rules)
    ends = np.r_[rows.starts[1:], len(rows.source)].astype(np.intp) - 1
    ends = ends[: len(rows.starts)]
    begin, end = rows.source[rows.starts], rows.source[ends]
    low, high = _soc(rows, ends)
    temp = reports.temp_max_degc[rows.source]
    hottest = np.maximum.reduceat(temp, rows.starts) if len(rows.starts) else temp
    seconds = np.maximum(rows.at[ends] - rows.at[rows.starts], 1)
    ah = _sums(rows.added_ah, rows)
    top = np.maximum.reduceat(rows.current_a, rows.starts) if len(rows.starts) else rows.current_a
    gap = np.maximum.reduceat(rows.gap_s, rows.starts) if len(rows.starts) else rows.gap_s
    values: dict[str, Any] = {
        "vin": reports.vin[begin],
        "pack_no": reports.pack_no[begin].astype(np.uint8),
        "start_at": reports.device_at[begin].astype(np.uint32),
        "end_at": reports.device_at[end].astype(np.uint32),
        "soc_start_pct": low,
        "soc_end_pct": high,
        "charge_ah": ah.astype(np.float32),
        "energy_kwh": _sums(rows.added_kwh, rows).astype(np.float32),
        "current_mean_a": (ah * 3_600 / seconds).astype(np.float32),
        "current_max_a": top.astype(np.float32),
        "temp_start_degc": reports.temp_max_degc[begin],
        "temp_max_degc": hottest,
        "capacity_ah": capacity.ah.astype(np.float32),
        "capacity_std_ah": capacity.std_ah.astype(np.float32),
        "ic_peak_mv": peak.at_mv.astype(np.float32),
        "ic_peak_ahpv": peak.height_ahpv.astype(np.float32),
        "report_count": np.bincount(rows.charge, minlength=len(begin)).astype(np.uint32),
        "gap_max_s": gap.astype(np.uint32),
        "as_of": np.full(len(begin), as_of_ms, np.int64),
    }
    estimated = ("capacity_ah", "capacity_std_ah", "ic_peak_mv", "ic_peak_ahpv")
    missing = {n: ~np.isfinite(values[n]) for n in estimated}
    missing |= {n: values[n] == TEMP_NONE for n in ("temp_start_degc", "temp_max_degc")}
    return Columns(len(begin), values, missing)


def _soc(rows: _Rows, ends: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the first and last known SOC of each charge, 0 where it knows none."""
    known = np.flatnonzero(rows.soc != SOC_NONE)
    first, last = np.zeros(len(ends), np.uint8), np.zeros(len(ends), np.uint8)
    last[rows.charge[known]] = rows.soc[known]
    first[rows.charge[known[::-1]]] = rows.soc[known[::-1]]
    return first, last


def _peaks(rows: _Rows, capacity: _Capacity, rules: ChargeRules) -> Peaks:
    """Look for the peak of the charges that are slow enough and know their capacity."""
    with np.errstate(divide="ignore", invalid="ignore"):
        cell_mv = rows.voltage_v * 1_000 / rows.cells
        limit_a = rules.ic_c_rate_max * capacity.ah
    used = (rows.gap_s > 0) & (rows.gap_s <= rules.charge_gap_s) & (rows.cells > 0)
    used &= np.isfinite(cell_mv)
    used &= rows.current_a <= limit_a[rows.charge]  # False where the capacity is not known
    return peaks(rows.charge, cell_mv, rows.added_ah, rows.current_a, rows.cells, used,
                 len(rows.starts), rules)  # fmt: skip
