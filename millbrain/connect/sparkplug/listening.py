"""All that one connection has heard: nodes with their births, tags, troubles, who waits."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.sparkplug import births, codec, fields, tree
from millbrain.connect.sparkplug.batch import Batch
from millbrain.connect.sparkplug.births import Born
from millbrain.connect.sparkplug.flattening import plain_payload
from millbrain.connect.sparkplug.messages import Message, address, command_topic, read_topic
from millbrain.connect.sparkplug.nodes import Node, Scope
from millbrain.connect.sparkplug.remembered import Remembered
from millbrain.connect.sparkplug.slots import Slots
from millbrain.connect.sparkplug.topics_json import Rule, samples
from millbrain.core import limits
from millbrain.core.columns import Columns
from millbrain.core.errors import FrameError, LinkError, SettingsError
from millbrain.core.plant.tags import Tag, TagBook
from millbrain.core.rooms import Sink
from millbrain.core.tagging.rules import ADDRESS_CHARACTERS_MAX

log = logging.getLogger(__name__)

Watch = Callable[[float, str, int], None]  # value, text, quality
Publish = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Ways:
    """Where what was heard goes: the record stage, the tag book, the broker, the disk."""

    sink: Sink
    book: TagBook
    publish: Publish
    acknowledge: Callable[[Sequence[tuple[int, int]]], None]
    folder: Path


@dataclass(slots=True)
class Heard:
    """What one connection has heard. Written by its worker alone; states are read by others.

    is_kept: whether the broker kept our session over the last pause.
    """

    link: str
    ways: Ways
    rules: tuple[Rule, ...] = ()
    pattern: str = "{-2}"
    create: bool = True
    slots: Slots = field(default_factory=Slots)
    nodes: dict[str, Node] = field(default_factory=dict)
    watches: dict[int, list[Watch]] = field(default_factory=dict)
    unsupported: dict[str, str] = field(default_factory=dict)
    values: int = 0
    received_ms: int = 0
    stale: bool = True
    is_kept: bool = False
    remembered: Remembered = field(init=False)

    def __post_init__(self) -> None:
        """Open the place of births."""
        self.remembered = Remembered(self.ways.folder / self.link)

    def open(self) -> None:
        """Read the tags and what the births before a restart said. May block."""
        self.reload()
        for topic, raw in self.remembered.births():
            read = read_topic(topic)
            if read is None:
                continue
            try:
                payload = codec.decode(plain_payload(raw, {}))
            except FrameError:
                continue  # a torn file: the node is asked again
            scope = self.node(read.node).scope(read.scope)
            scope.previous = births.names_of(self.slots, self._addresses(scope, payload))

    def node(self, key: str) -> Node:
        """Return an edge node, a new one where it is new."""
        found = self.nodes.get(key)
        if found is None:
            found = self.nodes[key] = Node(key)
        return found

    def reload(self) -> None:
        """Read the tags again."""
        self.slots.load(self.ways.book.tags(self.link))
        self.stale = False

    def learn(self, scope: Scope, payload: dict[str, Any], now_ms: int) -> None:
        """Take a birth: what its names and aliases mean from now on."""
        listed = self._addresses(scope, payload)
        names = births.names_of(self.slots, listed)
        unknown = [
            (born, place) for born, place in listed
            if place and self.slots.tag(self.slots.number(place)) is None
        ]  # fmt: skip
        if unknown and self.create:
            self._create(scope, unknown)
        scope.previous = scope.names or scope.previous
        scope.names = names
        scope.online, scope.since_ms = True, now_ms

    def _addresses(self, scope: Scope, payload: dict[str, Any]) -> list[tuple[Born, str]]:
        listed = []
        for born in births.metrics_of(payload):
            place = address(scope.key, born.name) if born.name else ""
            if births.is_passed(born.name.encode()):
                place = ""
            elif len(place) > ADDRESS_CHARACTERS_MAX:
                self.unsupported[place[:ADDRESS_CHARACTERS_MAX]] = (
                    f"its address has {len(place)} characters; {ADDRESS_CHARACTERS_MAX} are allowed"
                )
                place = ""
            elif place and not births.is_value(born.datatype):
                kind = fields.DATATYPES.get(born.datatype, (f"type {born.datatype}",))[0]
                self.unsupported[place] = f"its type is {kind}; numbers, truths, texts are stored"
                place = ""
            listed.append((born, place))
        return listed

    def _create(self, scope: Scope, unknown: Sequence[tuple[Born, str]]) -> None:
        """Make tags of metrics that nobody declared."""
        names = tree.Names(self.link, self.slots.tags())
        made = []
        for born, place in unknown:
            try:
                made.append(names.of_metric(scope.key, place, born, self.pattern))
            except SettingsError as e:
                self.unsupported[place] = str(e)
        if made:
            self.ways.book.add_found(made)
            self.reload()

    def remember(self, topic: str, payload: bytes) -> None:
        """Keep a birth for the next start; without it the node is asked for one."""
        try:
            self.remembered.keep(topic, payload)
        except OSError as e:
            log.warning("%s: a birth could not be kept: %s", self.link, e)

    def ask_rebirth(self, node: str) -> None:
        """Ask a node to tell all its metrics anew (3.0 section 6.4.2)."""
        metric = {"name": fields.REBIRTH, "datatype": fields.BOOLEAN, "boolean_value": True}
        log.info("%s: node %s is asked for a rebirth", self.link, node)
        try:
            self.ways.publish(command_topic(node), codec.encode({"metrics": [metric]}))
        except LinkError:
            log.debug("%s: not connected, %s is asked later", self.link, node)

    # Plain topics -------------------------------------------------------------------------------

    def plain(self, batch: Batch, message: Message) -> None:
        """Take a message of a plain topic by the rules of the connection."""
        batch.done(message)
        try:
            found = samples(self.rules, message.topic, message.payload)
            unknown = [s for s in found if self.slots.find(s.address) is None]
            if unknown:
                self._meet(unknown)
        except (FrameError, SettingsError) as e:
            reason = e.reason if isinstance(e, FrameError) else "unnamed"
            batch.refuse(message, reason, str(e))
            return
        low, high = limits.READING_AT_MS_MIN, message.received_ms + limits.READING_AHEAD_MS_MAX
        for sample in found:
            text = sample.value if isinstance(sample.value, str) else ""
            if len(text.encode()) > limits.READING_TEXT_BYTES_MAX:
                batch.refuse(message, "too_long", f"{sample.address}: a text too long")
            elif sample.device_at_ms and not low <= sample.device_at_ms <= high:
                batch.refuse(message, "clock", f"its time is {sample.device_at_ms} ms since 1970")
            else:
                slot = self.slots.number(sample.address)
                batch.plain.append((slot, sample, message.received_ms))

    def _meet(self, unknown: Sequence[Any]) -> None:
        names = tree.Names(self.link, self.slots.tags())
        first = {s.address: s for s in reversed(unknown)}
        made: list[Tag] = [names.of_sample(s) for s in first.values()] if self.create else []
        for place in first:
            self.slots.number(place)
        if made:
            self.ways.book.add_found(made)
            self.reload()

    # What others see ----------------------------------------------------------------------------

    def note(self, batch: Batch, now_ms: int) -> None:
        """Note what a batch brought, and tell those who wait for a value."""
        self.values += batch.received
        self.received_ms = now_ms if batch.received else self.received_ms
        if self.watches:
            for slots, columns in batch.seen:
                self._tell(slots, columns)

    def _tell(self, slots: NDArray[np.int64], columns: Columns) -> None:
        for slot in set(self.watches) & set(slots.tolist()):
            for row in np.flatnonzero(slots == slot).tolist():
                missing = bool(columns.missing["value"][row])
                value = float("nan") if missing else float(columns.array("value")[row])
                text = bytes(columns.array("text")[row]).decode("utf-8", "replace")
                for watch in list(self.watches.get(slot, ())):
                    watch(value, text, int(columns.array("quality")[row]))

    def troubles(self) -> dict[str, str]:
        """Return a sentence for each address that brings no value, or an odd one."""
        found = self.unsupported | self.slots.troubles
        silent = {}
        for node in list(self.nodes.values()):
            for scope in list(node.scopes.values()):
                if node.online and scope.online and not node.doubt_ms:
                    continue
                silent[scope.key] = _why_silent(node, scope)
        for place in self.slots.addresses:
            why = silent.get(births_scope(place))
            if why:
                found[place] = why
        return found


def births_scope(place: str) -> str:
    """Return the scope of an address."""
    return place.partition(":")[0].replace("%3A", ":").replace("%25", "%")


def _why_silent(node: Node, scope: Scope) -> str:
    if node.doubt_ms:
        return f"messages of node {node.key} were lost; it is asked to tell all its metrics anew"
    if not node.since_ms:
        return f"node {node.key} has not been heard since we started; it is asked for a birth"
    what = f"device {scope.key}" if scope.key != node.key and node.online else f"node {node.key}"
    if scope.since_ms == 0:
        return f"{what} has not told its metrics since its node was born"
    since_ms = scope.since_ms if node.online else node.since_ms
    at = np.datetime64(since_ms, "ms").astype("datetime64[s]")
    return f"{what} is not connected since {at}Z: it said goodbye, or its broker lost it"
