"""The pages of the effectiveness room: plant, line, machine, losses, and the walls."""

from typing import Final

from millbrain.analyse.effectiveness.pages import figures, machine, states
from millbrain.core.pages import Page

_QUERIES: Final = (*figures.QUERIES, *states.QUERIES)
PAGES: Final = (
    Page("/plant", "Plant", "工厂", "pages/plant.html", queries=_QUERIES, within="/plant"),
    Page("/plant/losses", "Losses", "损失分析", "pages/losses.html", queries=_QUERIES,
         within="/plant"),
    Page("/plant/indicators", "Indicators", "指标", "pages/indicators.html", queries=_QUERIES,
         within="/plant"),
    Page("/plant/line/{line}", "Line", "产线", "pages/line.html", queries=_QUERIES,
         within="/plant"),
    Page("/plant/machine/{machine}", "Machine", "设备", "pages/machine.html",
         queries=(*_QUERIES, *machine.QUERIES), documents=machine.DOCUMENTS, within="/plant"),
    Page("/plant/wall", "Plant wall", "工厂大屏", "pages/plant_wall.html", queries=_QUERIES,
         within="/plant", wall=True),
    Page("/plant/wall/{line}", "Line wall", "产线大屏", "pages/line_wall.html", queries=_QUERIES,
         within="/plant", wall=True),
)  # fmt: skip
