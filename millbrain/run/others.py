"""What HTTP faces are told of the other nodes: the recursion of the Handle room, its routes.

The plug between rooms that do not know each other: `core.faces.around.Others` over the recursion
that answers Handle clients, so that both share what is remembered and one walk answers both.
"""

from collections.abc import Sequence

from millbrain.core.errors import FrameError
from millbrain.core.faces.around import Elsewhere, Standing
from millbrain.core.records import Value, is_live, stored_values
from millbrain.core.registry import Registry
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.recursion import Recursion
from millbrain.identify.handle.sites import places, web_addresses
from millbrain.identify.handle.upstream import UpstreamError


class OtherNodes:
    """The other nodes.

    Parameters
    ----------
    recursion
        Asks them on behalf of clients; None where the role of this node does not.
    """

    def __init__(self, registry: Registry, recursion: Recursion | None) -> None:
        self._registry = registry
        self._recursion = recursion

    async def find(self, handle: str) -> Elsewhere:
        """Say what is known of a handle without a record here."""
        if self._registry.is_homed(handle) or self._registry.is_taken_down(handle):
            return Elsewhere(Standing.NOT_FOUND)
        route = self._registry.route(handle)
        if route is not None and not route.sites:
            return Elsewhere(Standing.NOT_FOUND)
        prefix, sites = (route.prefix, route.sites) if route else ("", ())
        if self._recursion is not None:
            return await self._asked(self._recursion, handle, prefix, sites)
        if route is None:
            return Elsewhere(Standing.UNKNOWN, detail="no node is known that answers for it")
        where = ", ".join(str(place) for place in places(sites, handle))
        return Elsewhere(
            Standing.REFERRED, prefix=prefix, sites=sites,
            detail=f"the node of prefix {prefix} answers for it: {where}",
        )  # fmt: skip

    def addresses(self, sites: Sequence[Value]) -> tuple[str, ...]:
        """Return the web addresses that HS_SITE values name: scheme, host and port."""
        return tuple(web_addresses(sites))

    async def _asked(
        self, recursion: Recursion, handle: str, prefix: str, sites: Sequence[Value]
    ) -> Elsewhere:
        try:
            entry = await recursion.resolve(handle, 0, sites, prefix)
            if entry.code != f.OK or not is_live(entry.stored):
                return Elsewhere(Standing.NOT_FOUND)
            values = stored_values(entry.stored)
        except (UpstreamError, FrameError) as error:
            return Elsewhere(Standing.UNREACHABLE, detail=str(error))
        return Elsewhere(Standing.FOUND, values, left_s=recursion.left_s(entry))
