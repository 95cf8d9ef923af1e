"""What rooms answer for their pages: pure functions of texts, found in the rooms' cards.

What rooms ask the warehouse for their pages stands in `room_queries`.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from millbrain.core import limits
from millbrain.core.pages import RoomPage
from millbrain.show.access import ViewerCaller
from millbrain.show.api.room_queries import add_queries
from millbrain.show.errors import ApiError

TEXT_CHARACTERS_MAX: Final = limits.QUERY_TEXT_BYTES_MAX


def router_of(pages: Sequence[RoomPage]) -> APIRouter:
    """Return a router with /rooms/<room>/<name> for every answer, query and document of rooms."""
    router = APIRouter(prefix="/rooms", tags=["rooms"])
    for page in pages:
        for name, function in page.page.answers.items():
            _add(router, page, name, function)
    add_queries(router, pages)
    return router


def _add(router: APIRouter, page: RoomPage, name: str, function: Callable[..., Any]) -> None:
    parameters = tuple(inspect.signature(function).parameters)

    async def answer(request: Request, _: ViewerCaller) -> Any:
        given = await _texts(request)
        unknown = sorted(set(given) - set(parameters))
        if unknown:
            raise ApiError(
                422, "invalid", f"unknown {', '.join(unknown)}; allowed are {', '.join(parameters)}"
            )
        return await run_in_threadpool(function, **given)

    described = [{"name": p, "in": "query", "schema": {"type": "string"}} for p in parameters]
    for method in ("GET", "POST"):
        router.add_api_route(
            f"/{page.room}/{name}",
            answer,
            methods=[method],
            name=f"{page.room}_{name}_{method.lower()}",
            summary=f"{page.page.title}: {name}",
            description="GET takes the texts as a query, POST as a JSON object or a form.",
            openapi_extra={"parameters": described} if method == "GET" else None,
        )


async def _texts(request: Request) -> dict[str, str]:
    """Return the texts of a query, a form or a JSON object."""
    given: dict[str, Any] = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind == "application/json":
        try:
            body = await request.json()
        except ValueError as e:
            raise ApiError(422, "invalid", f"the body is not JSON: {e}") from e
        given |= body if isinstance(body, dict) else {"body": body}
    elif kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        given |= dict(await request.form())
    for name, value in given.items():
        if not isinstance(value, str) or len(value) > TEXT_CHARACTERS_MAX:
            raise ApiError(
                422, "invalid", f"{name} is not a text of at most {TEXT_CHARACTERS_MAX} characters"
            )
    return given
