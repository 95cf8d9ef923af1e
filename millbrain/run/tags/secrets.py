"""`SecretFiles`: secrets of connections as files that only their owner may read."""

import json
import os
import threading
from pathlib import Path
from typing import Final
from urllib.parse import quote

from millbrain.core.errors import SettingsError

FOLDER: Final = "secrets"  # below the data folder


class SecretFiles:
    """One JSON file a connection; implements `core.plant.secrets.Secrets`.

    Web process and engine share the folder: a file is replaced whole, never written in place.
    """

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER
        self._lock = threading.Lock()

    def get(self, connection: str, name: str) -> str:
        """Return a secret of a connection, empty where none is kept."""
        return self._read(connection).get(name, "")

    def put(self, connection: str, name: str, value: str) -> None:
        """Keep a secret; an empty one is forgotten."""
        with self._lock:
            kept = self._read(connection)
            kept.pop(name, None)
            if value:
                kept[name] = value
            self._write(connection, kept)

    def names(self, connection: str) -> frozenset[str]:
        """Return the names of the secrets that are kept of a connection, never their values."""
        return frozenset(self._read(connection))

    def _path(self, connection: str) -> Path:
        if not connection:
            raise SettingsError("a secret belongs to a connection; its name was empty")
        return self._folder / f"{quote(connection, safe='')}.json"

    def _read(self, connection: str) -> dict[str, str]:
        try:
            kept: dict[str, str] = json.loads(self._path(connection).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return kept

    def _write(self, connection: str, kept: dict[str, str]) -> None:
        path = self._path(connection)
        if not kept:
            path.unlink(missing_ok=True)
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}.new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as f:
            json.dump(kept, f)
            f.flush()
            os.fsync(f.fileno())
        fresh.replace(path)
