"""Characteristics: what is measured on parts or machines and held against specification limits.

A characteristic is a signal of a thing together with what statistical process control needs to know
of it: the chart, the size of a subgroup, the limits of the drawing, and which points the control
limits are computed from (phase I). They are data: `characteristics.toml` of an installation, or
those of the operations that a plant's machines do (`of_plant`).
"""

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from millbrain.core.errors import SettingsError
from millbrain.core.plant.plant import Plant

SUBGROUP_MAX: Final = 25  # a larger subgroup tells no more of the spread within it
BASELINE_MAX: Final = 1_000


class ChartKind(StrEnum):
    """Control charts: of measured values, then of counts, then of small shifts."""

    I_MR = "i-mr"
    XBAR_R = "xbar-r"
    XBAR_S = "xbar-s"
    P = "p"
    NP = "np"
    C = "c"
    U = "u"
    EWMA = "ewma"
    CUSUM = "cusum"


OF_COUNTS: Final = (ChartKind.P, ChartKind.NP, ChartKind.C, ChartKind.U)
RULE_SETS: Final = ("nelson", "western-electric")


@dataclass(frozen=True, slots=True)
class Charted:
    """One characteristic of one thing.

    number: which of the thing's characteristics, from 1. unit: symbol. lower, upper: specification
    limits in that unit, NaN = none. target: nominal value, NaN = the middle of the limits where
    both are given. subgroup: readings of one point. size_signal: signal that carries how many were
    looked at, at the same instant as the count; empty = `size` of them each time. baseline: points
    of phase I, the first ones since `since` (ISO instant with zone, empty = the oldest). centre,
    sigma: known from before, so that there is no phase I; NaN = not known. cpk_min: what the
    capability is held against. rules: the set of rules. operator: organisation, empty = all.
    """

    thing: str
    signal: str
    title: str
    title_zh: str
    chart: ChartKind = ChartKind.I_MR
    number: int = 1
    unit: str = ""
    lower: float = math.nan
    upper: float = math.nan
    target: float = math.nan
    subgroup: int = 1
    size: int = 0
    size_signal: str = ""
    baseline: int = 25
    since: str = ""
    centre: float = math.nan
    sigma: float = math.nan
    cpk_min: float = 1.33
    rules: str = "nelson"
    operator: str = ""

    def __post_init__(self) -> None:
        """Refuse a declaration that contradicts itself."""
        wrong = list(_problems(self))
        if wrong:
            raise SettingsError(f"characteristic {self.signal} of {self.thing}: {'; '.join(wrong)}")

    @property
    def since_ms(self) -> int:
        """Begin of phase I [ms since 1970 UTC], 0 = the oldest reading."""
        return round(datetime.fromisoformat(self.since).timestamp() * 1000) if self.since else 0


def _problems(c: Charted) -> list[str]:
    wrong = []
    if not c.thing or not c.signal or not c.title or not c.title_zh:
        wrong.append("thing, signal, title and title_zh must be given")
    if not 1 <= c.number <= 255:
        wrong.append(f"number is {c.number}; 1 to 255 are allowed")
    is_grouped = c.chart in (ChartKind.XBAR_R, ChartKind.XBAR_S)
    low = 2 if is_grouped else 1
    if not low <= c.subgroup <= SUBGROUP_MAX:
        wrong.append(f"a subgroup is {c.subgroup}; {low} to {SUBGROUP_MAX} are allowed")
    if c.subgroup > 1 and not is_grouped:
        wrong.append(f"chart {c.chart} has no subgroups")
    if not 2 <= c.baseline <= BASELINE_MAX:
        wrong.append(f"the baseline is {c.baseline} points; 2 to {BASELINE_MAX} are allowed")
    if c.lower >= c.upper:
        wrong.append(f"the lower limit {c.lower:g} is not below the upper one {c.upper:g}")
    if c.chart in OF_COUNTS and not c.size_signal and c.size < 1:
        wrong.append(f"chart {c.chart} needs size or size_signal: of how many were counted")
    if c.sigma <= 0 or math.isfinite(c.centre) != math.isfinite(c.sigma):
        wrong.append("centre and sigma are known together, and sigma is above 0")
    if c.rules not in RULE_SETS:
        wrong.append(f"there are no rules {c.rules!r}; there are {', '.join(RULE_SETS)}")
    if c.since and datetime.fromisoformat(c.since).tzinfo is None:
        wrong.append(f"since is {c.since!r}; an instant has a zone, as 2026-01-05T08:00:00+08:00")
    return wrong


def read_characteristics(text: str, where: str) -> tuple[Charted, ...]:
    """Read the characteristics that a TOML text declares as ``[[characteristic]]``.

    where: name of the text, for messages.

    Raises
    ------
    SettingsError
        Not TOML, an unknown or wrong entry, or the same characteristic twice.
    """
    try:
        found = tuple(_characteristic(row) for row in tomllib.loads(text)["characteristic"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as e:
        raise SettingsError(f"{where}: characteristics cannot be read: {e}") from e
    check_apart(found)
    return found


def check_apart(found: Sequence[Charted]) -> None:
    """Raise SettingsError where two characteristics cannot be told from one another."""
    names = Counter(n for c in found for n in ((c.thing, c.signal), (c.thing, str(c.number))))
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise SettingsError(f"characteristics: {min(twice)} stands twice")


def of_plant(plant: Plant) -> tuple[Charted, ...]:
    """Return what a plant's operations say is measured, for every machine that may do them."""
    return tuple(
        Charted(
            unit.id, c.name, c.title, c.title_zh,
            chart=ChartKind.XBAR_R if c.sample > 1 else ChartKind.I_MR, number=number,
            unit=c.unit, lower=c.lower, upper=c.upper, target=c.nominal, subgroup=c.sample,
        )
        for unit in plant.units()
        for number, c in enumerate(plant.characteristics_of(unit.id), 1)
    )  # fmt: skip


def _characteristic(row: Mapping[str, Any]) -> Charted:
    return Charted(**{**row, "chart": ChartKind(row.get("chart", ChartKind.I_MR))})
