"""An edge node that tells a numbered value every 10 ms, and what must be stored of it."""

import threading
import time

from millbrain.connect.sparkplug.simulator import EdgeNode, SimulatedMetric
from tests.engines import Process
from tests.faults.judging import Verdict, Watch, quiet, values_of, verdict, wait_until

PERIOD_S = 0.01
KEPT_S_MAX = 120


class Teller:
    """A node at a broker. told: the instant of each value [ms]; value n stands at n - 1."""

    def __init__(self, port: int, host_id: str = "") -> None:
        metrics = {"M": [SimulatedMetric("X", 1)]}
        self.node = EdgeNode("127.0.0.1", port, "G", "N", metrics, host_id=host_id, qos=1)
        self.told: list[int] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._measure)

    def start(self) -> None:
        self.node.start()
        self._thread.start()

    def _measure(self) -> None:
        while not self._ended.wait(PERIOD_S):
            at_ms = max(time.time_ns() // 1_000_000, self.told[-1] + 1 if self.told else 0)
            self.told.append(at_ms)
            self.node.tell("M", {"X": float(len(self.told))}, at_ms)

    def finish(self) -> None:
        """Measure no more; what waits is told still."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def stop(self) -> None:
        self.finish()
        self.node.stop()

    def judge(self, running: Process, watch: Watch) -> None:
        """Wait for all values; each must be stored with its value, once, and nothing else."""
        self.finish()
        wait_until(lambda: not self._verdict(running).lost, KEPT_S_MAX)
        quiet(running)
        found = self._verdict(running)
        print(watch.line(found, running))
        assert found.accepted == len(self.told) > 0
        assert found.good, found

    def _verdict(self, running: Process) -> Verdict:
        told = {at: float(n) for n, at in enumerate(self.told, 1)}
        return verdict(values_of(running, "M", "x"), told, repeats=frozenset(self.node.births_ms))
