"""The overview: one picture of the whole city, made once a second however many look at it."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from millbrain.core.facts import LINK_EVENT
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries import intake
from millbrain.show.queries.rows import (
    STATE_SQL,
    Row,
    iso,
    now_ms,
    rows_of,
    scope_sql,
    state_params,
)

KEEP_S: Final = 1.0
OFFLINE_S: Final = (3600, 86_400, 7 * 86_400, None)  # upper ends of the offline buckets [s]
SOC_BIN_PCT: Final = 10
ALARM_LEVELS: Final = (1, 2, 3, 4)
EVENTS_MAX: Final = 20
_EVENT_AGE_MS: Final = 24 * 3_600_000
_CHARGE_AGE_S: Final = 86_400
_CODES_OF_EVENTS: Final = (1, 4, 5, 6, 9)  # logins, logouts, activations; no heartbeats


class OverviewBoard:
    """Answers `overview` from memory for `KEEP_S`; one caller asks, the others wait for it."""

    def __init__(self, warehouse: Warehouse, regions: Sequence[Mapping[str, Any]]) -> None:
        self._warehouse = warehouse
        self._regions = regions
        self._lock = threading.Lock()
        self._boards: dict[str, _Board] = {}

    def get(self, scope: str = "") -> Row:
        """Return the overview of all vehicles, or of one organisation's."""
        with self._lock:
            board = self._boards.setdefault(scope, _Board())
        with board.lock:
            if board.until < time.monotonic():
                board.answer = overview(self._warehouse, self._regions, scope)
                board.until = time.monotonic() + KEEP_S
            return board.answer


class _Board:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.until = 0.0
        self.answer: Row = {}


def overview(warehouse: Warehouse, regions: Sequence[Mapping[str, Any]], scope: str = "") -> Row:
    """Return counts by state, offline span, charge start, alarm level and region, and new events.

    regions: each with code and what the tile map needs; passed through with its counts.
    """
    counts = _counts(warehouse, scope)
    known = _regions(warehouse, regions, scope)
    placed = sum(r["vehicles"] for r in known)
    return {
        "as_of": counts["as_of"],
        "vehicles": {k: counts[k] for k in ("known", "connected", "driving", "charging", "parked",
                                            "offline", "simulated")},
        "offline": [
            {"up_to_s": up_to, "count": n}
            for up_to, n in zip(OFFLINE_S, counts["offline_spans"], strict=True)
        ],
        "charge_start_soc": [
            {"from_pct": i * SOC_BIN_PCT, "to_pct": (i + 1) * SOC_BIN_PCT, "count": n}
            for i, n in enumerate(counts["charge_starts"])
        ],
        "alarms": [
            {"level": level, "count": n}
            for level, n in zip(ALARM_LEVELS, counts["alarms"], strict=True)
        ],
        "regions": known,
        "elsewhere": counts["known"] - placed,
        "events": _events(warehouse, scope),
        # Frames are counted by link, not by vehicle: a scoped caller gets no share of them.
        "rate_hz": None if scope else intake.rate_hz(warehouse),
        "rate": [] if scope else intake.rate_curve(warehouse),
        "intake": None if scope else intake.totals(warehouse),
        "links": None if scope else intake.links_count(warehouse),
    }  # fmt: skip


def _counts(warehouse: Warehouse, scope: str) -> Row:
    bins = range(100 // SOC_BIN_PCT)
    charges = ", ".join(f"countIf(is_new_charge AND soc_bin = {i})" for i in bins)
    levels = ", ".join(f"countIf(state != 'offline' AND alarm_level = {n})" for n in ALARM_LEVELS)
    spans = ", ".join(
        f"countIf(state = 'offline' AND {_span_sql(low, high)})"
        for low, high in zip((0, *OFFLINE_S[:-1]), OFFLINE_S, strict=True)
    )
    sql = f"""
        SELECT count() AS known, countIf(state != 'offline') AS connected,
               countIf(state = 'driving') AS driving, countIf(state = 'charging') AS charging,
               countIf(state = 'parked') AS parked, countIf(state = 'offline') AS offline,
               sum(simulated) AS simulated, [{spans}] AS offline_spans,
               [{charges}] AS charge_starts, [{levels}] AS alarms,
               toUnixTimestamp64Milli(max(as_of)) AS as_of_ms
        FROM (SELECT {STATE_SQL} AS state, simulated, alarm_level, as_of,
                     ({{now:Int64}} - toUnixTimestamp64Milli(received_at)) / 1000 AS silent_s,
                     ifNull(toUInt32(charge_start_at) > {{now:Int64}} / 1000 - {_CHARGE_AGE_S}, 0)
                       AND isNotNull(charge_start_soc_pct) AS is_new_charge,
                     least(intDiv(ifNull(charge_start_soc_pct, 0), {SOC_BIN_PCT}),
                           {len(bins) - 1}) AS soc_bin
              FROM vehicle_latest WHERE {scope_sql(scope)})"""
    answer = warehouse.query(sql, state_params() | {"scope": scope})
    row: Row = answer.to_pylist()[0]
    row["as_of"] = iso(row.pop("as_of_ms") or now_ms())
    return row


def _span_sql(low_s: int | None, high_s: int | None) -> str:
    upper = "" if high_s is None else f" AND silent_s < {high_s}"
    return f"silent_s >= {low_s}{upper}"


def _regions(
    warehouse: Warehouse, regions: Sequence[Mapping[str, Any]], scope: str
) -> list[dict[str, Any]]:
    sql = f"""
        SELECT region_code AS code, count() AS vehicles, countIf(state != 'offline') AS connected,
               countIf(state = 'charging') AS charging,
               countIf(state != 'offline' AND alarm_level BETWEEN 1 AND {max(ALARM_LEVELS)})
                 AS alarmed
        FROM (SELECT region_code, alarm_level, {STATE_SQL} AS state
              FROM vehicle_latest WHERE {scope_sql(scope)})
        GROUP BY code"""
    found = {r["code"]: r for r in rows_of(warehouse.query(sql, state_params() | {"scope": scope}))}
    none = {"vehicles": 0, "connected": 0, "charging": 0, "alarmed": 0}
    return [dict(region) | none | found.get(str(region["code"]), {}) for region in regions]


def _events(warehouse: Warehouse, scope: str) -> list[Row]:
    mine = (
        "vin IN (SELECT vin FROM vehicle_latest WHERE operator = {scope:String})" if scope else "1"
    )
    sql = f"""
        SELECT e.received_at AS received_at, e.vin AS vin, e.event AS event, e.link AS link,
               v.plate AS plate, v.model AS model, v.simulated AS simulated
        FROM (SELECT received_at, vin, event, link FROM link_event
              WHERE received_at >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC')
                AND command IN ({", ".join(map(str, _CODES_OF_EVENTS))}) AND {mine}
              ORDER BY received_at DESC LIMIT {EVENTS_MAX}) AS e
        LEFT JOIN (SELECT vin, plate, model, simulated FROM vehicle_latest) AS v ON v.vin = e.vin
        ORDER BY received_at DESC"""
    params = {"since": now_ms() - _EVENT_AGE_MS, "scope": scope}
    return rows_of(warehouse.query(sql, params), LINK_EVENT.columns)
