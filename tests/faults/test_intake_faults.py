"""Kill the intake, fill its disk: no acknowledged row lost, none twice, the ledger in balance."""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.faults import lengths
from tests.faults.intake_victim import rows_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEPS = ("dead_letter", "link_event", "vehicle_report", "intake", "vehicle_latest")
# The engine allows one folder per process, so the check of a folder runs in one of its own.
_CHECK = """
import json, pathlib, sys
from millbrain.record.intake import Intake, check_balance
from millbrain.record.warehouse import open_embedded
store = open_embedded(pathlib.Path(sys.argv[1]))
intake = Intake(store)
intake.start()
intake.stop()
identities = "SELECT vin, toUInt32(device_at) AS at, count() AS n FROM {} GROUP BY ALL"
rows = store.query(identities.format("vehicle_report"))
events = store.query(identities.format("link_event"))
live = store.query("SELECT sum(report_count) AS n FROM vehicle_latest")
balance = check_balance(store)
store.close()
print(json.dumps({"rows": [list(r.values()) for r in rows.to_pylist()],
    "events": [list(r.values()) for r in events.to_pylist()],
    "live": live.to_pylist()[0]["n"], "balance": balance,
    "mended": intake.status()["mended_rows"]}))
"""


@pytest.fixture
def environment() -> dict[str, str]:
    noon_s = int(time.time()) // 86_400 * 86_400 - 43_200
    return os.environ | {"VICTIM_START_S": str(noon_s), "PYTHONPATH": str(ROOT)}


def run_victim(
    folder: pathlib.Path, first: int, environment: dict[str, str], *args: str, life_s: float = 30
) -> set[int]:
    """Run a victim until it dies or `life_s` after its first answer; return what it told."""
    command = [sys.executable, "-m", "tests.faults.intake_victim", str(folder), str(first), *args]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        bufsize=0,
    ) as victim:  # fmt: skip
        assert victim.stdout is not None
        assert victim.stderr is not None
        ready = victim.stdout.readline()
        if ready != b"ready\n":
            raise AssertionError(victim.stderr.read().decode())
        os.set_blocking(victim.stderr.fileno(), False)
        begun = b""
        if not args:
            begun = victim.stdout.readline()  # however busy the machine is
            time.sleep(life_s)
            victim.kill()
        told = begun + victim.communicate(timeout=life_s + 30)[0]
    # The last line may have been cut by the kill; an uncut one ends in a newline.
    return {int(line) for line in told.split(b"\n")[:-1]}


def inspect(folder: pathlib.Path, environment: dict[str, str]) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", _CHECK, str(folder)], cwd=ROOT, env=environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_nothing_lost(found: dict, told: set[int], noon_s: int) -> None:
    shift = noon_s - rows_of(0)[0][1]
    stored = Counter({(vin, at): n for vin, at, n in found["rows"]})
    assert not [key for key, n in stored.items() if n > 1], "rows stored twice"
    assert not [e for e in found["events"] if e[2] > 1], "events stored twice"
    expected = {(vin, at + shift) for number in told for vin, at in rows_of(number)}
    assert not expected - set(stored), "acknowledged rows are lost"
    logins = {(rows_of(n)[0][0], rows_of(n)[0][1] + shift) for n in told}
    assert not logins - {(vin, at) for vin, at, _ in found["events"]}, (
        "acknowledged logins are lost"
    )
    assert found["balance"]["balanced"], found["balance"]["problems"]
    assert found["live"] == sum(stored.values()), "the live table counts other reports"


@pytest.mark.fault
def test_kill_at_random_moments(tmp_path: pathlib.Path, environment: dict[str, str]) -> None:
    """A feeder that sends again, after each kill, a few of what was acknowledged and the rest."""
    chance = random.Random(32960)
    told: set[int] = set()
    for _ in range(lengths.INTAKE):
        first = max(0, max(told, default=-1) - chance.randrange(5))
        told |= run_victim(tmp_path, first, environment, life_s=chance.uniform(0.3, 2.0))
        found = inspect(tmp_path, environment)
        assert_nothing_lost(found, told, int(environment["VICTIM_START_S"]))
    assert told


@pytest.mark.fault
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("table", STEPS)
def test_kill_at_each_step_of_a_commit(
    tmp_path: pathlib.Path, environment: dict[str, str], table: str, when: str
) -> None:
    told = run_victim(tmp_path, 0, environment, table, when, "3")
    again = run_victim(tmp_path, max(told, default=0), environment, table, when, "2")
    assert_nothing_lost(
        inspect(tmp_path, environment), told | again, int(environment["VICTIM_START_S"])
    )


@pytest.fixture
def small_disk(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A real file system of 48 MB; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("a small tmpfs cannot be mounted: root and `mount` are needed")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=48m", "none", str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


_FILL = """
import pathlib, sys, threading, time
from millbrain.core.facts import SHARED_TABLES
from millbrain.record.intake import Intake, check_balance
from millbrain.record.warehouse import open_embedded
from millbrain.record.warehouse.tables import create_tables
from tests.faults.intake_victim import made_delivery
disk = pathlib.Path(sys.argv[1])
store = open_embedded(disk / "warehouse")
create_tables(store, SHARED_TABLES)
intake = Intake(store)
intake.start()
told, count = [], 2000

def feed():
    for n in range(count):
        intake.put(made_delivery(n, lambda n=n: told.append(n)))
        time.sleep(0.002)

feeder = threading.Thread(target=feed)
feeder.start()
while not told:
    time.sleep(0.05)
ballast = disk / "ballast"
with ballast.open("wb", buffering=0) as file:
    try:
        while file.write(b"x" * 65536):
            pass
    except OSError:
        pass
deadline = time.monotonic() + 30
while not intake.status()["troubles"] and time.monotonic() < deadline:
    time.sleep(0.1)
print(*intake.status()["troubles"], flush=True)
before = len(told)
time.sleep(2)
print("stuck", len(told) == before and feeder.is_alive(), flush=True)
ballast.unlink()
feeder.join(60)
intake.stop()
counted = "SELECT count() AS n, uniqExact(vin, device_at, blocks) AS u FROM vehicle_report"
print("told", len(told) == count, flush=True)
print("rows", store.query(counted).to_pylist()[0], flush=True)
print("balanced", check_balance(store)["balanced"], flush=True)
store.close()
"""


@pytest.mark.fault
def test_a_full_disk_slows_the_intake_and_heals(
    small_disk: pathlib.Path, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(small_disk)], cwd=ROOT, env=environment,
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "disk full since" in lines[0]
    assert "stuck True" in lines
    assert "told True" in lines
    assert "rows {'n': 100000, 'u': 100000}" in lines
    assert "balanced True" in lines
