"""Events of things (EPCIS) as the store of events sees them, and what it can be asked.

An event is opaque to the store but for its terms: what it is found by. An identifier in a term is
a key (`thing_key`), so that one thing has one name, however an event writes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from millbrain.core import gs1
from millbrain.core.keys import parse

# Fields of terms. A thing's term carries the parts that it plays, one letter each.
ALL, KIND, THING, STEP, LOCATION, READ_POINT = "all", "kind", "thing", "step", "place", "read"
PARENT, CHILD, INPUT, OUTPUT, ITSELF = "p", "c", "i", "o", "e"
_FINEST: Final = ("21", "235", "8011", "10")  # qualifiers that make the ones before them needless


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is kept.

    id: URI that nothing else has. digest: SHA-256 of what it says, the same for every way to say
    it. body: JSON. at_ms, recorded_ms: when it happened, when it was
    captured [Unix ms]. owner: prefix of the identity that captured it. terms: (field, value) ->
    letters of the parts played, '' where there are none. number: order of capture, from 1.
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

    def made(self, values: Sequence[str]) -> list[bool]:
        """Whether events say of each thing what it was made of: it was a parent or an output.

        Most things of a tree are leaves; this spares a search for each of them.
        """
        ...

    def get(self, numbers: Sequence[int]) -> list[Event]:
        """Return events by number, without terms; those that are not there are left out."""
        ...

    def by_id(self, event_id: str) -> Event | None:
        """Return the event that has an id."""
        ...


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
