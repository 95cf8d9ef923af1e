"""What every face tells of the signatures of a record that it shows."""

from collections.abc import Iterable, Sequence

from millbrain.core import keys
from millbrain.core.errors import LimitError
from millbrain.core.faces.pace import Pace
from millbrain.core.limits import TRUST_HZ_MAX
from millbrain.core.records import Value, is_live
from millbrain.core.registry import Asker, Registry
from millbrain.core.trust import chains
from millbrain.core.trust.chains import Report, Roots

_ANYBODY = Asker()


class Trust:
    """Judges the records of this node by the roots that it trusts.

    Parameters
    ----------
    roots
        Keys that are trusted, by handle; without any, nothing is trusted.
    """

    def __init__(self, registry: Registry, roots: Roots) -> None:
        self._registry = registry
        self._roots = roots
        self._pace = Pace(TRUST_HZ_MAX)

    def report(self, handle: str, seen: Iterable[Value], now_s: float) -> Report:
        """Return what the signatures of a record say of the values that a reader sees.

        Certificates are looked for on this node only: one that another node keeps is told as
        missing.

        Raises
        ------
        LimitError
            Too many were asked for within a second.
        """
        if not self._pace.may(now_s):
            raise LimitError(f"more than {TRUST_HZ_MAX} records a second to be judged; try again")
        return chains.judge(handle, seen, self._public, self._roots, now_s)

    def _public(self, handle: str) -> Sequence[Value]:
        """Return the values of a record of this node that everybody may read."""
        (stored,) = self._registry.get_many([keys.handle_key(handle)])
        if stored is None or not is_live(stored):
            return ()
        return self._registry.readable(stored, handle, _ANYBODY)
