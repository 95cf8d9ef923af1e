"""What happens to real servers, done on purpose to a real engine process."""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from millbrain.connect.gbt32960 import codec
from tests import engines
from tests.engines import Process
from tests.faults import lengths

pytestmark = pytest.mark.fault

EPOCH = 1_760_000_000


def report(vin: str, at: int) -> bytes:
    """One report: vehicle block and engine block, told apart by vehicle and time."""
    from millbrain.core.times import six_from_epoch

    vehicle = bytes.fromhex("01 01 03 01 0064 00002710 0fa0 2710 50 01 0e 1388 00 00")
    unit = six_from_epoch(at) + vehicle + bytes.fromhex("04 01 04d9 0237")
    return codec.build_frame(2016, 0x02, 0xFE, vin, unit)


def login(user: str) -> bytes:
    unit = bytes((25, 1, 1, 0, 0, 0, 0, 1)) + user.encode().ljust(12, b"\0") + bytes(20) + b"\1"
    return codec.build_frame(2016, 0x05, 0xFE, "PLATFORM", unit)


LOGOUT = codec.build_frame(2016, 0x06, 0xFE, "PLATFORM", bytes((25, 1, 1, 0, 0, 0, 0, 1)))
HEARTBEAT = codec.build_frame(2016, 0x07, 0xFE, "PLATFORM", b"")


