"""Connections, tags and secrets of an edge: from its settings file, and found by its rooms."""

import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from millbrain.core.errors import RefusedError
from millbrain.core.plant.tags import Tag, TagKind
from millbrain.hands.tag_memory import TagMemory
from millbrain.run.edge.config import EdgeConfig


class EdgeBook(TagMemory):
    """Connections and tags as the settings file has them; found tags stand in a JSON file."""

    def __init__(self, config: EdgeConfig, path: Path) -> None:
        super().__init__(config.connections(), config.tags())
        self._path = path
        self._keeping = threading.Lock()
        if path.exists():
            told = json.loads(path.read_text("utf-8"))
            self.add_found([Tag(**t | {"kind": TagKind(t["kind"])}) for t in told])

    def add_found(self, tags: Sequence[Tag]) -> int:
        """Keep tags that a room found, on disk too; return how many were new."""
        count = super().add_found(tags)
        if count:
            self._keep()
        return count

    def _keep(self) -> None:
        draft = self._path.with_suffix(".new")
        with self._keeping:
            draft.write_text(json.dumps([asdict(t) for t in self.all_tags()]), "utf-8")
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
        raise RefusedError(
            f"secret {name!r} of connection {connection}: write it into the edge's settings"
        )

    def names(self, connection: str) -> frozenset[str]:
        """Return the names of the secrets of a connection."""
        return frozenset(self._kept.get(connection, {}))
