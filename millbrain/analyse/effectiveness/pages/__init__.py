"""The pages of the effectiveness room."""

from typing import Final

from millbrain.core.pages import Page

PAGES: Final[tuple[Page, ...]] = ()
