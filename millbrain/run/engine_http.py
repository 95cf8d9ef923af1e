"""The engine's HTTP port: the ClickHouse protocol for everyone, and a few routes for our own web.

The routes under /engine need the key of the installation (header ``X-Millbrain-Key``); they tell
what only the running engine knows and carry commands to devices.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from millbrain.core import limits
from millbrain.core.errors import LimitError, LinkError, MillbrainError, NotFoundError
from millbrain.record import backup
from millbrain.record.warehouse.http import Role, query_app
from millbrain.run.replay import feed
from millbrain.run.tags.browsing import tag_routes

if TYPE_CHECKING:
    from millbrain.run.engine import Engine

INTERNAL_USER: Final = "millbrain"  # with the installation's key as password it may write
_STATUS: Final = {NotFoundError: 404, LinkError: 502, LimitError: 504}

Handler = Callable[[Request], Awaitable[Any]]


def engine_app(engine: "Engine", key: str, *, anonymous: bool) -> Starlette:
    """Return the ASGI application of the engine's HTTP port."""

    def check(user: str, password: str) -> Role | None:
        if hmac.compare_digest(password.encode(), key.encode()) and user == INTERNAL_USER:
            return Role.WRITER
        if anonymous and user in ("", "default") and not password:
            return Role.READER
        return Role.READER if engine.ledger.accounts.password_ok(user, password) else None

    async def links(_: Request) -> Any:
        return [
            {"room": name, **link} for name, room in engine.rooms.items() for link in room.links()
        ]

    async def status(_: Request) -> Any:
        return await asyncio.to_thread(engine.status)

    async def command(request: Request) -> Any:
        body = await request.json()
        room = engine.rooms.get(body["room"])
        if room is None:
            raise NotFoundError(f"no room {body['room']!r} is running")
        answer = room.command(body["thing"], body["order"])
        return await asyncio.wait_for(answer, limits.ANSWER_WAIT_S_MAX + 5)

    async def back_up(request: Request) -> Any:
        body = await request.json()
        return await asyncio.to_thread(
            backup.back_up,
            engine.warehouse,
            engine.settings.ledger_url,
            body["folder"],
            hold=engine.intake.hold,
        )

    def guarded(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            given = request.headers.get("x-millbrain-key", "")
            if not hmac.compare_digest(given.encode(), key.encode()):
                return JSONResponse({"error": "the X-Millbrain-Key header is wrong"}, 403)
            try:
                return JSONResponse(await handler(request))
            except MillbrainError as e:
                return JSONResponse({"error": str(e)}, _STATUS.get(type(e), 400))

        return answer

    posts = {"command": command, "backup": back_up, "readings": feed.readings_route(engine)}
    return Starlette(
        routes=[
            Route("/engine/status", guarded(status)),
            Route("/engine/links", guarded(links)),
            *(Route(f"/engine/{n}", guarded(h), methods=["POST"]) for n, h in posts.items()),
            *(Route(path, guarded(handler), methods=[method])
              for method, path, handler in tag_routes(engine.rooms, engine.ledger.tags)),
            Mount("/", query_app(engine.warehouse, check)),
        ]
    )  # fmt: skip
