"""What is charted: what plants measure, and `characteristics.toml` of the data folder.

The file is read again whenever it changes, and goes before the plants.
"""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from millbrain.core.plant.charted import Charted, check_apart, of_plant, read_characteristics
from millbrain.core.plant.plant import Plant

FILE: Final = "characteristics.toml"


class ChartedBook:
    """The characteristics of an installation; a call returns them as of now, from any thread.

    data: folder of the installation. plants: returns those that the installation knows; what the
    file declares of one of their signals is the file's.
    """

    def __init__(self, data: Path, plants: Callable[[], Sequence[Plant]] = tuple) -> None:
        self._path, self._plants = data / FILE, plants
        self._others: tuple[Charted, ...] | None = None
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
            if self._others is None:
                self._others = tuple(c for plant in self._plants() for c in of_plant(plant))
        named = {(c.thing, c.signal) for c in self._own}
        named |= {(c.thing, str(c.number)) for c in self._own}
        found = (
            *self._own,
            *(
                c
                for c in self._others
                if not {(c.thing, c.signal), (c.thing, str(c.number))} & named
            ),
        )
        check_apart(found)
        return found

    def _stamped(self) -> tuple[int, int] | None:
        try:
            told = self._path.stat()
        except FileNotFoundError:
            return None
        return told.st_mtime_ns, told.st_size
