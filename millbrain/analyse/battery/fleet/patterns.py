"""The sequence of states that comes before events and not before other instants.

The minutes before each event are cut into states (band of SOC, of temperature, of current; doing;
DC-DC; gear; changes of the last three). A pair of states is tested against controls, other minutes
of the same vehicles in the same doing, by Fisher's exact test, corrected for every state and pair
that could have been tried (Bonferroni). States by which the event is defined are left out: that a
DC-DC is off before it is found to be off explains nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.fleet.exact import fisher_upper
from millbrain.analyse.battery.fleet.signals import Floats, Ints, Signals, signals
from millbrain.analyse.battery.model import StrategyRules
from millbrain.core.columns import Columns

_CONTROLS_EACH: Final = 3
_WINDOWS_MAX: Final = 5_000  # events looked at; the oldest of them, so that the choice is stable
_ITEMS_MAX: Final = 5
_TEMP_EDGES: Final = (0, 10, 20, 30, 40, 50, 60)
_CURRENT_EDGES: Final = (-100.0, -10.0, 10.0, 100.0)

DOINGS: Final = (
    ("charging", "充电"), ("driving", "行驶"), ("standing", "静止"), ("off", "熄火"),
)  # fmt: skip
_CHARGING, _DRIVING, _STANDING, _OFF = range(4)
_DCDCS: Final = (("on", "工作"), ("off", "断开"))
_GEARS: Final = (("N", "空挡"), ("D", "前进挡"), ("R", "倒挡"), ("P", "驻车挡"))
_CURRENTS: Final = (
    ("charging over 100 A", "充电大于100 A"), ("charging 10 to 100 A", "充电10至100 A"),
    ("within 10 A", "10 A以内"), ("discharging 10 to 100 A", "放电10至100 A"),
    ("discharging over 100 A", "放电大于100 A"),
)  # fmt: skip
_SOCS: Final = (
    *((f"{p} to {p + 9} %", f"{p}~{p + 9}%") for p in range(0, 100, 10)),
    ("100 %", "100%"),
)
_TEMPS: Final = (
    ("below 0 °C", "低于0 °C"),
    *((f"{t} to {t + 9} °C", f"{t}~{t + 9} °C") for t in _TEMP_EDGES[:-1]),
    ("60 °C or more", "60 °C及以上"),
)

# What an event says of itself (`strategy.events`).
IMPLIED: Final[Mapping[bytes, frozenset[str]]] = {
    b"soc_jump": frozenset(),
    b"dcdc_off": frozenset(("doing", "dcdc")),
    b"hot_charge": frozenset(("doing", "temperature", "current")),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One state of a sequence: signal, its value in both languages, median time before [s]."""

    signal: str
    value: str
    value_zh: str
    before_s: float


@dataclass(frozen=True, slots=True)
class Pattern:
    """A sequence that comes before the events: oldest state first.

    share: of the events that it comes before. share_others: of the controls. p_value: corrected for
    all that could have been tried. events, controls: how many were looked at.
    """

    items: tuple[Item, ...]
    share: float
    share_others: float
    p_value: float
    events: int
    controls: int

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        row = {n: getattr(self, n) for n in self.__slots__}
        items = [{n: getattr(i, n) for n in i.__slots__} for i in self.items]
        return row | {"items": items}


@dataclass(frozen=True, slots=True)
class _Token:
    signal: str
    value: str
    value_zh: str


@dataclass(frozen=True, slots=True)
class _States:
    """Codes of each row and signal, -1 = not known; shape (rows, signals); and what they mean."""

    codes: Ints
    names: tuple[str, ...]
    values: tuple[tuple[tuple[str, str], ...], ...]


def pattern(columns: Columns, vin: NDArray[Any], at: Ints, kind: bytes,
            rules: StrategyRules) -> Pattern | None:  # fmt: skip
    """Return the sequence before the events of one kind, None where there is none.

    columns: reports of the vehicles around their events, rows in any order; more of the same days
    gives controls. vin, at: the events [s since 1970 UTC]. kind: of `EVENT_KINDS`, or any other
    word for events that define no state of their own.
    """
    seen = signals(columns)
    place, when = _placed(seen, np.asarray(vin).astype("S"), at)
    if len(place) < 2:
        return None
    doing = _doing(seen, rules)
    others = _controls(seen, place, when, doing, rules)
    states = _states(seen, doing)
    tokens = _tokens(states)
    ends, ends_at = np.r_[place, others], np.r_[when, seen.at[others]]
    held, age = _held(seen, ends, ends_at, states, rules)
    allowed = np.array([t.signal not in IMPLIED.get(kind, frozenset()) for t in tokens])
    return _best(held & allowed, age, len(place), tokens, rules)


