"""The routes of allotments: a line takes serials, prints while it is cut off, reports later.

An allotment is a record, ``<prefix>/ALLOT_<request>``, with one value that only its administrators
and those with a grant may read. How far a pattern has been given out stands in a record of its own,
``<prefix>/SERIES_<hash of the pattern>``, which changes in the same commit. A serial that was used
becomes a record with the values that the allotment shares.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import groupby, islice
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core import keys
from millbrain.core.errors import LimitError, MillbrainError, NotFoundError, StoreError
from millbrain.core.faces.record_json import values_of
from millbrain.core.limits import PAGE_ROWS_MAX
from millbrain.core.nodes.ranges import item_values
from millbrain.core.records import (
    ADMIN_READ,
    ADMIN_WRITE,
    Administrator,
    Value,
    is_live,
    write_administrator,
)
from millbrain.core.registry import (
    ADMIN_TYPE,
    TAG_TYPE,
    Asker,
    Change,
    Reason,
    Registry,
    RegistryError,
    Verb,
)
from millbrain.identify.labels import facts, replies, serials
from millbrain.identify.labels.serials import Allotment, Wish

TYPE: Final = "ALLOTMENT"
_SERIES_TYPE: Final = "ALLOTTED"
_HEAD: Final = "ALLOT_"
_SERIES_HEAD: Final = "SERIES_"
_HIDDEN: Final = ADMIN_READ | ADMIN_WRITE
_ALL_RIGHTS: Final = 0xFF7  # but for prefixes below
_OWNER_INDEX, _OWNERS_MAX, _TAG_INDEX = 100, 16, 116
_REPORT_TAG: Final = "label.report="
_AT_ONCE: Final = 500  # serials of one commit


class Allotments:
    """Allotments of this node; one request changes them at a time."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._turn = asyncio.Lock()

    def routes(self, path: str) -> list[Route]:
        """Return the routes below `path`."""
        one = f"{path}/{{handle:path}}"
        return [
            Route(path, replies.answering(self.take), methods=["POST"]),
            Route(path, replies.answering(self.tell_all), methods=["GET"]),
            Route(f"{one}/reports", replies.answering(self.report), methods=["POST"]),
            Route(one, replies.answering(self.tell), methods=["GET"]),
        ]

    async def take(self, request: Request) -> Response:
        """Give serials to a line; the same request again gives the same ones."""
        asker = replies.asker_of(self._registry, request)
        told = await replies.body_of(request)
        name = serials.name_of(told, "request")
        prefix = str(told.get("pattern", "")).partition("/")[0]
        handle = keys.fold(f"{prefix}/{_HEAD}{name}")
        async with self._turn:
            held = self._held(handle)
            if held is None:
                return replies.json(await self._taken(told, handle, asker), 201)
        allotment = self.read(handle, asker)
        if (allotment.pattern, allotment.line) != (told.get("pattern"), told.get("line")):
            raise RegistryError(Reason.EXISTS, f"request {name!r} has taken other serials already")
        return replies.json(serials.summary(allotment, handle))

    async def _taken(self, told: dict[str, Any], handle: str, asker: Asker) -> dict[str, Any]:
        series, first = self._next(told, handle.partition("/")[0], asker)
        allotment = serials.opened(told, first, int(time.time() * 1000))
        _shared(allotment)  # refuses what could never be registered
        reached = orjson.dumps({"pattern": allotment.pattern, "next": allotment.last + 1})
        owners = self._owners(allotment, asker)
        position = Value(1, _SERIES_TYPE, reached, permissions=_HIDDEN)
        changes = (
            Change(Verb.CREATE, series, asker, (position, *owners), overwrite=True),
            Change(Verb.CREATE, handle, asker, (_value(allotment), *owners)),
        )
        for refused in await self._registry.make_many(changes, is_whole=True):
            if refused is not None:
                raise refused
        return serials.summary(allotment, handle)

    def _next(self, told: dict[str, Any], prefix: str, asker: Asker) -> tuple[str, int]:
        """Return the record of a pattern and the next number that is free."""
        head, tail, width = facts.split(str(told.get("pattern", "")))
        digest = sha256(keys.fold(f"{head}{{{width}}}{tail}").encode()).hexdigest()[:24]
        series = f"{prefix}/{_SERIES_HEAD}{digest.upper()}"
        start = told.get("start", 1)
        if type(start) is not int or not 0 <= start < 10**18:
            raise ValueError(f"start {start!r}; the first number of a new pattern was expected")
        stored = self._held(series)
        if stored is None:
            return series, start
        for value in self._registry.readable(stored, series, asker):
            if value.type == _SERIES_TYPE:
                return series, int(orjson.loads(value.data)["next"])
        raise RegistryError(Reason.DENIED, f"{series}: no right to take serials of this pattern")

    async def tell_all(self, request: Request) -> Response:
        """List the allotments of a prefix, the newest first; for those who may list it."""
        asker = replies.asker_of(self._registry, request)
        prefix = request.query_params.get("prefix", "")
        line = request.query_params.get("line", "")
        after = keys.fold(request.query_params.get("after", "") or f"{prefix}/{_HEAD}")
        names = self._registry.names(prefix, asker, after, PAGE_ROWS_MAX)
        wanted = [name for name in names if name.startswith(keys.fold(f"{prefix}/{_HEAD}"))]
        rows = [row for handle in wanted if (row := self._summary(handle, asker))]
        shown = [row for row in rows if not line or row["line"] == line]
        shown.sort(key=lambda row: row["taken_ms"], reverse=True)
        is_more = len(wanted) == PAGE_ROWS_MAX
        return replies.json({"allotments": shown, "after": wanted[-1] if is_more else ""})

    def _summary(self, handle: str, asker: Asker) -> dict[str, Any] | None:
        """Return what an allotment is, None where it is not for the asker."""
        try:
            return serials.summary(self.read(handle, asker), handle)
        except NotFoundError:
            return None

    async def tell(self, request: Request) -> Response:
        """Tell all of an allotment: what a line needs to print while it is cut off."""
        asker = replies.asker_of(self._registry, request)
        handle = keys.fold(request.path_params["handle"])
        return replies.json(serials.whole(self.read(handle, asker), handle))

    def read(self, handle: str, asker: Asker) -> Allotment:
        """Return an allotment that the asker may read.

        Raises
        ------
        NotFoundError
            There is none, or it is not for the asker.
        """
        stored = self._held(handle)
        if stored is not None:
            for value in self._registry.readable(stored, handle, asker):
                if value.type == TYPE:
                    return serials.read(value.data)
        raise NotFoundError(f"{handle} is no allotment that you may read")

    def _owners(self, allotment: Allotment, asker: Asker) -> tuple[Value, ...]:
        """Return what lets whoever takes serials, and administers their prefix, change records."""
        if asker.identity is None:
            raise RegistryError(Reason.NO_IDENTITY, "labels: prove who you are first")
        own = write_administrator(Administrator(_ALL_RIGHTS, asker.identity))
        prefix = f"0.NA/{allotment.pattern.partition('/')[0]}"
        stored = self._held(prefix)
        held = self._registry.readable(stored, prefix, asker) if stored is not None else ()
        found = dict.fromkeys((own, *(v.data for v in held if v.type == ADMIN_TYPE)))
        return tuple(
            Value(_OWNER_INDEX + n, ADMIN_TYPE, data)
            for n, data in enumerate(list(found)[:_OWNERS_MAX])
        )

    def _held(self, handle: str) -> bytes | None:
        (stored,) = self._registry.get_many([keys.handle_key(handle)])
        return stored if stored is not None and is_live(stored) else None

    # Reports ------------------------------------------------------------------------------------

    async def report(self, request: Request) -> Response:
        """Take a report of a line: what is right of it is done, the rest is refused by name."""
        asker = replies.asker_of(self._registry, request)
        told = await replies.body_of(request)
        handle = keys.fold(request.path_params["handle"])
        name = serials.name_of(told, "report")
        async with self._turn:
            allotment = self.read(handle, asker)
            known = next((r for r in allotment.reports if r.name == name), None)
            if known is not None:
                if known.digest != serials.digest(told):
                    raise RegistryError(Reason.EXISTS, f"report {name!r} has said something else")
                return replies.json(known.as_json())
            wished = serials.wishes(allotment, told)
            possible, refused = serials.judged(allotment, wished, name)
            done, more = await self._done(handle, allotment, possible, name, asker)
            taken = serials.report_of(name, told, int(time.time() * 1000), done, refused + more)
            after = serials.taken(allotment, done, taken)
            change = Change(Verb.PUT, handle, asker, (_value(after),), overwrite=True)
            await self._registry.make(change)
        return replies.json(taken.as_json())

    async def _done(
        self, handle: str, allotment: Allotment, wished: Sequence[Wish], name: str, asker: Asker
    ) -> tuple[list[Wish], list[dict[str, Any]]]:
        """Register what was used, take back what was spoilt; return what was done and what not.

        A report that was cut off half way is sent again: what it made before counts as done.
        """
        mark = f"{_REPORT_TAG}{handle}|{name}|".encode()
        tag = Value(_TAG_INDEX, TAG_TYPE, mark)
        made = (*_shared(allotment), *self._owners(allotment, asker), tag)
        done: list[Wish] = []
        refused: list[dict[str, Any]] = []
        for part in _parts(wished):
            changes = [self._change(handle, allotment, w, made, asker) for w in part]
            told = iter(await self._registry.make_many([c for c in changes if c is not None]))
            for wish, change in zip(part, changes, strict=True):
                error = next(told) if change is not None else None
                if self._is_done(wish, error, allotment, mark):
                    done.append(wish)
                else:
                    identifier = allotment.identifier(wish.number)
                    refused.append(serials.refusal(identifier, wish, str(error)))
        return done, refused

    def _change(
        self, handle: str, allotment: Allotment, wish: Wish, made: Sequence[Value], asker: Asker
    ) -> Change | None:
        """Return what an action does to the record of its serial, None = nothing."""
        identifier = allotment.identifier(wish.number)
        if wish.action == "use":
            return Change(
                Verb.CREATE, identifier, asker, item_values(made, allotment.digits(wish.number))
            )
        if wish.action != "void":
            return None
        ours = f"{_REPORT_TAG}{handle}|".encode()
        is_ours = ours in (self._held(identifier) or b"")
        return Change(Verb.DELETE, identifier, asker) if is_ours else None

    def _is_done(
        self, wish: Wish, error: MillbrainError | None, allotment: Allotment, mark: bytes
    ) -> bool:
        """Whether what was wished holds now.

        Raises
        ------
        LimitError, StoreError
            It does not, and sending the report again may help.
        """
        if error is None:
            return True
        if isinstance(error, LimitError | StoreError):
            raise error
        reason = error.reason if isinstance(error, RegistryError) else None
        if wish.action == "void":  # never registered, or taken back by the same report before
            return reason is Reason.NOT_FOUND
        if reason is not Reason.EXISTS:
            return False
        stored = self._held(allotment.identifier(wish.number))
        return stored is not None and mark in stored


def _parts(wished: Sequence[Wish]) -> Iterator[list[Wish]]:
    """Return wishes in parts of one action each, so that what was used can be spoilt."""
    for _, group in groupby(wished, lambda wish: wish.action):
        rows = iter(group)
        while part := list(islice(rows, _AT_ONCE)):
            yield part


def _value(allotment: Allotment) -> Value:
    return Value(1, TYPE, serials.written(allotment), permissions=_HIDDEN)


def _shared(allotment: Allotment) -> tuple[Value, ...]:
    """Return the values that all serials get.

    Raises
    ------
    ValueError
        They are none, or stand where our own do.
    """
    values = values_of(list(allotment.shared))
    taken = [v.index for v in values if _OWNER_INDEX <= v.index <= _TAG_INDEX]
    if taken:
        raise ValueError(f"shared: indexes {_OWNER_INDEX} to {_TAG_INDEX} are for administration")
    return values
