"""Declared layouts of message bodies, by operation and by answer.

A body is read by the first of these that is there: the answer's code for errors, challenges and
referrals, else the operation in its direction. An operation or answer that is not here keeps its
whole body as ``rest``.
"""

from collections.abc import Mapping
from typing import Final

from millbrain.core.limits import HANDLE_ITEMS_MAX
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.records import (
    HANDLE,
    INDEX,
    SITE_PARTS,
    VALUES,
    number,
)  # fmt: skip
from millbrain.identify.handle.walk import (
    Array,
    Blob,
    Digest,
    Fixed,
    Optional,
    Parts,
    Text,
    When,
)  # fmt: skip

_INDEXES: Final = Array("indexes", INDEX, HANDLE_ITEMS_MAX, "indexes", "索引")
_TYPES: Final = Array("types", Text("type", "type", "类型"), HANDLE_ITEMS_MAX, "types", "类型")
_HANDLES: Final = Array("handles", HANDLE, HANDLE_ITEMS_MAX, "handles", "标识")
# The Chinese SDK puts its identity behind every resolve request; the reference library nothing.
_TOKEN: Final = Optional((Blob("token", "identity token", "身份令牌"),))
_REQUEST_DIGEST: Final = Digest("request_digest", "digest of the request", "请求摘要")

_HANDLE_ONLY: Final[Parts] = (HANDLE,)
_HANDLE_AND_VALUES: Final[Parts] = (HANDLE, VALUES)
_SHARD: Final[Parts] = (
    number("hash_option", "B", "hash option", "散列选项"),
    number("server_count", "D", "number of servers", "服务器数"),
    number("server", "D", "server", "服务器编号"),
)
_EXCHANGED: Final[Parts] = (Blob("public_key", "exchange key", "交换公钥"),)

REQUESTS: Final[Mapping[int, Parts]] = {
    f.RESOLVE: (HANDLE, _INDEXES, _TYPES, _TOKEN),
    f.SITE_INFO: _HANDLE_ONLY,
    f.CREATE: _HANDLE_AND_VALUES,
    f.DELETE: _HANDLE_ONLY,
    f.ADD: _HANDLE_AND_VALUES,
    f.REMOVE: (HANDLE, _INDEXES),
    f.MODIFY: _HANDLE_AND_VALUES,
    f.LIST: _HANDLE_ONLY,
    f.CHALLENGE_ANSWER: (
        Text("authentication", "type of key", "认证方式"),
        HANDLE,
        INDEX,
        Blob("response", "signed response", "质询应答"),
    ),
    f.CHALLENGE_VERIFY: (
        HANDLE,
        INDEX,
        Blob("nonce", "nonce", "随机数"),
        _REQUEST_DIGEST,
        Blob("response", "signed response", "质询应答"),
    ),
    f.HOME: _HANDLE_ONLY,
    f.UNHOME: _HANDLE_ONLY,
    f.LIST_HOMED: _HANDLE_ONLY,
    f.SESSION_SETUP: (
        number("exchange", "W", "key exchange", "密钥交换方式"),
        number("timeout_s", "D", "timeout", "超时"),
        HANDLE,
        INDEX,
        When("exchange", {
            f.KEY_FROM_CLIENT: _EXCHANGED,
            f.KEY_DIFFIE_HELLMAN: _EXCHANGED,
            f.KEY_FROM_HANDLE: (
                Text("exchange_handle", "handle of the key", "密钥标识"),
                number("exchange_index", "D", "index of the key", "密钥索引"),
            ),
        }),
    ),
    f.SESSION_END: _HANDLE_ONLY,
    f.SESSION_KEY: (Optional((Blob("session_key", "encrypted session key", "加密的会话密钥"),)),),
    f.REPLICATION_NEXT: _HANDLE_ONLY,
    f.REPLICATION_DUMP: (
        *_SHARD,
        Optional((
            Text("start", "start behind", "起始标识"),
            number("start_kind", "D", "kind of start", "起始类型"),
        )),
    ),
    f.BACKUP: _HANDLE_ONLY,
    f.LOGIN_SYSTEM: (HANDLE, Optional((INDEX,))),
}  # fmt: skip

ANSWERS: Final[Mapping[int, Parts]] = {
    f.RESOLVE: _HANDLE_AND_VALUES,
    f.SITE_INFO: SITE_PARTS,
    f.CREATE: (Optional((HANDLE,)),),  # the handle only where the server minted it
    f.LIST: (_HANDLES,),
    f.CHALLENGE_VERIFY: (number("is_valid", "B", "answer is right", "验证结果"),),
    f.LIST_HOMED: (_HANDLES,),
    f.SESSION_SETUP: (
        number("exchange", "W", "key exchange", "密钥交换方式"),
        Blob("data", "key or encrypted session key", "密钥数据"),
    ),
    f.REPLICATION_NEXT: (Fixed("next_transaction", 8, "next transaction", "下一事务号"),),
    f.REPLICATION_LOG: (number("keeps_open", "B", "connection stays", "保持连接"),),
}  # fmt: skip

REFERRAL: Final[Parts] = (HANDLE, Optional((VALUES,)))
CHALLENGE: Final[Parts] = (Blob("nonce", "nonce", "随机数"),)
ERROR: Final[Parts] = (Optional((Text("message", "message", "说明"),)),)


def parts_of(operation: int, code: int) -> Parts:
    """Return the layout of a body, () where none is declared (all of it is ``rest``)."""
    if code == f.REQUEST:
        return REQUESTS.get(operation, ())
    if code == f.OK:
        return ANSWERS.get(operation, ())
    if code in f.REFERRALS:
        return REFERRAL
    return CHALLENGE if code == f.CHALLENGE else ERROR
