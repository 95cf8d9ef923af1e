"""The driver over real sockets: logins, answers, refusals, back-pressure, split packs, commands."""

import asyncio
import contextlib
import gzip
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvloop

from millbrain.connect.gbt32960 import codec, driver
from millbrain.core.columns import Delivery
from millbrain.core.errors import NotFoundError
from millbrain.core.rooms import Wiring
from millbrain.record.ledger import Ledger

VIN = "LSVTEST000000001X"
SIX = bytes((25, 11, 3, 14, 5, 59))
# Engine block of the 2016 edition, table 13: type 04, state 1, 1241 r/min, 5.67 L/100 km.
ENGINE_UNIT = SIX + bytes.fromhex("04 01 04d9 0237".replace(" ", ""))


class Box:
    """A sink that keeps what it is given; `gate` closed makes `put` block."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.gate = threading.Event()
        self.gate.set()
        self.commit = True
        self.uncommitted: list[Callable[[], None]] = []

    def put(self, delivery: Delivery) -> None:
        self.gate.wait()
        self.deliveries.append(delivery)
        if delivery.on_commit:
            if self.commit:
                delivery.on_commit()
            else:
                self.uncommitted.append(delivery.on_commit)

    def rows(self, table: str) -> int:
        return sum(d.tables[table].rows for d in self.deliveries if table in d.tables)

    def frames(self, table: str) -> int:
        parts = [d.tables[table] for d in self.deliveries if table in d.tables]
        return int(sum(p.array("frame_count").sum() for p in parts))

    def received(self) -> Counter[str]:
        return sum((Counter(d.received) for d in self.deliveries), Counter())

    def reasons(self) -> Counter[str]:
        return Counter(r.reason for d in self.deliveries for r in d.rejected)

    def is_balanced(self) -> bool:
        rejected = sum(r.frames for d in self.deliveries for r in d.rejected)
        stored = self.frames("vehicle_report") + self.frames("link_event")
        return sum(self.received().values()) == stored + rejected


@dataclass
class Options:
    host: str = "127.0.0.1"
    port: int = 0
    auth_peers: bool = True
    vehicle_links: str = "open"


@dataclass
class House:
    """A driver in an event loop of its own thread."""

    ledger: Ledger
    options: Options = field(default_factory=Options)
    box: Box = field(default_factory=Box)

    def __post_init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.running = self.run(
            driver.start(self.options, Wiring(self.box, self.ledger.peers, self.ledger.tags))
        )

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def connect(self) -> socket.socket:
        link = socket.create_connection(("127.0.0.1", self.running.port))
        link.settimeout(10)
        return link

    def stop(self) -> None:
        self.box.gate.set()
        self.run(self.running.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    ledger.migrate()
    ledger.peers.add("city-01", "right-password")
    yield ledger
    ledger.close()


@pytest.fixture
def house(ledger: Ledger) -> Iterator[House]:
    house = House(ledger)
    yield house
    house.stop()


def frame(command: int, unit: bytes = b"", *, vin: str = VIN, flag: int = 0xFE) -> bytes:
    return codec.build_frame(2016, command, flag, vin, unit)


def login(password: str, user: str = "city-01") -> bytes:
    account = user.encode().ljust(12, b"\0") + password.encode().ljust(20, b"\0")
    return frame(0x05, SIX + b"\0\1" + account + b"\1", vin="PLATFORM")


def vehicle_login(vin: str = VIN) -> bytes:
    return frame(0x01, SIX + b"\0\1" + b"8" * 20 + b"\0\0", vin=vin)


def until(true: Callable[[], Any], wait_s: float = 10.0) -> None:
    end = time.monotonic() + wait_s
    while not true():
        assert time.monotonic() < end, "did not come true"
        time.sleep(0.01)


def read(link: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        part = link.recv(size - len(got))
        if not part:
            break
        got += part
    return got


def test_a_platform_with_the_right_password_is_answered_and_named(house: House) -> None:
    with house.connect() as link:
        link.sendall(login("right-password") + frame(0x02, ENGINE_UNIT))
        answer = read(link, 31)
        assert answer[2:4] == b"\x05\x01"
        assert answer[24:30] == SIX
        until(lambda: house.box.rows("vehicle_report") == 1)
    assert house.box.received() == {"city-01": 2}
    until(house.box.is_balanced)


def test_a_wrong_password_is_refused_and_what_follows_is_kept_as_dead_letters(house: House) -> None:
    with house.connect() as link:
        link.sendall(login("wrong-password") + frame(0x02, ENGINE_UNIT))
        assert read(link, 31)[2:4] == b"\x05\x02"
        until(lambda: link.recv(100) in (b"",) or True)
    until(lambda: house.box.reasons()["not_logged_in"] == 2)
    assert house.box.rows("vehicle_report") == 0
    assert house.box.is_balanced()


def test_any_platform_login_is_taken_where_checking_is_off(ledger: Ledger) -> None:
    house = House(ledger, Options(auth_peers=False))
    try:
        with house.connect() as link:
            link.sendall(login("whatever", "anyone"))
            assert read(link, 31)[3] == 1
        assert house.box.received() == {"anyone": 1}
    finally:
        house.stop()


def test_the_answer_waits_for_the_commit(house: House) -> None:
    house.box.commit = False
    with house.connect() as link:
        link.sendall(vehicle_login())
        until(lambda: house.box.uncommitted)
        link.settimeout(0.3)
        with pytest.raises(TimeoutError):
            link.recv(1)
        house.box.uncommitted[0]()
        link.settimeout(10)
        assert read(link, 31)[2:4] == b"\x01\x01"


def test_a_good_report_is_not_answered_a_wrong_check_byte_is(house: House) -> None:
    good = frame(0x02, ENGINE_UNIT)
    bad = good[:-1] + bytes((good[-1] ^ 0x40,))
    with house.connect() as link:
        link.sendall(good + bad + good)
        answer = read(link, 31)
        assert answer[2:4] == b"\x02\x02"
        link.settimeout(0.3)
        with pytest.raises(TimeoutError):
            link.recv(1)
    until(lambda: house.box.rows("vehicle_report") == 2)
    assert house.box.reasons() == {"checksum": 1}
    assert house.box.is_balanced()


def test_heartbeat_and_time_are_answered_as_the_standard_says(house: House) -> None:
    with house.connect() as link:
        link.sendall(frame(0x07))
        assert read(link, 25)[2:4] == b"\x07\x01"
        link.sendall(frame(0x08))
        told = read(link, 31)
        assert told[2:4] == b"\x08\x01"
        assert told[24] == time.gmtime(time.time() + 8 * 3600).tm_year % 100


def test_the_same_vehicle_on_a_new_connection_closes_the_old_one(house: House) -> None:
    with house.connect() as old, house.connect() as new:
        old.sendall(vehicle_login())
        read(old, 31)
        new.sendall(vehicle_login())
        read(new, 31)
        assert old.recv(1) == b""
        new.sendall(frame(0x07))
        assert read(new, 25)[2] == 0x07


def test_strange_frames_are_kept_with_a_reason_and_the_link_stays_up(house: House) -> None:
    month_13 = bytes((25, 13, 3, 14, 5, 59)) + ENGINE_UNIT[6:]
    with house.connect() as link:
        link.sendall(
            frame(0x0F)
            + b"nonsense"
            + frame(0x02, month_13)
            + frame(0x02, SIX + b"\x40\x00")
            + frame(0x02, SIX + b"\x01\x02")
            + frame(0x02, ENGINE_UNIT)
        )
        until(lambda: house.box.rows("vehicle_report") == 1)
        link.sendall(frame(0x07))
        until(lambda: house.box.rows("link_event") == 1)
    wanted = {"unknown_command": 1, "garbage": 1, "bad_time": 1, "unknown_block": 1, "structure": 1}
    assert house.box.reasons() == wanted
    assert house.box.is_balanced()


def test_the_beginning_of_a_frame_at_the_end_of_a_link_is_kept_as_truncated(house: House) -> None:
    with house.connect() as link:
        link.sendall(frame(0x02, ENGINE_UNIT)[:-3])
    until(lambda: house.box.reasons() == {"truncated": 1})
    assert house.box.is_balanced()


@pytest.mark.slow
def test_a_busy_link_is_never_cut_though_each_read_ends_within_a_frame(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millbrain.connect.gbt32960.worker.REST_WAIT_S_MAX", 0.3)
    monkeypatch.setattr("millbrain.connect.gbt32960.worker.TICK_S", 0.1)
    one = frame(0x02, ENGINE_UNIT)
    stream = one * 60
    with house.connect() as link:
        link.sendall(stream[:7])
        for at in range(7, len(stream) - 40, len(one)):
            time.sleep(0.02)
            link.sendall(stream[at : at + len(one)])
        rest = at + len(one)
        link.sendall(stream[rest:])
        until(lambda: house.box.rows("vehicle_report") == 60)
    assert house.box.reasons() == {}


def test_a_full_sink_stops_the_sender_and_loses_nothing(house: House) -> None:
    block = frame(0x02, ENGINE_UNIT) * 5000
    house.box.gate.clear()
    sent = 0
    with house.connect() as link:
        link.settimeout(1.0)
        with contextlib.suppress(TimeoutError):
            while sent < 200 << 20:
                sent += link.send(block[sent % len(block) :])
        stopped = sent
        house.box.gate.set()
        link.settimeout(20)
        link.sendall(block[stopped % len(block) :])
        sent += len(block) - stopped % len(block)
        count = sent // len(frame(0x02, ENGINE_UNIT))
        until(lambda: house.box.rows("vehicle_report") == count, 30)
    assert stopped < 200 << 20


def test_a_pack_split_over_two_frames_becomes_one_row(house: House, shared_data: Path) -> None:
    lines = (shared_data / "nev" / "frames.jsonl").read_text("utf-8").splitlines()
    halves = [json.loads(line) for line in lines if "split over two frames" in line]
    cells = [h["expected"]["data"]["infos"][0]["v"][0]["cells_v"] for h in halves]
    with house.connect() as link:
        for half in reversed(halves):
            link.sendall(bytes.fromhex(half["hex"]))
        until(lambda: house.box.rows("vehicle_report") == 1)
    row = house.box.deliveries[-1].tables["vehicle_report"]
    assert row.array("frame_count").tolist() == [2]
    found = row.ragged("cells_mv").values
    assert found.tolist() == [round(v * 1000) for v in cells[0] + cells[1]]
    assert row.ragged("pack_cell_count").values.tolist() == [232]
    assert row.array("cell_max_mv").tolist() == [int(np.max(found))]
    assert house.box.is_balanced()


@pytest.mark.slow
def test_half_a_pack_is_stored_at_the_end_of_its_wait(
    house: House, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millbrain.core.limits.SPLIT_PACK_WAIT_S_MAX", 0.2)
    lines = (shared_data / "nev" / "frames.jsonl").read_text("utf-8").splitlines()
    half = next(json.loads(line) for line in lines if "start 201, 32" in line)
    with house.connect() as link:
        link.sendall(bytes.fromhex(half["hex"]))
        until(lambda: house.box.rows("vehicle_report") == 1)
    assert house.box.is_balanced()


def test_a_recorded_vehicle_day_is_taken_whole(house: House, shared_data: Path) -> None:
    path = next((shared_data / "nev").glob("day_*.hex.gz"))
    with gzip.open(path, "rt") as lines:
        frames = [bytes.fromhex(line) for line in lines if line.strip()]
    with house.connect() as link:
        for one in frames:
            link.sendall(one)
        until(lambda: sum(house.box.received().values()) == len(frames))
    reports = [f for f in frames if f[2] in (2, 3)]
    assert house.box.rows("vehicle_report") == len(reports)
    assert house.box.rows("link_event") == len(frames) - len(reports)
    assert house.box.is_balanced()


def test_a_query_reaches_the_vehicle_and_its_answer_comes_back(house: House) -> None:
    with house.connect() as link:
        link.sendall(vehicle_login())
        read(link, 31)
        order = {"command": "query", "ids": [1, 2]}
        asked = asyncio.run_coroutine_threadsafe(house.running.command(VIN, order), house.loop)
        question = read(link, 24 + 6 + 3 + 1)
        assert question[2:4] == b"\x80\xfe"
        assert question[30:33] == b"\x02\x01\x02"
        link.sendall(frame(0x80, SIX + bytes.fromhex("02 01 2710 02 001e"), flag=0x01))
        answer = asked.result(10)
    assert answer["flag_name"] == "ok"
    assert [p["value"] for p in answer["values"]["params"]] == [10_000, 30]


def test_a_command_to_a_vehicle_that_is_not_there_says_so(house: House) -> None:
    with pytest.raises(NotFoundError, match="no open link reaches"):
        house.run(house.running.command("NOBODY", {"command": "query", "ids": [1]}))


def test_things_of_another_protocol_are_refused(house: House, ledger: Ledger) -> None:
    class Foreign:
        def __getattr__(self, name: str) -> Any:
            return getattr(ledger.peers, name)

        def foreign(self) -> frozenset[str]:
            return frozenset((VIN,))

    house.running.peers = Foreign()
    with house.connect() as link:
        link.sendall(frame(0x02, ENGINE_UNIT) + frame(0x02, ENGINE_UNIT, vin="LSVTEST0000000002"))
        until(lambda: house.box.rows("vehicle_report") == 1)
    assert house.box.reasons() == {"wrong_type": 1}
    assert house.box.is_balanced()


def test_an_encrypted_report_is_opened_with_its_key(house: House, ledger: Ledger) -> None:
    from millbrain.connect.gbt32960 import crypto

    key = bytes(range(16))
    ledger.peers.set_key(VIN, "aes", key)
    sealed = crypto.seal(frame(0x02, ENGINE_UNIT), 3, key)
    with house.connect() as link:
        link.sendall(sealed)
        until(lambda: house.box.rows("vehicle_report") == 1)
    assert house.box.deliveries[-1].tables["vehicle_report"].array("engine_speed_rpm")[0] == 1241
    assert house.box.is_balanced()


def test_a_signature_is_verified_where_a_key_is_registered(house: House, ledger: Ledger) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    from millbrain.connect.gbt32960 import crypto

    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    secret = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    ledger.peers.set_key(VIN, "ecc", public)
    plain = codec.build_frame(2025, 0x02, 0xFE, VIN, SIX + bytes.fromhex("04 04d9"))
    signed = crypto.sign(plain, 3, secret)
    changed = bytearray(signed)
    changed[24 + 8] ^= 0x01  # one bit of the engine speed
    changed[-1] ^= 0x01  # and the check byte with it
    with house.connect() as link:
        link.sendall(signed + bytes(changed) + plain)
        answer = read(link, 31)
        assert answer[2:4] == b"\x02\x05"  # 2025: signature error
        until(lambda: house.box.reasons()["signature"] == 2)
    assert house.box.rows("vehicle_report") == 1
    assert house.box.is_balanced()
