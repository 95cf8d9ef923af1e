"""Nodes that report to one another, as an operator sets them up."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from millbrain.identify.handle import fields as f
from millbrain.identify.handle.codec import Message
from tests.engines import Process
from tests.identify.asking import ask, proof
from tests.identify.handle.node import Client
from tests.identify.nodes.test_http_elsewhere import load
from tests.identify.resolver import OWNER, PREFIX, SECRET

OPTIONS = ("--port", "0", "--http-port", "0")
KEY = "a reporting key of tests"
BASE = "/api/v1/node"


def process(folder: Path, **settings: str) -> Process:
    """A node whose administrator is the owner of the tests' prefix."""
    named = {"MILLBRAIN_RESOLVER__ADMINISTRATORS": json.dumps([OWNER]),
             "MILLBRAIN_RESOLVER__REPORT_S": "0.2"}  # fmt: skip
    more = {f"MILLBRAIN_RESOLVER__{name.upper()}": value for name, value in settings.items()}
    return Process("resolver", folder, OPTIONS, named | more)


def above(folder: Path, prefix: str, **settings: str) -> Process:
    """Start a node that takes reports of `prefix`, which it has given to somebody."""
    admin = {"index": 300, "type": "HS_SECKEY", "data": SECRET, "permissions": "1100"}
    load(folder, {"handle": OWNER.partition(":")[2], "values": [admin]})
    node = process(folder, **settings).start()
    told = {"prefix": prefix, "organisation": "Works", "contact": ""}
    assert call(node, "POST", "/applications", told)[0] == 200
    assert call(node, "PUT", f"/reports/{prefix}/key", {"key": KEY})[0] == 200
    return node


def reporting_to(address: str, prefix: str = PREFIX) -> dict[str, str]:
    """The settings of a node that reports there."""
    return {"report_to": address, "report_prefix": prefix, "report_key": KEY}


def call(node: Process, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Ask the console as the administrator."""
    answer = ask(node, BASE + path, method, body, **proof())
    return answer.status, orjson.loads(answer.data)


def sums(node: Process, /, **asked: str) -> dict[tuple[str, str], int]:
    """Counts by node and kind, over all days; prefixes are told by `prefix`."""
    query = "&".join(f"{k}={v}" for k, v in {"by": "node,kind", **asked}.items())
    status, told = call(node, "GET", f"/statistics?{query}")
    assert status == 200, told
    return {(row["node"], row["kind"]): row["count"] for row in told["rows"]}


def resolve(node: Process, handle: str, times: int = 1) -> list[int]:
    """Resolve over UDP; the codes of the answers."""
    client = Client(node.ports["handle"], "udp")
    body = {"handle": handle, "indexes": (), "types": ()}
    try:
        return [client.ask(Message(f.RESOLVE, body, flags=f.PUBLIC_ONLY)).code
                for _ in range(times)]  # fmt: skip
    finally:
        client.close()


def until(wanted: Any, look: Callable[[], Any], longest_s: float = 30) -> None:
    """Wait until `look` returns what is wanted."""
    over_s = time.monotonic() + longest_s
    while (found := look()) != wanted:
        assert time.monotonic() < over_s, f"{found} is not {wanted}"
        time.sleep(0.1)
