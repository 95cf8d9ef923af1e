"""The records of the Handle protocol: values and what values of known types hold.

Each record is a frozen dataclass with its layout beside it; `codec` reads and writes them by that
layout. `DATA` says which type of value holds which record.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from millbrain.core.limits import HANDLE_ITEMS_MAX, HANDLE_VALUES_MAX
from millbrain.core.records import Reference, Value
from millbrain.core.wire import Field
from millbrain.identify.handle.fields import SITE_FORMAT
from millbrain.identify.handle.walk import (
    Array,
    Blob,
    Fixed,
    Nested,
    Parts,
    Record,
    Rest,
    Text,
    When,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Admin:
    """Data of HS_ADMIN: who may administer, and what (RFC 3651 3.2.1).

    permissions: bits of `fields.ADMIN_PERMISSIONS`. slack: bytes behind the record; records of old
    writers have two.
    """

    permissions: int
    handle: str
    index: int
    slack: bytes = b""


@dataclass(frozen=True, slots=True)
class Interface:
    """How a server is reached: type (admin, query, both), protocol, port."""

    type: int
    protocol: int
    port: int


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a site; address is 16 bytes, an IPv4 address stands in the last four."""

    id: int
    address: bytes
    public_key: bytes
    interfaces: tuple[Interface, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A name with a value, in HS_SITE."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Site:
    """Data of HS_SITE: a site and its servers (RFC 3651 3.2.2)."""

    servers: tuple[Server, ...]
    serial: int = 1
    major: int = 2
    minor: int = 11
    flags: int = 0x80
    hash_option: int = 2
    hash_filter: bytes = b""
    attributes: tuple[Attribute, ...] = ()
    format: int = SITE_FORMAT
    slack: bytes = b""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Data of HS_PUBKEY in the Handle key encoding.

    kind: RSA_PUB_KEY, DSA_PUB_KEY, SM2_PUB_KEY, ... exponent and modulus of RSA as signed
    big-endian bytes; what follows, or everything of other kinds, stays in `parameters`.
    """

    kind: str
    flags: int = 0
    exponent: bytes = b""
    modulus: bytes = b""
    parameters: bytes = b""


@dataclass(frozen=True, slots=True)
class Credential:
    """The credential section of a message (RFC 3652 2.2.4).

    type: HS_MAC or HS_SIGNED. index: counter of the message in its session. algorithm and
    signature: the signature section. slack: bytes behind it.
    """

    type: str
    algorithm: str
    signature: bytes
    index: int = 0
    handle: str = ""
    version: int = 0
    reserved: int = 0
    flags: int = 0
    slack: bytes = b""


def number(key: str, wire: str, title: str, title_zh: str) -> Field:
    """Declare a number that is kept as sent."""
    return Field(key, wire, title, title_zh, marks=False, view="code")


_SLACK: Final = Rest("slack", "bytes behind it", "多余字节")
HANDLE: Final = Text("handle", "handle", "标识")
INDEX: Final = number("index", "D", "index", "索引")

REFERENCE: Final = Record("references", Reference, (HANDLE, INDEX), "reference", "引用")
VALUE_PARTS: Final[Parts] = (
    INDEX,
    number("timestamp_s", "D", "time of the last change", "更新时间"),
    number("ttl_type", "B", "kind of time to live", "生存期类型"),
    number("ttl", "D", "time to live", "生存期"),
    number("permissions", "B", "permissions", "权限"),
    Text("type", "type", "类型"),
    Blob("data", "data", "数据"),
    Array("references", REFERENCE, HANDLE_ITEMS_MAX, "references", "引用"),
)
VALUE: Final = Record("values", Value, VALUE_PARTS, "value", "属性")
VALUES: Final = Array("values", VALUE, HANDLE_VALUES_MAX, "values", "属性")

ADMIN_PARTS: Final[Parts] = (
    number("permissions", "W", "permissions", "权限"),
    HANDLE,
    INDEX,
    _SLACK,
)
_INTERFACE: Final = Record("interfaces", Interface, (
    number("type", "B", "type", "类型"),
    number("protocol", "B", "protocol", "协议"),
    number("port", "D", "port", "端口"),
), "interface", "接口")  # fmt: skip
_SERVER: Final = Record("servers", Server, (
    number("id", "D", "server", "服务器编号"),
    Fixed("address", 16, "address", "地址"),
    Blob("public_key", "public key", "公钥"),
    Array("interfaces", _INTERFACE, HANDLE_ITEMS_MAX, "interfaces", "接口"),
), "server", "服务器")  # fmt: skip
_ATTRIBUTE: Final = Record("attributes", Attribute, (
    Text("name", "name", "名称"), Blob("value", "value", "值"),
), "attribute", "站点属性")  # fmt: skip
SITE_PARTS: Final[Parts] = (
    number("format", "W", "format", "格式版本"),
    number("major", "B", "protocol, major", "协议主版本"),
    number("minor", "B", "protocol, minor", "协议次版本"),
    number("serial", "W", "serial number", "序列号"),
    number("flags", "B", "flags", "标志"),
    number("hash_option", "B", "hash option", "散列选项"),
    Blob("hash_filter", "hash filter", "散列过滤"),
    Array("attributes", _ATTRIBUTE, HANDLE_ITEMS_MAX, "attributes", "站点属性"),
    Array("servers", _SERVER, HANDLE_ITEMS_MAX, "servers", "服务器"),
    _SLACK,
)
SITE: Final = Record("site", Site, SITE_PARTS, "site", "站点")

_RSA: Final[Parts] = (Blob("exponent", "exponent", "指数"), Blob("modulus", "modulus", "模数"))
PUBLIC_KEY_PARTS: Final[Parts] = (
    Text("kind", "kind of key", "密钥类型"),
    number("flags", "W", "flags", "标志"),
    When("kind", {"RSA_PUB_KEY": _RSA}),
    Rest("parameters", "parameters", "参数"),
)
CREDENTIAL_PARTS: Final[Parts] = (
    number("version", "B", "version", "版本"),
    number("reserved", "B", "reserved", "保留"),
    number("flags", "W", "flags", "标志"),
    HANDLE,
    number("index", "D", "counter", "会话计数"),
    Text("type", "type", "类型"),
    Nested((Text("algorithm", "algorithm", "算法"), Blob("signature", "signature", "签名")),
           "signature section", "签名段"),
    _SLACK,
)  # fmt: skip

REFERENCES: Final = Array("references", REFERENCE, HANDLE_ITEMS_MAX, "references", "引用")
# What a value of each type holds; types that are not here hold bytes or text of the user's own.
DATA: Final[Mapping[str, Record | Array]] = {
    "HS_ADMIN": Record("admin", Admin, ADMIN_PARTS, "administrator", "管理员"),
    "HS_VLIST": REFERENCES,
    "HS_SITE": SITE,
    "HS_SITE.PREFIX": SITE,
    "HS_SITE.6": SITE,
    "HS_NA_DELEGATE": SITE,
    "HS_PUBKEY": Record("key", PublicKey, PUBLIC_KEY_PARTS, "public key", "公钥"),
}
