"""One subscription at a server: its monitored items, its publish requests, its sequence numbers.

A notification is acknowledged to the server after it is on our disk, so a server keeps, and sends
again after a broken connection (Republish), whatever we have not stored.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from millbrain.connect.opcua import codec, sentences
from millbrain.connect.opcua.codec import Published
from millbrain.connect.opcua.ending import end
from millbrain.connect.opcua.handover import Handover, Part
from millbrain.connect.opcua.options import Options
from millbrain.connect.opcua.session import Session
from millbrain.connect.opcua.slots import Slots, watched
from millbrain.core import limits
from millbrain.core.errors import LinkError, NotFoundError
from millbrain.core.plant.tags import TagKind

KEEPALIVE_S: Final = 5.0  # a server that has nothing to say says so that often
LIFE_S: Final = 60.0  # a server that is not asked for so long forgets the subscription
_BREATH: Final = 1_000  # tags after which other connections have their turn
_SEQUENCE_END: Final = 0xFFFF_FFFF
_ITEMS_PER_CALL: Final = ua.NodeId(11714)  # OperationLimits, MaxMonitoredItemsPerCall
_NO_FILTER: Final = frozenset((
    ua.StatusCodes.BadMonitoredItemFilterUnsupported, ua.StatusCodes.BadFilterNotAllowed,
    ua.StatusCodes.BadMonitoredItemFilterInvalid,
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the server made of our wishes. silence_s: longest pause between two of its answers."""

    id: int
    publishing_ms: float
    silence_s: float


