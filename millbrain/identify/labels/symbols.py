"""Symbols: which modules of a text are dark. Pure.

The encoders are libraries; what they make is read back by another one before it is given
(`reading`). Modules come as rows of 0 and 1 without the quiet zone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import segno
from numpy.typing import NDArray
from pystrich.code128 import Code128Data, Code128Encoder
from pystrich.datamatrix import DataMatrixData, DataMatrixEncoder
from pystrich.exceptions import PyStrichError
from pystrich.gs1 import GS1Fixed, GS1Variable

from millbrain.core import gs1
from millbrain.identify.labels.fields import SYMBOLOGIES, Symbology

Modules = NDArray[np.uint8]  # (rows, columns), 1 = dark
_LINEAR_CHARACTERS_MAX: Final = 80  # of one Code 128: longer ones leave every label


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol. text: what it says, as a reader tells it. modules: one row for bars."""

    kind: str
    text: str
    modules: Modules

    @property
    def symbology(self) -> Symbology:
        """What kind of symbol it is."""
        return SYMBOLOGIES[self.kind]


def symbol(kind: str, text: str, correction: str = "m") -> Symbol:
    """Return the symbol that says `text`.

    Parameters
    ----------
    kind
        Key of `SYMBOLOGIES`.
    text
        What it says; of the GS1 kinds an element string with brackets.
    correction
        Level of error correction of a QR code: l, m, q, h.

    Raises
    ------
    ValueError
        The text is none that such a symbol can hold.
    """
    try:
        said, modules = _ENCODERS[kind](text, correction)
    except (PyStrichError, segno.DataOverflowError, UnicodeError) as error:
        raise ValueError(f"{SYMBOLOGIES[kind].title} cannot hold {text!r}: {error}") from error
    return Symbol(kind, said, np.asarray(modules, dtype=np.uint8))


def elements(text: str) -> tuple[tuple[str, str], ...]:
    """Return the elements of an element string, those of predefined length first.

    The order spares separators (General Specifications 7.8.6.2); key before attributes otherwise.
    """
    found = gs1.from_elements(text)
    pairs = (*found.key, *found.attributes)
    return tuple(sorted(pairs, key=lambda pair: not gs1.is_predefined(pair[0])))


def _qr(text: str, correction: str) -> tuple[str, object]:
    encoding = None if text.isascii() else "utf-8"
    made = segno.make_qr(text, error=correction, encoding=encoding, boost_error=False)
    return text, made.matrix


def _datamatrix(text: str, _: str) -> tuple[str, object]:
    made = DataMatrixEncoder(DataMatrixData(text, auto_encoding=True), quiet_zone=0)
    return text, made.init_renderer().matrix


def _code128(text: str, _: str) -> tuple[str, object]:
    if not text.isascii() or len(text) > _LINEAR_CHARACTERS_MAX:
        raise ValueError(f"Code 128 holds {_LINEAR_CHARACTERS_MAX} ASCII characters, not {text!r}")
    bars = Code128Encoder(Code128Data(text, encoding="ascii")).bars
    return text, [[int(bar) for bar in bars]]


def _fields(text: str) -> tuple[str, list[GS1Fixed | GS1Variable]]:
    """Return an element string as a reader tells it, and its fields for an encoder."""
    pairs = elements(text)
    said = ""
    for number, (ai, value) in enumerate(pairs, 1):
        is_open = not gs1.is_predefined(ai) and number < len(pairs)
        said += ai + value + (gs1.SEPARATOR if is_open else "")
    kinds = (GS1Fixed if gs1.is_predefined(ai) else GS1Variable for ai, _ in pairs)
    return said, [kind(ai, value) for kind, (ai, value) in zip(kinds, pairs, strict=True)]


def _gs1_datamatrix(text: str, _: str) -> tuple[str, object]:
    said, fields = _fields(text)
    made = DataMatrixEncoder(DataMatrixData.gs1(*fields), quiet_zone=0)
    return said, made.init_renderer().matrix


def _gs1_128(text: str, _: str) -> tuple[str, object]:
    said, fields = _fields(text)
    return said, [[int(bar) for bar in Code128Encoder(Code128Data.gs1(*fields)).bars]]


_ENCODERS: Final[Mapping[str, Callable[[str, str], tuple[str, object]]]] = {
    "qr": _qr,
    "datamatrix": _datamatrix,
    "code128": _code128,
    "gs1-128": _gs1_128,
    "gs1-datamatrix": _gs1_datamatrix,
}
