"""Curves over any span: reduced on the server without losing extremes, and gaps stay gaps.

The span is cut into equal buckets, at most as many as points are wanted; of each a signal keeps its
lowest, highest and mean value, so a spike of one second is seen in a curve over a year. Where a
signal is silent for longer than `GAP_FACTOR` times its usual pause the line breaks.
"""

from collections.abc import Sequence
from itertools import chain, pairwise
from statistics import median
from typing import Any, Final

from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import Row, rows_of
from millbrain.show.queries.signals import Signal

GAP_FACTOR: Final = 5
IN_SPAN: Final = "vin = {vin:String} AND device_at BETWEEN {from_s:UInt32} AND {to_s:UInt32}"
_DECIMALS: Final = 4

Curve = dict[str, list[Any]]


def trend(
    warehouse: Warehouse, vin: str, signals: Sequence[Signal], from_s: int, to_s: int, points: int
) -> tuple[list[Curve], int]:
    """Return a curve per signal, and the width of a bucket [s].

    Parameters
    ----------
    warehouse, vin, signals
        What of which vehicle.
    from_s, to_s
        Span of device time, both ends included [s since 1970].
    points
        How many buckets at most; where there are no more reports than that, every report is a
        point of its own at its own second.

    Returns
    -------
    list of dict, int
        Per signal: `t` [ms since 1970], `min`, `max`, `avg`, of one length; None breaks the line.

    """
    params = {"vin": vin, "from_s": from_s, "to_s": to_s}
    width_s = bucket_s(warehouse, vin, from_s, to_s, points)
    values = ", ".join(f"{s.sql} AS x{i}" for i, s in enumerate(signals))
    reduced = ", ".join(_reduced_sql(i) for i in range(len(signals)))
    sql = f"""
        SELECT intDiv(t - {{from_s:UInt32}}, {{width:UInt32}}) AS bucket, {reduced}
        FROM (SELECT toUInt32(device_at) AS t, {values} FROM vehicle_report WHERE {IN_SPAN})
        GROUP BY bucket ORDER BY bucket"""
    rows = rows_of(warehouse.query(sql, params | {"width": width_s}))
    return [_curve(rows, i) for i in range(len(signals))], width_s


def bucket_s(warehouse: Warehouse, vin: str, from_s: int, to_s: int, points: int) -> int:
    """Return the width of a bucket [s]: 1 where there are no more reports than points."""
    count = f"SELECT uniqExact(device_at) AS n FROM vehicle_report WHERE {IN_SPAN}"
    params = {"vin": vin, "from_s": from_s, "to_s": to_s}
    is_few = rows_of(warehouse.query(count, params))[0]["n"] <= points
    return 1 if is_few else -(-(to_s - from_s + 1) // points)


def _reduced_sql(i: int) -> str:
    return (
        f"count(x{i}) AS n{i}, minIf(t, isNotNull(x{i})) AS first{i},"
        f" maxIf(t, isNotNull(x{i})) AS last{i}, round(min(x{i}), {_DECIMALS}) AS low{i},"
        f" round(max(x{i}), {_DECIMALS}) AS high{i}, round(avg(x{i}), {_DECIMALS}) AS mean{i}"
    )


def _curve(rows: Sequence[Row], i: int) -> Curve:
    filled = [r for r in rows if r[f"n{i}"]]
    pauses = [b[f"first{i}"] - a[f"last{i}"] for a, b in pairwise(filled)]
    # Within a bucket only the mean pause is known; the median over all is the usual one.
    inner = [(r[f"last{i}"] - r[f"first{i}"]) / (r[f"n{i}"] - 1) for r in filled if r[f"n{i}"] > 1]
    longest_s = GAP_FACTOR * median([*(p for p in [*pauses, *inner] if p > 0)] or [1])
    curve: Curve = {"t": [], "min": [], "max": [], "avg": []}
    for row, pause in zip(filled, chain(pauses, [0]), strict=False):
        middle_ms = (row[f"first{i}"] + row[f"last{i}"]) * 500
        _add(curve, middle_ms, row[f"low{i}"], row[f"high{i}"], row[f"mean{i}"])
        if pause > longest_s:
            _add(curve, row[f"last{i}"] * 1000 + pause * 500, None, None, None)
    return curve


def _add(
    curve: Curve, at_ms: float, low: float | None, high: float | None, mean: float | None
) -> None:
    for name, value in (("t", int(at_ms)), ("min", low), ("max", high), ("avg", mean)):
        curve[name].append(value)
