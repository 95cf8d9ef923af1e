"""What a request of the dialect brings: its body, its texts, where it comes from."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.requests import Request

from millbrain.core.limits import UPLOAD_BYTES_MAX
from millbrain.core.registry import Asker, Once, Reason, RegistryError

_KEY_CHARACTERS_MAX: Final = 255


async def json_of(request: Request) -> Mapping[str, Any]:
    """Return the JSON object of a body."""
    return object_of(await body_of(request))


def object_of(raw: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a body; RegistryError where it is none."""
    found = loaded(raw)
    if not isinstance(found, Mapping):
        raise RegistryError(Reason.INVALID, "应为对象 (an object was expected)")
    return found


def once_of(request: Request, raw: bytes, asker: Asker) -> Once | None:
    """Return how a request is known again, None where the client gave it no key.

    The header is that of draft-ietf-httpapi-idempotency-key-header.
    """
    key = request.headers.get("idempotency-key", "").strip()
    if not key:
        return None
    if len(key) > _KEY_CHARACTERS_MAX or not key.isascii() or not key.isprintable():
        told = f"Idempotency-Key: 至多{_KEY_CHARACTERS_MAX}个可打印字符 (printable ASCII)"
        raise RegistryError(Reason.INVALID, told)
    assert asker.identity is not None  # of a token
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + raw).digest()
    return Once(asker.identity, key, digest)


def loaded(raw: bytes) -> Any:
    """Return the JSON of a body; RegistryError where it is none."""
    try:
        return orjson.loads(raw)
    except ValueError as error:
        raise RegistryError(Reason.INVALID, f"请求体不是JSON: {error}") from error


def text_of(body: Mapping[str, Any], name: str) -> str:
    """Return a text that must be there."""
    found = body.get(name)
    if not isinstance(found, str) or not found:
        raise RegistryError(Reason.INVALID, f"缺少必要的请求参数: {name}")
    return found


async def body_of(request: Request) -> bytes:
    """Return a body, refusing one that is too long before it is read."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > UPLOAD_BYTES_MAX:
            told = f"请求体至多{UPLOAD_BYTES_MAX}字节 (the body is too long)"
            raise RegistryError(Reason.INVALID, told)
    return b"".join(parts)


def address_of(request: Request) -> str:
    """Return where a request comes from."""
    return request.client.host if request.client else ""
