"""A page of labels as SVG, and what a raster of it shows. Pure.

A symbol is one path of rectangles with the class `symbol`; the raster for the check is made of the
finished document, not of what it was made from.
"""

import math
import re
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from millbrain.identify.labels.fields import Stock
from millbrain.identify.labels.layout import Placed, Text
from millbrain.identify.labels.pdf import Page, runs

RASTER_PER_MM: Final = 24  # 600 dots per inch
_NAMESPACE: Final = "http://www.w3.org/2000/svg"
_RECT: Final = re.compile(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+z", re.ASCII)
_FAMILY: Final = "Helvetica, Arial, 'Noto Sans CJK SC', 'Microsoft YaHei', SimSun, sans-serif"


def svg(page: Page, stock: Stock, title: str) -> bytes:
    """Return a page as a document in millimetres."""
    width, height = stock.page_mm
    rows = [
        f'<svg xmlns="{_NAMESPACE}" width="{width:g}mm" height="{height:g}mm" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="{_FAMILY}">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for corner, label in page:
        rows += ['<g class="label">', _symbol(corner, label)]
        rows += [_text(corner, text) for text in label.texts]
        rows.append("</g>")
    rows.append("</svg>\n")
    return "\n".join(rows).encode()


def _symbol(corner: tuple[float, float], label: Placed) -> str:
    left, top, module = corner[0] + label.x_mm, corner[1] + label.y_mm, label.module_mm
    path = "".join(
        f"M{left + start * module:.4f} {top + row * label.bar_mm:.4f}"
        f"h{length * module:.4f}v{label.bar_mm:.4f}h-{length * module:.4f}z"
        for row, start, length in runs(label.symbol.modules)
    )
    return f'<path class="symbol" shape-rendering="crispEdges" d="{path}"/>'


def _text(corner: tuple[float, float], text: Text) -> str:
    x, y = corner[0] + text.x_mm, corner[1] + text.y_mm
    return (
        f'<text x="{x:.3f}" y="{y:.3f}" font-size="{text.size_mm:.3f}" xml:space="preserve">'
        f"{escape(text.text)}</text>"
    )


def rasters(document: bytes, quiet_mm: float) -> Iterator[NDArray[np.uint8]]:
    """Return each symbol of a document in grey, with so much white around it, in order."""
    root = ElementTree.fromstring(document)
    for path in root.iter(f"{{{_NAMESPACE}}}path"):
        boxes = np.array(
            [[float(n) for n in m.groups()] for m in _RECT.finditer(path.get("d", ""))]
        )
        if path.get("class") == "symbol" and len(boxes):
            yield _raster(boxes, quiet_mm)


def _raster(boxes: NDArray[np.float64], quiet_mm: float) -> NDArray[np.uint8]:
    """Fill boxes of x, y, width, height [mm]."""
    boxes[:, :2] -= boxes[:, :2].min(axis=0) - quiet_mm
    ends = boxes[:, :2] + boxes[:, 2:]
    width, height = (math.ceil((end + quiet_mm) * RASTER_PER_MM) for end in ends.max(axis=0))
    grey = np.full((height, width), 255, np.uint8)
    starts, stops = (np.rint(b * RASTER_PER_MM).astype(int) for b in (boxes[:, :2], ends))
    for (x0, y0), (x1, y1) in zip(starts.tolist(), stops.tolist(), strict=True):
        grey[y0:y1, x0:x1] = 0
    return grey
