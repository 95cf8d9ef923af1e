"""Connections, tags and secrets of an edge: from its settings file, and found by its rooms."""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from millbrain.core.plant.tags import Connection, Tag, TagKind
from millbrain.run.edge.config import EdgeConfig

TAGS_MAX: Final = 200_000


class EdgeBook:
    """Implements `core.plant.tags.TagBook`. Found tags are kept in one JSON file."""

    def __init__(self, config: EdgeConfig, path: Path) -> None:
        self._connections = config.connections()
        self._path = path
        self._lock = threading.Lock()
        self._revision = 1
        self._tags = {(t.connection, t.address): t for t in config.tags()}
        if path.exists():
            for told in json.loads(path.read_text("utf-8")):
                tag = Tag(**told | {"kind": TagKind(told["kind"])})
                self._tags.setdefault((tag.connection, tag.address), tag)

    def revision(self) -> int:
        """Return a number that grows with every change."""
        return self._revision

    def connections(self, room: str) -> Sequence[Connection]:
        """Return the connections of a room."""
        return [c for c in self._connections if c.room == room]

    def tags(self, connection: str) -> Sequence[Tag]:
        """Return the tags of a connection."""
        with self._lock:
            return [t for t in self._tags.values() if t.connection == connection]

    def add_found(self, tags: Sequence[Tag]) -> int:
        """Keep tags that a room found; return how many were new."""
        with self._lock:
            known, room = self._tags, max(0, TAGS_MAX - len(self._tags))
            listed = {(t.connection, t.address): t for t in reversed(tags)}
            fresh = [key for key in listed if key not in known][:room]
            if fresh:
                known.update({key: listed[key] for key in fresh})
                self._keep()
                self._revision += 1
            return len(fresh)

    def _keep(self) -> None:
        listed = [asdict(t) for t in self._tags.values()]
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(listed), "utf-8")
        os.replace(draft, self._path)


class EdgeSecrets:
    """Secrets as the settings file has them; implements `core.plant.secrets.Secrets`."""

    def __init__(self, config: EdgeConfig) -> None:
        self._kept: Mapping[str, Mapping[str, str]] = {c.key: c.secrets for c in config.connection}

    def get(self, connection: str, name: str) -> str:
        """Return a secret, empty where there is none."""
        return self._kept.get(connection, {}).get(name, "")

    def put(self, connection: str, name: str, value: str) -> None:
        """Refuse: the settings file is the place."""
        raise NotImplementedError("secrets of an edge stand in its settings file")

    def names(self, connection: str) -> frozenset[str]:
        """Return the names of the secrets of a connection."""
        return frozenset(self._kept.get(connection, {}))
