"""What was accepted, held against what an engine has stored: nothing lost, nothing twice."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.engines import Process

QUIET_S = 1.0


@dataclass(frozen=True)
class Verdict:
    """Accepted against stored, as instants of one series [ms].

    rows: stored. lost: accepted, not stored. doubled: stored more than once. wrong: stored with
    another value. strange: stored, never told.
    """

    accepted: int
    rows: int
    lost: frozenset[int]
    doubled: frozenset[int]
    wrong: frozenset[int]
    strange: frozenset[int]

    def __str__(self) -> str:
        return (
            f"{self.accepted} values accepted, {self.rows} stored, {len(self.lost)} lost, "
            f"{len(self.doubled)} doubled, {len(self.wrong)} wrong, {len(self.strange)} strange"
        )

    @property
    def good(self) -> bool:
        return not (self.lost or self.doubled or self.wrong or self.strange)


def verdict(
    stored: list[tuple[int, float]],
    told: Mapping[int, float],
    accepted: frozenset[int] | None = None,
    repeats: frozenset[int] = frozenset(),
) -> Verdict:
    """Hold rows against what was told.

    told: value by instant. accepted: instants that must be there; all of `told` where None.
    repeats: instants at which a counterpart told an older value once more, as births do.
    """
    counted = Counter(at for at, _ in stored)
    must = frozenset(told) if accepted is None else accepted
    return Verdict(
        len(must),
        len(stored),
        must - counted.keys(),
        frozenset(at for at, n in counted.items() if n > 1),
        frozenset(
            at for at, value in stored if at in told and at not in repeats and told[at] != value
        ),
        frozenset(at for at in counted if at not in told and at not in repeats),
    )


def values_of(running: Process, thing: str, signal: str) -> list[tuple[int, float]]:
    """Return instant [ms] and value of every row of a series that has a value."""
    rows = running.sql(
        "SELECT toUnixTimestamp64Milli(device_at), value FROM reading "
        f"WHERE thing = '{thing}' AND signal = '{signal}' AND value IS NOT NULL ORDER BY 1"
    )
    return [(int(at), float(value)) for at, value in rows]


def balance(running: Process) -> tuple[int, int, int, int]:
    """Return received, stored, duplicate, rejected of the intake ledger, which must agree."""
    sums = "sum(received), sum(stored), sum(duplicate), sum(rejected)"
    received, stored, duplicate, rejected = map(int, running.sql(f"SELECT {sums} FROM intake")[0])
    assert received == stored + duplicate + rejected
    assert stored == running.number("SELECT sum(frame_count) FROM reading")
    return received, stored, duplicate, rejected


def quiet(running: Process, wait_s: float = 60) -> None:
    """Wait until nothing more comes in: what is delivered again late may be doubled late."""
    end = time.monotonic() + wait_s
    before = -1
    while (now := running.number("SELECT sum(received) FROM intake")) != before:
        assert time.monotonic() < end, "values still come in"
        before = now
        time.sleep(QUIET_S)


def wait_until(what: Callable[[], Any], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


@dataclass
class Watch:
    """Counts kills and the time since it was made, for the line that a test prints."""

    began: float = field(default_factory=time.monotonic)
    kills: Counter[str] = field(default_factory=Counter)

    def line(self, found: object, running: Process) -> str:
        """Return kills, verdict, the ledger's sums and the wall time in one line."""
        killed = ", ".join(f"{who} {n} times" for who, n in sorted(self.kills.items()))
        received, stored, duplicate, rejected = balance(running)
        return (
            f"\nkilled: {killed}; {found}; ledger: {received} received, {stored} stored, "
            f"{duplicate} duplicate, {rejected} rejected; {time.monotonic() - self.began:.0f} s"
        )
