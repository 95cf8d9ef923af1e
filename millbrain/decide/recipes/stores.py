"""What the hand of the recipes stands on: two stores of the ledger and the resolver."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from millbrain.core.errors import MillbrainError
from millbrain.core.scans.recipes import Part, Recipe, Scan, Station


class UplinkError(MillbrainError):
    """The resolver was not reached; what is known here goes on."""


class Uplink(Protocol):
    """The resolver. Both may block, for a second or two, and raise an UplinkError."""

    def part(self, key: str) -> Part | None:
        """Return what the record of a part says, None where there is none."""
        ...

    def tell(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Capture events, on disk there when this returns; all of them or none.

        Raises
        ------
        RefusedError
            One of them was not taken; to send it again would not help.
        """
        ...


class Book(Protocol):
    """Recipes, stations, qualifications, known parts; the ledger implements it."""

    def recipes(self, part_type: str = "") -> list[Recipe]:
        """Return the recipes in use, of a part type or all."""
        ...

    def recipe(self, name: str, version: int) -> Recipe | None:
        """Return a version of a recipe."""
        ...

    def station(self, name: str, operator: str = "") -> Station | None:
        """Return a station within a scope."""
        ...

    def qualifications(self, account: str = "") -> list[tuple[str, str, str]]:
        """Return account, qualification and last day (ISO)."""
        ...

    def part(self, key: str) -> Part | None:
        """Return what the resolver said of a part when it was asked last."""
        ...

    def put_parts(self, parts: Sequence[Part]) -> None:
        """Keep what the resolver said of parts."""
        ...


class ScanStore(Protocol):
    """Where scans are kept; the ledger implements it."""

    def add(self, row: Mapping[str, Any]) -> tuple[Scan, bool]:
        """Keep a scan; return it, or the one of its id, and whether it is new."""
        ...

    def get(self, scan_id: str, operator: str = "") -> Scan | None:
        """Return a scan by its id."""
        ...

    def move(self, scan: Scan, action: str, tool_cycles: int = 0, **values: Any) -> Scan:
        """Take a step of a scan's life; one that was taken already changes nothing."""
        ...

    def waiting(self, state: str, count_max: int = 100) -> list[Scan]:
        """Return scans in a state, the oldest first."""
        ...

    def counts(self) -> dict[str, int]:
        """Return how many scans are in each state that waits for something."""
        ...

    def steps_of(self, part: str) -> list[str]:
        """Return the routing steps that were carried out on a part."""
        ...
