"""What an identifier leads to, and on which way the answer came."""

import time
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.keys import Key, parse
from millbrain.core.nodes.tally import ELSEWHERE, NOT_FOUND, OK
from millbrain.core.records import PUBLIC_READ, Value, is_live, stored_values
from millbrain.core.registry import Asker
from millbrain.core.templates import Template
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.recursion import Recursion
from millbrain.identify.handle.sites import places
from millbrain.identify.handle.upstream import UpstreamError
from millbrain.record.identifiers import StoredRegistry
from millbrain.run.desk.telling import told_aliases, told_key, told_template, told_values

FOUND, NONE, TAKEN_DOWN, UNKNOWN, UNREACHABLE = (
    "found", "none", "taken_down", "unknown", "unreachable",
)  # fmt: skip
HERE, CACHE, REFERRAL = "here", "cache", "referral"
_MS: Final = 1e3
_CODES: Final = {FOUND: OK, NONE: NOT_FOUND, TAKEN_DOWN: NOT_FOUND}


class Resolving:
    """Resolves for our pages: this node first, then the nodes that are known to know more."""

    def __init__(self, registry: StoredRegistry, recursion: Recursion) -> None:
        self._registry = registry
        self._recursion = recursion

    async def answer(self, text: str, asker: Asker) -> dict[str, Any]:
        """Return what `text` leads to.

        `state` says what became of it, `by` who answered, `path` whom that took, `took_ms` how
        long; `hidden` counts values that the asker may not read.

        Raises
        ------
        ValueError
            No scheme knows the text.
        """
        began = time.perf_counter()
        key = parse(text)
        (handle,) = self._registry.named([key])
        found = self._here(handle, asker) if handle else await self._elsewhere(key)
        found.setdefault("handle", handle or (key.value if key.scheme == "hdl" else ""))
        self._registry.tally.add(found["handle"], _CODES.get(found["state"], ELSEWHERE))
        took_ms = (time.perf_counter() - began) * _MS
        return {"asked": told_key(key), **found, "took_ms": round(took_ms, 3)}

    def _here(self, handle: str, asker: Asker) -> dict[str, Any]:
        (stored,) = self._registry.get_many([keys.handle_key(handle)])
        assert stored is not None  # an alias counts only while its record is live
        values = self._registry.readable(stored, handle, asker)
        held = stored_values(stored)
        template = self._registry.template_for(handle, held)
        return {**_told(values, len(held) - len(values), template), "by": HERE, "path": []}

    async def _elsewhere(self, key: Key) -> dict[str, Any]:
        if key.scheme != "hdl":
            why = "no record here has it as an alias, and nobody else is known to be asked"
            return _nothing(UNKNOWN, HERE, why)
        handle = key.value
        if self._registry.is_taken_down(handle):
            return _nothing(TAKEN_DOWN, HERE, "an administrator of this node has taken it down")
        route = self._registry.route(handle)
        if self._registry.is_homed(handle) or (route is not None and not route.sites):
            why = f"this node answers for prefix {key.prefix} and has no such identifier"
            return _nothing(NONE, HERE, why)
        known = route.sites if route else ()
        return await self._asked(handle, known, route.prefix if route else "")

    async def _asked(self, handle: str, known: tuple[Value, ...], prefix: str) -> dict[str, Any]:
        where = [str(place) for place in places(known, handle)]
        remembered = self._recursion.cached(keys.handle_key(handle))
        try:
            entry = remembered or await self._recursion.resolve(handle, 0, known, prefix)
        except UpstreamError as error:
            state = UNREACHABLE if where else UNKNOWN
            return _nothing(state, REFERRAL, str(error)) | {"path": where}
        way = {
            "by": CACHE if remembered else REFERRAL, "path": list(entry.path),
            "left_s": round(self._recursion.left_s(entry)),
        }  # fmt: skip
        if entry.code != f.OK or not is_live(entry.stored):
            return _nothing(NONE, "", "the responsible node has no such identifier") | way
        values = [v for v in stored_values(entry.stored) if v.permissions & PUBLIC_READ]
        return {**_told(tuple(values), 0), **way}


def _told(
    values: tuple[Value, ...], hidden: int, template: Template | None = None
) -> dict[str, Any]:
    return {
        "state": FOUND, "why": "", "values": told_values(values, template), "hidden": hidden,
        "aliases": told_aliases(values), "template": told_template(template),
    }  # fmt: skip


def _nothing(state: str, by: str, why: str) -> dict[str, Any]:
    return {
        "state": state, "why": why, "by": by, "path": [], "values": [], "hidden": 0, "aliases": [],
    }  # fmt: skip
