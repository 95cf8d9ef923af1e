"""Limits of a signal: beyond which values somebody must be told.

Four limits at most, as operators know them: low-low, low, high, high-high. They belong to a signal
of a thing, whatever way its values come.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from millbrain.core.errors import LimitError
from millbrain.core.forms import FormField

NAMES: Final = ("low_low", "low", "high", "high_high")  # ascending
THING_BYTES_MAX: Final = 128
FIELDS: Final = (
    FormField("thing", "text", "Thing", "对象", is_required=True, longest=THING_BYTES_MAX),
    FormField("signal", "text", "Signal", "信号", is_required=True, longest=THING_BYTES_MAX),
    FormField("low_low", "number", "Low-low limit", "低低限", headings=("ll",)),
    FormField("low", "number", "Low limit", "低限", headings=("l",)),
    FormField("high", "number", "High limit", "高限", headings=("h",)),
    FormField("high_high", "number", "High-high limit", "高高限", headings=("hh",)),
    FormField("deadband", "number", "Deadband", "死区", low=0),
)


@dataclass(frozen=True, slots=True)
class SignalLimits:
    """The limits of one signal, in its unit; None = there is none.

    number: which of the thing's limited signals, from 1; the ledger gives it and never changes it,
    0 = not given yet. deadband: how far back inside a limit a value must come to have returned.

    Raises
    ------
    LimitError
        No limit is given, one is no number, or they do not ascend.
    """

    thing: str
    signal: str
    low_low: float | None = None
    low: float | None = None
    high: float | None = None
    high_high: float | None = None
    deadband: float = 0.0
    number: int = 0

    def __post_init__(self) -> None:
        """Refuse limits that contradict each other."""
        where = f"limits of {self.signal} of {self.thing}"
        given = [value for value in self.bounds if value is not None]
        if not given:
            raise LimitError(f"{where}: none is given; allowed are {', '.join(NAMES)}")
        if not all(math.isfinite(value) for value in (*given, self.deadband)):
            raise LimitError(f"{where}: {given} was found; finite numbers are allowed")
        if any(a >= b for a, b in pairwise(given)):
            raise LimitError(f"{where}: {given} was found; {' < '.join(NAMES)} is allowed")
        if self.deadband < 0:
            raise LimitError(f"{where}: deadband {self.deadband:g} was found; 0 or more is allowed")

    @property
    def bounds(self) -> tuple[float | None, float | None, float | None, float | None]:
        """The four limits, ascending."""
        return (self.low_low, self.low, self.high, self.high_high)


def limits_of(values: Mapping[str, Any]) -> SignalLimits:
    """Return the limits of one row of a form; LimitError where they contradict each other."""
    low_low, low, high, high_high = (values.get(name) for name in NAMES)
    return SignalLimits(
        values["thing"], values["signal"], low_low, low, high, high_high,
        deadband=values.get("deadband") or 0.0,
    )  # fmt: skip
