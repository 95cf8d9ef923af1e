"""Reads the plant of a pack from its TOML files."""

import tomllib
from collections.abc import Mapping
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
