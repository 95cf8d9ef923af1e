"""What a server remembers: raw values of a span of time, in pages, into the same road as live ones.

A value that is stored already is dropped by the intake as a duplicate, so a span may overlap.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from asyncua import ua

from millbrain.connect.opcua import codec, sentences
from millbrain.connect.opcua.codec import History
from millbrain.connect.opcua.handover import Handover, Part
from millbrain.connect.opcua.session import Session
from millbrain.connect.opcua.slots import Slots
from millbrain.core import limits
from millbrain.core.errors import LimitError, LinkError
from millbrain.core.times import utc_from_epoch

PAGE: Final = 10_000  # values of one request


async def bring(
    session: Session, handover: Handover, slots: Slots, slot: int, from_ms: int, to_ms: int
) -> int:
    """Hand on what the server remembers of a tag; return how many values are then on disk.

    Raises
    ------
    LinkError
        The server keeps no history of the node.
    LimitError
        It has more values in that span than are brought at once.
    """
    tag = slots.tags[slot]
    assert tag is not None, "a slot that is gone has no history"
    node = ua.NodeId.from_string(slots.address(slot).resolved(session.namespaces))
    brought, more = 0, b""
    on_disk = _Counted()
    while True:
        page = await _page(session, node, from_ms, to_ms, more)
        if page.status >= 0x8000_0000:
            raise LinkError(f"history of {tag.address}: {sentences.of_status(page.status)[0]}")
        if page.samples:
            await handover.room()
            body = codec.notification((slot, sample) for sample in page.samples)
            received_ms = time.time_ns() // 1_000_000
            handover.add(Part(slots, body, ((0, len(body)),), received_ms, on_disk.add()))
        brought += len(page.samples)
        more = page.more
        if not more:
            await on_disk.wait()
            return brought
        if brought > limits.OPCUA_HISTORY_VALUES_MAX:
            raise LimitError(
                f"history of {tag.address}: more than {limits.OPCUA_HISTORY_VALUES_MAX} values "
                "in that span; ask for a shorter one"
            )


async def _page(
    session: Session, node: ua.NodeId, from_ms: int, to_ms: int, more: bytes
) -> History:
    request = ua.HistoryReadRequest()
    details = ua.ReadRawModifiedDetails()
    details.IsReadModified = False
    details.StartTime, details.EndTime = _instant(from_ms), _instant(to_ms)
    details.NumValuesPerNode = PAGE
    details.ReturnBounds = False
    asked = ua.HistoryReadValueId()
    asked.NodeId = node
    asked.ContinuationPoint = more or None
    request.Parameters.HistoryReadDetails = details
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    request.Parameters.ReleaseContinuationPoints = False
    request.Parameters.NodesToRead = [asked]
    (found,) = codec.histories(await session.ask(request))
    return found


def _instant(ms: int) -> datetime:
    return utc_from_epoch(ms / 1000)


class _Counted:
    """Waits until every page that was handed on is committed."""

    def __init__(self) -> None:
        self._left = 0
        self._none_left = asyncio.Event()
        self._none_left.set()

    def add(self) -> Callable[[], None]:
        """Count a page; what is returned is called once it is committed."""
        self._left += 1
        self._none_left.clear()
        return self._committed

    async def wait(self) -> None:
        """Return once all are committed."""
        await self._none_left.wait()

    def _committed(self) -> None:
        self._left -= 1
        if not self._left:
            self._none_left.set()
