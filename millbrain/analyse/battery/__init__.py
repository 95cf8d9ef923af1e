"""Battery health: which cell leaves the herd, since when, and why."""

from typing import Final

from millbrain.analyse.battery.model import KINDS, PARAMETERS
from millbrain.analyse.battery.pages import PAGES
from millbrain.analyse.battery.tables import TABLES
from millbrain.core.rooms import App, Level

ROOM: Final = App(
    key="battery",
    title="Battery health",
    title_zh="动力电池健康",
    reads=("vehicle_report",),
    writes=("finding", *(table.name for table in TABLES)),
    level=Level.USABLE,
    parameters=PARAMETERS,
    incremental=True,
    start="millbrain.analyse.battery.app:start",
    tables=TABLES,
    pages=PAGES,
    kinds=KINDS,
)
