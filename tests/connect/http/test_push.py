"""Pushes over a real socket into a real intake: answers, keys, limits, and what is cut off."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from millbrain.connect.http import ROOM, fields
from millbrain.connect.http.options import check
from millbrain.connect.http.simulator import Plant, encoded
from millbrain.core import limits
from millbrain.core.errors import NotFoundError, RefusedError
from millbrain.core.plant.tags import Connection, Phase
from millbrain.core.tagging.rules import TagRules
from millbrain.core.times import iso
from millbrain.record.intake import check_balance
from tests.connect.http.conftest import Room

NOW_MS = int(time.time() * 1000)


def body(*values: float, at_ms: int = NOW_MS, thing: str = "M7") -> bytes:
    at = [at_ms + i for i in range(len(values))]
    return json.dumps(
        {"thing": thing, "signal": "speed_rpm", "device_at": at, "value": values}
    ).encode()


def counts(answer: dict[str, Any]) -> tuple[int, int, int, int]:
    return (answer["received"], answer["stored"], answer["duplicate"], answer["rejected"])


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end, "did not come true"
        time.sleep(0.02)


def test_what_is_answered_is_stored_and_queryable(room: Room) -> None:
    status, said = room.pusher().push(body(1.0, 2.0, 3.0), fields.JSON)
    assert (status, counts(said)) == (200, (3, 3, 0, 0))
    stored = room.rows("SELECT thing, signal, value, link FROM reading ORDER BY device_at")
    assert stored == [("M7", "speed_rpm", v, "line-1") for v in (1.0, 2.0, 3.0)]


def test_what_an_edge_wrote_at_machines_is_in_the_audit_before_the_answer(room: Room) -> None:
    rows = [
        {"thing": "M7", "signal": signal, "device_at": NOW_MS + n, "value": value}
        for n, (signal, value) in enumerate([("hot", 1), ("hot_action", 1), ("", 1),
                                             ("cold_action", 0)])
    ]  # fmt: skip
    status, said = room.pusher().push(json.dumps(rows).encode(), fields.JSON)
    assert (status, said["rejected"]) == (200, 1)
    at = [iso(NOW_MS + n) for n in (1, 3)]
    assert room.audited == [
        ("line-1", "edge", "command.write", "M7 rule hot", f"done at {at[0]}"),
        ("line-1", "edge", "command.write", "M7 rule cold", f"not done at {at[1]}"),
    ]


@pytest.mark.parametrize("media", fields.MEDIA)
def test_every_media_type_is_stored_once(room: Room, media: str) -> None:
    pushed = encoded(Plant(10, NOW_MS).steps(0, 2), media)
    assert counts(room.pusher().push(pushed, media)[1]) == (200, 200, 0, 0)
    assert counts(room.pusher().push(pushed, media)[1]) == (200, 0, 200, 0)
    assert room.rows("SELECT count(), uniqExact(thing, signal, device_at) FROM reading") == [
        (200, 200)
    ]


def test_a_key_brings_the_same_answer_again(room: Room) -> None:
    pusher = room.pusher()
    first = pusher.push(body(1.0, 2.0), fields.JSON, "key")
    assert pusher.push(body(1.0, 2.0), fields.JSON, "key") == first
    assert counts(first[1]) == (2, 2, 0, 0)
    status, said = pusher.push(body(9.0), fields.JSON, "key")
    assert (status, said["error"]["code"]) == (422, "key")
    assert room.rows("SELECT sum(received) FROM intake") == [(2,)]


def test_the_same_push_twice_at_once_is_judged_once(room: Room) -> None:
    room.gate.open.clear()
    answers: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(room.pusher().push(body(1.0, 2.0), fields.JSON, "key"))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    room.gate.open.set()
    for thread in threads:
        thread.join(20)
    assert [counts(said) for _, said in answers] == [(2, 2, 0, 0)] * 3


def test_refused_rows_are_named_one_by_one(room: Room) -> None:
    rows = [{"thing": "M7", "signal": "s", "device_at": NOW_MS + i, "value": i} for i in range(300)]
    for row in rows[100:]:
        row["device_at"] = 1
    _, said = room.pusher().push(json.dumps(rows).encode(), fields.JSON)
    assert counts(said) == (300, 100, 0, 200)
    assert len(said["rejections"]) == limits.PUSH_REASONS_MAX
    assert said["rejections"][0]["row"] == 100
    assert said["rejections"][0]["reason"] == "clock"
    assert room.rows("SELECT reason, sum(frame_count) FROM dead_letter GROUP BY reason") == [
        ("clock", 200)
    ]
    assert check_balance(room.store)["balanced"]


@pytest.mark.parametrize(
    ("connection", "token"),
    [("line-1", "token two"), ("line-1", "x"), ("nobody", "token one"), ("off", "token off"),
     ("bare", "x")],
)  # fmt: skip
def test_only_a_connection_with_its_own_token_pushes(
    room: Room, connection: str, token: str
) -> None:
    status, said = room.pusher(connection, token).push(body(1.0), fields.JSON)
    assert (status, said["error"]["code"]) == (401, "token")
    assert room.rows("SELECT count() FROM reading") == [(0,)]


def ask(room: Room, method: str, path: str, sent: bytes = b"", **headers: str) -> tuple[int, Any]:
    http_ = http.client.HTTPConnection("127.0.0.1", room.driver.port, timeout=20)
    auth = {"Authorization": "Bearer token one", "Content-Type": fields.JSON}
    http_.request(method, path, sent, auth | {k.replace("_", "-"): v for k, v in headers.items()})
    answer = http_.getresponse()
    said = json.loads(answer.read())
    http_.close()
    return answer.status, said | {"retry": answer.headers.get("Retry-After")}


def test_other_requests_are_told_what_is_allowed(room: Room) -> None:
    assert ask(room, "GET", "/push/line-1")[0] == 405
    assert ask(room, "POST", "/")[0] == 404
    assert ask(room, "POST", "/push/line-1", b"x", Content_Encoding="gzip")[0] == 415
    assert ask(room, "POST", "/push/line-1", b"[]", Idempotency_Key="k" * 256)[0] == 400
    told = str(limits.PUSH_BYTES_MAX + 1)
    assert ask(room, "POST", "/push/line-1", b"", Content_Length=told)[0] == 413
    assert room.pusher().push(b"[]", fields.JSON) == (
        200, {"received": 0, "stored": 0, "duplicate": 0, "rejected": 0, "rejections": []}
    )  # fmt: skip


def test_a_body_without_a_length_is_cut_at_the_limit(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PUSH_BYTES_MAX", 100_000)
    http_ = http.client.HTTPConnection("127.0.0.1", room.driver.port, timeout=20)
    headers = {"Authorization": "Bearer token one", "Transfer-Encoding": "chunked"}
    pieces = (b" " * 10_000 for _ in range(20))
    status = 413  # where the answer is lost because the connection was closed while we still sent
    with contextlib.suppress(OSError):
        http_.request("POST", "/push/line-1", pieces, headers, encode_chunked=True)
        status = http_.getresponse().status
    http_.close()
    assert status == 413
    assert counts(room.pusher().push(body(1.0), fields.JSON)[1]) == (1, 1, 0, 0)


def test_an_unreadable_body_is_kept_and_counted(room: Room) -> None:
    status, said = room.pusher().push(b'{"thing": ', fields.JSON)
    assert (status, said["error"]["code"]) == (400, "unreadable")
    until(lambda: room.rows("SELECT link, raw FROM dead_letter") == [("line-1", '{"thing": ')])
    until(lambda: room.rows("SELECT sum(rejected), sum(received) FROM intake") == [(1, 1)])


def test_a_connection_that_pushes_too_much_waits(room: Room) -> None:
    values = [float(i) for i in range(25)]
    pusher = room.pusher("line-2")
    assert pusher.push(body(*values), fields.JSON)[0] == 200  # the last one may overdraw
    status, said = ask(room, "POST", "/push/line-2", body(1.0), Authorization="Bearer token two")
    assert (status, said["error"]["code"]) == (429, "rate")
    assert 1 <= int(said["retry"]) <= 3
    assert room.pusher().push(body(1.0), fields.JSON)[0] == 200


def test_a_busy_store_is_told_and_the_repeated_push_is_stored_once(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PUSH_WAIT_S_MAX", 0.2)
    room.gate.open.clear()
    status, said = ask(room, "POST", "/push/line-1", body(1.0, 2.0), Idempotency_Key="a")
    assert (status, said["error"]["code"], said["retry"]) == (503, "busy", "2")
    monkeypatch.setattr(limits, "PUSH_WAIT_S_MAX", 10)
    room.gate.open.set()
    status, said = ask(room, "POST", "/push/line-1", body(1.0, 2.0), Idempotency_Key="a")
    assert status == 200
    assert said["stored"] + said["duplicate"] == 2
    assert room.rows("SELECT count() FROM reading") == [(2,)]


def test_bodies_under_way_are_bounded(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PUSH_BYTES_OPEN_MAX", 10)
    monkeypatch.setattr(limits, "PUSH_WAIT_S_MAX", 0.2)
    assert room.pusher().push(body(1.0), fields.JSON)[0] == 503


def test_a_slow_body_and_a_silent_connection_are_given_up(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PUSH_BODY_S_MAX", 0.2)
    head = (b"POST /push/line-1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer token one\r\n"
            b"Content-Length: 1000\r\n\r\n[")  # fmt: skip
    with socket.create_connection(("127.0.0.1", room.driver.port), 10) as link:
        link.sendall(head)
        assert link.recv(4096).startswith(b"HTTP/1.1 408 ")
    monkeypatch.setattr(limits, "PUSH_IDLE_S_MAX", 0.0)
    with socket.create_connection(("127.0.0.1", room.driver.port), 10) as link:
        until(lambda: len(room.driver.links()) == 1)
        room.loop.call_soon_threadsafe(room.driver.server.close_silent)
        assert link.recv(1) == b""


def test_stopping_does_not_wait_for_a_store_that_takes_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PUSH_WAIT_S_MAX", 0.2)
    room.gate.open.clear()
    assert room.pusher().push(body(1.0), fields.JSON)[0] == 503
    began = time.monotonic()
    room.run(room.driver.stop())
    assert time.monotonic() - began < 10


def test_how_connections_stand_is_told_in_words(room: Room) -> None:
    def state(key: str) -> tuple[Phase, str]:
        (found,) = [s for s in room.driver.states() if s.connection == key]
        return found.phase, found.why

    assert state("line-1")[0] is Phase.CONNECTING
    assert f"port {room.driver.port}, path /push/line-1" in state("line-1")[1]
    assert state("off") == (Phase.OFF, "it is switched off")
    assert state("bare") == (Phase.FAILED, "it has no token; set one")
    room.pusher(token="wrong").push(body(1.0), fields.JSON)
    assert state("line-1") == (Phase.FAILED, "the last push carried a wrong token")
    room.pusher().push(body(1.0), fields.JSON)
    assert state("line-1") == (Phase.CONNECTED, "")


def test_what_is_pushed_becomes_tags_and_a_tree(room: Room) -> None:
    room.pusher().push(body(1.0), fields.JSON)
    text = {"thing": "M7", "signal": "state", "device_at": NOW_MS, "value": "RUN"}
    room.pusher().push(json.dumps([text]).encode(), fields.JSON)
    until(lambda: len(room.book.all_tags()) == 2)
    found = {(t.address, str(t.kind)) for t in room.book.all_tags()}
    assert found == {("M7/speed_rpm", "number"), ("M7/state", "text")}
    (thing,) = room.run(room.driver.browse("line-1", ""))
    assert (thing.address, thing.leaf) == ("M7", False)
    signals = room.run(room.driver.browse("line-1", "M7"))
    assert [(s.address, s.parent) for s in signals] == [("M7/speed_rpm", "M7"), ("M7/state", "M7")]
    with pytest.raises(NotFoundError):
        room.run(room.driver.browse("nobody", ""))


def test_one_organisation_pushes_no_readings_of_another(room: Room) -> None:
    rows = [{"thing": t, "signal": "s", "device_at": NOW_MS, "value": 1}
            for t in ("N1", "S1", "X1", "unregistered")]  # fmt: skip
    _, said = room.pusher("north").push(json.dumps(rows).encode(), fields.JSON)
    assert counts(said) == (4, 3, 0, 1)
    assert [(r["row"], r["reason"]) for r in said["rejections"]] == [(1, "foreign")]
    _, said = room.pusher("line-1").push(json.dumps(rows).encode(), fields.JSON)
    assert counts(said) == (4, 1, 3, 0)


def test_nothing_is_written_that_way(room: Room) -> None:
    with pytest.raises(RefusedError, match="pushed over HTTP"):
        room.run(room.driver.command("M7", {"do": "write", "signal": "s", "value": 1}))


def test_changes_of_connections_and_tokens_are_followed(room: Room) -> None:
    room.secrets.put("line-1", "token", "a new one")
    for connection in room.book.connections("http"):
        room.book.put(replace(connection, enabled=True))
    until(lambda: room.pusher("off").push(body(1.0), fields.JSON)[0] == 200)
    assert room.pusher("line-1", "token one").push(body(1.0), fields.JSON)[0] == 401
    assert room.pusher("line-1", "a new one").push(body(1.0), fields.JSON)[0] == 200


@pytest.mark.fault
def test_a_sender_that_goes_away_leaves_nothing_behind(room: Room) -> None:
    head = (b"POST /push/line-1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer token one\r\n"
            b"Content-Length: 1000\r\n\r\n")  # fmt: skip
    for cut in (10, len(head) - 2, len(head), len(head) + 500):
        with socket.create_connection(("127.0.0.1", room.driver.port), 10) as link:
            link.sendall((head + b" " * 1000)[:cut])
    until(lambda: not room.driver.links())
    assert counts(room.pusher().push(body(1.0), fields.JSON)[1]) == (1, 1, 0, 0)
    assert room.rows("SELECT count() FROM reading") == [(1,)]


def test_what_a_connection_may_say() -> None:
    good = Connection("k", "http", endpoint="/push/k", options={"rate_hz": 5})
    assert check(good, ()) == []
    for options in ({"rate_hz": 0.5}, {"rate_hz": "many"}, {"rate_hz": 1e9}):
        (wrong,) = check(replace(good, options=options), ())
        assert wrong.field == "rate_hz"
    assert [w.field for w in check(replace(good, endpoint="http://x"), ())] == ["endpoint"]
    rules = TagRules({"http": ROOM}, {"http": check})
    with_token = replace(good, options={"token": "0123456789abcdef", "rate_hz": 5})
    assert rules.of_connection(with_token) == []
    assert [w.field for w in rules.of_connection(replace(good, options={"token": "x"}))] == [
        "token"
    ]
