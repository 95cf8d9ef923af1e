"""The numbers of the Handle protocol, declared: operations, answers, flags, types of value.

Two dialects are spoken on one wire. ``rfc`` is what RFC 3652 and the reference library (protocol
2.11) use; ``cn`` is what the nodes and SDKs of the Chinese identifier system add to it. Nothing
here decides anything: the codec, the node, the documents and the pages look names up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from millbrain.core.records import ADMIN_READ, ADMIN_WRITE, PUBLIC_READ, PUBLIC_WRITE

Dialect = Literal["rfc", "cn"]

PORT: Final = 2641  # IANA: hdl-srv
VERSION: Final = (2, 11)  # of the reference library 9.3.1
ENVELOPE_BYTES: Final = 20
HEADER_BYTES: Final = 24
PACKET_BYTES_MAX: Final = 512  # RFC 3652 2.3: one datagram with its envelope
SERIAL_UNKNOWN: Final = 0xFFFF  # "I do not know the serial number of your site"


@dataclass(frozen=True, slots=True)
class Code:
    """One number with its stable name, its titles, where it stands and who uses it."""

    number: int
    key: str
    title: str
    title_zh: str
    clause: str = "RFC 3652 2.2.2"
    dialect: Dialect = "rfc"


def _by_number(codes: Sequence[Code]) -> Mapping[int, Code]:
    return {code.number: code for code in codes}


# Operations -------------------------------------------------------------------------------------
RESOLVE, SITE_INFO = 1, 2
CREATE, DELETE, ADD, REMOVE, MODIFY, LIST = 100, 101, 102, 103, 104, 105
CHALLENGE_ANSWER, CHALLENGE_VERIFY = 200, 201
HOME, UNHOME, LIST_HOMED = 300, 301, 302
SESSION_SETUP, SESSION_END, SESSION_KEY = 400, 401, 402
REPLICATION_NEXT, REPLICATION_LOG, REPLICATION_DUMP, BACKUP = 1000, 1001, 1002, 1003
LOGIN_PASSWORD, LOGIN_SYSTEM = 2000, 2001

_LIBRARY: Final = "reference library 9.3.1"
_SDK: Final = "ID-SDK 2.0.3"
OPERATIONS: Final = _by_number((
    Code(RESOLVE, "resolve", "Resolve a handle", "解析标识", "RFC 3652 3.2"),
    Code(SITE_INFO, "site_info", "Describe the site", "查询站点信息", "RFC 3652 2.2.2.1"),
    Code(CREATE, "create", "Create a handle", "注册标识", "RFC 3652 3.6"),
    Code(DELETE, "delete", "Delete a handle", "删除标识", "RFC 3652 3.6"),
    Code(ADD, "add", "Add values", "添加属性", "RFC 3652 3.6"),
    Code(REMOVE, "remove", "Remove values", "移除属性", "RFC 3652 3.6"),
    Code(MODIFY, "modify", "Modify values", "修改属性", "RFC 3652 3.6"),
    Code(LIST, "list", "List the handles of a prefix", "列出前缀下的标识", "RFC 3652 3.7"),
    Code(CHALLENGE_ANSWER, "challenge_answer", "Answer a challenge", "应答质询", "RFC 3652 3.5"),
    Code(CHALLENGE_VERIFY, "challenge_verify", "Verify an answer for another server",
         "代为验证质询", "RFC 3652 3.5"),
    Code(HOME, "home", "Home a prefix here", "前缀入驻", "RFC 3652 3.7"),
    Code(UNHOME, "unhome", "Home a prefix here no longer", "前缀撤销入驻", "RFC 3652 3.7"),
    Code(LIST_HOMED, "list_homed", "List the homed prefixes", "列出入驻前缀", "RFC 3652 3.7"),
    Code(SESSION_SETUP, "session_setup", "Set up a session", "建立会话", "RFC 3652 3.8"),
    Code(SESSION_END, "session_end", "End a session", "终止会话", "RFC 3652 3.8"),
    Code(SESSION_KEY, "session_key", "Exchange a session key", "交换会话密钥", "RFC 3652 3.8"),
    Code(REPLICATION_NEXT, "replication_next", "Ask for the next transaction number",
         "查询下一事务号", _LIBRARY),
    Code(REPLICATION_LOG, "replication_log", "Fetch the transaction log", "获取事务日志", _LIBRARY),
    Code(REPLICATION_DUMP, "replication_dump", "Fetch every handle", "导出全部标识", _LIBRARY),
    Code(BACKUP, "backup", "Back the server up", "备份服务器", _LIBRARY),
    Code(LOGIN_PASSWORD, "login_password", "Log in with a password", "口令登录", _SDK, "cn"),
    Code(LOGIN_SYSTEM, "login_system", "Log in to the system", "登录标识系统", _SDK, "cn"),
))  # fmt: skip

# Answers ----------------------------------------------------------------------------------------
REQUEST = 0
OK, ERROR, BUSY, PROTOCOL_ERROR, UNSUPPORTED, RECURSION_TOO_HIGH = 1, 2, 3, 4, 5, 6
NOT_FOUND, EXISTS, INVALID_HANDLE = 100, 101, 102
VALUES_NOT_FOUND, VALUE_EXISTS, INVALID_VALUE = 200, 201, 202
SITE_OUTDATED, NO_RESPONSE, SERVICE_REFERRAL, PREFIX_REFERRAL = 300, 301, 302, 303
NOT_ADMIN, NO_PERMISSION, CHALLENGE, AUTHENTICATION_FAILED = 400, 401, 402, 403
INVALID_CREDENTIAL, CHALLENGE_OVER, LOGIN_AGAIN, LOGIN_FIRST = 404, 405, 407, 408
SESSION_OVER, SESSION_FAILED, SESSION_KEY_WRONG = 500, 501, 502
SESSION_NEEDS_RSA, SESSION_SETUP_WRONG, SESSION_REPEATED = 503, 504, 505
REGISTER_LIMIT, PREFIX_LIMIT = 604, 605
RESPONSES: Final = _by_number((
    Code(OK, "ok", "Success", "成功"),
    Code(ERROR, "error", "Error", "错误"),
    Code(BUSY, "busy", "Server too busy", "服务器繁忙"),
    Code(PROTOCOL_ERROR, "protocol_error", "Protocol error", "协议错误"),
    Code(UNSUPPORTED, "unsupported", "Operation not supported", "不支持该操作"),
    Code(RECURSION_TOO_HIGH, "recursion_too_high", "Recursion count too high", "递归次数过多"),
    Code(7, "read_only", "Server is being backed up", "服务器备份中", _LIBRARY),
    Code(NOT_FOUND, "not_found", "Handle not found", "标识不存在"),
    Code(EXISTS, "exists", "Handle already exists", "标识已存在"),
    Code(INVALID_HANDLE, "invalid_handle", "Handle not valid", "标识不合法"),
    Code(VALUES_NOT_FOUND, "values_not_found", "Values not found", "属性不存在"),
    Code(VALUE_EXISTS, "value_exists", "Value already exists", "属性已存在"),
    Code(INVALID_VALUE, "invalid_value", "Value not valid", "属性不合法"),
    Code(SITE_OUTDATED, "site_outdated", "Site information is out of date", "站点信息已过期"),
    Code(NO_RESPONSE, "no_response", "Responsible server did not answer", "责任服务器无响应"),
    Code(SERVICE_REFERRAL, "service_referral", "Ask the service named", "服务转介"),
    Code(PREFIX_REFERRAL, "prefix_referral", "Ask the servers of the prefix", "前缀转介", _LIBRARY),
    Code(NOT_ADMIN, "not_admin", "Not an administrator", "非管理员"),
    Code(NO_PERMISSION, "no_permission", "Permission missing", "权限不足"),
    Code(CHALLENGE, "challenge", "Authentication needed", "需要身份验证"),
    Code(AUTHENTICATION_FAILED, "authentication_failed", "Authentication failed", "身份验证失败"),
    Code(INVALID_CREDENTIAL, "invalid_credential", "Credential not valid", "凭证不合法"),
    Code(CHALLENGE_OVER, "authentication_timeout", "Challenge answered too late", "质询应答超时"),
    Code(406, "authentication_error", "Could not authenticate", "身份验证出错"),
    Code(LOGIN_AGAIN, "login_again", "Log in again", "请重新登录", _SDK, "cn"),
    Code(LOGIN_FIRST, "login_first", "Log in first", "请先登录", _SDK, "cn"),
    Code(SESSION_OVER, "session_timeout", "Session timed out", "会话超时"),
    Code(SESSION_FAILED, "session_failed", "Session could not be set up", "会话建立失败"),
    Code(SESSION_KEY_WRONG, "invalid_session_key", "Session key not valid", "会话密钥不合法"),
    Code(SESSION_NEEDS_RSA, "session_needs_rsa", "Key exchange needs an RSA key",
         "会话交换需要RSA密钥"),
    Code(SESSION_SETUP_WRONG, "invalid_session_setup", "Session set-up not valid",
         "会话请求不合法"),
    Code(SESSION_REPEATED, "session_rejected", "Message repeated in a session", "会话消息被拒绝",
         _LIBRARY),
    Code(601, "client_channel", "Client channel error", "客户端通道错误", _SDK, "cn"),
    Code(602, "client_timeout", "Client timed out", "客户端超时", _SDK, "cn"),
    Code(603, "daily_limit", "Requests of the day used up", "超过每日请求限额", _SDK, "cn"),
    Code(REGISTER_LIMIT, "register_limit", "Number of identifiers used up", "超过注册数量限额",
         _SDK, "cn"),
    Code(PREFIX_LIMIT, "prefix_limit", "Limit of the prefix reached", "超过前缀限额", _SDK, "cn"),
    Code(3001, "id_error", "Error of the identifier system", "标识系统错误", _SDK, "cn"),
))  # fmt: skip
REFERRALS: Final = frozenset((SERVICE_REFERRAL, PREFIX_REFERRAL))

# Flags ------------------------------------------------------------------------------------------
COMPRESSED, ENCRYPTED, TRUNCATED = 0x80, 0x40, 0x20
ENVELOPE_FLAGS: Final = _by_number((
    Code(COMPRESSED, "compressed", "Message is compressed", "已压缩", "RFC 3652 2.2.1"),
    Code(ENCRYPTED, "encrypted", "Message is encrypted", "已加密", "RFC 3652 2.2.1"),
    Code(TRUNCATED, "truncated", "One packet of several", "分片", "RFC 3652 2.2.1"),
))  # fmt: skip
SUGGESTED_MAJOR_BITS: Final = 0x03

AUTHORITATIVE, CERTIFY, ENCRYPT, RECURSIVE = 1 << 31, 1 << 30, 1 << 29, 1 << 28
CACHE_CERTIFY, CONTINUOUS, KEEP_ALIVE, PUBLIC_ONLY = 1 << 27, 1 << 26, 1 << 25, 1 << 24
RETURN_DIGEST, OVERWRITE, MINT, DO_NOT_REFER = 1 << 23, 1 << 22, 1 << 21, 1 << 20
RECURSIVE_AUTH, TRUSTED_QUERY, TRUSTED_RESULT = 4, 2, 1
OPERATION_FLAGS: Final = _by_number((
    Code(AUTHORITATIVE, "authoritative", "Ask a primary site", "权威解析", "RFC 3652 2.2.2.3"),
    Code(CERTIFY, "certify", "Sign the answer", "应答签名", "RFC 3652 2.2.2.3"),
    Code(ENCRYPT, "encrypt", "Encrypt the answer", "应答加密", "RFC 3652 2.2.2.3"),
    Code(RECURSIVE, "recursive", "Resolve for me", "递归解析", "RFC 3652 2.2.2.3"),
    Code(CACHE_CERTIFY, "cache_certify", "Caches verify", "缓存验证", "RFC 3652 2.2.2.3"),
    Code(CONTINUOUS, "continuous", "More answers follow", "后续应答", "RFC 3652 2.2.2.3"),
    Code(KEEP_ALIVE, "keep_alive", "Keep the connection", "保持连接", "RFC 3652 2.2.2.3"),
    Code(PUBLIC_ONLY, "public_only", "Values that all may read", "仅公开属性", "RFC 3652 2.2.2.3"),
    Code(RETURN_DIGEST, "return_digest", "Repeat the request's digest", "返回请求摘要",
         "RFC 3652 2.2.2.3"),
    Code(OVERWRITE, "overwrite", "Overwrite what exists", "覆盖已有", _LIBRARY),
    Code(MINT, "mint", "Server makes the suffix", "服务器生成后缀", _LIBRARY),
    Code(DO_NOT_REFER, "do_not_refer", "No referral", "不转介", _LIBRARY),
    Code(RECURSIVE_AUTH, "recursive_auth", "Hand the identity on", "递归传输身份", _SDK, "cn"),
    Code(TRUSTED_QUERY, "trusted_query", "Ask for a trusted answer", "可信解析请求", _SDK, "cn"),
    Code(TRUSTED_RESULT, "trusted_result", "Answer is trusted", "可信解析结果", _SDK, "cn"),
))  # fmt: skip

# Values -----------------------------------------------------------------------------------------
VALUE_PERMISSIONS: Final = _by_number((
    Code(PUBLIC_WRITE, "public_write", "Everybody may write", "公开可写", "RFC 3651 3.1"),
    Code(PUBLIC_READ, "public_read", "Everybody may read", "公开可读", "RFC 3651 3.1"),
    Code(ADMIN_WRITE, "admin_write", "Administrators may write", "管理员可写", "RFC 3651 3.1"),
    Code(ADMIN_READ, "admin_read", "Administrators may read", "管理员可读", "RFC 3651 3.1"),
))  # fmt: skip
ADMIN_PERMISSIONS: Final = _by_number((
    Code(0x001, "add_handle", "Create handles", "注册标识", "RFC 3651 3.2.1"),
    Code(0x002, "delete_handle", "Delete handles", "删除标识", "RFC 3651 3.2.1"),
    Code(0x004, "add_prefix", "Create derived prefixes", "创建子前缀", "RFC 3651 3.2.1"),
    Code(0x008, "delete_prefix", "Delete derived prefixes", "删除子前缀", "RFC 3651 3.2.1"),
    Code(0x010, "modify_value", "Modify values", "修改属性", "RFC 3651 3.2.1"),
    Code(0x020, "remove_value", "Remove values", "移除属性", "RFC 3651 3.2.1"),
    Code(0x040, "add_value", "Add values", "添加属性", "RFC 3651 3.2.1"),
    Code(0x080, "modify_admin", "Modify administrators", "修改管理员", "RFC 3651 3.2.1"),
    Code(0x100, "remove_admin", "Remove administrators", "移除管理员", "RFC 3651 3.2.1"),
    Code(0x200, "add_admin", "Add administrators", "添加管理员", "RFC 3651 3.2.1"),
    Code(0x400, "read_value", "Read restricted values", "读取受限属性", "RFC 3651 3.2.1"),
    Code(0x800, "list_handles", "List handles", "列出标识", "RFC 3651 3.2.1"),
))  # fmt: skip

DIGEST_LENGTH_FIRST: Final = 0  # old clients: a length stands where the algorithm byte is expected
DIGESTS: Final[Mapping[int, tuple[str, int]]] = {  # number -> hashlib name, bytes
    1: ("md5", 16), 2: ("sha1", 20), 3: ("sha256", 32),
}  # fmt: skip
DIGEST_SHA256: Final = 3

SITE_PRIMARY, SITE_MULTI_PRIMARY = 0x80, 0x40
SITE_FORMAT: Final = 1
INTERFACE_ADMIN, INTERFACE_QUERY, INTERFACE_BOTH = 1, 2, 3
PROTOCOLS: Final[Mapping[int, str]] = {0: "udp", 1: "tcp", 2: "http", 3: "https"}
HASH_OPTIONS: Final[Mapping[int, str]] = {0: "prefix", 1: "suffix", 2: "handle"}  # RFC 3651 3.2.2

KEY_FROM_CLIENT, KEY_FROM_SERVER, KEY_FROM_HANDLE, KEY_DIFFIE_HELLMAN = 1, 2, 3, 4
SESSION_KEYS: Final = _by_number((
    Code(KEY_FROM_CLIENT, "client", "Under a key of the client", "客户端密钥", "RFC 3652 3.8"),
    Code(KEY_FROM_SERVER, "server", "Under a key of the server", "服务器密钥", "RFC 3652 3.8"),
    Code(KEY_FROM_HANDLE, "handle", "Under a key kept in a handle", "标识中的密钥", "RFC 3652 3.8"),
    Code(KEY_DIFFIE_HELLMAN, "diffie_hellman", "Diffie-Hellman", "迪菲-赫尔曼", "RFC 3652 3.8"),
))  # fmt: skip
