"""Which connections a caller may see, and which it may change.

A connection without an organisation is of the whole plant: everyone sees it, and only callers
without an organisation change it. One of another organisation is answered like one that does not
exist.
"""

from typing import Annotated

from fastapi import Path

from millbrain.core.errors import NotFoundError, RefusedError
from millbrain.core.plant.tags import Connection
from millbrain.show.access import Caller
from millbrain.show.services import Services

Key = Annotated[str, Path(min_length=1, max_length=64, description="Key of the connection.")]


def seen(caller: Caller, use: Services) -> dict[str, Connection]:
    """Return the connections that the caller may see, by key."""
    return {c.key: c for c in use.ledger.tags.connections() if _sees(caller, c)}


def editable(caller: Caller, use: Services) -> dict[str, Connection]:
    """Return those that the caller may change."""
    return {k: c for k, c in seen(caller, use).items() if _edits(caller, c)}


def one(key: str, caller: Caller, use: Services) -> Connection:
    """Return a connection that the caller sees; NotFoundError where there is none."""
    found = use.ledger.tags.connection(key)
    if found is None or not _sees(caller, found):
        raise NotFoundError(f"no connection has the key {key!r}")
    return found


def one_to_edit(key: str, caller: Caller, use: Services) -> Connection:
    """Return a connection that the caller may change; RefusedError where it only sees it."""
    found = one(key, caller, use)
    if not _edits(caller, found):
        raise RefusedError(
            f"connection {key} is of the whole plant; you change those of {caller.operator} only"
        )
    return found


def _sees(caller: Caller, connection: Connection) -> bool:
    return not caller.operator or connection.operator in ("", caller.operator)


def _edits(caller: Caller, connection: Connection) -> bool:
    return not caller.operator or connection.operator == caller.operator
