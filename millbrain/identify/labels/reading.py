"""Reading a label back: an independent reader must find in a raster exactly what was meant. Pure.

The encoders are segno and pystrich; the reader is zxing-cpp, which shares no code with either.
"""

from typing import Final

import numpy as np
import zxingcpp
from numpy.typing import NDArray

from millbrain.identify.labels.symbols import Symbol

_FORMATS: Final = {
    kind: zxingcpp.BarcodeFormats(name)
    for kind, name in (
        ("qr", zxingcpp.BarcodeFormat.QRCode), ("datamatrix", zxingcpp.BarcodeFormat.DataMatrix),
        ("gs1-datamatrix", zxingcpp.BarcodeFormat.DataMatrix),
        ("code128", zxingcpp.BarcodeFormat.Code128), ("gs1-128", zxingcpp.BarcodeFormat.Code128),
    )
}  # fmt: skip
# ISO/IEC 15424: what a reader says of a symbol that begins with FNC1, and of one that does not.
_SAID_OF_GS1: Final = frozenset(("]d2", "]C1"))


def fault(raster: NDArray[np.uint8], meant: Symbol) -> str:
    """Return what is wrong with the picture of a symbol, '' where it reads as meant.

    raster: grey, 0 = black, with the quiet zone and nothing that belongs to another label.
    """
    found = zxingcpp.read_barcodes(
        np.ascontiguousarray(raster), formats=_FORMATS[meant.kind], try_rotate=False,
        try_downscale=False, try_invert=False, text_mode=zxingcpp.TextMode.Plain,
    )  # fmt: skip
    if len(found) != 1:
        return f"{len(found)} symbols were read where 1 was meant"
    read = found[0]
    if read.text != meant.text:
        return f"{read.text!r} was read where {meant.text!r} was meant"
    is_gs1 = read.symbology_identifier in _SAID_OF_GS1
    if is_gs1 != meant.symbology.is_gs1:
        return f"it reads as {read.symbology_identifier}, GS1 was {'not ' * is_gs1}meant"
    return ""
