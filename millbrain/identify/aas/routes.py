"""The routes of the registry of shells and of submodels (IDTA-01002-3-1, SSP-001 of both).

Reading is open as far as the values of the records are; who registers proves an identity. A shell
that the asker may not read is not told apart from one that does not exist.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core.errors import NotFoundError
from millbrain.core.registry import Asker, Reason, Registry, RegistryError
from millbrain.identify.aas import replies
from millbrain.identify.aas.bulk import Bulk
from millbrain.identify.aas.descriptors import ASSET_KINDS, checked_shell, checked_submodel
from millbrain.identify.aas.discovery import Discovery
from millbrain.identify.aas.encoding import decoded, encoded, page
from millbrain.identify.aas.holding import (
    ALL_SHELLS,
    ALL_SUBMODELS,
    Shell,
    filter_tag,
    read_shell,
    read_submodel,
    shell_of,
)
from millbrain.identify.aas.shells import Shells

SHELLS, SUBMODELS = "/shell-descriptors", "/submodel-descriptors"
_PROFILES: Final = [
    f"https://admin-shell.io/aas/API/3/1/{service}ServiceSpecification/{profile}"
    for service, profile in (
        ("AssetAdministrationShellRegistry", "SSP-001"),
        ("AssetAdministrationShellRegistry", "SSP-003"),
        ("SubmodelRegistry", "SSP-001"), ("SubmodelRegistry", "SSP-003"),
        ("Discovery", "SSP-001"),
    )
]  # fmt: skip
Method = Callable[[Request], Any]


def routes(registry: Registry) -> list[Route]:
    """Return the routes that the room adds to the resolver's HTTP port."""
    shells = Shells(registry)
    api = _Api(registry, shells)
    one, parts = f"{SHELLS}/{{identifier}}", f"{SHELLS}/{{identifier}}{SUBMODELS}"
    table: dict[str, dict[str, Method]] = {
        "/description": {"GET": api.describe},
        SHELLS: {"GET": api.shells, "POST": api.add_shell},
        one: {"GET": api.shell, "PUT": api.change_shell, "DELETE": api.remove_shell},
        parts: {"GET": api.parts, "POST": api.add_part},
        f"{parts}/{{part}}": {
            "GET": api.part, "PUT": api.change_part, "DELETE": api.remove_part,
        },
        SUBMODELS: {"GET": api.submodels, "POST": api.add_submodel},
        f"{SUBMODELS}/{{identifier}}": {
            "GET": api.submodel, "PUT": api.change_submodel, "DELETE": api.remove_submodel,
        },
        **Discovery(registry, shells).table(),
        **Bulk(registry, shells).table(),
    }  # fmt: skip
    return [
        Route(path, replies.answering(answer), methods=[method])
        for path, methods in table.items()
        for method, answer in methods.items()
    ]


