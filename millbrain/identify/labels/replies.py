"""How the routes of labels read a request and say no."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from millbrain.core.errors import (
    FrameError,
    IllegalStepError,
    LimitError,
    MillbrainError,
    NotFoundError,
    StoreError,
)
from millbrain.core.faces import askers
from millbrain.core.limits import UPLOAD_BYTES_MAX
from millbrain.core.registry import Asker, Reason, Registry, RegistryError
from millbrain.identify.labels.sheets import UnreadableError

FACE: Final = "labels"
Answer = Callable[[Request], Awaitable[Response]]
_REFUSALS: Final[Mapping[Reason, int]] = {
    Reason.NO_IDENTITY: 401, Reason.DENIED: 403, Reason.NOT_FOUND: 404, Reason.NOT_HOMED: 404,
    Reason.EXISTS: 409, Reason.VALUE_EXISTS: 409, Reason.VALUES_NOT_FOUND: 404,
    Reason.HANDLE_QUOTA: 403, Reason.PREFIX_QUOTA: 403,
}  # fmt: skip
_STATUS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (UnreadableError, 422), (NotFoundError, 404), (IllegalStepError, 409), (LimitError, 503),
    (StoreError, 503), (FrameError, 500),
)  # fmt: skip


def asker_of(registry: Registry, request: Request) -> Asker:
    """Return who asks; somebody in particular has to.

    Raises
    ------
    RegistryError
        Nobody in particular asks, or the proof is wrong.
    """
    address = request.client.host if request.client else ""
    proof = request.headers.get("authorization", "")
    asker = askers.asker(registry, FACE, address, proof)
    if asker.identity is None:
        raise RegistryError(Reason.NO_IDENTITY, "labels: prove who you are first")
    return asker


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request.

    Raises
    ------
    ValueError, LimitError
        It is none, or too long.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > UPLOAD_BYTES_MAX:
            raise LimitError(f"labels: a body has at most {UPLOAD_BYTES_MAX} bytes")
    told = orjson.loads(bytes(body))
    if not isinstance(told, dict):
        raise ValueError("a JSON object was expected")
    return told


def answering(answer: Answer) -> Answer:
    """Return `answer` with what it raises told as JSON."""

    async def told(request: Request) -> Response:
        try:
            return await answer(request)
        except RegistryError as error:
            return _said(str(error), _REFUSALS.get(error.reason, 400))
        except (MillbrainError, ValueError) as error:
            status = next((code for kind, code in _STATUS if isinstance(error, kind)), 400)
            return _said(str(error), status)

    return told


def json(told: object, status: int = 200) -> Response:
    """Return an answer in JSON."""
    return Response(orjson.dumps(told), status, media_type="application/json")


def _said(words: str, status: int) -> Response:
    headers = askers.CHALLENGE if status == 401 else None
    body = orjson.dumps({"error": words})
    return Response(body, status, headers, media_type="application/json")
