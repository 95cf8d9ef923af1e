"""Numbers, names and words of the SNMS dialect, as its public documentation has them.

An answer is ``{"message", "status", "data"}`` and comes with HTTP 200, since clients look at
`status`; where the documentation shows a message for a case, it is that one, letter by letter.
"""

from collections.abc import Mapping
from typing import Final

from millbrain.core.registry import Reason
from millbrain.core.templates import META_INDEX

TEMPLATE_PATH: Final = "/snms/api/v5/template"
OK: Final = 1
LOGIN: Final = -1  # not logged in; the template pages show it for "busy" as well
FAILED: Final = -2  # the message says why
DENIED: Final = -3
BROKEN: Final = -4
SUCCESS: Final = "success"
BUSY_TEXT: Final = "系统繁忙"
LOGIN_TEXT: Final = "没有登录，需要验证"
WRONG_TEXT: Final = "用户名/密码错误！"
GONE_TEXT: Final = "没有找到标识"
GONE_ROW_TEXT: Final = "标识不存在"
EXISTS_TEXT: Final = "标识已存在"
NO_TEMPLATE_TEXT: Final = "数据模板不存在"
TEMPLATE_EXISTS_TEXT: Final = "数据模板已存在"

# Reason of the registry -> status and words; what the documentation does not show is ours.
REFUSALS: Final[Mapping[Reason, tuple[int, str]]] = {
    Reason.NOT_FOUND: (FAILED, GONE_ROW_TEXT),
    Reason.EXISTS: (FAILED, EXISTS_TEXT),
    Reason.NOT_HOMED: (FAILED, "前缀不由本节点管理"),
    Reason.INVALID: (FAILED, "请求入参错误"),
    Reason.VALUE_EXISTS: (FAILED, "标识属性已存在"),
    Reason.VALUES_NOT_FOUND: (FAILED, "标识属性不存在"),
    Reason.NO_IDENTITY: (LOGIN, LOGIN_TEXT),
    Reason.DENIED: (DENIED, "没有权限"),
    Reason.HANDLE_QUOTA: (FAILED, "标识注册量超过限制"),
    Reason.PREFIX_QUOTA: (FAILED, "前缀数量超过限制"),
    Reason.KEY_USED: (FAILED, "该幂等键已用于其他请求"),
}

# The record of an identifier --------------------------------------------------------------------
ADMIN_INDEX: Final = 100  # who may change the record: whoever registered it
TEMPLATE_TYPE: Final = "TEMPLATE"  # what the dialect calls the value that names the template
RESERVED: Final = frozenset((1000, META_INDEX, 1999))
FIRST_INDEX: Final = 2000
SHORTEST: Final = "minLength."  # and the index: where a template tells the shortest length

# Bounds that the documentation gives ------------------------------------------------------------
HANDLE_CHARACTERS_MAX: Final = 255
VALUE_CHARACTERS_MAX: Final = 255
TYPE_CHARACTERS_MAX: Final = 128
VERSION_CHARACTERS_MAX: Final = 128
ROWS_MAX: Final = 2_000
TOKEN_S: Final = 24 * 3600
BATCHES_MAX: Final = 2  # batches that are worked off at once: one is read while one is written
BATCHES_WAITING_MAX: Final = 16  # ... and that wait for it, of 16 MiB at most; then "busy"
