"""The Handle system's HTTP JSON API: resolve, create, change and delete with any HTTP client."""

from typing import Final

from millbrain.core.rooms import Face, Level

ROOM: Final = Face(
    key="handle_json",
    title="Handle HTTP JSON",
    title_zh="标识解析（HTTP JSON）",
    standards=("Handle.Net 9.3 HTTP JSON API",),
    port=0,
    level=Level.SKETCH,
    routes="millbrain.identify.handle_json.routes:routes",
    quick="millbrain.identify.handle_json.quick:quick",
    describes="millbrain.identify.handle_json.described:OPERATIONS",
)
