"""Where a running process says who and where it is: DATA/run/<process>.json.

The ports in it are those really taken, which is how one process, the command line and the tests
find another when a port was left to chance.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(path: Path, ports: Mapping[str, int], **more: Any) -> None:
    """Write the file in one step, so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"pid": os.getpid(), "ports": dict(ports), **more})
    fresh = path.with_suffix(".next")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)


def read(path: Path) -> dict[str, Any] | None:
    """Return what a living process wrote, or None where there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if is_alive(int(found["pid"])) else None


def is_alive(pid: int) -> bool:
    """Whether a process with this id exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
