"""One connection, kept alive: connect, subscribe, follow what people change, try again.

    OFF -> CONNECTING -> CONNECTED -> (lost) -> CONNECTING ...      FAILED: told why, tried again

A broken connection is taken up where it broke if the server still keeps the session: what it sent
meanwhile is asked for again. A server that was restarted gets a new session and subscription, node
ids are resolved anew, and its history fills the gap where it keeps one.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from asyncua import ua

from millbrain.connect.opcua import history, layout, options, sentences
from millbrain.connect.opcua.codec import Published
from millbrain.connect.opcua.ending import end
from millbrain.connect.opcua.handover import Handover
from millbrain.connect.opcua.options import Options
from millbrain.connect.opcua.session import Login, Passport, Session, open_session, where
from millbrain.connect.opcua.slots import Slots, Trouble
from millbrain.connect.opcua.subscription import Subscription
from millbrain.connect.opcua.trust import Identity, Trust
from millbrain.core import limits
from millbrain.core.errors import LinkError, MillbrainError, SettingsError
from millbrain.core.plant.secrets import Secrets
from millbrain.core.plant.tags import Connection, ConnectionState, Phase, Tag

log = logging.getLogger(__name__)

FOLLOW_S: Final = 0.5  # pause between two looks at what is to be watched
REFUSED_AGAIN_S: Final = 60.0  # a refused node is tried again that often: it may come back
LEAVE_S: Final = 6.0  # a server that has not said farewell by then is left without one
_RETRY_S: Final = 0.5  # first pause; each further one is twice as long
_STABLE_S: Final = 10.0  # a connection that held so long begins again with the first pause
_TAKEN_UP_MAX: Final = 10  # ... and one that breaks sooner so often is not taken up once more
_BROKEN: Final = (ConnectionError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Room:
    """What all connections of the room share.

    mark: says up to when the values of a connection are on disk [ms]. keep: writes all marks.
    """

    handover: Handover
    identity: Identity
    trust: Trust
    secrets: Secrets
    mark: Callable[[str, int], None]
    keep: Callable[[], Awaitable[None]]


class Link:
    """A connection that is kept alive until its task is cancelled.

    last_ms: arrival of the newest value that is on disk, from an earlier run too; 0 = none.
    """

    def __init__(
        self, room: Room, connection: Connection, tags: Sequence[Tag], last_ms: int
    ) -> None:
        self.connection = connection
        self.session: Session | None = None
        self.subscription: Subscription | None = None
        self.connects = 0
        self._room = room
        self.change_tags(tags)
        self._passport: Passport | None = None
        self._phase, self._since_ms = Phase.CONNECTING, _now_ms()
        self._why = ("not tried yet", "尚未尝试连接")
        self._gap_from_ms = self._received_ms = last_ms
        self._shown: Sequence[Tag] = ()  # what the subscription brings
        self._gap = (0, 0)
        self._clock_ms = 0
        self._tries = self._breaks = 0
        self._task: asyncio.Task[None] | None = None

    # What is told ---------------------------------------------------------------------------------

    def state(self) -> ConnectionState:
        """Describe how it stands."""
        slots = self.subscription.slots if self.subscription else None
        troubles = dict(slots.sentences()) if slots else {}
        why = self._why if self._phase is not Phase.CONNECTED else self._partly(len(troubles))
        return ConnectionState(
            self.connection.key, self._phase, self._since_ms, *why,
            values=self._room.handover.received[self.connection.key],
            received_ms=self._received_ms, troubles=troubles,
        )  # fmt: skip

    def _partly(self, troubled: int) -> tuple[str, str]:
        parts = []
        if troubled:
            count = len(self._wanted)
            parts.append((f"{troubled} of {count} tags bring no value or no good one",
                          f"{count} 个测点中有 {troubled} 个无值或质量不佳"))  # fmt: skip
        if self._left_out:
            most, more = limits.OPCUA_TAGS_MAX, self._left_out
            parts.append((f"{more} tags are left out, a connection has at most {most}",
                          f"超出每连接上限 {most}，{more} 个测点未采集"))  # fmt: skip
        if abs(self._clock_ms) > limits.OPCUA_CLOCK_S_MAX * 1000:
            shown = f"{abs(self._clock_ms) / 1000:.0f} s"
            early = self._clock_ms > 0
            parts.append((f"the server's clock is {shown} {'ahead' if early else 'behind'}",
                          f"服务器时钟{'快' if early else '慢'} {shown}"))  # fmt: skip
        return "; ".join(p[0] for p in parts), "；".join(p[1] for p in parts)

    def open_session(self) -> Session:
        """Return the session.

        Raises
        ------
        LinkError
            It is not connected; the sentence says why.
        """
        if self.session is None or self._phase is not Phase.CONNECTED:
            raise LinkError(f"{self.connection.key} is not connected: {self._why[0]}")
        return self.session

    def change_tags(self, tags: Sequence[Tag]) -> None:
        """Watch these tags from now on; those beyond the limit are left out, and said."""
        self._wanted = list(tags[: limits.OPCUA_TAGS_MAX])
        self._left_out = len(tags) - len(self._wanted)

    @property
    def tags(self) -> Sequence[Tag]:
        """The tags that are to be watched."""
        return self._wanted

    # Its life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, in the running event loop."""
        self._task = asyncio.create_task(self.run())

    async def stop(self) -> None:
        """Leave the server; one that does not say farewell in time is left without one."""
        await end([self._task], LEAVE_S)

    async def run(self) -> None:
        """Keep the connection alive, for ever."""
        try:
            while True:
                try:
                    await self._once()
                except Exception as e:
                    self._failed(e)
                pause_s = min(_RETRY_S * 2 ** min(self._tries, 10), limits.OPCUA_RETRY_S_MAX)
                self._tries += 1
                await asyncio.sleep(pause_s * random.uniform(0.5, 1))
        finally:
            self._phase = Phase.OFF

    async def _once(self) -> None:
        """Connect and live until something breaks."""
        chosen = options.read(self.connection)
        login = await self._login(chosen)
        session = await open_session(login, self._passport)
        broke = False
        try:
            await self._subscribe(session, chosen)
            self._connected(session)
            await self._live(session, chosen)
        except _BROKEN:
            broke = True
            raise
        finally:
            self.session = None
            held_ms = _now_ms() - self._since_ms if self._phase is Phase.CONNECTED else 0
            stable = held_ms > _STABLE_S * 1000
            self._breaks = 0 if stable else self._breaks + 1
            again = broke and self._breaks <= _TAKEN_UP_MAX
            self._passport = session.client.passport() if again else None
            if broke:
                session.drop()
            else:
                # Once more into a task of its own: a cancelled one could not wait for the server.
                await asyncio.shield(session.close())

    async def _login(self, chosen: Options) -> Login:
        password = ""
        if chosen.user:
            password = await asyncio.to_thread(
                self._room.secrets.get, self.connection.key, "password"
            )
        room = self._room
        return Login(self.connection.key, chosen, password, room.identity, room.trust)

    async def _subscribe(self, session: Session, chosen: Options) -> None:
        """Take up the old subscription where the server kept it, else make a new one."""
        if session.resumed and self.subscription is not None:
            with contextlib.suppress(ua.UaStatusCodeError):
                await self.subscription.recover(session)
                return
        self._shown = self._wanted
        slots = Slots(self.connection.key, self._shown)
        fresh = Subscription(self._room.handover, slots, self._heard)
        await fresh.create(session, chosen)
        if chosen.history and not self._gap_from_ms:  # a kill before the first mark has a gap, too
            self._received_ms = _now_ms()
            self._mark()
            await self._room.keep()
        await fresh.watch(session, chosen, range(len(slots.tags)))
        self.subscription = fresh
        since_ms = self._gap[0] or self._gap_from_ms  # one that was not filled to its end goes on
        self._gap = (since_ms, _now_ms()) if chosen.history else (0, 0)

    async def _fill(self, session: Session, subscription: Subscription) -> None:
        """Bring what the server remembers of the time without us; it may keep nothing."""
        from_ms, to_ms = self._gap
        if not from_ms:
            return
        slots, brought, untold = subscription.slots, 0, 0
        for slot in range(len(slots.tags)):
            if not subscription.is_watched(slot):
                continue
            try:
                brought += await history.bring(
                    session, self._room.handover, slots, slot, from_ms, to_ms
                )
            except (ua.UaStatusCodeError, MillbrainError):
                untold += 1
        self._gap = (0, 0)
        self._mark()
        log.info("%s: %d values of the server's history fill a gap of %.0f s; %d tags have none",
                 self.connection.key, brought, (to_ms - from_ms) / 1000, untold)  # fmt: skip

    async def _live(self, session: Session, chosen: Options) -> None:
        """Receive and follow changes until one of both breaks."""
        assert self.subscription is not None, "it was made before"
        work = [
            asyncio.create_task(self.subscription.publish(session)),
            asyncio.create_task(self._follow(session, chosen)),
        ]
        filling = asyncio.create_task(self._fill(session, self.subscription))
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await end((*work, filling), patience_s=1)

    async def _follow(self, session: Session, chosen: Options) -> None:
        """Watch what people add, forget what they take away, for ever."""
        assert self.subscription is not None, "it was made before"
        subscription = self.subscription
        tried_at = time.monotonic()
        while True:
            await asyncio.sleep(FOLLOW_S)
            if self._wanted is not self._shown:
                self._shown = self._wanted
                subscription.slots, ended, fresh = subscription.slots.changed(self._shown)
                await subscription.forget(session, ended)
                await subscription.watch(session, chosen, fresh)
            await self._forget_structures(session, subscription)
            if time.monotonic() - tried_at > REFUSED_AGAIN_S:
                tried_at = time.monotonic()
                refused = [s for s in subscription.slots.refused if not subscription.is_watched(s)]
                await subscription.watch(session, chosen, refused)

    async def _forget_structures(self, session: Session, subscription: Subscription) -> None:
        """Let the server no longer send what is refused for ever."""
        found = (subscription.slots.troubles == Trouble.STRUCTURE).nonzero()[0].tolist()
        ended = [s for s in found if subscription.is_watched(s)]
        if ended:
            await subscription.forget(session, ended)

    # What happens ---------------------------------------------------------------------------------

    def _connected(self, session: Session) -> None:
        assert self.subscription is not None, "it was made before"
        self.session = session
        gone_s = (_now_ms() - self._since_ms) / 1000
        log.info("%s: connected after %.1f s, %s, %d tags watched", self.connection.key, gone_s,
                 "taken up" if session.resumed else "new", self.subscription.watched)  # fmt: skip
        self._phase, self._since_ms = Phase.CONNECTED, _now_ms()
        self._why = ("", "")
        self._tries = 0
        self.connects += 1

    def _failed(self, error: Exception) -> None:
        why = sentences.of_error(error, where(self.connection.endpoint))
        lost = self._phase is Phase.CONNECTED
        if lost or why != self._why:
            log.warning("%s: %s: %s", self.connection.key, "lost" if lost else "no connection",
                        why[0])  # fmt: skip
        if lost:
            self._since_ms = _now_ms()
        for_good = isinstance(error, SettingsError)
        self._phase = Phase.FAILED if for_good or self._tries else Phase.CONNECTING
        self._why = why

    def _heard(self, found: Published, stored_ms: int) -> None:
        """Note the server's clock, and up to when its values are on disk."""
        now_ms = _now_ms()
        self._clock_ms = (found.published_ticks - layout.EPOCH_TICKS) // layout.TICKS_A_MS - (
            stored_ms or now_ms
        )
        if stored_ms > self._received_ms:
            self._received_ms = stored_ms
            if not self._gap[0]:  # else a kill while the gap is filled would forget where it began
                self._mark()

    def _mark(self) -> None:
        self._gap_from_ms = self._received_ms
        self._room.mark(self.connection.key, self._received_ms)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
