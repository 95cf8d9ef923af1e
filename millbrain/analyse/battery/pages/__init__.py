"""The pages of the battery room: overview, suspect, fleet defects, heat watch, wall."""

from typing import Final

from millbrain.analyse.battery.pages import defects, heat, suspect, suspects
from millbrain.core.pages import Page

PAGES: Final = (
    Page(
        path="/battery",
        title="Batteries",
        title_zh="电池",
        template="pages/overview.html",
        queries=suspects.QUERIES,
    ),
    Page(
        path="/battery/{vin}",
        title="Battery of a vehicle",
        title_zh="车辆电池",
        template="pages/suspect.html",
        queries=suspect.QUERIES,
        documents=(suspect.EVIDENCE,),
        within="/battery",
    ),
    Page(
        path="/battery/fleet",
        title="Fleet defects",
        title_zh="车队缺陷",
        template="pages/defects.html",
        queries=defects.QUERIES,
        documents=(defects.DOSSIER, defects.COURSE),
        within="/battery",
    ),
    Page(
        path="/battery/heat",
        title="Heat watch",
        title_zh="高温看护",
        template="pages/heat.html",
        queries=heat.QUERIES,
        within="/battery",
    ),
    Page(
        path="/battery/wall",
        title="Battery wall",
        title_zh="电池大屏",
        template="pages/wall.html",
        queries=(suspects.SUSPECTS, suspects.COUNTS, suspects.COVERAGE, suspects.OPENED,
                 suspects.DISTRICTS),
        within="/battery",
        wall=True,
    ),
)  # fmt: skip