class Subscription:
    """A subscription that outlives its connections for as long as the server keeps it.

    heard: called with each publish response. slots: the tags it brings; replaced when they change.
    """

    def __init__(
        self, handover: Handover, slots: Slots, heard: Callable[[Published, int], None]
    ) -> None:
        self.slots = slots
        self.numbers = Numbers(0, 0, 0)
        self._handover = handover
        self._heard = heard
        self._items: dict[int, int] = {}  # slot -> monitored item
        self._last = 0  # sequence number of the newest notification that was handed on
        self._acks: list[int] = []
        self._unfiltered: set[int] = set()  # slots whose deadband the server does not know

    async def create(self, session: Session, options: Options) -> None:
        """Create it at the server, without items."""
        period = float(options.publishing_ms)
        alive = max(1, round(KEEPALIVE_S * 1000 / period))
        request = ua.CreateSubscriptionRequest()
        request.Parameters.RequestedPublishingInterval = period
        request.Parameters.RequestedMaxKeepAliveCount = alive
        request.Parameters.RequestedLifetimeCount = max(3 * alive, round(LIFE_S * 1000 / period))
        request.Parameters.MaxNotificationsPerPublish = 0
        request.Parameters.PublishingEnabled = True
        answer = struct_from_binary(
            ua.CreateSubscriptionResponse, Buffer(await session.ask(request))
        )
        made = answer.Parameters
        pause_s = made.RevisedPublishingInterval * max(made.RevisedMaxKeepAliveCount, 1) / 1000
        self.numbers = Numbers(
            made.SubscriptionId, made.RevisedPublishingInterval,
            pause_s + limits.OPCUA_REQUEST_S_MAX,
        )  # fmt: skip
        self._items.clear()
        self._acks.clear()
        self._last = 0

    async def watch(self, session: Session, options: Options, slots: Sequence[int]) -> None:
        """Let the server watch the tags of these slots; what it refuses is noted in the slots."""
        wanted = []
        for slot in slots:
            if slot % _BREATH == 0:
                await asyncio.sleep(0)
            try:
                wanted.append((slot, self._item(session, options, slot)))
            except (NotFoundError, ua.UaError, ValueError) as e:
                self.slots.refused[slot] = str(e)
        size = min(options.items_per_call, await _items_per_call(session))
        while wanted:
            some = wanted[:size]
            try:
                again = await self._create_items(session, some)
            except ua.UaStatusCodeError as e:
                if e.code != ua.StatusCodes.BadTooManyOperations or size == 1:
                    raise
                size = max(1, size // 2)
                continue
            wanted = again + wanted[size:]

    async def forget(self, session: Session, slots: Sequence[int]) -> None:
        """Let the server watch these tags no more."""
        items = [self._items.pop(s) for s in slots if s in self._items]
        for start in range(0, len(items), limits.OPCUA_ITEMS_PER_CALL_MAX):
            params = ua.DeleteMonitoredItemsParameters()
            params.SubscriptionId = self.numbers.id
            params.MonitoredItemIds = items[start : start + limits.OPCUA_ITEMS_PER_CALL_MAX]
            await session.services.delete_monitored_items(params)

    @property
    def watched(self) -> int:
        """How many tags the server watches."""
        return len(self._items)

    def is_watched(self, slot: int) -> bool:
        """Whether the server watches the tag of this slot."""
        return slot in self._items

    def _item(self, session: Session, options: Options, slot: int) -> ua.MonitoredItemCreateRequest:
        tag = self.slots.tags[slot]
        assert tag is not None, "a slot that is gone is not watched"
        asked = watched(tag)
        request = ua.MonitoredItemCreateRequest()
        node = asked.address.resolved(session.namespaces)
        request.ItemToMonitor.NodeId = ua.NodeId.from_string(node)
        request.ItemToMonitor.AttributeId = ua.AttributeIds.Value
        request.MonitoringMode = ua.MonitoringMode.Reporting
        request.RequestedParameters.ClientHandle = slot
        request.RequestedParameters.SamplingInterval = float(asked.period_ms)
        request.RequestedParameters.QueueSize = options.queue
        request.RequestedParameters.DiscardOldest = True
        if asked.deadband > 0 and tag.kind is TagKind.NUMBER:
            request.RequestedParameters.Filter = ua.DataChangeFilter(
                ua.DataChangeTrigger.StatusValue, ua.DeadbandType.Absolute, asked.deadband
            )
        return request

    async def _create_items(self, session: Session, wanted: list[Any]) -> list[Any]:
        """Create items; return those that must be asked for again, without their filter."""
        params = ua.CreateMonitoredItemsParameters()
        params.SubscriptionId = self.numbers.id
        params.TimestampsToReturn = ua.TimestampsToReturn.Both
        params.ItemsToCreate = [request for _, request in wanted]
        again = []
        answers = await session.services.create_monitored_items(params)
        for (slot, request), answer in zip(wanted, answers, strict=True):
            code = answer.StatusCode.value
            if answer.StatusCode.is_good():
                self._items[slot] = answer.MonitoredItemId
                if slot not in self._unfiltered:
                    self.slots.refused.pop(slot, None)
            elif code in _NO_FILTER and request.RequestedParameters.Filter is not None:
                request.RequestedParameters.Filter = None
                self.slots.refused[slot] = "the server knows no deadband; every value is stored"
                self._unfiltered.add(slot)
                again.append((slot, request))
            else:
                self.slots.refused[slot] = sentences.of_status(code)[0]
        return again

    async def recover(self, session: Session) -> None:
        """Ask for what the server sent into a connection that was broken, until it has no more.

        Raises
        ------
        UaStatusCodeError
            The server does not keep the subscription any more.
        """
        while True:
            request = ua.RepublishRequest()
            request.Parameters.SubscriptionId = self.numbers.id
            request.Parameters.RetransmitSequenceNumber = _next(self._last)
            try:
                body = await session.ask(request)
            except ua.uaerrors.BadMessageNotAvailable:
                return
            found = codec.republished(body)
            if found.sequence != _next(self._last) or not found.changes:
                return  # a server that has nothing answers an empty message
            await self._take(found, body)

    async def publish(self, session: Session) -> None:
        """Keep publish requests waiting at the server and hand on what it answers, for ever.

        Raises
        ------
        LinkError
            The server is silent, or ended the subscription.
        """
        waiting: deque[asyncio.Task[bytes]] = deque()
        try:
            while True:
                await self._handover.room()
                while len(waiting) < limits.OPCUA_PUBLISHES_OPEN:
                    waiting.append(asyncio.create_task(session.ask(self._request(), wait_s=0)))
                done, _ = await asyncio.wait({waiting[0]}, timeout=self.numbers.silence_s)
                if not done:
                    raise LinkError(f"the server said nothing for {self.numbers.silence_s:.0f} s")
                try:
                    body = waiting.popleft().result()
                except ua.uaerrors.BadTooManyPublishRequests:
                    await asyncio.sleep(self.numbers.publishing_ms / 1000)
                    continue
                await self._answered(session, codec.published(body), body)
        finally:
            await end(waiting, patience_s=1)

    async def _answered(self, session: Session, found: Published, body: bytes) -> None:
        if found.ended:
            raise LinkError(f"the server ended the subscription: {_status(found.ended[0])}")
        if found.subscription != self.numbers.id:
            return  # one that we have left
        if found.changes:
            if self._last and found.sequence != _next(self._last):
                await self.recover(session)
            await self._take(found, body)
        else:
            self._heard(found, 0)

    async def _take(self, found: Published, body: bytes) -> None:
        received_ms = time.time_ns() // 1_000_000
        sequence = self._last = found.sequence
        number = self.numbers.id

        def committed() -> None:
            if self.numbers.id == number:
                self._acks.append(sequence)
            self._heard(found, received_ms)

        self._handover.add(Part(self.slots, body, found.changes, received_ms, committed))

    def _request(self) -> ua.PublishRequest:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = [
            ua.SubscriptionAcknowledgement(self.numbers.id, n) for n in self._acks
        ]
        self._acks.clear()
        return request


async def _items_per_call(session: Session) -> int:
    """How many items the server takes in one request, as it says itself."""
    try:
        said = await session.client.get_node(_ITEMS_PER_CALL).read_value()
    except ua.UaError:
        said = 0
    return int(said or 0) or limits.OPCUA_ITEMS_PER_CALL_MAX


def _next(sequence: int) -> int:
    return 1 if sequence >= _SEQUENCE_END else sequence + 1


def _status(code: int) -> str:
    return sentences.of_status(code)[0]
