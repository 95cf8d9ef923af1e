"""The routes of EPCIS 2.0: capture, its report, events, and events by their top-level resources.

Who captures proves an identity whose prefix is at home here and that may create records under it.
Events are read by those who may read the records of the prefix that captured them; by everybody
where the capture said ``Millbrain-Events: public``.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core.errors import LimitError, StoreError
from millbrain.core.events import Event, Span
from millbrain.core.faces import askers
from millbrain.core.limits import (
    EVENT_THINGS_MAX,
    EVENTS_EXAMINED_MAX,
    EVENTS_MAX,
    PAGE_ROWS_MAX,
    UPLOAD_BYTES_MAX,
)
from millbrain.core.registry import (
    ADD_HANDLE,
    READ_VALUE,
    Asker,
    Reason,
    Registry,
    RegistryError,
)
from millbrain.identify.epcis.document import (
    Captured,
    query_document,
    read_document,
    read_event,
    told_event,
)
from millbrain.identify.epcis.query import Query, TooComplexError, read_query

FACE: Final = "epcis"
PUBLIC: Final = "millbrain-events"  # header of a capture
OWNER: Final = "millbrain-prefix"  # another one: the prefix that the events belong to
_VERSIONS: Final = {"GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0",
                    "GS1-EPC-Format": "Never_Translates"}  # fmt: skip
_LIMITS: Final = {
    "GS1-EPCIS-Capture-Limit": str(EVENTS_MAX),
    "GS1-EPCIS-Capture-File-Size-Limit": str(UPLOAD_BYTES_MAX),
}
_MEDIA: Final = ("application/json", "application/ld+json")
# Top-level resource -> the parameter of SimpleEventQuery that it stands for.
_RESOURCES: Final = {
    "epcs": "MATCH_anyEPC", "eventTypes": "eventType", "bizSteps": "EQ_bizStep",
    "bizLocations": "EQ_bizLocation", "readPoints": "EQ_readPoint",
    "dispositions": "EQ_disposition",
}  # fmt: skip


def routes(registry: Registry) -> list[Route]:
    """Return the routes that the room adds to the resolver's HTTP port."""
    api = _Api(registry)
    by_resource = [
        Route(f"/{name}/{{value:path}}/events", _told(api.under(parameter)), methods=["GET"])
        for name, parameter in _RESOURCES.items()
    ]
    return [
        Route("/capture", _told(api.capture), methods=["POST"]),
        Route("/capture", _told(api.limits), methods=["OPTIONS"]),
        Route("/capture/{name}", _told(api.job), methods=["GET"]),
        Route("/events", _told(api.query), methods=["GET"]),
        Route("/events", _told(api.add_one), methods=["POST"]),
        Route("/events", _told(api.limits), methods=["OPTIONS"]),
        Route("/events/{name:path}", _told(api.one), methods=["GET"]),
        *by_resource,
    ]


