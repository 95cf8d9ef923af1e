"""Requests to a resolver process of a test, as any HTTP client makes them."""

import base64
import json
from typing import Any

import urllib3

from tests.engines import Process
from tests.identify.resolver import OWNER, PREFIX, SECRET

HTTP = urllib3.PoolManager(retries=False)


def proof(user: str = OWNER, secret: str = SECRET) -> dict[str, str]:
    """Return the header that proves who asks."""
    basic = base64.b64encode(f"{user.replace(':', '%3A')}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {basic}"}


def ask(
    node: Process, path: str, method: str = "GET", body: Any = None, **headers: str
) -> urllib3.BaseHTTPResponse:
    """Send a request; names of headers are given with _ for -."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    url = f"http://127.0.0.1:{node.ports['http']}{path}"
    return HTTP.request(method, url, body=raw, headers=sent, redirect=False, timeout=20)


def answered(
    node: Process, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Any]:
    """Send a request; return the status and what the answer says as JSON, None where nothing."""
    answer = ask(node, path, method, body, **headers)
    return answer.status, json.loads(answer.data) if answer.data else None


def put(node: Process, name: str, *values: dict[str, Any]) -> str:
    """Create a record of our prefix; return its handle."""
    handle = f"{PREFIX}/{name}"
    answer = ask(node, f"/api/handles/{handle}", "PUT", {"values": values}, **proof())
    assert answer.status in (200, 201), answer.data
    return handle
