"""Rules and small models beside the machines: what they make is a signal like any other.

A rule's `when` holds for `for_s` seconds of device time -> its signal becomes 1, else 0; it is told
when it changes. A derived signal is told with every value that it is made of. A model is a pure
function over the newest values of one signal. All of it goes through the buffer to the centre, and
works on while the centre is away.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.process.calc.charts import ewma
from millbrain.core import limits
from millbrain.core.errors import SettingsError
from millbrain.core.plant.readings import GOOD
from millbrain.run.edge.expressions import Expression
from millbrain.run.edge.packing import Rows

Made = tuple[str, str, int, float]  # thing, signal, device_at [ms], value


class Naming(Protocol):
    """Numbers and names of series; `buffer.Buffer` has them."""

    names: dict[int, tuple[str, str]]

    def series(self, names: Sequence[tuple[str, str]]) -> list[int]:
        """Return the numbers of series."""
        ...


@dataclass(frozen=True, slots=True)
class Action:
    """A write that a rule orders. thing: whose signal, empty = of the thing that the rule is of."""

    signal: str
    value: float | str
    thing: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition over the signals of each thing that `thing` fits; signal: told as 0 or 1."""

    thing: str
    signal: str
    when: Expression
    for_s: float = 0.0
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Raised:
    """A rule that became true for a thing, at an instant of its device time [ms]."""

    rule: Rule
    thing: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Derived:
    """A signal computed of others of the same thing."""

    thing: str
    signal: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Model:
    """A pure function over the newest `window` values of a signal, told as signal `tells`."""

    thing: str
    signal: str
    tells: str
    kind: str
    window: int
    parameters: Mapping[str, float] = field(default_factory=dict)


def _threshold(values: NDArray[np.float64], high: float = np.inf, low: float = -np.inf) -> float:
    """Return 1 where the newest value lies outside, else 0."""
    return float(not low <= values[-1] <= high)


