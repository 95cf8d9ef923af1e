"""Walks through the tree of things, level by level, in both directions. Pure.

A level is three questions to the store, however wide it is: the lists of its things, the events in
these lists, and where else the things found were put since. What holds at an instant, and what ever
held, are two readings of the same lists.

Time. A part holds from the event that joined it until the one that parted it, or that joined it
elsewhere: an aggregation says where a thing is, and it is in one place. What went into a
transformation is looked at as it was at that time; a thing that several ways lead to is looked at
as of each of their instants. Upwards each thing has a span in
which it is affected: a pack that got a module after the bad cell had been taken out of it is not.
Of several ways to a thing the spans are merged into one around them: a recall names too much
rather than too little.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from millbrain.core.events import (
    BOUND,
    CHILD,
    EMPTIED,
    FREED,
    GROUP,
    HELD,
    INPUT,
    JOINED,
    MADE,
    MADE_OF,
    OUTPUT,
    PARENT,
    PARTED,
    SEEN,
    WENT_INTO,
    Events,
    Link,
    Traced,
)

BEFORE_MS, AFTER_MS = -(1 << 62), 1 << 62  # no bound of a span
_ANY: Final = (BEFORE_MS, AFTER_MS)
_ENTERS: Final = {JOINED: JOINED, SEEN: JOINED, BOUND: BOUND, HELD: BOUND}  # role -> kind of hold
_LEAVES: Final = {PARTED: JOINED, FREED: BOUND}
KINDS: Final = {JOINED: "aggregation", BOUND: "association", MADE: "transformation"}
Sees = Callable[[str, bool], bool]  # owner of an event, whether it is public
Rows = Mapping[int, Traced | None]
Moves = Mapping[str, Sequence[tuple[int, int, str]]]  # thing -> when, by which event, where to


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a walk goes: levels, things, events of one thing."""

    levels: int
    things: int
    links: int


class Edge(NamedTuple):
    """One thing is part of another, from an instant on until another, AFTER_MS = still.

    near, far: numbers of the things, seen from where the walk began. event: its number.
    """

    near: int
    far: int
    event: int
    kind: str
    since_ms: int
    until_ms: int
    quantity: str
    is_open: bool


@dataclass(slots=True)
class Found:
    """What a walk found. things, levels, spans: by number of the thing, in the order of levels.

    missing: transformations of which no event tells the other side. why_cut: what ended the walk
    early, '' where it went to the ends.
    """

    things: list[str] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    missing: dict[str, None] = field(default_factory=dict)
    why_cut: str = ""
    events_read: int = 0


class _Hold(NamedTuple):
    """A thing held by another for a time, as one event says it.

    span: in which what it hands on is affected, upwards. instants: as of which its own parts are
    wanted, downwards.
    """

    thing: str
    event: int
    kind: str
    since_ms: int
    until_ms: int
    quantity: str
    span: tuple[int, int]
    instants: tuple[int, ...] = ()


