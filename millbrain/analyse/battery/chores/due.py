"""Which vehicles have reports that are in no charge yet, and when it is time to look at them.

Everything follows from the batches on disk and one mark, the newest batch with all before it that
was looked at. A look while a vehicle still charges is not wrong, only early; so one waits until the
charge has ended or the vehicle fell silent, but never longer than `charge_wait_s`.
"""

import time
from dataclasses import dataclass
from typing import Final

from millbrain.analyse.battery import reading
from millbrain.analyse.battery.calc.inputs import AHEAD_S_MAX
from millbrain.analyse.battery.chores.windows import Window
from millbrain.core.rooms import Facts

BATCHES_MAX: Final = 20_000  # of one look for what is new
SLEEPING_S: Final = 300.0  # so long without a report, a vehicle that does not charge is parked
_SQL: Final = (
    "SELECT vin, count() AS rows, min(batch) AS first, min(toUInt32(device_at)) AS low, "
    "max(toUInt32(device_at)) AS high, maxIf(toUInt32(device_at), charge_state = 1) AS charging "
    "FROM vehicle_report WHERE batch > {after:UInt64} AND batch <= {upto:UInt64} AND "
    f"toUInt32(device_at) <= intDiv(toUnixTimestamp64Milli(received_at), 1000) + {AHEAD_S_MAX} "
    "GROUP BY vin"
)


@dataclass(frozen=True, slots=True)
class _Due:
    """A vehicle with new reports.

    first: oldest of their batches. charging: device time of the newest report of a charge, 0 =
    none. since_s, seen_s: when it became due, when it was heard of last (monotonic).
    """

    rows: int
    first: int
    low: int
    high: int
    charging: int
    since_s: float
    seen_s: float


class Due:
    """The vehicles that are due.

    mark: newest batch that was looked at with all before it.
    """

    def __init__(self, facts: Facts, mark: int, charge_wait_s: float, silence_s: float) -> None:
        self._facts, self._wait_s, self._silence_s = facts, charge_wait_s, silence_s
        self._due: dict[str, _Due] = {}
        self._ready: list[str] = []
        self.upto = mark

    def __len__(self) -> int:
        """Count the vehicles."""
        return len(self._due)

    @property
    def mark(self) -> int:
        """Every report of batches up to that one was looked at."""
        return min((due.first for due in self._due.values()), default=self.upto + 1) - 1

    def scan(self, settled: int) -> None:
        """Take in what arrived up to a batch that is on disk with all before it."""
        upto = min(settled, self.upto + BATCHES_MAX)
        now_s = time.monotonic()
        if upto > self.upto:
            answer = self._facts.query(_SQL, {"after": self.upto, "upto": upto})
            numbers = (answer.column(name).to_numpy().tolist()
                       for name in ("rows", "first", "low", "high", "charging"))  # fmt: skip
            vins = answer.column("vin").to_pylist()
            for vin, rows, first, low, high, charging in zip(vins, *numbers, strict=True):
                name = reading.text(vin)
                fresh = _Due(rows, first, low, high, charging, now_s, now_s)
                old = self._due.get(name)
                self._due[name] = _joined(old, fresh) if old else fresh
            self.upto = upto
        self._ready = [vin for vin, due in self._due.items() if self._is_ready(due, now_s)]

    @property
    def ready(self) -> int:
        """Vehicles that it is time to look at."""
        return len(self._ready)

    def next(self, vehicles: int, rows: int) -> list[Window]:
        """Return windows of some vehicles that are ready, of about so many reports at most.

        Those that are not `done`, since looking failed, come again after the next scan: they hold
        the mark, but not the others up.
        """
        chosen: list[Window] = []
        for vin in self._ready[:vehicles]:
            due = self._due[vin]
            rows -= due.rows
            if chosen and rows < 0:
                break
            chosen.append(Window(vin, due.low, due.high))
        self._ready = self._ready[len(chosen) :]
        return chosen

    def done(self, windows: list[Window]) -> None:
        """Note that vehicles were looked at."""
        for window in windows:
            self._due.pop(window.vin, None)

    def _is_ready(self, due: _Due, now_s: float) -> bool:
        if max(now_s - due.since_s, due.high - due.low) >= self._wait_s:
            return True  # long enough, or a history that arrived at once
        if due.charging and due.charging == due.high:
            return now_s - due.seen_s >= self._silence_s
        return bool(due.charging) or now_s - due.seen_s >= SLEEPING_S


def _joined(old: _Due, new: _Due) -> _Due:
    return _Due(
        old.rows + new.rows, old.first, min(old.low, new.low), max(old.high, new.high),
        max(old.charging, new.charging), old.since_s, new.seen_s,
    )  # fmt: skip
