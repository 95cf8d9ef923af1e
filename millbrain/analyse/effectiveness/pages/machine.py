"""One machine on its page: the hours of a day asked once, and everything that is shown of them.

The queries of the works answer for any choice of machines, days and orders; to plan one of them
takes the engine longer than to read a day of one machine. Its page would ask six of them. So it
asks for the hours as they are stored, and sums them here, by the `calc` that told them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from millbrain.analyse.effectiveness.calc.measures import MEASURES, Parts
from millbrain.analyse.effectiveness.calc.sums import losses_of, sums_of
from millbrain.analyse.effectiveness.indicators import BY_KEY, ELEMENTS, HOUR_MS, INDICATORS, values
from millbrain.analyse.effectiveness.pages.states import CYCLE, JOB, NAMED, PLACE, SINCE, STATE
from millbrain.analyse.effectiveness.parts_sql import AS_OF, REASON_COLUMNS, TODAY
from millbrain.analyse.effectiveness.tables import MACHINE_HOUR
from millbrain.core.pages import TEXT, Argument, Document, Query
from millbrain.core.plant.states import MachineState
from millbrain.core.tables import Column
from millbrain.core.times import isos

Row = dict[str, Any]
HOURS_SHOWN: Final = 24  # of runs and stops; a plant day that began before is read from its begin
MONTH_DAYS: Final = 31
_MACHINE: Final = Argument("machine", TEXT, "Machine", "设备", length_max=64)
_OWN: Final = """machine = {machine:String} AND ({operator:String} = '' OR machine IN
          (SELECT machine FROM machine FINAL WHERE operator = {operator:String}))"""
_BEGIN: Final = f"toDateTime(toDate({TODAY}), 'Asia/Shanghai')"
_SMALL: Final = "SETTINGS max_threads = 1"  # to divide so little costs more than it saves
_AT: Final = ("hour_at", "until_at")
_PARTS: Final = ("part_day", "part_busy", "part_state", "part_reason",
                 *(f"part_{name}" for name in MEASURES))  # fmt: skip
FAILURES: Final = tuple(BY_KEY[key] for key in ("mtbf", "mttf", "mttr"))
_OF_FAILURES: Final = ("time_ms", "starts_count", "micro_count", "micro_ms")
_RUNS: Final = ("run_ms", "run_state", "run_reason", "run_job", "run_begins")
_STORED: Final = {c.name: c for c in MACHINE_HOUR.columns}

STATE_NOW: Final = Query(
    "machine_state",
    "How one machine stands, and what its day is judged by: the plant day that runs, its nameplate,"
    " names of reasons",
    "单台设备当前状态，及当前生产日、铭牌节拍与停机原因名称",
    f"""
    SELECT {NAMED}, m.cycle_s AS cycle_s, {TODAY} AS today, h.state AS state, h.reason AS reason,
           n.titles[indexOf(n.reasons, h.reason)] AS reason_title,
           n.titles_zh[indexOf(n.reasons, h.reason)] AS reason_title_zh, h.job AS job,
           if(h.machine = '', NULL, h.since_at) AS since_at,
           n.reasons AS reasons, n.titles AS titles, n.titles_zh AS titles_zh,
           if(h.machine = '', NULL, h.until_at) AS as_of
    FROM (SELECT * FROM machine FINAL WHERE {_OWN}) AS m
    LEFT JOIN (SELECT * FROM machine_now FINAL WHERE machine = {{machine:String}}) AS h
      ON h.machine = m.machine
    LEFT JOIN (SELECT plant, groupArray(reason) AS reasons, groupArray(title) AS titles,
                      groupArray(title_zh) AS titles_zh FROM stop_reason FINAL GROUP BY plant) AS n
      ON n.plant = m.plant
    {_SMALL}""",
    (
        *PLACE,
        CYCLE,
        Column("today", "u16", "Plant day that runs [days since 1970]", "当前生产日"),
        STATE,
        *REASON_COLUMNS,
        JOB,
        SINCE,
        Column("reasons", "name", "Codes of reasons of its plant", "停机原因代码", many=True),
        Column("titles", "name", "Their names, English", "原因名称（英文）", many=True),
        Column("titles_zh", "name", "Their names", "原因名称", many=True),
        AS_OF,
    ),
    "machine",
    (_MACHINE,),
)

HOURS: Final = Query(
    "machine_hours",
    f"The hours of one machine as they are stored: {HOURS_SHOWN} of them and the whole plant day",
    "单台设备的小时要素与状态段",
    f"""
    SELECT {", ".join((*_AT, *_PARTS, *_RUNS))}
    FROM machine_hour FINAL
    WHERE {_OWN}
      AND hour_at >= toStartOfHour(least(now() - toIntervalHour({HOURS_SHOWN}), {_BEGIN}))
    {_SMALL}""",
    tuple(_STORED[name] for name in (*_AT, *_PARTS, *_RUNS)),
    "hour_at",
    (_MACHINE,),
)

# Failures alone, out of a third of what is stored of an hour: a month of it is asked at once.
MONTH: Final = Query(
    "machine_month",
    f"Time and failures of one machine in {MONTH_DAYS} plant days, by state and planned time",
    f"单台设备{MONTH_DAYS}个生产日的时间与故障合计",
    f"""
    SELECT max(until_at) AS until_at, part_state AS state, part_busy AS busy,
           {", ".join(f"toFloat64(sum(part_{name})) AS {name}" for name in _OF_FAILURES)}
    FROM machine_hour FINAL
    ARRAY JOIN part_day, part_state, part_busy,
               {", ".join(f"part_{name}" for name in _OF_FAILURES)}
    WHERE {_OWN} AND part_day > {TODAY} - {MONTH_DAYS}
      AND hour_at >= {_BEGIN} - toIntervalDay({MONTH_DAYS - 1})
    GROUP BY state, busy
    {_SMALL}""",
    (
        _STORED["until_at"],
        STATE,
        Column("busy", "u8", "1 = planned busy time", "计划忙碌时间"),
        *(replace(_STORED[f"part_{n}"], name=n, kind="f64", many=False) for n in _OF_FAILURES),
    ),
    "state, busy",
    (_MACHINE,),
)


_JUDGED: Final = ("today", "reasons", "titles", "titles_zh")


def _day(answers: Mapping[str, Any], _: str) -> str:
    """Return state and figures of the day as JSON; empty where the machine is not known."""
    state: Row = next(iter(answers[STATE_NOW.name]), {})
    hours = answers[HOURS.name]
    names = _Names(state)
    parts, reasons = _parts_of(hours, state.get("today", 0))
    runs = list(_runs(hours, names))
    shown = {name: value for name, value in state.items() if name not in _JUDGED}
    return _json({
        "state": shown or None,
        "indicators": _indicators(parts),
        "hours": _by_hour(parts, state.get("cycle_s")),
        "losses": _losses(parts, reasons, names),
        "energy": _energy(parts),
        "runs": runs,
        "stops": [run for run in runs if run["state"] > MachineState.PRODUCING],
        "as_of": _as_of(hours),
    })  # fmt: skip


def _month(answers: Mapping[str, Any], _: str) -> str:
    """Return the indicators of failures over a month as JSON."""
    sums = answers[MONTH.name]
    none = np.zeros(sums.num_rows)
    told = {name: _plain(sums[name]) for name in ("state", "busy", *_OF_FAILURES)}
    parts = Parts(**{f.name: told.get(f.name, none) for f in fields(Parts)})
    found = _indicators(parts) or {}
    return _json({**{i.column: found.get(i.column) for i in FAILURES}, "as_of": _as_of(sums)})


def _json(told: Row) -> str:
    return orjson.dumps(told).decode()


def _as_of(answer: pa.Table) -> str | None:
    at_ms = _plain(answer["until_at"])
    return isos(at_ms.max(keepdims=True))[0] if len(at_ms) else None


class _Names:
    """Names of reasons."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        reasons, titles, titles_zh = (state.get(name, ()) for name in _JUDGED[1:])
        pairs = zip(titles, titles_zh, strict=True)
        self._titles = dict(zip(reasons, pairs, strict=True))

    def of(self, reason: str) -> Row:
        """Return a reason as rows name it; a code that no plant names stays a code."""
        title, title_zh = self._titles.get(reason, ("", ""))
        return {"reason": reason, "reason_title": title, "reason_title_zh": title_zh}


