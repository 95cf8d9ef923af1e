"""What is said of a handle that is not recorded here.

A node that is responsible says that there is none. One that knows who is says so (a referral), or,
where it is recursive and was asked to, asks on behalf of the client.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from millbrain.core import keys
from millbrain.core.records import is_wanted, stored_values
from millbrain.core.registry import Registry, Route
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.answers import Query, hit, refusal
from millbrain.identify.handle.cache import Entry
from millbrain.identify.handle.recursion import Recursion
from millbrain.identify.handle.upstream import UpstreamError

if TYPE_CHECKING:
    from millbrain.identify.handle.responder import Ask

Body = Mapping[str, Any]


class Elsewhere:
    """Answers where the registry has nothing.

    Parameters
    ----------
    serial
        Serial number of our site.
    recursion
        Asks other nodes; None where this node does not.
    ok, refuse, refer
        Send an answer: with values, with a code and words, with a code and a referral.
    """

    def __init__(
        self, registry: Registry, serial: int, recursion: Recursion | None,
        ok: "Callable[[Ask, Body], None]", refuse: "Callable[[Ask, int, str], None]",
        refer: "Callable[[Ask, int, Body], None]",
    ) -> None:  # fmt: skip
        self._registry = registry
        self._serial = serial
        self._recursion = recursion
        self._ok = ok
        self._refuse = refuse
        self._refer = refer
        self._tasks: set[asyncio.Task[None]] = set()

    def plain(self, query: Query, expires_s: int) -> bytes | None:
        """Answer a plain query where no other node is needed, else None."""
        handle = query.handle.decode("utf-8", "surrogateescape")
        if self._registry.is_homed(handle) or self._registry.is_taken_down(handle):
            return refusal(query, f.NOT_FOUND, self._serial, expires_s)
        if self._recursion is None:
            is_unknown = self._registry.route(handle) is None
            return refusal(query, f.NO_RESPONSE, self._serial, expires_s) if is_unknown else None
        if query.flags & f.AUTHORITATIVE:
            return None
        entry = self._recursion.cached(keys.handle_key(handle))
        if entry is None:
            return None
        until_s = min(expires_s, int(time.time() + self._recursion.left_s(entry)))
        if entry.code == f.OK:
            return hit(query, entry.stored, self._serial, until_s)
        return refusal(query, entry.code, self._serial, until_s)

    def resolve(self, ask: "Ask") -> None:
        """Answer a resolve request now, or later where another node is asked."""
        handle, flags = ask.request.body["handle"], ask.request.flags
        if self._registry.is_homed(handle) or self._registry.is_taken_down(handle):
            self._refuse(ask, f.NOT_FOUND, "")
            return
        route = self._registry.route(handle)
        if route is not None and not route.sites:
            self._refuse(ask, f.NOT_FOUND, "")
        elif self._recursion is not None and flags & f.RECURSIVE:
            task = asyncio.get_running_loop().create_task(self._handed_on(ask, route))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif not self._remembered(ask):
            self.refer(ask, "")

    def refer(self, ask: "Ask", words: str) -> None:
        """Name the site that is responsible, or the one that knows more."""
        handle = ask.request.body["handle"]
        route = self._registry.route(handle)
        if route is None or not route.sites or ask.request.flags & f.DO_NOT_REFER:
            self._refuse(ask, f.NO_RESPONSE, words)
            return
        is_own = keys.fold(handle).startswith(f"{route.prefix}/")
        code = f.SERVICE_REFERRAL if is_own else f.PREFIX_REFERRAL
        self._refer(ask, code, {"handle": f"0.NA/{route.prefix}", "values": route.sites})

    def _remembered(self, ask: "Ask") -> bool:
        """Answer from memory where the client did not ask for more; False where there is none."""
        if self._recursion is None or ask.request.flags & f.AUTHORITATIVE:
            return False
        entry = self._recursion.cached(keys.handle_key(ask.request.body["handle"]))
        if entry is None:
            return False
        self._give(ask, entry)
        return True

    async def _handed_on(self, ask: "Ask", route: Route | None) -> None:
        assert self._recursion is not None  # only then is a request handed on
        request = ask.request
        try:
            entry = await self._recursion.resolve(
                request.body["handle"], request.recursion, route.sites if route else (),
                route.prefix if route else "", is_fresh=bool(request.flags & f.AUTHORITATIVE),
            )  # fmt: skip
        except UpstreamError as error:
            self._refuse(ask, error.code, str(error))
        else:
            self._give(ask, entry)

    def _give(self, ask: "Ask", entry: Entry) -> None:
        if entry.code != f.OK:
            self._refuse(ask, entry.code, "")
            return
        body = ask.request.body
        values = stored_values(entry.stored)
        given = tuple(v for v in values if is_wanted(v, body["indexes"], body["types"]))
        if given:
            self._ok(ask, {"handle": body["handle"], "values": given})
        else:
            self._refuse(ask, f.VALUES_NOT_FOUND, "")
