"""Changes that wait for the writer of the registry, bounded in number."""

import threading
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from millbrain.core.registry import Change, Done, Once, RegistryError


class Batch(NamedTuple):
    """Changes that one request asks for.

    changes: a RegistryError stands for a row that was refused before. done: hears of each.
    is_whole: all of them or none. once: how the request is known again, None = it is not.
    """

    changes: Sequence[Change | RegistryError]
    done: Done
    is_whole: bool = False
    once: Once | None = None


class Waiting:
    """A queue of batches; many threads put, one takes all that a commit may hold.

    Parameters
    ----------
    changes_max
        Changes that may wait. A batch that finds nobody before it always fits.
    """

    def __init__(self, changes_max: int) -> None:
        self._changes_max = changes_max
        self._batches: deque[Batch] = deque()
        self._count = 0
        self._is_closed = False
        self._is_something = threading.Condition()

    def __len__(self) -> int:
        """Return how many changes wait."""
        return self._count

    def put(self, batch: Batch) -> bool:
        """Add a batch; False where too many changes wait."""
        changes = batch.changes
        with self._is_something:
            if self._count and self._count + len(changes) > self._changes_max:
                return False
            self._batches.append(batch)
            self._count += len(changes)
            self._is_something.notify()
            return True

    def take(self, changes_max: int) -> list[Batch]:
        """Wait for a batch and return it with those behind it, of so many changes at most.

        A first batch is taken whatever its size. Empty once the queue is closed and all are taken.
        """
        taken: list[Batch] = []
        room = changes_max
        with self._is_something:
            while not self._batches and not self._is_closed:
                self._is_something.wait()
            while self._batches and (not taken or len(self._batches[0].changes) <= room):
                taken.append(self._batches.popleft())
                room -= len(taken[-1].changes)
            self._count -= sum(len(batch.changes) for batch in taken)
        return taken

    def close(self) -> None:
        """Let `take` end once nothing waits."""
        with self._is_something:
            self._is_closed = True
            self._is_something.notify()
