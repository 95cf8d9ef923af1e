"""What a room must look like from outside: the cards, and the interfaces that `run` plugs together.

A connect room's `__init__` holds `ROOM = Driver(...)`; `run` finds the folder, reads the card and
starts the driver with a `Sink`. An identify room's holds `ROOM = Face(...)`, an analyse room's
`ROOM = App(...)`, which says what it reads and writes. Nothing else of a room is known outside it.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from millbrain.core.columns import Columns, Delivery
from millbrain.core.errors import SettingsError
from millbrain.core.findings import Finding, Verdict
from millbrain.core.pages import Page
from millbrain.core.plant.charted import Charted
from millbrain.core.plant.plant import Plant
from millbrain.core.plant.secrets import NoSecrets, Secrets
from millbrain.core.plant.signal_limits import SignalLimits
from millbrain.core.plant.tags import ConnectionState, Found, TagBook
from millbrain.core.tables import Table


class Level(StrEnum):
    """How far a room has come; the room kit checks the claim.

    sketch: decodes the standard's examples. usable: and has a simulator, fault tests and docs.
    proven: and real frames or a public data set with a published number, and a benchmark.
    """

    SKETCH = "sketch"
    USABLE = "usable"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True)
class Driver:
    """Card of a connect room.

    key: the folder's name. standards: name and edition of what it speaks. port: default on
    loopback, 0 where it opens none. start: dotted ``module:function`` that starts the driver (its
    settings and a `Wiring` in, a `Running` out), imported only when the engine starts it.
    endpoint: an example of what a connection of it is given, empty where the room has no
    connections and tags. options: what may stand in the options of such a connection, each with
    its meaning in English and Chinese. check: dotted ``module:function`` that judges the endpoint,
    options and addresses of a connection before they are kept (`core.tagging.rules.RoomCheck`),
    empty where nothing can be said without asking the counterpart. secrets: names of options that
    are kept apart (`plant.secrets`) and never shown again. pattern: how the thing of a browsed
    value is proposed (`core.tagging.proposals`).
    """

    key: str
    title: str
    title_zh: str
    standards: tuple[str, ...]
    port: int
    level: Level
    start: str
    tables: tuple[Table, ...] = ()
    pages: tuple[Page, ...] = ()
    endpoint: str = ""
    options: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    check: str = ""
    secrets: tuple[str, ...] = ()
    pattern: str = "{-2}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that an operator may set: its unit is the suffix of its name (core.units).

    default: value where nobody has set one. low, high: the allowed range, both included. whole:
    only whole numbers.
    """

    name: str
    meaning: str
    meaning_zh: str
    default: float
    low: float
    high: float
    whole: bool = False

    def checked(self, value: float) -> float:
        """Return `value`.

        Raises
        ------
        SettingsError
            Where it is out of range, or a fraction where whole numbers are asked for.
        """
        if not self.low <= value <= self.high or (self.whole and value != int(value)):
            kind = "a whole number" if self.whole else "a number"
            raise SettingsError(
                f"parameter {self.name} is {value:g}; {kind} from {self.low:g} to {self.high:g} "
                "is allowed"
            )
        return value


@dataclass(frozen=True, slots=True)
class App:
    """Card of an analyse room.

    key: the folder's name. reads, writes: names of the tables it reads and writes; it touches no
    other. parameters: what an operator may set. incremental: a batch cut in two gives what the
    whole gives. tables: those that it alone writes. start: dotted ``module:function`` that the
    engine starts it with (a `Ground` in, a `Watching` out), empty where it has no hand yet.
    records: ledger tables that keep what people do with it, where it writes no warehouse table.
    kinds: of its findings, each with its name in English and Chinese.
    """

    key: str
    title: str
    title_zh: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    level: Level
    parameters: tuple[Parameter, ...] = ()
    incremental: bool = False
    tables: tuple[Table, ...] = ()
    pages: tuple[Page, ...] = ()
    start: str = ""
    records: tuple[str, ...] = ()
    kinds: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def chosen(self, given: Mapping[str, float]) -> dict[str, float]:
        """Return every parameter by name: what was given, else its default.

        Raises
        ------
        SettingsError
            A name that the card does not declare, or a value out of its range.
        """
        unknown = given.keys() - {p.name for p in self.parameters}
        if unknown:
            raise SettingsError(
                f"{self.key}: {', '.join(sorted(unknown))} is no parameter of it; it has "
                f"{', '.join(p.name for p in self.parameters)}"
            )
        return {p.name: p.checked(given.get(p.name, p.default)) for p in self.parameters}


@dataclass(frozen=True, slots=True)
class Face:
    """Card of an identify room: one protocol in which the resolver answers.

    key: the folder's name. standards: name and edition of what it speaks. port: default on
    loopback, 0 where it has none of its own. start: dotted ``module:function`` that starts it,
    empty while the room has no sockets. routes: dotted ``module:function`` that returns the HTTP
    routes which the room adds to the resolver's port, empty where it speaks no HTTP. quick: one
    that returns a function which answers the most frequent GET from its raw target. describes: its
    HTTP operations as `core.faces.described` declares them, ``module:tuple``.
    """

    key: str
    title: str
    title_zh: str
    standards: tuple[str, ...]
    port: int
    level: Level
    start: str = ""
    routes: str = ""
    quick: str = ""
    describes: str = ""
    tables: tuple[Table, ...] = ()
    pages: tuple[Page, ...] = ()


