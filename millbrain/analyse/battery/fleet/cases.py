"""What the fleet statistics count: findings, alarm bits and battery events as cases of vehicles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core.columns import Columns
from millbrain.core.facts import GENERAL_ALARMS

_BY_ALARMS_OF_THE_VEHICLE: Final = b"alarm:"


@dataclass(frozen=True, slots=True)
class Cases:
    """Vehicles with something, as many rows as there are observations of it; shape (cases,).

    what: sort of the case as ``S``: ``finding:capacity``, ``alarm:5``, ``event:soc_jump``. at:
    device time [s since 1970 UTC].
    """

    vin: NDArray[Any]
    what: NDArray[Any]
    at: NDArray[np.int64]


def cases_of_findings(findings: Columns) -> Cases:
    """Return a case per row of `FINDING` (any version, open or not): its first evidence."""
    return _cases(findings, "thing", "kind", "first_seen_at", b"finding:")


def cases_of_events(events: Columns) -> Cases:
    """Return a case per row of `BATTERY_EVENT`."""
    return _cases(events, "vin", "kind", "device_at", b"event:")


def cases_of_alarms(days: Columns) -> Cases:
    """Return a case per alarm bit of each row of `BATTERY_DAY`: the vehicles' own alarms."""
    flags = days.array("alarm_flags").astype(np.int64)
    vin, at = days.array("vin").astype("S"), days.array("first_at").astype(np.int64)
    parts = []
    for bit in range(len(GENERAL_ALARMS)):
        rows = np.flatnonzero(flags >> bit & 1)
        what = np.full(len(rows), _BY_ALARMS_OF_THE_VEHICLE + str(bit).encode())
        parts.append(Cases(vin[rows], what, at[rows]))
    return joined(parts)


def joined(parts: Sequence[Cases]) -> Cases:
    """Return the cases of several sources as one."""
    if not parts:
        return Cases(np.zeros(0, "S1"), np.zeros(0, "S1"), np.zeros(0, np.int64))
    return Cases(*(np.concatenate([getattr(p, n) for p in parts]) for n in Cases.__slots__))


def _cases(columns: Columns, vin: str, kind: str, at: str, prefix: bytes) -> Cases:
    what = np.char.add(prefix, columns.array(kind).astype("S"))
    return Cases(columns.array(vin).astype("S"), what, columns.array(at).astype(np.int64))