class _Api:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def limits(self, _: Request) -> Response:
        return Response(status_code=204, headers=_VERSIONS | _LIMITS)

    async def capture(self, request: Request) -> Response:
        """Capture a document; the report of the job is on disk before the answer."""
        owner = self._capturer(request)
        captured = read_document(await _body(request))
        is_kept_partly = request.headers.get("gs1-capture-error-behaviour") == "proceed"
        name, report, _ = await asyncio.to_thread(
            self._kept, captured, owner, _is_public(request), is_kept_partly
        )
        location = f"{request.base_url}capture/{name}"
        return _json(report, 202, Location=location)

    async def add_one(self, request: Request) -> Response:
        """Capture a single event and answer with it."""
        owner = self._capturer(request)
        captured = read_document(await _body(request))
        if len(captured.events) != 1:
            raise ValueError("a single event was expected; POST /capture takes documents")
        _, report, events = await asyncio.to_thread(
            self._kept, captured, owner, _is_public(request), False
        )
        if not report["success"]:
            raise ValueError(report["errors"][0]["detail"])
        return _json(orjson.loads(events[0].body), 201, Location=_address(request, events[0]))

    def _kept(self, captured: Captured, owner: str, is_public: bool, is_kept_partly: bool) -> (
        tuple[str, dict[str, Any], list[Event]]
    ):  # fmt: skip
        """Check events and keep them; return the job's name, its report, and what is kept."""
        store, now_ms = self._registry.events, int(time.time() * 1000)
        read, errors = _read(captured, owner, now_ms, is_public)
        refused = store.check(read)
        errors += [words for words in refused if words]
        kept = [e for e, words in zip(read, refused, strict=True) if not words]
        if errors and not is_kept_partly:
            kept = []
        report = _report(errors, is_kept_partly)
        name = report["captureID"]
        # Another capture may have taken an id since: the store looks again, under its lock.
        late = [w for w in store.add(kept, (name, orjson.dumps(report | {"owner": owner}))) if w]
        if late:
            report = _report(errors + late, is_kept_partly) | {"captureID": name}
            store.add([], (name, orjson.dumps(report | {"owner": owner})))
        return name, report, kept

    async def job(self, request: Request) -> Response:
        asker = self._asker(request)
        name = request.path_params["name"]
        raw = await asyncio.to_thread(self._registry.events.job, name)
        report = orjson.loads(raw) if raw else {}
        if not report or not self._may(asker, ADD_HANDLE, report.pop("owner")):
            return _problem("NoSuchResourceException", f"no capture job {name!r} of yours", 404)
        return _json(report, 200)

    async def one(self, request: Request) -> Response:
        asker = self._asker(request)
        name = request.path_params["name"]
        if "?" not in name and request.url.query.startswith("ver="):
            name += f"?{request.url.query}"  # an event hash that was not percent-encoded
        event = await asyncio.to_thread(self._registry.events.by_id, name)
        if event is None or not self._reads(asker, event, {}):
            return _problem("NoSuchResourceException", f"no event {name!r}", 404)
        return _json(told_event(event), 200)

    def under(self, parameter: str) -> "Callable[[Request], Any]":
        """Return what answers the events of a top-level resource."""

        async def answer(request: Request) -> Response:
            given = [(parameter, request.path_params["value"])]
            return await self._page(request, given)

        return answer

    async def query(self, request: Request) -> Response:
        return await self._page(request, [])

    async def _page(self, request: Request, given: list[tuple[str, str]]) -> Response:
        asker = self._asker(request)
        asked = list(request.query_params.multi_items())
        query = read_query(given + asked, PAGE_ROWS_MAX)
        after = _position(request.query_params.get("nextPageToken", ""))
        found, position = await asyncio.to_thread(self._found, query, asker, after)
        at = _now()
        headers = {}
        if position:
            kept = [(n, v) for n, v in asked if n != "nextPageToken"]
            following = urlencode([*kept, ("nextPageToken", position.hex())])
            address = request.url.replace(query=following)
            headers["Link"] = f'<{address}>; rel="next"'
        return _json(query_document(found, at), 200, **headers)

    def _found(self, query: Query, asker: Asker, after: bytes) -> tuple[list[Event], bytes]:
        """Return a page of events that pass, and where the next begins, b'' = nowhere."""
        known: dict[str, bool] = {}
        wanted = min(query.per_page, query.most or query.per_page)
        if query.refuses_more:
            wanted = (query.most or 0) + 1
        found: list[Event] = []
        examined = 0
        while examined < EVENTS_EXAMINED_MAX:
            span = Span(query.span.from_ms, query.span.before_ms, after)
            hits = self._registry.events.find(query.what, query.values, span, PAGE_ROWS_MAX)
            examined += len(hits)
            events = self._registry.events.get([hit.number for hit in hits])
            for hit, event in zip(hits, events, strict=True):
                after = hit.position
                if self._reads(asker, event, known) and _lets(query, event):
                    found.append(event)
                    if len(found) == wanted:
                        return _cut(query, found), b"" if query.most else after
            if len(hits) < PAGE_ROWS_MAX:
                return found, b""
        return found, after

    def _reads(self, asker: Asker, event: Event, known: dict[str, bool]) -> bool:
        """Whether an asker may read an event; known: answers of this request, by prefix."""
        if event.is_public:
            return True
        if event.owner not in known:
            known[event.owner] = self._may(asker, READ_VALUE, event.owner)
        return known[event.owner]

    def _may(self, asker: Asker, permission: int, prefix: str) -> bool:
        return asker.identity is not None and self._registry.permits(asker, permission, prefix)

    def _capturer(self, request: Request) -> str:
        """Return the prefix that events belong to: the identity's own, or one that is named.

        The identity must have the right to record there.
        """
        asker = self._asker(request)
        if asker.identity is None:
            raise RegistryError(Reason.NO_IDENTITY, "capture: prove who you are first")
        own = asker.identity.handle.partition("/")[0]
        prefix = request.headers.get(OWNER, own)
        is_home = self._registry.is_homed(f"{prefix}/")
        if not is_home or not self._may(asker, ADD_HANDLE, prefix):
            raise RegistryError(Reason.DENIED, f"capture: no right to record under {prefix}")
        return prefix

    def _asker(self, request: Request) -> Asker:
        address = request.client.host if request.client else ""
        proof = request.headers.get("authorization", "")
        return askers.asker(self._registry, FACE, address, proof)