class _Api:
    def __init__(self, registry: Registry, shells: Shells) -> None:
        self._registry = registry
        self._shells = shells

    async def describe(self, _: Request) -> Response:
        """Tell which profiles are served."""
        return replies.json({"profiles": _PROFILES})

    # Shells -------------------------------------------------------------------------------------

    async def shells(self, request: Request) -> Response:
        asker = replies.asker_of(self._registry, request)
        after, count = replies.page_of(request)
        found, following = await replies.in_thread(
            self._shells.page, [ALL_SHELLS, *_filters(request)], asker, after, count, read_shell
        )
        return replies.json(page([shell.told for shell in found], following))

    async def shell(self, request: Request) -> Response:
        asker = replies.asker_of(self._registry, request)
        return replies.json(self._shells.shell(replies.identifier_of(request), asker).told)

    async def add_shell(self, request: Request) -> Response:
        asker = replies.writer_of(self._registry, request)
        told = checked_shell(await replies.body_of(request))
        prefix = request.headers.get(replies.PREFIX, "")
        changes = self._shells.new_shell(shell_of(told), asker, prefix)
        await replies.make(self._registry, changes)
        return _created(request, f"{SHELLS}/{encoded(told['id'])}", told)

    async def change_shell(self, request: Request) -> Response:
        asker = replies.writer_of(self._registry, request)
        told = checked_shell(await replies.body_of(request))
        _demand_same(told, replies.identifier_of(request))
        async with self._shells.turn:
            await replies.make(self._registry, self._shells.replaced(told, asker))
        return replies.nothing()

    async def remove_shell(self, request: Request) -> Response:
        asker = replies.writer_of(self._registry, request)
        async with self._shells.turn:
            known = self._shells.shell(replies.identifier_of(request), asker)
            changes = self._shells.removed(self._shells.handle(known.id), asker)
            await replies.make(self._registry, changes)
        return replies.nothing()

    # Submodels of a shell -----------------------------------------------------------------------

    async def parts(self, request: Request) -> Response:
        asker = replies.asker_of(self._registry, request)
        shell = self._shells.shell(replies.identifier_of(request), asker)
        after, count = replies.page_of(request)
        names = [part["id"] for part in shell.parts]
        if after and after not in names:
            raise ValueError("cursor: one of an answer was expected")
        start = names.index(after) + 1 if after else 0
        shown = shell.parts[start : start + count]
        following = shown[-1]["id"] if start + count < len(names) else ""
        return replies.json(page(shown, following))

    async def part(self, request: Request) -> Response:
        asker = replies.asker_of(self._registry, request)
        shell = self._shells.shell(replies.identifier_of(request), asker)
        name = replies.identifier_of(request, "part")
        for part in shell.parts:
            if part["id"] == name:
                return replies.json(part)
        raise NotFoundError(f"shell {shell.id!r} has no submodel {name!r}")

    async def add_part(self, request: Request) -> Response:
        asker = replies.writer_of(self._registry, request)
        told = checked_submodel(await replies.body_of(request))
        async with self._shells.turn:
            shell = self._shells.shell(replies.identifier_of(request), asker)
            if any(part["id"] == told["id"] for part in shell.parts):
                raise RegistryError(Reason.EXISTS, f"{told['id']} is registered already")
            await self._keep_parts(shell, (*shell.parts, told), asker)
        path = f"{SHELLS}/{encoded(shell.id)}{SUBMODELS}/{encoded(told['id'])}"
        return _created(request, path, told)

    async def change_part(self, request: Request) -> Response:
        told = checked_submodel(await replies.body_of(request))
        return await self._replace_part(request, told)

    async def remove_part(self, request: Request) -> Response:
        return await self._replace_part(request, None)

    async def _replace_part(self, request: Request, told: dict[str, Any] | None) -> Response:
        asker = replies.writer_of(self._registry, request)
        name = replies.identifier_of(request, "part")
        if told is not None:
            _demand_same(told, name)
        async with self._shells.turn:
            shell = self._shells.shell(replies.identifier_of(request), asker)
            if all(part["id"] != name for part in shell.parts):
                raise NotFoundError(f"shell {shell.id!r} has no submodel {name!r}")
            new = [told if part["id"] == name else part for part in shell.parts]
            kept = tuple(part for part in new if part is not None)
            await self._keep_parts(shell, kept, asker)
        return replies.nothing()

    async def _keep_parts(
        self, shell: Shell, parts: tuple[dict[str, Any], ...], asker: Asker
    ) -> None:
        handle = self._shells.handle(shell.id)
        changes = self._shells.changed_shell(replace(shell, parts=parts), asker, handle)
        await replies.make(self._registry, changes)

    # Submodels of their own ---------------------------------------------------------------------

    async def submodels(self, request: Request) -> Response:
        asker = replies.asker_of(self._registry, request)
        after, count = replies.page_of(request)
        found, following = await replies.in_thread(
            self._shells.page, [ALL_SUBMODELS], asker, after, count, read_submodel
        )
        return replies.json(page(found, following))

    async def submodel(self, request: Request) -> Response:
        asker = replies.asker_of(self._registry, request)
        return replies.json(self._shells.submodel(replies.identifier_of(request), asker))

    async def add_submodel(self, request: Request) -> Response:
        asker = replies.writer_of(self._registry, request)
        told = checked_submodel(await replies.body_of(request))
        prefix = request.headers.get(replies.PREFIX, "")
        await replies.make(self._registry, self._shells.new_submodel(told, asker, prefix))
        return _created(request, f"{SUBMODELS}/{encoded(told['id'])}", told)

    async def change_submodel(self, request: Request) -> Response:
        asker = replies.writer_of(self._registry, request)
        identifier = replies.identifier_of(request)
        told = checked_submodel(await replies.body_of(request))
        _demand_same(told, identifier)
        async with self._shells.turn:
            self._shells.submodel(identifier, asker)
            handle = self._shells.handle(identifier)
            await replies.make(self._registry, self._shells.changed_submodel(told, asker, handle))
        return replies.nothing()

    async def remove_submodel(self, request: Request) -> Response:
        asker = replies.writer_of(self._registry, request)
        identifier = replies.identifier_of(request)
        async with self._shells.turn:
            self._shells.submodel(identifier, asker)
            changes = self._shells.removed(self._shells.handle(identifier), asker)
            await replies.make(self._registry, changes)
        return replies.nothing()


def _filters(request: Request) -> list[str]:
    """Return the tags of what a list is limited to."""
    found = []
    kind, sort = request.query_params.get("assetKind"), request.query_params.get("assetType")
    if kind is not None:
        if kind not in ASSET_KINDS:
            raise ValueError(f"assetKind {kind[:40]!r}; one of {', '.join(ASSET_KINDS)}")
        found.append(filter_tag("assetKind", kind))
    if sort is not None:
        found.append(filter_tag("assetType", decoded(sort, "assetType")))
    return found


def _demand_same(told: dict[str, Any], identifier: str) -> None:
    if told["id"] != identifier:
        raise ValueError(f"the descriptor's id is {told['id']!r}, that of the path {identifier!r}")


def _created(request: Request, path: str, told: dict[str, Any]) -> Response:
    location = str(request.base_url).rstrip("/") + path
    return replies.json(told, 201, {"Location": location})
