"""A made meter with two days of quarter-hours, for the page of the room."""

import numpy as np

from millbrain.analyse.energy import model
from millbrain.analyse.energy.app import columns_of
from millbrain.analyse.energy.calc import Intervals, days
from millbrain.analyse.energy.tables import ENERGY_DAY
from millbrain.core.columns import Columns
from millbrain.core.plant.readings import READING
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import Warehouse

TABLES = (ENERGY_DAY, READING)
FIRST_MS = 1_767_196_800_000  # 2026-01-01 00:00 in +08:00


def at(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return FIRST_MS + 900_000 * np.arange(1, count + 1)


def readings(
    thing: str, values: dict[str, list[float]], loads: list[str], batch: int = 1
) -> Columns:
    """Return quarter-hours as rows of `reading`; loads: texts of the load type."""
    n = len(loads)
    names = [*values, model.LOAD_TYPE]
    rows = n * len(names)
    numbers = np.concatenate([*(np.array(v, np.float64) for v in values.values()), np.zeros(n)])
    none = np.repeat([s == model.LOAD_TYPE for s in names], n)
    return Columns(
        rows,
        {
            "thing": np.full(rows, thing.encode(), object),
            "signal": np.repeat(np.array([s.encode() for s in names], object), n),
            "text": np.array([b""] * (rows - n) + [x.encode() for x in loads], object),
            "link": np.full(rows, b"made", object),
            "device_at": np.tile(at(n), len(names)),
            "received_at": np.full(rows, FIRST_MS, np.int64),
            "value": numbers,
            "quality": np.full(rows, 192, np.uint8),
            "batch": np.full(rows, batch, np.uint64),
            "frame_count": np.ones(rows, np.uint8),
        },
        {"value": none},
    )


def store_company(warehouse: Warehouse, operator: str, now_s: int) -> None:
    """Insert everything that the room knows of one organisation."""
    count, thing = 192, f"{operator[0]}-METER"
    energy = [2.0 + i % 7 for i in range(count)]
    loads = ["Light_Load" if i % 3 else "Maximum_Load" for i in range(count)]
    made = readings(thing, {model.ENERGY: energy}, loads)
    warehouse.insert(READING, arrow_batch(READING, made))
    none = np.full(count, np.nan)
    intervals = Intervals(at(count), np.array(energy), none + 1, none, none, loads)
    rows = columns_of(thing, days(intervals, 8.0, 900), 8.0, 1, now_s * 1000)
    warehouse.insert(ENERGY_DAY, arrow_batch(ENERGY_DAY, rows))


def given(name: str, operator: str) -> str:
    """Return a value for an argument that must be given, as somebody of `operator` would."""
    return {"thing": f"{operator[0]}-METER", "day": "2026-01-01"}[name]
