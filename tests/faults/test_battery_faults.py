"""The battery app in a real engine that is killed: its state equals the reports, to the bit."""

import json
import random
import socket
import sqlite3
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from millbrain.analyse.battery import reading
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.analyse.battery.days_store import DaysStore
from millbrain.connect.gbt32960 import codec
from millbrain.core.times import six_from_epoch
from millbrain.record.warehouse import open_server
from millbrain.run.settings import load
from millbrain.run.web import engine_url
from tests import engines
from tests.analyse.battery.made import same
from tests.engines import Process
from tests.faults import lengths
from tests.faults.test_engine_faults import Feeder

pytestmark = pytest.mark.fault

CELLS = 24
START = int(time.time()) - 3 * 86_400
OFTEN = {"MILLBRAIN_ANALYSE__RULES": json.dumps({"battery": {"flush_s": 0.2}})}


class CellFeeder(Feeder):
    """Sends reports with cells, over three days, told apart by vehicle and time."""

    GROUP = 1_000

    def report(self, number: int) -> bytes:
        vehicle, step = number % 40, number // 40
        at = START + step * 97 % (3 * 86_400)
        dice = random.Random(number)
        cells = [3_300 + dice.randrange(8) for _ in range(CELLS)]
        state = bytes.fromhex("01 01 03 01 0064 00002710 0fa0 2710 50 01 0e 1388 00 00")
        head = struct.pack(">BBBHHHHB", 8, 1, 1, 3_700, 10_000, CELLS, 1, CELLS)
        unit = six_from_epoch(at) + state + head + struct.pack(f">{CELLS}H", *cells)
        return codec.build_frame(2016, 2, 0xFE, f"LCELL{self.seed:02d}{vehicle:010d}", unit)


def status(running: Process) -> dict[str, Any]:
    key = json.loads((running.data / "secrets.json").read_text("utf-8"))["internal_key"]
    address = f"http://127.0.0.1:{running.ports['clickhouse']}/engine/status"
    found: dict[str, Any] = engines.get_json(address, **{"X-Millbrain-Key": key})
    return found


def check(running: Process) -> int:
    """Wait until all is written, compare with a recomputation; return the reports."""
    end = time.monotonic() + 90
    while True:
        told = status(running)
        app = told["apps"]["battery"]
        if app["flushed"] == told["intake"]["settled"] == told["intake"]["batch"]:
            break
        assert time.monotonic() < end, app
        time.sleep(0.1)
    assert (app["failures"], app["last_error"]) == (0, "")
    key = json.loads((running.data / "secrets.json").read_text("utf-8"))["internal_key"]
    warehouse = open_server(engine_url(load(running.data), key))
    columns = reading.reports(warehouse, "1", {})
    expected, found = Sums(), Sums()
    expected.watch(pack_reports(columns))
    for stored in DaysStore(warehouse).days_since(0):
        found.add(stored.block)
    warehouse.close()
    assert same(found, expected)
    return columns.rows


def wait_for_a_promise(feeders: list[CellFeeder]) -> None:
    """Wait until a report more is said to be on disk, however slow the machine."""
    before, end = sum(f.promised for f in feeders), time.monotonic() + 90
    while sum(f.promised for f in feeders) == before:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_killed_at_random_every_report_is_counted_once(tmp_path: Path) -> None:
    dice = random.Random(3)
    with engines.engine(tmp_path, **OFTEN) as running:
        feeders = [CellFeeder(running, n) for n in range(2)]
        for feeder in feeders:
            feeder.start()
        for _ in range(lengths.ENGINE_OF_BATTERIES):
            wait_for_a_promise(feeders)
            time.sleep(dice.uniform(0, 2))
            running.kill()
            running.start()
        for feeder in feeders:
            feeder.ended.set()
        for feeder in feeders:
            feeder.join()
        rows = check(running)
        promised = sum(f.promised for f in feeders)
        assert rows >= promised > 0
        running.stop()
        running.start()
        assert check(running) == rows
        print(f"\n{lengths.ENGINE_OF_BATTERIES} kills, {rows} reports, the same bits")


def test_a_thermal_event_reaches_the_alarm_list_while_reports_come(tmp_path: Path) -> None:
    with engines.engine(tmp_path) as running:
        feeder = CellFeeder(running, 1)
        feeder.start()
        waits = sorted(_wait_for_alarm(running, number) for number in range(10))
        feeder.ended.set()
        feeder.join()
    print(f"\nthermal events while reports come: {waits[0]:.3f} to {waits[-1]:.3f} s")


def _wait_for_alarm(running: Process, number: int) -> float:
    vin, at = f"LTHERMAL{number:09d}", int(time.time())
    unit = six_from_epoch(at) + bytes.fromhex("07 04 00000000 00 00 00 00")  # alarm level 4
    with socket.create_connection(("127.0.0.1", running.ports["gbt32960"]), 5) as link:
        began = time.monotonic()
        link.sendall(codec.build_frame(2016, 2, 0xFE, vin, unit))
        ledger = sqlite3.connect(running.data / "ledger.sqlite")
        try:
            while not ledger.execute("SELECT 1 FROM alarm WHERE thing = ?", (vin,)).fetchone():
                assert time.monotonic() - began < 60
                time.sleep(0.002)
        finally:
            ledger.close()
        return time.monotonic() - began
