"""Pages of labels as PDF, and what a raster of them shows. Pure but for the libraries.

Modules are drawn as rectangles, so that the printer's own dots decide how sharp they are. Latin
letters are set in Helvetica, others in STSong-Light; every reader of PDF brings both.
"""

import io
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import numpy as np
import pypdfium2
from numpy.typing import NDArray
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from millbrain.identify.labels.fields import Stock
from millbrain.identify.labels.layout import FONT, Placed, Text, text_mm
from millbrain.identify.labels.symbols import Modules

RASTER_DPI: Final = 300  # of the check: coarser than any printer of ours
_CHINESE: Final = "STSong-Light"
_RUN: Final = re.compile(r"[ -~]+|[^ -~]+")
Page = Sequence[tuple[tuple[float, float], Placed]]  # upper left corners [mm], labels


def pdf(pages: Sequence[Page], stock: Stock, title: str) -> bytes:
    """Return a document; the same labels give the same bytes."""
    _register()
    file = io.BytesIO()
    width, height = stock.page_mm
    canvas = Canvas(file, pagesize=(width * mm, height * mm), invariant=1, pageCompression=1)
    canvas.setTitle(title)
    canvas.setAuthor("Millbrain")
    for page in pages:
        for corner, label in page:
            _draw(canvas, corner, label, height)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


@cache
def _register() -> None:
    pdfmetrics.registerFont(UnicodeCIDFont(_CHINESE))


def _draw(canvas: Canvas, corner: tuple[float, float], label: Placed, height: float) -> None:
    left, top = corner[0] + label.x_mm, height - corner[1] - label.y_mm
    path = canvas.beginPath()
    for row, start, length in runs(label.symbol.modules):
        path.rect(
            (left + start * label.module_mm) * mm, (top - (row + 1) * label.bar_mm) * mm,
            length * label.module_mm * mm, label.bar_mm * mm,
        )  # fmt: skip
    canvas.drawPath(path, stroke=0, fill=1)
    for text in label.texts:
        _write(canvas, text, corner[0] + text.x_mm, height - corner[1] - text.y_mm)


def _write(canvas: Canvas, text: Text, x: float, y: float) -> None:
    for run in _RUN.findall(text.text):
        is_latin = run.isascii()
        canvas.setFont(FONT if is_latin else _CHINESE, text.size_mm * mm)
        canvas.drawString(x * mm, y * mm, run)
        x += text_mm(run, text.size_mm)


def runs(modules: Modules) -> Iterator[tuple[int, int, int]]:
    """Return runs of dark modules: row, first column, length."""
    for row, line in enumerate(modules):
        edges = np.flatnonzero(np.diff(line, prepend=0, append=0).astype(bool)).tolist()
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            yield row, start, end - start


def rasters(document: bytes) -> Iterator[NDArray[np.uint8]]:
    """Return each page as a reader's camera would see it: grey, `RASTER_DPI`."""
    opened = pypdfium2.PdfDocument(document)
    try:
        for page in opened:
            bitmap = page.render(scale=RASTER_DPI / 72, grayscale=True)
            yield bitmap.to_numpy().reshape(bitmap.height, -1)
            page.close()
    finally:
        opened.close()
