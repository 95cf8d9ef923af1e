"""The HTTP JSON API of a real resolver process: an independent client, rights, odd requests."""

import base64
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from pyhandle.clientcredentials import PIDClientCredentials
from pyhandle.handleclient import PyHandleClient
from pyhandle.handleexceptions import HandleAlreadyExistsException, HandleAuthenticationError

from tests.engines import Process
from tests.identify.asking import answered, proof
from tests.identify.resolver import ADMIN, OWNER, PREFIX, SECRET, prepare, resolver

MINE = proof()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("node")
    prepare(folder)
    with resolver(folder) as running:
        yield running


def pyhandle(node: Process, password: str = SECRET) -> Any:
    url = f"http://127.0.0.1:{node.ports['http']}"
    credentials = PIDClientCredentials(
        client="rest", handle_server_url=url, username=OWNER, password=password, handleowner=OWNER
    )
    return PyHandleClient("rest").instantiate_with_credentials(credentials)


@pytest.mark.slow
def test_pyhandle_reads_and_writes(node: Process) -> None:
    client = pyhandle(node)
    name = f"{PREFIX}/pyhandle"
    assert client.register_handle(name, "https://id.example.cn/1") == name
    with pytest.raises(HandleAlreadyExistsException):
        client.register_handle(name, "https://id.example.cn/2")
    client.modify_handle_value(name, URL="https://id.example.cn/3", MODEL="NC250")
    assert client.get_value_from_handle(name, "URL") == "https://id.example.cn/3"
    assert client.retrieve_handle_record(name)["MODEL"] == "NC250"
    client.delete_handle_value(name, "MODEL")
    assert "MODEL" not in client.retrieve_handle_record(name)
    client.delete_handle(name)
    assert client.retrieve_handle_record_json(name) is None


@pytest.mark.slow
def test_pyhandle_with_a_wrong_secret_changes_nothing(node: Process) -> None:
    with pytest.raises(HandleAuthenticationError):
        pyhandle(node, "guess").register_handle(f"{PREFIX}/evil", "https://evil.example")
    assert answered(node, "GET", f"/api/handles/{PREFIX}/evil")[0] == 404


def test_the_short_way_answers_as_the_long_one(node: Process) -> None:
    short = answered(node, "GET", f"/api/handles/{PREFIX}/P7")
    long = answered(node, "GET", f"/api/handles/{PREFIX}/P7?index=1&index=100")
    assert short == long == (200, short[1])
    assert [v["index"] for v in short[1]["values"]] == [1, 100]


def test_restricted_values_need_their_owner(node: Process) -> None:
    status, told = answered(node, "GET", f"/api/handles/{PREFIX}/P7", None, **MINE)
    assert (status, [v["index"] for v in told["values"]]) == (200, [1, 100, 2])
    assert answered(node, "GET", f"/api/handles/{PREFIX}/P7?type=COST") == (
        200, {"responseCode": 200, "handle": f"{PREFIX}/P7"},
    )  # fmt: skip
    wrong = base64.b64encode(b"300%3A88.100.1/admin:guess").decode()
    assert (
        answered(node, "GET", f"/api/handles/{PREFIX}/P7", None, Authorization=f"Basic {wrong}")[0]
        == 401
    )


def test_parts_are_put_together_or_not_at_all(node: Process) -> None:
    path = f"/api/handles/{PREFIX}/parts"
    url = {"index": 1, "type": "URL", "data": "x://1"}
    assert answered(node, "PUT", path, {"values": [url, ADMIN]}, **MINE)[0] == 201
    model = {"index": 5, "type": "MODEL", "data": "NC"}
    changed = {"values": [url | {"data": "x://2"}, model]}
    assert (
        answered(node, "PUT", f"{path}?index=various&overwrite=false", changed, **MINE)[1][
            "responseCode"
        ]
        == 201
    )
    assert answered(node, "GET", f"{path}?index=5")[1]["responseCode"] == 200
    assert answered(node, "PUT", f"{path}?index=1&index=5", changed, **MINE) == (
        200, {"responseCode": 1, "handle": f"{PREFIX}/parts"},
    )  # fmt: skip
    told = answered(node, "GET", path)[1]["values"]
    assert {v["index"]: v["data"]["value"] for v in told if v["index"] != 100} == {
        1: "x://2",
        5: "NC",
    }
    assert answered(node, "DELETE", f"{path}?index=5", None, **MINE)[0] == 200
    assert answered(node, "DELETE", path)[0] == 401
    assert answered(node, "DELETE", path, None, **MINE)[0] == 200
    assert answered(node, "GET", path)[0] == 404


