"""The console of a node as an API: prefixes given to others, quotas, takedowns, the audit trail.

Everything asks for an administrator of the node (HTTP Basic, as the other faces). Each step is one
line of the audit trail.

===================================================== =========================================
GET, POST ``/api/v1/node/applications``               a page of them; apply for a prefix
GET ``/api/v1/node/applications/{prefix}``            one, with the steps that are possible now
GET ``/api/v1/node/applications/{prefix}/history``    the steps that were taken, oldest first
PUT ``/api/v1/node/applications/{prefix}/quotas``     handles_max, prefixes_max; null = no limit
POST ``/api/v1/node/applications/{prefix}/{action}``  approve, reject, route, home, unhome
GET, POST, DELETE ``/api/v1/node/takedowns``          in force; take down; end one
GET ``/api/v1/node/audit``                            JSON lines, of a prefix if one is given
===================================================== =========================================
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core import keys
from millbrain.core.errors import (
    IllegalStepError,
    LimitError,
    MillbrainError,
    NotFoundError,
    SettingsError,
)
from millbrain.core.faces import askers
from millbrain.core.limits import IDENTIFIER_PAGE_MAX, PAGE_ROWS_MAX
from millbrain.core.nodes.prefixes import APPLICATION, Application, NodeRegistry
from millbrain.core.records import Value
from millbrain.core.registry import Asker, Change, Reason, RegistryError, Verb
from millbrain.identify.handle.codec import encode_data
from millbrain.identify.handle.face import site_of
from millbrain.identify.handle.sites import SITE_TYPE
from millbrain.identify.handle.upstream import place

FACE: Final = "node"
_BODY_BYTES_MAX: Final = 16_384
_STATUSES: Final[Mapping[Reason, int]] = {
    Reason.NO_IDENTITY: 401, Reason.DENIED: 403, Reason.PREFIX_QUOTA: 403,
}  # fmt: skip
Work = Callable[[Asker, Request], Awaitable[Any]]


def routes(registry: NodeRegistry) -> list[Route]:
    """Return the routes that the room adds to the resolver's HTTP port."""
    api = _Api(registry)
    base = "/api/v1/node"
    one = base + "/applications/{prefix}"
    ways: tuple[tuple[str, str, Work], ...] = (
        ("GET", f"{base}/applications", api.applications),
        ("POST", f"{base}/applications", api.apply_for),
        ("GET", one, api.application),
        ("GET", f"{one}/history", api.history),
        ("PUT", f"{one}/quotas", api.quotas),
        ("POST", one + "/{action}", api.act),
        ("GET", f"{base}/takedowns", api.takedowns),
        ("POST", f"{base}/takedowns", api.take_down),
        ("DELETE", f"{base}/takedowns", api.restore),
        ("GET", f"{base}/audit", api.audit),
    )
    return [Route(path, api.guarded(work), methods=[method]) for method, path, work in ways]


