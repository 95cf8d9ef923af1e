"""How the resolver is doing, for the page of the system."""

import logging
import os
import resource
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import millbrain

if TYPE_CHECKING:
    from millbrain.run.desk.routes import Desk


class Troubles(logging.Handler):
    """Remembers the last warning or error that the process logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: Mapping[str, Any] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.last = {"at_s": record.created, "level": record.levelname, "text": record.getMessage()}


def status_of(desk: "Desk") -> dict[str, Any]:
    """Return what the resolver says about itself; counts are since its start."""
    faces = {name: dict(face.status()) for name, face in desk.faces.items()}
    return {
        "version": millbrain.__version__, "process": os.getpid(), "role": desk.node.role,
        "started_at": desk.started_s, "as_of": time.time(),
        "memory_max_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "ports": {name: face.port for name, face in desk.faces.items() if face.port},
        "faces": faces,
        "keys_about": desk.store.keys_about(), "disk_bytes": desk.store.disk_bytes(),
        "homed": len(desk.registry.homed()), "waiting": desk.registry.waiting,
        "others": dict(desk.recursion.status()), "last_trouble": desk.troubles.last,
    }  # fmt: skip
