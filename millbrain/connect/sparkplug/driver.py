"""The driver: a session with each broker that the tag book names, followed as the book changes."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from millbrain.connect.sparkplug import columnar, tree
from millbrain.connect.sparkplug.link import Link
from millbrain.connect.sparkplug.options import read_options
from millbrain.core.errors import NotFoundError, RefusedError, SettingsError
from millbrain.core.plant.tags import Connection, ConnectionState, Found, Phase, Tag
from millbrain.core.rooms import Wiring

log = logging.getLogger(__name__)

ROOM: Final = "sparkplug"
FOLLOW_S: Final = 1.0


class Options(Protocol):
    """The settings that the driver reads; `run.settings.SparkplugSettings` is one."""

    enabled: bool


class Sparkplug:
    """A started driver; see `core.rooms.RunningTags`."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._links: dict[str, Link] = {}
        self._wrong: dict[str, ConnectionState] = {}
        self._revision = -1
        self._follower: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect to the brokers that the book names, and follow it from now on."""
        await asyncio.to_thread(columnar.warm_up)
        with contextlib.suppress(Exception):  # the follower tries again, and says why
            await self._follow()
        self._follower = asyncio.create_task(self._keep_following())

    @property
    def port(self) -> int:
        """It opens none."""
        return 0

    def links(self) -> Sequence[Mapping[str, Any]]:
        """Describe the sessions that stand."""
        described = [link.describe() for link in list(self._links.values())]
        return [d for d in described if d["connected"]]

    def states(self) -> Sequence[ConnectionState]:
        """Describe how every connection stands."""
        return [*(link.state() for link in list(self._links.values())), *self._wrong.values()]

    async def browse(self, connection: str, node: str) -> Sequence[Found]:
        """Return what was heard below a node of the tree."""
        found = tree.level(self._link(connection).heard.slots, node)
        if node and not found:
            raise NotFoundError(f"nothing below {node!r} was heard on connection {connection!r}")
        return found

    async def command(self, thing: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write a signal of a thing, or ask a node to be born anew (``{"do": "rebirth"}``)."""
        do = order.get("do")
        signal = str(order.get("signal", ""))
        for link in list(self._links.values()):
            for tag in link.heard.slots.tags():
                if tag.thing != thing or (do == "write" and tag.signal != signal):
                    continue
                if do == "write":
                    return await link.write(tag, order.get("value"))
                if do == "rebirth":
                    return _ask(link, tag)
                raise RefusedError(f"{thing}: order {do!r}; write and rebirth are allowed")
        raise NotFoundError(f"no broker has told a signal {signal!r} of {thing!r}")

    async def stop(self) -> None:
        """End all sessions; what comes from now on waits at the brokers."""
        if self._follower:
            self._follower.cancel()
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(asyncio.to_thread(link.stop) for link in links))

    def _link(self, connection: str) -> Link:
        link = self._links.get(connection)
        if link is None:
            raise NotFoundError(f"no connection {connection!r} runs in the room {ROOM}")
        return link

    async def _keep_following(self) -> None:
        failed = False
        while True:
            await asyncio.sleep(FOLLOW_S)
            try:
                await self._follow()
                failed = False
            except Exception as error:
                if not failed:
                    log.warning("connections could not be read, tried again: %s", error)
                failed = True

    async def _follow(self) -> None:
        revision = await asyncio.to_thread(self._wiring.tags.revision)
        if revision == self._revision:
            return
        wanted = {c.key: c for c in await asyncio.to_thread(self._wiring.tags.connections, ROOM)}
        for key in [k for k, link in self._links.items() if wanted.get(k) != link.connection]:
            link = self._links.pop(key)
            await asyncio.to_thread(link.stop)
        self._wrong = {}
        for connection in wanted.values():
            if connection.key in self._links:
                self._links[connection.key].heard.stale = True
            elif connection.enabled:
                await self._begin(connection)
            else:
                self._wrong[connection.key] = _state(connection, Phase.OFF, "it is switched off",
                                                     "已停用")  # fmt: skip
        self._revision = revision

    async def _begin(self, connection: Connection) -> None:
        try:
            options = await asyncio.to_thread(read_options, connection, self._wiring.secrets)
            link = Link(connection, options, self._wiring)
            await asyncio.to_thread(link.start)
        except SettingsError as e:
            self._wrong[connection.key] = _state(connection, Phase.FAILED, str(e), f"设置有误：{e}")
            return
        self._links[connection.key] = link


def _ask(link: Link, tag: Tag) -> dict[str, Any]:
    node = "/".join(tag.address.partition(":")[0].split("/")[:2])
    link.heard.ask_rebirth(node)
    return {"asked": node}


def _state(connection: Connection, phase: Phase, why: str, why_zh: str) -> ConnectionState:
    return ConnectionState(connection.key, phase, time.time_ns() // 1_000_000, why, why_zh)


async def start(options: Options, wiring: Wiring) -> Sparkplug:
    """Start the driver. Must be called in a running event loop."""
    driver = Sparkplug(wiring)
    await driver.start()
    return driver
