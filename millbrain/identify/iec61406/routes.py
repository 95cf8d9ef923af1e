"""``GET /{any identifier}``: JSON for programs, JSON-LD for machines that reason, HTML for a phone.

What stands behind the host is read as an identification link of this host first (IEC 61406-1: the
whole address is the identifier, path and query with their case), then as an identifier of any
scheme.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import jinja2
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core import keys
from millbrain.core.errors import FrameError
from millbrain.core.faces import askers
from millbrain.core.faces.around import ALONE, Around, Standing
from millbrain.core.faces.negotiation import best_language, best_media
from millbrain.core.limits import PAGE_ROWS_MAX
from millbrain.core.nodes.tally import ELSEWHERE, NOT_FOUND, OK
from millbrain.core.records import Value, is_live
from millbrain.core.registry import READ_VALUE, Asker, Registry, RegistryError
from millbrain.identify.iec61406.told import Told, as_json, as_json_ld, instant, rows, titles
from millbrain.identify.iec61406.words import LANGUAGES, WORDS

FACE: Final = "iec61406"
JSON, JSON_LD, HTML = "application/json", "application/ld+json", "text/html"
_OFFERED: Final = (JSON, JSON_LD, HTML)
_SAFE: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Vary": "Accept, Accept-Language, Authorization", "Access-Control-Allow-Origin": "*",
}  # fmt: skip
_PAGES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True,
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


def routes(registry: Registry, around: Around = ALONE) -> list[Route]:
    """Return the routes that the room adds to the resolver's HTTP port."""
    return [Route("/{identifier:path}", _Records(registry, around).answer, methods=["GET"])]


@dataclass(frozen=True, slots=True)
class _Version:
    """A form that a record had until an instant [ms]; values None = not for this asker."""

    until_ms: int
    values: tuple[Value, ...] | None


class _Records:
    def __init__(self, registry: Registry, around: Around) -> None:
        self._registry = registry
        self._others = around.others

    async def answer(self, request: Request) -> Response:
        media = best_media(request.headers.get("accept", ""), _OFFERED)
        if not media:
            return _refused(request, JSON, f"this is told as {', '.join(_OFFERED)}", 406)
        is_history = request.query_params.get("view") == "history"
        try:
            asker = self._asker(request)
            told = self._told(request, asker)
            if told is None:
                found = await self._elsewhere(request, media)
                if isinstance(found, Response):
                    return found
                told = found
            self._registry.tally.add(told.handle, OK)
            if is_history:
                return self._past(request, media, told, asker)
        except RegistryError as error:
            return _refused(request, media, str(error), 401)
        except ValueError as error:
            return _refused(request, media, str(error), 404)
        except FrameError as error:
            return _refused(request, media, f"the record is damaged: {error}", 500)
        return _shown(request, media, told)

    def _asker(self, request: Request) -> Asker:
        address = request.client.host if request.client else ""
        proof = request.headers.get("authorization", "")
        return askers.asker(self._registry, FACE, address, proof)

    def _told(self, request: Request, asker: Asker) -> Told | None:
        wanted = asked_keys(request)
        if not wanted:
            raise ValueError(f"{unquote(_raw_path(request))!r} is no identifier that is known")
        for key, handle in zip(wanted, self._registry.named(wanted), strict=True):
            (stored,) = self._registry.get_many([keys.handle_key(handle)]) if handle else (None,)
            if stored is not None and is_live(stored):
                values = self._registry.readable(stored, handle, asker)
                shown = tuple(sorted(values, key=lambda v: v.index))
                return Told(handle, key, f"{request.base_url}{quote(handle)}", shown)
        return None

    async def _elsewhere(self, request: Request, media: str) -> Told | Response:
        """Return a record of another node, or say who has it, as the role of the node has it."""
        none = f"no record of {unquote(_raw_path(request))!r} here"
        handles = [k for k in asked_keys(request) if k.scheme == "hdl"]
        if not handles:
            self._registry.tally.add("", NOT_FOUND)
            return _refused(request, media, none, 404)
        key = handles[-1]  # without the escapes of an address
        handle = key.display
        found = await self._others.find(handle)
        if found.standing is not Standing.FOUND:
            is_none = found.standing is Standing.NOT_FOUND
            self._registry.tally.add(handle, NOT_FOUND if is_none else ELSEWHERE)
        if found.standing is Standing.FOUND:
            shown = tuple(sorted(found.values, key=lambda v: v.index))
            return Told(handle, key, f"{request.base_url}{quote(handle)}", shown)
        if found.standing is Standing.UNREACHABLE:
            return _refused(request, media, f"{none}; {found.detail}", 504)
        words = f"{none}; {found.detail}" if found.detail else none
        answer = _refused(request, media, words, 404)
        for address in self._others.addresses(found.sites)[:1]:
            answer.status_code = 307
            answer.headers["Location"] = f"{address}/{_raw_path(request)}"
        return answer

    def _past(self, request: Request, media: str, told: Told, asker: Asker) -> Response:
        """Show when a record changed; what it held before only to those who may read the prefix.

        A value that was taken back must not stay public in the past of its record.
        """
        prefix = told.handle.partition("/")[0]
        is_reader = self._registry.permits(asker, READ_VALUE, prefix)
        versions = []
        for until_ms, form in self._registry.history(told.handle)[-PAGE_ROWS_MAX:]:
            was_there = bool(form) and is_live(form)
            held = self._registry.readable(form, told.handle, asker) if was_there else ()
            versions.append(_Version(until_ms, held if is_reader else None))
        if media != HTML:
            return _json(_past_json(told, versions), 200, JSON)
        past = [(instant(v.until_ms / 1000), _rows(told, v)) for v in reversed(versions)]
        return _page(request, 200, told=told, rows=rows(told), past=past, is_past=True)


