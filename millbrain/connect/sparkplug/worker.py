"""The worker of one connection: messages in, deliveries out, in a thread of its own.

It decodes all messages that wait at once, looks at each one's place in the life of its node
(`nodes.py`), resolves aliases, and hands the readings on. What was handed on is acknowledged to the
broker by the commit; what waits for a birth is not, so that the broker keeps it.
"""

import logging
import threading
import time
from collections import deque
from dataclasses import replace
from typing import Final

import numpy as np

from millbrain.connect.sparkplug import births, codec, columnar
from millbrain.connect.sparkplug.batch import Batch, Part
from millbrain.connect.sparkplug.births import PASSED, UNKNOWN
from millbrain.connect.sparkplug.columnar import Metrics
from millbrain.connect.sparkplug.flattening import plain_payload
from millbrain.connect.sparkplug.listening import Heard
from millbrain.connect.sparkplug.messages import Message, Topic, is_sparkplug, read_topic
from millbrain.connect.sparkplug.nodes import Node, Scope
from millbrain.core import limits
from millbrain.core.columns import Delivery, concat
from millbrain.core.errors import FrameError, StoreError

log = logging.getLogger(__name__)

BATCH_MESSAGES_MAX: Final = 500
BATCH_BYTES_MAX: Final = 2 << 20
IDLE_S: Final = 0.2
RETRY_S: Final = 1.0
_UNBORN: Final = "no birth of its node explains its aliases"
_CHANGED: Final = "messages were lost before it, and its alias means another metric since"


