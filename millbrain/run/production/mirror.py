"""Production orders of the ledger, kept in the warehouse too: for indicators by product, and SQL.

The ledger decides. What differs from it is written again, told by the number of changes of each
order, so that a kill, a ledger that was restored or a warehouse that was lost leaves nothing to do
by hand.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from millbrain.core.plant.plant import Plant
from millbrain.core.production.order_rows import PRODUCTION_ORDER, order_columns, titled
from millbrain.core.rooms import Facts
from millbrain.core.tables import arrow_batch
from millbrain.hands.steps import Steps
from millbrain.record.ledger.production.orders import ProductionOrders

LOOK_S: Final = 2.0
COSTS: Final = 20  # looking takes at most so small a part of the time
_AT_ONCE: Final = 5_000


class OrderMirror:
    """Keeps the table `production_order` as the ledger is, until it is stopped.

    plants: returns the plants of the installation; an order without a title gets its product's.
    """

    def __init__(
        self, orders: ProductionOrders, facts: Facts, plants: Callable[[], Sequence[Plant]]
    ) -> None:
        self._orders, self._facts, self._plants = orders, facts, plants
        self._held: dict[str, int] | None = None  # number -> version, None = not read yet
        self._revision: tuple[int, int] | None = None
        self._as_of_ms = 0
        self.written = 0
        self._steps = Steps("production orders", self._step, recover=self._forget)

    def start(self) -> "OrderMirror":
        """Begin in a thread of its own; return itself."""
        self._steps.start()
        return self

    def stop(self) -> None:
        """End the thread; ledger and warehouse must still be open."""
        self._steps.stop()

    def status(self) -> Mapping[str, Any]:
        """Describe how many orders were written, and its troubles."""
        return {"written": self.written, **self._steps.status()}

    def look(self) -> int:
        """Write the orders that differ from the ledger; return how many."""
        revision = self._orders.revision()  # read first: what changes meanwhile is seen again
        if revision == self._revision:
            return 0
        held = self._held if self._held is not None else self._stored()
        versions = self._orders.versions()
        other = [number for number, version in versions.items() if held.get(number) != version]
        for start in range(0, len(other), _AT_ONCE):
            self._write(other[start : start + _AT_ONCE], held)
        self._held, self._revision = held, revision
        return len(other)

    def _write(self, numbers: Sequence[str], held: dict[str, int]) -> None:
        plants = self._plants()
        orders = [titled(order, plants) for order in self._orders.some(numbers)]
        self._as_of_ms = max(int(time.time() * 1000), self._as_of_ms + 1)
        columns = order_columns(orders, self._as_of_ms)
        self._facts.insert(PRODUCTION_ORDER, arrow_batch(PRODUCTION_ORDER, columns))
        held |= {order.number: order.version for order in orders}
        self.written += len(orders)

    def _stored(self) -> dict[str, int]:
        """Return what the table holds, and go on after its newest version."""
        rows = self._facts.query(
            "SELECT toString(order_number) AS number, version, "
            "toUnixTimestamp64Milli(as_of) AS at FROM production_order FINAL"
        ).to_pylist()
        self._as_of_ms = max([self._as_of_ms, *(int(row["at"]) for row in rows)])
        return {_text(row["number"]): int(row["version"]) for row in rows}

    def _step(self) -> float:
        began = time.monotonic()
        self.look()
        return max(LOOK_S, COSTS * (time.monotonic() - began))

    def _forget(self) -> None:
        """Begin from what is on disk."""
        self._held = self._revision = None


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