class _Walk(ABC):
    """What both directions share. at_ms: the tree as it was then; None: whatever held at any time.

    sees: whether the asker may read events of an owner.
    """

    def __init__(self, events: Events, bounds: Bounds, at_ms: int | None, sees: Sees) -> None:
        self.events, self.bounds = events, bounds
        self.is_now = at_ms is not None
        self.at_ms = AFTER_MS if at_ms is None else at_ms
        self.sees = sees
        self.found = Found()
        self._numbers: dict[str, int] = {}
        self._rows: dict[int, Traced | None] = {}
        self._known: set[tuple[int, int, int]] = set()

    def lists(self, way: str, things: Sequence[str]) -> list[list[Link]]:
        """Return the lists of things up to the instant that is looked at."""
        found = self.events.links(way, things, self.bounds.links)
        if any(len(links) >= self.bounds.links for links in found):
            self.found.why_cut = "events of one thing"
        if self.at_ms == AFTER_MS:
            return found
        return [[link for link in links if link[0] <= self.at_ms] for links in found]

    def rows(self, numbers: Iterable[int]) -> Rows:
        """Return events by number; each is read once."""
        new = [n for n in dict.fromkeys(numbers) if n not in self._rows]
        self._rows.update(zip(new, self.events.traced(new), strict=True))
        self.found.events_read += len(new)
        return self._rows

    def start(self, things: Mapping[str, tuple[int, int]]) -> list[str]:
        """Begin with these things; return them as the first level."""
        for thing, span in things.items():
            self._number(thing, 0, span)
        return list(things)

    def run(self, things: Mapping[str, tuple[int, int]]) -> Found:
        """Walk from these things with their spans until the ends or the bounds."""
        level = self.start(things)
        for depth in range(1, self.bounds.levels + 1):
            level = self._following(level, depth)
            if not level or len(self.found.things) >= self.bounds.things:
                break
        if level and not self.found.why_cut:
            if len(self.found.things) >= self.bounds.things:
                self.found.why_cut = "things"
            elif any(self._holds({thing: self._span(thing) for thing in level}).values()):
                self.found.why_cut = "levels"
        return self.found

    def _following(self, level: Sequence[str], depth: int) -> list[str]:
        held = self._holds({thing: self._span(thing) for thing in level})
        following: dict[str, None] = {}
        for thing, holds in held.items():
            near = self._numbers[thing]
            for hold in holds:
                if self._add(near, hold, depth):
                    following[hold.thing] = None
                if len(self.found.things) >= self.bounds.things:
                    self.found.why_cut = "things"
                    return list(following)
        return list(following)

    @abstractmethod
    def _holds(self, spans: Mapping[str, tuple[int, int]]) -> dict[str, list[_Hold]]:
        """Return what holds each thing, or what it holds, within its span."""

    def _shares(self, way: str, letter: str, held: Mapping[str, list[_Hold]]) -> (
        dict[str, list[_Hold]]
    ):  # fmt: skip
        """Return the other side of transformations that several events tell, by group."""
        groups = {h.thing: h.event for holds in held.values() for h in holds
                  if h.thing.startswith(GROUP)}  # fmt: skip
        if not groups:
            return {}
        names = sorted(groups)
        lists = self.lists(way, names)
        rows = self.rows(link[1] for links in lists for link in links)
        told = {n: list(_told(links, rows, letter)) for n, links in zip(names, lists, strict=True)}
        for name, holds in told.items():
            row = rows[groups[name]]
            if not holds and row is not None and self.sees(row.owner, row.is_public):
                self.found.missing[name.removeprefix(GROUP)] = None
        return told

    def _span(self, thing: str) -> tuple[int, int]:
        return self.found.spans[self._numbers[thing]]

    def _add(self, near: int, hold: _Hold, depth: int) -> bool:
        """Keep an edge; return whether the thing behind it must be looked at (again)."""
        number = self._numbers.get(hold.thing)
        is_new = number is None
        if number is None:
            number = self._number(hold.thing, depth, hold.span)
        is_new = self._widened(number, hold) or is_new
        known = (near, number, hold.event)
        if known not in self._known:
            self._known.add(known)
            row = self._rows[hold.event]
            is_open = row is not None and self.sees(row.owner, row.is_public)
            self.found.edges.append(Edge(near, number, hold.event, hold.kind, hold.since_ms,
                                         hold.until_ms, hold.quantity, is_open))  # fmt: skip
        return is_new

    def _widened(self, number: int, hold: _Hold) -> bool:
        """Merge what a further way to a thing asks of it; return whether it is more than before."""
        (first, last), (more_first, more_last) = self.found.spans[number], hold.span
        self.found.spans[number] = min(first, more_first), max(last, more_last)
        return more_first < first or more_last > last

    def _number(self, thing: str, depth: int, span: tuple[int, int]) -> int:
        found = self.found
        self._numbers[thing] = number = len(found.things)
        found.things.append(thing)
        found.levels.append(depth)
        found.spans.append(span)
        return number


class _Parts(_Walk):
    """Downwards: what things are made of."""

    def __init__(self, events: Events, bounds: Bounds, at_ms: int | None, sees: Sees) -> None:
        super().__init__(events, bounds, at_ms, sees)
        self._instants: dict[int, set[int]] = {}  # by number: as of when its parts are wanted

    def _widened(self, number: int, hold: _Hold) -> bool:
        known = self._instants.setdefault(number, set())
        before = len(known)
        known.update(hold.instants)
        return len(known) > before

    def _holds(self, spans: Mapping[str, tuple[int, int]]) -> dict[str, list[_Hold]]:
        things = list(spans)
        lists = self.lists(MADE_OF, things)
        rows = self.rows(link[1] for links in lists for link in links)
        wanted = {t: sorted(self._instants.get(self._numbers[t], {self.at_ms})) for t in things}
        held = {
            thing: list(_parts_of(links, rows, wanted[thing][-1]))
            for thing, links in zip(things, lists, strict=True) if links
        }  # fmt: skip
        self._join_groups(held)
        moved = self._moved(held)
        return {
            thing: [
                hold
                for one in _merged(_until_moved(thing, hold, moved) for hold in holds)
                if (hold := self._handing_on(one, wanted[thing])).instants
            ]
            for thing, holds in held.items()
        }

    def _handing_on(self, hold: _Hold, wanted: Sequence[int]) -> _Hold:
        """Return a hold with the instants as of which its own parts are wanted, none = over."""
        if hold.kind == MADE:
            return hold
        if not self.is_now:
            return _Hold(*hold[:-1], (wanted[-1],))
        first, end = bisect_left(wanted, hold.since_ms), bisect_left(wanted, hold.until_ms)
        return _Hold(*hold[:-1], tuple(wanted[first:end]))

    def _join_groups(self, held: dict[str, list[_Hold]]) -> None:
        """Put in place of a transformation told by several events what went into it."""
        inputs = self._shares(MADE_OF, INPUT, held)
        if not inputs:
            return
        for thing, holds in held.items():
            held[thing] = [
                part for hold in holds for part in (inputs.get(hold.thing) or [hold])
                if not part.thing.startswith(GROUP)
            ]  # fmt: skip

    def _moved(self, held: Mapping[str, list[_Hold]]) -> Moves:
        """Return when parts were put where, of those that were put anywhere more than once."""
        things = list({h.thing: 0 for holds in held.values() for h in holds if h.kind == JOINED})
        later = {
            thing: links
            for thing, links in zip(things, self.lists(WENT_INTO, things), strict=True)
            if len(links) > 1
        }
        rows = self.rows(link[1] for links in later.values() for link in links)
        return {
            thing: [
                (at, number, place)
                for at, number, role, _ in links if _ENTERS.get(role) == JOINED
                for place in _names(rows[number], PARENT)
            ]
            for thing, links in later.items()
        }  # fmt: skip


