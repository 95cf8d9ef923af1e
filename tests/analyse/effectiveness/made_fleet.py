"""Two made machines of a company as rows of the room's tables, for pages."""

import numpy as np

from millbrain.analyse.effectiveness.calc.hours import Heard, Signal, told
from millbrain.analyse.effectiveness.calc.parts import HOUR_MS
from millbrain.analyse.effectiveness.model import Machine, Rules
from millbrain.analyse.effectiveness.plans import Plans
from millbrain.analyse.effectiveness.rows import (
    hour_columns,
    machine_columns,
    now_columns,
    reason_columns,
)
from millbrain.analyse.effectiveness.tables import (
    MACHINE,
    MACHINE_HOUR,
    MACHINE_NOW,
    STOP_REASON,
    TABLES,
)
from millbrain.analyse.effectiveness.telling import standing_of
from millbrain.core.columns import Column, Columns
from millbrain.core.plant.readings import READING_LATEST
from millbrain.core.production.order_rows import PRODUCTION_ORDER, order_columns
from millbrain.core.production.orders import ProductionOrder
from millbrain.core.tables import Table, arrow_batch
from millbrain.record.warehouse import Warehouse

__all__ = ["TABLES", "given", "store_company"]

HOURS = 5
REASONS = [("", "R-1", "Made reason", "仿真原因", "unplanned", "")]
STATES = (1, 4, 1, 7, 1, 3, 2)


def given(argument: str, operator: str) -> str:
    """Return a value for an argument that has no default."""
    return {"machine": machines_of(operator)[0].thing}[argument]


def machines_of(operator: str) -> list[Machine]:
    """Return the machines of a company; their number depends on its name."""
    count = 2 if operator.startswith("N") else 3
    return [
        Machine(f"{operator[:1]}-M{n}", title=f"{operator} {n}", line=f"{operator[:1]}-L1",
                line_title=f"Line of {operator}", cycle_s=30.0 + n, operator=operator)
        for n in range(count)
    ]  # fmt: skip


def heard_of(number: int, low: int) -> Heard:
    """Return what was heard of a machine in some hours."""
    at = low + 20_000 * np.arange(HOURS * 180 + 1)
    place = np.arange(len(at))
    state = np.array(STATES)[(place // (11 + number)) % len(STATES)].astype(np.float64)
    made = np.cumsum(state == 1) // 2
    quality = np.full(len(at), 192, np.uint8)
    numbers = {"machine_state": state, "good_count": made - made // 20, "scrap_count": made // 20,
               "energy_kwh": 0.05 * place}  # fmt: skip
    signals = {n: Signal(at, v.astype(np.float64), (), quality) for n, v in numbers.items()}
    # One order is entered, the other is not; of the first minutes none is told.
    signals["order_operation"] = Signal(
        at[20:80:40], np.full(2, np.nan), ("SIM-1/10", "SIM-2/A/20"), quality[:2]
    )
    down = at[np.flatnonzero(np.diff(state, prepend=0) * (state == 4))]
    none = np.full(len(down), np.nan)
    reasons = ("R-1",) * len(down)
    signals["stop_reason"] = Signal(down, none, reasons, quality[: len(down)])
    return Heard(at, signals)


def store_company(warehouse: Warehouse, operator: str, now_s: int) -> None:
    """Store the rows of a company."""
    now = now_s * 1000
    low = (now // HOUR_MS - HOURS) * HOUR_MS
    machines = machines_of(operator)
    rows, standing = [], {}
    for number, machine in enumerate(machines):
        plan, shifts = Plans().of(machine, low, low + HOURS * HOUR_MS)
        one = told(machine, heard_of(number, low), plan, low, low + HOURS * HOUR_MS,
                   low + HOURS * HOUR_MS, Rules())  # fmt: skip
        rows.append((machine.thing, one, shifts))
        standing[machine.thing] = standing_of(one, plan, low)
    _insert(warehouse, MACHINE_HOUR, hour_columns(rows, low + HOURS * HOUR_MS, now))
    _insert(warehouse, MACHINE, machine_columns(machines, [], now))
    _insert(warehouse, MACHINE_NOW, now_columns(standing, low + HOURS * HOUR_MS, now))
    _insert(warehouse, STOP_REASON, reason_columns(REASONS, [], now))
    order = ProductionOrder("SIM-1", "P-1", 10, title="Piece", title_zh="零件", operator=operator)
    if operator.startswith("N"):  # orders are known by their number; a company sees its own
        _insert(warehouse, PRODUCTION_ORDER, order_columns([order], now))
    names = np.empty(len(machines), object)
    names[:] = [m.thing.encode() for m in machines]
    at = np.full(len(machines), now, np.int64)
    latest: dict[str, Column] = {"thing": names, "device_at": at, "received_at": at, "as_of": at}
    _insert(warehouse, READING_LATEST, Columns(len(machines), latest))


def _insert(warehouse: Warehouse, table: Table, columns: Columns) -> None:
    batch = arrow_batch(table, columns)
    if "hour_at" in columns.values:  # an insert falls into one month
        months = columns.array("hour_at").astype("datetime64[ms]").astype("datetime64[M]")
        for month in np.unique(months):
            rows = np.flatnonzero(months == month).tolist()
            warehouse.insert(table, batch.take(rows))
        return
    warehouse.insert(table, batch)
