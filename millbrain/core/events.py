"""Events of things (EPCIS) as the store of events sees them, and what it can be asked.

An event is opaque to the store but for its terms: what it is found by. An identifier in a term is
a key (`thing_key`), so that one thing has one name, however an event writes it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from millbrain.core import gs1
from millbrain.core.keys import parse

# Fields of terms. A thing's term carries the parts that it plays, one letter each.
ALL, KIND, THING, STEP, LOCATION, READ_POINT = "all", "kind", "thing", "step", "place", "read"
PARENT, CHILD, INPUT, OUTPUT, ITSELF = "p", "c", "i", "o", "e"
# What an event does to the tree of things, one letter each; '' = nothing. An aggregation holds a
# thing in one place at a time, an association does not.
JOINED, PARTED, SEEN = "+", "-", "="
BOUND, FREED, HELD = "b", "f", "h"
MADE: Final = ">"
# Lists of events that a thing has: what it was made of, what it went into, when all left it.
MADE_OF, WENT_INTO, EMPTIED = "m", "u", "z"
GROUP: Final = "\x01"  # before the name of a transformation that several events tell of
DECLARED: Final = "#errorDeclaration"  # behind the id of an event: its declaration to be wrong
_NAMES_KEPT: Final = 16_384  # an event names a thing several times, a line its stations and lots
_FINEST: Final = ("21", "235", "8011", "10")  # qualifiers that make the ones before them needless


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is kept.

    id: URI that nothing else has. digest: SHA-256 of what it says, the same for every way to say
    it. body: JSON. at_ms, recorded_ms: when it happened, when it was
    captured [Unix ms]. owner: prefix of the identity that captured it. terms: (field, value) ->
    letters of the parts played, '' where there are none. number: order of capture, from 1.
    role: what it does to the tree. parts: (letter, thing, quantity with its unit or '') of those
    that play one there. group: the transformation that it tells a share of. voids: id of the event
    that it declares wrong.
    """

    id: str
    digest: bytes
    body: bytes
    at_ms: int
    recorded_ms: int
    owner: str
    is_public: bool = False
    terms: tuple[tuple[str, str, str], ...] = field(default=(), compare=False)
    number: int = field(default=0, compare=False)
    role: str = field(default="", compare=False)
    parts: tuple[tuple[str, str, str], ...] = field(default=(), compare=False)
    group: str = field(default="", compare=False)
    voids: str = field(default="", compare=False)


# An event in the list of a thing: when [ms], number, role, the part that the thing plays in it. A
# plain tuple, since a trace reads a hundred thousand: the garbage collector leaves those alone.
Link = tuple[int, int, str, str]


class Traced(NamedTuple):
    """What a trace must know of an event; see `Event`. packed: its parts, `pack_parts`."""

    at_ms: int
    role: str
    is_public: bool
    owner: str
    group: str
    packed: str

    def of(self, letter: str) -> list[tuple[str, str]]:
        """Return the things that play a part, with their quantities.

        >>> Traced(0, MADE, True, "", "", pack_parts([("i", "ore", "2 KGM")])).of("i")
        [('ore', '2 KGM')]
        """
        parts = [part[1:] for part in self.packed.split("\0") if part[:1] == letter]
        if "\t" not in self.packed:
            return [(thing, "") for thing in parts]
        return [(thing, quantity) for thing, _, quantity in (p.partition("\t") for p in parts)]

    def names(self, letter: str) -> list[str]:
        """Return the things that play a part."""
        return [thing for thing, _ in self.of(letter)]


def pack_parts(parts: Iterable[tuple[str, str, str]]) -> str:
    """Return the parts of an event in one text: letter and thing, a tab and the quantity."""
    return "\0".join(f"{p}{thing}\t{n}" if n else p + thing for p, thing, n in parts)


@dataclass(frozen=True, slots=True)
class Hit:
    """An event that has a term. position: where it stands, newest first; parts: letters."""

    position: bytes
    number: int
    parts: str


@dataclass(frozen=True, slots=True)
class Span:
    """Which events are wanted: happened from [ms], before [ms], and behind a position."""

    from_ms: int | None = None
    before_ms: int | None = None
    after: bytes = b""


class Events(Protocol):
    """The events of this node; the record stage implements it. Any method may block."""

    def add(self, events: Sequence[Event], job: tuple[str, bytes]) -> list[str]:
        """Keep all events that are new, and the report of the job, on disk when this returns.

        Returns for each event '' where it is kept or was there already, else why it was refused:
        its id is that of an event that says something else. The report is kept in any case.
        """
        ...

    def check(self, events: Sequence[Event]) -> list[str]:
        """Return what `add` would, and keep nothing."""
        ...

    def job(self, name: str) -> bytes | None:
        """Return the report of a job."""
        ...

    def find(self, what: str, values: Sequence[str], span: Span, count_max: int) -> list[Hit]:
        """Return events with a term of field `what` and one of `values`, newest first."""
        ...

    def links(self, way: str, things: Sequence[str], count_max: int) -> list[list[Link]]:
        """Return each thing's list of a way, oldest first; of a longer one the newest `count_max`.

        things: names of terms, or `GROUP` and the name of a transformation. One look-up each,
        all of them together: a tree is walked level by level.
        """
        ...

    def traced(self, numbers: Sequence[int]) -> list[Traced | None]:
        """Return what a trace must know of events; None of one that was declared wrong."""
        ...

    def get(self, numbers: Sequence[int]) -> list[Event]:
        """Return events by number, without terms; those that are not there are left out."""
        ...

    def by_id(self, event_id: str) -> Event | None:
        """Return the event that has an id."""
        ...


@lru_cache(maxsize=_NAMES_KEPT)
def thing_key(text: str) -> str:
    """Return the name of a thing in terms: its key, or the text where no scheme knows it.

    A GS1 key is cut to its finest level, since the forms of EPCIS differ in what they say of the
    coarser ones.

    >>> thing_key("https://id.gs1.org/01/09506000134352/10/L/21/S")
    'gs1:01/09506000134352/21/S'
    >>> thing_key("urn:epc:id:sgtin:9506000.013435.S")
    'gs1:01/09506000134352/21/S'
    """
    try:
        key = parse(text)
        if key.scheme != "gs1":
            return key.text
        return f"gs1:{gs1.Item(finest(gs1.from_path(key.value).key)).path}"
    except ValueError:
        return text


def finest(elements: gs1.Elements) -> gs1.Elements:
    """Return the primary key with the one qualifier that says most."""
    held = dict(elements)
    fine = next((ai for ai in _FINEST if ai in held), "")
    others = [pair for pair in elements[1:] if pair[0] not in ("22", *_FINEST)]
    return (elements[0], *([(fine, held[fine])] if fine else others))
