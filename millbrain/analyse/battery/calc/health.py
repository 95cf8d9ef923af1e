"""State of health: what the newest charges of a pack say together, against what it had when new.

Each charge weighs by the inverse variance of what changes from charge to charge; charges far from
the weighted median are left out; what all charges share (zero and scale of the current sensor, the
car's own view of its SOC) is not averaged away but added at the end. Beside it, by the method `ic`,
the height of the incremental-capacity peak against that of the first months.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.calc.charges import in_force
from millbrain.analyse.battery.calc.days import NORMAL
from millbrain.analyse.battery.calc.trends import medians
from millbrain.analyse.battery.model import ChargeRules, HealthRules
from millbrain.core.columns import Columns, concat
from millbrain.core.times import BEIJING_OFFSET_S

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RATED: Final = b"rated"
FIRST: Final = b"first"
_DAY_S: Final = 86_400
_DAYS_PER_YEAR: Final = 365.25
_BLOCK: Final = 1 << 16  # charges looked at in one go: 20 MB with 20 charges each
_SCATTER_MIN: Final = 4  # charges before their own scatter is believed
# Parts of a peak's uncertainty that scatter does not show: temperature, rate, other current.
_PEAK_RATIO: Final = 0.02
_MEDIAN_EFFICIENCY: Final = float(np.sqrt(np.pi / 2))  # standard error, median over mean


NOT_RATED: Final[Mapping[bytes, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Charges:
    """Charges that count, in order of pack and time; shape (charges,). pack: index, ascending.

    first: index of the first charge of the pack of each. value: capacity [Ah] or height of the peak
    [Ah/V]. random, common: standard uncertainty that changes from charge to charge, and that all
    share (none for the peak).
    """

    row: NDArray[np.intp]
    pack: Ints
    first: NDArray[np.intp]
    day: Ints
    value: Floats
    random: Floats
    common: Floats


@dataclass(frozen=True, slots=True)
class _State:
    """What is known after each charge. std: of the combined value without `common`."""

    value: Floats
    std: Floats
    common: Floats
    count: Ints


def health(charges: Columns, rules: HealthRules, charge_rules: ChargeRules, as_of_ms: int,
           rated_ah: Mapping[bytes, float] = NOT_RATED) -> Columns:  # fmt: skip
    """Return the state of health after each day with a charge, as rows of `BATTERY_HEALTH`.

    charges: rows of `BATTERY_CHARGE`, any number of packs in any order, **all** that are kept of
    each pack: the reference is looked for in the first of them. charge_rules: those the charges
    were counted by. as_of_ms: instant of writing [ms since 1970 UTC]. rated_ah: vehicle -> rated
    capacity [Ah], of its registration; where there is none, the pack's own first months count. The
    SOH is missing where neither is known.
    """
    charges = in_force(charges)
    counted = _by_charge(charges, rules, charge_rules)
    return concat([
        _capacities(charges, counted, rules, as_of_ms, rated_ah),
        _heights(charges, _by_peak(charges, rules), counted, rules, as_of_ms),
    ])  # fmt: skip


def _known(charges: Columns, name: str) -> Floats:
    values = charges.array(name).astype(np.float64)
    mask = charges.missing.get(name)
    return values if mask is None else np.where(mask, np.nan, values)


def _picked(charges: Columns, good: NDArray[np.bool_], value: Floats, random: Floats,
            common: Floats) -> _Charges:  # fmt: skip
    """Put the good charges in order."""
    rows = np.flatnonzero(good)
    vin, pack, at = (charges.array(n) for n in ("vin", "pack_no", "start_at"))
    vin = vin.astype("S")
    rows = rows[np.lexsort((at[rows], pack[rows], vin[rows]))]
    is_new = np.ones(len(rows), np.bool_)
    is_new[1:] = (vin[rows[1:]] != vin[rows[:-1]]) | (pack[rows[1:]] != pack[rows[:-1]])
    index = np.cumsum(is_new) - 1
    day = (charges.array("end_at")[rows].astype(np.int64) + BEIJING_OFFSET_S) // _DAY_S
    return _Charges(rows, index, np.flatnonzero(is_new)[index], day, value[rows], random[rows],
                    common[rows])  # fmt: skip


def _by_charge(charges: Columns, rules: HealthRules, charge_rules: ChargeRules) -> _Charges:
    """Return the charges that tell a capacity, warm enough; their uncertainty in its two parts."""
    capacity = _known(charges, "capacity_ah")
    std = _known(charges, "capacity_std_ah")
    temp = _known(charges, "temp_start_degc")
    seconds = charges.array("end_at").astype(np.float64) - charges.array("start_at")
    charge_ah = _known(charges, "charge_ah")
    rise = _known(charges, "soc_end_pct") - _known(charges, "soc_start_pct")
    zero_a = np.hypot(charge_rules.current_offset_a, charge_rules.current_step_a / np.sqrt(12))
    with np.errstate(divide="ignore", invalid="ignore"):
        zero = zero_a * seconds / 3_600 / np.maximum(charge_ah, 1e-9)
        soc = charge_rules.soc_common_pct / np.maximum(rise, 1e-9)
        common = capacity * np.sqrt(zero**2 + soc**2 + charge_rules.current_gain_ratio**2)
        # Never the whole of it: a charge that shared everything would weigh beyond all others.
        common = np.minimum(common, 0.995 * std)
        random = np.sqrt(std**2 - common**2)
    good = (capacity > 0) & (std > 0)
    good &= ~(temp < rules.health_temp_min_degc)  # a probe that is not known forbids nothing
    return _picked(charges, good, capacity, random, common)


def _by_peak(charges: Columns, rules: HealthRules) -> _Charges:
    height = _known(charges, "ic_peak_ahpv")
    temp = _known(charges, "temp_start_degc")
    good = (height > 0) & ~(temp < rules.health_temp_min_degc)
    return _picked(charges, good, height, _PEAK_RATIO * height, np.zeros(charges.rows))


def _combined(c: _Charges, rules: HealthRules) -> _State:
    """Combine each charge with those before it in the window."""
    parts = [
        _block(c, np.arange(begin, min(begin + _BLOCK, len(c.row))), rules)
        for begin in range(0, max(len(c.row), 1), _BLOCK)
    ]
    return _State(*(np.concatenate([getattr(p, n) for p in parts]) for n in _State.__slots__))


def _block(c: _Charges, now: NDArray[np.intp], rules: HealthRules) -> _State:
    back = now[:, None] - np.arange(rules.health_charges_max)
    is_own = back >= c.first[now][:, None]
    back = np.maximum(back, 0)
    age = c.day[now][:, None] - c.day[back]
    is_own &= age <= rules.health_window_days
    return _weighed(c, back, is_own, age, rules)


def _weighed(c: _Charges, back: NDArray[np.intp], used: NDArray[np.bool_], age: Ints,
             rules: HealthRules) -> _State:  # fmt: skip
    """Return weighted mean and standard uncertainty of each row of charges, outliers left out.

    Where the charges scatter by more than they state, their scatter is believed (Birge ratio).
    """
    value = np.where(used, c.value[back], np.nan)
    weight = np.where(used, 1 / np.maximum(c.random[back], 1e-9) ** 2, 0.0)
    middle = _weighted_median(value, weight)[:, None]
    off = np.abs(value - middle)
    count = used.sum(axis=1)
    own = np.where(count >= _SCATTER_MIN, NORMAL * medians(off), 0.0)[:, None]
    kept = used & (off <= rules.health_reject_score * np.maximum(own, c.random[back]))
    weight = np.where(kept, weight, 0.0)
    total = np.maximum(weight.sum(axis=1), 1e-300)
    mean = np.where(kept, weight * c.value[back], 0).sum(axis=1) / total
    count = kept.sum(axis=1)
    chi_2 = (np.where(kept, weight * (c.value[back] - mean[:, None]) ** 2, 0)).sum(axis=1)
    birge = np.sqrt(np.maximum(chi_2 / np.maximum(count - 1, 1), 1.0))
    common = (np.where(kept, weight * c.common[back], 0)).sum(axis=1) / total
    old = (weight * age).sum(axis=1) / total / _DAYS_PER_YEAR
    fade = rules.health_fade_pct_per_year / 100 * old * mean / np.sqrt(3)
    std = np.hypot(birge / np.sqrt(total), fade)
    enough = count >= rules.health_charges_min
    return _State(np.where(enough, mean, np.nan), np.where(enough, std, np.nan), common, count)


def _weighted_median(value: Floats, weight: Floats) -> Floats:
    """Return the value at half of the weight of each row; NaN weighs nothing."""
    order = np.argsort(value, axis=1)  # NaN stands last
    ranked = np.take_along_axis(weight, order, 1).cumsum(axis=1)
    place = np.argmax(ranked >= ranked[:, -1:] / 2, axis=1)
    return np.take_along_axis(value, np.take_along_axis(order, place[:, None], 1), 1)[:, 0]


def _first_months(c: _Charges, rules: HealthRules) -> _State:
    """Return per charge what the first months of its pack say, NaN where they say too little."""
    last = np.flatnonzero(c.day - c.day[c.first] <= rules.reference_days)
    # The newest charge of the first months, and all before it.
    count = np.bincount(c.pack[last], minlength=int(c.pack[-1]) + 1 if len(c.pack) else 0)
    begins = np.unique(c.first)
    value = np.full(len(begins), np.nan)
    std, common = value.copy(), value.copy()
    for i in np.flatnonzero(count >= rules.reference_charges_min):
        own = slice(int(begins[i]), int(begins[i] + count[i]))
        value[i] = np.median(c.value[own])
        scatter = max(NORMAL * float(np.median(np.abs(c.value[own] - value[i]))),
                      float(np.median(c.random[own])))  # fmt: skip
        std[i] = _MEDIAN_EFFICIENCY * scatter / np.sqrt(count[i])
        common[i] = np.median(c.common[own])
    place = c.pack
    return _State(value[place], std[place], common[place], count[place])


def _capacities(charges: Columns, c: _Charges, rules: HealthRules, as_of_ms: int,
                rated_ah: Mapping[bytes, float]) -> Columns:  # fmt: skip
    """Return the rows of the method `charge`."""
    state, first = _combined(c, rules), _first_months(c, rules)
    told = _last_of_day(c, state.value)
    vins = charges.array("vin")[c.row[told]].astype("S").tolist()
    rated = np.array([rated_ah.get(v, np.nan) for v in vins], np.float64)
    value, std, common = state.value[told], state.std[told], state.common[told]
    own = first.value[told]
    known = [np.isfinite(rated), np.isfinite(own)]
    kind = np.select(known, [RATED, FIRST], b"")
    reference = np.select(known, [rated, own], np.nan)
    # Against its own first months, what all charges of the vehicle share cancels.
    own_std = np.hypot(std / value, first.std[told] / own)
    ratio_std = np.where(kind == FIRST, own_std, np.hypot(std, common) / value)
    soh = 100 * value / reference
    return _rows(charges, c, told, b"charge", as_of_ms, {
        "capacity_ah": value, "capacity_std_ah": np.hypot(std, common), "reference_ah": reference,
        "soh_pct": soh, "soh_std_pct": soh * ratio_std,
    }, kind, state.count[told])  # fmt: skip


def _heights(charges: Columns, c: _Charges, counted: _Charges, rules: HealthRules,
             as_of_ms: int) -> Columns:  # fmt: skip
    """Return the rows of `ic`: peak over first peak, times the capacity of the first months."""
    state, first, when_new = (
        _combined(c, rules),
        _first_months(c, rules),
        _first_months(counted, rules),
    )
    packs = {_pack(charges, counted, i): i for i in np.unique(counted.first).tolist()}
    at = np.array(
        [packs.get(_pack(charges, c, i), -1) for i in np.unique(c.first).tolist()], np.intp
    )
    base = np.append(when_new.value, np.nan)[at][c.pack]  # -1: no capacity of that pack
    told = _last_of_day(c, state.value * first.value * base)
    ratio = state.value[told] / first.value[told]
    ratio_std = ratio * np.hypot(
        state.std[told] / state.value[told], first.std[told] / first.value[told]
    )
    return _rows(charges, c, told, b"ic", as_of_ms, {
        "capacity_ah": ratio * base[told], "capacity_std_ah": ratio_std * base[told],
        "reference_ah": base[told], "soh_pct": 100 * ratio, "soh_std_pct": 100 * ratio_std,
    }, np.full(len(told), FIRST), state.count[told])  # fmt: skip


def _pack(charges: Columns, c: _Charges, place: int) -> tuple[bytes, int]:
    row = c.row[place]
    return bytes(charges.array("vin")[row]), int(charges.array("pack_no")[row])


def _last_of_day(c: _Charges, value: Floats) -> NDArray[np.intp]:
    """Return the places of the last charge of each pack and day, where `value` is known."""
    is_last = np.ones(len(c.row), np.bool_)
    is_last[:-1] = (c.pack[1:] != c.pack[:-1]) | (c.day[1:] != c.day[:-1])
    return np.flatnonzero(is_last & np.isfinite(value))


def _rows(charges: Columns, c: _Charges, told: NDArray[np.intp], method: bytes, as_of_ms: int,
          figures: Mapping[str, Floats], kind: NDArray[Any], count: Ints) -> Columns:  # fmt: skip
    row = c.row[told]
    values: dict[str, Any] = {
        "vin": charges.array("vin")[row],
        "pack_no": charges.array("pack_no")[row],
        "day": c.day[told].astype(np.uint16),
        "method": np.full(len(row), method, "S6"),
        **{name: figure.astype(np.float32) for name, figure in figures.items()},
        "reference": kind.astype("S5"),
        "charge_count": count.astype(np.uint16),
        "as_of": np.full(len(row), as_of_ms, np.int64),
    }
    missing = {n: ~np.isfinite(figures[n]) for n in ("reference_ah", "soh_pct", "soh_std_pct")}
    return Columns(len(row), values, missing)
