"""What the warehouse is asked and told: readings in, hours out."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from millbrain.analyse.effectiveness.calc.hours import MARGIN_MS, Heard, Signal, Told
from millbrain.analyse.effectiveness.calc.parts import HOUR_MS
from millbrain.analyse.effectiveness.findings import Standing
from millbrain.analyse.effectiveness.model import SIGNALS, Machine
from millbrain.analyse.effectiveness.rows import (
    REASON_TEXTS,
    hour_columns,
    machine_columns,
    now_columns,
    reason_columns,
)
from millbrain.analyse.effectiveness.tables import (
    EFFECTIVENESS_PROGRESS,
    MACHINE,
    MACHINE_HOUR,
    MACHINE_NOW,
    STOP_REASON,
)
from millbrain.core.columns import Columns
from millbrain.core.plant.states import ENERGY_SIGNAL, ORDER_SIGNAL, REASON_SIGNAL, STATE_SIGNAL
from millbrain.core.rooms import Facts
from millbrain.core.tables import Table, arrow_batch

_TASK: Final = b"stream"
TEXTS: Final = (ORDER_SIGNAL, REASON_SIGNAL)  # of the other signals only numbers matter
_NOTHING: Final = np.zeros(0, np.int64)
HEARD_MS: Final = 10_000  # of so long a span only the first and last thing heard matter
# How far is looked for the reading before or after, step by step: an hour, a day, 8 and 60 days.
REACHES_MS: Final = tuple(h * HOUR_MS for h in (1, 24, 8 * 24, 60 * 24))
SINCE_MS: Final = 8 * 24 * HOUR_MS
_AHEAD: Final = (
    "device_at <= received_at + toIntervalSecond(3600)"  # of a clock far ahead: not used
)
_AT: Final = "toUnixTimestamp64Milli(device_at)"


@dataclass(frozen=True, slots=True)
class Touch:
    """Readings of one signal of one machine that came: the first and last instant [ms]."""

    thing: str
    signal: str
    first: int
    last: int


class Store:
    """The warehouse as this room uses it. One thread at a time."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.rows = 0  # readings that were read
        sql = "SELECT toUnixTimestamp64Milli(max(as_of)) AS at FROM "
        tables = (MACHINE_HOUR, MACHINE, MACHINE_NOW, STOP_REASON, EFFECTIVENESS_PROGRESS)
        self._as_of_ms = max(
            int(facts.query(sql + t.name).column(0)[0].as_py() or 0) for t in tables
        )

    def next_as_of_ms(self) -> int:
        """Return the clock, or a millisecond after the last answer where that is later [ms]."""
        self._as_of_ms = max(int(time.time() * 1000), self._as_of_ms + 1)
        return self._as_of_ms

    def progress(self) -> int | None:
        """Return the newest commit that every hour has, None where the app never ran here."""
        sql = "SELECT batch FROM effectiveness_progress FINAL WHERE task = {task:String}"
        rows = self._facts.query(sql, {"task": _TASK.decode()}).to_pylist()
        return int(rows[0]["batch"]) if rows else None

    def write_progress(self, batch: int) -> None:
        """Store how far the app is; on disk when this returns."""
        columns = Columns(1, {
            "task": np.array([_TASK], object), "batch": np.array([batch], np.uint64),
            "as_of": np.array([self.next_as_of_ms()], np.int64),
        })  # fmt: skip
        self._insert(EFFECTIVENESS_PROGRESS, columns)

    def things(self) -> dict[tuple[str, str], int]:
        """Return the newest instant [ms] of each signal of each thing that is looked at."""
        answer = self._facts.query(
            f"SELECT toString(thing) AS thing, toString(signal) AS signal, {_AT} AS at "
            "FROM reading_latest FINAL WHERE signal IN ({signals:Array(String)})",
            {"signals": list(SIGNALS)},
        )
        return {(text(r["thing"]), text(r["signal"])): int(r["at"]) for r in answer.to_pylist()}

    def since(self, things: Sequence[str], at: int) -> dict[str, tuple[int, int]]:
        """Return state and begin [ms] of the run that holds at an instant, as hours tell it.

        at: begin of an hour [ms]. Where it began more than `SINCE_MS` before, that is the begin.
        """
        answer = self._facts.query(
            "SELECT toString(machine) AS machine, argMax(state, hour_at) AS state, "
            "greatest(max(begun), min(toUnixTimestamp64Milli(hour_at))) AS begun "
            "FROM (SELECT machine, hour_at, arrayElement(run_state, -1) AS state, "
            "      arrayLastIndex(b -> b = 1, run_begins) AS last, "
            "      if(last = 0, 0, toUnixTimestamp64Milli(hour_at) + run_ms[last]) AS begun "
            "      FROM machine_hour FINAL WHERE machine IN ({things:Array(String)}) "
            "      AND hour_at <= fromUnixTimestamp64Milli({at:Int64}, 'UTC') "
            "      AND hour_at > fromUnixTimestamp64Milli({low:Int64}, 'UTC') "
            "      AND notEmpty(run_ms)) GROUP BY machine",
            {"things": list(things), "at": at, "low": at - SINCE_MS},
        )
        return {text(r["machine"]): (int(r["state"]), int(r["begun"])) for r in answer.to_pylist()}

    def told_until(self) -> int:
        """Return up to where hours are told [ms since 1970 UTC], 0 = none is."""
        sql = "SELECT toUnixTimestamp64Milli(max(until_at)) FROM machine_hour"
        return int(self._facts.query(sql).column(0)[0].as_py() or 0)

    def touched(self, after: int, upto: int) -> list[Touch]:
        """Return what the commits after one and up to another brought, hour by hour."""
        answer = self._facts.query(
            f"SELECT toString(thing) AS thing, toString(signal) AS signal, min({_AT}) AS first, "
            f"max({_AT}) AS last FROM reading WHERE batch > {{after:UInt64}} "
            "AND batch <= {upto:UInt64} AND signal IN ({signals:Array(String)}) "
            "GROUP BY thing, signal, toStartOfHour(device_at)",
            {"after": after, "upto": upto, "signals": list(SIGNALS)},
        )
        return [Touch(text(r["thing"]), text(r["signal"]), int(r["first"]), int(r["last"]))
                for r in answer.to_pylist()]  # fmt: skip

    def span(self, since: int, until: int) -> list[Touch]:
        """Return what is there between two instants [ms], by thing and signal."""
        answer = self._facts.query(
            f"SELECT toString(thing) AS thing, toString(signal) AS signal, min({_AT}) AS first, "
            f"max({_AT}) AS last FROM reading WHERE {_between('since', 'until')} "
            "AND signal IN ({signals:Array(String)}) GROUP BY thing, signal",
            {"since": since, "until": until, "signals": list(SIGNALS)},
        )
        return [Touch(text(r["thing"]), text(r["signal"]), int(r["first"]), int(r["last"]))
                for r in answer.to_pylist()]  # fmt: skip

    def beside(
        self, keys: Iterable[tuple[str, str]], at: int, *, is_after: bool
    ) -> dict[tuple[str, str], int]:
        """Return the instant [ms] of the reading next to an instant, by thing and signal."""
        known: dict[str, list[str]] = {}
        for thing, signal in keys:
            known.setdefault(thing, []).append(signal)
        found = [
            (row["thing"], row["signal"], row["at"])
            for part in self._beside(known, at, is_after=is_after)
            for row in part.select(["thing", "signal", "at"]).to_pylist()
        ]
        return {(text(thing), text(signal)): int(near) for thing, signal, near in found}

    def heard(
        self, known: Mapping[str, Iterable[str]], low: int, high: int, now: int
    ) -> dict[str, Heard]:
        """Return what was heard of machines around a span of time.

        known: signals that are known of each machine. low, high: whole hours [ms].
        """
        since, until = low - MARGIN_MS, min(high + MARGIN_MS, now)
        things = list(known)
        signals = sorted({s for names in known.values() for s in names})
        read = self._readings(things, signals, since, until)
        rows = [read, *self._beside(_unheard(read, known, since, low), since, is_after=False)]
        if until < now:  # the energy that is used at the end is known with the next reading
            told = _seen(read, high, until)
            only = {t: [s for s in names if s == ENERGY_SIGNAL and (t, s) not in told]
                    for t, names in known.items()}  # fmt: skip
            rows += self._beside(only, until, is_after=True)
        self.rows += sum(part.num_rows for part in rows)
        found = _by_thing(pa.concat_tables(rows))
        heard = {thing: _with_all(_NOTHING, found.get(thing, {})) for thing in things}
        # A machine that tells what is read here all the time needs no look at all of its signals.
        thin = [t for t in things if until < now or not _is_dense(heard[t].at, since, now)]
        if thin:
            instants = self._instants(thin, since - MARGIN_MS, until, now)
            heard |= {t: _with_all(each, found.get(t, {})) for t, each in instants.items()}
        return heard

    def _readings(
        self, things: Sequence[str], signals: Sequence[str], since: int, until: int
    ) -> pa.Table:
        return self._facts.query(
            f"SELECT toString(thing) AS thing, toString(signal) AS signal, {_AT} AS at, "
            f"ifNull(value, nan) AS value, text, quality FROM reading "
            f"WHERE thing IN ({{things:Array(String)}}) AND signal IN ({{signals:Array(String)}}) "
            f"AND {_between('early', 'until')} AND {_AHEAD} AND (signal = '{STATE_SIGNAL}' "
            f"OR device_at >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC'))",
            {"things": list(things), "signals": list(signals), "since": since, "until": until,
             "early": since - MARGIN_MS},
        )  # fmt: skip

    def _beside(
        self, known: Mapping[str, Iterable[str]], at: int, *, is_after: bool
    ) -> list[pa.Table]:
        """Return the readings next to an instant, of the signals that are asked for."""
        missing = {(thing, signal) for thing, names in known.items() for signal in names}
        parts = []
        picked = "min" if is_after else "max"
        for reach in REACHES_MS:
            if not missing:
                break
            low, high = (at, at + reach) if is_after else (at - reach, at)
            part = self._facts.query(
                f"SELECT toString(thing) AS thing, toString(signal) AS signal, "
                f"{picked}({_AT}) AS at, "
                f"arg{picked.title()}(ifNull(value, nan), device_at) AS value, "
                f"arg{picked.title()}(text, device_at) AS text, "
                f"arg{picked.title()}(quality, device_at) AS quality "
                f"FROM reading WHERE thing IN ({{things:Array(String)}}) "
                f"AND signal IN ({{signals:Array(String)}}) AND {_between('low', 'high')} "
                f"AND {_AHEAD} GROUP BY thing, signal",
                {"things": sorted({t for t, _ in missing}), "low": low, "high": high,
                 "signals": sorted({s for _, s in missing})},
            )  # fmt: skip
            here = list(zip(texts(part, "thing"), texts(part, "signal"), strict=True))
            parts.append(part.filter(pa.array([pair in missing for pair in here], pa.bool_())))
            missing -= set(here)
        return parts

    def _instants(
        self, things: Sequence[str], since: int, until: int, now: int
    ) -> dict[str, NDArray[np.int64]]:
        """Return when anything at all was heard of machines, the next thing after included."""
        answer = self._facts.query(
            f"SELECT toString(thing) AS thing, intDiv({_AT}, {HEARD_MS}) AS slot, "
            f"min({_AT}) AS first, max({_AT}) AS last FROM reading "
            f"WHERE thing IN ({{things:Array(String)}}) AND {_between('since', 'until')} "
            f"AND {_AHEAD} AND quality > 0 GROUP BY thing, slot",
            {"things": list(things), "since": since, "until": min(until + MARGIN_MS, now)},
        )
        found, codes = np.unique(np.array(texts(answer, "thing"), object), return_inverse=True)
        first, last = (answer.column(n).to_numpy().astype(np.int64) for n in ("first", "last"))
        return {
            name: np.unique(np.concatenate((first[codes == k], last[codes == k])))
            for k, name in enumerate(found.tolist())
        }

    def write(
        self, told: Sequence[tuple[str, Told, Sequence[str]]], now: int, as_of_ms: int
    ) -> int:
        """Store hours of machines; return how many.

        told: machine, what it did, texts of its shifts. as_of_ms: from before it was read.
        """
        whole = hour_columns(told, now, as_of_ms)
        if not whole.rows:
            return 0
        at = whole.array("hour_at").astype("datetime64[ms]").astype("datetime64[M]")
        months = at.astype(np.int64)
        batch = arrow_batch(MACHINE_HOUR, whole)
        for month in np.unique(months):
            self._facts.insert(
                MACHINE_HOUR, batch.filter(pa.array((months == month).tolist(), pa.bool_()))
            )
        return whole.rows

    def write_machines(self, machines: Iterable[Machine], gone: Iterable[str]) -> None:
        """Store machines and their places; those that are gone become void."""
        columns = machine_columns(list(machines), list(gone), self.next_as_of_ms())
        if columns.rows:
            self._insert(MACHINE, columns)

    def write_now(self, found: Mapping[str, Standing], now: int, as_of_ms: int) -> None:
        """Store how machines stand. now: up to where that is told. as_of_ms: as of `write`."""
        if found:
            self._insert(MACHINE_NOW, now_columns(found, now, as_of_ms))

    def reasons(self) -> set[tuple[str, ...]]:
        """Return the reasons that the table holds, each as `REASON_TEXTS`."""
        names = ", ".join(f"toString(r.{name}) AS {name}" for name in REASON_TEXTS)
        rows = self._facts.query(f"SELECT {names} FROM stop_reason AS r FINAL")
        return set(zip(*(texts(rows, name) for name in REASON_TEXTS), strict=True))

    def write_reasons(self, found: set[tuple[str, ...]]) -> None:
        """Store the reasons that the plants name now; those that are gone become void."""
        stored = self.reasons()
        keys = {row[:2] for row in found}
        gone = sorted(row for row in stored if row[:2] not in keys)
        columns = reason_columns(sorted(found - stored), gone, self.next_as_of_ms())
        if columns.rows:
            self._insert(STOP_REASON, columns)

    def stored_machines(self) -> set[str]:
        """Return the machines that the table holds."""
        rows = self._facts.query("SELECT toString(machine) AS machine FROM machine FINAL")
        return set(texts(rows, "machine"))

    def _insert(self, table: Table, columns: Columns) -> None:
        self._facts.insert(table, arrow_batch(table, columns))


