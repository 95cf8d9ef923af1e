"""Where a vehicle has been: positions reduced by time, then by distance."""

import math
from itertools import pairwise
from statistics import median
from typing import Any, Final

from millbrain.core import limits
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import Row, rows_of
from millbrain.show.queries.trend import GAP_FACTOR, IN_SPAN, bucket_s

STEP_M_MIN: Final = 5.0  # a point nearer than this to the one before says nothing new
GAP_S_MIN: Final = 120  # a tunnel is not the end of a drive
_METRES_PER_DEGREE: Final = 111_320.0  # of latitude; of longitude times cos(latitude)

Point = list[Any]


def track(warehouse: Warehouse, vin: str, from_s: int, to_s: int) -> list[Point | None]:
    """Return [instant in ms, longitude, latitude, speed in km/h or None] in order; None = a gap.

    Only positions that the vehicle marked as valid are there. from_s, to_s: device time, both
    included [s since 1970].
    """
    width_s = bucket_s(warehouse, vin, from_s, to_s, limits.TREND_POINTS_MAX)
    sql = f"""
        SELECT min(t) AS at, argMin(longitude, t) AS lon, argMin(latitude, t) AS lat,
               argMin(speed, t) AS speed_kmh
        FROM (SELECT toUInt32(device_at) AS t, longitude_deg AS longitude, latitude_deg AS latitude,
                     speed_kmh AS speed
              FROM vehicle_report
              WHERE {IN_SPAN} AND isNotNull(longitude_deg) AND isNotNull(latitude_deg)
                AND bitAnd(position_state, 1) = 0 AND NOT (longitude_deg = 0 AND latitude_deg = 0))
        GROUP BY intDiv(t - {{from_s:UInt32}}, {{width:UInt32}}) ORDER BY at"""
    params = {"vin": vin, "from_s": from_s, "to_s": to_s, "width": width_s}
    return _thinned(rows_of(warehouse.query(sql, params)))


def _thinned(rows: list[Row]) -> list[Point | None]:
    pauses = [b["at"] - a["at"] for a, b in pairwise(rows)]
    longest_s = max(GAP_S_MIN, GAP_FACTOR * median(pauses or [1]))
    points: list[Point | None] = []
    kept: Row | None = None
    for index, row in enumerate(rows):
        is_gap = index > 0 and pauses[index - 1] > longest_s
        is_last = index == len(rows) - 1
        if is_gap:
            points.append(None)
        if kept is None or is_gap or is_last or _distance_m(kept, row) >= STEP_M_MIN:
            points.append([row["at"] * 1000, row["lon"], row["lat"], row["speed_kmh"]])
            kept = row
    return points


def _distance_m(a: Row, b: Row) -> float:
    """Distance on the ground; flat within the few kilometres between two points."""
    north = (b["lat"] - a["lat"]) * _METRES_PER_DEGREE
    east = (b["lon"] - a["lon"]) * _METRES_PER_DEGREE * math.cos(math.radians(a["lat"]))
    return math.hypot(north, east)
