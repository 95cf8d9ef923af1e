"""Resolution on behalf of others: from node to node along referrals, with a memory.

What is known of the tree is used first: the most particular prefix whose site was told before, else
the nodes of the settings. Each referral must lead deeper and to a node not asked yet, so that every
walk ends. Many clients that want the same thing wait for one walk. A client waits for a bounded
time in a task of the loop; nobody else waits with it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.limits import RECURSIONS_MAX, RECURSIONS_OPEN_MAX, REFERRALS_MAX
from millbrain.core.nodes import Node
from millbrain.core.records import Value, store_form, stored_values
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.cache import Cache, Entry, life_s
from millbrain.identify.handle.codec import Message
from millbrain.identify.handle.sites import places
from millbrain.identify.handle.upstream import Place, UpstreamError, Upstreams, place

_SITES_KEY: Final = b"na:"  # of the sites of a prefix, beside the records
# Answers that say something of the handle; every other code is a fault of the node that gave it.
_ANSWERS: Final = frozenset((f.OK, f.NOT_FOUND, f.VALUES_NOT_FOUND))
Start = tuple[str, Sequence[Place]]
Step = tuple[Message, tuple[Value, ...]]
Answered = tuple[Message, tuple[str, ...]]  # the answer, and the nodes that were asked for it


class Recursion:
    """Resolves what is recorded elsewhere.

    Parameters
    ----------
    node
        Where to begin, and how long answers are kept.
    random
        Returns so many random bytes that nobody can guess.
    clock
        Steady seconds.
    wall
        Unix seconds, for values that live until a date.
    """

    def __init__(
        self, node: Node, random: Callable[[int], bytes],
        clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._node = node
        self._roots = tuple(place(text) for text in node.upstream)
        self._clock = clock
        self._wall = wall
        self._upstreams = Upstreams(clock, random)
        self._flights: dict[tuple[bytes, int], asyncio.Task[Entry]] = {}
        self.cache = Cache(node.cache_bytes, node.stale_s)
        self.counts = dict.fromkeys(("cached", "asked", "failed", "stale", "busy"), 0)

    def cached(self, key: bytes) -> Entry | None:
        """Return an answer that is remembered and within its time."""
        found = self.cache.fresh(key, self._clock())
        if found is not None:
            self.counts["cached"] += 1
        return found

    def left_s(self, entry: Entry) -> float:
        """Return for how much longer an answer holds [s]."""
        return max(0.0, entry.until_s - self._clock())

    async def resolve(
        self, handle: str, recursion: int = 0, known: Sequence[Value] = (), prefix: str = "",
        *, is_fresh: bool = False,
    ) -> Entry:  # fmt: skip
        """Return what the responsible node says of a handle.

        Parameters
        ----------
        recursion
            How many nodes have handed this request on already.
        known, prefix
            HS_SITE values of a prefix that this node holds itself, to begin with.
        is_fresh
            Ask even if an answer is remembered.

        Raises
        ------
        UpstreamError
            No node could be asked and nothing is remembered; its code is for the client.
        """
        key = keys.handle_key(handle)
        remembered = None if is_fresh else self.cached(key)
        if remembered is not None:
            return remembered
        if recursion >= RECURSIONS_MAX:
            raise UpstreamError(f"handed on by {recursion} nodes", f.RECURSION_TOO_HIGH)
        # A request that comes back to us in a loop has a higher count, and must not wait for itself
        flight = self._flights.get((key, recursion))
        if flight is None:
            if len(self._flights) >= RECURSIONS_OPEN_MAX:
                self.counts["busy"] += 1
                raise UpstreamError(f"{RECURSIONS_OPEN_MAX} resolutions are under way", f.BUSY)
            start = (prefix, places(known, handle)) if known else None
            walk = self._flown(handle, key, recursion, start)
            flight = self._flights[key, recursion] = asyncio.create_task(walk)
            flight.add_done_callback(lambda _: self._flights.pop((key, recursion), None))
        return await asyncio.shield(flight)

    def status(self) -> Mapping[str, Any]:
        """Describe the memory and what was asked."""
        return {"entries": len(self.cache), "held_bytes": self.cache.held_bytes, **self.counts}

    async def close(self) -> None:
        """End what is under way and close every connection."""
        flights = tuple(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        self._upstreams.close()

    async def _flown(self, handle: str, key: bytes, recursion: int, start: Start | None) -> Entry:
        """Walk, remember; where nobody could be asked, give what was remembered before."""
        try:
            async with asyncio.timeout(self._node.wait_s):
                answer, path = await self._walk(handle, recursion, start)
        except (UpstreamError, TimeoutError) as error:
            self.counts["failed"] += 1
            old = self.cache.stale(key, self._clock())
            if old is not None:
                self.counts["stale"] += 1
                return old
            if isinstance(error, UpstreamError):
                raise
            raise UpstreamError(f"{handle}: no answer in {self._node.wait_s:g} s") from error
        entry = self._entry(answer, path)
        self.cache.put(key, entry)
        return entry

    async def _walk(self, handle: str, recursion: int, start: Start | None) -> Answered:
        walk = _Walk(self._upstreams, self._node, self._clock, handle, recursion)
        known = self._known(handle) if start is None else start
        if known is not None:
            try:
                return await walk.go(*known, is_root=False, told=self._told), walk.path
            except UpstreamError:
                if not self._roots:
                    raise
                self.cache.drop(_SITES_KEY + known[0].encode())  # it may have moved; once more
        if not self._roots:
            raise UpstreamError(f"{handle}: no node is known that could be asked")
        return await walk.go("", self._roots, is_root=True, told=self._told), walk.path

    def _known(self, handle: str) -> Start | None:
        """Return the most particular prefix whose sites are remembered."""
        labels = _prefix(handle).split(".")
        for count in range(len(labels), 0, -1):
            prefix = ".".join(labels[:count])
            found = self.cache.fresh(_SITES_KEY + prefix.encode(), self._clock())
            if found is not None:
                return prefix, places(stored_values(found.stored), handle)
        return None

    def _told(self, prefix: str, sites: Sequence[Value]) -> None:
        """Remember the sites of a prefix."""
        until_s = self._clock() + life_s(sites, self._wall())
        key = _SITES_KEY + prefix.encode()
        self.cache.put(key, Entry(f.SERVICE_REFERRAL, store_form(sites), until_s))

    def _entry(self, answer: Message, path: tuple[str, ...]) -> Entry:
        self.counts["asked"] += 1
        now_s = self._clock()
        if answer.code != f.OK:
            return Entry(answer.code, b"", now_s + self._node.negative_s, path)
        values = answer.body["values"]
        return Entry(f.OK, store_form(values), now_s + life_s(values, self._wall()), path)


class _Walk:
    """One way through the tree; it remembers whom it asked."""

    def __init__(
        self, upstreams: Upstreams, node: Node, clock: Callable[[], float], handle: str,
        recursion: int,
    ) -> None:  # fmt: skip
        self._upstreams = upstreams
        self._node = node
        self._until_s = clock() + node.wait_s
        self._clock = clock
        self._handle = handle
        self._recursion = recursion
        self._asked: dict[Place, None] = {}  # in order

    @property
    def path(self) -> tuple[str, ...]:
        """The nodes that were asked, in order."""
        return tuple(map(str, self._asked))

    async def go(
        self, prefix: str, where: Sequence[Place], *, is_root: bool,
        told: Callable[[str, Sequence[Value]], None],
    ) -> Message:  # fmt: skip
        """Follow referrals from the nodes of `prefix` on until one answers."""
        flags = f.PUBLIC_ONLY | (f.RECURSIVE if is_root else 0)
        for _ in range(REFERRALS_MAX):
            answer, sites = await self._any(where, flags, prefix)
            if answer.code not in f.REFERRALS:
                return answer
            flags, prefix = f.PUBLIC_ONLY, _prefix(answer.body["handle"])
            where = places(sites, self._handle)
            told(prefix, sites)
        raise UpstreamError(f"{self._handle}: more than {REFERRALS_MAX} referrals")

    async def _any(self, where: Sequence[Place], flags: int, prefix: str) -> Step:
        """Ask one node of `prefix` after the other until one knows something."""
        error = UpstreamError(f"{self._handle}: the referral names no node that was not asked yet")
        for one in where:
            if one in self._asked:
                continue
            self._asked[one] = None
            left_s = self._until_s - self._clock()
            if left_s <= 0:
                break
            try:
                answer = await self._one(one, flags, min(self._node.try_s, left_s))
                return answer, _sites(answer, self._handle, prefix)
            except UpstreamError as failed:
                error = failed
        raise error

    async def _one(self, where: Place, flags: int, wait_s: float) -> Message:
        body = {"handle": self._handle, "indexes": (), "types": ()}
        request = Message(f.RESOLVE, body, flags=flags, recursion=self._recursion + 1)
        answer = await self._upstreams.at(where).ask(request, wait_s)
        if answer.code == f.OK and keys.fold(answer.body["handle"]) != keys.fold(self._handle):
            found = answer.body["handle"]
            raise UpstreamError(f"node {where}: {found!r} came back for {self._handle!r}")
        if answer.code == f.RECURSION_TOO_HIGH:
            raise UpstreamError(f"node {where}: a loop of nodes", f.RECURSION_TOO_HIGH)
        if answer.code not in _ANSWERS | f.REFERRALS:
            raise UpstreamError(f"node {where}: it answered with code {answer.code}")
        return answer


def _prefix(handle: str) -> str:
    """Return the prefix of a handle; of a prefix's own record 0.NA/x that is x."""
    head, _, rest = keys.fold(handle).partition("/")
    return rest if head == "0.NA" else head


def _sites(answer: Message, handle: str, before: str) -> tuple[Value, ...]:
    """Return the sites of a referral, none of another answer.

    Raises
    ------
    UpstreamError
        The referral is not on the way to the handle, or leads back, or nowhere.
    """
    if answer.code not in f.REFERRALS:
        return ()
    named, wanted = _prefix(answer.body["handle"]), _prefix(handle)
    is_on_way = wanted == named or wanted.startswith(f"{named}.")
    if not is_on_way or len(named) < len(before):
        raise UpstreamError(
            f"referral to {named!r} for {handle!r} behind {before!r}: that is not on the way"
        )
    sites = tuple(v for v in answer.body.get("values", ()) if v.type == "HS_SITE")
    if not sites:
        raise UpstreamError(f"referral to {named!r} without a site")
    return sites
