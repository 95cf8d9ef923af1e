"""Statistical process control: is the process under control, and can it do what is asked of it."""

from typing import Final

from millbrain.analyse.process.model import KINDS, PARAMETERS
from millbrain.analyse.process.pages import PAGES
from millbrain.analyse.process.tables import TABLES
from millbrain.core.rooms import App, Level

ROOM: Final = App(
    key="process",
    title="Statistical process control",
    title_zh="统计过程控制",
    reads=("reading",),
    writes=("finding", *(table.name for table in TABLES)),
    level=Level.USABLE,
    parameters=PARAMETERS,
    start="millbrain.analyse.process.app:start",
    tables=TABLES,
    pages=PAGES,
    kinds=KINDS,
)
