"""The seconds around an instant: every report as it was stored, on one time axis.

Nothing is interpolated, averaged or thinned: a point of the axis is one stored report. Where no
report came for longer than `GAP_FACTOR` times the usual pause, the silence is named as a gap.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Final

from millbrain.core import limits
from millbrain.core.errors import LimitError
from millbrain.core.facts import GENERAL_ALARMS, VEHICLE_REPORT
from millbrain.core.tables import Column
from millbrain.core.times import iso
from millbrain.core.units import unit_of
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import Row, rows_of
from millbrain.show.queries.trend import IN_SPAN

FORMAT: Final = "millbrain.replay/1"
GAP_FACTOR: Final = 2  # a longer pause lost at least one report, and here each one counts
SCALARS: Final = (
    "accelerator_pct", "brake_pct", "gear_code", "speed_kmh", "odometer_km", "voltage_v",
    "current_a", "soc_pct", "insulation_kohm", "cell_max_mv", "cell_max_no", "cell_min_mv",
    "cell_min_no", "temp_max_degc", "temp_max_no", "temp_min_degc", "temp_min_no",
    "alarm_level", "alarm_flags", "vehicle_state", "charge_state", "power_mode", "dcdc_state",
)  # fmt: skip
MOTOR_LISTS: Final = ("motor_torque_nm", "motor_speed_rpm", "motor_degc", "motor_controller_degc",
                      "motor_current_a")  # fmt: skip
LISTS: Final = ("cells_mv", "temps_degc")
_AXIS: Final = ("device_at", "received_at", "reissued", "edition", "blocks", "abnormal", "invalid")
_PLACE: Final = ("position_state", "longitude_deg", "latitude_deg")
_MARKS: Final = {"cells_mv": 65_534, "temps_degc": 214}  # from here on: abnormal, invalid
_NO_ALARM: Final = 255
_CODED: Final = {"vehicle_state": 0, "charge_state": 0, "power_mode": 0, "dcdc_state": 0}


def replay(warehouse: Warehouse, vin: str, at_s: int, before_s: int, after_s: int) -> Row:
    """Return all reports from `before_s` before to `after_s` after an instant.

    at_s: device time [s since 1970 UTC]. All lists of the answer have one length, that of `t`; null
    = the report did not carry the value, or marked it abnormal or invalid.

    Raises
    ------
    LimitError
        There are more reports than one replay may hold.

    """
    from_s, to_s = max(0, at_s - before_s), at_s + after_s
    names = dict.fromkeys(
        (*_AXIS, *SCALARS, *MOTOR_LISTS, *LISTS, *_PLACE, "motor_no", "alarm_codes")
    )
    sql = f"""
        SELECT {", ".join(names)} FROM vehicle_report WHERE {IN_SPAN}
        ORDER BY device_at, blocks, received_at LIMIT {limits.REPLAY_REPORTS_MAX + 1}"""
    params = {"vin": vin, "from_s": from_s, "to_s": to_s}
    # Whole seconds stay numbers here: the axis is to be computed with.
    rows = rows_of(warehouse.query(sql, params))
    if len(rows) > limits.REPLAY_REPORTS_MAX:
        raise LimitError(
            f"the span holds more than {limits.REPLAY_REPORTS_MAX} reports; ask for a shorter one"
        )
    times = [row["device_at"] for row in rows]
    gaps, pause_s = _gaps(times)
    return {
        "format": FORMAT, "vin": vin, "at": iso(at_s * 1000), "from": iso(from_s * 1000),
        "to": iso(to_s * 1000), "source": "vehicle_report, every stored report, not interpolated",
        "usual_pause_s": pause_s, "gaps": gaps, "t": times,
        "received_at": [row["received_at"] for row in rows],
        **{name: [row[name] for row in rows]
           for name in ("reissued", "edition", "blocks", "abnormal", "invalid")},
        "signals": [*(_scalar(rows, name) for name in SCALARS), *_motors(rows)],
        "lists": [_list(rows, name) for name in LISTS],
        "position": [_position(row) for row in rows],
        "alarm_codes": [row["alarm_codes"] for row in rows],
        "alarms": alarm_changes(rows),
    }  # fmt: skip


def _gaps(times: Sequence[int]) -> tuple[list[Row], float]:
    pauses = [b - a for a, b in pairwise(times) if b > a]
    usual_s = float(median(pauses)) if pauses else 0.0
    gaps = [
        {"from": a, "to": b, "seconds": b - a}
        for a, b in pairwise(times)
        if usual_s and b - a > GAP_FACTOR * usual_s
    ]
    return gaps, usual_s


def _described(column: Column, name: str, values: list[Any]) -> Row:
    unit = unit_of(column.name)
    return {
        "name": name, "title": column.meaning, "title_zh": column.meaning_zh,
        "unit": unit.symbol if unit else "", "block": column.block,
        "codes": {str(value): list(titles) for value, titles in column.codes.items()},
        "values": values,
    }  # fmt: skip


def _scalar(rows: Sequence[Row], name: str) -> Row:
    column = VEHICLE_REPORT.column(name)
    return _described(column, name, [_carried(row, column) for row in rows])


def _carried(row: Row, column: Column) -> Any:
    """Return the value where the report carried its block and did not leave it blank."""
    value = row[column.name]
    if column.block >= 0 and not row["blocks"] >> column.block & 1:
        return None
    blank = {"alarm_level": _NO_ALARM, **_CODED}.get(column.name)
    return None if value == blank else value


def _motors(rows: Sequence[Row]) -> list[Row]:
    """Return each signal of each motor as one of its own, ``motor_torque_nm[1]``."""
    count = max((len(row["motor_no"]) for row in rows), default=0)
    signals = []
    for index in range(count):
        for name in MOTOR_LISTS:
            values = [row[name][index] if index < len(row[name]) else None for row in rows]
            column = VEHICLE_REPORT.column(name)
            signals.append(_described(column, f"{name}[{index + 1}]", values))
    return signals


def _list(rows: Sequence[Row], name: str) -> Row:
    mark = _MARKS[name]
    values = [[None if v >= mark else v for v in row[name]] for row in rows]
    return _described(VEHICLE_REPORT.column(name), name, values)


def _position(row: Row) -> list[float] | None:
    """Return longitude and latitude, None where the vehicle marked them invalid."""
    place = [row["longitude_deg"], row["latitude_deg"]]
    is_valid = row["blocks"] >> VEHICLE_REPORT.column("longitude_deg").block & 1 and not (
        row["position_state"] & 1
    )
    if not is_valid or None in place or any(not math.isfinite(p) for p in place):
        return None
    return place


def alarm_changes(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return every change of the frame's own alarm level and bits.

    Each with its instant [s], the level, and the bits that were set and cleared, in both languages.
    """
    column = VEHICLE_REPORT.column("alarm_flags")
    changes: list[Row] = []
    before: tuple[int, int] = (0, 0)
    for row in rows:
        if not row["blocks"] >> column.block & 1:
            continue
        level = 0 if row["alarm_level"] == _NO_ALARM else row["alarm_level"]
        now = (level, row["alarm_flags"])
        if now != before:
            changes.append(
                {"at": row["device_at"], "level": level,
                 "set": _named(now[1] & ~before[1]), "cleared": _named(before[1] & ~now[1])}
            )  # fmt: skip
            before = now
    return changes


def _named(flags: int) -> list[list[str]]:
    return [list(titles) for bit, titles in enumerate(GENERAL_ALARMS) if flags >> bit & 1]


def session_events(warehouse: Warehouse, vin: str, from_s: int, to_s: int) -> list[Row]:
    """Return logins and logouts of a span of device time."""
    sql = """
        SELECT toUInt32(device_at) AS at, event, link FROM link_event
        WHERE vin = {vin:String} AND device_at BETWEEN {from_s:UInt32} AND {to_s:UInt32}
          AND event IN ('vehicle_login', 'vehicle_logout')
        ORDER BY at LIMIT 1000"""
    return rows_of(warehouse.query(sql, {"vin": vin, "from_s": from_s, "to_s": to_s}))
