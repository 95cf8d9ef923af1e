"""The last birth of every scope on disk, so that aliases mean something after a restart.

One small file a topic. A birth that is not there is asked for again; nothing depends on these
files but how soon values can be stored whose node does not answer.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FILES_MAX: Final = 20_000


class Remembered:
    """Births of one connection. folder: made when the first birth is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, bytes] = {}

    def keep(self, topic: str, payload: bytes) -> None:
        """Keep a birth instead of the one before."""
        if self._kept.get(topic) == payload or (
            topic not in self._kept and len(self._kept) >= FILES_MAX
        ):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{hashlib.sha256(topic.encode()).hexdigest()[:32]}.birth"
        draft = path.with_suffix(".new")
        draft.write_bytes(topic.encode() + b"\n" + payload)
        os.replace(draft, path)
        self._kept[topic] = payload

    def births(self) -> Iterator[tuple[str, bytes]]:
        """Yield topic and payload of every birth that is kept."""
        for path in sorted(self._folder.glob("*.birth")):
            topic, _, payload = path.read_bytes().partition(b"\n")
            self._kept[topic.decode("utf-8", "replace")] = payload
            yield topic.decode("utf-8", "replace"), payload
