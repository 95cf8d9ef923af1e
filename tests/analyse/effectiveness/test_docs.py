"""The page of the concept shows every element and indicator as it is declared."""

from pathlib import Path

import pytest

from millbrain.analyse.effectiveness.indicators import (
    BY_ELEMENT,
    ELEMENTS,
    INDICATORS,
    Element,
    Indicator,
)
from millbrain.core.units import UNITS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "concepts" / "effectiveness.md"


def element_row(element: Element) -> str:
    unit = UNITS[element.unit].symbol or "pieces, times"
    return f"| {element.key} | {element.title} {element.title_zh} | {unit} | {_yes(element.busy)} |"


def indicator_row(indicator: Indicator) -> str:
    better = "more" if indicator.higher else "less"
    return (
        f"| `{indicator.column}` | {indicator.title} {indicator.title_zh} | {indicator.formula} "
        f"| {better} | {indicator.standard or '–'} |"
    )


def _yes(busy: bool) -> str:
    return "yes" if busy else "no"


@pytest.mark.parametrize("element", ELEMENTS, ids=lambda e: e.key)
def test_every_element_stands_on_the_page(element: Element) -> None:
    assert element_row(element) in PAGE.read_text("utf-8")


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda i: i.key)
def test_every_indicator_stands_on_the_page_and_is_made_of_elements(indicator: Indicator) -> None:
    assert indicator_row(indicator) in PAGE.read_text("utf-8")
    assert set(indicator.elements) <= BY_ELEMENT.keys()
