"""How the routes of the API read a request and say no: results with messages, as specified."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from millbrain.core.errors import (
    LimitError,
    MillbrainError,
    NotFoundError,
    StoreError,
)
from millbrain.core.faces import askers
from millbrain.core.limits import PAGE_ROWS_MAX, UPLOAD_BYTES_MAX
from millbrain.core.registry import Asker, Change, Reason, Registry, RegistryError
from millbrain.identify.aas.encoding import decoded, result

FACE: Final = "aas"
PREFIX: Final = "millbrain-prefix"  # header: under which prefix a new record stands
_COUNT: Final = 100  # of a page that says nothing else
Answer = Callable[[Request], Awaitable[Response]]
_REFUSALS: Final[Mapping[Reason, int]] = {
    Reason.NO_IDENTITY: 401, Reason.DENIED: 403, Reason.NOT_FOUND: 404, Reason.NOT_HOMED: 403,
    Reason.EXISTS: 409, Reason.HANDLE_QUOTA: 403, Reason.PREFIX_QUOTA: 403,
}  # fmt: skip


class TooLargeError(ValueError):
    """A body is longer than allowed."""


def answering(answer: Answer) -> Answer:
    """Return `answer` with what it raises told as a result with a message."""

    async def told(request: Request) -> Response:
        try:
            return await answer(request)
        except (MillbrainError, ValueError) as error:
            return refused(error)

    return told


def status_of(error: Exception) -> int:
    """Return the status that says why something was refused."""
    if isinstance(error, RegistryError):
        return _REFUSALS.get(error.reason, 400)
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, LimitError | StoreError):
        return 503
    if isinstance(error, ValueError):
        return 413 if isinstance(error, TooLargeError) else 400
    return 500


def refused(error: Exception) -> Response:
    """Return the answer that tells an error."""
    status = status_of(error)
    headers = askers.CHALLENGE if status == 401 else None
    return json(message(str(status), str(error)), status, headers)


def message(code: str, words: str) -> dict[str, Any]:
    """Return a result with one message of now."""
    at = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    return result(code, words, at, uuid.uuid4().hex)


def json(told: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    return Response(orjson.dumps(told), status, headers, media_type="application/json")


def nothing() -> Response:
    """Return the answer to a change that was made."""
    return Response(status_code=204)


def asker_of(registry: Registry, request: Request) -> Asker:
    """Return who asks; RegistryError where a proof is wrong."""
    address = request.client.host if request.client else ""
    return askers.asker(registry, FACE, address, request.headers.get("authorization", ""))


def writer_of(registry: Registry, request: Request) -> Asker:
    """Return who wants to change something; RegistryError where nobody in particular does."""
    asker = asker_of(registry, request)
    if asker.identity is None:
        raise RegistryError(Reason.NO_IDENTITY, f"{request.method}: prove who you are first")
    return asker


async def body_of(request: Request) -> Any:
    """Return the JSON of a request.

    Raises
    ------
    ValueError
        It is none, or too long.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > UPLOAD_BYTES_MAX:
            raise TooLargeError(f"a body has at most {UPLOAD_BYTES_MAX} bytes")
    return orjson.loads(bytes(body))


def identifier_of(request: Request, name: str = "identifier") -> str:
    """Return the id in the path of a request; ValueError where it is not base64url."""
    return decoded(request.path_params[name], name)


def page_of(request: Request) -> tuple[str, int]:
    """Return behind what a page begins and how many items it may have.

    Raises
    ------
    ValueError
        The limit or the cursor is none.
    """
    limit, cursor = request.query_params.get("limit"), request.query_params.get("cursor", "")
    if limit is not None and not (limit.isascii() and limit.isdigit() and 1 <= len(limit) <= 9
                                  and int(limit)):  # fmt: skip
        raise ValueError(f"limit {limit[:20]!r}; a number from 1 was expected")
    return decoded(cursor, "cursor"), min(int(limit or _COUNT), PAGE_ROWS_MAX)


async def make(registry: Registry, changes: Sequence[Change]) -> None:
    """Make changes, all or none; raises why the first was refused."""
    told = await registry.make_many(changes, is_whole=True)
    raise_first([error for error in told if error is not None])


def raise_first(refusals: Sequence[MillbrainError]) -> None:
    """Raise the refusal that is the reason of the others, if there is one."""
    reasons = [e for e in refusals if not isinstance(e, RegistryError) or e.reason is not
               Reason.INVALID]  # fmt: skip
    for error in (*reasons, *refusals):
        raise error


async def in_thread(work: Callable[..., Any], *given: Any) -> Any:
    """Do what reads many records beside the loop that answers."""
    return await asyncio.to_thread(work, *given)