def text(value: bytes | str) -> str:
    """Return a text of the warehouse, which gives some as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def texts(rows: pa.Table, name: str) -> list[str]:
    """Return a column of texts."""
    column: Any = pc.cast(rows.column(name), pa.string())
    found: list[str] = column.to_pylist()
    return found


def _between(low: str, high: str) -> str:
    return (
        f"device_at >= fromUnixTimestamp64Milli({{{low}:Int64}}, 'UTC') "
        f"AND device_at < fromUnixTimestamp64Milli({{{high}:Int64}}, 'UTC')"
    )


def _unheard(
    read: pa.Table, known: Mapping[str, Iterable[str]], since: int, low: int
) -> dict[str, list[str]]:
    """Return the signals of which the reading before must be looked for, by thing.

    What a state was is needed from `since` on, what else was told from `low` on; where states
    follow from other signals, all of these are needed from `since` on.
    """
    early, told = _seen(read, since - MARGIN_MS, since + 1), _seen(read, since, low + 1)
    found = {}
    for thing, names in known.items():
        has_state = STATE_SIGNAL in names
        enough = {s: early if s == STATE_SIGNAL else told if has_state else set() for s in names}
        found[thing] = [s for s, seen in enough.items() if (thing, s) not in seen]
    return found


def _seen(read: pa.Table, low: int, high: int) -> set[tuple[str, str]]:
    """Return things and signals that have a reading from an instant to before another [ms]."""
    at = read.column("at").to_numpy()
    part = read.filter(pa.array((at >= low) & (at < high))).select(["thing", "signal"])
    part = part.group_by(["thing", "signal"]).aggregate([])
    return set(zip(texts(part, "thing"), texts(part, "signal"), strict=True))


def _by_thing(rows: pa.Table) -> dict[str, dict[str, Signal]]:
    """Return readings by thing and signal, rising in time."""
    codes, names = [], []
    for column in ("thing", "signal"):
        encoded: Any = pc.cast(rows.column(column), pa.string()).combine_chunks()
        encoded = encoded.dictionary_encode()
        codes.append(encoded.indices.to_numpy().astype(np.int64))
        names.append(encoded.dictionary.to_pylist())
    at = rows.column("at").to_numpy().astype(np.int64)
    order = np.lexsort((at, codes[1], codes[0]))
    key = (codes[0] * len(names[1]) + codes[1])[order]
    cuts = np.flatnonzero(np.diff(key, prepend=-1)).tolist()
    at, quality = at[order], rows.column("quality").to_numpy()[order]
    value = rows.column("value").to_numpy().astype(np.float64)[order]
    told: Any = pc.cast(rows.column("text"), pa.string()).combine_chunks()
    told = told.take(pa.array(order))
    found: dict[str, dict[str, Signal]] = {}
    for low, high in zip(cuts, [*cuts[1:], len(key)], strict=True):
        thing, signal = divmod(int(key[low]), len(names[1]))
        name = names[1][signal]
        words = told.slice(low, high - low).to_pylist() if name in TEXTS else ()
        found.setdefault(names[0][thing], {})[name] = Signal(
            at[low:high], value[low:high], words, quality[low:high]
        )
    return found


def _is_dense(at: NDArray[np.int64], since: int, until: int) -> bool:
    """Whether rising instants leave no pause that matters from one instant to another."""
    first = max(0, int(np.searchsorted(at, since, side="right")) - 1)
    around = np.append(at[first:], until)
    return len(at) > 0 and at[first] <= since and bool(np.diff(around).max() <= HEARD_MS)


def _with_all(instants: NDArray[np.int64], signals: dict[str, Signal]) -> Heard:
    """Return what was heard; readings that were looked for far away count as heard, too."""
    known = [s.at[(s.quality > 0) | (n == STATE_SIGNAL)] for n, s in signals.items()]
    return Heard(np.unique(np.concatenate([instants, *known])), signals)
