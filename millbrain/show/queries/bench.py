"""What the vehicle itself sent while it stood on a bench, and of the charge before that."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from millbrain.core.life.inspections import CURVE_CHANNELS
from millbrain.core.times import iso
from millbrain.record.warehouse import Warehouse
from millbrain.show.lane import BenchCurve
from millbrain.show.queries import signals
from millbrain.show.queries.rows import Row, rows_of
from millbrain.show.queries.trend import trend

POINTS: Final = 1_000
BACK_S: Final = 30 * 86_400  # how far back the charge before is looked for
PAUSE_S: Final = 1_800  # a silence as long ends a charge
_CHARGING: Final = 1


def bench_curve(curve: BenchCurve | None, start_s: int) -> list[Row]:
    """Return the channels of a bench's curve at instants [ms since 1970], empty where none."""
    if curve is None:
        return []
    at = [round((start_s + t) * 1000) for t in curve.t_s]
    return [
        {"name": field.name, "title": field.title, "title_zh": field.title_zh,
         "unit": field.unit, "t": at, "values": list(curve.channels[field.name])}
        for field, _ in CURVE_CHANNELS.values()
        if field.name in curve.channels
    ]  # fmt: skip


def beside(warehouse: Warehouse, vin: str, start_s: int, end_s: int) -> Mapping[str, Any]:
    """Return the vehicle's reports of the test's span, and of its last charge before that.

    start_s, end_s: device time, both included [s since 1970]. `charge` is null where none is found
    within `BACK_S`.
    """
    charge = last_charge(warehouse, vin, start_s)
    return {
        "from": iso(start_s * 1000),
        "to": iso(end_s * 1000),
        "online": _curves(warehouse, vin, start_s, end_s),
        "charge": charge and {
            "from": iso(charge[0] * 1000), "to": iso(charge[1] * 1000),
            "curves": _curves(warehouse, vin, *charge),
        },
    }  # fmt: skip


def _curves(warehouse: Warehouse, vin: str, from_s: int, to_s: int) -> list[Row]:
    wanted = [(field, signals.signal(column)) for field, column in CURVE_CHANNELS.values()]
    curves, _ = trend(warehouse, vin, [s for _, s in wanted], from_s, to_s, POINTS)
    return [
        {"name": field.name, "title": field.title, "title_zh": field.title_zh,
         "unit": field.unit, "t": curve["t"], "values": curve["avg"],
         "low": curve["min"], "high": curve["max"]}
        for (field, _), curve in zip(wanted, curves, strict=True)
        if curve["t"]
    ]  # fmt: skip


def last_charge(warehouse: Warehouse, vin: str, before_s: int) -> tuple[int, int] | None:
    """Return first and last device time [s] of the newest charge that ended before an instant."""
    sql = """
        SELECT DISTINCT toUInt32(device_at) AS t FROM vehicle_report
        WHERE vin = {vin:String} AND charge_state = {charging:UInt8}
          AND device_at >= {from_s:UInt32} AND device_at < {to_s:UInt32}
        ORDER BY t DESC LIMIT 50000"""
    params = {"vin": vin, "charging": _CHARGING, "from_s": max(0, before_s - BACK_S),
              "to_s": before_s}  # fmt: skip
    times = [row["t"] for row in rows_of(warehouse.query(sql, params))]
    if not times:
        return None
    first = times[-1]
    for later, earlier in pairwise(times):
        if later - earlier > PAUSE_S:
            first = later
            break
    return first, times[0]
