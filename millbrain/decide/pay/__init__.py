"""Pay: piecework, team shares, guaranteed floors, and why."""

from typing import Final

from millbrain.core.rooms import App, Level

ROOM: Final = App(
    key="pay",
    title="Piecework and team pay",
    title_zh="计件绩效",
    reads=(),  # reports, rates and attendance lie in the ledger, not in the warehouse
    writes=(),
    level=Level.USABLE,
    records=("pay_rate", "pay_person", "pay_fault", "pay_attendance"),
)
