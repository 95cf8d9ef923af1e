"""The hand of the energy room: days are computed anew from their readings whenever any changed."""

import time
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from millbrain.analyse.energy import model
from millbrain.analyse.energy.calc import DAY_MS, Day, Intervals, days
from millbrain.analyse.energy.tables import ENERGY_DAY
from millbrain.core.columns import Columns, Ragged
from millbrain.core.findings import Verdict
from millbrain.core.rooms import Ground
from millbrain.core.tables import arrow_batch
from millbrain.hands.steps import Steps

DAYS_AT_ONCE: Final = 31
_OFFSETS: Final = (
    "SELECT toString(thing) AS thing, argMax(value, device_at) AS offset FROM reading"
    " WHERE signal = {signal:String} GROUP BY thing"
)
_TOUCHED: Final = (
    "SELECT toString(thing) AS thing, toUnixTimestamp64Milli(min(device_at)) AS first,"
    " toUnixTimestamp64Milli(max(device_at)) AS last FROM reading"
    " WHERE signal IN ({signals:Array(String)}) AND batch > {after:UInt64}"
    " AND batch <= {upto:UInt64} GROUP BY thing"
)
_INTERVALS: Final = (
    "SELECT at, anyIf(value, s = {energy:String}) AS energy, anyIf(value, s = {lagging:String})"
    " AS lagging, anyIf(value, s = {leading:String}) AS leading,"
    " anyIf(value, s = {co2:String}) AS co2, toString(anyIf(text, s = {load:String})) AS load,"
    " max(batch) AS newest FROM (SELECT toUnixTimestamp64Milli(device_at) AS at,"
    " toString(signal) AS s, ifNull(value, nan) AS value, text, batch FROM reading"
    " WHERE thing = {thing:String} AND signal IN ({signals:Array(String)})"
    " AND device_at > fromUnixTimestamp64Milli({since:Int64})"
    " AND device_at <= fromUnixTimestamp64Milli({until:Int64}) AND quality > 0)"
    " GROUP BY at HAVING countIf(s = {energy:String}) > 0 ORDER BY at"
)


class Energy:
    """The running app; see `core.rooms.Watching`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        chosen = {p.name: p.default for p in model.PARAMETERS} | dict(ground.parameters)
        self._look_s, self._interval_s = chosen["look_s"], chosen["interval_s"]
        self._position = 0
        self._as_of_ms = 0
        self.days = 0
        self.steps = Steps("energy", self.look)
        self.steps.start()

    def take(self, batch: int, tables: Mapping[str, Columns]) -> None:
        """Do nothing: intervals are looked up once they are on disk."""

    def verdict(self, finding_key: str, since: int) -> Verdict | None:
        """Return None: this room finds nothing that could be repaired."""
        return None

    def status(self) -> Mapping[str, Any]:
        """Describe how far it is and its troubles."""
        return {"position": self._position, "days": self.days,
                **self.steps.status()}  # fmt: skip

    def stop(self) -> None:
        """End the thread."""
        self.steps.stop()

    def look(self) -> float:
        """Compute every day that has new readings, at first all; return the pause after it [s]."""
        upto = self._ground.settled()
        if upto > self._position:
            facts = self._ground.facts
            asked = {"signals": list(model.SIGNALS), "after": self._position, "upto": upto}
            touched = facts.query(_TOUCHED, asked).to_pylist()
            told = facts.query(_OFFSETS, {"signal": model.OFFSET}).to_pylist()
            offsets = {r["thing"]: float(r["offset"]) for r in told if r["offset"] is not None}
            for row in touched:
                offset_h = offsets.get(row["thing"], model.OFFSET_H)
                self._compute(row["thing"], row["first"], row["last"], offset_h)
            self._position = upto
        return self._look_s

    def _compute(self, thing: str, first_ms: int, last_ms: int, offset_h: float) -> None:
        shift = round(offset_h * 3_600_000)
        day, last = ((at - 1 + shift) // DAY_MS for at in (first_ms, last_ms))
        while day <= last and not self.steps.stopping.is_set():
            begin = day * DAY_MS - shift
            until = min(day + DAYS_AT_ONCE, last + 1) * DAY_MS - shift
            self._write(thing, begin, until, offset_h)
            day += DAYS_AT_ONCE

    def _write(self, thing: str, since_ms: int, until_ms: int, offset_h: float) -> None:
        rows = self._ground.facts.query(_INTERVALS, {
            "thing": thing, "since": since_ms, "until": until_ms, "signals": list(model.SIGNALS),
            "energy": model.ENERGY, "lagging": model.LAGGING, "leading": model.LEADING,
            "co2": model.CO2, "load": model.LOAD_TYPE,
        })  # fmt: skip
        if not rows.num_rows:
            return
        at_ms = rows.column("at").to_numpy().astype(np.int64)
        energy, lagging, leading, co2 = (
            rows.column(n).to_numpy().astype(np.float64)
            for n in ("energy", "lagging", "leading", "co2")
        )
        loads = [str(name) for name in rows.column("load").to_pylist()]
        intervals = Intervals(at_ms, energy, lagging, leading, co2, loads)
        found = days(intervals, offset_h, self._interval_s)
        newest = int(rows.column("newest").to_numpy().max())
        # A clock that was set back must not make a new version look old.
        self._as_of_ms = max(int(time.time() * 1000), self._as_of_ms + 1)
        by_month: dict[str, list[Day]] = {}  # one insertion falls into one partition
        for day in found:
            by_month.setdefault(str(np.datetime64(day.day, "D"))[:7], []).append(day)
        for own in by_month.values():
            made = columns_of(thing, own, offset_h, newest, self._as_of_ms)
            self._ground.facts.insert(ENERGY_DAY, arrow_batch(ENERGY_DAY, made))
        self.days += len(found)


def columns_of(thing: str, found: list[Day], offset_h: float, batch: int, as_of_ms: int) -> Columns:
    """Return days as rows of `energy_day`."""
    n = len(found)
    offsets = np.concatenate(([0], np.cumsum([len(d.loads_kwh) for d in found]))).astype(np.int32)
    names = [name.encode() for d in found for name in d.loads_kwh]
    loads = [kwh for d in found for kwh in d.loads_kwh.values()]
    numbers = {
        "energy_kwh": "energy_kwh", "peak_kw": "peak_kw", "co2_t": "co2_t",
        "reactive_lagging_kvarh": "lagging_kvarh", "reactive_leading_kvarh": "leading_kvarh",
    }  # fmt: skip
    return Columns(
        n,
        {
            "thing": np.full(n, thing.encode(), object),
            "day": np.array([d.day for d in found], np.uint16),
            "interval_count": np.array([d.interval_count for d in found], np.uint32),
            "peak_at": np.array([d.peak_at for d in found], np.int64),
            **{k: np.array([getattr(d, v) for d in found], np.float64) for k, v in numbers.items()},
            "load_type": Ragged(offsets, np.array(names, object)),
            "load_kwh": Ragged(offsets, np.array(loads, np.float64)),
            "zone_offset_h": np.full(n, offset_h, np.float32),
            "batch": np.full(n, batch, np.uint64),
            "as_of": np.full(n, as_of_ms, np.int64),
        },
    )


def start(ground: Ground) -> Energy:
    """Start the app on its ground."""
    return Energy(ground)
