"""How long the fault tests are, in one place: ``MILLBRAIN_FAULTS=short``, ``usual`` or ``long``.

`.ci/run` takes the short form, `make test` the usual one, `make faults` the long one, in which each
process that holds something is killed 20 times.
"""

import os
from typing import Final

LENGTHS: Final = ("short", "usual", "long")
LENGTH: Final = os.environ.get("MILLBRAIN_FAULTS", "usual")
if LENGTH not in LENGTHS:
    raise RuntimeError(f"MILLBRAIN_FAULTS={LENGTH!r}: {', '.join(LENGTHS)} are allowed")


def chosen(short: int, usual: int, long: int) -> int:
    """Return the number that belongs to the form that was chosen."""
    return (short, usual, long)[LENGTHS.index(LENGTH)]


LIFE_S: Final = chosen(300, 300, 1800)  # of one test

# Kills of each.
ENGINE_OF_VEHICLES: Final = chosen(1, 3, 20)
ENGINE_OF_BATTERIES: Final = chosen(1, 4, 20)
ENGINE_OF_PUSHES: Final = chosen(1, 3, 20)
ENGINE_OF_FILES: Final = chosen(1, 3, 20)
ENGINE_OF_OPCUA: Final = chosen(1, 2, 20)
ENGINE_OF_SPARKPLUG: Final = chosen(1, 3, 20)
BROKER: Final = chosen(1, 3, 20)
OPCUA_SERVER: Final = chosen(1, 3, 20)
EDGE_AND_CENTRE: Final = chosen(1, 2, 20)  # of each of the two
INTAKE: Final = chosen(1, 3, 20)
IDENTIFIERS: Final = chosen(1, 3, 20)
RESOLVER: Final = chosen(1, 3, 50)

# Lives that end by themselves after a chain of kills.
ALARM_CHAINS: Final = chosen(1, 3, 20)
REPORT_CHAINS: Final = chosen(1, 1, 3)

LOOP_MOMENTS: Final = chosen(12, 24, 1_000_000)  # at most; there are some hundred
HOSTILE_TEXTS: Final = chosen(50_000, 50_000, 1_000_000)
VEHICLES_AT_ONCE: Final = chosen(500, 500, 2000)
PHONES: Final = chosen(8, 20, 20)  # that come back from off line together
