"""The reports of one recorded vehicle, brought into our units.

A table does not say its units, so they are told by the size of the values, the probes' offset by
the highest and lowest that the battery management gives itself, and the direction of the current by
what it does to the voltage. Each decision is said in the notes.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960.simulator.spellings import CELLS, QUANTITIES, Unit

Floats = NDArray[np.float64]

_RAW_PROBE_DEGC: Final = 40  # a probe's byte on the wire counts from -40 degC
_PROBE_DOUBT_DEGC: Final = 4
_NEIGHBOURS_S: Final = 60  # steps of the current count between rows at most so far apart
_STEPS_MIN: Final = 30
_SAMPLE_ROWS: Final = 5_000  # enough to tell a unit
_FOLLOWS_MIN: Final = 0.2  # correlation from which the voltage says which way the current flows


@dataclass(slots=True)
class Recording:
    """The reports of one vehicle, oldest first.

    vin: empty where the table names none. device_s: [s since 1970 UTC], int64 (n,). values: name
    of a warehouse column -> float64 (n,) in its unit, NaN = none. cells_mv: float32 (n, cells)
    [mV]; temps_degc: float32 (n, probes); NaN = none. notes: what was assumed or left out.
    """

    vin: str
    device_s: NDArray[np.int64]
    values: dict[str, Floats]
    cells_mv: NDArray[np.float32]
    temps_degc: NDArray[np.float32]
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        """Count the reports."""
        return len(self.device_s)


def in_known_units(found: Recording) -> None:
    """Bring the values into the units of their columns; what was assumed goes to the notes."""
    for name, values in found.values.items():
        unit = unit_of(values, QUANTITIES[name].units)
        found.values[name] = _scaled(values, unit)
        if unit is not QUANTITIES[name].units[0] or name == "insulation_kohm":
            found.notes.append(f"{name} is read as {unit.name}")
    if found.cells_mv.size:
        unit = unit_of(found.cells_mv, QUANTITIES[CELLS].units)
        found.cells_mv *= np.float32(unit.factor)
    _take_off_offset(found)
    _turn_current(found)


def unit_of(values: NDArray[Any], units: tuple[Unit, ...]) -> Unit:
    """Return the unit that values of this size come in; the first where none fits."""
    if len(units) == 1:
        return units[0]
    some = values[:: max(len(values) // _SAMPLE_ROWS, 1)]
    sizes = np.abs(some[np.isfinite(some) & (some != 0)])
    if not len(sizes):
        return units[0]
    typical = float(np.quantile(sizes, 0.9))
    return next((u for u in units if u.low < typical <= u.high), units[0])


def _scaled(values: Floats, unit: Unit) -> Floats:
    """Return values in our unit; what the factor adds below a millionth is no reading."""
    return np.round(values * unit.factor + unit.offset, 6)


def _take_off_offset(found: Recording) -> None:
    """Take 40 degC off the probes where the battery's own extremes say that they carry it."""
    if not found.temps_degc.size:
        return
    doubts = []
    for name, ends in (("temp_max_degc", np.fmax), ("temp_min_degc", np.fmin)):
        if name in found.values:
            apart = ends.reduce(found.temps_degc, axis=1) - found.values[name]
            doubts.append(float(np.nanmedian(apart)) - _RAW_PROBE_DEGC)
    if doubts and max(map(abs, doubts)) <= _PROBE_DOUBT_DEGC:
        found.temps_degc -= np.float32(_RAW_PROBE_DEGC)
        found.notes.append(
            "the probes read 40 °C above the battery's own extremes, as on the wire; taken off"
        )


def _turn_current(found: Recording) -> None:
    """Turn the current where the voltage rises with it: it must be positive when discharging."""
    if "current_a" not in found.values:
        return
    volts = found.values.get("voltage_v")
    if volts is None or np.isnan(volts).all():
        if not found.cells_mv.size:
            return
        volts = np.nanmedian(found.cells_mv, axis=1).astype(np.float64)
    near = np.diff(found.device_s) <= _NEIGHBOURS_S
    amps, steps = np.diff(found.values["current_a"])[near], np.diff(volts)[near]
    good = np.isfinite(amps) & np.isfinite(steps) & (amps != 0)
    if np.count_nonzero(good) < _STEPS_MIN or not np.ptp(steps[good]):
        return
    if np.corrcoef(amps[good], steps[good])[0, 1] > _FOLLOWS_MIN:
        found.values["current_a"] = -found.values["current_a"]
        found.notes.append("the voltage rises with the current, so charging was counted positive; "
                           "turned, since the wire counts discharging positive")  # fmt: skip
