"""Pieces made in a thread, taken in the event loop, a few of them ahead.

The engine works in threads and the network in the loop; this is the only place where they meet. The
side that has nothing to do waits: a slow client holds its query back (which then runs into its time
limit), a slow query holds its client. A piece not taken within `limits.QUERY_S_MAX` ends it.

Where many threads work, each time that one waits for another takes milliseconds; so a short answer
is handed over without any.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from millbrain.core import limits
from millbrain.core.errors import MillbrainError

_AHEAD: Final = 4  # head, rows, end, and that it ended: all of a short answer


class Handover:
    """Carries the pieces of one answer from its thread to its response.

    release: called once in the loop, when the thread has ended. cancel: called in the loop when the
    client leaves before that.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        release: Callable[[], object],
        cancel: Callable[[], object],
    ) -> None:
        self._loop = loop
        self._release = release
        self._cancel = cancel
        self._is_ended = False
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._room = threading.Semaphore(_AHEAD)
        self._is_left = False

    def run(self, pieces: Iterator[Any]) -> None:
        """Make the pieces; called in the thread."""
        try:
            self._hand_over(pieces)
        finally:
            self._loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        self._is_ended = True
        self._release()

    def _hand_over(self, pieces: Iterator[Any]) -> None:
        try:
            for piece in pieces:
                if self._is_left or not self._put(piece):
                    break
            else:
                self._put(None)
        except (MillbrainError, RuntimeError) as error:
            self._put(error)
        finally:
            close = getattr(pieces, "close", None)
            if close:
                close()

    def _put(self, piece: Any) -> bool:
        """Wait until there is room for the piece; False where nobody takes it."""
        if not self._room.acquire(timeout=limits.QUERY_S_MAX) or self._is_left:
            return False
        self._loop.call_soon_threadsafe(self._queue.put_nowait, piece)
        return True

    async def next(self) -> Any:
        """Return the next piece, None after the last one; raises what the thread raised."""
        piece = await self._queue.get()
        self._room.release()
        if isinstance(piece, Exception):
            raise piece
        return piece

    def leave(self) -> None:
        """Take no more: the thread stops at its next piece. Called in the loop."""
        if not (self._is_left or self._is_ended):
            self._cancel()
        self._is_left = True
        self._room.release()
