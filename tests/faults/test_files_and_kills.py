"""The engine is killed while files of a folder are read: every value is stored, and once.

A measuring machine leaves a file whenever fewer than some wait, so that each kill strikes one that
is being read.
"""

import random
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from millbrain.connect.files.simulator import MeasuringMachine
from millbrain.core.plant.tags import Connection
from millbrain.core.times import utc_from_epoch
from millbrain.record.ledger import Ledger
from tests.engines import Process
from tests.faults import lengths
from tests.faults.judging import Watch, quiet, values_of, verdict, wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(lengths.LIFE_S)]
VALUES = 4_000
WAITING = 4
START = utc_from_epoch(int(time.time())) - timedelta(days=60)


class Leaver(threading.Thread):
    """Leaves files of consecutive seconds; value n belongs to second n."""

    def __init__(self, inbox: Path) -> None:
        super().__init__(daemon=True)
        self.inbox = inbox
        self.files = 0
        self.ended = threading.Event()
        self._machine = MeasuringMachine(inbox)

    def run(self) -> None:
        while not self.ended.wait(0.05):
            while len(list(self.inbox.glob("*.csv"))) < WAITING:
                first = self.files * VALUES
                values = [float(first + n) for n in range(VALUES)]
                self._machine.write(START + timedelta(seconds=first), values)
                self.files += 1


def connected(data: Path) -> Path:
    """Register a folder; return it."""
    ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    ledger.migrate()
    options = {"stable_s": 0.1}
    ledger.tags.put_connection(Connection("lab", "files", endpoint="lab", options=options))
    ledger.close()
    inbox = data / "rooms" / "files" / "lab"
    inbox.mkdir(parents=True)
    return inbox


def test_files_survive_kills(tmp_path: Path) -> None:
    inbox = connected(tmp_path)
    chance, watch, leaver = random.Random(5), Watch(), Leaver(inbox)
    engine = Process("engine", tmp_path, ("--no-auth-peers", "--port", "0"))
    done = inbox / "done"
    leaver.start()
    try:
        for _ in range(lengths.ENGINE_OF_FILES):
            before = len(list(done.glob("*.csv")))
            engine.start()
            assert wait_until(lambda n=before: len(list(done.glob("*.csv"))) > n, 60)
            time.sleep(chance.uniform(0, 1.5))
            engine.kill()
            watch.kills["engine"] += 1
        engine.start()
        leaver.ended.set()
        leaver.join()
        assert wait_until(lambda: len(list(done.glob("*.csv"))) == leaver.files, 120)
        quiet(engine)
        began_ms = int(START.timestamp() * 1000)
        told = {began_ms + 1000 * n: float(n) for n in range(leaver.files * VALUES)}
        found = verdict(values_of(engine, "MM-01", "diameter_mm"), told)
        print(watch.line(found, engine))
        assert found.good, found
    finally:
        leaver.ended.set()
        engine.stop()