def test_handles_are_listed_for_the_prefix_owner(node: Process) -> None:
    assert answered(node, "GET", f"/api/handles?prefix={PREFIX}") == (
        401, {"responseCode": 402, "handle": PREFIX,
              "message": "list 88.100.1: prove who you are first"},
    )  # fmt: skip
    status, told = answered(
        node, "GET", f"/api/handles?prefix={PREFIX}&page=0&pageSize=2", None, **MINE
    )
    assert (status, told["handles"]) == (200, [f"{PREFIX}/ADMIN", f"{PREFIX}/P7"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", f"/api/handles/{PREFIX}/bad", {"values": [{"index": 1}]}, 400),
        ("PUT", f"/api/handles/{PREFIX}/bad", [], 400),
        ("PUT", "/api/handles/10.9/else", {"values": [{"index": 1, "type": "A", "data": ""}]}, 400),
        ("GET", f"/api/handles/{PREFIX}/P7?index=x", None, 400),
        ("GET", "/api/handles/10.9/else", None, 400),
        ("POST", f"/api/handles/{PREFIX}/P7", None, 405),
        ("GET", "/api/handles/%ff%fe/x", None, 400),
    ],
)
def test_odd_requests_are_told_what_is_wrong(
    node: Process, method: str, path: str, body: Any, status: int
) -> None:
    assert answered(node, method, path, body, **MINE)[0] == status


def test_requests_behind_each_other_on_one_link(node: Process) -> None:
    one = f"GET /api/handles/{PREFIX}/P7 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    two = f"GET /api/handles/{PREFIX}/P7?type=URL HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    last = f"GET /api/handles/{PREFIX}/P7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", node.ports["http"]), 20) as link:
        link.sendall(one + two + one + last)
        got = b""
        while part := link.recv(65_536):
            got += part
    assert got.count(b"HTTP/1.1 200 OK") == 4
    assert got.count(b'"index":100') == 3


def in_one_go(node: Process, *paths: str, end: str = "") -> list[tuple[int, int]]:
    """Return status and number of values of each answer to requests sent at once."""
    texts = [f"GET /api/handles/{PREFIX}/{p} HTTP/1.1\r\nHost: x\r\n\r\n" for p in paths]
    with socket.create_connection(("127.0.0.1", node.ports["http"]), 20) as link:
        link.sendall("".join((*texts, end)).encode())
        told = b"".join(iter(lambda: link.recv(65_536), b""))
    answers = [a.partition(b"\r\n\r\n") for a in told.split(b"HTTP/1.1 ")[1:]]
    return [(int(head[:3]), body.count(b'"ttl"')) for head, _, body in answers]


def test_requests_in_one_go_are_answered_in_their_order(node: Process) -> None:
    last = f"GET /api/handles/{PREFIX}/P7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    told = in_one_go(node, "P7", "P7", "P7?index=1", "P7", "none", "P7", end=last)
    assert told == [(200, 2), (200, 2), (200, 1), (200, 2), (404, 0), (200, 2), (200, 2)]


def test_what_stands_before_nonsense_is_answered(node: Process) -> None:
    assert in_one_go(node, "P7", "P7", end="no HTTP\r\n\r\n") == [(200, 2), (200, 2), (400, 0)]
