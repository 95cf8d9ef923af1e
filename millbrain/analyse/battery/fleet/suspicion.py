"""A suspicion: a group of vehicles beyond what chance explains, with its figures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from millbrain.analyse.battery.fleet.patterns import Pattern
from millbrain.core.columns import Columns

DESIGN: Final = "design"
STRATEGY: Final = "strategy"
OPEN: Final = "open"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """One group and one sort of case; names as in `FLEET_SUSPICION`.

    dispersion: how much more than by chance the other groups scatter, from 1. p_value: of the
    cases, given those of all groups; q_value: false-discovery rate if it and all less likely are
    called. p_siblings: against vehicles of the same model and as long observed, NaN = there are
    none. llr: largest value reached. first_at, last_at: device time of the oldest and newest case
    [s since 1970 UTC], 0 = none.
    """

    grouped_by: str
    group: str
    what: str
    vehicles: int
    cases: int
    expected: float
    limit_high: float
    dispersion: float
    p_value: float
    q_value: float
    p_siblings: float
    llr: float
    llr_limit: float
    cause: str
    pattern: Pattern | None
    first_at: int
    last_at: int
    is_open: bool
    sentence: str = ""
    sentence_zh: str = ""

    @property
    def key(self) -> tuple[bytes, bytes, bytes]:
        """What makes it the same suspicion when more data arrive."""
        return self.grouped_by.encode(), self.group.encode(), self.what.encode()

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data; what is not known is None."""
        row = {n: getattr(self, n) for n in self.__slots__}
        known = {n: None if isinstance(v, float) and not np.isfinite(v) else v
                 for n, v in row.items()}  # fmt: skip
        return known | {"pattern": self.pattern.as_json() if self.pattern else None}


_DTYPES: Final = {
    "vehicles": np.uint32, "cases": np.uint32, "expected": np.float32, "limit_high": np.float32,
    "llr": np.float32, "llr_limit": np.float32, "first_at": np.uint32, "last_at": np.uint32,
    "is_open": np.uint8,
}  # fmt: skip
_TEXTS: Final = ("grouped_by", "group", "what", "cause", "sentence", "sentence_zh")


def suspicion_columns(found: Sequence[Suspicion], as_of_ms: int) -> Columns:
    """Return suspicions as rows of `FLEET_SUSPICION`; as_of_ms: instant of writing."""
    values: dict[str, Any] = {
        n: np.array([getattr(s, n) for s in found], kind) for n, kind in _DTYPES.items()
    }
    for name in _TEXTS:
        values[name] = np.array([getattr(s, name).encode() for s in found], object)
    patterns = [json.dumps(s.pattern.as_json()).encode() if s.pattern else b"" for s in found]
    values["pattern"] = np.array(patterns, object)
    values["as_of"] = np.full(len(found), as_of_ms, np.int64)
    return Columns(len(found), values)
