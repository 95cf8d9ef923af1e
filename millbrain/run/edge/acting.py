"""What a rule orders at a machine: a write through the command of its room, read back there.

An order goes out after the rule's own reading is on disk, each time the rule becomes true; after a
restart a rule that is true says so again, and orders again, so a value must bear being written
twice. What came late is history and orders nothing. Each order ends in a reading ``<rule>_action``:
1 where the machine reads back what was written, 0 where not; the log and the status page say why.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from millbrain.core import limits
from millbrain.core.columns import Delivery
from millbrain.core.errors import LimitError, MillbrainError, NotFoundError
from millbrain.core.plant.reading_rows import reading_rows
from millbrain.core.plant.readings import ACTION_SUFFIX, GOOD
from millbrain.core.plant.tags import Tag
from millbrain.core.rooms import Running, Sink
from millbrain.run.edge.book import EdgeBook
from millbrain.run.edge.rules import Raised

log = logging.getLogger(__name__)

TOLD_MAX: Final = 20  # orders that the status page names
STOP_S_MAX: Final = 5.0


class Actor:
    """Carries out what rules order. The event loop is the one that makes it.

    raised: returns the rules that became true since the last call. rooms: running, by key.
    """

    def __init__(
        self, raised: Callable[[], Sequence[Raised]], book: EdgeBook,
        rooms: Mapping[str, Running], sink: Sink,
    ) -> None:  # fmt: skip
        self._raised, self._book, self._rooms, self._sink = raised, book, rooms, sink
        self._loop = asyncio.get_running_loop()
        self._open: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._stopping = False
        self.told: deque[dict[str, Any]] = deque(maxlen=TOLD_MAX)

    def committed(self) -> None:
        """Begin what the rules order whose readings are on disk now. Called by the sink."""
        found = [r for r in self._raised() if r.rule.action is not None]
        if found and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._begin, found)

    async def stop(self) -> None:
        """Begin nothing more; what is under way has a moment to end."""
        self._stopping = True
        if self._open:
            _, late = await asyncio.wait(self._open.values(), timeout=STOP_S_MAX)
            for task in late:
                task.cancel()

    def _begin(self, found: Sequence[Raised]) -> None:
        if self._stopping:
            return
        for raised in found:
            key = (raised.thing, raised.rule.signal)
            if key in self._open:
                log.warning("edge: rule %s of %s: its last order is under way still", *key[::-1])
                continue
            self._open[key] = asyncio.create_task(self._act(key, raised))

    async def _act(self, key: tuple[str, str], raised: Raised) -> None:
        try:
            await self._carry_out(raised)
        finally:
            self._open.pop(key, None)

    async def _carry_out(self, raised: Raised) -> None:
        action = raised.rule.action
        assert action is not None, "looked at before"
        thing = action.thing or raised.thing
        agrees, why = False, ""
        try:
            answer = await self._order(raised, thing)
            agrees = bool(answer.get("agrees"))
            why = "" if agrees else f"the machine reads back {answer.get('read_back')!r}"
        except MillbrainError as e:
            why = str(e)
        except Exception as e:  # a room's own fault must not end the edge
            log.exception("edge: an order of rule %s", raised.rule.signal)
            why = f"{type(e).__name__}: {e}"
        now_ms = time.time_ns() // 1_000_000
        self.told.append({
            "rule": raised.rule.signal, "thing": thing, "signal": action.signal,
            "value": action.value, "at_ms": now_ms, "agrees": agrees, "why": why,
        })  # fmt: skip
        log.log(logging.INFO if agrees else logging.WARNING, "edge: rule %s: %s of %s := %r: %s",
                raised.rule.signal, action.signal, thing, action.value, why or "done")  # fmt: skip
        try:
            await asyncio.to_thread(self._sink.put, _reading(raised, agrees, now_ms))
        except MillbrainError as e:
            log.warning("edge: what became of an order is not stored: %s", e)

    async def _order(self, raised: Raised, thing: str) -> Mapping[str, Any]:
        action = raised.rule.action
        assert action is not None, "looked at before"
        age_s = time.time() - raised.at_ms / 1000
        if age_s > limits.EDGE_ACTION_AGE_S_MAX:
            raise LimitError(
                f"it came {age_s:.0f} s late; {limits.EDGE_ACTION_AGE_S_MAX} s are allowed; "
                "nothing was written"
            )
        room = self._room(thing, action.signal)
        order = {"do": "write", "signal": action.signal, "value": action.value}
        try:
            return await asyncio.wait_for(room.command(thing, order), limits.ANSWER_WAIT_S_MAX)
        except TimeoutError as e:
            raise LimitError(f"{thing} did not answer in {limits.ANSWER_WAIT_S_MAX} s") from e

    def _room(self, thing: str, signal: str) -> Running:
        tags: list[Tag] = [
            t for t in self._book.all_tags() if (t.thing, t.signal) == (thing, signal)
        ]
        for tag in tags:
            for key, room in self._rooms.items():
                if any(c.key == tag.connection for c in self._book.connections(key)):
                    return room
        raise NotFoundError(f"no connection of this edge has a signal {signal!r} of {thing!r}")


def _reading(raised: Raised, agrees: bool, now_ms: int) -> Delivery:
    rows = reading_rows(
        "edge",
        np.array([raised.thing.encode()]),
        np.array([f"{raised.rule.signal}{ACTION_SUFFIX}".encode()]),
        np.array([now_ms], np.int64),
        now_ms,
        np.array([float(agrees)]),
        np.array([GOOD], np.uint8),
    )
    return Delivery({"edge": 1}, {"reading": rows}, [])