class _Uses(_Walk):
    """Upwards: what things went into."""

    def _holds(self, spans: Mapping[str, tuple[int, int]]) -> dict[str, list[_Hold]]:
        things = list(spans)
        lists = self.lists(WENT_INTO, things)
        rows = self.rows(link[1] for links in lists for link in links)
        held = {
            thing: list(_uses_of(links, rows))
            for thing, links in zip(things, lists, strict=True) if links
        }  # fmt: skip
        self._join_groups(held)
        emptied = self._emptied(held)
        return {thing: [u for hold in holds if (u := self._within(hold, spans[thing], emptied))]
                for thing, holds in held.items()}  # fmt: skip

    def _within(self, hold: _Hold, span: tuple[int, int], emptied: Mapping[str, list[int]]) -> (
        _Hold | None
    ):  # fmt: skip
        """Return a hold with the span that it hands on, None where it hands on nothing."""
        if hold.kind == MADE:
            is_within = span[0] <= hold.since_ms <= span[1]
            return hold._replace(span=(hold.since_ms, AFTER_MS)) if is_within else None
        left = [at for at in emptied.get(hold.thing, ()) if at >= hold.since_ms]
        until = min(left, default=AFTER_MS)
        hold = hold._replace(until_ms=min(hold.until_ms, until))
        first, last = max(span[0], hold.since_ms), min(span[1], hold.until_ms)
        is_over = hold.until_ms <= self.at_ms if self.is_now else first > last
        return None if is_over else hold._replace(span=(first, last))

    def _join_groups(self, held: dict[str, list[_Hold]]) -> None:
        outputs = self._shares(WENT_INTO, OUTPUT, held)
        if not outputs:
            return
        for thing, holds in held.items():
            held[thing] = [
                # What went in before it came out: the later of the two instants holds.
                use._replace(since_ms=max(use.since_ms, hold.since_ms)) if use is not hold else hold
                for hold in holds for use in (outputs.get(hold.thing) or [hold])
                if not use.thing.startswith(GROUP)
            ]  # fmt: skip

    def _emptied(self, held: Mapping[str, list[_Hold]]) -> dict[str, list[int]]:
        """Return when everything left the things that held something."""
        things = list({h.thing for holds in held.values() for h in holds if h.kind != MADE})
        lists = self.lists(EMPTIED, things)
        return {t: [link[0] for link in links] for t, links in zip(things, lists, strict=True)
                if links}  # fmt: skip


def parts(events: Events, things: Iterable[str], at_ms: int | None, bounds: Bounds,
          sees: Sees) -> Found:  # fmt: skip
    """Return what things are made of, as of an instant; None: whatever they ever held."""
    return _Parts(events, bounds, at_ms, sees).run(dict.fromkeys(things, _ANY))


def uses(events: Events, things: Mapping[str, tuple[int, int]], at_ms: int | None,
         bounds: Bounds, sees: Sees) -> Found:  # fmt: skip
    """Return what things went into, as of an instant; None: whatever they were ever in.

    things: each with the span in which it is affected [ms].
    """
    return _Uses(events, bounds, at_ms, sees).run(things)


