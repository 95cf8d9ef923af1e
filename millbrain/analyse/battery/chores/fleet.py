"""The chore that looks at the whole fleet: groups that stand out, and what came before."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.chores import versions
from millbrain.analyse.battery.chores.marks import FLEET, Mark, Marks
from millbrain.analyse.battery.chores.windows import Window, reader, whole
from millbrain.analyse.battery.fleet.cases import Cases
from millbrain.analyse.battery.fleet.groups import Vehicles, explained, suspicions
from millbrain.analyse.battery.fleet.patterns import Pattern, pattern
from millbrain.analyse.battery.fleet.suspicion import Suspicion, suspicion_columns
from millbrain.analyse.battery.model import (
    ChargeRules,
    FleetRules,
    StrategyRules,
    StreamRules,
    chosen,
)
from millbrain.analyse.battery.tables import FLEET_SUSPICION
from millbrain.core.columns import Column, Columns, concat
from millbrain.core.rooms import Ground

FIRST_S: Final = 60.0  # after a start, then twice as long from one look to the next up to fleet_s
PATTERN_VEHICLES_MAX: Final = 40
PATTERN_EVENTS_MAX: Final = 10  # of one vehicle
PATTERN_DAY_S: Final = 43_200  # reports so far on both sides of an event: they hold the controls
BLANK: Final = b""

_FLEET: Final = """
    SELECT d.vin AS vin, l.model AS model, d.since AS since, d.days AS days
    FROM (SELECT vin, toUInt32(min(first_at)) AS since, uniqExact(day) AS days
          FROM battery_day GROUP BY vin) AS d
    LEFT JOIN (SELECT vin, toString(model) AS model FROM vehicle_latest) AS l ON l.vin = d.vin"""
_CASES: Final = """
    SELECT thing AS vin, concat('finding:', kind) AS what, toUInt32(min(first_seen_at)) AS first,
           toUInt32(max(first_seen_at)) AS last
    FROM finding FINAL WHERE app = 'battery' GROUP BY vin, what
    UNION ALL
    SELECT vin, concat('event:', kind) AS what, toUInt32(min(device_at)) AS first,
           toUInt32(max(device_at)) AS last
    FROM battery_event FINAL GROUP BY vin, what
    UNION ALL
    SELECT vin, concat('alarm:', toString(bit)) AS what, toUInt32(min(first_at)) AS first,
           toUInt32(max(first_at)) AS last
    FROM battery_day ARRAY JOIN bitPositionsToArray(alarm_flags) AS bit
    WHERE alarm_flags != 0 GROUP BY vin, what"""
_CODES: Final = """
    SELECT vin, JSONExtract(argMax(detail, received_at), 'codes', 'Array(String)')[1] AS code
    FROM link_event WHERE event = 'vehicle_login' GROUP BY vin"""
_EVENTS: Final = """
    SELECT vin, toUInt32(device_at) AS at FROM battery_event FINAL
    WHERE kind = {kind:String} AND vin IN ({vins:Array(String)})
    ORDER BY vin, at LIMIT {each:UInt8} BY vin"""
_CODE_LENGTH: Final = 24  # GB/T 34014: maker, type and specification, tracing, date, serial
_CODE_DESIGN: Final = 7  # its places that say what sort of pack it is


@dataclass(frozen=True, slots=True)
class _Seen:
    """The fleet as the warehouse and the register tell it."""

    fleet: Vehicles
    cases: Cases


class FleetChore:
    """Looks for groups that stand out, soon after a start, then every `fleet_s`."""

    def __init__(self, ground: Ground, marks: Marks) -> None:
        self._ground, self._marks = ground, marks
        self._rules = chosen(FleetRules, ground.parameters)
        self._strategy = chosen(StrategyRules, ground.parameters)
        self._charge = chosen(ChargeRules, ground.parameters)
        self._period_s = chosen(StreamRules, ground.parameters).fleet_s
        self._pause_s = min(FIRST_S, self._period_s)
        self._at_s = time.monotonic() + self._pause_s
        self.looks = self.written = self.open = 0

    def step(self) -> bool:
        """Look at the fleet if it is time; False where it is not."""
        if time.monotonic() < self._at_s:
            return False
        self.look()
        self._marks.write(FLEET, Mark(0, self._marks.next_ms()))
        self._pause_s = min(2 * self._pause_s, self._period_s)
        self._at_s = time.monotonic() + self._pause_s
        return True

    def look(self) -> None:
        """Write the suspicions that are new, other or over."""
        stored = versions.read(self._ground.facts, FLEET_SUSPICION, "1", {})
        keys = _keys(stored)
        is_open = stored.array("is_open") == 1
        held = [key for key, own in zip(keys, is_open.tolist(), strict=True) if own]
        seen = self._seen()
        found = suspicions(seen.fleet, seen.cases, self._rules, held) if seen.fleet.vin.size else []
        found = [self._explained(s, seen) for s in found]
        as_of_ms = self._marks.next_ms()
        told = {s.key for s in found}
        # A group or a sort that no longer exists is told by nobody: it closes, the rest stays.
        kept = np.array([i for i, key in enumerate(keys) if key not in told], np.intp)
        rest = _texted(stored.take(kept))
        rest.values["is_open"] = np.zeros(rest.rows, np.uint8)
        rows = concat([suspicion_columns(found, as_of_ms), rest], FLEET_SUSPICION)
        self.written += versions.settle(
            self._ground.facts, FLEET_SUSPICION, rows, "1", {}, as_of_ms
        )
        self.open = sum(s.is_open for s in found)
        self.looks += 1

    def status(self) -> Mapping[str, Any]:
        """Describe how often it looked and what is open."""
        return {"looks": self.looks, "open": self.open, "written": self.written}

    def _seen(self) -> _Seen:
        query = self._ground.facts.query
        fleet, cases = query(_FLEET), query(_CASES)
        vins = _texts(fleet.column("vin"))
        codes = query(_CODES)
        designs = {vin: code[:_CODE_DESIGN] for vin, code
                   in zip(_texts(codes.column("vin")), _texts(codes.column("code")), strict=True)
                   if len(code) == _CODE_LENGTH}  # fmt: skip
        groups = {"model": _array(_texts(fleet.column("model"))),
                  "pack_code": _array([designs.get(vin, BLANK) for vin in vins]),
                  **_registered(self._ground.things(), vins)}  # fmt: skip
        first, last = (cases.column(n).to_numpy().astype(np.int64) for n in ("first", "last"))
        vin, what = _array(_texts(cases.column("vin"))), _array(_texts(cases.column("what")))
        return _Seen(
            Vehicles(_array(vins), fleet.column("days").to_numpy().astype(np.float64),
                     fleet.column("since").to_numpy().astype(np.int64), groups),
            Cases(np.r_[vin, vin], np.r_[what, what], np.r_[first, last]),
        )  # fmt: skip

    def _explained(self, suspicion: Suspicion, seen: _Seen) -> Suspicion:
        sort, _, kind = suspicion.what.partition(":")
        if not suspicion.is_open or sort != "event":
            return suspicion
        own = seen.fleet.groups[suspicion.grouped_by] == suspicion.group.encode()
        return explained(suspicion, self._pattern(seen.fleet.vin[own], kind))

    def _pattern(self, vins: NDArray[Any], kind: str) -> Pattern | None:
        """Return what came before the events of a kind of some vehicles."""
        params = {"kind": kind, "vins": [v.decode() for v in vins.tolist()],
                  "each": PATTERN_EVENTS_MAX}  # fmt: skip
        answer = self._ground.facts.query(_EVENTS, params)
        vin = np.array(_texts(answer.column("vin")), "S")
        at = answer.column("at").to_numpy().astype(np.int64)
        kept = np.isin(vin, np.unique(vin)[:PATTERN_VEHICLES_MAX])
        vin, at = vin[kept], at[kept]
        windows = [
            Window(v.decode(), int(at[vin == v].min()) - PATTERN_DAY_S,
                   int(at[vin == v].max()) + PATTERN_DAY_S)
            for v in np.unique(vin)
        ]  # fmt: skip
        if not windows:
            return None
        read = reader(self._ground.facts, self._ground.settled())
        found = whole(read, windows, self._charge, self._strategy)
        parts = [_scalars(reports) for _, reports in found]
        return pattern(concat(parts), vin, at, kind.encode(), self._strategy)


def _registered(
    things: Mapping[str, Mapping[str, Any]], vins: Sequence[bytes]
) -> dict[str, NDArray[Any]]:
    """Return the groupings that the register tells, those of which it says anything."""
    found = {}
    for name in ("software", "production_month"):
        told = [str(things.get(vin.decode(), {}).get(name) or "").encode() for vin in vins]
        if any(told):
            found[name] = _array(told)
    return found


def _scalars(reports: Columns) -> Columns:
    """Return reports without their lists, which no sequence of states is made from."""
    values: dict[str, Column] = {
        n: c for n, c in reports.values.items() if isinstance(c, np.ndarray)
    }
    return Columns(reports.rows, values)


def _keys(stored: Columns) -> list[tuple[bytes, bytes, bytes]]:
    own = _texted(stored)
    names = ("grouped_by", "group", "what")
    return list(zip(*(own.array(n).tolist() for n in names), strict=True))


def _texted(rows: Columns) -> Columns:
    """Return rows whose texts are bytes of any length, as `suspicion_columns` gives them."""
    texts = {c.name for c in FLEET_SUSPICION.columns if c.kind in ("text", "name")}
    values: dict[str, Any] = {
        name: _objects(column) if name in texts and isinstance(column, np.ndarray) else column
        for name, column in rows.values.items()
    }
    return Columns(rows.rows, values, rows.missing)


def _objects(column: NDArray[Any]) -> NDArray[Any]:
    texts = np.empty(len(column), object)
    texts[:] = [t.encode() if isinstance(t, str) else bytes(t).rstrip(b"\0") for t in column]
    return texts


def _texts(column: Any) -> list[bytes]:
    return [t.encode() if isinstance(t, str) else (t or BLANK) for t in column.to_pylist()]


def _array(texts: Sequence[bytes]) -> NDArray[Any]:
    return np.array(texts, "S") if texts else np.zeros(0, "S1")
