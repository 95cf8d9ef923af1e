"""What a request may choose from: the stock and the designs that come with the room."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from millbrain.core.limits import LABELS_MAX
from millbrain.identify.labels.fields import (
    CONTENTS,
    CORRECTIONS,
    SYMBOLOGIES,
    ZPL_DPIS,
    Design,
    Stock,
    read_design,
    read_stock,
)
from millbrain.identify.labels.sheets import FORMATS


@cache
def stocks() -> dict[str, Stock]:
    """Return the kinds of stock by key."""
    return {key: read_stock(key, told) for key, told in _tables("stock.toml").items()}


@cache
def designs() -> dict[str, Design]:
    """Return the designs by key."""
    return {key: read_design(key, told) for key, told in _tables("designs.toml").items()}


def _tables(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / name).read_text("utf-8"))


def stock_of(told: object) -> Stock:
    """Return the stock that a request names or brings.

    Raises
    ------
    ValueError
        It is not known, or malformed.
    """
    if isinstance(told, str):
        found = stocks().get(told)
        if found is None:
            raise ValueError(f"stock {told!r}; known are {', '.join(stocks())}, or bring a table")
        return found
    return read_stock("given", told)


@cache
def described() -> dict[str, Any]:
    """Return everything that a request may choose from, as JSON-able data."""
    return {
        "symbols": {key: _described(one) for key, one in SYMBOLOGIES.items()},
        "contents": {key: {"title": en, "title_zh": zh} for key, (en, zh) in CONTENTS.items()},
        "corrections": CORRECTIONS,
        "formats": FORMATS,
        "dpis": list(ZPL_DPIS),
        "stocks": {key: _described(one) | {"count": one.count} for key, one in stocks().items()},
        "designs": {key: _described(one) for key, one in designs().items()},
        "labels_max": LABELS_MAX,
    }


def _described(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__ if name != "key"}
