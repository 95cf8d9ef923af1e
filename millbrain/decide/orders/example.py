"""A deadline over a weekend, and what a verdict of eight clean days leads to."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from millbrain.core.findings import Verdict
from millbrain.core.work.orders import Order
from millbrain.core.work.working_time import china
from millbrain.decide.orders import calc
from millbrain.decide.orders.model import OrderRules


def example() -> str:
    """Return when an order of Friday afternoon must be accepted, and what follows a repair."""
    zone = ZoneInfo("Asia/Shanghai")
    friday = datetime(2026, 11, 20, 16, 30, tzinfo=zone)
    order = Order(
        1, "WO-2026-000001", "LDPGABAC2JN361504", "", "", "North", "North", "battery", 2,
        "dispatched", 0, "Cell 82 loses charge at rest", "82 号单体静置掉电", False, friday, friday,
        None, None, friday - timedelta(days=9), "", None, 1,
    )  # fmt: skip
    due = calc.due_at(order, OrderRules.of(), china(zone)).astimezone(zone)
    key = "LDPGABAC2JN361504|battery|self_discharge|1|82"
    verdict = Verdict(key, 0, 8, 8, -92.0, -1.5, "mV", "In line again.", "已恢复一致。")
    found = calc.judged(order, [verdict], OrderRules.of())
    return f"due {due:%Y-%m-%d %H:%M}; {found.clean_days} clean days"


if __name__ == "__main__":
    print(example())
