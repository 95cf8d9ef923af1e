"""The recorded quarter-hours of a steel plant: rows of the file to readings of one meter.

A row is dated by the end of its quarter-hour; 00:00 stands with the date of the day that it ends.
The file names no time zone: it is given by who replays it.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from millbrain.analyse.energy.model import CO2, ENERGY, LAGGING, LEADING, LOAD_TYPE, OFFSET
from millbrain.core.errors import SettingsError
from millbrain.core.rooms import Facts
from millbrain.run.replay.check import Line
from millbrain.run.replay.states import Value, milliseconds

COLUMNS: Final = {
    "Usage_kWh": ENERGY,
    "Lagging_Current_Reactive.Power_kVarh": LAGGING,
    "Leading_Current_Reactive_Power_kVarh": LEADING,
    "CO2(tCO2)": CO2,
    "Lagging_Current_Power_Factor": "power_factor_lagging_pct",
    "Leading_Current_Power_Factor": "power_factor_leading_pct",
}
_LOAD: Final = "Load_Type"


@dataclass(frozen=True, slots=True)
class Quarter:
    """One row: the end of its quarter-hour, its figures by signal, its load type."""

    end: datetime
    figures: dict[str, float]
    load_type: str


def read_quarters(path: Path, zone: ZoneInfo) -> list[Quarter]:
    """Read the file, CSV or CSV compressed by gzip.

    Raises
    ------
    SettingsError
        It is no such file; the sentence names the column or the line.
    """
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as e:
        raise SettingsError(f"energy file {path.name} cannot be read: {e}") from e
    reader = csv.DictReader(text.splitlines())
    missing = {"date", "time", _LOAD, *COLUMNS} - set(reader.fieldnames or ())
    if missing:
        raise SettingsError(f"energy file {path.name}: columns {sorted(missing)} are missing")
    found = []
    for line, row in enumerate(reader, 2):
        try:
            figures = {signal: float(row[name]) for name, signal in COLUMNS.items()}
            found.append(Quarter(_end(row["date"], row["time"], zone), figures, row[_LOAD]))
        except (ValueError, TypeError) as e:
            raise SettingsError(f"energy file {path.name}, line {line}: {e}") from e
    return found


def _end(day: str, time: str, zone: ZoneInfo) -> datetime:
    at = datetime.strptime(f"{day} {time}", "%d/%m/%Y %H:%M").replace(tzinfo=zone)
    return at + timedelta(days=1) if time == "00:00" else at


def values_of(meter: str, quarters: Sequence[Quarter]) -> Iterator[Value]:
    """Yield the readings of a meter; the first one tells the offset of its days from UTC."""
    if not quarters:
        return
    first = quarters[0].end
    offset = first.utcoffset() or timedelta()
    yield Value(meter, OFFSET, milliseconds(first), offset / timedelta(hours=1))
    for quarter in quarters:
        at_ms = milliseconds(quarter.end)
        for signal, figure in quarter.figures.items():
            yield Value(meter, signal, at_ms, figure)
        yield Value(meter, LOAD_TYPE, at_ms, text=quarter.load_type)


def compare(meter: str, quarters: Sequence[Quarter], facts: Facts) -> list[Line]:
    """Return the file's totals beside those of the readings and of the days computed of them."""
    sql = ("SELECT toString(signal) AS signal, count() AS n, sum(value) AS total FROM reading"
           " WHERE thing = {thing:String} GROUP BY signal")  # fmt: skip
    held = {r["signal"]: r for r in facts.query(sql, {"thing": meter}).to_pylist()}
    lines = [Line("quarter-hours", len(quarters), held.get(ENERGY, {"n": 0})["n"])]
    for signal in (ENERGY, LAGGING, LEADING, CO2):
        total = sum(q.figures[signal] for q in quarters)
        known = held.get(signal)
        lines.append(Line(signal, round(total, 6), round(known["total"], 6) if known else 0.0))
    return [*lines, *_of_days(meter, quarters, facts)]


def _of_days(meter: str, quarters: Sequence[Quarter], facts: Facts) -> Iterator[Line]:
    sql = ("SELECT count() AS n, sum(energy_kwh) AS energy, max(peak_kw) AS peak FROM energy_day"
           " FINAL WHERE thing = {thing:String}")  # fmt: skip
    row = facts.query(sql, {"thing": meter}).to_pylist()[0]
    by_day: dict[object, float] = defaultdict(float)
    for quarter in quarters:
        by_day[(quarter.end - timedelta(minutes=15)).date()] += quarter.figures[ENERGY]
    yield Line("days (computed)", len(by_day), row["n"])
    yield Line("energy (computed)", round(sum(by_day.values()), 6), round(row["energy"] or 0, 6))
    peak = max((q.figures[ENERGY] for q in quarters), default=0.0) * 4
    yield Line("peak (computed)", round(peak, 6), round(row["peak"] or 0, 6))
