"""An independent version of the room's calculation: one second, one dict entry at a time.

It shares no code with the room. Instants are whole seconds here; what it gives is compared with
what the room gives for readings at whole seconds.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

OFFLINE, PRODUCING = 0, 1
CAN_BE_MICRO = (2, 4, 6, 7)
Told = Sequence[tuple[int, float]]


def state_by_second(
    heard: Sequence[int], states: Told, low: int, high: int, gap: int
) -> dict[int, int]:
    """Return the state of every second from `low` to before `high`."""
    found = {}
    for second in range(low, high):
        before = [h for h in heard if h <= second]
        after = [h for h in heard if h > second]
        told = [s for at, s in states if at <= (before[-1] if before else -1)]
        silent = not before or (after[0] if after else high) - before[-1] > gap
        found[second] = OFFLINE if silent or not told else int(told[-1])
    return found


def micro_seconds(states: Mapping[int, int], limit: int) -> set[int]:
    """Return the seconds that belong to micro-stops; a run that ends with the data is none."""
    seconds = sorted(states)
    found: set[int] = set()
    run = [seconds[0]]
    for second in seconds[1:]:
        if states[second] != states[run[-1]]:
            if states[run[-1]] in CAN_BE_MICRO and len(run) < limit:
                found.update(run)
            run = []
        run.append(second)
    return found


def deltas(counter: Told) -> list[tuple[int, float]]:
    """Return what came with each reading."""
    found = []
    for (_, old), (at, new) in itertools.pairwise(counter):
        found.append((at, new if new < old else new - old))
    return found


def elements(
    states: Mapping[int, int], busy: Callable[[int], bool],
    good: Told, scrap: Told, rework: Told, energy: Told, cycle_s: float, limit: int,
    span: tuple[int, int],
) -> dict[str, float]:  # fmt: skip
    """Return seconds, pieces and kWh within a span of seconds."""
    found: dict[str, float] = defaultdict(float)
    micro = micro_seconds(states, limit)
    low, high = span
    for second in range(low, high):
        found["CAL"] += 1
        if not busy(second):
            continue
        found["PBT"] += 1
        found[f"state {states[second]}"] += 1
        found["MST"] += second in micro
        begins = states[second] == 4 and states.get(second - 1, 4) != 4
        found["FE"] += begins and second not in micro
    for name, counter in (("GQ", good), ("SQ", scrap), ("RQ", rework)):
        for at, came in deltas(counter):
            if low < at <= high and busy(at - 1):
                found[name] += came
                found["PRIQ"] += came * cycle_s
    for (start, old), (end, new) in itertools.pairwise(energy):
        used = new if new < old else new - old
        for second in range(max(start, low), min(end, high)):
            found["EN"] += used / (end - start)
            found["ENI"] += used / (end - start) if states[second] != PRODUCING else 0
    return found
