"""The overview: one picture of the whole city, made once a second however many look at it."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from millbrain.core.errors import MillbrainError
from millbrain.core.facts import LINK_EVENT
from millbrain.core.times import iso
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries import intake
from millbrain.show.queries.rows import ONLINE_MS, Row, now_ms, rows_of, scope_sql

log = logging.getLogger(__name__)

KEEP_S: Final = 1.0
STALE_S_MAX: Final = 4.0  # so much older an answer may be while the next one is being made
OFFLINE_S: Final = (3600, 86_400, 7 * 86_400, None)  # upper ends of the offline buckets [s]
SOC_BIN_PCT: Final = 10
ALARM_LEVELS: Final = (1, 2, 3, 4)
EVENTS_MAX: Final = 20
_EVENT_AGE_MS: Final = 24 * 3_600_000
_CHARGE_AGE_S: Final = 86_400
_CODES_OF_EVENTS: Final = (1, 4, 5, 6, 9)  # logins, logouts, activations; no heartbeats
_CONNECTED: Final = ("driving", "charging", "parked")  # the states 0, 1, 2 of the query
_NO_SOC_BIN: Final = 255


class OverviewBoard:
    """Answers `overview` from memory; whoever finds it too old lets one thread ask anew.

    Up to `KEEP_S` an answer is fresh. For `STALE_S_MAX` more it is still given out, with its own
    as-of time, while a thread makes the next one, so that a reader waits for the warehouse only
    when nobody has looked for some seconds.
    """

    def __init__(self, warehouse: Warehouse, regions: Sequence[Mapping[str, Any]]) -> None:
        self._warehouse = warehouse
        self._regions = regions
        self._lock = threading.Lock()
        self._boards: dict[str, _Board] = {}

    def get(self, scope: str = "") -> Row:
        """Return the overview of all vehicles, or of one organisation's."""
        with self._lock:
            board = self._boards.setdefault(scope, _Board())
        age_s = time.monotonic() - board.made_at
        if age_s < KEEP_S:
            return board.answer
        if age_s < KEEP_S + STALE_S_MAX:
            if board.lock.acquire(blocking=False):
                threading.Thread(target=self._renew, args=(board, scope), daemon=True).start()
            return board.answer
        with board.lock:
            if time.monotonic() - board.made_at >= KEEP_S:
                self._make(board, scope)
            return board.answer

    def _renew(self, board: "_Board", scope: str) -> None:
        try:
            self._make(board, scope)
        except MillbrainError as e:
            log.warning("overview not renewed: %s", e)  # the reader after STALE_S_MAX is told
        finally:
            board.lock.release()

    def _make(self, board: "_Board", scope: str) -> None:
        board.answer = overview(self._warehouse, self._regions, scope)
        board.made_at = time.monotonic()


class _Board:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made_at = -1e9
        self.answer: Row = {}


