"""Reads the plant of a pack from its TOML files."""

import threading
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from millbrain.core.errors import SettingsError
from millbrain.core.plant.pack import FILES, assemble
from millbrain.core.plant.plant import Plant
from millbrain.run.packs import FOLDER


def load_plant(pack: str, folder: Path = FOLDER) -> Plant:
    """Return the plant of a pack: the name of a folder under packs/, or a path to one.

    Raises
    ------
    SettingsError
        The pack was not found, or naming each wrong entry of its files.
    """
    place = pack_folder(pack, folder)
    try:
        return assemble({name: told for name in FILES if (told := read(place / name)) is not None})
    except SettingsError as error:
        raise SettingsError(f"pack {pack}: {error}") from error


class PlantBook:
    """The plants of an installation, read when they are first asked for; from any thread.

    packs: their names. A call returns them.
    """

    def __init__(self, packs: Sequence[str]) -> None:
        self._packs = tuple(packs)
        self._lock = threading.Lock()
        self._plants: tuple[Plant, ...] | None = None

    def __call__(self) -> tuple[Plant, ...]:
        """Return the plants.

        Raises
        ------
        SettingsError
            A pack was not found or is wrong.
        """
        with self._lock:
            if self._plants is None:
                self._plants = tuple(load_plant(pack) for pack in self._packs)
            return self._plants


def pack_folder(pack: str, folder: Path = FOLDER) -> Path:
    """Return the folder of a plant's pack; SettingsError where there is none."""
    for place in (folder / pack, Path(pack)):
        if (place / "plant.toml").is_file():
            return place
    found = ", ".join(sorted(p.parent.name for p in folder.glob("*/plant.toml")))
    raise SettingsError(f"plant pack {pack!r} was not found; {folder} has {found or 'none'}")


def read(path: Path) -> Mapping[str, Any] | None:
    """Return the content of a TOML file, None where there is no such file."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name} is not valid TOML: {error}") from error
