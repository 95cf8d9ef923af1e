"""EPCIS 2.0: what happened to things, captured and queried over HTTP."""

from typing import Final

from millbrain.core.rooms import Face, Level

ROOM: Final = Face(
    key="epcis",
    title="EPCIS 2.0 events",
    title_zh="EPCIS事件",
    standards=("GS1 EPCIS 2.0.1", "GS1 CBV 2.0"),
    port=0,
    level=Level.SKETCH,
    routes="millbrain.identify.epcis.routes:routes",
)
