"""The Handle protocol in both dialects: RFC 3652 and the Chinese identifier system."""

from typing import Final

from millbrain.core.rooms import Face, Level

ROOM: Final = Face(
    key="handle",
    title="Handle resolution",
    title_zh="标识解析（Handle）",
    standards=("RFC 3650", "RFC 3651", "RFC 3652", "Handle protocol 2.11"),
    port=2641,
    level=Level.SKETCH,
    start="millbrain.identify.handle.face:start",
    routes="millbrain.identify.handle.node_api:routes",
    describes="millbrain.identify.handle.described:OPERATIONS",
)
