"""The engine is killed while files of a folder are read: every value is stored, and once."""

import os
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from millbrain.connect.files.simulator import MeasuringMachine
from millbrain.core.plant.tags import Connection
from millbrain.record.ledger import Ledger
from tests.engines import Process

pytestmark = [pytest.mark.fault, pytest.mark.slow]
FILES = 12
VALUES = 4_000
KILLS = 20 if os.environ.get("MILLBRAIN_FAULTS") == "long" else 2
START = datetime(2026, 11, 22, tzinfo=UTC)


def test_files_survive_kills(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    ledger.migrate()
    options = {"stable_s": 0.1}
    ledger.tags.put_connection(Connection("lab", "files", endpoint="lab", options=options))
    ledger.close()
    inbox = tmp_path / "rooms" / "files" / "lab"
    inbox.mkdir(parents=True)
    machine = MeasuringMachine(inbox)
    chance = random.Random(5)
    for number in range(FILES):
        machine.write(START + timedelta(hours=2 * number), [20 + n / 1e4 for n in range(VALUES)])
    engine = Process("engine", tmp_path, ("--port", "0"))
    for _ in range(KILLS):
        engine.start()
        time.sleep(chance.uniform(0.5, 3.0))
        engine.kill()
    engine.start()
    try:
        end = time.monotonic() + 90
        while len(list((inbox / "done").glob("*.csv"))) < FILES and time.monotonic() < end:
            time.sleep(0.2)
        assert len(list((inbox / "done").glob("*.csv"))) == FILES
        count = "SELECT count() FROM reading WHERE link = 'lab'"
        assert engine.number(count) == FILES * VALUES
        distinct = "SELECT uniqExact(thing, signal, device_at) FROM reading WHERE link = 'lab'"
        assert engine.number(distinct) == FILES * VALUES
        balance = "SELECT toInt64(sum(received)) - sum(stored + duplicate + rejected) FROM intake"
        assert engine.number(balance) == 0
    finally:
        engine.stop()
