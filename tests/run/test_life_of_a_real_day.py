"""A recorded day through a running platform: inspection, health record and replay of what it sent.

Expected values are read off the recorded bytes here, at the offsets of GB/T 32960.3-2016 tables 3,
8 and 9, and not by our decoder.
"""

import gzip
import hashlib
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import urllib3

from millbrain.record.ledger import Ledger, Role
from tests.engines import engine, get_json, web

pytestmark = pytest.mark.slow
VIN = "LDPGABAC2JN361504"
ACCOUNT = "clerk:a long enough password"


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[bytes]:
    (recorded,) = (shared_data / "nev").glob("day_*.hex.gz")
    return [bytes.fromhex(line) for line in gzip.open(recorded, "rt").read().split()]


def at_s(frame: bytes) -> int:
    """Time of a frame: six bytes, Beijing time."""
    year, month, day, hour, minute, second = frame[24:30]
    local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    return int((local - timedelta(hours=8)).timestamp())


def reports(frames: list[bytes]) -> dict[int, tuple[float, float, int]]:
    """Instant -> voltage [V], current [A], state of charge [%] of every realtime report."""
    found = {}
    for frame in frames:
        if frame[2] in (2, 3) and frame[30] == 1:  # the vehicle block comes first
            voltage, current, soc = struct.unpack(">HHB", frame[40:45])
            found[at_s(frame)] = (voltage / 10, (current - 10_000) / 10, soc)
    return found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[str]:
    """Address of a platform that has taken in the day."""
    data = tmp_path_factory.mktemp("life")
    ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    ledger.migrate()
    name, _, password = ACCOUNT.partition(":")
    ledger.accounts.add(name, password, Role.OPERATOR)
    ledger.close()
    (recorded,) = (shared_data / "nev").glob("day_*.hex.gz")
    with engine(data) as running, web(data) as pages:
        port = str(running.ports["gbt32960"])
        subprocess.run(
            [sys.executable, "-m", "millbrain.run.cli", "play", "--data", str(data), "--port", port,
             "--user", "recorder", str(recorded)],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip
        yield f"http://127.0.0.1:{pages.ports['web']}/api/v1"


def test_the_replay_holds_every_report_of_the_recording(url: str, frames: list[bytes]) -> None:
    expected = reports(frames)
    end = max(expected)
    answer = get_json(f"{url}/vehicles/{VIN}/replay?at={end}&before_s=3600&after_s=0", ACCOUNT)
    replay = answer["replay"]
    wanted = {t: v for t, v in expected.items() if t >= end - 3600}
    assert replay["t"] == sorted(wanted)
    assert len(wanted) > 90
    signals = {s["name"]: s["values"] for s in replay["signals"]}
    for i, t in enumerate(replay["t"]):
        told = (signals["voltage_v"][i], signals["current_a"][i], signals["soc_pct"][i])
        assert told == pytest.approx(wanted[t])
    text = json.dumps(replay, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == answer["sha256"]


def test_the_record_adds_up(url: str, frames: list[bytes]) -> None:
    expected = reports(frames)
    found = get_json(f"{url}/vehicles/{VIN}/record", ACCOUNT)
    whole = found["operation"]["whole"]
    assert whole["report_count"] == len(expected)
    times = sorted(expected)
    steps = [(b, b - a) for a, b in pairwise(times) if b - a <= 120]
    charging = {at_s(f) for f in frames if f[2] in (2, 3) and f[30] == 1 and f[32] == 1}
    energy_kwh = sum(-expected[t][0] * expected[t][1] * dt / 3.6e6 for t, dt in steps
                     if t in charging and expected[t][1] < 0)  # fmt: skip
    assert energy_kwh > 60
    assert whole["charged_kwh"] == pytest.approx(energy_kwh, rel=1e-4)
    login = next(f for f in frames if f[2] == 1)  # table 6: time 6, serial 2, ICCID 20, n, m, codes
    assert found["static"]["terminal"]["iccid"] == login[32:52].decode()
    count, size = login[52], login[53]
    codes = [login[54 + i * size : 54 + (i + 1) * size].decode().strip("\0 ") for i in range(count)]
    assert [p["codes"] for p in found["packs"]["entries"]] == [codes]


def test_a_test_on_the_bench_stands_beside_the_cars_own_charge(
    url: str, frames: list[bytes]
) -> None:
    expected = reports(frames)
    start = 1_577_689_200  # 2019-12-30 15:00 in Beijing: while it charges
    record = {
        "bench": "1", "record_no": "1", "vin": VIN, "chemistry": "ternary",
        "tested_at": datetime.fromtimestamp(start, tz=UTC).isoformat(),
        "items": {"charge_duration_s": 300, "charge_temp_degc": 19},
        "curve": {"t_s": [0, 300], "voltage_v": [565, 570]},
    }  # fmt: skip
    http = urllib3.PoolManager()
    headers = urllib3.make_headers(basic_auth=ACCOUNT)
    brought = http.request("POST", f"{url}/inspections/import", headers=headers,
                           fields={"file": ("bench.json", json.dumps([record]))})  # fmt: skip
    assert brought.status == 200, brought.data
    (number,) = brought.json()["ids"]
    beside = get_json(f"{url}/inspections/{number}/curve", ACCOUNT)
    wanted = {t: v for t, v in expected.items() if start <= t <= start + 300}
    (voltage,) = [c for c in beside["online"] if c["name"] == "voltage_v"]
    assert dict(zip(voltage["t"], voltage["values"], strict=True)) == pytest.approx(
        {t * 1000: v[0] for t, v in wanted.items()}
    )
    assert beside["charge"]["to"] < beside["from"]
    report = http.request("GET", f"{url}/inspections/{number}/report.pdf", headers=headers)
    assert report.data.startswith(b"%PDF-")
