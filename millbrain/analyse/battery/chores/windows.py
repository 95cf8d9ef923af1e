"""Reports read so that no charge and no run is cut at the ends of what is read.

A window of a vehicle is widened by the silence that ends a charge. Where the vehicle charges, or
drives with its DC-DC off, within that edge, what goes on there began earlier or ends later: the
window is widened again and again, up to `WIDER_S`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import reading
from millbrain.analyse.battery.calc.inputs import AHEAD_S_MAX, SOC_NONE, is_ordered
from millbrain.analyse.battery.calc.kernels import TEMP_NONE
from millbrain.analyse.battery.model import ChargeRules, StrategyRules
from millbrain.core.columns import Columns
from millbrain.core.rooms import Facts

WIDER_S: Final = (21_600, 86_400, 345_600, 1_382_400)
_ON: Final = (1, 4)  # charging, charged
_SAID_MAX: Final = 4  # beyond: abnormal, invalid or not carried, which says nothing
_DCDC_OFF: Final = 2
_AT: Final = "toUInt32(device_at)"
PICKED: Final = {
    "vin": f"toFixedString(vin, {reading.VIN_BYTES})",
    "device_at": _AT,
    "charge_state": "charge_state",
    "vehicle_state": "vehicle_state",
    "dcdc_state": "dcdc_state",
    "gear_code": "gear_code",
    "speed_kmh": "ifNull(speed_kmh, toFloat32(nan))",
    "current_a": "ifNull(current_a, toFloat32(nan))",
    "voltage_v": "ifNull(voltage_v, toFloat32(nan))",
    "soc_pct": f"ifNull(soc_pct, {SOC_NONE})",
    "temp_max_degc": f"ifNull(temp_max_degc, toInt16({TEMP_NONE}))",
    "temp_min_degc": f"ifNull(temp_min_degc, toInt16({TEMP_NONE}))",
    "temps_degc": "if(isNull(temp_max_degc) OR isNull(temp_min_degc), temps_degc, [])",
    "cells": "toUInt32(length(cells_mv))",
    "pack_cell_count": "pack_cell_count",
    "pack_no": "pack_no",
    "pack_current_a": "pack_current_a",
}
_WHERE: Final = (
    "FROM vehicle_report WHERE vin IN ({vins:Array(String)}) AND batch <= {upto:UInt64} "
    "AND received_at >= fromUnixTimestamp64Milli({arrived:Int64}, 'UTC') "
    "AND device_at >= toDateTime({low:UInt32}, 'UTC') "
    "AND device_at <= toDateTime({high:UInt32}, 'UTC') "
    f"AND {_AT} >= transform(vin, {{vins:Array(String)}}, {{lows:Array(UInt32)}}, 4294967295) "
    f"AND {_AT} <= transform(vin, {{vins:Array(String)}}, {{highs:Array(UInt32)}}, 0) "
    f"AND {_AT} <= intDiv(toUnixTimestamp64Milli(received_at), 1000) + {AHEAD_S_MAX} "
    + reading.PLAIN
)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of a vehicle's device time, both ends included [s since 1970 UTC]."""

    vin: str
    low: int
    high: int


Read = Callable[[Sequence[Window]], Columns]
"""Of windows, each vehicle once, their reports: what `reader` returns."""


def reader(facts: Facts, upto: int, picked: Mapping[str, str] = PICKED) -> Read:
    """Return what reads windows in the warehouse. upto: newest batch that counts."""
    told = ", ".join(f"{sql} AS {name}_" for name, sql in picked.items())

    def read(windows: Sequence[Window]) -> Columns:
        low = min(w.low for w in windows)
        params: Mapping[str, Any] = {
            "vins": [w.vin for w in windows], "lows": [w.low for w in windows],
            "highs": [w.high for w in windows], "low": low, "high": max(w.high for w in windows),
            "arrived": max(low - AHEAD_S_MAX, 0) * 1_000, "upto": upto,
        }  # fmt: skip
        return reading.columns_of(facts.query(f"SELECT {told} {_WHERE}", params))

    return read


def whole(
    read: Read, windows: Sequence[Window], rules: ChargeRules, driving: StrategyRules
) -> Iterator[tuple[list[Window], Columns]]:
    """Yield windows, as wide as they had to become, and their reports without cells.

    Together all windows that were asked for, each vehicle once.
    """
    edge_s = rules.charge_silence_s + 1
    left = [Window(w.vin, max(w.low - edge_s, 0), w.high + edge_s) for w in windows]
    for wider_s in (*WIDER_S, 0):
        columns = read(left)
        cut = _cut(columns, left, edge_s, driving.driving_kmh) if wider_s else {}
        done = [w for w in left if w.vin not in cut]
        if done:
            yield done, columns if not cut else _of(columns, [w.vin for w in done])
        left = [_widened(w, cut[w.vin], wider_s) for w in left if w.vin in cut]
        if not left:
            return


def _widened(window: Window, ends: tuple[bool, bool], by_s: int) -> Window:
    is_early, is_late = ends
    low, high = window.low - by_s * is_early, window.high + by_s * is_late
    return Window(window.vin, max(low, 0), high)


def _cut(
    columns: Columns, windows: Sequence[Window], edge_s: int, driving_kmh: float
) -> dict[str, tuple[bool, bool]]:
    """Return the vehicles of which something goes on at the early or the late end of the window."""
    vin, at = columns.array("vin"), columns.array("device_at")
    state = columns.array("charge_state")
    said = np.flatnonzero((state >= 1) & (state <= _SAID_MAX))
    order = said if is_ordered(columns) else said[np.lexsort((at[said], vin[said]))]
    names = np.array([w.vin.encode("utf-8", "surrogateescape") for w in windows], vin.dtype)
    own = vin[order]
    begin, end = np.searchsorted(own, names), np.searchsorted(own, names, "right")
    seen = np.flatnonzero(begin < end)
    first, last = order[begin[seen]], order[end[seen] - 1]
    near = np.array([(windows[i].low, windows[i].high) for i in seen.tolist()], np.int64)
    low, high = near.reshape(-1, 2).T
    is_early = _goes_on(columns, first, driving_kmh) & (at[first] - low <= edge_s)
    is_late = _goes_on(columns, last, driving_kmh) & (high - at[last] <= edge_s)
    ends = zip(seen.tolist(), is_early.tolist(), is_late.tolist(), strict=True)
    return {windows[i].vin: (early, late) for i, early, late in ends if early or late}


def _goes_on(columns: Columns, rows: NDArray[np.intp], driving_kmh: float) -> NDArray[np.bool_]:
    """Return of which rows a charge, or a drive without its DC-DC converter, goes on."""
    with np.errstate(invalid="ignore"):
        off = columns.array("speed_kmh")[rows] >= driving_kmh
    off &= columns.array("dcdc_state")[rows] == _DCDC_OFF
    return np.isin(columns.array("charge_state")[rows], _ON) | off


def _of(columns: Columns, vins: Sequence[str]) -> Columns:
    """Return the reports of some vehicles."""
    names = np.array([v.encode("utf-8", "surrogateescape") for v in vins])
    return columns.take(np.flatnonzero(np.isin(columns.array("vin"), names)))
