"""Effectiveness of machines: states, OEE and the indicators of ISO 22400, losses, energy."""

from typing import Final

from millbrain.analyse.effectiveness.model import KINDS, PARAMETERS
from millbrain.analyse.effectiveness.pages import PAGES
from millbrain.analyse.effectiveness.tables import TABLES
from millbrain.core.rooms import App, Level

ROOM: Final = App(
    key="effectiveness",
    title="Effectiveness",
    title_zh="设备效能",
    reads=("reading", "reading_latest", "production_order"),
    writes=("finding", *(table.name for table in TABLES)),
    level=Level.USABLE,
    parameters=PARAMETERS,
    incremental=True,
    start="millbrain.analyse.effectiveness.app:start",
    tables=TABLES,
    pages=PAGES,
    kinds=KINDS,
)
