"""`EngineClient`: what the web process asks the engine besides the warehouse."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import urllib3

from millbrain.core import limits
from millbrain.core.errors import FrameError, LimitError, LinkError, NotFoundError

_TIMEOUT_S: Final = 3.0
_BROWSE_S_MAX: Final = 28.0  # a page waits for 30 s
_BACKUP_S_MAX: Final = 6 * 3600.0
_KEY_HEADER: Final = "X-Millbrain-Key"


class EngineClient:
    """Asks the engine's internal routes over loopback. Thread safe.

    Parameters
    ----------
    url
        Root of the engine's HTTP port, ``http://host:port``; a path or an account in it is ignored.
    key
        The installation's internal key.
    """

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._root = f"{parts.scheme}://{parts.hostname}:{parts.port}"
        self._pool = urllib3.PoolManager(maxsize=16, retries=False, headers={_KEY_HEADER: key})

    def status(self) -> dict[str, Any]:
        """Return what the engine says about itself; ConnectionError where it does not answer."""
        answer: dict[str, Any] = self._ask("GET", "/engine/status", _TIMEOUT_S)
        return answer

    def links(self) -> list[dict[str, Any]]:
        """Return its open links; ConnectionError where it does not answer."""
        answer: list[dict[str, Any]] = self._ask("GET", "/engine/links", _TIMEOUT_S)
        return answer

    def command(
        self, room: str, thing: str, order: Mapping[str, Any],
        wait_s: float = limits.ANSWER_WAIT_S_MAX + 2 * _TIMEOUT_S,
    ) -> dict[str, Any]:  # fmt: skip
        """Send an order to a thing and wait for its answer, so long [s].

        Raises
        ------
        NotFoundError
            The thing has no open link.
        LimitError
            It did not answer within `limits.ANSWER_WAIT_S_MAX`.
        FrameError
            The order cannot be written as a frame.
        ConnectionError
            The engine does not answer.
        """
        body = {"room": room, "thing": thing, "order": dict(order)}
        answer: dict[str, Any] = self._ask("POST", "/engine/command", wait_s, body)
        return answer

    def connections(self) -> list[dict[str, Any]]:
        """Return how every connection stands (`core.plant.tags.ConnectionState`, `rate_hz`)."""
        answer: list[dict[str, Any]] = self._ask("GET", "/engine/connections", _TIMEOUT_S)
        return answer

    def browse(
        self, connection: str, node: str = "", path: Sequence[str] = (), depth: int = 1
    ) -> dict[str, Any]:
        """Return what lies under a node: ``nodes`` with their ``path``, and whether it is ``all``.

        Raises
        ------
        NotFoundError
            There is no such connection or node.
        LinkError
            The counterpart cannot be reached; the sentence says why.
        ConnectionError
            The engine does not answer.
        """
        body = {"connection": connection, "node": node, "path": list(path), "depth": depth}
        answer: dict[str, Any] = self._ask("POST", "/engine/browse", _BROWSE_S_MAX, body)
        return answer

    def back_up(self, folder: str) -> str:
        """Let the engine write a backup under `folder`; return the dated folder it made."""
        answer: str = self._ask("POST", "/engine/backup", _BACKUP_S_MAX, {"folder": folder})
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _ask(self, method: str, path: str, wait_s: float, body: Any = None) -> Any:
        timeout = urllib3.Timeout(connect=_TIMEOUT_S, read=wait_s)
        content = None if body is None else orjson.dumps(body)
        try:
            answer = self._pool.request(method, self._root + path, body=content, timeout=timeout)
        except urllib3.exceptions.HTTPError as e:
            raise ConnectionError(f"the engine at {self._root} does not answer: {e}") from e
        if answer.status == 200:
            return orjson.loads(answer.data)
        raise _refusal(answer.status, answer.data)


def _refusal(status: int, data: bytes) -> Exception:
    try:
        text = str(orjson.loads(data)["error"])
    except (ValueError, KeyError, TypeError):
        text = f"the engine answered {status}"
    if status == 404:
        return NotFoundError(text)
    if status == 502:
        return LinkError(text)
    if status in (408, 504):
        return LimitError(text)
    if status in (400, 422):
        return FrameError("structure", text)
    return ConnectionError(text)
