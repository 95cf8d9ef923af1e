"""Charges and state of health of vehicles, from the reports in the warehouse.

A charge lasts hours and crosses midnight, so it is told from the reports of whole days, with a day
before and after; a state of health from all the charges that are kept. Both are versions: counting
again writes the same rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from millbrain.analyse.battery import reading
from millbrain.analyse.battery.calc.charges import charges
from millbrain.analyse.battery.calc.health import health
from millbrain.analyse.battery.model import ChargeRules, HealthRules, chosen
from millbrain.analyse.battery.tables import BATTERY_CHARGE, BATTERY_HEALTH
from millbrain.core.columns import Columns, Ragged
from millbrain.core.rooms import Facts
from millbrain.core.tables import Table, arrow_batch
from millbrain.core.times import BEIJING_OFFSET_S

MARGIN_DAYS: Final = 1  # a charge that begins in the evening ends on the next day


def recount(
    facts: Facts, vins: Sequence[str], days: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    upto: int, as_of_ms: int, parameters: Mapping[str, float],
) -> int:  # fmt: skip
    """Count the charges that begin on consecutive days again; return how many there are."""
    wide = np.arange(int(days.min()) - MARGIN_DAYS, int(days.max()) + MARGIN_DAYS + 1)
    reports = reading.of_days(facts, vins, wide, upto)
    if not reports.rows:
        return 0
    found = charges(reports, chosen(ChargeRules, parameters), as_of_ms)
    day = (found.array("start_at").astype(np.int64) + BEIJING_OFFSET_S) // 86_400
    found = found.take(np.flatnonzero((day >= days.min()) & (day <= days.max())))
    _insert(facts, BATTERY_CHARGE, found, "datetime64[s]", "start_at")
    return found.rows


def tell_health(
    facts: Facts, vins: Sequence[str], as_of_ms: int, parameters: Mapping[str, float]
) -> int:
    """Tell the state of health of vehicles from all their charges; return the rows written."""
    picked = ", ".join(_picked(c.name, c.kind) for c in BATTERY_CHARGE.columns)
    answer = facts.query(
        f"SELECT {picked} FROM battery_charge FINAL "
        f"WHERE vin IN ({{vins:Array(String)}}) {reading.PLAIN}",
        {"vins": list(vins)},
    )
    if not answer.num_rows:
        return 0
    known = reading.columns_of(answer)
    masks = {
        name.removesuffix("_"): np.asarray(answer.column(name).is_null())
        for name in answer.column_names
        if answer.column(name).null_count
    }
    told = health(
        Columns(known.rows, known.values, masks), chosen(HealthRules, parameters),
        chosen(ChargeRules, parameters), as_of_ms,
    )  # fmt: skip
    _insert(facts, BATTERY_HEALTH, told, "datetime64[D]", "day")
    return told.rows


def _picked(name: str, kind: str) -> str:
    shown = {
        "text": f"toFixedString({name}, {reading.VIN_BYTES})",
        "at_s": f"toUInt32({name})",
        "at_ms": f"toUnixTimestamp64Milli({name})",
    }
    return f"{shown.get(kind, name)} AS {name}_"


def _insert(facts: Facts, table: Table, rows: Columns, unit: str, by: str) -> None:
    """Insert rows, those of one calendar month at once."""
    if not rows.rows:
        return
    values: Any = rows.values[by]
    if isinstance(values, Ragged):
        raise TypeError(f"{table.name}: {by} is no instant")
    months = values.astype(np.int64).astype(unit).astype("datetime64[M]").astype(np.int64)
    for month in np.unique(months):
        part = rows.take(np.flatnonzero(months == month))
        facts.insert(table, arrow_batch(table, part))
