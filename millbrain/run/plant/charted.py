"""What is charted: `characteristics.toml` of the data folder, read again whenever it changes."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from millbrain.core.plant.charted import Charted, check_apart, read_characteristics

FILE: Final = "characteristics.toml"


class ChartedBook:
    """The characteristics of an installation; a call returns them as of now, from any thread.

    data: folder of the installation. others: characteristics that come from a plant's pack; one
    that the file declares, too, is the file's.
    """

    def __init__(self, data: Path, others: Sequence[Charted] = ()) -> None:
        self._path, self._others = data / FILE, tuple(others)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._own: tuple[Charted, ...] = ()

    def __call__(self) -> tuple[Charted, ...]:
        """Return every characteristic.

        Raises
        ------
        SettingsError
            The file is wrong; the sentence says where.
        """
        with self._lock:
            stamp = self._stamped()
            if stamp != self._stamp:
                text = self._path.read_text("utf-8") if stamp else ""
                self._own = read_characteristics(text, self._path.name) if stamp else ()
                self._stamp = stamp
        named = {(c.thing, c.signal) for c in self._own}
        found = (*self._own, *(c for c in self._others if (c.thing, c.signal) not in named))
        check_apart(found)
        return found

    def _stamped(self) -> tuple[int, int] | None:
        try:
            told = self._path.stat()
        except FileNotFoundError:
            return None
        return told.st_mtime_ns, told.st_size