def _ewma(values: NDArray[np.float64], weight: float = 0.2, width: float = 3.0) -> float:
    """Return how far the average lies from its centre, in widths of its limits; above 1 is out."""
    first = max(2, len(values) // 2)
    chart = ewma(values, weight, width, first)
    half = (chart.upper[-1] - chart.lower[-1]) / 2
    return float(abs(chart.value[-1] - chart.centre[-1]) / half) if half > 0 else 0.0


def _slope(values: NDArray[np.float64]) -> float:
    """Return the slope of the line through the values, per value."""
    return float(np.polyfit(np.arange(len(values)), values, 1)[0])


MODELS: Final[Mapping[str, Callable[..., float]]] = {
    "threshold": _threshold, "ewma": _ewma, "slope": _slope,
}  # fmt: skip


class Local:
    """Applies rules, derived signals and models to what comes in. Used by one thread."""

    def __init__(
        self, naming: Naming, rules: Sequence[Rule], derived: Sequence[Derived],
        models: Sequence[Model],
    ) -> None:  # fmt: skip
        if len(rules) + len(derived) + len(models) > limits.EDGE_RULES_MAX:
            raise SettingsError(f"more than {limits.EDGE_RULES_MAX} rules and models")
        self._naming, self._rules, self._derived, self._models = naming, rules, derived, models
        self._latest: dict[str, dict[str, float]] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._told: dict[tuple[str, str], float] = {}
        self._windows: dict[tuple[str, str], deque[float]] = {}
        self._wanted: dict[int, bool] = {}
        self._raised: deque[Raised] = deque(maxlen=limits.EDGE_RULES_MAX)
        self._made_by_us = {r.signal for r in rules} | {d.signal for d in derived}
        self._made_by_us |= {m.tells for m in models}

    def __call__(self, rows: Rows) -> Rows | None:
        """Return the rows that are made of these, None where there are none."""
        numbers = np.unique(rows.series).tolist()
        wanted = [n for n in numbers if self._is_wanted(n)]
        if not wanted:
            return None
        chosen = np.flatnonzero(np.isin(rows.series, wanted) & np.isfinite(rows.value))
        order = chosen[np.argsort(rows.device_at[chosen], kind="stable")]
        made: list[Made] = []
        for number, at_ms, value in zip(
            rows.series[order].tolist(), rows.device_at[order].tolist(),
            rows.value[order].tolist(), strict=True,
        ):  # fmt: skip
            thing, signal = self._naming.names[number]
            made += self._take(thing, signal, at_ms, value)
        return self._as_rows(made) if made else None

    def raised(self) -> list[Raised]:
        """Return the rules that became true since the last call."""
        found = list(self._raised)
        self._raised.clear()
        return found

    def _is_wanted(self, number: int) -> bool:
        found = self._wanted.get(number)
        if found is None:
            thing, signal = self._naming.names[number]
            found = signal not in self._made_by_us and (
                any(signal in r.when.signals and fnmatchcase(thing, r.thing) for r in self._rules)
                or any(
                    signal in d.value.signals and fnmatchcase(thing, d.thing) for d in self._derived
                )
                or any(signal == m.signal and fnmatchcase(thing, m.thing) for m in self._models)
            )
            self._wanted[number] = found
        return found

    def _take(self, thing: str, signal: str, at_ms: int, value: float) -> list[Made]:
        latest = self._latest.setdefault(thing, {})
        latest[signal] = value
        made: list[Made] = []
        for derived in self._derived:
            if signal in derived.value.signals and fnmatchcase(thing, derived.thing):
                found = derived.value.value(latest)
                if found is not None:
                    latest[derived.signal] = found
                    made.append((thing, derived.signal, at_ms, found))
        for rule in self._rules:
            if fnmatchcase(thing, rule.thing):
                made += self._judge(rule, thing, at_ms, latest)
        for model in self._models:
            if model.signal == signal and fnmatchcase(thing, model.thing):
                made += self._see(model, thing, at_ms, value)
        return made

    def _judge(self, rule: Rule, thing: str, at_ms: int, latest: Mapping[str, float]) -> list[Made]:
        found = rule.when.value(latest)
        key = (thing, rule.signal)
        if found is None:
            return []
        since = self._since.setdefault(key, at_ms) if found else at_ms
        if not found:
            self._since.pop(key, None)
        state = float(bool(found) and at_ms - since >= rule.for_s * 1000)
        if self._told.get(key) == state:
            return []
        self._told[key] = state
        if state:
            self._raised.append(Raised(rule, thing, at_ms))
        return [(thing, rule.signal, at_ms, state)]

    def _see(self, model: Model, thing: str, at_ms: int, value: float) -> list[Made]:
        window = self._windows.setdefault((thing, model.tells), deque(maxlen=model.window))
        window.append(value)
        if len(window) < model.window:
            return []
        found = MODELS[model.kind](np.array(window), **model.parameters)
        return [(thing, model.tells, at_ms, found)] if np.isfinite(found) else []

    def _as_rows(self, made: Sequence[Made]) -> Rows:
        numbers = self._naming.series([(t, s) for t, s, _, _ in made])
        return Rows(
            np.array(numbers, np.int32), np.array([m[2] for m in made], np.int64),
            np.array([m[3] for m in made]), np.full(len(made), GOOD, np.uint8),
        )  # fmt: skip


def model_of(told: Mapping[str, Any]) -> Model:
    """Return a model as the settings tell it.

    Raises
    ------
    SettingsError
        There is no such model, or it has not such a parameter.
    """
    kind, window = str(told.get("kind", "")), int(told.get("window", 1))
    if kind not in MODELS:
        raise SettingsError(f"model {kind!r}; {', '.join(MODELS)} are known")
    code = MODELS[kind].__code__
    allowed = code.co_varnames[1 : code.co_argcount]
    parameters = {n: float(v) for n, v in told.get("parameters", {}).items()}
    unknown = parameters.keys() - set(allowed)
    if unknown or not 1 <= window <= limits.EDGE_WINDOW_MAX:
        raise SettingsError(
            f"model {kind}: parameters {', '.join(allowed) or 'none'} and a window of 1 to "
            f"{limits.EDGE_WINDOW_MAX} are allowed; found {sorted(unknown)}, {window}"
        )
    signal = str(told["signal"])
    tells = str(told.get("tells", f"{signal}_{kind}"))
    return Model(str(told.get("thing", "*")), signal, tells, kind, window, parameters)
