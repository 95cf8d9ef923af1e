"""Who can see a record and why, as JSON, for its owner: ``GET /api/access/{handle}``.

With ``?who=300:88.200.5/buyer`` it also says which values that identity can see now.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core.faces import askers
from millbrain.core.keys import fold
from millbrain.core.limits import ACCESS_READERS_MAX
from millbrain.core.nodes.grants import Seen, can_see, read_reference
from millbrain.core.registry import Reason, Registry, RegistryError

_STATUSES: Final = {Reason.NOT_FOUND: 404, Reason.NO_IDENTITY: 401, Reason.DENIED: 403}


def routes(registry: Registry, face: str) -> list[Route]:
    """Return the route; face: key of the room."""

    def told(request: Request) -> dict[str, Any]:
        handle = request.path_params["handle"]
        address = request.client.host if request.client else ""
        given = request.headers.get("authorization", "")
        asker = askers.asker(registry, face, address, given)
        values = registry.access(handle, asker)
        found: dict[str, Any] = {"handle": fold(handle), "values": list(listed(values))}
        if who := request.query_params.get("who"):
            whom = read_reference(who)
            found |= {"who": who, "can_see": [v.index for v in values if can_see(v, whom)]}
        return found

    return [Route("/api/access/{handle:path}", guarded(told), methods=["GET"])]


def listed(values: Iterable[Seen]) -> Iterator[dict[str, Any]]:
    """Yield values with their readers; groups of thousands are cut and counted in ``more``."""
    room = ACCESS_READERS_MAX
    for seen in values:
        shown = replace(seen, readers=seen.readers[:room])
        room -= len(shown.readers)
        left = len(seen.readers) - len(shown.readers)
        yield shown.as_json() | ({"more": left} if left else {})


def guarded(told: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Any]:
    """Return an endpoint that asks in a thread and says no in one form."""

    async def endpoint(request: Request) -> Response:
        try:
            return _json(await asyncio.to_thread(told, request))
        except RegistryError as error:
            return _json({"error": str(error)}, _STATUSES.get(error.reason, 409))
        except ValueError as error:
            return _json({"error": str(error)}, 400)

    return endpoint


def _json(told: Any, status: int = 200) -> Response:
    headers = askers.CHALLENGE if status == 401 else None
    return Response(orjson.dumps(told), status, headers, media_type="application/json")
