"""The rules of tags with every room that has connections, found by discovery."""

import importlib

from millbrain.core.tagging.rules import RoomCheck, TagRules
from millbrain.run.discovery import drivers


def tag_rules() -> TagRules:
    """Return the rules; a room's own check is imported here, once."""
    cards = {card.key: card for card in drivers() if card.endpoint}
    return TagRules(cards, {k: _check(c.check) for k, c in cards.items() if c.check})


def _check(dotted: str) -> RoomCheck:
    module, _, name = dotted.partition(":")
    check: RoomCheck = getattr(importlib.import_module(module), name)
    return check
