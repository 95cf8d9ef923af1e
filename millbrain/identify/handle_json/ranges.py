"""The ranges of a prefix as JSON, for those who may list it: ``GET /api/ranges?prefix=88.1.2``."""

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from millbrain.core.faces import askers
from millbrain.core.keys import fold
from millbrain.core.registry import Registry
from millbrain.identify.handle_json.access import guarded


def routes(registry: Registry, face: str) -> list[Route]:
    """Return the route; face: key of the room."""

    def told(request: Request) -> dict[str, Any]:
        prefix = fold(request.query_params.get("prefix", ""))
        address = request.client.host if request.client else ""
        given = request.headers.get("authorization", "")
        asker = askers.asker(registry, face, address, given)
        found = [
            {"handle": handle, "first": one.key(one.first)[4:].decode(),
             "last": one.key(one.last)[4:].decode(), "count": one.count}
            for handle, one in registry.ranges(prefix, asker)
        ]  # fmt: skip
        return {"prefix": prefix, "ranges": found, "count": sum(r["count"] for r in found)}

    return [Route("/api/ranges", guarded(told), methods=["GET"])]
