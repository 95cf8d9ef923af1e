"""Killed between the write and the event: one write, one event, the values that were promised."""

import random
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from millbrain.core.times import utc_from_epoch
from millbrain.decide.recipes.simulator import Simulator
from tests.decide.recipes.cell import Cell

pytestmark = [pytest.mark.fault, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[3]


def started(folder: Path, address: str, scan_id: str) -> "subprocess.Popen[str]":
    """Start a process that scans; return once it is about to."""
    command = [sys.executable, "-m", "tests.decide.recipes.cell", str(folder), address, scan_id]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def killed(child: "subprocess.Popen[str]") -> None:
    child.kill()
    child.communicate()


def recovered(folder: Path, address: str) -> Cell:
    cell = Cell(folder, address)
    cell.at = utc_from_epoch(time.time())
    cell.recipes.tick()
    cell.recipes.tick()
    return cell


def test_killed_while_the_controller_answers(tmp_path: Path) -> None:
    simulator = Simulator().start()
    simulator.fault = "slow"
    scan_id = str(uuid.uuid4())
    child = started(tmp_path, simulator.address, scan_id)
    until = time.monotonic() + 20
    while not simulator.writes and time.monotonic() < until:
        time.sleep(0.005)
    killed(child)
    cell = recovered(tmp_path, simulator.address)
    scan = cell.ledger.scans.get(scan_id)
    assert scan is not None
    assert (scan.state, scan.result, len(simulator.writes)) == ("recorded", "done", 1)
    assert cell.resolver.told == [f"urn:uuid:{scan_id}"]
    cell.close()
    simulator.stop()


def test_killed_at_random_moments(tmp_path: Path) -> None:
    dice = random.Random(7)
    for round_ in range(10):
        folder = tmp_path / str(round_)
        folder.mkdir()
        simulator = Simulator().start()
        Cell(folder, simulator.address).close()
        scan_id = str(uuid.uuid4())
        child = started(folder, simulator.address, scan_id)
        time.sleep(dice.uniform(0.0, 0.05))
        killed(child)
        cell = recovered(folder, simulator.address)
        scan = cell.ledger.scans.get(scan_id)
        writes = [w["told"] for w in simulator.writes]
        if scan is None:
            assert (writes, cell.resolver.told) == ([], [])
        else:
            assert scan.state == "recorded"
            assert cell.resolver.told == [f"urn:uuid:{scan_id}"]
            assert writes
            assert all(w == list(scan.settings) for w in writes)
            assert simulator.held["SAW1"]["id"] == scan_id
        cell.close()
        simulator.stop()
