"""Asset Administration Shells: registry of shells and submodels, and discovery."""

from typing import Final

from millbrain.core.rooms import Face, Level

ROOM: Final = Face(
    key="aas",
    title="Asset Administration Shell registry and discovery",
    title_zh="资产管理壳注册与发现",
    standards=("IDTA-01002-3-1 (Part 2: API)", "IDTA-01001-3-1 (Part 1: Metamodel)"),
    port=0,
    level=Level.SKETCH,
    routes="millbrain.identify.aas.routes:routes",
)
