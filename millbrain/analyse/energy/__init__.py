"""Energy of meters: load curve, peak demand, power factor, load types, CO2, day by day."""

from typing import Final

from millbrain.analyse.energy.model import PARAMETERS
from millbrain.analyse.energy.pages import PAGES
from millbrain.analyse.energy.tables import TABLES
from millbrain.core.rooms import App, Level

ROOM: Final = App(
    key="energy",
    title="Energy",
    title_zh="能源",
    reads=("reading",),
    writes=tuple(table.name for table in TABLES),
    level=Level.USABLE,
    parameters=PARAMETERS,
    start="millbrain.analyse.energy.app:start",
    tables=TABLES,
    pages=PAGES,
)
