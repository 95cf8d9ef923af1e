"""The routes of the Handle HTTP JSON API over the registry.

An answer is ``{"responseCode": n, "handle": h, ...}`` with the codes of the binary protocol and the
HTTP status that says the same. Who asks is proved by HTTP Basic (`core.faces.askers`) or a session
(`sessions`). ``?trust=true`` tells what the signatures of a record say of its values.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core import keys
from millbrain.core.errors import LimitError, MillbrainError
from millbrain.core.faces import askers
from millbrain.core.faces.around import ALONE, Around, Standing
from millbrain.core.faces.record_json import value_json, values_of
from millbrain.core.faces.trusted import Trust
from millbrain.core.limits import HANDLE_LIST_MAX, HANDLE_MESSAGE_BYTES_MAX
from millbrain.core.records import Value, is_live, is_wanted
from millbrain.core.registry import (
    Asker,
    Change,
    Reason,
    Registry,
    RegistryError,
    Verb,
)
from millbrain.core.trust.claims import SIGNATURE_TYPE
from millbrain.identify.handle_json import access, ranges
from millbrain.identify.handle_json.sessions import HttpSessions

FACE: Final = "handle_json"
# The registry's reason -> (code of the protocol, HTTP status).
_ANSWERS: Final[Mapping[Reason, tuple[int, int]]] = {
    Reason.NOT_FOUND: (100, 404), Reason.EXISTS: (101, 409), Reason.NOT_HOMED: (301, 400),
    Reason.INVALID: (102, 400), Reason.VALUE_EXISTS: (201, 409),
    Reason.VALUES_NOT_FOUND: (200, 400), Reason.NO_IDENTITY: (402, 401), Reason.DENIED: (400, 403),
    Reason.HANDLE_QUOTA: (604, 403), Reason.PREFIX_QUOTA: (605, 403), Reason.KEY_USED: (4, 422),
}  # fmt: skip


def routes(registry: Registry, around: Around = ALONE) -> list[Route]:
    """Return the routes that the room adds to the resolver's HTTP port."""
    api = _Api(registry, around)
    return [
        Route("/api/handles", api.list, methods=["GET"]),
        Route("/api/handles/", api.list, methods=["GET"]),
        Route("/api/handles/{handle:path}", api.counted, methods=["GET"]),
        Route("/api/handles/{handle:path}", api.put, methods=["PUT"]),
        Route("/api/handles/{handle:path}", api.delete, methods=["DELETE"]),
        *access.routes(registry, FACE),
        *api.sessions.routes(),
        *ranges.routes(registry, FACE),
    ]


def answer(code: int, status: int, handle: str = "", **more: Any) -> Response:
    """Return an answer of the API."""
    told = {"responseCode": code} | ({"handle": handle} if handle else {}) | more
    headers = askers.CHALLENGE if status == 401 else None
    return Response(orjson.dumps(told), status, headers, media_type="application/json")


