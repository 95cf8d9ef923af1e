"""An order of two steps over a night, and why it will be late."""

from datetime import UTC, datetime, timedelta

from millbrain.core.production.orders import OrderOperation, PlannedOperation, ProductionOrder
from millbrain.core.work.working_time import WorkingCalendar
from millbrain.decide.production import calc


def example() -> str:
    """Return when twenty pieces will be done that take four hours at each of two machines."""
    at = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    calendar = WorkingCalendar(UTC)
    order = ProductionOrder("PO-1", "SHAFT", 20, promised_at=at + timedelta(hours=9),
                            state="released")  # fmt: skip
    steps = [
        OrderOperation("PO-1", PlannedOperation("10", 1, "TURN", stations=("M1",), run_s=720)),
        OrderOperation("PO-1", PlannedOperation("20", 2, "GRIND", stations=("M2",), run_s=720)),
    ]
    found = calc.project([(order, steps)], lambda _, start, s: calendar.after(start, s), at)["PO-1"]
    assert found.end is not None
    assert found.late_s is not None
    return f"{found.end:%a %H:%M}, {found.late_s / 3600:.1f} h late: {found.why}"


if __name__ == "__main__":
    print(example())
