"""Charges, health and events of some vehicles counted again: by the engine and by the backfill.

A look at a window reads all that belongs to it, so looks may overlap, come in any order and be
repeated: the same reports leave the same rows. A charge that late reports have shown to be another
one becomes void.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from millbrain.analyse.battery.calc.charges import charges
from millbrain.analyse.battery.calc.health import health
from millbrain.analyse.battery.chores import versions
from millbrain.analyse.battery.chores.windows import Window, reader, whole
from millbrain.analyse.battery.fleet.strategy import events
from millbrain.analyse.battery.model import ChargeRules, HealthRules, StrategyRules, chosen
from millbrain.analyse.battery.tables import BATTERY_CHARGE, BATTERY_EVENT, BATTERY_HEALTH
from millbrain.core.columns import Columns
from millbrain.core.rooms import Facts
from millbrain.core.tables import Table

RATED: Final = "rated_capacity_ah"  # what the register calls it (GB/T 32960 annex A)
_MINE: Final = "vin IN ({vins:Array(String)})"
_WITHIN: Final = (
    " AND toUInt32({at}) >= transform(vin, {{vins:Array(String)}}, {{lows:Array(UInt32)}}, "
    "4294967295) AND toUInt32({at}) <= transform(vin, {{vins:Array(String)}}, "
    "{{highs:Array(UInt32)}}, 0)"
)


@dataclass(frozen=True, slots=True)
class Book:
    """The rules, and the rated capacity of vehicles by the register [Ah]."""

    charge: ChargeRules
    health: HealthRules
    strategy: StrategyRules
    rated_ah: Mapping[str, float]


def book_of(parameters: Mapping[str, float], rated_ah: Mapping[str, float]) -> Book:
    """Return the rules with what the operator set. rated_ah: vehicle -> capacity [Ah]."""
    return Book(chosen(ChargeRules, parameters), chosen(HealthRules, parameters),
                chosen(StrategyRules, parameters), rated_ah)  # fmt: skip


def rated_of(things: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return vehicle -> rated capacity [Ah] of those whose register says it as a number.

    things: vehicle -> attributes. What is no positive number is passed over.
    """
    found = {}
    for vin, attributes in things.items():
        try:
            rated = float(attributes.get(RATED) or 0)
        except (TypeError, ValueError):
            continue
        if 0 < rated < float("inf"):
            found[vin] = rated
    return found


@dataclass(frozen=True, slots=True)
class Counted:
    """Versions that were written."""

    charges: int
    health: int
    events: int

    def __add__(self, other: "Counted") -> "Counted":
        """Add up two looks."""
        return Counted(self.charges + other.charges, self.health + other.health,
                       self.events + other.events)  # fmt: skip


def count(facts: Facts, windows: Sequence[Window], upto: int, book: Book, as_of_ms: int) -> Counted:
    """Count what begins in some windows, and what it means for the health of those vehicles.

    windows: each vehicle once. upto: newest batch that counts. as_of_ms: instant of the versions.
    """
    vins = [w.vin for w in windows]
    before = capacities(facts, vins, book)
    charged = evented = 0
    read = reader(facts, upto)
    for own, reports in whole(read, windows, book.charge, book.strategy):
        found = charges(reports, book.charge, as_of_ms)
        charged += settle(facts, BATTERY_CHARGE, found, own, as_of_ms)
        evented += _events(facts, own, reports, before, book, as_of_ms)
    told = tell(facts, vins, book, as_of_ms)
    if told:
        # Their capacity is known for the first time: it says more about what came before, too.
        after = capacities(facts, vins, book)
        begun = _begun(facts, [vin for vin in vins if vin in after and vin not in before])
        again = [Window(w.vin, min(begun[w.vin], w.low), w.high) for w in windows if w.vin in begun]
        for own, reports in whole(read, again, book.charge, book.strategy) if again else ():
            evented += _events(facts, own, reports, after, book, as_of_ms)
    return Counted(charged, told, evented)


def tell(facts: Facts, vins: Sequence[str], book: Book, as_of_ms: int) -> int:
    """Tell the health of vehicles from all their charges; return the versions written."""
    params = {"vins": list(vins)}
    known = versions.read(facts, BATTERY_CHARGE, _MINE, params)
    rated = {vin.encode(): book.rated_ah[vin] for vin in vins if vin in book.rated_ah}
    for vin in np.unique(known.array("vin")[known.array("pack_no") > 1]).tolist():
        rated.pop(vin, None)  # the rating of a vehicle says nothing of one of its packs
    found = health(known, book.health, book.charge, as_of_ms, rated)
    return versions.settle(facts, BATTERY_HEALTH, found, _MINE, params, as_of_ms)


def _events(
    facts: Facts, windows: Sequence[Window], reports: Columns, capacity_ah: Mapping[str, float],
    book: Book, as_of_ms: int,
) -> int:  # fmt: skip
    named = {vin.encode(): ah for vin, ah in capacity_ah.items()}
    found = events(reports, book.strategy, named, as_of_ms)
    return settle(facts, BATTERY_EVENT, found, windows, as_of_ms)


def settle(
    facts: Facts, table: Table, found: Columns, windows: Sequence[Window], as_of_ms: int
) -> int:
    """Make the rows of windows those that were found; return the versions written."""
    params = {"vins": [w.vin for w in windows], "lows": [w.low for w in windows],
              "highs": [w.high for w in windows]}  # fmt: skip
    where = _MINE + _WITHIN.format(at=table.keep_by)
    return versions.settle(facts, table, found, where, params, as_of_ms)


def capacities(facts: Facts, vins: Sequence[str], book: Book) -> dict[str, float]:
    """Return vehicle -> capacity [Ah]: as rated, else the first that its charges told.

    The first and not the newest, so that an event does not come and go with the estimate.
    """
    sql = (
        "SELECT vin, argMin(capacity_ah, day) AS ah FROM battery_health FINAL "
        f"WHERE {_MINE} AND method = 'charge' AND pack_no = 1 GROUP BY vin"
    )
    rows = facts.query(sql, {"vins": list(vins)}).to_pylist()
    told = {_text(row["vin"]): float(row["ah"]) for row in rows}
    return told | {vin: book.rated_ah[vin] for vin in vins if vin in book.rated_ah}


def _begun(facts: Facts, vins: Sequence[str]) -> dict[str, int]:
    """Return vehicle -> device time of its first charge [s since 1970 UTC]."""
    if not vins:
        return {}
    sql = (
        "SELECT vin, toUInt32(min(start_at)) AS at FROM battery_charge FINAL "
        f"WHERE {_MINE} GROUP BY vin"
    )
    rows = facts.query(sql, {"vins": list(vins)}).to_pylist()
    return {_text(row["vin"]): int(row["at"]) for row in rows}


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
