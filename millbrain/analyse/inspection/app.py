"""The hand of the room: the rules of this installation, read once, asked by the web process."""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from millbrain.analyse.inspection import calc
from millbrain.analyse.inspection.model import Catalogue, catalogue
from millbrain.core.life.inspections import Item, LaneRules, Limit, Opinion


class Rules:
    """The items, the standards' limits, and the judgement; a `core.life.inspections.LaneRules`."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @property
    def edition(self) -> str:
        """Name of the standard and date of the items."""
        return self._catalogue.edition

    @property
    def items(self) -> Sequence[Item]:
        """Every item, in the order of a report."""
        return self._catalogue.items

    @property
    def limits(self) -> Sequence[Limit]:
        """The limits that come with the items."""
        return self._catalogue.limits

    def judge(
        self, values: Mapping[str, float], about: Mapping[str, Any], settings: Sequence[Limit]
    ) -> Opinion:
        """Judge measured values; see `core.life.inspections.LaneRules`."""
        limits = (*self._catalogue.limits, *settings)
        return calc.judge(self.items, limits, values, about, self.edition)


def rules() -> LaneRules:
    """Return the rules that come with the room."""
    text = resources.files(__package__).joinpath("items.toml").read_text("utf-8")
    return Rules(catalogue(text))
