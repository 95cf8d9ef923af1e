"""One connection at work: session, worker, and writes that wait for their confirmation."""

import asyncio
import math
import time
from pathlib import Path
from typing import Any, Final

from millbrain.connect.sparkplug import codec, fields
from millbrain.connect.sparkplug.births import kind_of
from millbrain.connect.sparkplug.client import Session
from millbrain.connect.sparkplug.listening import Heard, Ways
from millbrain.connect.sparkplug.messages import command_topic, read_address
from millbrain.connect.sparkplug.options import Options
from millbrain.connect.sparkplug.worker import Worker
from millbrain.core import limits
from millbrain.core.errors import LinkError, RefusedError
from millbrain.core.plant.tags import Connection, ConnectionState, Phase, Tag, TagKind
from millbrain.core.rooms import Wiring

_TOLERANCE: Final = 1e-6  # of a read-back: a Float keeps seven digits


class Link:
    """A connection that runs."""

    def __init__(self, connection: Connection, options: Options, wiring: Wiring) -> None:
        self.connection = connection
        self.options = options
        ways = Ways(
            wiring.sink,
            wiring.tags,
            self._publish,
            self._acknowledge,
            Path(wiring.folder) / "births",
        )
        self.heard = Heard(connection.key, ways, options.rules, options.pattern, options.create)
        self.worker = Worker(self.heard)
        self.session = Session(options.broker, self.worker.is_full, self.worker.offer, self._begun)

    def start(self) -> None:
        """Read the tags and begin to connect. May block."""
        self.heard.open()
        self.worker.start()
        self.session.start()

    async def stop(self) -> None:
        """Take no more, hand on what was taken, say goodbye."""
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        self.worker.stop()
        self.session.stop()

    def state(self) -> ConnectionState:
        """Describe how the connection stands."""
        standing = self.session.standing
        why, why_zh = standing.why, standing.why_zh
        if standing.phase is Phase.CONNECTED:
            why, why_zh = self._in_part()
        return ConnectionState(
            self.connection.key, standing.phase, standing.since_ms, why, why_zh,
            self.heard.values, self.heard.received_ms, self.heard.troubles(),
        )  # fmt: skip

    def _in_part(self) -> tuple[str, str]:
        """Say what is missing though the broker is connected; empty where nothing is."""
        if not self.heard.values:
            filters = ", ".join(self.options.broker.filters) or "no topic"
            return (
                f"the broker is connected; nothing was told yet on {filters}",
                f"已连接代理服务器，但尚未收到 {filters} 上的数据",
            )
        nodes = list(self.heard.nodes.values())
        silent = [n.key for n in nodes if not n.online]
        if not silent:
            return "", ""
        named = ", ".join(silent[:5])
        return (
            f"{len(silent)} of {len(nodes)} edge nodes are not connected: {named}",
            f"{len(nodes)} 个边缘节点中有 {len(silent)} 个未连接：{named}",
        )

    def describe(self) -> dict[str, Any]:
        """Describe the session as a link."""
        broker, standing = self.options.broker, self.session.standing
        return {
            "link": self.connection.key,
            "remote": f"{broker.host}:{broker.port}",
            "since": standing.since_ms,
            "frames": self.heard.values,
            "last_received_ms": self.heard.received_ms,
            "connected": standing.phase is Phase.CONNECTED,
        }

    async def write(self, tag: Tag, value: Any) -> dict[str, Any]:
        """Write a value through a command message and wait for the data that confirm it.

        Raises
        ------
        RefusedError
            The tag is not writable, or the value does not fit it.
        LinkError
            The broker or the node is not connected.
        """
        scope, metric = read_address(tag.address)
        slot = self.heard.slots.find(tag.address)
        if not tag.writable or not scope or slot is None:
            raise RefusedError(
                f"{tag.thing} {tag.signal} ({tag.address}) is not writable; a tag of a Sparkplug "
                "metric that is marked writable is allowed"
            )
        why = self.heard.troubles().get(tag.address, "")
        node = self.heard.nodes.get("/".join(scope.split("/")[:2]))
        if node is None or not node.online:
            raise LinkError(
                f"{tag.thing} {tag.signal} was not written: {why or 'its node is silent'}"
            )
        payload = _command(metric, self.heard.slots.datatype(slot), tag, value)
        loop = asyncio.get_running_loop()
        heard: asyncio.Queue[tuple[float, str]] = asyncio.Queue()

        def watch(number: float, text: str, quality: int) -> None:
            loop.call_soon_threadsafe(heard.put_nowait, (number, text))

        watches = self.heard.watches.setdefault(slot, [])
        watches.append(watch)
        try:
            self.session.publish(command_topic(scope), payload)
            return await _confirmed(heard, value)
        finally:
            watches.remove(watch)
            if not watches:
                self.heard.watches.pop(slot, None)

    def _begun(self, is_kept: bool) -> None:
        self.heard.is_kept = is_kept

    def _publish(self, topic: str, payload: bytes) -> None:
        self.session.publish(topic, payload)

    def _acknowledge(self, marks: Any) -> None:
        if marks:
            self.session.acknowledge(marks)


