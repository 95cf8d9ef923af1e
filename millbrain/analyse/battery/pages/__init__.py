"""The pages of the battery room: overview, suspect, fleet defects, heat watch, wall."""

from typing import Final

from millbrain.analyse.battery.pages import suspects
from millbrain.core.pages import Page

PAGES: Final = (
    Page(
        path="/battery",
        title="Batteries",
        title_zh="电池",
        template="pages/overview.html",
        queries=suspects.QUERIES,
    ),
)
