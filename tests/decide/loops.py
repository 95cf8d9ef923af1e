"""A ledger with vehicles, a clock that tests set, and the parts of the loop over them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from millbrain.core.alarms.rules import DECLARED
from millbrain.core.findings import Finding, Severity, Verdict
from millbrain.core.work.orders import Asked, Order
from millbrain.core.work.working_time import china
from millbrain.decide.alarms.app import Alarms
from millbrain.decide.orders.app import Orders
from millbrain.decide.orders.model import OrderRules
from millbrain.record.ledger import Ledger, OrderFilter, Thing
from millbrain.record.ledger.models import now

ZONE = ZoneInfo("Asia/Shanghai")
NORTH, SOUTH = "North Fleet", "South Fleet"
VINS = ("LDPGABAC2JN361504", "LSVAU2A37N2183294", "LGXCE4CB8P0041177")


@dataclass
class Clock:
    """An instant that moves when it is told to."""

    at: datetime = field(default_factory=lambda: now().replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.at

    def go(self, **span: float) -> None:
        self.at += timedelta(**span)


def finding(
    vin: str = VINS[0], cell: int = 82, severity: Severity = Severity.STOP, **more: Any
) -> Finding:
    """A finding that calls for somebody."""
    seen = int(now().timestamp()) - 60
    values = {
        "app": "battery", "kind": "self_discharge", "pack_no": 1, "first_seen": seen - 86_400,
        "last_seen": seen, "value": -0.47, "unit": "mV", "threshold": -0.3, "confidence": 0.9,
        "sentence": f"Cell {cell} loses charge at rest.",
        "sentence_zh": f"{cell} 号单体静置掉电。", "call_out": True, **more,
    }  # fmt: skip
    return Finding(thing=vin, cell_no=cell, severity=severity, **values)


def verdict(key: str, since: int, observed: int, clean: int) -> Verdict:
    return Verdict(key, since, observed, clean, -92.0, -1.5, "mV", "In line again.", "已恢复一致。")


@dataclass
class Loop:
    """The loop from finding to closed order over one ledger."""

    ledger: Ledger
    clock: Clock = field(default_factory=Clock)
    values: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger.things.put(
            [Thing(id=v, plate=f"渝A0000{n}", model="EV-1", operator=o)
             for n, (v, o) in enumerate(zip(VINS, (NORTH, NORTH, SOUTH), strict=True))]
        )  # fmt: skip
        self.alarms = Alarms(self.ledger.alarms, DECLARED, self.clock)
        self.calendar = china(ZONE)
        self.restart()

    def restart(self) -> None:
        """Make the hand anew, as after a restart: nothing is remembered."""
        rules = OrderRules.of({"look_s": 1, **self.values})
        self.orders = Orders(
            self.ledger.orders, self.calendar, rules, self._verdict, self.clock
        )  # fmt: skip

    def _verdict(self, app: str, key: str, since: int) -> Verdict | None:
        found = self.verdicts.get(key)
        return verdict(key, since, *found) if found else None

    def settle(self) -> None:
        """Tick until nothing is left to do now."""
        for _ in range(3):
            self.orders.tick()
            self.clock.go(seconds=2)

    def all(self) -> list[Order]:
        """Every order with its findings, the oldest first."""
        found, _ = self.ledger.orders.page(OrderFilter(), "number", True, 0, 500)
        return [self.ledger.orders.get(o.number) for o in found]

    def step(self, number: str, action: str, side: str = "", **fields: Any) -> Order:
        """Take a step as a person of an organisation, empty = of the centre."""
        return self.ledger.orders.step(number, Asked(action, "wang", "", side, None, fields))

    def repair(self, number: str, side: str = NORTH) -> Order:
        """Take an order from dispatched to done."""
        self.step(number, "accept", side)
        self.step(number, "start", side)
        part = {"part": "cell", "pack_no": 1, "cell_no": 82, "old_code": "A", "new_code": "B",
                "parts_used": ""}  # fmt: skip
        self.step(number, "repair", side, repairs=[part])
        return self.step(number, "done", side, note="Cell replaced.")
