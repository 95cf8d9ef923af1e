"""What the warehouse knows for a vehicle's health record: packs, operation, health, findings."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

from millbrain.core.facts import BLOCK_VEHICLE
from millbrain.core.findings import FINDING, SEVERITIES
from millbrain.core.times import iso
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import Row, rows_of

PAUSE_S: Final = 120  # a longer silence counts towards nothing: nobody knows what happened then
SOC_BINS: Final = tuple(range(0, 100, 10))  # lower edges [%]; 100 % belongs to the last
TEMP_BINS: Final = tuple(range(-30, 80, 10))  # lower edges [degC]; colder and hotter at the ends
LOGINS_MAX: Final = 50_000
ROWS_MAX: Final = 5_000
_CHARGING: Final = 1
_DRIVING_KMH: Final = 1.0


def tables_there(warehouse: Warehouse, names: Sequence[str]) -> frozenset[str]:
    """Return which of these tables the warehouse has: rooms bring theirs when they are there."""
    sql = """
        SELECT name FROM system.tables
        WHERE database = {database:String} AND name IN {names:Array(String)}"""
    params = {"database": warehouse.database, "names": list(names)}
    return frozenset(row["name"] for row in rows_of(warehouse.query(sql, params)))


def packs(warehouse: Warehouse, vin: str) -> list[Row]:
    """Return the sets of pack codes in order of time: a change is a swap.

    Each with `codes`, `first_at`, `last_at` (ISO) of the logins that carried it, and how many.
    Logins without codes say nothing and are left out.
    """
    sql = f"""
        SELECT toUInt32(device_at) AS at, detail FROM link_event
        WHERE vin = {{vin:String}} AND event = 'vehicle_login' AND isNotNull(device_at)
        ORDER BY at DESC LIMIT {LOGINS_MAX}"""
    rows = rows_of(warehouse.query(sql, {"vin": vin}))[::-1]
    coded = [(codes_of(row["detail"]), row["at"]) for row in rows]
    known = [(codes, at) for codes, at in coded if codes]
    return [_pack(codes, [at for _, at in run]) for codes, run in groupby(known, lambda c: c[0])]


def codes_of(detail: str) -> tuple[str, ...]:
    """Return the pack codes of a decoded login, empty where it has none."""
    try:
        read = json.loads(detail)
    except ValueError:
        return ()
    codes = read.get("codes") if isinstance(read, dict) else None
    return tuple(str(c) for c in codes if str(c).strip()) if isinstance(codes, list) else ()


def _pack(codes: tuple[str, ...], times: Sequence[int]) -> Row:
    return {
        "codes": list(codes), "first_at": iso(times[0] * 1000), "last_at": iso(times[-1] * 1000),
        "login_count": len(times),
    }  # fmt: skip


def terminal(warehouse: Warehouse, vin: str) -> Row | None:
    """Return what the newest login said of the terminal, None where there is no login."""
    sql = """
        SELECT toUInt32(received_at) AS at, edition, detail FROM link_event
        WHERE vin = {vin:String} AND event = 'vehicle_login' ORDER BY received_at DESC LIMIT 1"""
    rows = rows_of(warehouse.query(sql, {"vin": vin}))
    if not rows:
        return None
    try:
        detail = json.loads(rows[0]["detail"])
    except ValueError:
        detail = {}
    iccid = detail.get("iccid") if isinstance(detail, dict) else None
    return {"iccid": iccid, "edition": rows[0]["edition"], "at": iso(rows[0]["at"] * 1000)}


def operation(warehouse: Warehouse, vin: str, zone: str) -> list[Row]:
    """Return what a vehicle did, month by month, newest last.

    Energy is voltage times current over the time between two reports, where that is at most
    `PAUSE_S`; hours are counted the same way. zone: in which a month begins.
    """
    step = f"if(dt <= {PAUSE_S}, dt, 0)"
    energy = f"voltage_v * current_a * {step} / 3.6e6"
    sql = f"""
        SELECT formatDateTime(month, '%Y-%m') AS month, count() AS report_count,
               min(t) AS first_at, max(t) AS last_at,
               max(odometer_km) - min(odometer_km) AS distance_km,
               sum({step}) / 3600 AS observed_h,
               sumIf({step}, speed_kmh > {_DRIVING_KMH}) / 3600 AS driving_h,
               sumIf({step}, charge_state = {_CHARGING}) / 3600 AS charging_h,
               sumIf({energy}, current_a > 0 AND charge_state != {_CHARGING}) AS used_kwh,
               -sumIf({energy}, current_a < 0 AND charge_state != {_CHARGING}) AS regained_kwh,
               -sumIf({energy}, current_a < 0 AND charge_state = {_CHARGING}) AS charged_kwh,
               countIf(charge_state = {_CHARGING} AND (before != {_CHARGING} OR dt > 1800))
                   AS charge_count,
               {_bins("soc_pct", SOC_BINS, step, "soc")},
               {_bins("temp_max_degc", TEMP_BINS, step, "temp")}
        FROM (
            SELECT toUInt32(device_at) AS t,
                   toStartOfMonth(toDateTime(device_at, {{zone:String}})) AS month, voltage_v,
                   current_a, charge_state, speed_kmh, odometer_km, soc_pct, temp_max_degc,
                   t - lagInFrame(t, 1, t) OVER w AS dt,
                   lagInFrame(charge_state, 1, 0) OVER w AS before
            FROM vehicle_report
            WHERE vin = {{vin:String}} AND bitTest(blocks, {BLOCK_VEHICLE})
            WINDOW w AS (ORDER BY device_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        ) GROUP BY month ORDER BY month"""
    rows = rows_of(warehouse.query(sql, {"vin": vin, "zone": zone}))
    return [_month(row) for row in rows]


def _bins(value: str, edges: Sequence[int], step: str, name: str) -> str:
    """Return the hours within each bin as columns; the ends take what lies beyond them."""
    width = edges[1] - edges[0]
    last = len(edges) - 1
    index = f"toInt32(greatest(0, least({last}, floor(({value} - ({edges[0]})) / {width}))))"
    # `least` passes over NULL, so that a missing value would land in the last bin.
    known = f"isNotNull({value})"
    parts = (
        f"sumIf({step}, {known} AND {index} = {i}) / 3600 AS {name}_{i}_h"
        for i in range(len(edges))
    )
    return ", ".join(parts)


def _month(row: Row) -> Row:
    plain = {name: value for name, value in row.items() if not name.startswith(("soc_", "temp_"))}
    for name in ("first_at", "last_at"):
        plain[name] = iso(row[name] * 1000)
    plain |= {name: _round(value) for name, value in plain.items() if isinstance(value, float)}
    return plain | {
        f"{name}_h": [_round(row[f"{name}_{i}_h"]) or 0.0 for i in range(len(edges))]
        for name, edges in (("soc", SOC_BINS), ("temp", TEMP_BINS))
    }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def health(warehouse: Warehouse, vin: str) -> list[Row]:
    """Return the state of health of each pack, by method and day, oldest first."""
    sql = f"""
        SELECT pack_no, toString(toDate(day)) AS day, method, capacity_ah, capacity_std_ah,
               reference_ah, reference, soh_pct, soh_std_pct, charge_count, as_of
        FROM battery_health FINAL WHERE vin = {{vin:String}}
        ORDER BY day, pack_no, method LIMIT {ROWS_MAX}"""
    return rows_of(warehouse.query(sql, {"vin": vin}))


def charges(warehouse: Warehouse, vin: str) -> Row:
    """Return how many charges are known of a vehicle, and what went in."""
    sql = """
        SELECT count() AS charge_count, sum(energy_kwh) AS energy_kwh, sum(charge_ah) AS charge_ah,
               max(current_max_a) AS current_max_a, max(as_of) AS as_of
        FROM battery_charge FINAL WHERE vin = {vin:String}"""
    return rows_of(warehouse.query(sql, {"vin": vin}))[0]


def findings(warehouse: Warehouse, vin: str) -> list[Row]:
    """Return every finding of a vehicle as it holds, newest evidence first."""
    names = ", ".join(c.name for c in FINDING.columns if c.name != "evidence")
    sql = f"""
        SELECT {names}, evidence FROM finding FINAL
        WHERE thing = {{vin:String}} ORDER BY last_seen_at DESC LIMIT {ROWS_MAX}"""
    rows = rows_of(warehouse.query(sql, {"vin": vin}), FINDING.columns)
    return [
        row | {"severity_en": SEVERITIES[row["severity"]][0],
               "severity_zh": SEVERITIES[row["severity"]][1],
               "evidence": _read(row["evidence"])}
        for row in rows
    ]  # fmt: skip


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return []


def summed(months: Iterable[Row]) -> Row:
    """Return the whole of an operation from its months."""
    rows = list(months)
    sums = ("report_count", "observed_h", "driving_h", "charging_h", "used_kwh", "regained_kwh",
            "charged_kwh", "charge_count")  # fmt: skip
    whole: Row = {name: round(sum(r[name] or 0 for r in rows), 3) for name in sums}
    for name, edges in (("soc_h", SOC_BINS), ("temp_h", TEMP_BINS)):
        whole[name] = [round(sum(r[name][i] for r in rows), 3) for i in range(len(edges))]
    return whole | {
        "first_at": rows[0]["first_at"] if rows else None,
        "last_at": rows[-1]["last_at"] if rows else None,
        "soc_edges_pct": list(SOC_BINS), "temp_edges_degc": list(TEMP_BINS),
    }  # fmt: skip


def odometer(warehouse: Warehouse, vin: str) -> Row:
    """Return the lowest and highest odometer reading, and how often it ran backwards by 1 km."""
    sql = """
        SELECT min(odometer_km) AS first_km, max(odometer_km) AS last_km,
               countIf(odometer_km < before - 1) AS backward_count
        FROM (SELECT odometer_km,
                     lagInFrame(odometer_km, 1, odometer_km) OVER (ORDER BY device_at ROWS
                     BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before
              FROM vehicle_report WHERE vin = {vin:String} AND isNotNull(odometer_km))"""
    return rows_of(warehouse.query(sql, {"vin": vin}))[0]
