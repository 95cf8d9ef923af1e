"""The HTTP port of the resolver: the routes of every face on one server.

A face may answer its most frequent GET before any framework sees it (`Face.quick`); everything else
goes through Starlette.
"""

import importlib
import inspect
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
import uvicorn
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

import millbrain
from millbrain.core.faces.around import Around
from millbrain.core.faces.described import document
from millbrain.core.registry import Registry
from millbrain.core.rooms import Face
from millbrain.run.serving import InnerServer

DESCRIPTION: Final = "/openapi.json"
Quick = Callable[[bytes], bytes | None]


class ResolverHttp:
    """A listening HTTP server; `serve` runs it, `stop` ends it."""

    def __init__(
        self, cards: Sequence[Face], registry: Registry, around: Around, host: str, port: int
    ) -> None:
        routes: list[Route] = []
        quicks: list[Quick] = []
        for card in cards:
            if card.routes:
                routes += _called(_named(card.routes), registry, around)
            if card.quick:
                quicks.append(_called(_named(card.quick), registry, around))
        routes.append(Route(DESCRIPTION, _description(described(cards)), methods=["GET"]))
        app = ExceptionMiddleware(_Routes(routes), {HTTPException: _refused})
        self._listener = socket.create_server((host, port), backlog=1024)
        config = uvicorn.Config(
            app, http=_protocol(quicks), log_config=None, access_log=False, server_header=False,
            lifespan="off", timeout_keep_alive=75, loop="none", proxy_headers=False,
        )  # fmt: skip
        self._server = InnerServer(config)

    @property
    def port(self) -> int:
        """The port it listens on, as bound."""
        port: int = self._listener.getsockname()[1]
        return port

    async def serve(self) -> None:
        """Answer until `stop`."""
        await self._server.serve(sockets=[self._listener])

    async def stop(self) -> None:
        """Take no more requests; `serve` returns once the running ones are answered."""
        self._server.should_exit = True

    def status(self) -> Mapping[str, Any]:
        """Describe what went through."""
        return {"requests": self._server.server_state.total_requests}


def described(cards: Sequence[Face]) -> dict[str, Any]:
    """Return the OpenAPI document of the faces that declare their operations."""
    operations = [o for card in cards if card.describes for o in _named(card.describes)]
    return document(operations, millbrain.__version__)


def _description(told: Mapping[str, Any]) -> Callable[[Request], Any]:
    raw = orjson.dumps(told)

    async def answer(_: Request) -> Response:
        return Response(raw, media_type="application/json")

    return answer


def _named(dotted: str) -> Any:
    module, _, name = dotted.partition(":")
    return getattr(importlib.import_module(module), name)


def _called(make: Callable[..., Any], registry: Registry, around: Around) -> Any:
    """Call a face's function with the registry, and with the node around it if it takes that."""
    takes_both = len(inspect.signature(make).parameters) == 2
    return make(registry, around) if takes_both else make(registry)


class _Routes:
    """Finds the route of a request, looking only at those that share the first part of its path.

    A route for any path stands behind those of the other faces.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        by_first: dict[str, list[Route]] = {}
        for route in routes:
            by_first.setdefault(_first(route.path), []).append(route)
        open_names = [first for first in by_first if first.startswith("{")]
        open_routes = [r for first in open_names for r in by_first.pop(first)]
        self._routers = {f: Router([*own, *open_routes]) for f, own in by_first.items()}
        self._open = Router(open_routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # then a router raises where nothing is found
        router = self._routers.get(_first(scope["path"]), self._open)
        await router(scope, receive, send)


def _first(path: str) -> str:
    return path[1:].partition("/")[0]


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = f"nothing is served at {request.url.path}" if status == 404 else str(error)
    return JSONResponse({"error": words}, status)


def _protocol(quicks: Sequence[Quick]) -> type[HttpToolsProtocol]:
    """Return the protocol of a connection, with the short ways before the long one."""

    class Protocol(HttpToolsProtocol):
        def data_received(self, data: bytes) -> None:
            """Answer all that came in one go in one go; the link may be idle only after that."""
            self._answers: list[bytes] = []
            super().data_received(data)
            is_idle = self._write_answers() and (self.cycle is None or self.cycle.response_complete)
            if is_idle and not self.transport.is_closing():
                self._unset_keepalive_if_required()
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )

        def on_headers_complete(self) -> None:
            answer = self._quick_answer()
            if answer is None:
                self._write_answers()
                super().on_headers_complete()
            else:
                self._answers.append(answer)
                self.server_state.total_requests += 1

        def send_400_response(self, msg: str) -> None:
            self._write_answers()
            super().send_400_response(msg)

        def _write_answers(self) -> bool:
            """Send what the short ways gave; whether there was anything."""
            waiting, self._answers = self._answers, []
            if waiting:
                self.transport.write(b"".join(waiting))
            return bool(waiting)

        def _quick_answer(self) -> bytes | None:
            is_busy = self.cycle is not None and not self.cycle.response_complete
            if is_busy or self.parser.get_method() != b"GET" or not self.parser.should_keep_alive():
                return None  # an answer before this one is not out yet, or the link ends with it
            if self.flow.write_paused:
                return None  # a reader that does not read; the long way waits for it
            if any(name == b"authorization" for name, _ in self.headers):
                return None
            for quick in quicks:
                answer = quick(self.url)
                if answer is not None:
                    return answer
            return None

        def on_body(self, body: bytes) -> None:
            if self.cycle is not None:
                super().on_body(body)

        def on_message_complete(self) -> None:
            if self.cycle is not None:
                super().on_message_complete()

    return Protocol
