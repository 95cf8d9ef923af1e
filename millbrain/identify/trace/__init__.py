"""Trace: what a thing was made of, what it went into, and what a recall reaches."""

from typing import Final

from millbrain.core.rooms import Face, Level

ROOM: Final = Face(
    key="trace",
    title="Trace and recall",
    title_zh="追溯与召回",
    standards=("GS1 EPCIS 2.0.1", "GS1 CBV 2.0"),
    port=0,
    level=Level.SKETCH,
    routes="millbrain.identify.trace.routes:routes",
)
