"""The routes of trace and recall: what a thing was made of, what it went into, whom a recall hits.

A walk goes through all events of this node; what is told of it is what the asker may read. A thing
is shown where an event that leads to it may be read, or where it belongs to a prefix that the asker
may read: so an organisation learns that something of its own is hit, and not through whom.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from millbrain.core import keys
from millbrain.core.errors import StoreError
from millbrain.core.events import (
    CHILD,
    LOCATION,
    OUTPUT,
    PARENT,
    READ_POINT,
    Span,
    thing_key,
)
from millbrain.core.faces import askers
from millbrain.core.faces.record_json import value_json
from millbrain.core.limits import (
    PAGE_ROWS_MAX,
    RECALL_EVENTS_MAX,
    TRACE_LEVELS_MAX,
    TRACE_LINKS_MAX,
    TRACE_THINGS_MAX,
)
from millbrain.core.records import Value, is_live
from millbrain.core.registry import ALIAS_TYPE, READ_VALUE, Asker, Registry, RegistryError
from millbrain.identify.trace import walk
from millbrain.identify.trace.places import places
from millbrain.identify.trace.quiet import collector_paused
from millbrain.identify.trace.told import HEADINGS, Thing, csv_lines, instant, summary
from millbrain.identify.trace.walk import AFTER_MS, BEFORE_MS, Bounds, Edge, Found

FACE: Final = "trace"
_LEVELS: Final = 8
_PAGE_ROWS: Final = 200
_VIA_MAX: Final = 20  # edges to one thing that an answer names
_AT_ONCE: Final = 2  # walks; the next one waits, since each keeps Python busy
_WAYS: Final = ("parts", "uses")
Spans = dict[str, tuple[int, int]]


def routes(registry: Registry) -> list[Route]:
    """Return the routes that the room adds to the resolver's HTTP port."""
    api = _Api(registry)
    return [
        Route("/trace/{way}/{thing:path}", _told(api.trace), methods=["GET"]),
        Route("/recall", _told(api.recall), methods=["GET"]),
    ]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What every request says: bounds of the walk, the page, who asks."""

    asker: Asker
    bounds: Bounds
    after: int
    rows: int
    is_csv: bool


@dataclass(frozen=True, slots=True)
class _Shown:
    """A walk as one asker sees it: numbers of the things shown, and which of them are its own."""

    found: Found
    numbers: tuple[int, ...]
    own: frozenset[int]
    via: Mapping[int, list[Edge]]
    is_owner: bool  # of everything that the walk began with


class _Api:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def trace(self, request: Request) -> Response:
        """Answer what a thing is made of or went into: now, at an instant, or ever."""
        way = request.path_params["way"]
        if way not in _WAYS:
            raise ValueError(f"/trace/{way}: one of {', '.join(_WAYS)} was expected")
        asked = self._asked(request)
        at_ms = _at(request.query_params.get("at", ""))
        names = self._names(request.path_params["thing"], asked.asker)

        def walked() -> Found:
            sees = _Sees(self._registry, asked.asker)
            if way == "parts":
                return walk.parts(self._registry.events, names, at_ms, asked.bounds, sees)
            start = dict.fromkeys(names, (BEFORE_MS, AFTER_MS))
            return walk.uses(self._registry.events, start, at_ms, asked.bounds, sees)

        head = {"way": way, "start": names, "at": "ever" if at_ms is None else instant(at_ms)}
        return await self._answer(request, asked, walked, head)

    async def recall(self, request: Request) -> Response:
        """Answer what is affected by lots or serials, or by a station in a span of time."""
        asked = self._asked(request)
        given = request.query_params
        from_ms = _instant(given["from"]) if given.get("from") else BEFORE_MS
        before_ms = _instant(given["before"]) if given.get("before") else AFTER_MS
        names = [n for text in given.getlist("thing") for n in self._names(text, asked.asker)]
        station = thing_key(given["station"]) if given.get("station") else ""
        if bool(names) == bool(station):
            raise ValueError("recall: thing (once or more), or station with from and before")
        if station and not (given.get("from") and given.get("before")):
            raise ValueError("recall: a station needs from and before, instants with an offset")

        def walked() -> Found:
            sees = _Sees(self._registry, asked.asker)
            start, why_cut = dict.fromkeys(names, (from_ms, before_ms)), ""
            if station:
                start, why_cut = self._worked(station, from_ms, before_ms, sees)
            found = walk.uses(self._registry.events, start, None, asked.bounds, sees)
            found.why_cut = found.why_cut or why_cut
            return found

        head = {"way": "uses", "start": names, "station": station or None,
                "from": instant(from_ms), "before": instant(before_ms)}  # fmt: skip
        return await self._answer(request, asked, walked, head)

    async def _answer(
        self, request: Request, asked: _Asked, walked: Callable[[], Found], head: dict[str, Any]
    ) -> Response:
        def made() -> tuple[_Shown, dict[str, Any]]:
            with collector_paused():
                shown = self._shown(walked(), asked.asker)
            return shown, {} if asked.is_csv else head | self._page(shown, asked)

        async with self._turn:
            shown, told = await asyncio.to_thread(made)
        if asked.is_csv:
            name = "recall" if request.url.path == "/recall" else "trace"
            headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
            if shown.found.why_cut:
                headers["Millbrain-Truncated-By"] = shown.found.why_cut
            lines = self._lines(shown, asked)
            return StreamingResponse(lines, 200, headers, media_type="text/csv; charset=utf-8")
        if told["next"] is not None:
            told["next"] = str(request.url.include_query_params(after=told["next"]))
        return Response(orjson.dumps(told), media_type="application/json")

    def _asked(self, request: Request) -> _Asked:
        given = request.query_params
        address = request.client.host if request.client else ""
        proof = request.headers.get("authorization", "")
        bounds = Bounds(
            _number(given.get("levels"), "levels", _LEVELS, 1, TRACE_LEVELS_MAX),
            _number(given.get("things"), "things", TRACE_THINGS_MAX, 1, TRACE_THINGS_MAX),
            TRACE_LINKS_MAX,
        )
        form = given.get("format", "json")
        if form not in ("json", "csv"):
            raise ValueError(f"format {form!r}: json or csv was expected")
        return _Asked(
            askers.asker(self._registry, FACE, address, proof), bounds,
            _number(given.get("after"), "after", -1, -1, TRACE_THINGS_MAX),
            _number(given.get("perPage"), "perPage", _PAGE_ROWS, 1, PAGE_ROWS_MAX), form == "csv",
        )  # fmt: skip

    def _names(self, text: str, asker: Asker) -> list[str]:
        """Return the names that events may give a thing: its own, its record's, its aliases."""
        names = [thing_key(text)]
        try:
            handle = self._registry.named([keys.parse(text)])[0]
        except ValueError:
            return names
        for stored in self._registry.get_many([keys.handle_key(handle)]) if handle else []:
            names.append(thing_key(f"hdl:{handle}"))
            for value in self._readable(stored, handle, asker) or ():
                if value.type == ALIAS_TYPE:
                    names.append(thing_key(value.data.decode("utf-8", "replace")))
        return list(dict.fromkeys(names))

    def _worked(self, station: str, from_ms: int, before_ms: int, sees: "_Sees") -> (
        tuple[Spans, str]
    ):  # fmt: skip
        """Return what a station worked on, each from that instant on, and what cut the search."""
        store = self._registry.events
        span = Span(from_ms=from_ms, before_ms=before_ms)
        numbers: set[int] = set()
        for what in (READ_POINT, LOCATION):
            numbers |= {hit.number for hit in store.find(what, [station], span, RECALL_EVENTS_MAX)}
        start: Spans = {}
        is_cut = len(numbers) >= RECALL_EVENTS_MAX
        for number, row in zip(sorted(numbers), store.traced(sorted(numbers)), strict=True):
            if row is not None and sees(row.owner, row.is_public):
                touched = [t for part in (PARENT, CHILD, OUTPUT) for t in row.names(part)]
                at_ms = row.at_ms
            elif row is None:  # an event without a place in the tree: looked at, moved
                touched, at_ms = self._looked_at(number, sees)
            else:
                continue
            for thing in touched:
                start[thing] = (min(at_ms, start.get(thing, (at_ms, 0))[0]), AFTER_MS)
        return start, "events of the station" if is_cut else ""

    def _looked_at(self, number: int, sees: "_Sees") -> tuple[list[str], int]:
        for event in self._registry.events.get([number]):
            told = orjson.loads(event.body)
            if told.get("type") == "ObjectEvent" and sees(event.owner, event.is_public):
                lots = (entry["epcClass"] for entry in told.get("quantityList", ()))
                things = [*told.get("epcList", ()), *lots]
                return [thing_key(t) for t in things], event.at_ms
        return [], 0

    # What the asker may see -----------------------------------------------------------------------

    def _shown(self, found: Found, asker: Asker) -> _Shown:
        via: dict[int, list[Edge]] = {}
        for edge in found.edges:
            if edge.is_open:
                via.setdefault(edge.far, []).append(edge)
        first = range(sum(1 for level in found.levels if level == 0))
        own = self._own(found.things, asker)
        numbers = tuple(n for n in range(len(found.things))
                        if n in via or n in own or n in first)  # fmt: skip
        return _Shown(found, numbers, own, via, bool(first) and own.issuperset(first))

    def _own(self, things: Sequence[str], asker: Asker) -> frozenset[int]:
        """Return the numbers of the things whose prefix the asker may read."""
        if asker.identity is None:
            return frozenset()
        handles = [name[4:] if name.startswith("hdl:") else "" for name in things]
        others = [n for n, handle in enumerate(handles) if not handle]
        for number, handle in zip(others, self._handles([things[n] for n in others]), strict=True):
            handles[number] = handle
        known = _Sees(self._registry, asker)
        return frozenset(
            n for n, handle in enumerate(handles)
            if handle and known(handle.partition("/")[0], False)
        )  # fmt: skip

    def _handles(self, things: Sequence[str]) -> list[str]:
        """Return the handle of the record of each thing, '' where there is none."""
        read: list[keys.Key | None] = []
        for thing in things:
            try:
                read.append(keys.parse(thing))
            except ValueError:
                read.append(None)
        found = iter(self._registry.named([key for key in read if key is not None]))
        return [next(found) if key is not None else "" for key in read]

    def _page(self, shown: _Shown, asked: _Asked) -> dict[str, Any]:
        behind = [n for n in shown.numbers if n > asked.after]
        numbers = behind[: asked.rows]
        found, visible = shown.found, frozenset(shown.numbers)
        told = summary(found, len(shown.numbers), len(found.things) - len(shown.numbers),
                       len(shown.own))  # fmt: skip
        if not shown.is_owner:  # how much there is of others is not for everybody
            told["hidden_count"] = told["event_count"] = None
        circles = set(walk.cycles(found))
        return told | {
            "is_partial": len(found.things) > len(shown.numbers),
            "cycles": [found.things[n] for n in shown.numbers if found.things[n] in circles],
            "things": [t.as_json(found.things, visible)
                       for t in self._things(shown, numbers, asked.asker)],
            "next": numbers[-1] if len(behind) > len(numbers) else None,
        }  # fmt: skip

    def _lines(self, shown: _Shown, asked: _Asked) -> Iterator[str]:
        """Yield the whole list as CSV, a page at a time; with the mark that spreadsheets want."""
        yield "\ufeff" + csv_lines([HEADINGS])
        for start in range(0, len(shown.numbers), PAGE_ROWS_MAX):
            numbers = shown.numbers[start : start + PAGE_ROWS_MAX]
            yield csv_lines(t.as_row() for t in self._things(shown, numbers, asked.asker))

    def _things(self, shown: _Shown, numbers: Sequence[int], asker: Asker) -> list[Thing]:
        """Return the things of a page with fields, places and ids of events."""
        found, store = shown.found, self._registry.events
        names = [found.things[n] for n in numbers]
        sees = _Sees(self._registry, asker)
        seen = places(store, names, int(time.time() * 1000), sees)
        via = {n: tuple(shown.via.get(n, ())[:_VIA_MAX]) for n in numbers}
        wanted = list({edge.event for edges in via.values() for edge in edges})
        ids = {event.number: event.id for event in store.get(wanted)}
        handles = self._handles(names)
        records = self._registry.get_many([keys.handle_key(h) for h in handles])
        things = []
        for number, name, handle, stored in zip(numbers, names, handles, records, strict=True):
            values = self._readable(stored, handle, asker) if handle else None
            fields = None if values is None else tuple(map(value_json, values))
            is_told = bool(via[number]) or found.levels[number] == 0
            span = found.spans[number] if is_told else (BEFORE_MS, AFTER_MS)
            things.append(Thing(number, name, found.levels[number], span, via[number],
                                number in shown.own, handle if fields is not None else "", fields,
                                seen.get(name), ids))  # fmt: skip
        return things

    def _readable(self, stored: bytes | None, handle: str, asker: Asker) -> (
        tuple[Value, ...] | None
    ):  # fmt: skip
        """Return the values of a record for an asker, None where there is no record."""
        if stored is None or not is_live(stored) or self._registry.is_taken_down(handle):
            return None
        return self._registry.readable(stored, handle, asker)


