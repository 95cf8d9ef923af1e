"""Whose things are pushed: a connection of an organisation speaks of no other's things."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from millbrain.core import limits

REMEMBER_S: Final = 30  # a thing that changes hands is looked up anew after so long


class Owners:
    """Organisations of things, remembered for a while. Used from the threads that decode."""

    def __init__(self, ask: Callable[[Sequence[str]], Mapping[str, str]]) -> None:
        self._ask = ask
        self._known: dict[str, str] = {}
        self._until_s = 0.0

    def foreign(self, operator: str, things: Sequence[str]) -> frozenset[str]:
        """Return those of `things` that belong to an organisation other than `operator`.

        A connection without an organisation may speak of all; so may every one of things that
        nobody registered, and of those that belong to no organisation.
        """
        if not operator:
            return frozenset()
        if time.monotonic() > self._until_s or len(self._known) > limits.PUSH_SERIES_MAX:
            self._known, self._until_s = {}, time.monotonic() + REMEMBER_S
        known = self._known
        unknown = [t for t in things if t not in known]
        if unknown:
            found = self._ask(unknown)
            known |= {t: found.get(t, "") for t in unknown}
        return frozenset(t for t in things if known[t] not in ("", operator))
