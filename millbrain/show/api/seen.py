"""Which vehicle a route is about, and whether the caller may see it."""

from typing import Annotated

from fastapi import Depends, Path

from millbrain.core.errors import NotFoundError
from millbrain.show.access import Caller, ViewerCaller
from millbrain.show.queries import vehicle as queries
from millbrain.show.queries import vehicles
from millbrain.show.queries.rows import Row
from millbrain.show.services import Services, Use


class Seen:
    """A vehicle that the caller may see, with its live row where there is one."""

    def __init__(self, vin: str, latest: Row | None) -> None:
        self.vin = vin
        self.latest = latest


def _seen(
    vin: Annotated[str, Path(max_length=64, description="VIN, or the id the terminal sends.")],
    caller: ViewerCaller,
    use: Use,
) -> Seen:
    return find(vin, caller, use)


def find(vin: str, caller: Caller, use: Services) -> Seen:
    """Return a vehicle within the caller's scope; NotFoundError where there is none.

    One outside the scope is answered like one that does not exist, so nobody learns of it.
    """
    latest = vehicles.latest(use.warehouse, vin, caller.operator)
    if latest is None:
        # Not in the live picture: registered and silent so far, or only seconds old.
        thing = use.ledger.things.get(vin)
        is_mine = thing is not None and thing.operator == caller.operator
        is_known = thing is not None or queries.has_reports(use.warehouse, vin)
        if not (is_mine if caller.operator else is_known):
            raise NotFoundError(f"no vehicle {vin!r} is known")
    return Seen(vin, use.settings.with_region(latest) if latest else None)


Vehicle = Annotated[Seen, Depends(_seen)]