class _Sees:
    """Whether an asker may read events of an owner; each owner is looked up once."""

    def __init__(self, registry: Registry, asker: Asker) -> None:
        self._registry, self._asker = registry, asker
        self._known: dict[str, bool] = {}

    def __call__(self, owner: str, is_public: bool) -> bool:
        if is_public:
            return True
        if owner not in self._known:
            may = self._asker.identity is not None
            self._known[owner] = may and self._registry.permits(self._asker, READ_VALUE, owner)
        return self._known[owner]


def _at(text: str) -> int | None:
    """Return the instant that a tree is wanted of; '' = now, None = ever."""
    if text == "ever":
        return None
    return _instant(text) if text else int(time.time() * 1000)


def _instant(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"time {text!r}: ISO 8601 was expected") from error
    if at.tzinfo is None:
        raise ValueError(f"time {text!r}: an offset like Z or +08:00 is missing")
    return int(at.timestamp() * 1000)


def _number(text: str | None, name: str, usual: int, least: int, most: int) -> int:
    if not text:
        return usual
    if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
        raise ValueError(
            f"{name} {text!r}: a whole number from {max(least, 0)} to {most} is allowed"
        )
    return int(text)


def _told(answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """Return `answer` with what it raises told as JSON."""

    async def told(request: Request) -> Response:
        try:
            response: Response = await answer(request)
        except RegistryError as error:
            return _refused(str(error), 401, askers.CHALLENGE)
        except StoreError as error:
            return _refused(str(error), 503)
        except ValueError as error:
            return _refused(str(error), 400)
        return response

    return told


def _refused(words: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    body = orjson.dumps({"error": words})
    return Response(body, status, headers, media_type="application/json")