def asked_keys(request: Request) -> list[keys.Key]:
    """Return the keys that a request may mean, the one that goes first in front."""
    raw, query = _raw_path(request), _own_query(request)
    host = request.headers.get("host", "")
    links = [f"{scheme}://{host}/{raw}" for scheme in ("https", "http")] if host else []
    texts = [*(link + query for link in links), *links, raw + query, unquote(raw)]
    found: list[keys.Key] = []
    for text in texts:
        try:
            key = keys.parse(text)
        except ValueError:
            continue
        if key not in found:
            found.append(key)
    return found


def _raw_path(request: Request) -> str:
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return path.decode("ascii", "replace").removeprefix("/")


def _own_query(request: Request) -> str:
    """Return the query as it belongs to an address: without what asks for a view."""
    kept = "&".join(p for p in request.url.query.split("&") if p and p != "view=history")
    return f"?{kept}" if kept else ""


def _shown(request: Request, media: str, told: Told) -> Response:
    if media == JSON_LD:
        return _json(as_json_ld(told), 200, JSON_LD)
    if media == JSON:
        return _json(as_json(told), 200, JSON)
    return _page(request, 200, told=told, rows=rows(told), past=[])


def _rows(told: Told, version: _Version) -> list[Any] | None:
    if version.values is None:
        return None
    return rows(Told(told.handle, told.asked, told.address, version.values))


def _past_json(told: Told, versions: list[_Version]) -> dict[str, Any]:
    def one(version: _Version) -> dict[str, Any]:
        if version.values is None:
            return {"until_ms": version.until_ms}
        values = as_json(Told(told.handle, told.asked, told.address, version.values))["values"]
        return {"until_ms": version.until_ms, "values": values}

    return {"handle": told.handle, "versions": [one(v) for v in versions]}


def _page(request: Request, code: int, **more: Any) -> Response:
    language = request.query_params.get("lang", "")
    if language not in LANGUAGES:
        language = best_language(request.headers.get("accept-language", ""), tuple(LANGUAGES))
    template = _PAGES.get_template("page.html")
    body = template.render(
        {"is_past": False, **more}, words=WORDS[language], language=language, titles=titles
    )
    return Response(body, code, _SAFE, media_type=HTML)


def _json(told: object, status: int, media: str) -> Response:
    return Response(orjson.dumps(told), status, _SAFE, media_type=media)


def _refused(request: Request, media: str, words: str, status: int) -> Response:
    if media == HTML:
        answer = _page(request, status, told=None, error=words, status=status)
    else:
        answer = _json({"error": words}, status, JSON)
    if status == 401:
        answer.headers.update(askers.CHALLENGE)
    return answer
