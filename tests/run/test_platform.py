"""The whole platform as its user meets it: up, play, look, back up, restore. Real processes."""

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from millbrain.connect.gbt32960 import codec
from millbrain.run import run_files
from tests import engines

pytestmark = pytest.mark.slow

SIX = bytes((25, 11, 3, 14, 5, 59))
FREE_PORTS = {
    **{f"MILLBRAIN_{name}__PORT": "0" for name in ("GBT32960", "CLICKHOUSE", "WEB", "HANDLE")},
    "MILLBRAIN_RESOLVER__HTTP_PORT": "0",
}


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
        names = ("engine", "web", "resolver")
        found = [run_files.read(self.data / "run" / f"{name}.json") for name in names]
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
        assert list((data / "run").glob("*.json")) == [], "each process stopped in good order"
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


def wait_for_the_past(platform: Platform) -> None:
    """Wait until the city has sent its past: meanwhile raw frames are thinned, of all links."""
    marker, end = platform.data / "demo_history.json", time.monotonic() + 240
    while True:
        told = json.loads(marker.read_text("utf-8")) if marker.exists() else {}
        if told and all(city["is_complete"] for city in told.values()):
            return
        assert time.monotonic() < end
        time.sleep(0.5)


def test_a_recorded_day_is_played_from_a_second_terminal(
    platform: Platform, shared_data: Path
) -> None:
    path = next((shared_data / "nev").glob("day_*.hex.gz"))
    frames = [bytes.fromhex(line) for line in gzip.decompress(path.read_bytes()).decode().split()]
    vin = frames[0][4:21].decode()
    reports = sum(f[2] in (2, 3) for f in frames)
    wait_for_the_past(platform)
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
    # Of the link of the recorded day alone: a simulated machine may repeat something, too.
    repeated = platform.run("sql", "SELECT sum(duplicate) FROM intake WHERE link IN "
                            f"(SELECT link FROM vehicle_report WHERE vin = '{vin}')",
                            "--format", "TSV").strip()  # fmt: skip
    assert repeated == str(len(frames))
    assert platform.run("sql", f"SELECT count() FROM vehicle_report WHERE vin = '{vin}'",
                        "--format", "TSV").strip() == str(reports)  # fmt: skip


def test_doctor_finds_nothing_bad(platform: Platform) -> None:
    told = platform.run("doctor")
    assert "intake ledger balances" in told
    assert "bad" not in told.split()


def test_the_resolver_runs_beside_the_pages(platform: Platform) -> None:
    port = platform.ports()["http"]
    answer = urllib3.request("GET", f"http://127.0.0.1:{port}/api/handles/99.1/x", timeout=10)
    assert (answer.status, answer.json()["responseCode"]) == (400, 301), "of nobody that it knows"


def test_a_second_start_on_the_same_folder_is_refused(platform: Platform) -> None:
    told = platform.run("up", code=1)
    assert "already runs" in told


@pytest.mark.parametrize("name", ["engine", "web"])
def test_a_fallen_process_is_started_again_where_it_was(platform: Platform, name: str) -> None:
    before = run_files.read(platform.data / "run" / f"{name}.json")
    assert before is not None
    os.kill(before["pid"], signal.SIGKILL)
    end = time.monotonic() + 60
    while True:
        now = run_files.read(platform.data / "run" / f"{name}.json")
        if now and now["pid"] != before["pid"]:
            break
        assert time.monotonic() < end
        time.sleep(0.1)
    assert now["ports"] == before["ports"], "ports that were left to chance are kept"
    assert platform.api("/vehicles")["total"], "the pages reach the engine"


def test_a_backup_made_while_reports_come_in_restores_to_a_ledger_that_balances(
    platform: Platform, tmp_path: Path
) -> None:
    folder = Path(platform.run("backup", str(tmp_path / "backups")).strip().splitlines()[-1])
    assert (folder / "manifest.json").is_file()
    copy = Platform(tmp_path / "copy", platform.process)
    copy.run("restore", str(folder))
    with engines.engine(copy.data) as running:
        # The restored engine connects to the machines, too: what comes now is another matter.
        upto = running.number("SELECT max(batch) FROM intake")
        row = running.sql(
            "SELECT sum(received), sum(stored), sum(duplicate), sum(rejected) FROM intake "
            f"WHERE batch <= {upto}"
        )
        received, stored, duplicate, rejected = map(int, row[0])
        assert received == stored + duplicate + rejected
        tables = ("vehicle_report", "link_event", "reading")
        count = "SELECT sum(frame_count) FROM {} WHERE batch <= {}"
        rows = sum(running.number(count.format(name, upto)) for name in tables)
        assert stored == rows > 0


def test_a_command_goes_from_the_api_to_a_vehicle_and_its_answer_comes_back(
    platform: Platform,
) -> None:
    vin = "LSVTEST0000000001"
    with socket.create_connection(("127.0.0.1", platform.ports()["gbt32960"]), 20) as link:
        link.settimeout(30)
        # Login, table 6 of the 2016 edition: time, serial 1, ICCID, no storage codes.
        login = SIX + b"\0\1" + b"8" * 20 + b"\0\0"
        link.sendall(codec.build_frame(2016, 0x01, 0xFE, vin, login))
        assert link.recv(100)[2:4] == b"\x01\x01"
        answers: list[Any] = []
        asked = threading.Thread(target=lambda: answers.append(_post_query(platform, vin)))
        asked.start()
        question = link.recv(100)
        assert question[2:4] == b"\x80\xfe"
        assert question[30:] == b"\x01\x02" + question[-1:]  # one item, number 2
        # Item 02, report period: a word in the 2016 edition, 30 s.
        answer = SIX + bytes.fromhex("01 02 001e")
        link.sendall(codec.build_frame(2016, 0x80, 0x01, vin, answer))
        asked.join(30)
    assert answers[0]["state"] == "answered"
    assert platform.api(f"/vehicles/{vin}/commands")["rows"][0]["state"] == "answered"


def _post_query(platform: Platform, vin: str) -> Any:
    url = f"http://127.0.0.1:{platform.ports()['web']}/api/v1/vehicles/{vin}/commands"
    basic = urllib3.make_headers(basic_auth=f"admin:{platform.password}")
    order = {"command": "query", "ids": [2]}
    answer = urllib3.request("POST", url, json=order, headers=basic, timeout=60, retries=False)
    assert answer.status in (200, 201), answer.data
    return answer.json()


def test_pages_are_served_over_tls_by_two_settings(platform: Platform, tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    web = json.loads((platform.data / "run" / "web.json").read_text("utf-8"))
    os.kill(web["pid"], signal.SIGSTOP)  # its run file stays that of the pages without TLS
    try:
        secured = engines.Process(
            "web",
            platform.data,
            ("--port", "0"),
            {
                "MILLBRAIN_WEB__TLS_CERTIFICATE": str(certificate),
                "MILLBRAIN_WEB__TLS_KEY": str(key),
            },
        ).start()
        try:
            with urllib3.PoolManager(ca_certs=str(certificate), assert_hostname=False) as pool:
                url = f"https://127.0.0.1:{secured.ports['web']}/login"
                answer = pool.request("GET", url, timeout=20)
            assert answer.status == 200
            assert "max-age" in answer.headers["strict-transport-security"]
        finally:
            secured.stop()
    finally:
        os.kill(web["pid"], signal.SIGKILL)  # the supervisor starts it again, without TLS
