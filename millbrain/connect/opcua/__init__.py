"""OPC UA: machines that serve their values as nodes; we are their client."""

from typing import Final

from millbrain.core.rooms import Driver, Level

ROOM: Final = Driver(
    key="opcua",
    title="OPC UA servers",
    title_zh="OPC UA 服务器",
    standards=("OPC UA 1.05 (OPC 10000-4, OPC 10000-6)", "GB/T 33863-2017"),
    port=0,
    level=Level.USABLE,
    start="millbrain.connect.opcua.driver:start",
    endpoint="opc.tcp://192.168.1.20:4840/path",
    options={
        "security": (
            "None, or a policy and mode such as Basic256Sha256_SignAndEncrypt; "
            "best = the most secure that the server offers",
            "None，或安全策略与模式（如 Basic256Sha256_SignAndEncrypt）；best 为最高级别",
        ),
        "user": ("User name, empty = anonymous", "用户名，留空为匿名"),
        "password": ("Password of the user", "用户密码"),
        "plain_password": (
            "true = the password may go unencrypted where the server asks for it so",
            "true 表示服务器要求时允许明文传输密码",
        ),
        "trusted_sha256": (
            "SHA-256 fingerprint of the server certificate that you have approved",
            "已核准的服务器证书 SHA-256 指纹",
        ),
        "trust_first_use": (
            "true = the certificate of the first secure connection is trusted and kept",
            "true 表示信任并记住首次安全连接时的证书",
        ),
        "publishing_ms": ("How often the server sends what has changed [ms], 500",
                          "发布周期 [ms]，默认 500"),
        "queue": ("Values of one tag that the server keeps between two sendings, 100",
                  "服务器为每个测点缓存的值数，默认 100"),
        "items_per_call": ("Tags subscribed in one request, 1000; a server may ask for fewer",
                           "每次请求订阅的测点数，默认 1000"),
        "history": ("true = a gap is filled from the server's history where it keeps one",
                    "true 表示断线缺口由服务器历史数据补齐"),
    },
    check="millbrain.connect.opcua.options:check",
    secrets=("password",),
)  # fmt: skip
