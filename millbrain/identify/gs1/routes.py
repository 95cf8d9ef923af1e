"""The routes of the GS1 resolver: Digital Link addresses, linksets, the resolver's description.

An identity is looked up as it is, then without its last qualifier, and so on: the nearest record
that has what was asked for answers. A record without links leads to its own page on this host.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core import gs1, keys
from millbrain.core.errors import FrameError
from millbrain.core.faces import askers
from millbrain.core.faces.negotiation import media_weight, ranges
from millbrain.core.nodes.tally import NOT_FOUND, OK
from millbrain.core.records import is_live
from millbrain.core.registry import Registry, RegistryError
from millbrain.identify.gs1.links import (
    LINKSET_ASKED,
    LINKSET_MEDIA,
    VOCABULARY,
    Link,
    Wanted,
    chosen,
    levels,
    links_of,
    linkset,
    relation,
    target,
)

FACE: Final = "gs1"
DESCRIPTION: Final = "/.well-known/gs1resolver"
_EVERYWHERE: Final = {
    "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Link, Location",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Accept-Language, Authorization",
    "Vary": "Accept, Accept-Language",
}  # fmt: skip


def routes(registry: Registry) -> list[Route]:
    """Return the routes that the room adds to the resolver's HTTP port."""
    resolver = _Resolver(registry)
    digital_links = [
        Route(f"/{ai}/{{rest:path}}", resolver.resolve, methods=["GET", "OPTIONS"])
        for ai in gs1.PRIMARY
    ]
    return [Route(DESCRIPTION, resolver.describe, methods=["GET"]), *digital_links]


@dataclass(frozen=True, slots=True)
class _Record:
    """A record that was found on the way up. anchor: its identity as an address here."""

    handle: str
    anchor: str
    page: str
    links: tuple[Link, ...]


class _Resolver:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def resolve(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_EVERYWHERE)
        raw = request.scope.get("raw_path", request.url.path.encode()).decode("ascii", "replace")
        try:
            item = gs1.from_path(raw, request.url.query)
            found = self._found(item, request)
        except RegistryError as error:
            return _said(str(error), 401, askers.CHALLENGE)
        except ValueError as error:
            return _said(str(error), 400)
        except FrameError as error:
            return _said(f"the record is damaged: {error}", 500)
        self._registry.tally.add(found[0].handle if found else "", OK if found else NOT_FOUND)
        if not found:
            return _said(f"{item.brackets}: no record here, nor of what it belongs to", 404)
        return _answered(request, item, found)

    def _found(self, item: gs1.Item, request: Request) -> list[_Record]:
        """Return the records of an identity and of what it belongs to, the nearest first."""
        address = request.client.host if request.client else ""
        proof = request.headers.get("authorization", "")
        asker = askers.asker(self._registry, FACE, address, proof)
        wanted = levels(item)
        handles = self._registry.named([keys.Key("gs1", i.path, i.brackets) for i in wanted])
        stored = self._registry.get_many([keys.handle_key(h) for h in handles])
        root = str(request.base_url).rstrip("/")
        found = []
        for identity, handle, form in zip(wanted, handles, stored, strict=True):
            if handle and form is not None and is_live(form):
                values = self._registry.readable(form, handle, asker)
                page = f"{root}/{quote(handle)}"
                found.append(_Record(handle, f"{root}/{identity.path}", page, links_of(values)))
        return found

    async def describe(self, request: Request) -> Response:
        """Say what this resolver is and which keys it knows."""
        told = {
            "name": "Millbrain", "resolverRoot": str(request.base_url).rstrip("/"),
            "supportedPrimaryKeys": ["all"],
            "supportedLinkTypes": [{"namespace": VOCABULARY, "prefix": "gs1"}],
            "linkTypeDefaultCanBeLinkset": False,
        }  # fmt: skip
        return _json(told, 200, "application/json")


def _answered(request: Request, item: gs1.Item, found: Sequence[_Record]) -> Response:
    asked = request.query_params.get("linkType", "")
    accept = ranges(request.headers.get("accept", ""))
    if asked in LINKSET_ASKED or _wants_linkset(accept):
        return _json(linkset([(r.anchor, r.page, r.links) for r in found]), 200, LINKSET_MEDIA)
    kind = "" if asked in ("gs1:defaultLink", "defaultLink") else relation(asked)
    wanted = Wanted(
        kind, request.query_params.get("context", ""), accept,
        ranges(request.headers.get("accept-language", "")),
    )  # fmt: skip
    for record in found:
        link = chosen(record.links, wanted)
        if link is not None:
            return _led(target(link, request.url.query), found[0])
    if kind:
        return _said(f"{item.brackets} has no link of type {asked} for this request", 404)
    return _led(found[0].page, found[0])


def _wants_linkset(accept: tuple[tuple[str, float], ...]) -> bool:
    named = dict(accept).get(LINKSET_MEDIA, 0.0)
    return named > 0 and named >= media_weight(accept, "text/html")


def _led(address: str, nearest: _Record) -> Response:
    link = f'<{nearest.anchor}?linkType=linkset>; rel="linkset"; type="{LINKSET_MEDIA}"'
    led = {"Location": quote(address, safe=":/?#[]@!$&'()*+,;=%"), "Link": link}
    return Response(status_code=307, headers=_EVERYWHERE | led)


def _json(told: object, status: int, media: str) -> Response:
    return Response(orjson.dumps(told), status, _EVERYWHERE, media_type=media)


def _said(words: str, status: int, headers: dict[str, str] | None = None) -> Response:
    body = orjson.dumps({"error": words})
    return Response(body, status, _EVERYWHERE | (headers or {}), media_type="application/json")
