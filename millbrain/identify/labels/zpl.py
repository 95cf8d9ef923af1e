r"""Labels in ZPL II, and what the printer makes of them. Pure.

A symbol goes as a graphic field (^GF), not as the printer's own barcode command: so the dots that
were read back are the dots that are printed, on every firmware. Text goes as text (^A, ^FD) in
UTF-8 (^CI28), with every byte that is no plain letter as hexadecimal (^FH\).

References
----------
Zebra ZPL II Programming Guide: ^XA, ^XZ, ^CI, ^PW, ^LL, ^LH, ^FO, ^FH, ^FD, ^A, ^A@, ^GF with
its alternative data compression (repeat counts G-Y = 1-19, g-z = 20-400; `,` zeros to the end of
the row, `!` ones, `:` the row before), ^PQ.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.identify.labels.fields import Stock
from millbrain.identify.labels.layout import ASCENT, Placed, Text

_PLAIN: Final = re.compile(r"[0-9A-Za-z ./:()\-+,;=#%&*?!'\"<>@\[\]{}|$]")
_LATIN_LAST: Final = "\u024f"  # what the fonts that every printer has can print
_GRAPHIC: Final = re.compile(r"\^GFA,(\d+),(\d+),(\d+),([^^~]*)\^FS")
_COUNTED: Final = re.compile(r"([G-Yg-z]*)([0-9A-F,!:])")


def zpl(label: Placed, stock: Stock, dots_per_mm: int, font: str) -> bytes:
    """Return the commands of one label.

    dots_per_mm: of the print head. font: the printer's, 0 or a file like E:SIMSUN.TTF.

    Raises
    ------
    ValueError
        A text has letters that the font has not.
    """
    width, height = (round(side * dots_per_mm) for side in stock.label_mm)
    rows = ["^XA", "^CI28", f"^PW{width}", f"^LL{height}", "^LH0,0"]
    rows.append(_graphic(label, dots_per_mm))
    rows += [_text(text, dots_per_mm, font) for text in label.texts]
    rows += ["^PQ1", "^XZ", ""]
    return "\n".join(rows).encode("ascii")


def _graphic(label: Placed, dots_per_mm: int) -> str:
    dots = _dots(label, dots_per_mm)
    x, y = round(label.x_mm * dots_per_mm), round(label.y_mm * dots_per_mm)
    packed = np.packbits(dots, axis=1)
    size = packed.size
    data = _compressed([row.tobytes().hex().upper() for row in packed])
    return f"^FO{x},{y}^GFA,{size},{size},{packed.shape[1]},{data}^FS"


def _dots(label: Placed, dots_per_mm: int) -> NDArray[np.uint8]:
    """Return the dots of a symbol, 1 = dark."""
    across = round(label.module_mm * dots_per_mm)
    down = round(label.bar_mm * dots_per_mm)
    return label.symbol.modules.repeat(down, axis=0).repeat(across, axis=1)


def _compressed(rows: list[str]) -> str:
    """Pack rows of hexadecimal digits."""
    packed, before = [], ""
    for row in rows:
        packed.append(":" if row == before else _row(row))
        before = row
    return "".join(packed)


def _row(row: str) -> str:
    for digit, mark in (("0", ","), ("F", "!")):
        bare = row.rstrip(digit)
        if len(row) - len(bare) > 1:
            return _counts(bare) + mark
    return _counts(row)


def _counts(digits: str) -> str:
    """Write runs of a digit as count and digit."""
    packed = ""
    for digit, run in groupby(digits):
        count = len(list(run))
        packed += _count(count) + digit
    return packed


def _count(count: int) -> str:
    if count == 1:
        return ""
    written = "z" * (count // 400)
    count %= 400
    if count >= 20:
        written += chr(ord("f") + count // 20)
    return written + (chr(ord("F") + count % 20) if count % 20 else "")


def _text(text: Text, dots_per_mm: int, font: str) -> str:
    if ":" not in font and any(c > _LATIN_LAST for c in text.text):
        raise ValueError(f"text {text.text!r} needs a font in the printer; name it in zpl_font, "
                         "E:NAME.TTF")  # fmt: skip
    high = max(round(text.size_mm * dots_per_mm), 10)  # ^A allows 10 dots at least
    x = round(text.x_mm * dots_per_mm)
    y = round((text.y_mm - ASCENT * text.size_mm) * dots_per_mm)
    chosen = f"^A@N,{high},{high},{font}" if ":" in font else f"^A{font}N,{high},{high}"
    return f"^FO{x},{max(y, 0)}{chosen}^FH\\^FD{escaped(text.text)}^FS"


def escaped(text: str) -> str:
    r"""Return the data of a field: what ZPL could take for a command is hexadecimal.

    >>> escaped("A^B~\\电")
    'A\\5EB\\7E\\5C\\E7\\94\\B5'
    """
    return "".join(
        c if _PLAIN.match(c) else "".join(f"\\{byte:02X}" for byte in c.encode()) for c in text
    )


# As the printer reads it ------------------------------------------------------------------------


def rasters(document: bytes, quiet_dots: int) -> Iterator[NDArray[np.uint8]]:
    """Return each graphic of a document in grey, with so much white around it, in order.

    Raises
    ------
    ValueError
        A graphic is not as long as it says.
    """
    for total, _, across, data in _GRAPHIC.findall(document.decode("ascii")):
        raw = _unpacked(data, int(across) * 2)
        if len(raw) != int(total):
            raise ValueError(f"^GF says {total} bytes and has {len(raw)}")
        bits = np.unpackbits(np.frombuffer(raw, np.uint8).reshape(-1, int(across)), axis=1)
        grey = np.where(bits == 1, 0, 255).astype(np.uint8)
        yield np.pad(grey, quiet_dots, constant_values=255)


def _unpacked(data: str, digits: int) -> bytes:
    """Undo the compression, a row of so many digits after the other."""
    rows: list[str] = []
    row = ""
    for counts, sign in _COUNTED.findall(data):
        if sign == ":":
            rows.append(rows[-1])
            continue
        if sign in ",!":
            row = row.ljust(digits, "0" if sign == "," else "F")
        else:
            row += sign * (sum(map(_value, counts)) or 1)
        while len(row) >= digits:
            rows.append(row[:digits])
            row = row[digits:]
    return bytes.fromhex("".join(rows))


def _value(letter: str) -> int:
    """Return what a letter of a count is worth."""
    return (ord(letter) - ord("f")) * 20 if letter >= "g" else ord(letter) - ord("F")
