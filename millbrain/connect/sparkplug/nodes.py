"""Edge nodes as their messages tell them: births, deaths, sequence, doubt, and what waits.

Sequence numbers run from 0 to 255 over all messages of a node but NDEATH (3.0 section 6.4.5). A
message ahead of its turn waits for those before it, `limits.SPARKPLUG_REORDER_MS` long; then a
message is lost, the node is asked for a rebirth, and what comes meanwhile waits too: the lost one
may have been a birth, after which an alias means another metric. Once the birth is there, a value
is stored where its alias meant the same before and after, and refused with that reason where it
did not.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from millbrain.connect.sparkplug.births import Names
from millbrain.connect.sparkplug.fields import SEQUENCE
from millbrain.connect.sparkplug.messages import Message
from millbrain.core import limits


@dataclass(slots=True)
class Scope:
    """A node itself or one of its devices. names: of its last birth, None until there was one.

    previous: of the birth before, or one remembered from before a restart.
    """

    key: str
    names: Names | None = None
    previous: Names | None = None
    online: bool = False
    since_ms: int = 0


@dataclass(slots=True)
class Node:
    """One edge node. expected: sequence number of its next message, -1 = any."""

    key: str
    scopes: dict[str, Scope] = field(default_factory=dict)
    bd_seq: int | None = None
    expected: int = -1
    online: bool = False
    since_ms: int = 0
    doubt_ms: int = 0
    gap_ms: int = 0
    asked_ms: int = 0
    pause_ms: int = limits.SPARKPLUG_ASK_MS_MIN
    early: dict[int, Message] = field(default_factory=dict)
    held: list[tuple[int, str, Message]] = field(default_factory=list)

    def scope(self, key: str) -> Scope:
        """Return the node's own scope or that of a device."""
        found = self.scopes.get(key)
        if found is None:
            found = self.scopes[key] = Scope(key)
        return found

    def step(self, message: Message, seq: int, now_ms: int) -> bool:
        """Look at a sequence number; False where the message must wait for its turn."""
        if message.checked or seq < 0 or self.expected < 0:
            self._turn(message, seq)
            return True
        ahead = (seq - self.expected) % SEQUENCE
        if ahead == 0:
            self._turn(message, seq)
            return True
        if ahead >= SEQUENCE // 2:  # sent again after a reconnect, or overtaken: its turn was
            message.checked = True
            return True
        self.early[seq] = message
        self.gap_ms = self.gap_ms or now_ms
        return False

    def _turn(self, message: Message, seq: int) -> None:
        if not message.checked and seq >= 0:
            self.expected = (seq + 1) % SEQUENCE
        message.checked = True

    def next_early(self) -> Message | None:
        """Return the early message whose turn has come."""
        message = self.early.pop(self.expected, None)
        if message is not None and not self.early:
            self.gap_ms = 0
        return message

    def begin(self, seq: int, bd_seq: int | None, now_ms: int) -> None:
        """Note a birth of the node: a new session, in which its devices are yet to be born."""
        self.expected = (seq + 1) % SEQUENCE if seq >= 0 else -1
        self.bd_seq, self.online, self.since_ms = bd_seq, True, now_ms
        self.doubt_ms = self.gap_ms = 0
        for scope in self.scopes.values():
            if scope.key != self.key:
                scope.previous, scope.names = scope.names or scope.previous, None

    def resume(self, now_ms: int) -> None:
        """Go on where we were before a restart: the broker kept all that came since, in order."""
        self.online, self.since_ms = True, now_ms
        for scope in self.scopes.values():
            if scope.names is None and scope.previous is not None:
                scope.names, scope.online, scope.since_ms = scope.previous, True, now_ms

    def end(self, now_ms: int) -> None:
        """Note the death of the node and with it of its devices."""
        self.online, self.since_ms, self.expected = False, now_ms, -1
        for scope in self.scopes.values():
            if scope.online:
                scope.online, scope.since_ms = False, now_ms

    def hold(self, scope: str, message: Message, now_ms: int) -> list[Message]:
        """Keep a message until a birth explains it; return those that have no place any more."""
        message.doubtful = True
        self.held.append((now_ms, scope, message))
        out = []
        size = sum(len(m.payload) for _, _, m in self.held)
        while len(self.held) > limits.SPARKPLUG_HELD_MAX or size > limits.SPARKPLUG_HELD_BYTES_MAX:
            _, _, oldest = self.held.pop(0)
            size -= len(oldest.payload)
            oldest.final = True
            out.append(oldest)
        return out

    def release(self, scope: str) -> list[Message]:
        """Return what waited for the birth of a scope."""
        out = [m for _, s, m in self.held if s == scope]
        self.held = [h for h in self.held if h[1] != scope]
        return out

    def due(self, now_ms: int) -> Iterator[Message]:
        """Yield what has waited long enough; a gap that stays becomes a doubt."""
        if self.gap_ms and now_ms - self.gap_ms >= limits.SPARKPLUG_REORDER_MS:
            self.gap_ms, self.doubt_ms = 0, self.doubt_ms or now_ms
            order = sorted(self.early, key=lambda s: (s - self.expected) % SEQUENCE)
            if order:
                self.expected = (order[-1] + 1) % SEQUENCE
            for seq in order:
                message = self.early.pop(seq)
                message.checked = message.doubtful = True
                yield message
        if self.doubt_ms and now_ms - self.doubt_ms >= limits.SPARKPLUG_BIRTH_MS:
            self.doubt_ms = 0
        while self.held and now_ms - self.held[0][0] >= limits.SPARKPLUG_BIRTH_MS:
            _, _, message = self.held.pop(0)
            message.final = True
            yield message

    def may_ask(self, now_ms: int) -> bool:
        """Whether a rebirth may be asked for now; notes that it is. Each time in a row later."""
        since_ms = now_ms - self.asked_ms
        if self.asked_ms and since_ms < self.pause_ms:
            return False
        often = self.asked_ms and since_ms < 4 * self.pause_ms
        low, high = limits.SPARKPLUG_ASK_MS_MIN, limits.SPARKPLUG_ASK_MS_MAX
        self.pause_ms = min(high, 2 * self.pause_ms) if often else low
        self.asked_ms = now_ms
        return True
