"""Reports from node to node over real sockets: killed, dead, slow and lying ones."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.engines import Process
from tests.identify.asking import ask, put
from tests.identify.node.nodes import (
    BASE,
    KEY,
    above,
    call,
    process,
    reporting_to,
    resolve,
    sums,
    until,
)
from tests.identify.resolver import PREFIX, prepare

P7 = f"{PREFIX}/P7"
PART = {"index": 1, "type": "URL", "data": "x"}


def address(node: Process) -> str:
    return f"http://127.0.0.1:{node.ports['http']}"


@pytest.mark.slow
def test_counts_climb_from_enterprise_to_top(tmp_path: Path) -> None:
    top = above(tmp_path / "top", "88.100")
    second = above(tmp_path / "second", PREFIX, **reporting_to(address(top), "88.100"))
    prepare(tmp_path / "low")
    low = process(tmp_path / "low", **reporting_to(address(second))).start()
    try:
        resolve(low, P7, 5)
        put(low, "new", PART)
        low.stop()
        low.start()
        # What was loaded before the settings named a node above is not told to it.
        wanted = {(PREFIX, "registered"): 1, (PREFIX, "resolved"): 5}
        until(wanted, lambda: sums(second, node=PREFIX, prefix=PREFIX))
        until(wanted, lambda: sums(top, node=PREFIX, prefix=PREFIX))
        told = call(top, "GET", "/reports")[1]
        assert [(s["prefix"], s["missing"]) for s in told["senders"]] == [("88.100", [])]
        assert call(low, "GET", "/reports")[1]["outbox"]["is_reporting"]
        assert call(second, "GET", "/log")[1]["samples"][0]["handle"] == P7
    finally:
        for node in (low, second, top):
            node.stop()


@pytest.mark.fault
@pytest.mark.slow
def test_kills_of_either_node_lose_and_double_nothing(tmp_path: Path) -> None:
    second = above(tmp_path / "second", PREFIX)
    # The node above comes back on the port that the one below knows.
    second.options = ("--port", "0", "--http-port", str(second.ports["http"]))
    prepare(tmp_path / "low")
    low = process(tmp_path / "low", **reporting_to(address(second))).start()
    made = 0
    try:
        for turn in range(8):
            for _ in range(10):
                put(low, f"part-{made}", PART)
                made += 1
            time.sleep(0.1 * (turn % 4))
            victim = (low, second)[turn % 2]
            victim.kill()
            victim.start()
        until(made, lambda: sums(second).get((PREFIX, "registered")), 60)
        time.sleep(1)
        assert sums(second)[PREFIX, "registered"] == made
        until([], lambda: call(second, "GET", "/reports")[1]["senders"][0]["missing"])
    finally:
        low.stop()
        second.stop()


class Above:
    """Something at the address of the node above; `way` makes of a letter what it answers."""

    def __init__(self, way: Callable[[dict[str, Any]], tuple[int, bytes, float]]) -> None:
        self.letters: list[dict[str, Any]] = []
        self.way = way
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                letter = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
                node.letters.append(letter)
                status, body, pause_s = node.way(letter)
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.send_header("Location", "http://127.0.0.1:9/")
                    self.end_headers()
                    for at in range(len(body)):
                        self.wfile.write(body[at : at + 1])
                        time.sleep(pause_s)
                except OSError:
                    return  # the sender has hung up

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def honest(letter: dict[str, Any]) -> tuple[int, bytes, float]:
    have = max([r["number"] for r in letter["reports"]], default=0)
    return 200, orjson.dumps({"stream": letter["stream"], "have": have, "missing": []}), 0


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Process, Above]]:
    node_above = Above(honest)
    prepare(tmp_path)
    where = f"http://127.0.0.1:{node_above.server.server_port}"
    low = process(tmp_path, **reporting_to(where)).start()
    yield low, node_above
    low.stop()
    node_above.close()


def _says(**told: Any) -> Callable[[dict[str, Any]], tuple[int, bytes, float]]:
    return lambda letter: (200, orjson.dumps({"stream": letter["stream"]} | told), 0)


WRONG: dict[str, Callable[[dict[str, Any]], tuple[int, bytes, float]]] = {
    "refuses": lambda _: (500, b"no", 0),
    "redirects": lambda _: (302, b"", 0),
    "no_json": lambda _: (200, b"<html>", 0),
    "no_object": lambda _: (200, b"[]", 0),
    "endless": lambda _: (200, b"x" * 200_000, 0),
    "slow": lambda _: (200, b" " * 60, 0.5),
    "has_less": _says(have=-1, missing=[]),
    "has_text": _says(have="all", missing=[]),
    "takes_nothing": _says(have=0, missing=[]),
    "misses_nonsense": _says(have=0, missing=[["a", None]]),
    "misses_everything": _says(have=0, missing=[[1, 1 << 62]]),
    "other_stream": lambda _: (200, b'{"stream":"x","have":1,"missing":[]}', 0),
}


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize("way", WRONG)
def test_a_wrong_node_above_costs_nothing_and_loses_nothing(
    nodes: tuple[Process, Above], way: str
) -> None:
    low, node_above = nodes
    node_above.way = WRONG[way]
    put(low, "first", PART)
    until(True, lambda: bool(node_above.letters))
    began = time.monotonic()
    assert resolve(low, P7, 200) == [1] * 200
    assert time.monotonic() - began < 5
    told = call(low, "GET", "/reports")[1]["outbox"]
    assert told["waiting"] >= 1
    low.kill()  # what is waiting is on disk; and the pause before the next attempt is over
    node_above.way = honest
    del node_above.letters[:]
    low.start()
    until(0, lambda: call(low, "GET", "/reports")[1]["outbox"]["waiting"])
    rows = [r for letter in node_above.letters for report in letter["reports"]
            for r in report["rows"]]  # fmt: skip
    assert sum(count for _, _, kind, _, _, count in rows if kind == "registered") == 1


@pytest.mark.fault
def test_a_node_above_that_claims_what_was_never_sent(nodes: tuple[Process, Above]) -> None:
    low, node_above = nodes
    node_above.way = _says(have=1 << 40, missing=[])
    put(low, "first", PART)
    until(True, lambda: len(node_above.letters) > 1)
    streams = {letter["stream"] for letter in node_above.letters}
    assert len(streams) <= 2, "a stream begins anew once an hour at most"
    node_above.way = honest
    until(0, lambda: call(low, "GET", "/reports")[1]["outbox"]["waiting"])
    assert node_above.letters[-1]["reports"]


@pytest.mark.fault
@pytest.mark.slow
def test_what_is_claimed_before_it_was_sent_is_sent_all_the_same(tmp_path: Path) -> None:
    """Reports are cut while the node above is dead; the first letter holds twenty of them."""
    prepare(tmp_path)
    low = process(tmp_path, **reporting_to("http://127.0.0.1:9")).start()
    made = 0
    while call(low, "GET", "/reports")[1]["outbox"]["waiting"] < 25:
        put(low, f"early-{made}", PART)
        made += 1
    low.stop()
    node_above = Above(_says(have=24, missing=[]))
    try:
        where = f"http://127.0.0.1:{node_above.server.server_port}"
        low = process(tmp_path, **reporting_to(where)).start()
        until(True, lambda: bool(node_above.letters))
        node_above.way = honest
        until(0, lambda: call(low, "GET", "/reports")[1]["outbox"]["waiting"], 60)
        numbers = {r["number"] for letter in node_above.letters for r in letter["reports"]}
        assert numbers >= set(range(1, 26))
    finally:
        low.stop()
        node_above.close()


@pytest.mark.fault
def test_a_dead_node_above(tmp_path: Path) -> None:
    prepare(tmp_path)
    low = process(tmp_path, **reporting_to("http://127.0.0.1:9")).start()
    try:
        put(low, "first", PART)
        assert resolve(low, P7) == [1]
        until(True, lambda: call(low, "GET", "/reports")[1]["outbox"]["waiting"] > 0)
        assert ask(low, f"{BASE}/reports", "POST", {}).status == 401
    finally:
        assert low.stop() == 0


def test_letters_are_proved(tmp_path: Path) -> None:
    second = above(tmp_path / "second", PREFIX)
    letter = {"stream": "s", "reports": [], "lost": []}
    try:
        proofs = (PREFIX, f"{PREFIX}:00", f"88.2:{KEY}", "")
        for header in ("", "Basic eA==", *(f"Millbrain-Report {p}" for p in proofs)):
            told = ask(second, f"{BASE}/reports", "POST", letter, Authorization=header)
            assert told.status == 401, header
        assert call(second, "GET", "/reports")[1]["senders"] == []
        assert call(second, "PUT", f"/reports/{PREFIX}/key", {"key": "short"})[0] == 400
        assert call(second, "PUT", "/reports/88.5/key", {"key": KEY})[0] == 404
    finally:
        second.stop()
