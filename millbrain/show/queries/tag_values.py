"""The newest reading of each tag of a page, from the live table of readings."""

from collections.abc import Sequence
from typing import Final

from millbrain.core.plant.readings import READING_LATEST
from millbrain.core.plant.tags import Tag
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import Row, rows_of

_COLUMNS: Final = "thing, signal, value, text, quality, device_at, received_at, link"
EMPTY: Final = {"value": None, "text": "", "quality": None, "device_at": None,
                "received_at": None}  # fmt: skip


def latest(warehouse: Warehouse, tags: Sequence[Tag]) -> dict[tuple[str, str], Row]:
    """Return the newest reading by (thing, signal); one that never came is left out."""
    if not tags:
        return {}
    sql = f"""
        SELECT {_COLUMNS} FROM reading_latest FINAL
        WHERE thing IN ({{things:Array(String)}}) AND signal IN ({{signals:Array(String)}})"""
    params = {
        "things": sorted({t.thing for t in tags}),
        "signals": sorted({t.signal for t in tags}),
    }
    rows = rows_of(warehouse.query(sql, params), READING_LATEST.columns)
    return {(row["thing"], row["signal"]): row for row in rows}
