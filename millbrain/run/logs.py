"""Logging of one process: to its own bounded file, and warnings to the terminal."""

import logging
import logging.handlers
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FILE_BYTES_MAX: Final = 8 << 20
FILES_KEPT: Final = 5


def to_file(folder: Path, process: str) -> None:
    """Send the log of this process to `folder`/`process`.log, warnings to standard error too."""
    kept = logging.handlers.RotatingFileHandler(
        folder / f"{process}.log", maxBytes=FILE_BYTES_MAX, backupCount=FILES_KEPT, encoding="utf-8"
    )
    kept.setFormatter(logging.Formatter(_FORMAT))
    shown = logging.StreamHandler()
    shown.setLevel(logging.WARNING)
    shown.setFormatter(logging.Formatter(f"{process}: %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [kept, shown]
    root.setLevel(logging.INFO)


@contextmanager
def fatal(log: logging.Logger) -> Iterator[None]:
    """Write what ends the process to its log before it ends."""
    try:
        yield
    except Exception:
        log.critical("the process ends", exc_info=True)
        raise
