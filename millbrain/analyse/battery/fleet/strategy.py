"""What a vehicle's control did that it should not: events in the reports of any number of vehicles.

Three kinds: DC-DC off while driving, charging current not reduced although the battery is hot, and
jumps of the SOC that no current explains. One event may be a fault of one vehicle; many with the
same sequence of states before them are a defect of the strategy (`patterns`, `groups`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc.inputs import is_ordered
from millbrain.analyse.battery.calc.kernels import TEMP_NONE
from millbrain.analyse.battery.fleet.signals import CODE_MAX, Floats, Ints, Signals, signals
from millbrain.analyse.battery.model import StrategyRules
from millbrain.core.columns import Columns

SOC_JUMP: Final = b"soc_jump"
DCDC_OFF: Final = b"dcdc_off"
HOT_CHARGE: Final = b"hot_charge"
_TOGETHER_S: Final = 120  # reports farther apart are not one run: nobody saw what was between them
_DCDC_OFF_CODE: Final = 2
_PARKED_CHARGING: Final = 1
_PCT_PER_C_S: Final = 100 / 3_600


@dataclass(frozen=True, slots=True)
class _Found:
    """Events of one kind: place of the row that they begin at (the state before a jump), value."""

    kind: bytes
    row: NDArray[np.intp]
    value: Floats


def events(columns: Columns, rules: StrategyRules, capacity_ah: Mapping[bytes, float],
           as_of_ms: int) -> Columns:  # fmt: skip
    """Return the events in a batch of `vehicle_report`, as rows of `BATTERY_EVENT`.

    columns: any number of vehicles, rows in any order; a run that the batch cuts comes out cut, so
    give whole days. capacity_ah: vehicle -> capacity of its pack [Ah]; without it no vehicle is
    said to charge too fast, and every fast change of the SOC is a jump. as_of_ms: instant of
    writing [ms since 1970 UTC].
    """
    if is_calm(columns, rules):
        columns = columns.take(np.zeros(0, np.intp))
    seen = signals(columns)
    capacity = np.full(len(seen), np.nan)
    for vin, ah in capacity_ah.items():
        begin, end = np.searchsorted(seen.vin, [vin]), np.searchsorted(seen.vin, [vin], "right")
        capacity[begin[0] : end[0]] = ah
    parts = [_jumps(seen, rules, capacity), _off(seen, rules), _hot(seen, rules, capacity)]
    return _table(seen, parts, as_of_ms)


def is_calm(columns: Columns, rules: StrategyRules) -> bool:
    """Whether it is plain at a glance that there is no event, whatever the capacity."""
    names = ("charge_state", "dcdc_state", "soc_pct", "temp_max_degc", "temp_min_degc")
    if columns.missing or not columns.values.keys() >= set(names):
        return False
    state, dcdc, soc, high, low = (columns.array(n) for n in names)
    is_told = bool((high != TEMP_NONE).all() and (low != TEMP_NONE).all())
    is_cool = is_told and bool((high < rules.hot_charge_degc).all())
    is_on = bool((dcdc != _DCDC_OFF_CODE).all()) and bool((state <= CODE_MAX).all())
    if not (is_cool and is_on and is_ordered(columns)):
        return False
    return bool((np.abs(np.diff(soc.astype(np.int16))) < rules.soc_jump_pct).all())


def _jumps(seen: Signals, rules: StrategyRules, capacity: Floats) -> _Found:
    """Find changes of the SOC between neighbouring reports beyond what the current explains."""
    apart = np.diff(seen.at)
    change = np.diff(seen.soc_pct)
    near = (np.diff(seen.vehicle) == 0) & (apart <= rules.soc_jump_s)
    current = np.abs(seen.current_a)
    with np.errstate(invalid="ignore"):
        most = np.fmax(current[1:], current[:-1]) / capacity[1:] * apart * _PCT_PER_C_S
        beyond = np.abs(change) - np.nan_to_num(most)
        row = np.flatnonzero(near & (beyond >= rules.soc_jump_pct))
    return _Found(SOC_JUMP, row, change[row])


def _off(seen: Signals, rules: StrategyRules) -> _Found:
    with np.errstate(invalid="ignore"):
        is_off = (seen.dcdc_state == _DCDC_OFF_CODE) & (seen.speed_kmh >= rules.driving_kmh)
    row, last = _runs(seen, is_off)
    seconds = seen.at[last] - seen.at[row]
    long = seconds >= rules.dcdc_off_s
    return _Found(DCDC_OFF, row[long], seconds[long].astype(np.float64))


def _hot(seen: Signals, rules: StrategyRules, capacity: Floats) -> _Found:
    current = np.abs(seen.current_a)
    with np.errstate(invalid="ignore"):
        is_hot = seen.temp_max_degc >= rules.hot_charge_degc
        is_fast = current >= rules.hot_charge_c_rate * capacity  # False where it is not known
    row, last = _runs(seen, is_hot & is_fast & (seen.charge_state == _PARKED_CHARGING))
    long = seen.at[last] - seen.at[row] >= rules.hot_charge_s
    row, last = row[long], last[long]
    if not len(row):
        return _Found(HOT_CHARGE, row, np.zeros(0))
    # Every second bound is the end of a run; what lies between two runs is dropped.
    bounds = np.stack([row, last + 1], axis=1).reshape(-1)
    most = np.maximum.reduceat(np.r_[current, 0.0], bounds)[::2]
    return _Found(HOT_CHARGE, row, most)


def _runs(seen: Signals, holds: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first and last row of each run of one vehicle without a long silence."""
    joined = np.zeros(len(holds), np.bool_)
    joined[1:] = (np.diff(seen.vehicle) == 0) & (np.diff(seen.at) <= _TOGETHER_S)
    joined[1:] &= holds[:-1]
    first = np.flatnonzero(holds & ~joined)
    goes_on = np.append(joined[1:] & holds[1:], False) if len(holds) else joined
    last = np.flatnonzero(holds & ~goes_on)
    return first, last


def _table(seen: Signals, parts: list[_Found], as_of_ms: int) -> Columns:
    row = np.concatenate([p.row for p in parts])
    values: dict[str, Any] = {
        "vin": seen.vin[row],
        "device_at": seen.at[row].astype(np.uint32),
        "kind": np.concatenate([np.full(len(p.row), p.kind, "S10") for p in parts]),
        "value": np.concatenate([p.value for p in parts]).astype(np.float32),
    }
    missing = {}
    for name, source, kind in (("soc_pct", seen.soc_pct, np.uint8),
                               ("temp_max_degc", seen.temp_max_degc, np.int16),
                               ("current_a", seen.current_a, np.float32),
                               ("speed_kmh", seen.speed_kmh, np.float32)):  # fmt: skip
        missing[name] = ~np.isfinite(source[row])
        values[name] = np.nan_to_num(source[row]).astype(kind)
    values["as_of"] = np.full(len(row), as_of_ms, np.int64)
    return Columns(len(row), values, missing)


def at_of(found: Columns, kind: bytes) -> tuple[NDArray[Any], Ints]:
    """Return vehicles and instants of the events of one kind, for `patterns.pattern`."""
    own = np.flatnonzero(found.array("kind").astype("S") == kind)
    return found.array("vin")[own].astype("S"), found.array("device_at")[own].astype(np.int64)
