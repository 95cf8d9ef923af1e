"""The whole platform as its user meets it: up, play, look, back up, restore. Real processes."""

import gzip
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from millbrain.run import run_files
from tests import engines

pytestmark = pytest.mark.slow

FREE_PORTS = {f"MILLBRAIN_{name}__PORT": "0" for name in ("GBT32960", "CLICKHOUSE", "WEB")}


@dataclass
class Platform:
    data: Path
    process: "subprocess.Popen[bytes]"
    password: str = ""

    def run(self, *words: str, code: int = 0) -> str:
        """Run a millbrain command on the same data folder and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "millbrain.run.cli", *words, "--data", str(self.data)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "COLUMNS": "200"},
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ports(self) -> dict[str, int]:
        found = [run_files.read(self.data / "run" / f"{name}.json") for name in ("engine", "web")]
        return {k: v for f in found if f for k, v in f["ports"].items()}

    def api(self, path: str) -> Any:
        url = f"http://127.0.0.1:{self.ports()['web']}/api/v1{path}"
        return engines.get_json(url, f"admin:{self.password}")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`millbrain up` with a small city, once for all tests of this file."""
    data = tmp_path_factory.mktemp("platform") / "data"
    told = data.parent / "told.txt"
    with told.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "millbrain.run.cli", "up", "--data", str(data),
             "--vehicles", "100"],
            env={**os.environ, **FREE_PORTS}, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    platform = Platform(data, process)
    end = time.monotonic() + 120
    while not (found := re.search(r"admin password: (\S+)", told.read_text("utf-8"))):
        assert process.poll() is None, told.read_text("utf-8")
        assert time.monotonic() < end, told.read_text("utf-8")
        time.sleep(0.1)
    platform.password = found[1]
    yield platform
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert platform.ports() == {}


def test_the_city_reports_and_says_that_it_is_simulated(platform: Platform) -> None:
    end = time.monotonic() + 60
    while not platform.api("/vehicles")["total"]:
        assert time.monotonic() < end
        time.sleep(0.5)
    overview = platform.api("/overview")
    assert overview["vehicles"]["simulated"] == overview["vehicles"]["known"] > 0
    row = platform.api("/vehicles?size=1")["rows"][0]
    assert row["simulated"]


def test_a_recorded_day_is_played_from_a_second_terminal(
    platform: Platform, shared_data: Path
) -> None:
    path = next((shared_data / "nev").glob("day_*.hex.gz"))
    frames = [bytes.fromhex(line) for line in gzip.decompress(path.read_bytes()).decode().split()]
    vin = frames[0][4:21].decode()
    reports = sum(f[2] in (2, 3) for f in frames)
    assert f"{len(frames)} frames" in platform.run("play", str(path))
    assert platform.run("sql", f"SELECT count() FROM vehicle_report WHERE vin = '{vin}'",
                        "--format", "TSV").strip() == str(reports)  # fmt: skip
    found = platform.api(f"/vehicles/{vin}")
    assert len(found["report"]["cells_mv"]) == 144
    span = "from=2019-12-01T00:00:00Z&to=2020-01-01T00:00:00Z"
    assert len(platform.api(f"/vehicles/{vin}/frames?{span}&size=500")["rows"]) == reports

    again = platform.run("play", str(path))
    assert "all on disk" in again
    intake = platform.api("/intake")
    assert intake["balanced"]
    assert intake["received"] == intake["stored"] + intake["duplicate"] + intake["rejected"]
    assert intake["duplicate"] == len(frames)
    assert platform.run("sql", f"SELECT count() FROM vehicle_report WHERE vin = '{vin}'",
                        "--format", "TSV").strip() == str(reports)  # fmt: skip


def test_doctor_finds_nothing_bad(platform: Platform) -> None:
    told = platform.run("doctor")
    assert "intake ledger balances" in told
    assert "bad" not in told.split()


def test_a_second_start_on_the_same_folder_is_refused(platform: Platform) -> None:
    told = platform.run("up", code=1)
    assert "already runs" in told


def test_a_fallen_process_is_started_again(platform: Platform) -> None:
    before = run_files.read(platform.data / "run" / "web.json")
    assert before is not None
    os.kill(before["pid"], signal.SIGKILL)
    end = time.monotonic() + 60
    while True:
        now = run_files.read(platform.data / "run" / "web.json")
        if now and now["pid"] != before["pid"]:
            break
        assert time.monotonic() < end
        time.sleep(0.1)
    assert platform.api("/me")["name"] == "admin"


def test_a_backup_made_while_reports_come_in_restores_to_a_ledger_that_balances(
    platform: Platform, tmp_path: Path
) -> None:
    folder = Path(platform.run("backup", str(tmp_path / "backups")).strip().splitlines()[-1])
    assert (folder / "manifest.json").is_file()
    copy = Platform(tmp_path / "copy", platform.process)
    copy.run("restore", str(folder))
    with engines.engine(copy.data) as running:
        row = running.sql(
            "SELECT sum(received), sum(stored), sum(duplicate), sum(rejected) FROM intake"
        )
        received, stored, duplicate, rejected = map(int, row[0])
        assert received == stored + duplicate + rejected
        rows = running.number("SELECT sum(frame_count) FROM vehicle_report")
        rows += running.number("SELECT sum(frame_count) FROM link_event")
        assert stored == rows > 0
