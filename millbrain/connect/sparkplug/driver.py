"""The driver: a session with each broker that the tag book names."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from millbrain.connect.sparkplug import columnar, tree
from millbrain.connect.sparkplug.link import Link
from millbrain.connect.sparkplug.options import read_options
from millbrain.core.errors import NotFoundError, RefusedError
from millbrain.core.plant.tags import Connection, ConnectionState, Found, Tag
from millbrain.core.rooms import Wiring
from millbrain.hands.links import Links, Tags

ROOM: Final = "sparkplug"


class Options(Protocol):
    """The settings that the driver reads; `run.settings.SparkplugSettings` is one."""

    enabled: bool


class Sparkplug:
    """A started driver; see `core.rooms.RunningTags`."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._links = Links(ROOM, wiring.tags, self._begin, retag=_retag, reads_tags=False)

    async def start(self) -> None:
        """Begin to connect to the brokers that the book names."""
        await asyncio.to_thread(columnar.warm_up)
        self._links.start()

    @property
    def port(self) -> int:
        """It opens none."""
        return 0

    def links(self) -> Sequence[Mapping[str, Any]]:
        """Describe the sessions that stand."""
        described = [link.describe() for link in self._links]
        return [d for d in described if d["connected"]]

    def states(self) -> Sequence[ConnectionState]:
        """Describe how every connection stands."""
        return self._links.states()

    async def browse(self, connection: str, node: str) -> Sequence[Found]:
        """Return what was heard below a node of the tree."""
        found = tree.level(self._links[connection].heard.slots, node)
        if node and not found:
            raise NotFoundError(f"nothing below {node!r} was heard on connection {connection!r}")
        return found

    async def command(self, thing: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Write a signal of a thing, or ask a node to be born anew (``{"do": "rebirth"}``)."""
        do = order.get("do")
        signal = str(order.get("signal", ""))
        for link in self._links:
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
        await self._links.stop()

    async def _begin(self, connection: Connection, _: Tags) -> Link:
        options = await asyncio.to_thread(read_options, connection, self._wiring.secrets)
        link = Link(connection, options, self._wiring)
        await asyncio.to_thread(link.start)
        return link


def _retag(link: Link, _: Tags) -> bool:
    link.heard.stale = True
    return True


def _ask(link: Link, tag: Tag) -> dict[str, Any]:
    node = "/".join(tag.address.partition(":")[0].split("/")[:2])
    link.heard.ask_rebirth(node)
    return {"asked": node}


async def start(options: Options, wiring: Wiring) -> Sparkplug:
    """Start the driver. Must be called in a running event loop."""
    driver = Sparkplug(wiring)
    await driver.start()
    return driver
