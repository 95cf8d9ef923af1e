"""A press that counts, and notes which counts were acknowledged; count n was at start + n ms.

Run as a process it serves until it is killed: ``python -m tests.faults.counting_press --port P
--first N --start-ms T --acknowledged FILE``.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from asyncua.server.internal_subscription import InternalSubscription

from millbrain.connect.opcua.simulator import Simulator
from millbrain.core.times import utc_from_epoch

SIGNAL = "good_count"
PERIOD_S = 0.005


def count_to(machine: Simulator, number: int, at_ms: int) -> None:
    """Let the press have made so many pieces at an instant of its clock."""
    machine.put(SIGNAL, number, at=utc_from_epoch(at_ms / 1000))


def acknowledging(note: Callable[[int], None]) -> Callable[[Any, Iterable[int]], None]:
    """Return what takes the place of `InternalSubscription.publish` and notes values it forgets."""
    plain = InternalSubscription.publish

    def publish(self: Any, acks: Iterable[int]) -> None:
        acks = list(acks)
        for number in acks:
            result = self._not_acknowledged_results.get(number)
            parts = result.NotificationMessage.NotificationData if result else ()
            for part in parts:
                for item in getattr(part, "MonitoredItems", ()):
                    if item.Value.Value.Value:
                        note(int(item.Value.Value.Value))
        plain(self, acks)

    return publish


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--start-ms", type=int, required=True)
    parser.add_argument("--acknowledged", type=Path, required=True)
    chosen = parser.parse_args()
    with chosen.acknowledged.open("ab", buffering=0) as noted:
        InternalSubscription.publish = acknowledging(lambda number: noted.write(b"%d\n" % number))
        machine = Simulator(chosen.port).start()
        for number in itertools.count(chosen.first):
            count_to(machine, number, chosen.start_ms + number)
            time.sleep(PERIOD_S)


if __name__ == "__main__":
    main()