def _placed(seen: Signals, vin: NDArray[Any], at: Ints) -> tuple[NDArray[np.intp], Ints]:
    """Return the row at or before each event, the oldest events first; others are passed over."""
    order = np.lexsort((vin, at))[:_WINDOWS_MAX]
    vin, at = vin[order], at[order]
    begin, end = np.searchsorted(seen.vin, vin), np.searchsorted(seen.vin, vin, "right")
    known = begin < end
    begin, end, at = begin[known], end[known], at[known]
    # Rows are in order of vehicle and time, so one search over both is enough.
    far = np.int64(1) << 34
    place = np.searchsorted(seen.vehicle * far + seen.at, seen.vehicle[begin] * far + at, "right")
    good = (place > begin) & (place <= end)
    return place[good] - 1, at[good]


def _controls(seen: Signals, place: NDArray[np.intp], when: Ints, doing: Ints,
              rules: StrategyRules) -> NDArray[np.intp]:  # fmt: skip
    """Return rows of the same vehicles in a doing of the events, far from every event."""
    far = np.int64(1) << 34
    key = seen.vehicle * far + seen.at
    events = np.sort(seen.vehicle[place] * far + when)
    after = np.searchsorted(events, key)
    nearest = np.minimum(
        np.abs(key - events[np.minimum(after, len(events) - 1)]),
        np.abs(key - events[np.maximum(after - 1, 0)]),
    )
    apart = nearest > 2 * rules.before_s
    usual = np.isin(doing, np.unique(doing[place]))
    free = np.flatnonzero(apart & usual & np.isin(seen.vehicle, seen.vehicle[place]))
    wanted = min(_CONTROLS_EACH * len(place), len(free))
    return free[np.linspace(0, len(free) - 1, wanted).astype(np.intp)] if wanted else free


def _doing(seen: Signals, rules: StrategyRules) -> Ints:
    with np.errstate(invalid="ignore"):
        driving = seen.speed_kmh >= rules.driving_kmh
    return np.select(
        [np.isin(seen.charge_state, (1, 2)) & ~driving, driving, seen.vehicle_state == 2],
        [_CHARGING, _DRIVING, _OFF], _STANDING,
    )  # fmt: skip


def _states(seen: Signals, doing: Ints) -> _States:
    gear = np.select([seen.gear == 255, *((seen.gear & 15) == g for g in (0, 14, 13, 15))],
                     [-1, 0, 1, 2, 3], 1)  # fmt: skip
    dcdc = np.select([seen.dcdc_state == 1, seen.dcdc_state == 2], [0, 1], -1)
    columns = (
        _banded(seen.soc_pct, range(10, 101, 10)), _banded(seen.temp_max_degc, _TEMP_EDGES),
        _banded(seen.current_a, _CURRENT_EDGES), doing, dcdc, gear,
    )  # fmt: skip
    plain: tuple[tuple[tuple[str, str], ...], ...] = (
        _SOCS, _TEMPS, _CURRENTS, DOINGS, _DCDCS, _GEARS,
    )  # fmt: skip
    names = ("SOC", "temperature", "current", "doing", "dcdc", "gear")
    same = np.zeros(len(seen), np.bool_)
    same[1:] = np.diff(seen.vehicle) == 0
    changes = [_changed(columns[i], len(plain[i]), same) for i in (3, 4, 5)]
    pairs = tuple(
        tuple((f"{a} to {b}", f"{az}转{bz}") for a, az in plain[i] for b, bz in plain[i])
        for i in (3, 4, 5)
    )
    return _States(np.stack([*columns, *changes], axis=1), names + names[3:], plain + pairs)


def _banded(values: Floats, edges: Any) -> Ints:
    codes = np.digitize(np.nan_to_num(values), list(edges))
    return np.where(np.isfinite(values), codes, -1)


