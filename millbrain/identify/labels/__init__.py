"""Labels: symbols with text beside them, on sheets and rolls, each read back before it is given."""

from typing import Final

from millbrain.core.rooms import Face, Level

ROOM: Final = Face(
    key="labels",
    title="Labels",
    title_zh="标签打印",
    standards=(
        "ISO/IEC 18004 QR Code",
        "ISO/IEC 16022 Data Matrix ECC 200",
        "ISO/IEC 15417 Code 128",
        "GS1 General Specifications",
        "ZPL 2 (ZPL II)",
    ),
    port=0,
    level=Level.SKETCH,
    routes="millbrain.identify.labels.routes:routes",
)
