"""What nodes tell the node above: counts by day, prefix and answer, and samples of the log.

A node cuts a report from what it has counted, gives it the next number of its stream, and sends it
until the node above has it. That one remembers which numbers it has: one that it has already
changes nothing, one that is missing is asked for again. What came from below is handed on with the
name of the node that counted it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from millbrain.core.limits import REPORT_ROWS_MAX, TALLY_SAMPLES_MAX
from millbrain.core.nodes.prefixes import NodeRegistry
from millbrain.core.nodes.tally import Sample
from millbrain.core.registry import Asker

RESOLVED, REGISTERED, REMOVED = "resolved", "registered", "removed"
KINDS: Final[Mapping[str, tuple[str, str]]] = {
    RESOLVED: ("answers to resolutions", "解析量"), REGISTERED: ("registered", "注册量"),
    REMOVED: ("deleted", "注销量"),
}  # fmt: skip
_COUNT_MAX: Final = 1 << 53
_TEXT_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class Cell:
    """What is counted together. node: prefix by which the node that counted reports, '' = this one.

    day: as 20261122, in the time zone of that node. kind: of `KINDS`. code: of the answer, as in
    the Handle protocol; 0 where it is no answer. prefix: '' = prefixes that are not known.
    """

    node: str
    day: int
    kind: str
    code: int
    prefix: str


@dataclass(frozen=True, slots=True)
class Sender:
    """A node below, as far as its reports have come.

    prefix: by which it reports. stream: name of its present numbering. have: all numbers up to
    this one are here, lost ones included. missing: ranges of numbers that are not here while later
    ones are. lost: how many it no longer has. heard_ms: instant of its last report [Unix ms].
    """

    prefix: str
    stream: str = ""
    have: int = 0
    missing: tuple[tuple[int, int], ...] = ()
    lost: int = 0
    heard_ms: int = 0


class ReportBook(Protocol):
    """Counts and reports of a node; the record stage implements it. Safe from any thread."""

    def counts(
        self, first_day: int, last_day: int, chosen: Mapping[str, str]
    ) -> Iterable[tuple[Cell, int]]:
        """Return the counts of some days; `chosen` names node, kind or prefix that is wanted."""
        ...

    def log(self, after: str, count_max: int) -> list[tuple[str, Sample]]:
        """Return samples behind a place in the log, oldest first, each with its place."""
        ...

    def set_key(self, asker: Asker, prefix: str, key: str) -> None:
        """Let a node report a prefix under a key, '' = no longer; RegistryError, NotFoundError."""
        ...

    def key(self, prefix: str) -> str:
        """Return the key under which a prefix is reported, '' = it may not be."""
        ...

    def take(self, prefix: str, told: Mapping[str, Any], now_ms: int) -> Sender:
        """Take what a node below sends; ValueError where it is malformed or not of its prefix."""
        ...

    def senders(self) -> list[Sender]:
        """Return the nodes below that have reported, by prefix."""
        ...

    def outbox(self) -> Mapping[str, Any]:
        """Describe what this node has still to report."""
        ...


class ReportingRegistry(NodeRegistry, Protocol):
    """The records of a node together with its prefixes, counts and reports."""

    @property
    def reports(self) -> ReportBook:
        """Counts, log, reports."""
        ...


def is_below(prefix: str, above: str) -> bool:
    """Whether a prefix is `above` or derives from it.

    >>> is_below("88.100.1", "88.100"), is_below("88.1001", "88.100")
    (True, False)
    """
    return prefix == above or prefix.startswith(f"{above}.")


def read_rows(told: Any, sender: str) -> list[tuple[Cell, int]]:
    """Return the rows of a report from below.

    Raises
    ------
    ValueError
        They are malformed, or tell of prefixes or nodes that are not the sender's.
    """
    if not isinstance(told, list) or len(told) > REPORT_ROWS_MAX:
        raise ValueError(f"rows: a list of at most {REPORT_ROWS_MAX} was expected")
    return [_row(row, sender) for row in told]


def _row(told: Any, sender: str) -> tuple[Cell, int]:
    if not isinstance(told, list) or len(told) != 6:
        raise ValueError("row: node, day, kind, code, prefix and count were expected")
    node, day, kind, code, prefix, count = told
    texts = all(
        isinstance(text, str) and len(text) <= _TEXT_MAX and text.isprintable()
        for text in (node, kind, prefix)
    )
    numbers = all(type(number) is int for number in (day, code, count))
    if not texts or not numbers or kind not in KINDS:
        raise ValueError(f"row {str(told)[:80]}: it is malformed")
    if not (19_000_101 <= day <= 99_991_231 and 0 <= code < 1 << 16 and 0 < count < _COUNT_MAX):
        raise ValueError(f"row {str(told)[:80]}: day, code or count is out of range")
    if (node and not is_below(node, sender)) or (prefix and not is_below(prefix, sender)):
        raise ValueError(f"row {str(told)[:80]}: {sender} may tell of itself only")
    return Cell(node or sender, day, kind, code, prefix), count


def read_samples(told: Any) -> list[Sample]:
    """Return the samples of a report from below; ValueError where they are malformed."""
    if not isinstance(told, list) or len(told) > TALLY_SAMPLES_MAX:
        raise ValueError(f"log: a list of at most {TALLY_SAMPLES_MAX} was expected")
    found = []
    for row in told:
        fits = isinstance(row, list) and [type(v) for v in row] == [int, str, int, str, str]
        if not fits or any(len(v) > _TEXT_MAX for v in row if isinstance(v, str)):
            raise ValueError(f"log: {str(row)[:80]} is malformed")
        if not 0 <= row[0] < 1 << 48:
            raise ValueError(f"log: {row[0]} is no instant")
        found.append(Sample(*row))
    return found


def missing_of(have: int, beyond: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return the ranges of numbers behind `have` that are not in `beyond`, which is sorted.

    >>> missing_of(3, [5, 6, 9])
    ((4, 4), (7, 8))
    """
    found, at = [], have
    for number in beyond:
        if number > at + 1:
            found.append((at + 1, number - 1))
        at = number
    return tuple(found)
