"""How limited signals stand: their newest values, and which are beyond a limit."""

from collections.abc import Sequence

from millbrain.core.units import unit_of
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import rows_of

Newest = dict[tuple[str, str], tuple[float | None, str]]


def newest(warehouse: Warehouse, series: Sequence[tuple[str, str]]) -> Newest:
    """Return (thing, signal) -> newest value and its instant (ISO 8601)."""
    sql = (
        "SELECT thing, signal, value, device_at FROM reading_latest FINAL"
        " WHERE thing IN ({things:Array(String)}) AND signal IN ({signals:Array(String)})"
    )
    params = {
        "things": sorted({thing for thing, _ in series}),
        "signals": sorted({signal for _, signal in series}),
    }
    rows = rows_of(warehouse.query(sql, params)) if series else []
    return {(r["thing"], r["signal"]): (r["value"], r["device_at"]) for r in rows}


def open_levels(warehouse: Warehouse) -> dict[tuple[str, int], tuple[str, int]]:
    """Return (thing, number of its limits) -> (high or low, severity) of those beyond a limit."""
    sql = (
        "SELECT thing, pack_no, kind, severity FROM finding FINAL"
        " WHERE app = 'limits' AND is_open = 1"
    )
    rows = rows_of(warehouse.query(sql))
    return {(r["thing"], r["pack_no"]): (r["kind"], r["severity"]) for r in rows}


def unit_symbol(signal: str) -> str:
    """Return the symbol of the unit that a signal's name ends in, empty where it has none."""
    unit = unit_of(signal)
    return unit.symbol if unit else ""