async def _confirmed(heard: "asyncio.Queue[tuple[float, str]]", value: Any) -> dict[str, Any]:
    """Wait for a value that agrees; the last one that does not, where none comes in time."""
    until = time.monotonic() + limits.SPARKPLUG_WRITE_S_MAX
    answer: dict[str, Any] = {"written": value, "read_back": None, "agrees": False}
    while (left := until - time.monotonic()) > 0:
        try:
            number, text = await asyncio.wait_for(heard.get(), left)
        except TimeoutError:
            break
        found: Any = text if isinstance(value, str) else number
        agrees = text == value if isinstance(value, str) else _agrees(number, float(value))
        is_none = isinstance(found, float) and math.isnan(found)
        answer |= {"read_back": None if is_none else found, "agrees": agrees}
        if agrees:
            break
    return answer


def _agrees(found: float, wanted: float) -> bool:
    return math.isclose(found, wanted, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def _command(metric: str, datatype: int, tag: Tag, value: Any) -> bytes:
    """Make a command (3.0 section 6.4.23): the metric by name, the value in its type."""
    datatype = datatype or (fields.STRING if tag.kind is TagKind.TEXT else fields.DOUBLE)
    name, field = fields.DATATYPES.get(datatype, ("", ""))
    if kind_of(datatype) is TagKind.TEXT:
        raw: Any = str(value)
    elif isinstance(value, bool | int | float) and math.isfinite(value):
        raw = (float(value) - tag.offset) / tag.scale
        if field in ("int_value", "long_value"):
            raw = round(raw)
        elif field == "boolean_value":
            raw = raw != 0
        _check_range(datatype, name, raw, tag)
    else:
        raise RefusedError(
            f"{tag.thing} {tag.signal}: {value!r} was to be written; a number is allowed"
        )
    stamped = {"timestamp": time.time_ns() // 1_000_000}
    shown = {"name": metric, "datatype": datatype, field: raw, **stamped}
    return codec.encode({**stamped, "metrics": [shown]})


def _check_range(datatype: int, name: str, raw: Any, tag: Tag) -> None:
    bits = fields.SIGNED_BITS.get(datatype)
    unsigned = {fields.UINT8: 8, fields.UINT16: 16, fields.UINT32: 32, fields.UINT64: 64}
    low, high = -math.inf, math.inf
    if bits:
        low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    elif datatype in unsigned:
        low, high = 0, (1 << unsigned[datatype]) - 1
    if not low <= raw <= high:
        raise RefusedError(
            f"{tag.thing} {tag.signal}: {raw} was to be written; {name} holds {low} to {high}"
        )
