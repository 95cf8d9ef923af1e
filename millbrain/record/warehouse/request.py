"""One request of the ClickHouse HTTP protocol, read from its parts.

The statement is the ``query`` argument, the body, or both one after the other. Values come as
``param_<name>`` arguments, settings as arguments of their own name.
"""

import base64
import binascii
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

import pyarrow as pa

from millbrain.core.errors import LimitError, StoreError

# Arguments of the protocol itself; every other one is a setting.
_PROTOCOL: Final = frozenset((
    "query", "query_id", "database", "default_format", "user", "password", "session_id",
    "session_timeout", "session_check", "compress", "decompress", "quota_key", "stacktrace",
    "role", "wait_end_of_query", "buffer_size", "close_session", "client_protocol_version",
    "enable_http_compression", "http_zlib_compression_level", "http_make_head_request",
    "send_progress_in_http_headers", "http_headers_progress_interval_ms", "readonly",
    "async_insert", "wait_for_async_insert",
))  # fmt: skip
Coding = Literal["zstd", "lz4", "gzip"]
CODINGS: Final[tuple[Coding, ...]] = (
    "zstd",
    "lz4",
    "gzip",
)  # content codings spoken both ways, preferred first


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """What was asked: the statement, its values and settings.

    data: rows of an INSERT, empty for everything else. fmt: output format where the statement names
    none. compression: content codings that the client takes, empty where it wants none.
    """

    sql: str
    data: bytes = b""
    fmt: str = "TabSeparated"
    database: str = ""
    query_id: str = ""
    compression: str = ""
    is_buffered: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


def read_request(
    args: Mapping[str, str], headers: Mapping[str, str], body: bytes, bytes_max: int
) -> QueryRequest:
    """Read a request.

    Parameters
    ----------
    args
        The arguments of the URL.
    headers
        Lower-case names.
    body
        As sent, still compressed where `headers` say so.
    bytes_max
        Bytes that the body may unfold to.

    Raises
    ------
    LimitError
        The body unfolds to more than `bytes_max`.
    StoreError
        A coding or option that is not spoken here.
    """
    if args.get("compress", "0") not in ("", "0") or args.get("decompress", "0") not in ("", "0"):
        raise StoreError(
            "Code: 48. DB::Exception: the options compress and decompress (ClickHouse's native "
            "block compression) are not spoken here; use Accept-Encoding with "
            "enable_http_compression=1, or compress=0. (NOT_IMPLEMENTED)"
        )
    unfolded = _unfolded(body, headers.get("content-encoding", ""), bytes_max)
    args, unfolded = _formed(args, headers.get("content-type", ""), unfolded)
    sql, data = _statement(args.get("query", ""), unfolded)
    wants = args.get("enable_http_compression", "0") not in ("", "0")
    return QueryRequest(
        sql=sql,
        data=data,
        fmt=args.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
        database=args.get("database") or headers.get("x-clickhouse-database", ""),
        query_id=args.get("query_id", ""),
        compression=headers.get("accept-encoding", "") if wants else "",
        is_buffered=args.get("wait_end_of_query", "0") not in ("", "0"),
        params={k[6:]: v for k, v in args.items() if k.startswith("param_")},
        settings={
            k: v for k, v in args.items() if k not in _PROTOCOL and not k.startswith("param_")
        },
    )


def _formed(
    args: Mapping[str, str], content_type: str, body: bytes
) -> tuple[Mapping[str, str], bytes]:
    """Return arguments and body, those of a form among the arguments.

    Clients send values as a form where a URL would become too long.
    """
    if not content_type.lower().startswith("multipart/form-data"):
        return args, body
    head = b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n"
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    found = dict(args)
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes):
            found[name] = _text(value)
    return found, b""


def _statement(query: str, body: bytes) -> tuple[str, bytes]:
    """Split what came into the statement and the rows of an INSERT."""
    if query[:6].upper() == "INSERT" or query.lstrip()[:6].upper() == "INSERT":
        return query, body
    head = body.lstrip()[:6].upper()
    if not query and head == b"INSERT":
        # The statement of an INSERT ends with its line; the rows follow, maybe in binary.
        line, _, data = body.partition(b"\n")
        return _text(line), data
    text = _text(body)
    return (f"{query}\n{text}" if query and text else query or text), b""


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise StoreError(
            f"Code: 62. DB::Exception: the query's text is not UTF-8 at byte {error.start}. "
            "(SYNTAX_ERROR)"
        ) from error


def arguments(query_string: str) -> dict[str, str]:
    """Return the arguments of a URL; of a repeated one the last."""
    return dict(parse_qsl(query_string, keep_blank_values=True))


def credentials(args: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str]:
    """Return user and password: headers of ClickHouse's own first, then Basic, then arguments."""
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", token  # no account has an empty name, so this is refused as a wrong login
        return user, password
    return args.get("user", "default"), args.get("password", "")


def _unfolded(body: bytes, coding: str, bytes_max: int) -> bytes:
    """Return the body without its content coding."""
    name = coding.strip().lower()
    if name in ("", "identity"):
        return body
    known = next((c for c in CODINGS if c == name), None)
    if known is None:
        raise StoreError(
            f"Code: 48. DB::Exception: content coding {coding!r} is not spoken here; "
            f"{', '.join(CODINGS)} are. (NOT_IMPLEMENTED)"
        )
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), known) as stream:
            unfolded: bytes = stream.read(bytes_max + 1)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"Code: 354. DB::Exception: the body is not valid {name} ({error}). (INFLATE_FAILED)"
        ) from error
    check_body(len(unfolded), bytes_max)
    return unfolded


def check_body(size_bytes: int, bytes_max: int) -> None:
    """Refuse a body longer than `bytes_max`."""
    if size_bytes > bytes_max:
        raise LimitError(
            f"Code: 307. DB::Exception: the body has more than {bytes_max} bytes, which are "
            "allowed. (TOO_MANY_BYTES)"
        )


class Folder(io.RawIOBase):
    """Compresses an answer piece by piece with the first coding that both sides know.

    coding: its name, None where nothing is compressed.
    """

    def __init__(self, accepted: str) -> None:
        super().__init__()
        offered = {part.partition(";")[0].strip().lower() for part in accepted.split(",")}
        self.coding = next((c for c in CODINGS if c in offered), None)
        self._pieces: list[bytes] = []
        if self.coding:
            self._stream = pa.CompressedOutputStream(pa.PythonFile(self, "w"), self.coding)

    def fold(self, piece: bytes | memoryview) -> bytes | memoryview:
        """Return what is ready after this piece; may be empty."""
        if not self.coding:
            return piece
        self._stream.write(piece)
        self._stream.flush()
        return self._taken()

    def end(self) -> bytes:
        """Return what closes the stream."""
        if not self.coding:
            return b""
        self._stream.close()
        return self._taken()

    def writable(self) -> bool:
        """Say that the compressor may write here."""
        return True

    def write(self, piece: Any) -> int:
        """Take a compressed piece from the compressor."""
        self._pieces.append(bytes(piece))
        return len(piece)

    def _taken(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
