"""What was taken already, by the digest of its bytes: the same file twice brings nothing twice."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from millbrain.core import limits


class Receipts:
    """One JSON line a file, kept in the room's own folder. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Mapping[str, Any]] = {}
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                self._remember(line)

    def _remember(self, line: str) -> None:
        try:
            receipt = json.loads(line)
            self._known[receipt["sha256"]] = receipt
        except (ValueError, KeyError, TypeError):
            return  # the last line of a run that was killed; its file is read again
        while len(self._known) > limits.FILE_RECEIPTS_MAX:
            del self._known[next(iter(self._known))]

    def of(self, sha256: str) -> Mapping[str, Any] | None:
        """Return the receipt of a file, None where it was not taken."""
        return self._known.get(sha256)

    def add(self, receipt: Mapping[str, Any]) -> None:
        """Keep a receipt, durably."""
        line = json.dumps(receipt, ensure_ascii=False)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as f:
            f.write(line + "\n")
            f.flush()
            os.fsync(f.fileno())
        self._remember(line)
