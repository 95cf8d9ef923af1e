"""Simulated machines and an engine as processes: they connect by themselves and nothing is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from millbrain.record.ledger import Ledger
from millbrain.run.settings import load
from tests.brokers import mosquitto
from tests.engines import Process

pytestmark = pytest.mark.slow


def test_machines_register_connect_and_tell_their_past(tmp_path: Path) -> None:
    mosquitto()
    data = tmp_path / "data"
    engine = Process("engine", data, ("--port", "0")).start()
    plant = subprocess.Popen(
        [sys.executable, "-m", "millbrain.run.cli", "plant", "simulate", "machining-works",
         "--data", str(data), "--register", "--quick", "--history-days", "0.1", "--speed", "30",
         "--opcua-port", "0", "--modbus-port", "0", "--mqtt-port", "0"],
        env=os.environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 90
        links: dict[str, int] = {}
        while time.monotonic() < until and len(links) < 4:
            time.sleep(0.5)
            rows = engine.sql("SELECT link, count() FROM reading GROUP BY link")
            links = {link: int(count) for link, count in rows}
        assert set(links) == {"mw-l01", "mw-heat", "mw-flange", "plant-history"}
        kept = json.loads((data / "plant_history.json").read_text("utf-8"))["machining-works"]
        count, once, things = engine.sql(
            "SELECT count(), uniqExact(thing, signal, device_at), uniqExact(thing) "
            "FROM reading WHERE link = 'plant-history'"
        )[0]
        assert (count, things) == (once, "19")
        wrong = "signal = 'machine_state' AND (value < 0 OR value > 7)"
        assert engine.number(f"SELECT count() FROM reading WHERE {wrong}") == 0
        assert kept["since_s"] <= time.time()
        ledger = Ledger(load(data).ledger_url)
        thing = ledger.things.get("MW-L01-M03")
        assert thing is not None
        assert (thing.kind, thing.simulated) == ("machine", True)
        assert thing.attributes["path"] == "MW/MW-S1/MW-A1/MW-L01/MW-L01-M03"
        assert len(ledger.tags.tags("mw-heat")) == 72
        ledger.close()
    finally:
        plant.send_signal(signal.SIGTERM)
        plant.wait(30)
        engine.stop()
    assert not (data / "run" / "plant.json").exists()
