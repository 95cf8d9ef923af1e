"""Production as the web process sees it: the room that releases, checks and projects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from millbrain.core.plant.plant import Plant
from millbrain.core.production.orders import OrderOperation, PlannedOperation, ProductionOrder
from millbrain.core.production.reports import Report
from millbrain.core.scans.recipes import Failed


@dataclass(frozen=True, slots=True)
class Span:
    """When an operation will be worked on as things stand, and what it waits for before.

    machine: that is reckoned with, '' = none is known. waited_s: between the end of the step before
    and its begin [s]. behind: the order that holds the machine until then, '' = none.
    """

    step: str
    begin: datetime
    end: datetime
    machine: str = ""
    waited_s: float = 0.0
    behind: str = ""


@dataclass(frozen=True, slots=True)
class Projection:
    """When an order will be complete as things stand; None where nobody can say, and why.

    late_s: behind what was promised, else due [s]; None = nothing was promised. why: a sentence on
    what takes most of the time.
    """

    order: str
    end: datetime | None
    spans: tuple[Span, ...] = ()
    late_s: float | None = None
    why: str = ""
    why_zh: str = ""


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody who may do an operation. is_present: the calendar says that they work now."""

    code: str
    title: str
    title_zh: str
    is_present: bool = False


@dataclass(frozen=True, slots=True)
class Runnable:
    """An operation at a station, whether it can run now, and who can run it."""

    order: ProductionOrder
    operation: OrderOperation
    available: int
    why_not: tuple[str, ...] = ()
    why_not_zh: tuple[str, ...] = ()
    workers: tuple[Worker, ...] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class StartAsked:
    """Whether somebody may begin an operation. text: code that was scanned, '' = none."""

    order: str
    step: str
    person: str
    machine: str
    text: str = ""
    operator: str = ""


class ProductionDesk(Protocol):
    """The room of production. May block."""

    def plants(self) -> Sequence[Plant]:
        """Return the plants that this installation knows."""
        ...

    def plan(self, order: ProductionOrder) -> Sequence[PlannedOperation]:
        """Return the operations that an order is released into.

        Raises
        ------
        NotFoundError
            No plant has a routing for its product.
        """
        ...

    def at_station(self, station: str, operator: str = "") -> Sequence[Runnable]:
        """Return what there is to do at a station, what can run now first."""
        ...

    def may_start(self, asked: StartAsked) -> Sequence[Failed]:
        """Return the checks that a start does not pass, none = it may go on."""
        ...

    def flags(self, reports: Sequence[Report]) -> Mapping[str, tuple[str, ...]]:
        """Return what is wrong with reports beyond what the ledger sees: id -> conflicts."""
        ...

    def place(self, station: str) -> Mapping[str, str]:
        """Return a station with its titles and its line: station, title, title_zh, line."""
        ...

    def rise_at(self, *, state: str, stops_line: bool, level: int) -> datetime | None:
        """Return when a call that is in a state from now on is escalated next."""
        ...

    def projection(self, number: str) -> Projection | None:
        """Return when an order will be complete, None where it was not reckoned yet."""
        ...

    def status(self) -> Mapping[str, Any]:
        """Describe what waits and what keeps it from working."""
        ...
