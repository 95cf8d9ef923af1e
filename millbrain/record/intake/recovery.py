"""What a start finds and mends: batch number, ledger rows that a crash cut off, live state.

A commit has several inserts, each atomic, and no transaction around them; the ledger's row is the
last. A batch with rows but without that row was cut off: its rows count as received and stored, and
what had not been inserted was never acknowledged. After `mend` the ledger equals the tables again.
"""

import logging
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from millbrain.core import facts, limits
from millbrain.core.columns import Columns
from millbrain.core.plant.admission import LINK_BYTES_MAX
from millbrain.core.tables import arrow_batch
from millbrain.record.intake.balance import ledger_columns
from millbrain.record.intake.batches import COUNTED, TABLES
from millbrain.record.intake.dedupe import VIN_BYTES_MAX, fixed_text, numbers
from millbrain.record.intake.latest import EVENTS, GROUPS, Live
from millbrain.record.intake.newness import Newness
from millbrain.record.intake.snapshot import TABLE
from millbrain.record.warehouse import Warehouse

_log = logging.getLogger(__name__)

# Batches may be on disk out of order, at most so far apart; a margin of two on top.
BATCHES_LOOKED_AT: Final = 2 * limits.COMMITS_APART_MAX
REPLAY_BATCHES: Final = 25  # read back at once: at most 25 x 20,000 rows
_VEHICLES: Final = (facts.LINK_EVENT.name, facts.VEHICLE_REPORT.name)
_ALL_TABLES: Final = (*TABLES, facts.DEAD_LETTER.name)


@dataclass(frozen=True, slots=True)
class Found:
    """What a start found. batch: the newest in any table. mended: ledger rows that were added."""

    batch: int
    mended: int
    vehicles: int
    replayed: int


def mend(warehouse: Warehouse) -> tuple[int, int]:
    """Give every cut-off batch its ledger rows; return the newest batch and how many were added."""
    pictured = _one(warehouse, f"SELECT max(batch) FROM {TABLE}")
    entered = _one(warehouse, f"SELECT max(batch) FROM intake WHERE batch >= {pictured}")
    low = max(0, entered - BATCHES_LOOKED_AT)
    newest = max(
        _one(warehouse, f"SELECT max(batch) FROM {name} WHERE batch >= {low}")
        for name in _ALL_TABLES
    )
    cut_off = warehouse.query(_cut_off_sql(low))
    if cut_off.num_rows:
        sums = {n: numbers(cut_off, n).astype(np.int64) for n in ("stored", "rejected")}
        sums |= {"received": sums["stored"] + sums["rejected"]}
        sums |= {"duplicate": np.zeros(cut_off.num_rows, np.int64)}
        rows = ledger_columns(
            numbers(cut_off, "number"),
            fixed_text(cut_off.column("link_text")),
            sums,
            numbers(cut_off, "first_ms"),
        )
        insert_ledger(warehouse, rows)
        _log.warning("intake ledger: %d rows rebuilt for batches cut off", cut_off.num_rows)
    return max(pictured, entered, newest), cut_off.num_rows


def insert_ledger(warehouse: Warehouse, rows: Columns) -> None:
    """Insert ledger rows, committed now; one insert a day, since a part holds one partition."""
    committed = np.full(rows.rows, int(time.time() * 1000), np.int64)
    whole = Columns(rows.rows, {**rows.values, "committed_at": committed})
    days = np.asarray(rows.values["day"])
    for day in np.unique(days):
        part = whole.take(np.flatnonzero(days == day))
        warehouse.insert(facts.INTAKE, arrow_batch(facts.INTAKE, part))


def _cut_off_sql(low: int) -> str:
    counted = "sum(frame_count)"
    of_table = {name: (counted, "0") for name in COUNTED}
    of_table[facts.DEAD_LETTER.name] = ("0", counted)
    parts = [
        f"SELECT batch, toString(link) AS link, {stored} AS stored, {rejected} AS rejected, "
        f"min(received_at) AS first FROM {name} WHERE batch >= {low} GROUP BY batch, link"
        for name, (stored, rejected) in of_table.items()
    ]
    return (
        f"SELECT batch AS number, toFixedString(link, {LINK_BYTES_MAX}) AS link_text, "
        "sum(stored) AS stored, sum(rejected) AS rejected, "
        "toUnixTimestamp64Milli(min(first)) AS first_ms "
        f"FROM ({' UNION ALL '.join(parts)}) "
        f"WHERE batch NOT IN (SELECT batch FROM intake WHERE batch >= {low}) "
        "GROUP BY batch, link ORDER BY batch, link"
    )


