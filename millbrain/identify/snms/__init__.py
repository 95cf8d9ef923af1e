"""The REST interface of Chinese enterprise nodes: login, templates, data, batches."""

from typing import Final

from millbrain.core.rooms import Face, Level

ROOM: Final = Face(
    key="snms",
    title="Enterprise node REST (SNMS)",
    title_zh="企业节点REST接口（SNMS）",
    standards=("SNMS API V5", "IDHub OpenAPI (API V1)"),
    port=0,
    level=Level.SKETCH,
    routes="millbrain.identify.snms.routes:routes",
    describes="millbrain.identify.snms.described:OPERATIONS",
)
