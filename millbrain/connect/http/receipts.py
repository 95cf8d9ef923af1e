"""Answers that are remembered by their `Idempotency-Key`: the same push again, the same answer.

They live in memory, for a day at most. After a restart the key is forgotten and a push that comes
again is judged anew: each of its readings is known by thing, signal and device time, so those that
were stored count as duplicates and nothing is stored twice.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass

from millbrain.core import limits

KEY_CHARACTERS_MAX = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of an answer, and how long the client should wait [s], 0 = not at all."""

    status: int
    body: bytes
    retry_s: int = 0


@dataclass(slots=True)
class _Receipt:
    digest: bytes
    since_s: float
    answer: "asyncio.Future[Answer]"


class Receipts:
    """The newest answers by connection and key. Used in the event loop only."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], _Receipt] = OrderedDict()

    def begin(self, connection: str, key: str, digest: bytes) -> "asyncio.Future[Answer] | None":
        """Return the answer of a push with this key, there already or on its way; None = a new one.

        Raises
        ------
        ValueError
            The key was used for another body.
        """
        self._drop_old()
        place = (connection, key)
        known = self._kept.get(place)
        if known is None:
            future = asyncio.get_running_loop().create_future()
            self._kept[place] = _Receipt(digest, time.monotonic(), future)
            return None
        if known.digest != digest:
            raise ValueError(f"Idempotency-Key {key!r} was used for another body")
        return known.answer

    def end(self, connection: str, key: str, answer: Answer) -> None:
        """Keep the answer of a push; one that may be tried again is told and not kept."""
        receipt = self._kept.get((connection, key))
        if receipt is None:
            return
        if answer.status != 200:
            del self._kept[connection, key]
        if not receipt.answer.done():
            receipt.answer.set_result(answer)

    def _drop_old(self) -> None:
        oldest_s = time.monotonic() - limits.RECEIPT_S_MAX
        while self._kept:
            receipt = next(iter(self._kept.values()))
            if len(self._kept) < limits.RECEIPTS_MAX and receipt.since_s > oldest_s:
                return
            self._kept.popitem(last=False)
            if not receipt.answer.done():
                receipt.answer.cancel()