def cycles(found: Found) -> list[str]:
    """Return the things that are part of themselves, or stand between two that are."""
    is_suspect = any(found.levels[e.far] <= found.levels[e.near] for e in found.edges)
    if not is_suspect:
        return []
    into = [0] * len(found.things)
    out: dict[int, list[int]] = {}
    for edge in found.edges:
        into[edge.far] += 1
        out.setdefault(edge.near, []).append(edge.far)
    free = [n for n, count in enumerate(into) if not count]
    while free:
        for far in out.pop(free.pop(), ()):
            into[far] -= 1
            if not into[far]:
                free.append(far)
    return [found.things[n] for n in sorted(out) if into[n]]


# One thing and its list ---------------------------------------------------------------------------


def _parts_of(links: Sequence[Link], rows: Rows, last_ms: int) -> Iterator[_Hold]:
    """Yield what a thing was made of and held, each with its times, up to an instant."""
    open_: dict[tuple[str, str], _Hold] = {}
    for at, number, role, _ in links:
        row = rows[number]
        if row is None or at > last_ms:
            continue
        if role == MADE:
            inputs = _named_group(row, INPUT)
            for thing, quantity in inputs:
                yield _Hold(thing, number, MADE, at, AFTER_MS, quantity, _ANY, (at,))
        elif kind := _ENTERS.get(role):
            for thing, quantity in row.of(CHILD):
                if again := open_.pop((kind, thing), None):
                    yield again._replace(until_ms=at)  # it may have been elsewhere meanwhile
                open_[kind, thing] = _Hold(thing, number, kind, at, AFTER_MS, quantity, _ANY)
        elif kind := _LEAVES.get(role):
            gone = _names(row, CHILD) or [thing for k, thing in open_ if k == kind]
            for thing in gone:
                if hold := open_.pop((kind, thing), None):
                    yield hold._replace(until_ms=at)
    yield from open_.values()


def _until_moved(thing: str, hold: _Hold, moves: Moves) -> _Hold:
    """Return a hold with its end where the part was put elsewhere."""
    if hold.kind != JOINED:
        return hold
    began = hold.since_ms, hold.event
    until = next(
        (
            at
            for at, event, place in moves.get(hold.thing, ())
            if place != thing and began < (at, event) and at < hold.until_ms
        ),
        None,
    )
    return hold if until is None else hold._replace(until_ms=until)


def _merged(holds: Iterable[_Hold]) -> list[_Hold]:
    """Return holds with those in one that follow without a gap: seen again where it was."""
    holds = list(holds)
    if len({hold.thing for hold in holds}) == len(holds):
        return holds
    made: list[_Hold] = []
    found: dict[tuple[str, str, int], _Hold] = {}
    for hold in holds:
        if hold.kind == MADE:
            made.append(hold)
            continue
        before = found.pop((hold.kind, hold.thing, hold.since_ms), None)
        joined = before._replace(until_ms=hold.until_ms) if before else hold
        found[hold.kind, hold.thing, hold.until_ms] = joined
    return [*made, *found.values()]


def _uses_of(links: Sequence[Link], rows: Rows) -> Iterator[_Hold]:
    """Yield what a thing went into, each with its times."""
    open_: dict[tuple[str, str], _Hold] = {}
    for at, number, role, _ in links:
        row = rows[number]
        if row is None:
            continue
        if role == MADE:
            for thing, quantity in _named_group(row, OUTPUT):
                yield _Hold(thing, number, MADE, at, AFTER_MS, quantity, (at, AFTER_MS))
        elif kind := _ENTERS.get(role):
            places = _names(row, PARENT)
            if kind == JOINED:  # it is in one place at a time
                for key in [k for k in open_ if k[0] == JOINED and k[1] not in places]:
                    yield open_.pop(key)._replace(until_ms=at)
            for place in places:
                hold = _Hold(place, number, kind, at, AFTER_MS, "", (at, AFTER_MS))
                open_.setdefault((kind, place), hold)
        elif kind := _LEAVES.get(role):
            for place in _names(row, PARENT):
                if left := open_.pop((kind, place), None):
                    yield left._replace(until_ms=at)
    yield from open_.values()


def _told(links: Sequence[Link], rows: Rows, letter: str) -> Iterator[_Hold]:
    """Yield what the events of one transformation name as inputs or outputs."""
    for at, number, _, _ in links:
        row = rows[number]
        if row is not None:
            span = _ANY if letter == INPUT else (at, AFTER_MS)
            for thing, quantity in row.of(letter):
                yield _Hold(thing, number, MADE, at, AFTER_MS, quantity, span, (at,))


def _named_group(row: Traced, letter: str) -> list[tuple[str, str]]:
    """Return the things that play a part; the group in their place where it is told in shares."""
    return [(GROUP + row.group, "")] if row.group else row.of(letter)


def _names(row: Traced | None, letter: str) -> list[str]:
    return row.names(letter) if row else []