def _plain(column: Any) -> NDArray[Any]:
    """Return numbers, or instants as [ms since 1970 UTC]."""
    found = column.combine_chunks()
    if pa.types.is_timestamp(found.type):
        found = found.cast(pa.timestamp("ms", found.type.tz)).cast(pa.int64())
    return np.asarray(found.to_numpy(zero_copy_only=False))


def _texts(column: Any) -> list[str]:
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in column.to_pylist()]


def _lists(hours: pa.Table, name: str) -> tuple[Any, NDArray[np.int64]]:
    """Return all items of the lists of all hours, and the number of the hour of each."""
    lists: Any = hours[name].combine_chunks()
    counts = np.diff(np.asarray(lists.offsets))
    return lists.flatten(), np.repeat(np.arange(len(counts)), counts)


def _parts_of(hours: pa.Table, day: int) -> tuple[Parts, Sequence[str]]:
    """Return the parts from a plant day on, and the texts of their reasons by code, 0 = none."""
    place = _lists(hours, "part_day")[1]
    told = {
        name.removeprefix("part_"): _lists(hours, name)[0].to_numpy(zero_copy_only=False)
        for name in _PARTS
        if name != "part_reason"
    }
    words = _texts(_lists(hours, "part_reason")[0])
    reasons = ["", *sorted(set(words) - {""})]
    codes = {word: code for code, word in enumerate(reasons)}
    told["reason"] = np.array([codes[word] for word in words], np.int32)
    told["hour"] = _plain(hours["hour_at"])[place]
    told["shift"] = told["job"] = np.zeros(len(place), np.int32)
    own = told["day"] >= day
    return Parts(**{name: column[own] for name, column in told.items()}), reasons