class Worker:
    """Turns the messages of one connection into readings."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self._queue: deque[Message] = deque()
        self._queued_bytes = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._asks: deque[float] = deque(maxlen=limits.SPARKPLUG_ASKS_HZ_MAX)
        self._thread = threading.Thread(target=self._run, name=f"sparkplug-{heard.link}")

    def start(self) -> None:
        """Begin to take messages."""
        self._thread.start()

    def stop(self) -> None:
        """Hand on what was taken and end the thread; what waits for a birth stays at the broker."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def offer(self, message: Message) -> None:
        """Take a message. Called from the session's thread."""
        with self._changed:
            self._queue.append(message)
            self._queued_bytes += len(message.payload)
            self._changed.notify_all()

    def is_full(self) -> bool:
        """Whether nothing more should be read for now; while it ends, too."""
        return (
            self._stopping
            or len(self._queue) >= limits.MQTT_QUEUED_MAX
            or self._queued_bytes >= limits.MQTT_QUEUED_BYTES_MAX
        )

    def _run(self) -> None:
        while not self._stopping or self._queue:
            if self.heard.stale:
                self._reload()
            messages = self._take()
            messages += self._due()
            while messages:
                messages = self._patiently(messages)

    def _reload(self) -> None:
        try:
            self.heard.reload()
        except Exception as error:  # whatever the book's store raises: the old tags hold
            log.warning("%s: tags could not be read, tried again: %s", self.heard.link, error)

    def _take(self) -> list[Message]:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopping, IDLE_S)
            taken: list[Message] = []
            size = 0
            while self._queue and len(taken) < BATCH_MESSAGES_MAX and size < BATCH_BYTES_MAX:
                taken.append(self._queue.popleft())
                size += len(taken[-1].payload)
            self._queued_bytes -= size
            return taken

    def _due(self) -> list[Message]:
        now_ms = _now_ms()
        out = [m for node in self.heard.nodes.values() for m in node.due(now_ms)]
        for node in self.heard.nodes.values():
            if node.doubt_ms:
                self._ask(node, now_ms)
        return out

    def _patiently(self, messages: list[Message]) -> list[Message]:
        """Process messages; one that our own code trips over is refused alone."""
        try:
            return self._process(messages)
        except StoreError:
            log.warning("%s: the record stage takes nothing; waiting", self.heard.link)
            time.sleep(RETRY_S)
            return [] if self._stopping else messages
        except Exception as error:
            log.exception("%s: a message could not be processed", self.heard.link)
            if len(messages) == 1:
                batch = Batch(self.heard.link)
                batch.refuse(messages[0], "fault", f"{type(error).__name__}: {error}")
                batch.done(messages[0])
                self._deliver(batch)
                return []
            for message in messages:
                again = [message]
                while again:
                    again = self._patiently(again)
            return []

    def _process(self, messages: list[Message]) -> list[Message]:
        """Store what can be stored; return what can be looked at again at once."""
        batch = Batch(self.heard.link)
        again: list[Message] = []
        own = [m for m in messages if is_sparkplug(m.topic)]
        metrics = columnar.decode_columns([m.payload for m in own])
        for number, message in enumerate(own):
            try:
                again += self._look(batch, metrics, number, message)
            except FrameError as e:
                batch.refuse(message, e.reason, e.detail)
                batch.done(message)
        for message in messages:
            if not is_sparkplug(message.topic):
                self.heard.plain(batch, message)
        batch.store(metrics, self.heard.slots)
        self._deliver(batch)
        return again

    def _deliver(self, batch: Batch) -> None:
        marks, acknowledge = batch.marks, self.heard.ways.acknowledge
        if not batch.received:
            acknowledge(marks)
            return
        tables = {"reading": concat(batch.columns)} if batch.columns else {}
        self.heard.ways.sink.put(
            Delivery(
                {batch.link: batch.received}, tables, batch.rejected, lambda: acknowledge(marks)
            )
        )
        self.heard.note(batch, _now_ms())

    # One message --------------------------------------------------------------------------------

    def _look(self, batch: Batch, metrics: Metrics, number: int, message: Message) -> list[Message]:
        """Find what one message is in the life of its node; return what it releases."""
        topic = read_topic(message.topic)
        if topic is None:
            batch.done(message)  # a command, or the STATE of a host
            return []
        node = self.heard.node(topic.node)
        if not metrics.good[number]:
            codec.decode(message.payload)
            raise FrameError("malformed", "the payload is no Sparkplug B payload")
        if topic.kind == "NDEATH":
            self._bury(node, message)
            batch.done(message)
            return []
        flat = self._flattened(metrics, number, message, node.scope(topic.scope))
        if flat is not None:
            return [flat]
        seq = int(metrics.seq[number])
        if topic.kind == "NBIRTH":
            return self._born(batch, metrics, number, message, node)
        if not node.step(message, seq, _now_ms()):
            return []
        out = self._in_turn(batch, metrics, number, message, topic)
        early = node.next_early()
        return [*out, early] if early else out

    def _in_turn(
        self, batch: Batch, metrics: Metrics, number: int, message: Message, topic: Topic
    ) -> list[Message]:
        node = self.heard.node(topic.node)
        if topic.kind == "DBIRTH":
            return self._born(batch, metrics, number, message, node)
        scope = node.scope(topic.scope)
        if topic.kind == "DDEATH":
            scope.online, scope.since_ms = False, _now_ms()
            batch.done(message)
            return []
        now_ms = _now_ms()
        if not node.since_ms and message.qos and self.heard.is_kept:
            node.resume(now_ms)
        knows = scope.names is not None and node.online and not node.doubt_ms
        if (knows or message.final) and self._resolve(batch, metrics, number, message, scope):
            return []
        if not self._ask(node, now_ms) and knows:  # its last birth did not explain it either
            message.final = True
            self._resolve(batch, metrics, number, message, scope)
            return []
        node.doubt_ms = node.doubt_ms or now_ms
        return node.hold(scope.key, message, now_ms)

    def _flattened(
        self, metrics: Metrics, number: int, message: Message, scope: Scope
    ) -> Message | None:
        """Return the message with templates and data sets as plain metrics; None without any."""
        field = metrics.field[int(metrics.first[number]) : int(metrics.first[number + 1])]
        names = scope.names or scope.previous
        if not (field >= columnar.DATASET).any():
            return None
        payload = plain_payload(message.payload, names.by_alias if names else {})
        return replace(message, payload=payload)

    def _born(
        self, batch: Batch, metrics: Metrics, number: int, message: Message, node: Node
    ) -> list[Message]:
        """Take a birth, its values, and what waited for it."""
        topic = read_topic(message.topic)
        payload = codec.decode(message.payload)
        now_ms = _now_ms()
        if topic is None or topic.kind == "NBIRTH":
            node.begin(int(metrics.seq[number]), births.bd_seq_of(payload), now_ms)
        scope = node.scope(topic.scope if topic else node.key)
        self.heard.learn(scope, payload, now_ms)
        self.heard.remember(message.topic, message.payload)
        message.final = True
        self._resolve(batch, metrics, number, message, scope)
        return node.release(scope.key)

    def _bury(self, node: Node, message: Message) -> None:
        bd_seq = births.bd_seq_of(codec.decode(message.payload))
        if None not in (bd_seq, node.bd_seq) and bd_seq != node.bd_seq:
            return  # the will of an earlier session (3.0 section 6.4.20): the node lives
        node.end(_now_ms())

    def _ask(self, node: Node, now_ms: int) -> bool:
        """Ask for a rebirth, each node seldom, all of them at a bounded rate; False where not."""
        now = time.monotonic()
        if len(self._asks) == limits.SPARKPLUG_ASKS_HZ_MAX and now - self._asks[0] < 1:
            return False
        if not node.may_ask(now_ms):
            return False
        self._asks.append(now)
        self.heard.ask_rebirth(node.key)
        return True

    def _resolve(
        self, batch: Batch, metrics: Metrics, number: int, message: Message, scope: Scope
    ) -> bool:
        """Find the slots of a message; False where a birth that may explain it is to come."""
        first, end = int(metrics.first[number]), int(metrics.first[number + 1])
        names = scope.names or scope.previous
        if names is None:
            batch.refuse(message, "unknown_alias", _UNBORN, max(1, end - first))
            batch.done(message)
            return True
        slots = names.resolve(metrics, first, end)
        unknown = slots == UNKNOWN
        if unknown.any() and not message.final and not message.doubtful:
            return False
        changed = np.zeros(end - first, np.bool_)
        if message.doubtful and scope.names is not None and scope.previous is not None:
            before = scope.previous.resolve(metrics, first, end)
            changed = (before >= 0) & (before != slots)
        slots[(metrics.flags[first:end] & columnar.TRANSIENT) != 0] = PASSED
        if unknown.any():
            batch.refuse(message, "unknown_alias", _UNBORN, int(unknown.sum()))
        if (changed & ~unknown).any():
            batch.refuse(message, "alias_changed", _CHANGED, int((changed & ~unknown).sum()))
        slots[unknown | changed] = PASSED
        doubtful = message.doubtful and message.final
        batch.parts.append(Part(number, first, slots, message.received_ms, doubtful))
        batch.done(message)
        return True


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