def _changed(codes: Ints, count: int, same: NDArray[np.bool_]) -> Ints:
    before = np.r_[codes[:1], codes[:-1]]
    moved = same & (codes != before) & (codes >= 0) & (before >= 0)
    return np.where(moved, before * count + codes, -1)


def _tokens(states: _States) -> list[_Token]:
    return [_Token(name, en, zh) for name, values in zip(states.names, states.values, strict=True)
            for en, zh in values]  # fmt: skip


def _held(seen: Signals, ends: NDArray[np.intp], ends_at: Ints, states: _States,
          rules: StrategyRules) -> tuple[NDArray[np.bool_], Floats]:  # fmt: skip
    """Return which states each window holds, and how long before its end each began [s].

    A window is what was reported within `before_s` up to the row of its end.
    """
    far = np.int64(1) << 34
    key = seen.vehicle * far + seen.at
    begins = np.searchsorted(key, seen.vehicle[ends] * far + ends_at - rules.before_s)
    sizes = np.maximum(ends + 1 - begins, 0)
    window = np.repeat(np.arange(len(ends)), sizes)
    row = np.arange(len(window)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + begins[window]
    offsets = np.cumsum([0, *(len(v) for v in states.values)])
    held = np.zeros((len(ends), int(offsets[-1])), np.bool_)
    age = np.full(held.shape, np.nan)
    seconds = (ends_at[window] - seen.at[row]).astype(np.float64)
    for signal in range(len(states.names)):
        code = states.codes[row, signal]
        known = np.flatnonzero(code >= 0)[::-1]  # the oldest is written last and stays
        at = (window[known], offsets[signal] + code[known])
        held[at] = True
        age[at] = seconds[known]
    return held, age


def _best(held: NDArray[np.bool_], age: Floats, events: int, tokens: list[_Token],
          rules: StrategyRules) -> Pattern | None:  # fmt: skip
    """Return the state or pair of states with the smallest p, and what always goes with it."""
    own, others = held[:events], held[events:]
    tried = np.flatnonzero(held.any(axis=0))
    factor = max(len(tried) * (len(tried) + 1) // 2, 1)
    common = [int(t) for t in tried if own[:, t].mean() >= rules.pattern_share_min_ratio]
    sets = [(t,) for t in common] + list(combinations(common, 2))
    hits = [own[:, list(s)].all(axis=1).sum() for s in sets]
    sets = [
        s for s, h in zip(sets, hits, strict=True) if h >= rules.pattern_share_min_ratio * events
    ]
    if not sets or not len(others):
        return None
    k = np.array([own[:, list(s)].all(axis=1).sum() for s in sets])
    o = np.array([others[:, list(s)].all(axis=1).sum() for s in sets])
    p = fisher_upper(k, events, o, len(others))
    # Of equal ones the one seen before more events, then the declared order.
    first = min(range(len(sets)), key=lambda i: (p[i], -k[i], sets[i]))
    if p[first] * factor > rules.pattern_error_ratio:
        return None
    chosen = _closed(set(sets[first]), own, others, common, rules.pattern_error_ratio / factor)
    has, had = own[:, chosen].all(axis=1), others[:, chosen].all(axis=1)
    items = [Item(tokens[t].signal, tokens[t].value, tokens[t].value_zh,
                  float(np.nanmedian(age[:events][has, t]))) for t in chosen]  # fmt: skip
    items.sort(key=lambda i: (-i.before_s, i.signal, i.value))
    return Pattern(tuple(items), float(has.mean()), float(had.mean()),
                   float(min(p[first] * factor, 1)), events, len(others))  # fmt: skip


def _closed(chosen: set[int], own: NDArray[np.bool_], others: NDArray[np.bool_],
            common: list[int], limit: float) -> list[int]:  # fmt: skip
    """Add states that stand out by themselves and that the same events hold."""
    for token in common:
        before = own[:, sorted(chosen)].all(axis=1)
        alone = float(fisher_upper(own[:, token].sum(), len(own), others[:, token].sum(),
                                   len(others)))  # fmt: skip
        if len(chosen) < _ITEMS_MAX and alone <= limit and own[before, token].all():
            chosen = chosen | {token}
    return sorted(chosen)
