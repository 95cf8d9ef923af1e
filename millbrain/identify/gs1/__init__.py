"""GS1 Digital Link: a resolver of web addresses that carry GS1 keys."""

from typing import Final

from millbrain.core.rooms import Face, Level

ROOM: Final = Face(
    key="gs1",
    title="GS1 Digital Link",
    title_zh="GS1数字链接",
    standards=(
        "GS1 Digital Link URI Syntax 1.6",
        "GS1-Conformant Resolver 1.1",
        "RFC 9264",
    ),
    port=0,
    level=Level.SKETCH,
    routes="millbrain.identify.gs1.routes:routes",
    describes="millbrain.identify.gs1.described:OPERATIONS",
)