def _indicators(parts: Parts) -> Row | None:
    """Return elements and indicators, named as the columns of the query of all machines."""
    if not len(parts):
        return None
    sums = sums_of([parts])
    told = {f"{e.key.lower()}_{e.unit}": sums[e.key] for e in ELEMENTS}
    found = values(sums)
    told |= {i.column: float(found[i.key]) for i in INDICATORS}
    return {name: value if np.isfinite(value) else None for name, value in told.items()}


def _by_hour(parts: Parts, cycle_s: float | None) -> list[Row]:
    hours, place = np.unique(parts.hour, return_inverse=True)

    def summed(values: NDArray[Any]) -> list[float]:
        found: list[float] = np.bincount(place, values, len(hours)).tolist()
        return found

    busy_ms = summed(np.where(parts.busy > 0, parts.time_ms, 0))
    columns = (isos(hours), summed(parts.good), summed(parts.scrap), summed(parts.rework))
    return [
        {"hour_at": at, "good_count": good, "scrap_count": scrap, "rework_count": rework,
         "plan_count": busy / 1000 / cycle_s if cycle_s else None}
        for at, good, scrap, rework, busy in zip(*columns, busy_ms, strict=True)
    ]  # fmt: skip


def _losses(parts: Parts, reasons: Sequence[str], names: _Names) -> list[Row]:
    rows = [
        {"loss": loss, **names.of(reasons[code]), "time_ms": lost.time_ms,
         "stop_count": lost.stop_count}
        for (loss, code), lost in losses_of([parts]).items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row["time_ms"], row["loss"], row["reason"]))


def _energy(parts: Parts) -> list[Row]:
    kwh = np.bincount(parts.state, parts.energy_kwh, len(MachineState))
    time_h = np.bincount(parts.state, parts.time_ms, len(MachineState)) / HOUR_MS
    rows = [
        {"state": state, "energy_kwh": float(kwh[state]), "time_h": float(time_h[state])}
        for state in np.unique(parts.state).tolist()
    ]
    return sorted(rows, key=lambda row: (-row["energy_kwh"], row["state"]))


def _runs(hours: pa.Table, names: _Names) -> Iterator[Row]:
    """Yield runs in order; those that were cut at an hour are put together again."""
    runs: list[list[Any]] = []
    for start, end, state, reason, job, begins in _spans(hours):
        if runs and not begins and runs[-1][1:4] == [start, state, reason]:
            runs[-1][1] = end
        else:
            runs.append([start, end, state, reason, job])
    start_at, end_at = (isos(np.array([run[n] for run in runs], np.int64)) for n in (0, 1))
    for at, until, (start, end, state, reason, job) in zip(start_at, end_at, runs, strict=True):
        yield {"start_at": at, "end_at": until, "state": state, **names.of(reason), "job": job,
               "stop_s": (end - start) / 1000}  # fmt: skip


def _spans(hours: pa.Table) -> Iterator[tuple[int, int, int, str, str, int]]:
    """Yield begin and end [ms], state, reason, job, and whether the state begins there."""
    ms, place = _lists(hours, "run_ms")
    hour, until = (_plain(hours[name])[place] for name in _AT)
    start = hour + ms.to_numpy(zero_copy_only=False)
    # A run ends where the next one begins, the last of an hour where the hour ends.
    is_last = np.append(place[1:] != place[:-1], True)[: len(place)]
    end = np.where(is_last, until, np.append(start[1:], 0)[: len(place)])
    state, begins = (_lists(hours, n)[0].to_pylist() for n in ("run_state", "run_begins"))
    reason, job = (_texts(_lists(hours, n)[0]) for n in ("run_reason", "run_job"))
    yield from zip(start.tolist(), end.tolist(), state, reason, job, begins, strict=True)


_MEDIA: Final = "application/json"
DAY: Final = Document(
    "machine_day", "A machine's day: state, indicators, hours, losses, energy, runs and stops",
    "设备当日：状态、指标、小时产出、损失、能耗、状态段与停机", (STATE_NOW,), _day, _MEDIA,
    (HOURS,),
)  # fmt: skip
LONG: Final = Document(
    "machine_failures", f"MTBF, MTTF and MTTR of a machine over {MONTH_DAYS} plant days",
    f"设备{MONTH_DAYS}个生产日的故障指标", (), _month, _MEDIA, (MONTH,),
)  # fmt: skip
QUERIES: Final = (STATE_NOW, HOURS, MONTH)
DOCUMENTS: Final = (DAY, LONG)