class _Api:
    def __init__(self, registry: Registry, around: Around) -> None:
        self._registry = registry
        self._others = around.others
        self._trust = Trust(registry, around.node.roots)
        self.sessions = HttpSessions(registry, FACE)

    async def counted(self, request: Request) -> Response:
        """Answer, and count the answer."""
        found = await self.get(request)
        code: int = orjson.loads(found.body)["responseCode"]
        self._registry.tally.add(request.path_params["handle"], code)
        return found

    async def get(self, request: Request) -> Response:
        handle = request.path_params["handle"]
        try:
            (stored,) = self._registry.get_many([keys.handle_key(handle)])
            if stored is None or not is_live(stored):
                return await self._elsewhere(handle, request)
            values = self._registry.readable(stored, handle, self._asker(request))
            return self._given(handle, request, values)
        except RegistryError as error:
            return _refused(error, handle)
        except LimitError as error:
            return answer(3, 503, handle, message=str(error))
        except ValueError as error:
            return answer(4, 400, handle, message=str(error))

    async def _elsewhere(self, handle: str, request: Request) -> Response:
        """Answer for a handle that is not recorded here, as the role of the node has it.

        A referral is code 302 or 303 with the HS_SITE values of the node that is responsible. Where
        that node has a web address, the client is sent there.
        """
        found = await self._others.find(handle)
        if found.standing is Standing.FOUND:
            return self._given(handle, request, found.values)
        if found.standing is Standing.NOT_FOUND:
            return answer(100, 404, handle)
        if found.standing is not Standing.REFERRED:
            status = 504 if found.standing is Standing.UNREACHABLE else 400
            more = {"message": found.detail} if found.detail else {}
            return answer(301, status, handle, **more)
        is_own = keys.fold(handle).startswith(f"{found.prefix}/")
        told = answer(
            302 if is_own else 303, 400, handle, referral=f"0.NA/{found.prefix}",
            values=[value_json(v) for v in found.sites], message=found.detail,
        )  # fmt: skip
        for address in self._others.addresses(found.sites)[:1]:
            query = f"?{request.url.query}" if request.url.query else ""
            told.status_code = 307
            told.headers["Location"] = f"{address}/api/handles/{quote(handle)}{query}"
        return told

    def _given(self, handle: str, request: Request, readable: Sequence[Value]) -> Response:
        indexes = [int(i) for i in request.query_params.getlist("index")]
        types = request.query_params.getlist("type")
        given = [v for v in readable if is_wanted(v, indexes, types)]
        if not given:
            return answer(200, 200, handle)
        told: dict[str, Any] = {"values": [value_json(v) for v in given]}
        if request.query_params.get("trust") == "true":
            signatures = [v for v in readable if v.type == SIGNATURE_TYPE and v not in given]
            report = self._trust.report(handle, [*given, *signatures], time.time())
            told["trust"] = report.told()
        return answer(1, 200, handle, **told)

    async def put(self, request: Request) -> Response:
        """Create or replace a record; with ``index``, add or change those values only."""
        handle = request.path_params["handle"]
        try:
            asker = self._asker(request)
            values = values_of(orjson.loads(await _body(request)))
            parts = request.query_params.getlist("index")
            is_over = request.query_params.get("overwrite", "true") != "false"
            if parts:
                chosen = _chosen(values, parts)
                change = Change(Verb.PUT, handle, asker, chosen, overwrite=is_over)
                await self._registry.make(change)
                return answer(1, 200, handle)
            is_new = not self._is_there(handle)
            change = Change(Verb.CREATE, handle, asker, values, overwrite=is_over)
            await self._registry.make(change)
            return answer(1, 201 if is_new else 200, handle)
        except RegistryError as error:
            return _refused(error, handle)
        except LimitError as error:
            return answer(3, 503, handle, message=str(error))
        except (ValueError, MillbrainError) as error:
            return answer(4, 400, handle, message=str(error))

    async def delete(self, request: Request) -> Response:
        """Delete a record; with ``index``, remove those values only."""
        handle = request.path_params["handle"]
        try:
            asker = self._asker(request)
            indexes = tuple(int(i) for i in request.query_params.getlist("index"))
            verb = Verb.REMOVE if indexes else Verb.DELETE
            await self._registry.make(Change(verb, handle, asker, indexes=indexes))
            return answer(1, 200, handle)
        except RegistryError as error:
            return _refused(error, handle)
        except LimitError as error:
            return answer(3, 503, handle, message=str(error))
        except (ValueError, MillbrainError) as error:
            return answer(4, 400, handle, message=str(error))

    async def list(self, request: Request) -> Response:
        """Return the handles of a prefix, a page of them."""
        prefix = request.query_params.get("prefix", "")
        try:
            asker = self._asker(request)
            page = max(int(request.query_params.get("page", 0)), 0)
            size = min(int(request.query_params.get("pageSize", HANDLE_LIST_MAX)), HANDLE_LIST_MAX)
            if size < 1 or (page + 1) * size > HANDLE_LIST_MAX:
                raise ValueError(f"a page ends at handle {HANDLE_LIST_MAX} at the latest")
            found = self._registry.names(prefix, asker, "", (page + 1) * size)
            part = found[page * size :]
            return answer(1, 200, prefix=prefix, handles=part, page=page, pageSize=size)
        except RegistryError as error:
            return _refused(error, prefix)
        except ValueError as error:
            return answer(4, 400, message=str(error))

    def _asker(self, request: Request) -> Asker:
        """Return who asks; RegistryError where a proof is given and wrong."""
        address = request.client.host if request.client else ""
        given = request.headers.get("authorization", "")
        return self.sessions.asker(address, given)

    def _is_there(self, handle: str) -> bool:
        (stored,) = self._registry.get_many([keys.handle_key(handle)])
        return is_live(stored)


def _chosen(values: tuple[Value, ...], parts: "list[str]") -> tuple[Value, ...]:
    if parts == ["various"]:
        return values
    wanted = {int(p) for p in parts}
    if wanted != {v.index for v in values}:
        raise ValueError("the indexes of the address and of the values differ")
    return values


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > 2 * HANDLE_MESSAGE_BYTES_MAX:  # base64 and names make JSON longer
            raise ValueError(f"a body has at most {2 * HANDLE_MESSAGE_BYTES_MAX} bytes")
    return body


def _refused(error: RegistryError, handle: str) -> Response:
    code, status = _ANSWERS[error.reason]
    more = {"message": str(error)} if str(error) else {}
    return answer(code, status, handle, **more)