def _read(
    captured: Captured, owner: str, now_ms: int, is_public: bool
) -> tuple[list[Event], list[str]]:
    """Return the events that are right, and what is wrong with the others."""
    read: list[Event] = []
    errors = []
    for number, told in enumerate(captured.events):
        try:
            read.append(read_event(told, captured.prefixes, owner, now_ms, is_public))
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            errors.append(f"eventList[{number}]: {error}")
    if sum(len(e.terms) for e in read) > EVENT_THINGS_MAX:
        raise LimitError(f"capture: at most {EVENT_THINGS_MAX} things in one document")
    return read, errors


def _report(errors: Sequence[str], is_kept_partly: bool) -> dict[str, Any]:
    at = _now()
    return {
        "captureID": uuid.uuid4().hex, "createdAt": at, "finishedAt": at, "running": False,
        "success": not errors,
        "captureErrorBehaviour": "proceed" if is_kept_partly else "rollback",
        "errors": [{"type": "epcisException:ValidationException", "status": 400,
                    "title": "The event was not kept", "detail": e} for e in errors],
    }  # fmt: skip


def _now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")


def _lets(query: Query, event: Event) -> bool:
    return query.lets(orjson.loads(event.body), event.recorded_ms)


def _cut(query: Query, found: list[Event]) -> list[Event]:
    if query.refuses_more:
        raise TooComplexError(f"more than {query.most} events fit")
    return found


def _position(token: str) -> bytes:
    if token and len(token) != 32:
        raise ValueError("nextPageToken: one from an answer was expected")
    return bytes.fromhex(token)


def _is_public(request: Request) -> bool:
    return request.headers.get(PUBLIC, "") == "public"


def _address(request: Request, event: Event) -> str:
    return f"{request.base_url}events/{urlencode({'': event.id})[1:]}"


async def _body(request: Request) -> bytes:
    media = request.headers.get("content-type", "").partition(";")[0].strip()
    if media not in _MEDIA:
        raise RegistryError(Reason.INVALID, f"{media!r} is not read; {', '.join(_MEDIA)} are")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > UPLOAD_BYTES_MAX:
            raise LimitError(f"capture: a body has at most {UPLOAD_BYTES_MAX} bytes")
    return bytes(body)


def _told(answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """Return `answer` with what it raises told as the standard's problem documents."""

    async def told(request: Request) -> Response:
        try:
            response: Response = await answer(request)
        except RegistryError as error:
            kind, status = _REFUSALS.get(error.reason, ("SecurityException", 403))
            return _problem(kind, str(error), status)
        except LimitError as error:
            return _problem("CaptureLimitExceededException", str(error), 413)
        except StoreError as error:
            return _problem("ImplementationException", str(error), 503)
        except TooComplexError as error:
            return _problem("QueryTooComplexException", str(error), 501)
        except ValueError as error:
            is_capture = request.method == "POST"
            kind = "ValidationException" if is_capture else "QueryParameterException"
            return _problem(kind, str(error), 400)
        return response

    return told


_REFUSALS: Final = {
    Reason.NO_IDENTITY: ("SecurityException", 401),
    Reason.INVALID: ("UnsupportedMediaTypeException", 415),
}


def _problem(kind: str, words: str, status: int) -> Response:
    told = {"type": f"epcisException:{kind}", "title": kind, "status": status, "detail": words}
    headers = _VERSIONS | (askers.CHALLENGE if status == 401 else {})
    return Response(orjson.dumps(told), status, headers, media_type="application/problem+json")


def _json(told: object, status: int, **headers: str) -> Response:
    more = _VERSIONS | headers
    return Response(orjson.dumps(told), status, more, media_type="application/ld+json")
