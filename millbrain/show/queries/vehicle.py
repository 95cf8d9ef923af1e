"""One vehicle: its newest values of every block, raw frames, session events."""

from typing import Any, Final

from millbrain.core.facts import LINK_EVENT, RAW_FRAME, VEHICLE_REPORT
from millbrain.core.tables import Column
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import Row, now_ms, rows_of

# Blocks may come in turns (the cells every other frame, say); so many frames back are looked at.
REPORTS_MERGED: Final = 20
_DAY_MS: Final = 86_400_000
_HEXED: Final = ("other_blocks",)


def report(warehouse: Warehouse, vin: str, near_ms: int | None) -> Row | None:
    """Return the newest report with every cell, probe and motor, None where there is none.

    Each block is taken from the newest frame that carried it; `block_at` says which instant that
    was. near_ms: when the newest report was received [ms since 1970], so that only that day's part
    is read; None = unknown.
    """
    columns = ", ".join(_selected(c) for c in VEHICLE_REPORT.columns)
    sql = f"""
        SELECT {columns}, cell_max_mv - cell_min_mv AS cell_spread_mv,
               temp_max_degc - temp_min_degc AS temp_spread_degc
        FROM vehicle_report
        WHERE vin = {{vin:String}}
          AND received_at >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC')
        ORDER BY device_at DESC LIMIT {REPORTS_MERGED}"""
    since = 0 if near_ms is None else near_ms - _DAY_MS
    rows = rows_of(warehouse.query(sql, {"vin": vin, "since": since}), VEHICLE_REPORT.columns)
    return _merged(rows) if rows else None


def _selected(column: Column) -> str:
    # Aliased apart from the column, which the sorting key may then still be read by.
    return f"lower(hex({column.name})) AS {column.name}" if column.name in _HEXED else column.name


def _merged(rows: list[Row]) -> Row:
    """Take each block's columns from the newest row that carries the block."""
    newest = dict(rows[0])
    block_at: dict[int, str] = {}
    blocks = 0
    for row in rows:
        fresh = row["blocks"] & ~blocks
        blocks |= row["blocks"]
        for column in VEHICLE_REPORT.columns:
            if column.block >= 0 and fresh >> column.block & 1:
                newest[column.name] = row[column.name]
                block_at[column.block] = row["device_at"]
    for column in VEHICLE_REPORT.columns:
        if column.block >= 0 and not blocks >> column.block & 1:
            newest[column.name] = [] if column.many else None
    for spread, column_name in (
        ("cell_spread_mv", "cell_max_mv"),
        ("temp_spread_degc", "temp_max_degc"),
    ):
        source = next((r for r in rows if r[column_name] is not None), rows[0])
        newest[spread] = source[spread]
    return newest | {"blocks": blocks, "block_at": block_at}


def day(warehouse: Warehouse, vin: str) -> Row:
    """Return what the vehicle did within the last 24 h: reports, usual pause [s], distance [km]."""
    sql = """
        SELECT count() AS reports, min(device_at) AS first_at, max(device_at) AS last_at,
               max(odometer_km) - min(odometer_km) AS distance_km
        FROM vehicle_report
        WHERE vin = {vin:String} AND device_at >= {since:UInt32}"""
    params = {"vin": vin, "since": (now_ms() - _DAY_MS) // 1000}
    return rows_of(warehouse.query(sql, params))[0]


def has_reports(warehouse: Warehouse, vin: str) -> bool:
    """Whether there is any report or event of a vehicle."""
    found = "(SELECT 1 FROM {} WHERE vin = {{vin:String}} LIMIT 1)".format
    sql = f"SELECT * FROM ({found('vehicle_report')} UNION ALL {found('link_event')})"
    return warehouse.query(sql, {"vin": vin}).num_rows > 0


def frames(warehouse: Warehouse, vin: str, from_s: int, to_s: int, size: int) -> list[Row]:
    """Return raw frames of a span of device time [s since 1970], newest first, as hex."""
    sql = """
        SELECT device_at, received_at, link, length(frame) AS size_bytes, lower(hex(frame)) AS raw
        FROM raw_frame
        WHERE vin = {vin:String} AND device_at BETWEEN {from_s:UInt32} AND {to_s:UInt32}
        ORDER BY device_at DESC LIMIT {size:UInt32}"""
    params = {"vin": vin, "from_s": from_s, "to_s": to_s, "size": size}
    return rows_of(warehouse.query(sql, params), RAW_FRAME.columns)


def events(warehouse: Warehouse, vin: str, offset: int, size: int) -> tuple[list[Row], int]:
    """Return session events of a vehicle, newest first, and how many there are."""
    params: dict[str, Any] = {"vin": vin, "offset": offset, "size": size}
    sql = """
        SELECT device_at, received_at, link, edition, command, event, flag, answer, serial, detail
        FROM link_event WHERE vin = {vin:String}
        ORDER BY received_at DESC LIMIT {size:UInt32} OFFSET {offset:UInt32}"""
    count = "SELECT count() AS n FROM link_event WHERE vin = {vin:String}"
    rows = rows_of(warehouse.query(sql, params), LINK_EVENT.columns)
    return rows, int(rows_of(warehouse.query(count, params))[0]["n"])
