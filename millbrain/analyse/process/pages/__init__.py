"""The pages of the process room: every characteristic, and the charts of one."""

from typing import Final

from millbrain.analyse.process.pages import charts
from millbrain.core.pages import Page

PAGES: Final = (
    Page(
        path="/plant/spc",
        title="SPC",
        title_zh="过程控制",
        template="pages/process.html",
        queries=charts.QUERIES,
        documents=(charts.CHART,),
        within="/plant",
    ),
)
