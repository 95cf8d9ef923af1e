"""Secrets of connections: passwords and tokens, kept apart from what people may read.

A connection's options are shown, exported and recorded; what a card names as secret is none of
them. It is written once by a page, the API or the command line, and read by the room alone.
"""

from typing import Protocol

from millbrain.core.errors import RefusedError


class Secrets(Protocol):
    """Where the secrets of connections are kept; `run` implements it. May block."""

    def get(self, connection: str, name: str) -> str:
        """Return a secret of a connection, empty where none is kept."""
        ...

    def put(self, connection: str, name: str, value: str) -> None:
        """Keep a secret; an empty one is forgotten."""
        ...

    def names(self, connection: str) -> frozenset[str]:
        """Return the names of the secrets that are kept of a connection, never their values."""
        ...


class NoSecrets:
    """A place without secrets: for rooms that need none, and tests."""

    def get(self, connection: str, name: str) -> str:
        """Return nothing."""
        return ""

    def put(self, connection: str, name: str, value: str) -> None:
        """Refuse: there is no place for it."""
        raise RefusedError(
            f"secret {name!r} of connection {connection} is not kept: there is no place for it"
        )

    def names(self, connection: str) -> frozenset[str]:
        """Return no names."""
        return frozenset()
