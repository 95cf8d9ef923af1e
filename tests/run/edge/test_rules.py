"""The closed language, local rules, derived signals and models, by hand."""

import numpy as np
import pytest

from millbrain.core.errors import SettingsError
from millbrain.run.edge.expressions import Expression
from millbrain.run.edge.packing import Rows
from millbrain.run.edge.rules import Derived, Local, Rule, model_of

NOW = 1_700_000_000_000
VALUES = {"speed_rpm": 3000.0, "torque_nm": 95.49, "on": 1.0, "zero": 0.0}


class Names:
    """Numbers of series in memory."""

    def __init__(self) -> None:
        self.names: dict[int, tuple[str, str]] = {}

    def series(self, names: list[tuple[str, str]]) -> list[int]:
        for name in names:
            if name not in self.names.values():
                self.names[len(self.names) + 1] = name
        back = {n: i for i, n in self.names.items()}
        return [back[n] for n in names]


@pytest.mark.parametrize(("text", "value"), [
    ("torque_nm * speed_rpm / 9549", 30.0), ("speed_rpm > 2500 and not zero", 1.0),
    ("1 if speed_rpm > 4000 else -2", -2.0), ("max(1, 2, speed_rpm) % 7", 4.0),
    ("2000 < speed_rpm <= 3000", 1.0), ("sqrt(abs(-9)) ** 2", 9.0), ("on or absent", 1.0),
    ("1 / zero", None), ("absent + 1", None), ("sqrt(-1)", None), ("9 ** 9 ** 9", None),
])  # fmt: skip
def test_expressions_mean_what_arithmetic_means(text: str, value: float | None) -> None:
    found = Expression(text).value(VALUES)
    assert found == (pytest.approx(value, rel=1e-4) if value is not None else None)


@pytest.mark.parametrize("text", [
    "__import__('os')", "a.b", "a[0]", "[1, 2]", "lambda: 1", "'text'", "f(1)", "abs(x=1)", "a :=1",
    "a if b", "", "x for x in y", "a @ b", "a is b", "(" * 60 + "1" + ")" * 60 + "+" * 600 + "1",
])  # fmt: skip
def test_nothing_else_is_in_the_language(text: str) -> None:
    with pytest.raises(SettingsError):
        Expression(text)


def feed(
    local: Local, names: Names, told: list[tuple[str, int, float]]
) -> list[tuple[str, int, float]]:
    """Give (signal, second, value) of thing M1; return what is made."""
    rows = Rows(
        np.array(names.series([("M1", s) for s, _, _ in told]), np.int32),
        np.array([NOW + 1000 * t for _, t, _ in told], np.int64),
        np.array([v for _, _, v in told]), np.full(len(told), 192, np.uint8),
    )  # fmt: skip
    made = local(rows)
    if made is None:
        return []
    return [
        (names.names[s][1], (at - NOW) // 1000, v)
        for s, at, v in zip(
            made.series.tolist(), made.device_at.tolist(), made.value.tolist(), strict=True
        )
    ]


def test_a_rule_holds_for_its_time_and_is_told_when_it_changes() -> None:
    names = Names()
    rule = Rule("M*", "hot", Expression("temperature_degc > 80"), for_s=3)
    local = Local(names, [rule], [], [])
    told = [("temperature_degc", t, v) for t, v in enumerate((70, 81, 82, 83, 84, 85, 70, 90))]
    assert feed(local, names, told) == [("hot", 0, 0.0), ("hot", 4, 1.0), ("hot", 6, 0.0)]
    assert feed(local, names, [("temperature_degc", 9, 90.0)]) == []
    assert feed(local, names, [("temperature_degc", 10, 90.0)]) == [("hot", 10, 1.0)]


def test_a_derived_signal_follows_those_it_is_made_of() -> None:
    names = Names()
    local = Local(
        names, [], [Derived("*", "power_kw", Expression("torque_nm * speed_rpm / 9549"))], []
    )
    assert feed(local, names, [("torque_nm", 0, 95.49)]) == []
    made = feed(
        local, names, [("speed_rpm", 1, 1000.0), ("other", 1, 5.0), ("speed_rpm", 2, 2000.0)]
    )
    assert made == [("power_kw", 1, pytest.approx(10.0)), ("power_kw", 2, pytest.approx(20.0))]


def test_models_are_pure_functions_over_a_window() -> None:
    names = Names()
    models = [
        model_of({"kind": "slope", "signal": "wear_um", "window": 4}),
        model_of(
            {"kind": "threshold", "signal": "wear_um", "window": 1, "parameters": {"high": 7}}
        ),
    ]
    local = Local(names, [], [], models)
    made = feed(local, names, [("wear_um", t, 2.0 * t) for t in range(5)])
    assert [m for m in made if m[0] == "wear_um_slope"] == [
        ("wear_um_slope", 3, pytest.approx(2.0)), ("wear_um_slope", 4, pytest.approx(2.0))
    ]  # fmt: skip
    assert [m[2] for m in made if m[0] == "wear_um_threshold"] == [0, 0, 0, 0, 1]


def test_ewma_rises_above_one_when_the_mean_shifts() -> None:
    names = Names()
    local = Local(names, [], [], [model_of({"kind": "ewma", "signal": "x", "window": 40})])
    noise = np.random.default_rng(2).normal(0, 1, 60)
    noise[52:] += 4
    made = feed(local, names, [("x", t, float(v)) for t, v in enumerate(noise)])
    assert made[5][2] < 1 < made[-1][2]


@pytest.mark.parametrize("told", [
    {"kind": "oracle", "signal": "x"}, {"kind": "ewma", "signal": "x", "window": 0},
    {"kind": "slope", "signal": "x", "window": 5, "parameters": {"weight": 1}},
])  # fmt: skip
def test_unknown_models_are_refused(told: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        model_of(told)
