"""What a start brings back of the series: newest values, marks, and what came after the picture."""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from millbrain.core.columns import Columns
from millbrain.core.plant.admission import LINK_BYTES_MAX, ragged
from millbrain.core.plant.readings import READING, READING_LATEST
from millbrain.record.intake.dedupe import fixed_text, numbers
from millbrain.record.intake.series.index import NAME_BYTES_MAX
from millbrain.record.intake.series.latest import CLOCK_AHEAD_MS_MAX, Live
from millbrain.record.intake.series.marks import Marks
from millbrain.record.warehouse import Warehouse

_NAMES: Final = (
    f"toFixedString(toString(thing), {NAME_BYTES_MAX}) AS thing_text, "
    f"toFixedString(toString(signal), {NAME_BYTES_MAX}) AS signal_text"
)
_LINK: Final = f"toFixedString(toString(link), {LINK_BYTES_MAX}) AS link_text"


def restore(warehouse: Warehouse, live: Live, marks: Marks) -> tuple[int, int, int]:
    """Bring back live values and marks; call before anything is taken in.

    Returns
    -------
    The batch that the picture stood at, its newest `as_of` [ms], and the readings of later batches
    that were applied to it.
    """
    picture = warehouse.query(_picture_sql())
    batch = as_of = 0
    if picture.num_rows:
        rows = _rows(picture)
        slots = live.index.slots(rows)
        live.restore(slots, rows)
        instants = [numbers(picture, n) for n in ("at_max", "gap_low", "gap_high")]
        marks.restore(slots, *instants)
        batch = int(numbers(picture, "batch").max())
        as_of = int(numbers(picture, "as_of_ms").max())
    later = warehouse.query(_later_sql(), {"batch": batch})
    if not later.num_rows:
        return batch, as_of, 0
    rows = _rows(later)
    slots = live.index.slots(rows)
    counts = numbers(later, "reading_count")
    live.readings(slots, rows)
    live.add_counts(slots, counts - np.uint64(1))  # `readings` has counted one of each
    marks.raise_to(slots, numbers(later, "at_min"), numbers(later, "at_max"))
    return batch, as_of, int(counts.sum())


def _picture_sql() -> str:
    return (
        f"SELECT {_NAMES}, {_LINK}, toUnixTimestamp64Milli(device_at) AS at, "
        "toUnixTimestamp64Milli(received_at) AS received, value, text, quality, reading_count, "
        "toUnixTimestamp64Milli(device_at_max) AS at_max, "
        "toUnixTimestamp64Milli(gap_from) AS gap_low, toUnixTimestamp64Milli(gap_to) AS gap_high, "
        f"batch, toUnixTimestamp64Milli(as_of) AS as_of_ms FROM {READING_LATEST.name} FINAL"
    )


def _later_sql() -> str:
    """One row per series: its newest reading as `latest` understands newest, and all instants."""
    at, received = "toUnixTimestamp64Milli(device_at)", "toUnixTimestamp64Milli(received_at)"
    newest = f"(if({at} <= {received} + {CLOCK_AHEAD_MS_MAX}, {at}, {received}), batch)"
    picked = "(value, text, quality, toString(link), device_at, received_at)"
    return (
        f"SELECT {_NAMES}, toFixedString(n.4, {LINK_BYTES_MAX}) AS link_text, n.1 AS value, "
        "n.2 AS text, n.3 AS quality, toUnixTimestamp64Milli(n.5) AS at, "
        "toUnixTimestamp64Milli(n.6) AS received, reading_count, at_min, at_max FROM ("
        f"SELECT thing, signal, argMax({picked}, {newest}) AS n, count() AS reading_count, "
        f"min({at}) AS at_min, max({at}) AS at_max FROM {READING.name} "
        "WHERE batch > {batch:UInt64} GROUP BY thing, signal)"
    )


def _rows(answer: pa.Table) -> Columns:
    value = answer.column("value")
    names = ("thing", "signal", "link")
    values: dict[str, Any] = {n: fixed_text(answer.column(f"{n}_text")) for n in names}
    values |= {"device_at": numbers(answer, "at"), "received_at": numbers(answer, "received")}
    values |= {n: numbers(answer, n) for n in ("value", "quality", "reading_count")}
    texts: Any = answer.column("text").cast(pa.binary()).combine_chunks()
    values["text"] = ragged(texts)
    return Columns(answer.num_rows, values, {"value": np.asarray(value.is_null().to_numpy())})
