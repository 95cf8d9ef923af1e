"""A print: labels on stock as PDF, SVG or ZPL, every one of them read back first.

This is work of some milliseconds a label; the resolver has it done in a process of its own
(`worker`), the command line does it itself.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core.limits import LABEL_TEXT_MAX, LABELS_MAX
from millbrain.identify.labels import pdf, svg, zpl
from millbrain.identify.labels.fields import (
    PRINTER_DPI,
    ZPL_DPIS,
    Design,
    Stock,
    checked_font,
    filled,
)
from millbrain.identify.labels.layout import Placed, Written, placed
from millbrain.identify.labels.reading import fault
from millbrain.identify.labels.symbols import Symbol, symbol

FORMATS: Final = {
    "pdf": "application/pdf",
    "svg": "image/svg+xml",
    "zpl": "application/zpl",
}
_MM_PER_INCH: Final = 25.4
_FAULTS_TOLD: Final = 20


class UnreadableError(ValueError):
    """Labels do not read back as they were meant; nothing is given out."""


@dataclass(frozen=True, slots=True)
class Label:
    """What one label is about.

    identifier: as people write it. code: what the symbol says. facts: field -> text, for lines.
    """

    identifier: str
    code: str
    facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be printed.

    format: key of `FORMATS`. dpi: of ZPL. page: number from 1 of an SVG. skipped: labels of the
    first page that are used up already.
    """

    design: Design
    stock: Stock
    labels: tuple[Label, ...]
    format: str
    dpi: int = 203
    page: int = 1
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Print:
    """What was made. pages: of the whole order. labels: how many are in it, each read back."""

    body: bytes
    pages: int
    labels: int


def order(told: dict[str, Any], design: Design, stock: Stock, labels: Sequence[Label]) -> Order:
    """Return the order that a request tells besides design, stock and labels.

    Raises
    ------
    ValueError
        Says what was found and what is allowed.
    """
    kind = told.get("format", "pdf")
    if not isinstance(kind, str) or kind not in FORMATS:
        raise ValueError(f"format {kind!r}; one of {', '.join(FORMATS)}")
    dpi, page, skipped = told.get("dpi", 203), told.get("page", 1), told.get("skip", 0)
    if not _is_whole(dpi) or dpi not in ZPL_DPIS:
        raise ValueError(f"dpi {dpi!r}; one of {', '.join(map(str, ZPL_DPIS))}")
    if not _is_whole(page) or page < 1:
        raise ValueError(f"page {page!r}; a number from 1 was expected")
    if not _is_whole(skipped) or not 0 <= skipped < stock.count:
        raise ValueError(f"skip {skipped!r}; 0 to {stock.count - 1} was expected")
    if kind == "zpl" and stock.count > 1:
        raise ValueError(f"ZPL prints one label after the other; {stock.key} has {stock.count} "
                         "on a page")  # fmt: skip
    if not 1 <= len(labels) <= LABELS_MAX:
        raise ValueError(f"{len(labels)} labels; 1 to {LABELS_MAX} are printed at once")
    if "zpl_font" in told:
        design = replace(design, zpl_font=checked_font("order", told["zpl_font"]))
    return Order(design, stock, tuple(labels), kind, int(dpi), page, skipped)


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def label(identifier: str, code: str, facts: dict[str, str]) -> Label:
    """Return a label with its facts, without what no line can print."""
    kept = {n: t for n, t in facts.items() if len(t) <= LABEL_TEXT_MAX and t.isprintable() and t}
    return Label(identifier, code, {**kept, "identifier": identifier, "code": code})


def printed(wanted: Order) -> Print:
    """Make a print and read every label of it back.

    Raises
    ------
    UnreadableError
        A label does not read as meant; the message names it.
    ValueError
        A label cannot be made: its text does not fit its symbol, or its symbol not the stock.
    """
    stock = wanted.stock
    per_mm = ZPL_DPIS[wanted.dpi] if wanted.format == "zpl" else PRINTER_DPI / _MM_PER_INCH
    made = [_placed(wanted.design, one, stock, 1 / per_mm) for one in wanted.labels]
    pages = _pages(made, stock, wanted.skipped)
    if wanted.format == "zpl":
        return _zpl(wanted, made)
    if wanted.format == "svg":
        return _svg(wanted, pages)
    body = pdf.pdf(pages, stock, wanted.design.title)
    _demand(wanted, range(len(made)), made, _of_pdf(body, pages, stock))
    return Print(body, len(pages), len(made))


