"""Identification links and the record itself: any identifier behind this host's address."""

from typing import Final

from millbrain.core.rooms import Face, Level

ROOM: Final = Face(
    key="iec61406",
    title="Identification links and records",
    title_zh="标识链接与标识记录",
    standards=("IEC 61406-1:2022",),
    port=0,
    level=Level.SKETCH,
    routes="millbrain.identify.iec61406.routes:routes",
    describes="millbrain.identify.iec61406.described:OPERATIONS",
)