class Sink(Protocol):
    """Where a driver puts facts; the record stage implements it."""

    def put(self, delivery: Delivery) -> None:
        """Take a delivery, waiting while the intake is full. Called from the driver's thread."""
        ...


class Facts(Protocol):
    """The warehouse as a room sees it; the record stage implements it. Safe from any thread."""

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> pa.Table:
        """Return the rows of a query whose values are ``{name:Type}`` placeholders."""
        ...

    def batches(
        self, sql: str, params: Mapping[str, Any] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a query as they come: for answers too long to be held at once."""
        ...

    def insert(self, table: Table, batch: pa.RecordBatch, into: str | None = None) -> None:
        """Store a batch that falls into one partition: all of it or nothing."""
        ...


class Watching(Protocol):
    """A started app: it is shown every batch of facts that the intake keeps."""

    def take(self, batch: int, tables: Mapping[str, Columns]) -> None:
        """Look at a batch that is on its way to the disk. Returns at once and never raises.

        An app that cannot keep up lets batches go by and reads them back from the warehouse by
        their number.
        """
        ...

    def verdict(self, finding_key: str, since: int) -> Verdict | None:
        """Return what became of a finding since a repair (device time [s]), None = not known."""
        ...

    def status(self) -> Mapping[str, Any]:
        """Describe how far it is, how much it holds, and its troubles."""
        ...

    def stop(self) -> None:
        """Keep what must be kept and end its threads."""
        ...


@dataclass(frozen=True, slots=True)
class Ground:
    """What an app stands on.

    settled: newest batch that is on disk with all before it. report: takes findings, again and
    again if need be, hands them to the alarms, and returns once they are on disk. parameters: what
    the operator set, by name. newest: newest batch on disk when the engine started. things: what
    the register says of each vehicle besides what stands in the live table: vehicle -> attribute ->
    value; may block. characteristics: what is declared for control charts, as of now; may block.
    limits: of signals, as of now; may block. plants: that the installation knows.
    """

    facts: Facts
    settled: Callable[[], int]
    report: Callable[[Sequence[Finding]], None]
    parameters: Mapping[str, float]
    newest: int = 0
    things: Callable[[], Mapping[str, Mapping[str, Any]]] = dict
    characteristics: Callable[[], Sequence[Charted]] = tuple
    limits: Callable[[], Sequence[SignalLimits]] = tuple
    plants: Callable[[], Sequence[Plant]] = tuple


class Peers(Protocol):
    """Who may log in and with which keys; the ledger implements it. May block: call in a thread."""

    def check(self, user: str, password: str) -> bool:
        """Whether this platform account exists, is active and has this password."""
        ...

    def keys(self, user: str) -> Mapping[str, bytes]:
        """Return the keys of a platform or vehicle: name ('aes', 'sm4', 'rsa', ...) -> bytes."""
        ...

    def signers(self) -> frozenset[str]:
        """Return ids whose reports must carry a right signature: a verifying key is registered."""
        ...

    def foreign(self) -> frozenset[str]:
        """Return ids registered as things of another protocol, refused as `wrong_type`."""
        ...


def _no_owners(things: Sequence[str]) -> Mapping[str, str]:
    """Return no organisation: nothing is registered."""
    return {}


def _no_audit(who: str, from_where: str, what: str, object: str, result: str) -> None:
    """Keep nothing: for rooms that are told of no writes, and tests."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a driver is plugged into.

    tags: connections and tags, for rooms that have them. secrets: their passwords and tokens.
    folder: where the room keeps what is its own (a key, certificates that it was shown); the room
    makes it. owners: organisation of those of the given things that are registered; may block.
    audit: keeps a line of the audit trail (who, from where, what, about what, result), once however
    often it is told; may block.
    """

    sink: Sink
    peers: Peers
    tags: TagBook
    secrets: Secrets = field(default_factory=NoSecrets)
    folder: Path = Path()
    owners: Callable[[Sequence[str]], Mapping[str, str]] = _no_owners
    audit: Callable[[str, str, str, str, str], None] = _no_audit


class Running(Protocol):
    """A started driver."""

    @property
    def port(self) -> int:
        """The port it listens on, as bound."""
        ...

    def links(self) -> Sequence[Mapping[str, Any]]:
        """Describe open links: link, remote, since, bytes, frames, last_received_ms, vehicles."""
        ...

    def command(self, thing: str, order: Mapping[str, Any]) -> Awaitable[Mapping[str, Any]]:
        """Send a command to a thing and wait for its answer.

        Raises
        ------
        NotFoundError
            The thing has no open link.
        LimitError
            No answer within `limits.ANSWER_WAIT_S_MAX`.
        """
        ...

    def stop(self) -> Awaitable[None]:
        """Close the port and the links, hand on what was read, and return."""
        ...


class RunningTags(Running, Protocol):
    """A started driver of a room with connections and tags."""

    def states(self) -> Sequence[ConnectionState]:
        """Describe how every connection of the room stands."""
        ...

    def browse(self, connection: str, node: str) -> Awaitable[Sequence[Found]]:
        """Return what lies under a node of the counterpart; "" is its root.

        Raises
        ------
        NotFoundError
            There is no such connection or node.
        LinkError
            The counterpart cannot be reached; the sentence says why.
        """
        ...
