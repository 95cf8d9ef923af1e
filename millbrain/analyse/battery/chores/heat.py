"""The chore that watches for hot vehicles: the live table, by the rules of `fleet.heat_watch`."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from millbrain.analyse.battery import reading
from millbrain.analyse.battery.calc.case import APP
from millbrain.analyse.battery.fleet.heat_watch import HeatWatch
from millbrain.analyse.battery.model import HEAT, HeatRules, StreamRules, chosen
from millbrain.core import finding_rows
from millbrain.core.columns import Columns
from millbrain.core.findings import Finding
from millbrain.core.rooms import Ground

_PICKED: Final = (
    f"toFixedString(vin, {reading.VIN_BYTES}) AS vin_, toUInt32(device_at) AS device_at_, "
    "temp_max_degc, temp_min_degc, soc_pct, cell_max_mv, cell_min_mv, voltage_v, insulation_kohm, "
    "charge_state, current_a, alarm_flags, toString(region_code) AS region_code_, "
    "toString(model) AS model_"
)
_SQL: Final = (
    f"SELECT {_PICKED} FROM vehicle_latest WHERE report_count > 0 AND device_at > "
    "toDateTime({since:UInt32}, 'UTC') " + reading.PLAIN
)
_OVER: Final = "Heat watch, over: the vehicle has not reported for {hours:.0f} h."
_OVER_ZH: Final = "高温看护结束：车辆已{hours:.0f}小时未上报。"


class HeatChore:
    """Looks at every vehicle every `heat_s`, and reports what has changed."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._rules = chosen(StreamRules, ground.parameters)
        self._stale_s = chosen(HeatRules, ground.parameters).hot_stale_s
        self._watch = HeatWatch(chosen(HeatRules, ground.parameters))
        self._open = {f.key: f for f in _open(ground)}
        self._watch.restore(self._open.values())
        self._at_s = 0.0
        self.looks = 0

    def step(self) -> bool:
        """Look if it is time; False where it is not."""
        if time.monotonic() < self._at_s:
            return False
        self._at_s = time.monotonic() + self._rules.heat_s
        as_of = int(time.time())
        latest = _latest(self._ground, as_of - self._stale_s)
        found = self._watch.look(latest, as_of) if latest.rows else []
        now = {f.key: f for f in found}
        since = as_of - self._rules.heat_silent_s
        silent = [f for f in self._open.values() if f.key not in now and f.last_seen < since]
        found += [_closed(f, as_of) for f in silent]
        if found:
            self._ground.report(found)
        self._take(found)
        self.looks += 1
        return True

    def _take(self, found: list[Finding]) -> None:
        for finding in found:
            if finding.is_open:
                self._open[finding.key] = finding
            else:
                self._open.pop(finding.key, None)

    def status(self) -> Mapping[str, Any]:
        """Describe what is hot."""
        return {"looks": self.looks, "open": len(self._open), "by": self._watch.summary()}


def _open(ground: Ground) -> list[Finding]:
    return [f for f in finding_rows.still_open(ground.facts, APP) if f.kind == HEAT]


def _closed(finding: Finding, as_of: int) -> Finding:
    hours = (as_of - finding.last_seen) / 3_600
    return replace(
        finding, is_open=False, call_out=False, sentence=_OVER.format(hours=hours),
        sentence_zh=_OVER_ZH.format(hours=hours),
    )  # fmt: skip


def _latest(ground: Ground, since: int) -> Columns:
    """Return the vehicles whose newest report is later than `since` [s since 1970 UTC]."""
    answer = ground.facts.query(_SQL, {"since": max(since, 0)})
    missing = {
        name: np.asarray(answer.column(name).is_null())
        for name in answer.column_names
        if answer.column(name).null_count
    }
    columns = reading.columns_of(answer)
    values = {
        name: np.nan_to_num(column) if name in missing and isinstance(column, np.ndarray)
        else column
        for name, column in columns.values.items()
    }  # fmt: skip
    values |= {n: np.asarray(_bytes(values[n]), "S") for n in ("region_code", "model")}
    return Columns(columns.rows, values, missing)


def _bytes(texts: Any) -> list[bytes]:
    return [t.encode() if isinstance(t, str) else t for t in texts.tolist()]
