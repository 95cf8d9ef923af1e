"""The routes of the desk, under /desk on the resolver's HTTP port.

Every one needs a voucher (`core.vouchers`); what the account may see is decided by the
registry, as for any other face.

=============================== ==================================================================
GET ``/desk/status``            ports, records, counts, changes that wait, the last trouble
GET ``/desk/resolve``           ``text``: what an identifier leads to, who said so, how soon
GET ``/desk/record``            ``handle``, ``at_ms``: values, versions, lines of the audit trail
GET ``/desk/node``              the node among the others: prefixes, routes, applications
GET, POST ``/desk/templates``   metadata templates with their versions; add a version
POST ``/desk/checkpoint``       a copy of the store beside it, for a backup; administrators only
=============================== ==================================================================
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core.errors import LimitError, MillbrainError, NotFoundError
from millbrain.core.faces import askers
from millbrain.core.nodes import Node
from millbrain.core.registry import Asker, Reason, RegistryError
from millbrain.core.vouchers import Voucher
from millbrain.identify.handle.recursion import Recursion
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry, checkpoint_of
from millbrain.run.desk.meta import add_version, told_templates
from millbrain.run.desk.nodes import map_of
from millbrain.run.desk.past import told_record
from millbrain.run.desk.resolving import Resolving
from millbrain.run.desk.status import Troubles, status_of

FACE: Final = "pages"
_STATUSES: Final = {NotFoundError: 404, LimitError: 503}
_REASONS: Final = {
    Reason.NOT_FOUND: 404, Reason.DENIED: 403, Reason.NO_IDENTITY: 403, Reason.INVALID: 422,
}  # fmt: skip


@dataclass(slots=True)
class Desk:
    """What the desk works with. faces: those that run, by key."""

    registry: StoredRegistry
    store: RocksIdentifiers
    node: Node
    faces: Mapping[str, Any]
    recursion: Recursion
    started_s: float
    troubles: Troubles = field(default_factory=Troubles)


def desk_routes(desk: Desk) -> list[Route]:
    """Return the routes of the desk."""
    resolving = Resolving(desk.registry, desk.recursion)

    async def status(_: Asker, __: Voucher, ___: Request) -> Any:
        return await asyncio.to_thread(status_of, desk)

    async def resolve(asker: Asker, _: Voucher, request: Request) -> Any:
        return await resolving.answer(request.query_params.get("text", ""), asker)

    async def record(asker: Asker, _: Voucher, request: Request) -> Any:
        handle = request.query_params.get("handle", "")
        at = request.query_params.get("at_ms", "")
        return await asyncio.to_thread(
            told_record, desk.registry, desk.store, handle, asker, int(at) if at else None
        )

    async def node(asker: Asker, voucher: Voucher, _: Request) -> Any:
        return await asyncio.to_thread(map_of, desk, asker, voucher)

    async def templates(asker: Asker, _: Voucher, request: Request) -> Any:
        if request.method == "GET":
            return await asyncio.to_thread(told_templates, desk.registry)
        return await add_version(desk.registry, asker, orjson.loads(await request.body()))

    async def checkpoint(_: Asker, voucher: Voucher, __: Request) -> Any:
        if not voucher.is_administrator:
            raise RegistryError(Reason.DENIED, "a copy of the store is for administrators")
        return str(await asyncio.to_thread(checkpoint_of, desk.store))

    works = {
        "status": status, "resolve": resolve, "record": record, "node": node,
    }  # fmt: skip
    reads = [Route(f"/desk/{name}", _guarded(desk, work)) for name, work in works.items()]
    both = _guarded(desk, templates)
    copy = Route("/desk/checkpoint", _guarded(desk, checkpoint), methods=["POST"])
    return [*reads, Route("/desk/templates", both, methods=["GET", "POST"]), copy]


def _guarded(desk: Desk, work: Callable[..., Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        header = request.headers.get("authorization", "")
        voucher = desk.registry.vouched(header)
        if voucher is None:
            return _json({"error": "the desk answers our own pages only"}, 403)
        asker = askers.asker(desk.registry, FACE, "", header)
        try:
            return _json(await work(asker, voucher, request))
        except RegistryError as error:
            return _json({"error": str(error)}, _REASONS.get(error.reason, 409))
        except MillbrainError as error:
            return _json({"error": str(error)}, _STATUSES.get(type(error), 400))
        except ValueError as error:
            return _json({"error": str(error)}, 422)

    return endpoint


def _json(told: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(told), status, media_type="application/json")
