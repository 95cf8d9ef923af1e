"""Push over HTTP: a gateway or a program of the plant sends batches of readings."""

from typing import Final

from millbrain.core.rooms import Driver, Level

ROOM: Final = Driver(
    key="http",
    title="Push over HTTP",
    title_zh="HTTP 推送",
    standards=("HTTP/1.1 (RFC 9112)", "JSON (RFC 8259)", "CSV (RFC 4180)",
               "Apache Arrow IPC stream, format 1.0"),
    port=8200,
    level=Level.USABLE,
    start="millbrain.connect.http.driver:start",
    endpoint="/push/line-3",
    options={
        "token": ("What a push carries after `Authorization: Bearer`; one of its own for each "
                  "connection, 16 characters at least",
                  "推送请求中 Authorization: Bearer 之后的令牌；每个连接各用一个，至少 16 个字符"),
        "rate_hz": ("Most readings a second that are taken; default: no limit of its own",
                    "每秒最多接收的测点值数，默认不另设限制"),
    },
    check="millbrain.connect.http.options:check",
    secrets=("token",),
)  # fmt: skip