class _Api:
    def __init__(self, registry: NodeRegistry) -> None:
        self._registry = registry
        self._prefixes = registry.prefixes

    def guarded(self, work: Work) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that lets administrators in and says no in one form."""

        async def endpoint(request: Request) -> Response:
            try:
                return _json(await work(self._asker(request), request))
            except RegistryError as error:
                return _json({"error": str(error)}, _STATUSES.get(error.reason, 409))
            except NotFoundError as error:
                return _json({"error": str(error)}, 404)
            except IllegalStepError as error:
                return _json({"error": str(error)}, 409)
            except LimitError as error:
                return _json({"error": str(error)}, 503)
            except (ValueError, TypeError, SettingsError) as error:
                return _json({"error": str(error)}, 400)
            except MillbrainError as error:
                return _json({"error": str(error)}, 500)

        return endpoint

    def _asker(self, request: Request) -> Asker:
        address = request.client.host if request.client else ""
        given = request.headers.get("authorization", "")
        asker = askers.asker(self._registry, FACE, address, given)
        self._prefixes.demand_administrator(asker)
        return asker

    # Prefixes -----------------------------------------------------------------------------------

    async def applications(self, asker: Asker, request: Request) -> Any:
        """Return applications by prefix: of a state, of an organisation, with a text in them.

        A page of at most `count`; the last prefix of it is the next page's `after`.
        """
        asked = request.query_params
        after, count = keys.fold(asked.get("after", "")), _page_rows(asked.get("count", ""))
        state, organisation = asked.get("state", ""), asked.get("organisation", "")
        text = asked.get("text", "").casefold()
        if state and state not in APPLICATION.states:
            raise ValueError(f"state {state!r}; known are {', '.join(APPLICATION.states)}")
        found = (
            a for a in self._prefixes.applications()
            if a.prefix > after and state in ("", a.state)
            and organisation in ("", a.organisation)
            and text in f"{a.prefix}\n{a.organisation}\n{a.contact}".casefold()
        )  # fmt: skip
        return [self._told(a) for a in islice(found, count)]

    async def history(self, asker: Asker, request: Request) -> Any:
        """Return the steps that were taken with a prefix."""
        prefix = self._prefixes.application(request.path_params["prefix"]).prefix
        taken = await asyncio.to_thread(self._prefixes.taken, prefix)
        return [asdict(step) | _titles(step.state) for step in taken]

    async def application(self, asker: Asker, request: Request) -> Any:
        """Return one application."""
        return self._told(self._prefixes.application(request.path_params["prefix"]))

    async def apply_for(self, asker: Asker, request: Request) -> Any:
        """Enter an application: prefix, organisation, contact."""
        body = await _body(request, {"prefix", "organisation", "contact"})
        texts = {name: str(text) for name, text in body.items()}
        prefix = texts.pop("prefix", "")
        return self._told(await asyncio.to_thread(self._prefixes.apply_for, asker, prefix, **texts))

    async def act(self, asker: Asker, request: Request) -> Any:
        """Take a step; what it does to records comes first, since it may be done again."""
        prefix, action = request.path_params["prefix"], request.path_params["action"]
        body = await _body(request, {"reason", "site", "http_port"})
        http_port = _port(body.pop("http_port", 0))
        texts = {name: str(text) for name, text in body.items()}
        before = self._prefixes.application(prefix)
        after = before.after(action, before.changed_ms, texts)
        change = _change(asker, action, after, http_port)
        if change is not None:
            await self._registry.make(change)
        return self._told(await asyncio.to_thread(self._prefixes.act, asker, prefix, action, texts))

    async def quotas(self, asker: Asker, request: Request) -> Any:
        """Set the quotas of a prefix."""
        body = await _body(request, {"handles_max", "prefixes_max"})
        limits = [_count(body, name) for name in ("handles_max", "prefixes_max")]
        prefix = request.path_params["prefix"]
        return self._told(await asyncio.to_thread(self._prefixes.limit, asker, prefix, *limits))

    def _told(self, found: Application) -> dict[str, Any]:
        return {
            **asdict(found), **_titles(found.state),
            "actions": APPLICATION.allowed(found.state),
            "handles": self._prefixes.handles(found.prefix),
        }  # fmt: skip

    # Takedowns ----------------------------------------------------------------------------------

    async def takedowns(self, asker: Asker, request: Request) -> Any:
        """Return what is taken down."""
        return [asdict(found) for found in self._prefixes.takedowns()]

    async def take_down(self, asker: Asker, request: Request) -> Any:
        """Answer for a handle or a prefix no longer."""
        body = await _body(request, {"target", "reason"})
        target, reason = str(body.get("target", "")), str(body.get("reason", ""))
        made = await asyncio.to_thread(self._prefixes.take_down, asker, target, reason)
        return asdict(made)

    async def restore(self, asker: Asker, request: Request) -> Any:
        """End a takedown."""
        body = await _body(request, {"target", "reason"})
        target, reason = str(body.get("target", "")), str(body.get("reason", ""))
        await asyncio.to_thread(self._prefixes.restore, asker, target, reason)
        return {"target": keys.fold(target)}

    async def audit(self, asker: Asker, request: Request) -> Any:
        """Return a page of the trail; `last` is the `after` of the next one, null at its end.

        Only a whole trail can be verified; lines of one prefix are an extract.
        """
        after = int(request.query_params.get("after", 0))
        if not 0 <= after < 1 << 63:
            raise ValueError(f"after {str(after)[:40]}: the number of a line was expected")
        prefix = keys.fold(request.query_params.get("prefix", ""))
        lines = await asyncio.to_thread(self._registry.audit, after, IDENTIFIER_PAGE_MAX)
        read = [orjson.loads(line) for line in lines]
        shown = [line for line in read if not prefix or _is_of(line, prefix)]
        return {"lines": shown, "last": read[-1]["number"] if read else None}


def _port(found: Any) -> int:
    if type(found) is int and 0 <= found < 1 << 16:
        return found
    raise ValueError(f"http_port: {str(found)[:40]}; a port from 1 to 65535 was expected")


def _change(asker: Asker, action: str, after: Application, http_port: int) -> Change | None:
    """Return what a step does to the records, None where it does nothing to them."""
    record = f"0.NA/{after.prefix}"
    if action == "route":
        where = place(after.site)
        data = encode_data(SITE_TYPE, site_of(where.host, where.port, http_port=http_port))
        values = (Value(1, SITE_TYPE, data),)
        return Change(Verb.CREATE, record, asker, values, overwrite=True)
    if action == "home" and not after.site:
        return Change(Verb.HOME, record, asker)
    if action == "unhome":
        return Change(Verb.DELETE if after.site else Verb.UNHOME, record, asker)
    return None


def _titles(state: str) -> dict[str, str]:
    title, title_zh = APPLICATION.states[state]
    return {"title": title, "title_zh": title_zh}


def _page_rows(text: str) -> int:
    count = int(text) if text else PAGE_ROWS_MAX
    if not 1 <= count <= PAGE_ROWS_MAX:
        raise ValueError(f"count: 1 to {PAGE_ROWS_MAX} was expected, {count} found")
    return count


def _is_of(line: Mapping[str, Any], prefix: str) -> bool:
    handle = keys.fold(line.get("handle", "")).removeprefix("0.NA/")
    return handle == prefix or handle.startswith((f"{prefix}/", f"{prefix}."))


def _count(body: Mapping[str, Any], name: str) -> int | None:
    found = body.get(name)
    if found is None or (type(found) is int and 0 <= found < 1 << 53):
        return found
    raise ValueError(f"{name}: {found!r}; a whole number from 0 or null was expected")


async def _body(request: Request, known: set[str]) -> dict[str, Any]:
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > _BODY_BYTES_MAX:
            raise ValueError(f"a body has at most {_BODY_BYTES_MAX} bytes")
    found = orjson.loads(raw or b"{}")
    if not isinstance(found, dict) or found.keys() - known:
        raise ValueError(f"an object with some of {', '.join(sorted(known))} was expected")
    return found


def _json(told: Any, status: int = 200) -> Response:
    headers = askers.CHALLENGE if status == 401 else None
    return Response(orjson.dumps(told), status, headers, media_type="application/json")
