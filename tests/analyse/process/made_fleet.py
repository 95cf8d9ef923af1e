"""Made characteristics of an organisation and their readings, for the pages of the room."""

from typing import Any

import numpy as np

from millbrain.analyse.process.reading import rows
from millbrain.analyse.process.tables import SPC_CHARACTERISTIC
from millbrain.core.columns import Columns
from millbrain.core.plant.charted import Charted, ChartKind
from millbrain.core.plant.readings import READING
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import Warehouse

TABLES = (SPC_CHARACTERISTIC, READING)
SIGNAL = "bore_mm"


def characteristics(operator: str) -> list[Charted]:
    """Return one of single values and one of subgroups."""
    machine = f"{operator[0]}W-L01-M01"
    return [
        Charted(machine, SIGNAL, "Bore", "孔径", unit="mm", lower=9.97, upper=10.03,
                operator=operator),
        Charted(machine, "face_mm", "Face", "端面", ChartKind.XBAR_R, 2, unit="mm", lower=4.95,
                upper=5.05, subgroup=5, operator=operator),
    ]  # fmt: skip


def readings(thing: str, signal: str, values: Any, last_ms: int, batch: int = 1) -> Columns:
    """Return values a minute apart, the last one at an instant, as rows of `reading`."""
    n = len(values)
    at = last_ms - 60_000 * np.arange(n)[::-1]
    texts = {"thing": thing, "signal": signal, "text": "", "link": "made"}
    return Columns(
        n,
        {
            **{k: np.full(n, v.encode(), object) for k, v in texts.items()},
            "device_at": at.astype(np.int64),
            "received_at": np.full(n, last_ms, np.int64),
            "value": np.asarray(values, np.float64),
            "quality": np.full(n, 192, np.uint8),
            "batch": np.full(n, batch, np.uint64),
            "frame_count": np.ones(n, np.uint8),
        },
    )


def store_company(warehouse: Warehouse, operator: str, now_s: int) -> None:
    """Insert everything that the room knows of one organisation."""
    random = np.random.default_rng(1)
    found = characteristics(operator)
    for c in found:
        values = random.normal((c.lower + c.upper) / 2, 0.005, 60 * c.subgroup)
        made = readings(c.thing, c.signal, values, now_s * 1000)
        warehouse.insert(READING, arrow_batch(READING, made))
    states = [(c, None, ("nelson_1",), False) for c in found]
    warehouse.insert(
        SPC_CHARACTERISTIC, arrow_batch(SPC_CHARACTERISTIC, rows(states, now_s * 1000))
    )


def given(name: str, operator: str) -> str:
    """Return a value for an argument that must be given, as somebody of `operator` would."""
    return {"thing": characteristics(operator)[0].thing, "signal": SIGNAL}[name]
