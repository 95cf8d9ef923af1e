"""The routes of discovery: which shells belong to an asset (IDTA-01002-3-1, Discovery SSP-001)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from millbrain.core.registry import Asker, Change, Reason, Registry, RegistryError
from millbrain.identify.aas import replies
from millbrain.identify.aas.descriptors import GLOBAL_ASSET_ID, checked_links
from millbrain.identify.aas.encoding import asset_links, page
from millbrain.identify.aas.holding import ALL_SHELLS, Shell, link_tag, read_shell
from millbrain.identify.aas.shells import Shells

PATH = "/lookup/shells"
_LINKS_MAX = 32  # of one lookup


class Discovery:
    """Lookups by asset links, and the links of a shell."""

    def __init__(self, registry: Registry, shells: Shells) -> None:
        self._registry = registry
        self._shells = shells

    def table(self) -> dict[str, dict[str, Callable[[Request], Any]]]:
        """Return the routes: path -> method -> answer."""
        return {
            PATH: {"GET": self.look_up},
            "/lookup/shellsByAssetLink": {"POST": self.search},
            f"{PATH}/{{identifier}}": {
                "GET": self.links, "POST": self.add_links, "DELETE": self.remove_links,
            },
        }  # fmt: skip

    async def look_up(self, request: Request) -> Response:
        """Tell the ids of shells that have all links of `assetIds`; without any, of all shells."""
        return await self._found(request, asset_links(request.query_params.getlist("assetIds")))

    async def search(self, request: Request) -> Response:
        """Tell the ids of shells that have all links of the body."""
        return await self._found(request, await replies.body_of(request))

    async def _found(self, request: Request, told: Any) -> Response:
        asker = replies.asker_of(self._registry, request)
        after, count = replies.page_of(request)
        links = checked_links(told)
        if len(links) > _LINKS_MAX:
            raise ValueError(f"{len(links)} asset links; at most {_LINKS_MAX} in one lookup")
        tags = [link_tag(link["name"], link["value"]) for link in links] or [ALL_SHELLS]
        found, following = await replies.in_thread(
            self._shells.page, tags, asker, after, count, read_shell
        )
        return replies.json(page([shell.id for shell in found], following))

    async def links(self, request: Request) -> Response:
        """Tell the links of a shell, the global asset id among them."""
        asker = replies.asker_of(self._registry, request)
        return replies.json(self._shells.linked(replies.identifier_of(request), asker).all_links)

    async def add_links(self, request: Request) -> Response:
        """Add links to a shell; one that is not registered here becomes known by them."""
        asker = replies.writer_of(self._registry, request)
        identifier = replies.identifier_of(request)
        told = checked_links(await replies.body_of(request))
        prefix = request.headers.get(replies.PREFIX, "")
        async with self._shells.turn:
            changes = self._with_links(identifier, told, asker, prefix)
            await replies.make(self._registry, changes)
        return replies.json(told, 201)

    def _with_links(
        self, identifier: str, told: Sequence[dict[str, Any]], asker: Asker, prefix: str
    ) -> list[Change]:
        handle = self._shells.handle(identifier)
        known = read_shell(self._shells.values(handle, asker))
        if handle and known is None:
            raise RegistryError(Reason.EXISTS, f"{identifier} names something else here")
        shell = known or Shell(identifier)
        _demand_one_asset(shell, told)
        new = [link for link in told if link not in shell.all_links]
        after = replace(shell, links=(*shell.links, *new))
        if not after.all_links:
            raise ValueError("asset links: at least one was expected")
        place = handle or self._shells.place(identifier, asker, prefix)
        return self._shells.changed_shell(after, asker, place)

    async def remove_links(self, request: Request) -> Response:
        """Let a shell be found by no link any longer; its descriptor stays as it is."""
        asker = replies.writer_of(self._registry, request)
        identifier = replies.identifier_of(request)
        async with self._shells.turn:
            shell = self._shells.linked(identifier, asker)
            handle = self._shells.handle(identifier)
            if shell.descriptor is None:
                changes = self._shells.removed(handle, asker)
            else:
                bare = replace(shell, links=(), hides_own=True)
                changes = self._shells.changed_shell(bare, asker, handle)
            await replies.make(self._registry, changes)
        return replies.nothing()


def _demand_one_asset(shell: Shell, told: Sequence[dict[str, Any]]) -> None:
    """Refuse a second global asset id."""
    values = {link["value"] for link in (*shell.all_links, *told)
              if link["name"] == GLOBAL_ASSET_ID}  # fmt: skip
    if len(values) > 1:
        raise RegistryError(Reason.EXISTS, f"{shell.id} has another {GLOBAL_ASSET_ID} already")
