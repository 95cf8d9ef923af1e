"""Sink, buffer and forwarder against a centre that reads as the http room does, and misbehaves."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from millbrain.connect.http.codec import read
from millbrain.connect.http.columnar import judge
from millbrain.core import limits
from millbrain.core.columns import Columns, DeadLetter, Delivery
from millbrain.core.errors import StoreError
from millbrain.run.edge.buffer import Bounds, Buffer
from millbrain.run.edge.centre import Centre
from millbrain.run.edge.forwarding import Forwarder
from millbrain.run.edge.sink import EdgeSink
from tests.run.edge.plants import wait_until

NOW = 1_700_000_000_000


class FakeCentre:
    """Keeps readings by identity. moods: what it does to the next pushes before it is itself."""

    def __init__(self) -> None:
        self.rows: dict[tuple[bytes, bytes, int], tuple[float, bytes]] = {}
        self.pushes: list[list[int]] = []
        self.moods: list[str] = []
        self.token = "t"
        centre = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                centre.answer(self)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.lock = threading.Lock()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        with self.lock:
            mood = self.moods.pop(0) if self.moods else ""
            if handler.headers["authorization"] != f"Bearer {self.token}":
                return self.say(handler, 401, {"error": {"message": "wrong token"}})
            if mood == "busy":
                return self.say(handler, 503, {"error": {"message": "busy"}})
            columns = judge(read(body, handler.headers["content-type"]), "works", NOW).columns
            if mood == "blind" or (mood == "picky" and columns.rows > 1):
                return self.say(handler, 400, {"error": {"message": "unreadable"}})
            told = self.keep(columns)
            if mood == "deaf":
                handler.connection.shutdown(socket.SHUT_RDWR)
                return None
        return self.say(handler, 200, {**told, "rejected": 0})

    def keep(self, columns: Columns) -> dict[str, int]:
        at = columns.array("device_at").tolist()
        self.pushes.append(at)
        texts = columns.values.get("text")
        rest = columns.ragged("text").lists() if texts is not None else [b""] * columns.rows
        fresh = 0
        for row in zip(
            columns.array("thing").tolist(), columns.array("signal").tolist(), at,
            columns.array("value").tolist(), rest, strict=True,
        ):  # fmt: skip
            fresh += row[:3] not in self.rows
            self.rows.setdefault(row[:3], (row[3], bytes(row[4])))
        return {"stored": fresh, "duplicate": columns.rows - fresh}

    def say(self, handler: BaseHTTPRequestHandler, status: int, told: object) -> None:
        raw = json.dumps(told).encode()
        handler.send_response(status)
        handler.send_header("content-length", str(len(raw)))
        handler.send_header("retry-after", "0.1")
        handler.end_headers()
        handler.wfile.write(raw)


@pytest.fixture
def centre() -> Iterator[FakeCentre]:
    running = FakeCentre()
    yield running
    running.server.shutdown()
    running.server.server_close()


class Line:
    """Sink, buffer and forwarder of one edge."""

    def __init__(self, folder: Path, centre: FakeCentre, live_s: float = 5.0) -> None:
        self.buffer = Buffer(folder / "b.sqlite", Bounds(1 << 30, 1e6))
        self.sink = EdgeSink(self.buffer)
        url = f"http://127.0.0.1:{centre.server.server_address[1]}/push/works"
        self.forwarder = Forwarder(self.buffer, Centre(url, "t", wait_s=5), "e1", live_s=live_s)
        self.sink.start()
        self.committed = 0

    def put(self, begin: int, count: int, text: bytes = b"") -> None:
        at = NOW + np.arange(begin, begin + count)
        columns = Columns(count, {
            "thing": np.full(count, b"M1"), "signal": np.full(count, b"x"), "device_at": at,
            "received_at": np.full(count, time.time_ns() // 1_000_000),
            "value": np.arange(begin, begin + count, dtype=np.float64),
            "text": np.full(count, text, object), "quality": np.full(count, 192, np.uint8),
            "link": np.full(count, b"line"), "frame_count": np.ones(count, np.uint8),
        })  # fmt: skip
        self.sink.put(Delivery({"line": count}, {"reading": columns}, (), self._on_commit))

    def _on_commit(self) -> None:
        self.committed += 1

    def is_empty(self) -> bool:
        return self.buffer.status()["rows_waiting"] == 0

    def stop(self) -> None:
        self.sink.stop()
        self.forwarder.stop()
        self.buffer.close()


@pytest.fixture
def line(tmp_path: Path, centre: FakeCentre) -> Iterator[Line]:
    opened = Line(tmp_path, centre)
    yield opened
    opened.stop()


def drained(line: Line, told: int) -> Callable[[], bool]:
    return lambda: line.committed == told and line.is_empty()


def test_what_comes_in_goes_out_and_is_acknowledged(line: Line, centre: FakeCentre) -> None:
    line.forwarder.start()
    line.put(0, 100)
    line.put(100, 50, "läuft".encode())
    assert wait_until(drained(line, 2))
    assert len(centre.rows) == 150
    assert centre.rows[b"M1", b"x", NOW + 7] == (7.0, b"")
    assert centre.rows[b"M1", b"x", NOW + 120] == (120.0, "läuft".encode())
    status = line.forwarder.status()
    assert (status["connected"], status["why"], status["sent_live"]) == (True, "", 150)


@pytest.mark.slow
def test_a_centre_that_is_busy_or_never_answers_gets_all_of_it_once(
    line: Line, centre: FakeCentre
) -> None:
    centre.moods = ["busy", "deaf", "deaf", "busy"]
    line.forwarder.start()
    line.put(0, 500)
    assert wait_until(drained(line, 1))
    assert len(centre.rows) == 500
    counted = line.buffer.status()
    assert counted["delivered"] + counted["duplicate"] == 500
    assert counted["duplicate"] > 0


def test_a_wrong_token_is_told_in_words_and_mended(line: Line, centre: FakeCentre) -> None:
    centre.token = "other"
    line.forwarder.start()
    line.put(0, 10)
    assert wait_until(lambda: "wrong token" in line.forwarder.status()["why"])
    assert not line.forwarder.status()["connected"]
    centre.token = "t"
    assert wait_until(drained(line, 1))


def test_a_push_that_cannot_be_read_is_halved(line: Line, centre: FakeCentre) -> None:
    centre.moods = ["picky"] * 3
    line.forwarder.start()
    line.put(0, 8)
    assert wait_until(drained(line, 1))
    assert len(centre.rows) == 8
    assert sorted(map(len, centre.pushes))[-1] < 8


def test_a_centre_that_can_read_nothing_loses_nothing(line: Line, centre: FakeCentre) -> None:
    centre.moods = ["blind"] * 10_000
    line.forwarder.start()
    line.put(0, 200)
    assert wait_until(lambda: "unreadable" in line.forwarder.status()["why"])
    assert line.buffer.status()["rows_waiting"] == 200
    centre.moods.clear()
    assert wait_until(drained(line, 1))
    assert len(centre.rows) == 200


@pytest.mark.slow
def test_after_an_outage_live_data_go_first_and_the_backlog_oldest_first(
    tmp_path: Path, centre: FakeCentre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PUSH_ROWS_MAX", 100)
    line = Line(tmp_path, centre, live_s=0.5)
    for n in range(10):
        line.put(100 * n, 100)
        assert wait_until(lambda n=n: line.committed == n + 1)  # a block each
    time.sleep(0.6)
    line.put(5_000, 10)
    assert wait_until(lambda: line.committed == 11)
    line.forwarder.start()
    assert wait_until(line.is_empty)
    line.stop()
    first = [p[0] - NOW for p in centre.pushes]
    assert 5_000 in first[:3]
    backlog = [f for f in first if f != 5_000]
    assert all(abs(backlog.index(f) - i) <= 1 for i, f in enumerate(sorted(backlog)))
    assert len(centre.rows) == 1_010


def test_nothing_is_acknowledged_while_the_buffer_holds(tmp_path: Path, centre: FakeCentre) -> None:
    line = Line(tmp_path, centre)
    line.buffer.bounds = Bounds(0, 1e6)
    line.put(0, 10)
    time.sleep(0.6)
    assert line.committed == 0
    line.buffer.bounds = Bounds(1 << 30, 1e6)
    assert wait_until(lambda: line.committed == 1)
    line.stop()
    with pytest.raises(StoreError):
        line.put(0, 1)


def test_who_waits_for_room_is_refused_when_the_edge_ends(
    tmp_path: Path, centre: FakeCentre
) -> None:
    line = Line(tmp_path, centre)
    line.buffer.bounds = Bounds(0, 1e6)
    for n in range(2):
        line.put(100_000 * n, limits.DELIVERY_ROWS_QUEUED_MAX)
        time.sleep(0.3)
    refused: list[StoreError] = []

    def wait() -> None:
        try:
            line.put(900_000, 1)
        except StoreError as e:
            refused.append(e)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.1)
    assert waiting.is_alive()
    line.stop()
    waiting.join(5)
    assert refused
    assert line.committed == 0


def test_refused_rows_and_letters_are_counted(line: Line) -> None:
    letter = DeadLetter("line", "malformed", "why", b"\0", NOW, 3)
    line.sink.put(Delivery({"line": 3}, {}, [letter]))
    line.put(-(10**12), 5)  # long before 2001
    assert wait_until(lambda: line.buffer.status()["refused"] == 8)
    assert line.buffer.status()["accepted"] == 0
