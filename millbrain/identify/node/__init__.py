"""What a node tells of itself, and of the nodes below: statistics, log, reports."""

from typing import Final

from millbrain.core.rooms import Face, Level

ROOM: Final = Face(
    key="node",
    title="Statistics and reports of nodes",
    title_zh="节点统计与数据上报",
    standards=("Industrial Internet Identifier Management Measures (2021)",),
    port=0,
    level=Level.SKETCH,
    routes="millbrain.identify.node.routes:routes",
    describes="millbrain.identify.node.described:OPERATIONS",
)
