"""Random histories against a slow reading of the rules, written without the lists and the walk."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millbrain.record.identifiers import RocksIdentifiers
from millbrain.record.identifiers.events import StoredEvents
from tests.identify.trace.test_walk import down, joined, keep, made, names, up

THINGS = "ABCDEFGHIJ"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[RocksIdentifiers]:
    opened = RocksIdentifiers(tmp_path / "store")
    yield opened
    opened.close()


def history(dice: random.Random) -> list[dict[str, Any]]:
    """Return events in the order in which they happened, one a minute: things of later letters
    are held by, and go into, those of earlier ones, so that no thing contains itself."""
    events = []
    for minute in range(1, 40):
        parent = dice.choice(THINGS[:-1])
        later = THINGS[THINGS.index(parent) + 1 :]
        chosen = dice.sample(later, dice.randint(1, min(3, len(later))))
        kind = dice.random()
        if kind < 0.5:
            events.append(joined(minute / 60, parent, *chosen))
        elif kind < 0.75:
            events.append(joined(minute / 60, parent, *chosen, action="DELETE"))
        else:
            events.append(made(minute / 60, chosen, [parent]))
    return events


class Slow:
    """The state of every thing after so many events: what holds it, what it was made of."""

    def __init__(self, events: list[dict[str, Any]], until: int) -> None:
        self.inside: dict[str, str] = {}
        self.made_of: dict[str, list[tuple[int, str]]] = {}
        self.moves: list[tuple[int, str, str]] = []  # when, thing, holder or '' = none
        for minute, event in enumerate(events[:until], 1):
            if event["type"] == "TransformationEvent":
                (out,) = (_short(o) for o in event["outputEPCList"])
                inputs = [(minute, _short(i)) for i in event["inputEPCList"]]
                self.made_of.setdefault(out, []).extend(inputs)
                continue
            parent = _short(event["parentID"])
            for child in map(_short, event["childEPCs"]):
                if event["action"] == "ADD":
                    self.inside[child] = parent
                    self.moves.append((minute, child, parent))
                elif self.inside.get(child) == parent:
                    del self.inside[child]
                    self.moves.append((minute, child, ""))

    def parts(self, thing: str, events: list[dict[str, Any]], until: int) -> set[str]:
        """Return everything in a thing after an event: each input as it was when it went in."""
        found = set()
        here = Slow(events, until)
        for child, parent in here.inside.items():
            if parent == thing:
                found |= {child} | self.parts(child, events, until)
        for minute, part in here.made_of.get(thing, ()):
            found |= {part} | self.parts(part, events, min(minute, until))
        return found


def _short(text: str) -> str:
    return text.rpartition("/")[2]


def affected(events: list[dict[str, Any]], bad: str) -> set[str]:
    """Return the things that were ever affected by a bad one: minute by minute, all of them."""
    whole = Slow(events, len(events))
    touched, holders = {bad}, dict[str, str]()
    stained = {bad}  # for good: it came out of what was affected
    moves: dict[int, list[tuple[str, str]]] = {n: [] for n in range(len(events) + 1)}
    for minute, child, parent in whole.moves:
        moves[minute].append((child, parent))
    for minute, event in enumerate(events, 1):
        for child, parent in moves[minute]:
            holders[child] = parent
        now = _closure(stained, holders)
        touched |= now
        if event["type"] == "TransformationEvent" and now & set(map(_short, event["inputEPCList"])):
            stained |= set(map(_short, event["outputEPCList"]))
            touched |= _closure(stained, holders)
    return touched


def _closure(stained: set[str], holders: dict[str, str]) -> set[str]:
    found = set(stained)
    for thing in stained:
        while thing := holders.get(thing, ""):
            found.add(thing)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_the_tree_as_of_any_instant(engine: RocksIdentifiers, seed: int) -> None:
    dice = random.Random(seed)
    store, events = StoredEvents(engine), history(dice)
    shuffled = events[:]
    dice.shuffle(shuffled)  # captured in another order than it happened
    keep(store, *shuffled)
    for until in (8, 20, len(events)):
        slow = Slow(events, until)
        for thing in THINGS[:4]:
            found = down(store, thing, hour=(until + 0.5) / 60)
            assert set(names(found)) == slow.parts(thing, events, until), (until, thing)
            assert found.why_cut == ""


@pytest.mark.parametrize("seed", range(12))
def test_a_recall_misses_nothing_and_little_else(engine: RocksIdentifiers, seed: int) -> None:
    dice = random.Random(100 + seed)
    store, events = StoredEvents(engine), history(dice)
    keep(store, *events)
    for bad in THINGS[4:]:
        found = set(names(up(store, bad))) | {bad}
        assert found >= affected(events, bad), bad
