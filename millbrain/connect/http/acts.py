"""What an edge wrote at machines by its own rules, as it tells it afterwards.

An edge acts while nobody can ask; each of its writes comes as a reading, among its other values. It
gets its line in the audit trail before the push is answered: what has no answer is pushed again.
"""

from collections.abc import Iterator

import numpy as np

from millbrain.connect.http.columnar import Pushed
from millbrain.core.plant.readings import ACTION_SUFFIX
from millbrain.core.times import isos

_END = ACTION_SUFFIX.encode()


def acts_in(pushed: Pushed) -> Iterator[tuple[str, str]]:
    """Yield each write that a push tells of: what it is about, and what became of it."""
    names = pushed.signals.known
    found = [code for code, name in enumerate(names.tolist()) if name.endswith(_END)]
    if not found:
        return
    fit = np.flatnonzero(pushed.faults == 0)
    rows = np.flatnonzero(np.isin(pushed.signals.codes[fit], found))
    at = isos(pushed.columns.array("device_at")[rows])
    done = pushed.columns.array("value")[rows] == 1
    for row, instant, is_done in zip(fit[rows], at, done, strict=True):
        thing = pushed.things.known[pushed.things.codes[row]].decode("utf-8", "replace")
        rule = names[pushed.signals.codes[row]].removesuffix(_END).decode("utf-8", "replace")
        yield f"{thing} rule {rule}", f"{'done' if is_done else 'not done'} at {instant}"
