"""A client of the dialect, as its documentation describes one."""

import hashlib
import time
from typing import Any

import orjson

from tests.engines import Process
from tests.identify.asking import ask
from tests.identify.resolver import OWNER, PREFIX, SECRET


def token(node: Process, user: str = OWNER, secret: str = SECRET) -> str:
    """Log in as the documentation says first: name and password."""
    told = sent(node, "POST", "/identity/token", {"username": user, "password": secret})
    assert (told["message"], told["status"]) == ("success", 1), told
    found: str = told["data"]["token"]
    return found


def dated_password(secret: str) -> str:
    """sha256(sha256(password) + yyyy-MM-dd), of the day in China."""
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 8 * 3600))
    inner = hashlib.sha256(secret.encode()).hexdigest()
    return hashlib.sha256(f"{inner}{day}".encode()).hexdigest()


def sent(
    node: Process, method: str, path: str, body: Any = None, token: str = "", **headers: str
) -> dict[str, Any]:
    """Send a request; the answer is always JSON with HTTP 200."""
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = ask(node, path, method, body, **headers)
    assert answer.status == 200, answer.data
    found: dict[str, Any] = orjson.loads(answer.data)
    return found


def template(version: str = "1.0", items: int = 2, **more: Any) -> dict[str, Any]:
    """A template as in the documentation's examples."""
    return {
        "prefix": PREFIX, "version": version, "industryCategory": "A", "industrySpecific": "01",
        "industryTrade": "011", "industrySubclass": "0111", "type": 1, "description": "测试模板",
        "items": [
            {"name": f"属性{n}", "idType": f"item{n}", "idIndex": str(2000 + n), "required": False,
             "metadata": {"type": "string", "minLength": 1, "maxLength": 255}}
            for n in range(items)
        ], **more,
    }  # fmt: skip


def row(name: str, *texts: str, version: str = "1.0") -> dict[str, Any]:
    """A row as in the documentation's examples: values from index 2000 on."""
    values = [
        {"data": {"format": "string", "value": text}, "auth": "", "index": 2000 + n,
         "type": f"item{n}"}
        for n, text in enumerate(texts)
    ]  # fmt: skip
    return {"handle": f"{PREFIX}/{name}", "templateVersion": version, "value": values}