def overview(warehouse: Warehouse, regions: Sequence[Mapping[str, Any]], scope: str = "") -> Row:
    """Return counts by state, offline span, charge start, alarm level and region, and new events.

    regions: each with code and what the tile map needs; passed through with its counts.
    """
    counts = _Counts(warehouse, scope)
    known = [dict(r) | counts.of_region(str(r["code"])) for r in regions]
    return {
        "as_of": counts.as_of,
        "vehicles": counts.vehicles(),
        "offline": [
            {"up_to_s": up_to, "count": counts.states[len(_CONNECTED) + i]}
            for i, up_to in enumerate(OFFLINE_S)
        ],
        "charge_start_soc": [
            {"from_pct": i * SOC_BIN_PCT, "to_pct": (i + 1) * SOC_BIN_PCT, "count": counts.bins[i]}
            for i in range(100 // SOC_BIN_PCT)
        ],
        "alarms": [{"level": level, "count": counts.levels[level]} for level in ALARM_LEVELS],
        "regions": known,
        "elsewhere": counts.known - sum(r["vehicles"] for r in known),
        "events": _events(warehouse, scope),
        # Frames are counted by link, not by vehicle: a scoped caller gets no share of them.
        "rate_hz": None if scope else intake.rate_hz(warehouse),
        "rate": [] if scope else intake.rate_curve(warehouse),
        "intake": None if scope else intake.totals(warehouse),
        "links": None if scope else intake.links_count(warehouse),
    }  # fmt: skip


class _Counts:
    """Vehicles counted by state, alarm, charge start and region, in one pass over them all."""

    def __init__(self, warehouse: Warehouse, scope: str) -> None:
        self.known = self.simulated = 0
        self.states: Counter[int] = Counter()
        self.levels: Counter[int] = Counter()
        self.bins: Counter[int] = Counter()
        self.by_region: dict[str, Counter[str]] = {}
        now = now_ms()
        params = {"now": now, "online": ONLINE_MS, "scope": scope}
        as_of = 0
        for row in warehouse.query(_counts_sql(scope), params).to_pylist():
            self._add(row)
            as_of = max(as_of, row["as_of"])
        self.as_of = iso(as_of or now)

    def _add(self, row: Row) -> None:
        n, state, level = row["n"], row["state"], row["level"]
        is_connected = state < len(_CONNECTED)
        self.known += n
        self.simulated += row["simulated"]
        self.states[state] += n
        self.bins[row["soc_bin"]] += n
        region = self.by_region.setdefault(row["region_code"], Counter())
        region["vehicles"] += n
        if is_connected:
            self.levels[level] += n
            region["connected"] += n
            region["charging"] += n * (_CONNECTED[state] == "charging")
            region["alarmed"] += n * (level in ALARM_LEVELS)

    def vehicles(self) -> Row:
        """Return the counts by state."""
        found = {name: self.states[i] for i, name in enumerate(_CONNECTED)}
        connected = sum(found.values())
        return found | {
            "known": self.known, "connected": connected, "offline": self.known - connected,
            "simulated": self.simulated,
        }  # fmt: skip

    def of_region(self, code: str) -> Row:
        """Return the counts of a region."""
        found = self.by_region.get(code, Counter())
        return {name: found[name] for name in ("vehicles", "connected", "charging", "alarmed")}


def _counts_sql(scope: str) -> str:
    """Group by small numbers: ten times as quick as as many conditions on texts would be."""
    spans = ", ".join(
        f"silent < {up_to * 1000}, {len(_CONNECTED) + i}" for i, up_to in enumerate(OFFLINE_S[:-1])
        if up_to
    )  # fmt: skip
    return f"""
        SELECT region_code, state, level, soc_bin, count() AS n, sum(simulated) AS simulated,
               toUnixTimestamp64Milli(max(as_of)) AS as_of
        FROM (SELECT region_code, simulated, as_of,
                     {{now:Int64}} - toUnixTimestamp64Milli(received_at) AS silent,
                     toUInt8(multiIf(silent >= {{online:Int64}}, multiIf({spans}, 6),
                                     charge_state = 1, 1, vehicle_state = 1, 0, 2)) AS state,
                     least(alarm_level, 5) AS level,
                     if(ifNull(toUInt32(charge_start_at), 0)
                          > intDiv({{now:Int64}}, 1000) - {_CHARGE_AGE_S}
                        AND isNotNull(charge_start_soc_pct),
                        least(intDiv(assumeNotNull(charge_start_soc_pct), {SOC_BIN_PCT}),
                              {100 // SOC_BIN_PCT - 1}), {_NO_SOC_BIN}) AS soc_bin
              FROM vehicle_latest WHERE {scope_sql(scope)})
        GROUP BY region_code, state, level, soc_bin"""


def _events(warehouse: Warehouse, scope: str) -> list[Row]:
    mine = "vin IN (SELECT vin FROM vehicle_latest WHERE operator = {scope:String})"
    sql = f"""
        SELECT received_at, vin, event, link FROM link_event
        WHERE received_at >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC')
          AND command IN ({", ".join(map(str, _CODES_OF_EVENTS))}) AND {mine if scope else "1"}
        ORDER BY received_at DESC LIMIT {EVENTS_MAX}"""
    params = {"since": now_ms() - _EVENT_AGE_MS, "scope": scope}
    rows = rows_of(warehouse.query(sql, params), LINK_EVENT.columns)
    # Looked up by key afterwards: a join would hash every vehicle there is.
    sql = """
        SELECT vin, plate, model, simulated FROM vehicle_latest
        WHERE vin IN {vins:Array(String)}"""
    vins = sorted({r["vin"] for r in rows})
    vehicles = {v["vin"]: v for v in rows_of(warehouse.query(sql, {"vins": vins}))} if vins else {}
    unknown = {"plate": "", "model": "", "simulated": 0}
    return [r | vehicles.get(r["vin"], unknown) for r in rows]