def _placed(design: Design, one: Label, stock: Stock, dot_mm: float) -> Placed:
    try:
        made = symbol(design.symbol, one.code, design.correction)
        lines = list(_lines(design, one))
        return placed(made, lines, stock, design.module_mm, dot_mm)
    except ValueError as error:
        raise ValueError(f"label {one.identifier}: {error}") from error


def _lines(design: Design, one: Label) -> Iterator[Written]:
    for line in design.lines:
        missing = [name for name in line.names if name not in one.facts]
        if not missing:
            yield Written(filled(line.text, one.facts), line.size_mm, line.is_required)
        elif line.is_required:
            raise ValueError(f"the design requires {missing[0]}, which the record has not")


def _pages(made: Sequence[Placed], stock: Stock, skipped: int) -> list[pdf.Page]:
    count = math.ceil((len(made) + skipped) / stock.count)
    pages: list[list[Any]] = [[] for _ in range(count)]
    for number, one in enumerate(made, skipped):
        page, place = divmod(number, stock.count)
        pages[page].append((stock.place(place), one))
    return list(pages)


def _svg(wanted: Order, pages: Sequence[pdf.Page]) -> Print:
    if wanted.page > len(pages):
        raise ValueError(f"page {wanted.page}; there are {len(pages)}")
    page = pages[wanted.page - 1]
    body = svg.svg(page, wanted.stock, wanted.design.title)
    first = sum(len(p) for p in pages[: wanted.page - 1])
    made = [one for _, one in page]
    quiet = made[0].symbol.symbology.quiet * min(one.module_mm for one in made)
    numbers = range(first, first + len(made))
    _demand(wanted, numbers, made, svg.rasters(body, quiet))
    return Print(body, len(pages), len(made))


def _zpl(wanted: Order, made: Sequence[Placed]) -> Print:
    per_mm, font = ZPL_DPIS[wanted.dpi], wanted.design.zpl_font
    parts = []
    for number, one in enumerate(made):
        try:
            parts.append(zpl.zpl(one, wanted.stock, per_mm, font))
        except ValueError as error:
            raise ValueError(f"label {wanted.labels[number].identifier}: {error}") from error
    body = b"".join(parts)
    quiet = round(made[0].symbol.symbology.quiet * min(one.module_mm for one in made) * per_mm)
    _demand(wanted, range(len(made)), made, zpl.rasters(body, quiet))
    return Print(body, len(made), len(made))


def _of_pdf(
    body: bytes, pages: Sequence[pdf.Page], stock: Stock
) -> Iterator[NDArray[np.uint8]]:  # fmt: skip
    """Return the picture of each whole label, with its text, as it stands on its page."""
    per_mm = pdf.RASTER_DPI / _MM_PER_INCH
    for page, raster in zip(pages, pdf.rasters(body), strict=True):
        for (left, top), _ in page:
            x, y = round(left * per_mm), round(top * per_mm)
            right, bottom = (round((a + b) * per_mm)
                             for a, b in zip((left, top), stock.label_mm, strict=True))  # fmt: skip
            yield raster[y:bottom, x:right]


def _demand(
    wanted: Order, numbers: Sequence[int], made: Sequence[Placed],
    rasters: Iterator[NDArray[np.uint8]],
) -> None:  # fmt: skip
    """Refuse the print where a label does not read as meant."""
    meant: list[Symbol] = [one.symbol for one in made]
    bad = []
    for number, one, raster in zip(numbers, meant, rasters, strict=True):
        if words := fault(raster, one):
            bad.append(f"{wanted.labels[number].identifier}: {words}")
    if bad:
        raise UnreadableError(
            f"{len(bad)} of {len(made)} labels do not read back; nothing is given out. "
            + "; ".join(bad[:_FAULTS_TOLD])
        )