def restore(
    warehouse: Warehouse, live: Live, reports: Newness, events: Newness, newest: int
) -> tuple[int, int]:
    """Bring back live state and marks; return the vehicles known and the rows read back.

    newest: the newest batch on disk. Rows of batches after the picture's are applied to it.
    """
    picture = warehouse.query(_picture_sql())
    pictured = 0
    with live.lock:
        if picture.num_rows:
            slots = live.index.slots(fixed_text(picture.column("vin_text")))
            live.restore(slots, _rows(picture))
            reports.restore(slots, numbers(picture, "device_at_max"))
            newest_event = numbers(picture, "event_device_at_max")
            met = newest_event > 0  # of the others nothing is known: they are asked for when met
            events.restore(slots[met], newest_event[met])
            pictured = int(numbers(picture, "batch").max())
        replayed = 0
        for share in _shares(warehouse, pictured):
            low = max(pictured, share * REPLAY_BATCHES - 1)
            span = f"batch > {low} AND batch < {(share + 1) * REPLAY_BATCHES}"
            replayed += _replay_reports(warehouse, live, reports, span)
            replayed += _replay_events(warehouse, live, events, span)
        live.batch = newest
    return len(live.index), replayed


def _shares(warehouse: Warehouse, pictured: int) -> list[int]:
    """Return the groups of `REPLAY_BATCHES` batch numbers after the picture that have rows."""
    parts = [f"SELECT DISTINCT intDiv(batch, {REPLAY_BATCHES}) AS share FROM {name} "
             f"WHERE batch > {pictured}" for name in _VEHICLES]  # fmt: skip
    answer = warehouse.query(f"SELECT DISTINCT share FROM ({' UNION ALL '.join(parts)})")
    return sorted(int(n) for n in numbers(answer, "share"))


def _replay_reports(warehouse: Warehouse, live: Live, marks: Newness, span: str) -> int:
    names = [c.name for columns in GROUPS.values() for c in columns]
    rows = _read(warehouse, facts.VEHICLE_REPORT.name, [*names, "blocks", "reissued"], span)
    slots = live.index.slots(rows.values["vin"])
    live.reports(slots, rows)
    marks.restore(slots, np.asarray(rows.values["device_at"]))
    return rows.rows


def _replay_events(warehouse: Warehouse, live: Live, marks: Newness, span: str) -> int:
    names = ["device_at", "received_at", "link", "edition", "command"]
    rows = _read(warehouse, facts.LINK_EVENT.name, names, span)
    # Heartbeats and platforms have no device time or are no vehicles: they get no slot.
    rows = rows.take(np.flatnonzero(np.asarray(rows.values["device_at"]) > 0))
    slots = live.index.slots(rows.values["vin"])
    live.events(slots, rows)
    marks.restore(slots, np.asarray(rows.values["device_at"]))
    return rows.rows


def _read(warehouse: Warehouse, table: str, names: list[str], span: str) -> Columns:
    picked = ", ".join(_picked(n) for n in names)
    return _rows(
        warehouse.query(
            f"SELECT toFixedString(vin, {VIN_BYTES_MAX}) AS vin_text, {picked} FROM {table} "
            f"WHERE {span} ORDER BY batch, vin, device_at"
        )
    )


def _picked(name: str) -> str:
    """Text as fixed strings and instants as numbers: columns that NumPy takes as they are."""
    if name == "link":
        return f"toFixedString(toString(link), {LINK_BYTES_MAX}) AS link_text"
    if name.endswith("received_at") or name == "event_at":
        return f"toUnixTimestamp64Milli({name}) AS {name}_ms"
    return name


def _picture_sql() -> str:
    names = [c.name for columns in GROUPS.values() for c in columns]
    own = ["first_received_at", "report_count", "charge_start_at", "charge_start_soc_pct",
           "event_at", "device_at_max", "event_device_at_max", "batch"]  # fmt: skip
    codes = ", ".join(f"'{name.decode()}'" for name in EVENTS.values())
    numbers_of = ", ".join(str(code) for code in EVENTS)
    return (
        f"SELECT toFixedString(vin, {VIN_BYTES_MAX}) AS vin_text, "
        f"transform(toString(event), [{codes}], [{numbers_of}], 0) AS event, "
        f"{', '.join(_picked(n) for n in (*names, *own))} FROM {TABLE}"
    )


def _rows(answer: pa.Table) -> Columns:
    values: dict[str, Any] = {}
    missing: dict[str, NDArray[np.bool_]] = {}
    for name in answer.column_names:
        column = answer.column(name)
        plain = name.removesuffix("_text").removesuffix("_ms")
        if name.endswith("_text"):
            values[plain] = fixed_text(column)
            continue
        values[plain] = numbers(answer, name)
        if column.null_count:
            missing[plain] = column.is_null().to_numpy()
        elif facts_missing(plain):
            missing[plain] = np.zeros(answer.num_rows, np.bool_)
    return Columns(answer.num_rows, values, missing)


def facts_missing(name: str) -> bool:
    """Whether a column of the live table may be missing."""
    return any(c.name == name and c.missing for c in facts.VEHICLE_LATEST.columns)


def _one(warehouse: Warehouse, sql: str) -> int:
    value = warehouse.query(sql).column(0)[0].as_py()
    return int(value or 0)
