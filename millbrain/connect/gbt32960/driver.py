"""The driver: one TCP port for vehicles and enterprise platforms, both editions.

Wires links (event loop), worker (decode thread) and sessions together, and answers to `core.rooms`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

from millbrain.connect.gbt32960 import codec, columnar, crypto
from millbrain.connect.gbt32960.downlink import Downlink
from millbrain.connect.gbt32960.links import Chunk, Link, Standing
from millbrain.connect.gbt32960.sessions import Sessions
from millbrain.connect.gbt32960.worker import Worker
from millbrain.core import limits
from millbrain.core.rooms import Peers, Sink, Wiring

log = logging.getLogger(__name__)

BACKLOG: Final = 4096  # a reconnect storm waits here rather than being refused
RECEIVE_BUFFER_BYTES: Final = 4 << 20
LOGIN_THREADS: Final = 2  # passwords are hashed slowly on purpose
SWEEP_S: Final = 15


class Options(Protocol):
    """The settings that the driver reads; `run.settings.Gbt32960Settings` is one."""

    host: str
    port: int
    auth_peers: bool
    vehicle_links: str


class Gbt32960:
    """A started driver; see `core.rooms.Running`."""

    def __init__(self, options: Options, sink: Sink, peers: Peers) -> None:
        self.options = options
        self.sink = sink
        self.peers = peers
        self.session_keys: dict[str, dict[str, bytes]] = {}
        self.slow_readers = 0
        self.refused_links = 0
        self._worker = Worker(self, Sessions(self))
        self._downlink = Downlink(self)
        self._paused: set[Link] = set()
        self._raw_at = 0.0
        self._raw_tokens = 0.0
        self._links: set[Link] = set()
        self._vehicles: dict[str, Link] = {}
        self._loop = asyncio.get_running_loop()
        self._logins = ThreadPoolExecutor(LOGIN_THREADS, "gbt32960-login")
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the port."""
        await asyncio.to_thread(columnar.warm_up)
        self._worker.start()
        self._server = await self._loop.create_server(
            lambda: Link(self), self.options.host, self.options.port, backlog=BACKLOG
        )
        self._sweeper = asyncio.create_task(self._sweep())
        log.info("listening on %s:%d", self.options.host, self.port)

    @property
    def port(self) -> int:
        """The port it listens on, as bound."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def links(self) -> Sequence[Mapping[str, Any]]:
        """Describe the open links."""
        return [link.describe() for link in list(self._links)]

    async def command(self, thing: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a query, set or control command to a vehicle and wait for its answer."""
        return await self._downlink.send(thing, order)

    async def stop(self) -> None:
        """Close the port, hand on what was read, and close the links."""
        if self._server:
            self._server.close()
        if self._sweeper:
            self._sweeper.cancel()
        for link in list(self._links):
            link.pause()
        await asyncio.to_thread(self._worker.stop)
        for link in list(self._links):
            link.close()
        self._logins.shutdown(wait=False, cancel_futures=True)

    # Called by links, in the event loop ---------------------------------------------------------

    def admit(self, link: Link) -> bool:
        """Count a new link; False where there are too many."""
        if len(self._links) >= limits.LINKS_MAX:
            self.refused_links += 1
            return False
        self._links.add(link)
        return True

    def leave(self, link: Link) -> None:
        """Forget a link that has ended."""
        self._links.discard(link)
        self._paused.discard(link)
        if self._vehicles.get(link.state.vehicle) is link:
            del self._vehicles[link.state.vehicle]

    def offer(self, chunk: Chunk) -> None:
        """Queue what a link has read."""
        self._worker.offer(chunk)

    def offer_end(self, link: Link) -> None:
        """Say that nothing more will come from a link."""
        self._worker.offer_end(link)

    def is_full(self) -> bool:
        """Whether links should stop reading."""
        return self._worker.is_full()

    def spare_buffer(self) -> bytearray:
        """Return a large receive buffer."""
        return self._worker.spare_buffer()

    def note_paused(self, link: Link) -> None:
        """Remember a link that waits to read on."""
        self._paused.add(link)

    def note_slow_reader(self) -> None:
        """Count a link that was cut since it did not read."""
        self.slow_readers += 1

    async def _sweep(self) -> None:
        """Close links that have been silent for too long."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            for link in list(self._links):
                if now - link.heard_at > limits.LINK_IDLE_S_MAX:
                    link.close()

    # Called by the worker thread ----------------------------------------------------------------

    def call(self, action: Callable[[], Any]) -> None:
        """Run something in the event loop."""
        self._loop.call_soon_threadsafe(action)

    def resume_paused(self) -> None:
        """Let the links that were paused read on."""
        if self._paused:
            self.call(self._resume)

    def _resume(self) -> None:
        for link in list(self._paused):
            if link.bytes_waiting <= limits.LINK_BUFFER_BYTES_MAX // 2:
                self._paused.discard(link)
                link.resume()

    def raw_quota(self, rows: int) -> int:
        """Return how many raw frames of `rows` are handed on; the record stage thins them further.

        All of them while they are few. Under load, a second's worth once a second: an insert costs
        as much for a hundred rows as for two thousand.
        """
        now = time.monotonic()
        full = limits.RAW_FRAMES_HZ_MAX
        self._raw_tokens = min(full, self._raw_tokens + (now - self._raw_at) * full)
        self._raw_at = now
        if rows > self._raw_tokens < full:
            return 0
        taken = min(rows, full)
        self._raw_tokens -= taken
        return taken

    def sender(
        self, answers: Sequence[tuple[Link, bytes]], ended: Sequence[Link]
    ) -> Callable[[], None]:
        """Return what sends these answers and closes these links.

        The record stage calls it after the commit.
        """

        def send() -> None:
            for link, frame in answers:
                link.send(frame)
                if link.state.standing is Standing.REFUSED:
                    link.close()
            for link in ended:
                link.close()

        return lambda: self.call(send)

    def welcomes(self, link: Link) -> bool:
        """Whether frames of this link are taken: it has logged in, or vehicles may just connect."""
        if link.is_new():
            return self.options.vehicle_links == "open"
        return link.state.standing is not Standing.REFUSED

    def begin_login(self, link: Link, frame: bytes) -> bool:
        """Look at a platform login; True where the link's bytes must wait for the password check.

        Without checked logins the link takes the user's name at once. A wrong password ends the
        link after the frame was refused; a right one lets it read on as the platform's.
        """
        data = codec.decode(frame, opener=crypto.Opener({}))["data"]
        user = str(data.get("user", "")).strip("\0 ")
        if link.state.login is not None:  # the check has ended; this is the same frame again
            right, link.state.login = link.state.login, None
        elif not self.options.auth_peers:
            right = True
        else:
            link.state.standing = Standing.CHECKING
            password = str(data.get("password", "")).strip("\0")
            self._logins.submit(self._check_login, link, user, password)
            return True
        link.state.name = user or "platform"
        link.state.standing = Standing.PLATFORM if right else Standing.REFUSED
        return False

    def _check_login(self, link: Link, user: str, password: str) -> None:
        try:
            link.state.login = self.peers.check(user, password)
        except Exception:
            log.exception("the login of platform %s could not be checked", user)
            link.state.login = False
        link.state.standing = Standing.NEW
        self._worker.offer_again(link)

    def vehicle_here(self, vin: str, link: Link) -> None:
        """Note the link of a vehicle; an older link of the same vehicle is closed."""
        link.state.vehicle = vin
        link.state.standing = Standing.VEHICLE
        old = self._vehicles.get(vin)
        self._vehicles[vin] = link
        if old is not None and old is not link:
            self.call(old.close)

    def vehicle_gone(self, vin: str, link: Link) -> None:
        """Forget the link of a vehicle that has logged out."""
        if self._vehicles.get(vin) is link:
            del self._vehicles[vin]

    def answered(self, vin: str, command: int, found: Mapping[str, Any]) -> None:
        """Pass a vehicle's answer on to whoever waits for it."""
        self.call(lambda: self._downlink.answered(vin, command, found))

    def link_to(self, vin: str, hint: str) -> Link | None:
        """Return the link that reaches a vehicle: its own, or that of the platform `hint`."""
        own = self._vehicles.get(vin)
        if own is not None:
            return own
        platforms = [k for k in self._links if k.is_platform()]
        return next((k for k in platforms if k.state.name == hint), None)


async def start(options: Options, wiring: Wiring) -> Gbt32960:
    """Start the driver on its port. Must be called in a running event loop."""
    driver = Gbt32960(options, wiring.sink, wiring.peers)
    await driver.start()
    return driver
