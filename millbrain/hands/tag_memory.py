"""A tag book in memory: for an edge without a ledger, and wherever nothing need be kept."""

import threading
from collections.abc import Iterable, Sequence

from millbrain.core import limits
from millbrain.core.plant.tags import Connection, Tag


class TagMemory:
    """Connections and tags by their keys; see `core.plant.tags.TagBook`. Thread safe."""

    def __init__(
        self,
        connections: Iterable[Connection] = (),
        tags: Iterable[Tag] = (),
        found_max: int = limits.FOUND_TAGS_MAX,
    ) -> None:
        self._found_max = found_max
        self._lock = threading.Lock()
        self._revision = 1
        self._connections = {c.key: c for c in connections}
        self._tags = {(t.connection, t.address): t for t in tags}

    def revision(self) -> int:
        """Return a number that grows with every change."""
        return self._revision

    def connections(self, room: str) -> Sequence[Connection]:
        """Return the connections of a room."""
        with self._lock:
            return [c for c in self._connections.values() if c.room == room]

    def tags(self, connection: str) -> Sequence[Tag]:
        """Return the tags of a connection."""
        with self._lock:
            return [t for t in self._tags.values() if t.connection == connection]

    def all_tags(self) -> Sequence[Tag]:
        """Return the tags of all connections."""
        with self._lock:
            return list(self._tags.values())

    def add_found(self, tags: Sequence[Tag]) -> int:
        """Keep tags that a room found, up to a limit of all; return how many were new."""
        with self._lock:
            listed = {(t.connection, t.address): t for t in reversed(tags)}
            fresh = [key for key in listed if key not in self._tags]
            fresh = fresh[: max(0, self._found_max - len(self._tags))]
            self._tags |= {key: listed[key] for key in fresh}
            self._revision += bool(fresh)
            return len(fresh)

    def put(self, connection: Connection, tags: Iterable[Tag] | None = None) -> None:
        """Add or change a connection, and its tags where they are given."""
        with self._lock:
            self._connections[connection.key] = connection
            if tags is not None:
                kept = {k: t for k, t in self._tags.items() if t.connection != connection.key}
                self._tags = kept | {(t.connection, t.address): t for t in tags}
            self._revision += 1

    def drop(self, key: str) -> None:
        """Forget a connection and its tags."""
        with self._lock:
            self._connections.pop(key, None)
            self._tags = {k: t for k, t in self._tags.items() if t.connection != key}
            self._revision += 1
