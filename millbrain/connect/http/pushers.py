"""The connections of this room as it knows them: token, rate, what they sent, how they stand."""

import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from millbrain.connect.http.columnar import Pushed
from millbrain.connect.http.options import rate_hz
from millbrain.core import limits
from millbrain.core.plant.secrets import Secrets
from millbrain.core.plant.tags import (
    Connection,
    ConnectionState,
    Found,
    Phase,
    Tag,
    TagBook,
    TagKind,
)

FRESH_MS: Final = 300_000  # a connection that pushed so recently counts as connected
LAYOUTS_MAX: Final = 256  # shapes of pushes that are known to bring no new series
Name = tuple[str, str]  # thing, signal


@dataclass(slots=True)
class Pusher:
    """One connection. digest: of its token, empty where none is set. tokens: readings to spare."""

    connection: Connection
    digest: bytes
    since_ms: int
    rate_hz: float = limits.PUSH_HZ_MAX
    spare: float = limits.PUSH_HZ_MAX
    spare_at: float = field(default_factory=time.monotonic)
    values: int = 0
    received_ms: int = 0
    refusal: str = ""
    refusal_zh: str = ""
    layouts: set[int] = field(default_factory=set)
    series: dict[Name, TagKind] = field(default_factory=dict)
    fresh: dict[Name, TagKind] = field(default_factory=dict)

    def wait_s(self) -> float:
        """Return how long the next push must wait, for its rate [s]."""
        now = time.monotonic()
        self.spare = min(self.rate_hz, self.spare + (now - self.spare_at) * self.rate_hz)
        self.spare_at = now
        return max(0.0, -self.spare / self.rate_hz)

    def took(self, pushed: Pushed, received_ms: int) -> None:
        """Count readings and remember series that were not seen before."""
        self.spare -= len(pushed.faults)
        self.values += pushed.columns.rows
        self.received_ms, self.refusal, self.refusal_zh = received_ms, "", ""
        layout = pushed.layout
        if layout in self.layouts or len(self.series) >= limits.PUSH_SERIES_MAX:
            return
        self.layouts = {layout, *list(self.layouts)[: LAYOUTS_MAX - 1]}
        new = {
            name: TagKind.TEXT if is_text else TagKind.NUMBER
            for name, is_text in pushed.series().items()
            if name not in self.series
        }
        self.series |= new
        self.fresh |= new

    def state(self, port: int) -> ConnectionState:
        """Describe how it stands."""
        phase, why, why_zh = self._standing(port)
        return ConnectionState(
            self.connection.key, phase, self.received_ms or self.since_ms, why, why_zh,
            self.values, self.received_ms,
        )  # fmt: skip

    def _standing(self, port: int) -> tuple[Phase, str, str]:
        if not self.connection.enabled:
            return Phase.OFF, "it is switched off", "已停用"
        if not self.digest:
            return Phase.FAILED, "it has no token; set one", "尚未设置令牌，请设置"
        if self.refusal:
            return Phase.FAILED, self.refusal, self.refusal_zh
        if time.time() * 1000 - self.received_ms < FRESH_MS:
            return Phase.CONNECTED, "", ""
        path = self.connection.endpoint
        return (
            Phase.CONNECTING,
            f"no reading for five minutes; it is pushed with POST to port {port}, path {path}",
            f"五分钟内没有收到数据；请用 POST 推送到端口 {port}，路径 {path}",
        )

    def found(self, node: str) -> list[Found]:
        """Return what was pushed: things at the root, signals below a thing."""
        if not node:
            things = sorted({thing for thing, _ in self.series})
            return [Found(t, t, leaf=False) for t in things]
        return [
            Found(f"{node}/{s}", s, node, kind=kind)
            for (t, s), kind in sorted(self.series.items())
            if t == node
        ]


class Pushers:
    """All connections of the room. `refresh` and `note_series` may block: call them in a thread."""

    def __init__(self, tags: TagBook, secrets: Secrets, room: str) -> None:
        self._tags, self._secrets, self._room = tags, secrets, room
        self._revision = -1
        self._known: dict[str, Pusher] = {}

    def refresh(self) -> None:
        """Follow changes of connections, and of their tokens."""
        revision = self._tags.revision()
        listed: Sequence[Connection]
        if revision == self._revision:
            listed = [p.connection for p in self._known.values()]
        else:
            listed = self._tags.connections(self._room)
        self._known = {c.key: self._followed(c) for c in listed}
        self._revision = revision

    def _followed(self, connection: Connection) -> Pusher:
        token = self._secrets.get(connection.key, "token")
        digest = hashlib.sha256(token.encode()).digest() if token else b""
        pusher = self._known.get(connection.key)
        if pusher is None:
            pusher = Pusher(connection, digest, int(time.time() * 1000))
        pusher.connection, pusher.digest = connection, digest
        pusher.rate_hz = rate_hz(connection)
        return pusher

    def of(self, key: str, token: str) -> Pusher | None:
        """Return the connection of that key if the token is its own; else None."""
        pusher = self._known.get(key)
        given = hashlib.sha256(token.encode()).digest()
        is_right = hmac.compare_digest(given, pusher.digest if pusher else b"\0" * 32)
        if pusher is None or not is_right or not pusher.connection.enabled:
            if pusher is not None and pusher.digest and not is_right:
                pusher.refusal = "the last push carried a wrong token"
                pusher.refusal_zh = "最近一次推送的令牌不对"
            return None
        return pusher

    def all(self) -> list[Pusher]:
        """Return every connection."""
        return list(self._known.values())

    def note_series(self) -> None:
        """Keep series that were met for the first time among the tags of their connection."""
        for pusher in self.all():
            fresh, pusher.fresh = pusher.fresh, {}
            if fresh:
                key = pusher.connection.key
                self._tags.add_found([
                    Tag(key, f"{t}/{s}", t, s, kind) for (t, s), kind in fresh.items()
                ])  # fmt: skip
