"""Where things are now: the newest event that says so, of a thing or of what holds it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from millbrain.core.events import JOINED, THING, Event, Events, Span, thing_key
from millbrain.core.limits import PLACE_EVENTS_MAX
from millbrain.identify.trace.told import Place
from millbrain.identify.trace.walk import AFTER_MS, BEFORE_MS, Bounds, Sees, uses

_HOLDERS: Final = ("possessing_party", "owning_party")
_BOUNDS: Final = Bounds(levels=8, things=5_000, links=1_000)


def places(events: Events, things: Sequence[str], now_ms: int, sees: Sees) -> dict[str, Place]:
    """Return where each thing was seen last, by events that the asker may read.

    A thing in a box is where the box is. A thing of which no event says a place is left out.
    """
    inside = _containers(events, things, now_ms, sees)
    wanted = {*things, *(name for chain in inside.values() for name in chain)}
    own = {name: place for name in wanted if (place := _seen(events, name, now_ms, sees))}
    told = {}
    for thing in things:
        chain = inside.get(thing, [])
        said = [own[name] for name in (thing, *chain) if name in own]
        if said:
            newest = max(said, key=lambda place: place.at_ms)
            told[thing] = Place(newest.at_ms, newest.place, newest.holder, newest.step,
                                newest.disposition, chain[0] if chain else "")  # fmt: skip
    return told


def _containers(
    events: Events, things: Sequence[str], now_ms: int, sees: Sees
) -> dict[str, list[str]]:
    """Return what holds each thing now, the nearest first; only what the asker may know of."""
    found = uses(events, {t: (BEFORE_MS, AFTER_MS) for t in things}, now_ms, _BOUNDS, sees)
    above = {e.near: e.far for e in found.edges if e.kind == JOINED and e.is_open}
    numbers = {name: number for number, name in enumerate(found.things)}
    chains = {}
    for thing in things:
        chain: list[int] = []
        at = above.get(numbers[thing])
        while at is not None and at not in chain and len(chain) < _BOUNDS.levels:
            chain.append(at)
            at = above.get(at)
        if chain:
            chains[thing] = [found.things[n] for n in chain]
    return chains


def _seen(events: Events, thing: str, now_ms: int, sees: Sees) -> Place | None:
    hits = events.find(THING, [thing], Span(before_ms=now_ms + 1), PLACE_EVENTS_MAX)
    place: Place | None = None
    for event in events.get([hit.number for hit in hits]):
        if not sees(event.owner, event.is_public):
            continue
        found = _said(event)
        if place is None:
            place = found
        else:  # what the newest leaves open, an older one may say
            place = Place(place.at_ms, place.place or found.place, place.holder or found.holder,
                          place.step, place.disposition or found.disposition)  # fmt: skip
        if place.place and place.holder:
            break
    return place if place and (place.place or place.holder) else None


def _said(event: Event) -> Place:
    told = orjson.loads(event.body)
    where = told.get("bizLocation") or told.get("readPoint") or {}
    return Place(event.at_ms, thing_key(where["id"]) if "id" in where else "", _holder(told),
                 str(told.get("bizStep", "")), str(told.get("disposition", "")))  # fmt: skip


def _holder(told: Mapping[str, Any]) -> str:
    for entry in told.get("destinationList", ()):
        if str(entry.get("type", "")).rpartition("-")[2].rpartition(":")[2] in _HOLDERS:
            return thing_key(str(entry.get("destination", "")))
    return ""
