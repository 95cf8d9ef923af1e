"""Find the rooms of a stage: list its folders, import each card. There is no list to keep."""

import importlib
import pkgutil
from pathlib import Path
from typing import Final

from millbrain.core.errors import SettingsError
from millbrain.core.pages import RoomPage
from millbrain.core.rooms import App, Driver, Face

Card = Driver | Face | App
ROOM_STAGES: Final[dict[str, type[Card]]] = {"connect": Driver, "identify": Face, "analyse": App,
                                            "decide": App}  # fmt: skip


def discover(stage: str) -> tuple[Card, ...]:
    """Return the cards (`ROOM`) of every room folder of `stage`, in order of their keys.

    A folder without a card is not a room yet and is left out. Importing a card is cheap: the room's
    driver is imported when it is started.

    Raises
    ------
    SettingsError
        Where `stage` holds no rooms, a card is of the wrong class, or its key is another.
    """
    if stage not in ROOM_STAGES:
        raise SettingsError(f"stage {stage!r} holds no rooms; these do: {', '.join(ROOM_STAGES)}")
    package = importlib.import_module(f"millbrain.{stage}")
    folders = sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.ispkg)
    cards = {name: _card(f"{package.__name__}.{name}", ROOM_STAGES[stage]) for name in folders}
    wrong = [n for n, c in cards.items() if c and c.key != n]
    if wrong:
        raise SettingsError(f"room folder {wrong[0]!r}: its card says key {cards[wrong[0]]!r}")
    return tuple(card for card in cards.values() if card)


def drivers() -> tuple[Driver, ...]:
    """Return the cards of all connect rooms."""
    return tuple(card for card in discover("connect") if isinstance(card, Driver))


def faces() -> tuple[Face, ...]:
    """Return the cards of all identify rooms."""
    return tuple(card for card in discover("identify") if isinstance(card, Face))


def apps() -> tuple[App, ...]:
    """Return the cards of all analyse rooms."""
    return tuple(card for card in discover("analyse") if isinstance(card, App))


def room_pages() -> tuple[RoomPage, ...]:
    """Return the pages that rooms bring, each with the folder of its room, stage by stage."""
    return tuple(
        RoomPage(card.key, page, _folder(stage, card.key))
        for stage in ROOM_STAGES
        for card in discover(stage)
        for page in card.pages
    )


def _folder(stage: str, key: str) -> Path:
    package = importlib.import_module(f"millbrain.{stage}.{key}")
    return Path(package.__path__[0])


def _card(module: str, wanted: type[Card]) -> Card | None:
    card: Card | None = getattr(importlib.import_module(module), "ROOM", None)
    if card is not None and not isinstance(card, wanted):
        found = type(card).__name__
        raise SettingsError(
            f"{module}: ROOM is a {found}, a card of {wanted.__name__} was expected"
        )
    return card
