"""The sequential test of a group as a curve: the statistic after every case.

The same mixed likelihood ratio as `fleet.groups.log_likelihood_ratio`, of which a suspicion keeps
the largest value; the page shows how it came there. Vehicles count as watched from the day of their
first reports.
"""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from millbrain.analyse.battery.fleet.groups import log_likelihood_ratios
from millbrain.analyse.battery.model import FleetRules
from millbrain.core.pages import Rows
from millbrain.core.times import BEIJING_OFFSET_S


def course(cases: Rows, watched: Rows) -> dict[str, Any]:
    """Return ``points``: [ms, ratio after that case], and the ``limit`` it is compared with.

    cases: rows of the query `cases`. watched: rows of the query `watched`.
    """
    rules = FleetRules()
    first = np.array([_seconds(row["first_at"]) for row in cases], np.int64)
    own = np.array([bool(row["is_own"]) for row in cases], np.bool_)
    since = _repeated(watched, "vehicles")
    own_since = _repeated(watched, "own")
    times, ratios = log_likelihood_ratios(first, own, since, own_since, rules)
    return {
        "points": [[int(t) * 1000, round(float(r), 4)] for t, r in zip(times, ratios, strict=True)],
        "limit": round(float(-np.log(rules.fleet_error_ratio)), 4),
    }


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _repeated(watched: Rows, name: str) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return the beginning of watching of each vehicle, ascending [s]."""
    days = [datetime.fromisoformat(row["day"]).replace(tzinfo=UTC).timestamp() for row in watched]
    starts = np.array(days, np.int64) - BEIJING_OFFSET_S
    return np.repeat(starts, np.array([row[name] for row in watched], np.int64))
