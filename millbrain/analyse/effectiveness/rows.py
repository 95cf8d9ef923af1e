"""Hours and machines as rows of their tables."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.effectiveness.calc.hours import Told
from millbrain.analyse.effectiveness.calc.parts import HOUR_MS
from millbrain.analyse.effectiveness.findings import Standing
from millbrain.analyse.effectiveness.model import Machine
from millbrain.core.columns import Columns, Ragged

_PLAIN: Final = {
    "part_day": ("day", np.uint16), "part_busy": ("busy", np.uint8),
    "part_state": ("state", np.uint8), "part_time_ms": ("time_ms", np.uint32),
    "part_starts_count": ("starts_count", np.uint32),
    "part_micro_count": ("micro_count", np.uint32), "part_micro_ms": ("micro_ms", np.uint32),
    "part_good": ("good", np.float64), "part_scrap": ("scrap", np.float64),
    "part_rework": ("rework", np.float64), "part_ideal_ms": ("ideal_ms", np.float64),
    "part_ideal_good_ms": ("ideal_good_ms", np.float64),
    "part_energy_kwh": ("energy_kwh", np.float64),
}  # fmt: skip


def hour_columns(
    told: Sequence[tuple[str, Told, Sequence[str]]], now: int, as_of_ms: int
) -> Columns:
    """Return hours as rows of `machine_hour`.

    told: machine, what it did, texts of its shifts. now: up to where [ms].
    """
    lists: dict[str, list[NDArray[Any]]] = {}
    machines: list[bytes] = []
    hours: list[NDArray[np.int64]] = []
    part_counts: list[NDArray[np.int64]] = []
    run_counts: list[NDArray[np.int64]] = []
    for machine, one, shifts in told:
        parts, runs = one.parts, one.runs
        if not len(runs):
            continue
        run_hour = runs.start // HOUR_MS * HOUR_MS
        grid = np.arange(int(run_hour[0]), int(runs.end[-1]), HOUR_MS)
        machines += [machine.encode()] * len(grid)
        hours.append(grid)
        part_counts.append(np.diff(np.searchsorted(parts.hour, [*grid, grid[-1] + HOUR_MS])))
        run_counts.append(np.diff(np.searchsorted(run_hour, [*grid, grid[-1] + HOUR_MS])))
        for name, (field, kind) in _PLAIN.items():
            lists.setdefault(name, []).append(getattr(parts, field).astype(kind))
        words, jobs = _bytes(one.reasons), _bytes(one.jobs)
        for name, column in (
            ("part_shift", _bytes(shifts)[parts.shift]), ("part_job", jobs[parts.job]),
            ("part_reason", words[parts.reason]), ("run_reason", words[runs.reason]),
            ("run_job", jobs[one.run_job]), ("run_state", runs.state),
            ("run_ms", (runs.start - run_hour).astype(np.uint32)),
            ("run_begins", runs.begins.astype(np.uint8)),
        ):  # fmt: skip
            lists.setdefault(name, []).append(column)
    if not hours:
        return Columns(0, {})
    hour = np.concatenate(hours)
    part_ends, run_ends = (_offsets(np.concatenate(c)) for c in (part_counts, run_counts))
    values: dict[str, Any] = {
        "machine": np.array(machines, object), "hour_at": hour,
        "until_at": np.minimum(hour + HOUR_MS, now),
        "as_of": np.full(len(hour), as_of_ms, np.int64),
    }  # fmt: skip
    for name, columns in lists.items():
        ends = part_ends if name.startswith("part_") else run_ends
        values[name] = Ragged(ends, np.concatenate(columns))
    return Columns(len(hour), values)


def _bytes(texts: Sequence[str]) -> NDArray[Any]:
    found = np.empty(len(texts), object)
    found[:] = [t.encode() for t in texts]
    return found


def _offsets(counts: NDArray[np.int64]) -> NDArray[np.int32]:
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int32)


def now_columns(found: Mapping[str, Standing], now: int, as_of_ms: int) -> Columns:
    """Return how machines stand as rows of `machine_now`. now: up to where they are told [ms]."""
    standing = list(found.values())
    return Columns(len(found), {
        "machine": _bytes(list(found)),
        "state": np.array([s.state for s in standing], np.uint8),
        "reason": _bytes([s.reason for s in standing]),
        "job": _bytes([s.job for s in standing]),
        "since_at": np.array([s.since for s in standing], np.int64),
        "until_at": np.full(len(found), now, np.int64),
        "as_of": np.full(len(found), as_of_ms, np.int64),
    })  # fmt: skip


REASON_TEXTS: Final = ("plant", "reason", "title", "title_zh", "category", "parent")


def reason_columns(
    reasons: Sequence[Sequence[str]], gone: Sequence[Sequence[str]], as_of_ms: int
) -> Columns:
    """Return reasons, each as `REASON_TEXTS`, as rows of `stop_reason`; the gone as void ones."""
    rows = [*reasons, *gone]
    values: dict[str, Any] = {
        name: _bytes([row[n] for row in rows]) for n, name in enumerate(REASON_TEXTS)
    }
    values["is_void"] = np.array([0] * len(reasons) + [1] * len(gone), np.uint8)
    values["as_of"] = np.full(len(rows), as_of_ms, np.int64)
    return Columns(len(rows), values)


_TEXTS: Final = (
    "title", "title_zh", "line", "line_title", "line_title_zh", "area", "area_title",
    "area_title_zh", "equipment_class", "operator",
)  # fmt: skip


def machine_columns(machines: Sequence[Machine], gone: Sequence[str], as_of_ms: int) -> Columns:
    """Return machines as rows of `machine`; those that are gone as void ones."""
    rows = [*machines, *(Machine(thing) for thing in gone)]
    cycles = np.array([m.cycle_s for m in rows], np.float64)
    takts = np.array([m.takt_s for m in rows], np.float64)
    values: dict[str, Any] = {name: _bytes([getattr(m, name) for m in rows]) for name in _TEXTS}
    values |= {
        "machine": _bytes([m.thing for m in rows]),
        "plant": _bytes([m.plant.key if m.plant else "" for m in rows]),
        "cycle_s": np.nan_to_num(cycles),
        "takt_s": np.nan_to_num(takts),
        "is_output": np.array([m.is_output for m in rows], np.uint8),
        "place": np.array([m.place for m in rows], np.uint32),
        "is_digital": np.array([m.is_digital for m in rows], np.uint8),
        "is_simulated": np.array([m.is_simulated for m in rows], np.uint8),
        "is_void": np.array([0] * len(machines) + [1] * len(gone), np.uint8),
        "as_of": np.full(len(rows), as_of_ms, np.int64),
    }  # fmt: skip
    return Columns(len(rows), values, {"cycle_s": np.isnan(cycles), "takt_s": np.isnan(takts)})
