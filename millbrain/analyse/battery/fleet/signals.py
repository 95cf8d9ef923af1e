"""Reports as signals of vehicles in order of time: what a control strategy is judged by."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc.inputs import is_ordered, temps
from millbrain.analyse.battery.calc.kernels import TEMP_NONE
from millbrain.core.columns import Columns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_UNKNOWN: Final = 255
CODE_MAX: Final = 4  # of vehicle and charging states; beyond: abnormal, invalid or not carried


@dataclass(frozen=True, slots=True)
class Signals:
    """Signals sorted by vehicle and device time, one row per instant; shape (rows,).

    vin: ``S``. vehicle: index of the vehicle, ascending. at: device time [s]. vehicle_state,
    charge_state, dcdc_state, gear: codes of GB/T 32960, 255 = not known. The others NaN = not
    known; current_a: discharge positive.
    """

    vin: NDArray[Any]
    vehicle: Ints
    at: Ints
    vehicle_state: Ints
    charge_state: Ints
    dcdc_state: Ints
    gear: Ints
    speed_kmh: Floats
    current_a: Floats
    soc_pct: Floats
    temp_max_degc: Floats

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.at)


def signals(columns: Columns) -> Signals:
    """Return the signals of a batch of `vehicle_report`, rows in any order.

    Rows that carry no charging state carry no vehicle block and are passed over. Of several rows
    of one instant one is kept, the same whatever the order.
    """
    charge = _codes(columns, "charge_state")
    vins = columns.values["vin"]
    texts = np.asarray(vins).astype("S") if isinstance(vins, np.ndarray) else _texts(columns)
    at = columns.array("device_at").astype(np.int64)
    kept = np.flatnonzero(charge <= CODE_MAX)
    soc, current = _floats(columns, "soc_pct"), _floats(columns, "current_a")
    order = kept
    if not is_ordered(columns):
        order = kept[np.lexsort((current[kept], soc[kept], charge[kept], at[kept], texts[kept]))]
    is_new = np.ones(len(order), np.bool_)
    is_new[1:] = texts[order[1:]] != texts[order[:-1]]
    is_other = is_new.copy()
    is_other[1:] |= at[order[1:]] != at[order[:-1]]
    order, is_new = order[is_other], is_new[is_other]
    return Signals(
        texts[order], np.cumsum(is_new) - 1, at[order],
        _codes(columns, "vehicle_state")[order], charge[order],
        _codes(columns, "dcdc_state")[order], _codes(columns, "gear_code")[order],
        _floats(columns, "speed_kmh")[order], current[order], soc[order],
        _hottest(columns)[order],
    )  # fmt: skip


def _texts(columns: Columns) -> NDArray[Any]:
    return np.array([part.tobytes() for part in columns.ragged("vin").lists()], "S")


def _codes(columns: Columns, name: str) -> Ints:
    if name not in columns.values:
        return np.full(columns.rows, _UNKNOWN, np.int64)
    return columns.array(name).astype(np.int64)


def _floats(columns: Columns, name: str) -> Floats:
    if name not in columns.values:
        return np.full(columns.rows, np.nan)
    values = columns.array(name).astype(np.float64)
    mask = columns.missing.get(name)
    return values if mask is None else np.where(mask, np.nan, values)


def _hottest(columns: Columns) -> Floats:
    """Return the hottest probe of each row: the extremes, else of the list of probes."""
    high, _ = temps(columns)
    return np.where(high == TEMP_NONE, np.nan, high.astype(np.float64))
