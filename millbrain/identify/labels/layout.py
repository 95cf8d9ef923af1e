"""Where everything of a label stands, in millimetres. Pure.

A matrix stands at the left and its text beside it, or below where there is no room; bars stand on
top and their text below. The module is as wide as the design wants where there is room, else as
wide as fits, in whole dots of the printer. A label on which the symbol or a required line has no
room is refused.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from reportlab.pdfbase import pdfmetrics

from millbrain.identify.labels.fields import Stock, Symbology
from millbrain.identify.labels.symbols import Symbol

FONT: Final = "Helvetica"
LETTER_LEAST_MM: Final = 1.6  # a smaller letter is not read at arm's length
LEADING: Final = 1.25  # from line to line, in heights of letters
ASCENT: Final = 0.8  # baseline below the top of a line, in heights of letters
_GAP_MM: Final = 1.0  # between a matrix's quiet zone and the text
_BARS_LEAST_MM: Final = 5.0  # height of bars
_BARS_SHARE: Final = 0.15  # and of their length (General Specifications 5.4.6)
_WRAPS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Text:
    """A run of text. x_mm, y_mm: left end of its baseline, from the label's upper left corner."""

    text: str
    x_mm: float
    y_mm: float
    size_mm: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A symbol and texts on a label. x_mm, y_mm: upper left dark corner of the symbol.

    module_mm: width of a module. bar_mm: height of a row of modules.
    """

    symbol: Symbol
    x_mm: float
    y_mm: float
    module_mm: float
    bar_mm: float
    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A line with its fields filled in."""

    text: str
    size_mm: float
    is_required: bool


def placed(
    symbol: Symbol, lines: Sequence[Written], stock: Stock, module_mm: float, dot_mm: float
) -> Placed:
    """Return where symbol and lines stand on a label of `stock`.

    Parameters
    ----------
    module_mm
        Width of a module where there is room.
    dot_mm
        Width of a dot of the printer; modules are whole dots.

    Raises
    ------
    ValueError
        There is no room; says what was needed and what there is.
    """
    width, height = (side - 2 * stock.margin_mm for side in stock.label_mm)
    columns = symbol.modules.shape[1] + 2 * symbol.symbology.quiet
    if symbol.symbology.is_linear:
        module = _module(symbol.symbology, columns, width, module_mm, dot_mm)
        return _under(symbol, lines, stock, module, (width, height))
    try:
        module = _module(symbol.symbology, columns, min(width, height), module_mm, dot_mm)
        return _beside(symbol, lines, stock, module, (width, height))
    except ValueError:
        if not lines:
            raise
    texts = _texts(lines, width, height / 2)
    room = height - sum(t.size_mm * LEADING for t in texts) - _GAP_MM
    module = _module(symbol.symbology, columns, min(width, room), module_mm, dot_mm)
    return _above(symbol, texts, stock, module, (width, room))


def _module(kind: Symbology, columns: int, room_mm: float, wanted: float, dot_mm: float) -> float:
    """Return the width of a module: at most as wanted, whole dots, and not below the least."""
    dots = math.floor(min(wanted, room_mm / columns) / dot_mm + 1e-6)
    least = math.ceil(kind.least_mm / dot_mm - 1e-6)
    if dots < least:
        raise ValueError(
            f"{kind.title}: {columns} modules with the quiet zone need "
            f"{columns * least * dot_mm:.1f} mm at {least * dot_mm:.3f} mm each; the label has "
            f"{room_mm:.1f} mm"
        )
    return dots * dot_mm


def _beside(
    symbol: Symbol, lines: Sequence[Written], stock: Stock, module: float,
    room: tuple[float, float],
) -> Placed:  # fmt: skip
    quiet = symbol.symbology.quiet * module
    side = symbol.modules.shape[0] * module
    x, y = stock.margin_mm + quiet, stock.margin_mm + (room[1] - side) / 2
    left = 2 * quiet + side + _GAP_MM
    texts = _texts(lines, room[0] - left, room[1])
    used = sum(t.size_mm * LEADING for t in texts)
    top = stock.margin_mm + max((room[1] - used) / 2, 0)
    return Placed(symbol, x, y, module, module, _stacked(texts, stock.margin_mm + left, top))


