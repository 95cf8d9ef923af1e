"""Packs: a city, an industry brain or a plant described as data under packs/."""

import tomllib
from pathlib import Path
from typing import Any, Final

import numpy as np

from millbrain.core.errors import SettingsError
from millbrain.record.intake import Regions

FOLDER: Final = Path(__file__).resolve().parents[2] / "packs"


def read_regions(pack: str) -> list[dict[str, Any]]:
    """Return the regions of a pack: code, names, centre [deg], tile column and row."""
    path = FOLDER / pack / "regions.toml"
    if not path.is_file() or path.parent.parent != FOLDER:
        raise SettingsError(f"pack {pack!r} was not found; packs stand in {FOLDER}")
    found: list[dict[str, Any]] = tomllib.loads(path.read_text("utf-8"))["region"]
    return found


def regions_of(pack: str) -> Regions:
    """Return the centres of a pack's regions in the form that the intake uses."""
    rows = read_regions(pack)
    return Regions(
        np.array([str(r["code"]).encode() for r in rows]),
        np.array([r["lon"] for r in rows], np.float64),
        np.array([r["lat"] for r in rows], np.float64),
    )
