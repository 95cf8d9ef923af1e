"""What the room of production asks of its stores; the ledger implements it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from millbrain.core.production.andon import AndonCall
from millbrain.core.production.orders import OrderOperation, ProductionOrder
from millbrain.core.production.reports import Report
from millbrain.core.scans.recipes import Station


class OrderStore(Protocol):
    """Orders and their operations. Safe from any thread."""

    def get(self, number: str, operator: str = "") -> ProductionOrder:
        """Return an order; NotFoundError where there is none in that scope."""
        ...

    def open_orders(self) -> Sequence[ProductionOrder]:
        """Return the orders that are not done."""
        ...

    def operations(self, numbers: Sequence[str]) -> Mapping[str, Sequence[OrderOperation]]:
        """Return the operations of orders in their sequence: number -> operations."""
        ...

    def at_station(self, station: str, operator: str = "") -> Sequence[ProductionOrder]:
        """Return orders that are open for work at a station, the most urgent first."""
        ...

    def project(self, dates: Mapping[str, datetime | None]) -> None:
        """Keep projected completions."""
        ...


class ReportStore(Protocol):
    """The log of reports. Safe from any thread."""

    def of_lot(self, key: str, operator: str = "") -> Sequence[Report]:
        """Return the reports that consumed or produced a lot or serial."""
        ...

    def untold(self, most: int = 100) -> Sequence[Report]:
        """Return reports whose lots the resolver does not know of yet."""
        ...

    def told(self, ids: Sequence[str], event: str = "told") -> None:
        """Note that the resolver knows of reports, or refused them."""
        ...

    def waiting_events(self) -> Mapping[str, int]:
        """Return how many reports wait to be told, and how many were refused."""
        ...


class AndonStore(Protocol):
    """Calls for help. Safe from any thread."""

    def due(self, at: datetime) -> Sequence[AndonCall]:
        """Return open calls that are to be escalated now."""
        ...

    def escalate(self, call: AndonCall, at: datetime, rise_at: datetime | None) -> bool:
        """Escalate a call; False where it has moved on meanwhile."""
        ...


class Books(Protocol):
    """Stations and qualifications, as scans know them."""

    def station(self, name: str, operator: str = "") -> Station | None:
        """Return a station within a scope."""
        ...

    def qualifications(self, account: str = "") -> Sequence[tuple[str, str, str]]:
        """Return account, qualification and last day (ISO)."""
        ...