class Feeder(threading.Thread):
    """Sends numbered reports and asks for a heartbeat's answer after each group.

    An answer comes after the commit of what stood before it, so `promised` counts reports that the
    engine has said to be on disk. After a loss it goes on with the first group not promised.
    """

    GROUP = 500

    def __init__(self, running: Process, seed: int) -> None:
        super().__init__(daemon=True)
        self.running, self.seed = running, seed
        self.promised = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            with contextlib.suppress(OSError, KeyError):
                self._send()
            time.sleep(0.02)

    def _send(self) -> None:
        with socket.create_connection(("127.0.0.1", self.running.ports["gbt32960"]), 5) as link:
            link.settimeout(10)
            link.sendall(login(f"feeder-{self.seed}"))
            _read(link, 31)
            while not self.ended.is_set():
                first = self.promised
                group = [self.report(n) for n in range(first, first + self.GROUP)]
                link.sendall(b"".join(group) + HEARTBEAT)
                _read(link, 25)
                self.promised = first + self.GROUP

    def report(self, number: int) -> bytes:
        return report(f"LFEED{self.seed:02d}{number % 50:010d}", EPOCH + number // 50)


def _read(link: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        part = link.recv(size - len(got))
        if not part:
            raise ConnectionError("the engine closed the link")
        got += part
    return got


def balance(running: Process) -> tuple[int, int, int, int]:
    row = running.sql(
        "SELECT sum(received), sum(stored), sum(duplicate), sum(rejected) FROM intake"
    )
    received, stored, duplicate, rejected = map(int, row[0])
    assert received == stored + duplicate + rejected
    rows = running.number("SELECT sum(frame_count) FROM vehicle_report")
    rows += running.number("SELECT sum(frame_count) FROM link_event")
    assert stored == rows
    assert rejected == running.number("SELECT sum(frame_count) FROM dead_letter")
    return received, stored, duplicate, rejected


def settled(running: Process, count: int, wait_s: float = 60) -> None:
    """Wait until the ledger has taken in at least `count` frames."""
    end = time.monotonic() + wait_s
    while running.number("SELECT sum(received) FROM intake") < count:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_killed_at_random_nothing_promised_is_lost_or_doubled(tmp_path: Path) -> None:
    dice = random.Random(7)
    with engines.engine(tmp_path) as running:
        feeders = [Feeder(running, n) for n in range(4)]
        for feeder in feeders:
            feeder.start()
        slowest = 0.0
        for _ in range(lengths.ENGINE_OF_VEHICLES):
            time.sleep(dice.uniform(0.3, 2.0))
            running.kill()
            promised = [f.promised for f in feeders]
            running.start()
            slowest = max(slowest, running.ready_s)
            balance(running)
            for feeder, count in zip(feeders, promised, strict=True):
                stored = running.number(
                    f"SELECT count() FROM vehicle_report WHERE link = 'feeder-{feeder.seed}'"
                )
                assert stored >= count
        for feeder in feeders:
            feeder.ended.set()
        for feeder in feeders:
            feeder.join()
        time.sleep(1)
        balance(running)
        doubled = running.number(
            "SELECT count() FROM (SELECT vin, device_at FROM vehicle_report"
            " GROUP BY vin, device_at HAVING count() > 1)"
        )
        assert doubled == 0
        kills = lengths.ENGINE_OF_VEHICLES
        print(f"\n{kills} kills, slowest restart {slowest:.2f} s, {sum(promised)} promised")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 160 MB, which only root may mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk needs the right to mount a tmpfs (root)")
    yield disk
    subprocess.run(["umount", "-l", disk], check=False)


def test_a_full_disk_stops_intake_with_a_reason_and_space_brings_it_back(small_disk: Path) -> None:
    stuffing = small_disk / "stuffing"
    with engines.engine(small_disk) as running:
        feeder = Feeder(running, 1)
        feeder.start()
        _wait(lambda: feeder.promised > 1000)
        with stuffing.open("wb") as f, contextlib.suppress(OSError):
            while True:
                f.write(os.urandom(1 << 20))
                f.flush()
        _wait(lambda: _trouble(running))
        stuck = feeder.promised
        time.sleep(1.5)
        assert feeder.promised <= stuck + Feeder.GROUP
        assert running.process is not None
        assert running.process.poll() is None
        stuffing.unlink()
        _wait(lambda: feeder.promised > stuck + 2 * Feeder.GROUP)
        feeder.ended.set()
        feeder.join()
        _wait(lambda: not _trouble(running))
        time.sleep(1)
        balance(running)
        assert running.number("SELECT count() FROM vehicle_report") >= feeder.promised


def _trouble(running: Process) -> list[str]:
    import json

    key = json.loads((running.data / "secrets.json").read_text("utf-8"))["internal_key"]
    url = f"http://127.0.0.1:{running.ports['clickhouse']}/engine/status"
    found: list[str] = engines.get_json(url, **{"X-Millbrain-Key": key})["intake"]["troubles"]
    return found


def _wait(true: object, wait_s: float = 40) -> None:
    end = time.monotonic() + wait_s
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "did not come true"
        time.sleep(0.05)


def test_a_storm_of_reconnecting_vehicles_is_taken_in(tmp_path: Path) -> None:
    count = lengths.VEHICLES_AT_ONCE
    with engines.engine(tmp_path) as running:
        for wave in range(3):
            links = [
                socket.create_connection(("127.0.0.1", running.ports["gbt32960"]), 20)
                for _ in range(count)
            ]
            for n, link in enumerate(links):
                link.sendall(report(f"LSTORM{wave}{n:010d}", EPOCH) + HEARTBEAT)
            for link in links:
                assert _read(link, 25)[2:4] == b"\x07\x01"
            for link in links:
                link.close()
        assert running.number("SELECT count() FROM vehicle_report") == 3 * count
        balance(running)


def test_hostile_strings_are_counted_and_kill_nothing(tmp_path: Path) -> None:
    dice = random.Random(11)
    good = report("LHOSTILE000000001", EPOCH)
    with engines.engine(tmp_path) as running:
        sent = 0
        while sent < lengths.HOSTILE_TEXTS:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", running.ports["gbt32960"]), 20) as link,
            ):
                for _ in range(50):
                    link.sendall(b"".join(_hostile(dice, good) for _ in range(100)))
                    sent += 100
        with socket.create_connection(("127.0.0.1", running.ports["gbt32960"]), 20) as link:
            link.settimeout(60)
            link.sendall(report("LSURVIVOR00000001", EPOCH) + HEARTBEAT)
            assert _read(link, 25)[2:4] == b"\x07\x01"
        assert running.number("SELECT count() FROM vehicle_report WHERE vin LIKE 'LSURV%'") == 1
        balance(running)
        assert running.memory_bytes_max() < 3 << 30


def _hostile(dice: random.Random, good: bytes) -> bytes:
    kind = dice.randrange(6)
    if kind == 0:
        return dice.randbytes(dice.randrange(1, 200))
    if kind == 1:
        return good[: dice.randrange(1, len(good))]
    if kind == 2:
        at = dice.randrange(len(good))
        return good[:at] + bytes((good[at] ^ 1 << dice.randrange(8),)) + good[at + 1 :]
    if kind == 3:  # right check byte over a nonsense body
        unit = dice.randbytes(dice.randrange(0, 120))
        return codec.build_frame(2016, dice.randrange(256), 0xFE, "LHOSTILE000000002", unit)
    if kind == 4:  # a header that promises 60,000 bytes
        return b"##\x02\xfe" + b"L" * 17 + b"\x01\xea\x60" + dice.randbytes(40)
    return b"##" * dice.randrange(1, 50)


def _send_for_ever(link: socket.socket) -> None:
    for _ in range(20_000):
        link.sendall(HEARTBEAT * 200)


def test_a_peer_that_does_not_read_its_answers_is_cut(tmp_path: Path) -> None:
    with (
        engines.engine(tmp_path) as running,
        socket.create_connection(("127.0.0.1", running.ports["gbt32960"]), 20) as link,
    ):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.settimeout(20)
        with pytest.raises(OSError, match=r"reset|Broken pipe|timed out"):
            _send_for_ever(link)
        with socket.create_connection(("127.0.0.1", running.ports["gbt32960"]), 20) as other:
            other.settimeout(60)
            other.sendall(HEARTBEAT)
            assert _read(other, 25)[2:4] == b"\x07\x01"


def test_a_query_that_runs_away_is_cut_off_while_reports_go_on(tmp_path: Path) -> None:
    import urllib3

    with engines.engine(tmp_path) as running:
        feeder = Feeder(running, 1)
        feeder.start()
        began = time.monotonic()
        answer = urllib3.request(
            "GET",
            f"http://127.0.0.1:{running.ports['clickhouse']}/",
            fields={"query": "SELECT count() FROM numbers(1e13)", "max_execution_time": "2"},
            timeout=30,
            retries=False,
        )
        took = time.monotonic() - began
        before = feeder.promised
        assert answer.status != 200
        assert b"TIMEOUT_EXCEEDED" in answer.data
        assert took < 25, "it was cut by its own limit, not by the client"
        _wait(lambda: feeder.promised > before)
        feeder.ended.set()
        feeder.join()


def test_stopping_commits_what_was_read_and_starting_finds_it(tmp_path: Path) -> None:
    with engines.engine(tmp_path) as running:
        with socket.create_connection(("127.0.0.1", running.ports["gbt32960"]), 20) as link:
            link.sendall(b"".join(report("LSTOP000000000001", EPOCH + n) for n in range(1000)))
            settled(running, 1)
        assert running.stop() == 0
        running.start()
        assert running.number("SELECT count() FROM vehicle_report") == 1000
        balance(running)
        shutil.copy(tmp_path / "log" / "engine.log", tmp_path / "engine.log")
    assert "Traceback" not in (tmp_path / "engine.log").read_text("utf-8")
