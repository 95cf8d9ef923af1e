"""Hours told anew from the readings in the warehouse, with the same `calc` as the engine.

A shard is some machines over some days. It may run beside an engine: every version is as of the
instant before its readings were read, so what the engine tells later stays in force.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from millbrain.analyse.effectiveness.calc.parts import HOUR_MS
from millbrain.analyse.effectiveness.model import chosen
from millbrain.analyse.effectiveness.store import Store
from millbrain.analyse.effectiveness.telling import Teller
from millbrain.analyse.effectiveness.touching import Span
from millbrain.core.plant.calendar import DAY_MS
from millbrain.core.plant.plant import Plant
from millbrain.core.rooms import Facts, Ground
from millbrain.core.times import BEIJING_OFFSET_S

MACHINES_A_SHARD: Final = 50
HOURS_AT_ONCE: Final = 24


@dataclass(frozen=True, slots=True)
class Shard:
    """Machines to tell, and how. low, high: whole hours [ms since 1970 UTC].

    known: signals of each machine. now: up to where is told.
    """

    known: Mapping[str, tuple[str, ...]]
    low: int
    high: int
    now: int
    parameters: Mapping[str, float]
    plants: tuple[Plant, ...]
    attributes: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a shard: machines, readings read, hours written, findings (none)."""

    vehicles: int
    reports: int
    days: int
    findings: int = 0


def shards(
    facts: Facts, settled: Callable[[], int], vins: Sequence[str], since_day: int, until_day: int,
    parameters: Mapping[str, float], things: Mapping[str, Mapping[str, Any]] | None = None,
    plants: Sequence[Plant] = (),
) -> list[Shard]:  # fmt: skip
    """Divide the work.

    Parameters
    ----------
    facts
        The warehouse.
    settled
        Newest batch on disk; what is not there yet is left to the engine.
    vins
        Machines; empty = every one that has readings in these days.
    since_day, until_day
        First and last day, Beijing time [days since 1970].
    parameters
        What the operator set, by name.
    things
        What the register says of things.
    plants
        Plants that the installation knows.
    """
    del settled
    store, now = Store(facts), int(time.time() * 1000)
    offset = BEIJING_OFFSET_S * 1000
    touched = store.span(since_day * DAY_MS - offset, (until_day + 1) * DAY_MS - offset)
    known: dict[str, set[str]] = {}
    bounds: dict[str, list[int]] = {}
    for touch in touched:
        if not vins or touch.thing in vins:
            known.setdefault(touch.thing, set()).add(touch.signal)
            bounds.setdefault(touch.thing, []).extend((touch.first, touch.last))
    names = sorted(known, key=lambda thing: (min(bounds[thing]), thing))
    return [
        Shard(
            known={thing: tuple(sorted(known[thing])) for thing in part},
            low=min(min(bounds[thing]) for thing in part) // HOUR_MS * HOUR_MS,
            high=max(max(bounds[thing]) for thing in part) // HOUR_MS * HOUR_MS + HOUR_MS,
            now=now, parameters=parameters, plants=tuple(plants), attributes=dict(things or {}),
        )
        for part in _parted(names)
    ]  # fmt: skip


def _parted(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), MACHINES_A_SHARD):
        yield names[start : start + MACHINES_A_SHARD]


def recompute(facts: Facts, shard: Shard) -> Done:
    """Tell the hours of a shard."""
    ground = Ground(
        facts, lambda: 0, lambda found: None, shard.parameters,
        things=lambda: shard.attributes, plants=lambda: shard.plants,
    )  # fmt: skip
    store = Store(facts)
    teller = Teller(ground, store, chosen(shard.parameters), is_all=False)
    hours, low = 0, shard.low
    while low < shard.high:
        high = min(low + HOURS_AT_ONCE * HOUR_MS, shard.high)
        things = list(shard.known)
        while things:
            width = max(1, teller.portion * HOUR_MS // (high - low))
            span = Span(tuple(things[:width]), low, high)
            hours += teller.tell(span, shard.known, shard.now)
            things = things[width:]
        low = high
    return Done(len(shard.known), store.rows, hours)