def _above(
    symbol: Symbol, texts: Sequence[Written], stock: Stock, module: float,
    room: tuple[float, float],
) -> Placed:  # fmt: skip
    """Place a matrix in the middle of a room at the top, and texts below that."""
    x, y = (stock.margin_mm + (side - symbol.modules.shape[0] * module) / 2 for side in room)
    top = stock.margin_mm + room[1] + _GAP_MM
    return Placed(symbol, x, y, module, module, _stacked(texts, stock.margin_mm, top))


def _under(
    symbol: Symbol, lines: Sequence[Written], stock: Stock, module: float,
    room: tuple[float, float],
) -> Placed:  # fmt: skip
    columns = symbol.modules.shape[1]
    length = columns * module
    least = max(_BARS_LEAST_MM, _BARS_SHARE * length)
    if least > room[1]:
        raise ValueError(f"{symbol.symbology.title}: bars of {length:.1f} mm are {least:.1f} mm "
                         f"high; the label has {room[1]:.1f} mm")  # fmt: skip
    texts = _texts(lines, length, room[1] - least - _GAP_MM)
    used = sum(t.size_mm * LEADING for t in texts)
    high = room[1] - used - (_GAP_MM if texts else 0)
    x = stock.margin_mm + (room[0] - length) / 2
    top = stock.margin_mm + high + _GAP_MM
    stacked = _stacked(texts, x, top)
    return Placed(symbol, x, stock.margin_mm, module, high, stacked)


def _stacked(lines: Sequence[Written], x: float, top: float) -> tuple[Text, ...]:
    texts = []
    for line in lines:
        texts.append(Text(line.text, x, top + ASCENT * line.size_mm, line.size_mm))
        top += line.size_mm * LEADING
    return tuple(texts)


def _texts(lines: Sequence[Written], width: float, height: float) -> list[Written]:
    """Return what is written: required lines whole, others shortened, or left out at the end."""
    fitted = [_fitted(line, width) for line in lines]
    while sum(w.size_mm * LEADING for group in fitted for w in group) > height + 0.01:
        optional = [n for n, group in enumerate(fitted) if group and not group[0].is_required]
        if optional:
            fitted[optional[-1]] = []
            continue
        raise ValueError(f"the required lines have no room in {width:.1f} x {height:.1f} mm")
    return [w for group in fitted for w in group]


def _fitted(line: Written, width: float) -> list[Written]:
    """Return a line as it fits into a width [mm]: smaller, then wrapped or shortened."""
    full = text_mm(line.text, 1.0)
    size = min(line.size_mm, width / full) if full else line.size_mm
    if size >= LETTER_LEAST_MM or size == line.size_mm:
        return [Written(line.text, size, line.is_required)]
    letters = min(LETTER_LEAST_MM, line.size_mm)
    if line.is_required:
        return [Written(t, letters, True) for t in _wrapped(line.text, width / letters)]
    return [Written(t, letters, False) for t in _shortened(line.text, width / letters)]


def _wrapped(text: str, width: float) -> list[str]:
    """Cut a text into rows that are at most `width` wide, in heights of letters."""
    rows: list[str] = []
    while text:
        count = _count(text, width)
        if not count or len(rows) == _WRAPS_MAX:
            raise ValueError(f"no room for {text!r}, which is required")
        if count < len(text):
            count = _break(text, count)
        rows.append(text[:count])
        text = text[count:]
    return rows


def _break(text: str, count: int) -> int:
    """Return where to cut a text that has room for `count` characters: at a sign, if one is near.

    >>> _break("88.100.1/P0000012", 12), _break("(01)09506000134352(21)S1", 20)
    (9, 18)
    """
    for at in range(count, count // 2, -1):
        if text[at] == "(" or text[at - 1] in " /-.":
            return at
    return count


def _shortened(text: str, width: float) -> list[str]:
    count = _count(text, width - text_mm("…", 1.0))
    return [f"{text[:count]}…"] if count else []


def _count(text: str, width: float) -> int:
    """Return how many characters of a text fit."""
    used = 0.0
    for number, letter in enumerate(text):
        used += _letter(letter)
        if used > width + 1e-6:
            return number
    return len(text)


def text_mm(text: str, size_mm: float) -> float:
    """Return how wide a text is; letters that are not Latin are as wide as high."""
    return sum(map(_letter, text)) * size_mm


@lru_cache(maxsize=4_096)
def _letter(letter: str) -> float:
    """Return the width of a letter, in heights."""
    if letter <= "~":
        return float(pdfmetrics.stringWidth(letter, FONT, 1.0))
    return 1.0
