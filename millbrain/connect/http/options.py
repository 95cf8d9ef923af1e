"""What a connection of this room may say: where it pushes to, and how fast."""

from collections.abc import Sequence
from typing import Final

from millbrain.core import limits
from millbrain.core.plant.tags import Connection, Tag, Wrong
from millbrain.core.tagging.rules import HIDDEN

PATH: Final = "/push/"
TOKEN_CHARACTERS_MIN: Final = 16  # `openssl rand -hex 16` gives 32


def check(connection: Connection, tags: Sequence[Tag]) -> Sequence[Wrong]:
    """Return what is wrong with a connection; its tags may have any address."""
    found = []
    path = PATH + connection.key
    if connection.endpoint != path:
        found.append(Wrong("endpoint", connection.endpoint, path))
    try:
        rate_hz(connection)
    except (TypeError, ValueError):
        found.append(
            Wrong("rate_hz", str(connection.options.get("rate_hz")), f"1 to {limits.PUSH_HZ_MAX}")
        )
    token = connection.options.get("token")
    if token is not None and token != HIDDEN and len(str(token)) < TOKEN_CHARACTERS_MIN:
        allowed = f"a text of {TOKEN_CHARACTERS_MIN} characters or more"
        found.append(Wrong("token", "a shorter one", allowed))
    return found


def rate_hz(connection: Connection) -> float:
    """Return how many readings a second a connection may push.

    Raises
    ------
    ValueError, TypeError
        It is no number, or out of range.
    """
    rate = float(connection.options.get("rate_hz") or limits.PUSH_HZ_MAX)
    if not 1 <= rate <= limits.PUSH_HZ_MAX:
        raise ValueError(f"rate_hz is {rate:g}")
    return rate
