"""`ResolverClient`: what the web process asks the resolver, on behalf of the account that asks it.

Every request carries a voucher (`core.vouchers`) with the account, its role and its
organisation, so the resolver decides what the account may see and change; nothing is decided here.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import orjson
import urllib3

from millbrain.core import vouchers
from millbrain.core.errors import (
    IllegalStepError,
    LimitError,
    MillbrainError,
    NotFoundError,
    RefusedError,
)
from millbrain.core.limits import LABEL_PRINT_S_MAX
from millbrain.core.vouchers import Voucher
from millbrain.record.ledger import Role
from millbrain.show.access import Caller
from millbrain.show.errors import ResolverDownError

_CONNECT_S: Final = 1.0
_ANSWER_S: Final = 8.0  # a walk over other nodes ends before (`resolver.wait_s`)
_SLOW_S: Final = {"/labels/sheets": float(LABEL_PRINT_S_MAX)}  # answers that are work
_DESK, _HTTP = "desk", "http"
_REFUSALS: Final[Mapping[int, type[MillbrainError]]] = {
    401: RefusedError, 403: RefusedError, 404: NotFoundError, 409: IllegalStepError,
    503: LimitError,
}  # fmt: skip
Ports = Callable[[], Mapping[str, int] | None]
_OWN_HEADERS: Final = "millbrain-"


@dataclass(frozen=True, slots=True)
class FaceAnswer:
    """What a face answered. told: its headers that begin with Millbrain-."""

    content: bytes
    media: str
    told: Mapping[str, str]


class ResolverClient:
    """Asks the resolver over loopback. Thread safe.

    Parameters
    ----------
    ports
        Returns the ports of the running resolver by name, None where none runs.
    key
        The installation's internal key.
    """

    def __init__(self, ports: Ports, key: str) -> None:
        self._ports = ports
        self._key = key
        self._pool = urllib3.PoolManager(maxsize=16, retries=False)

    def status(self, caller: Caller) -> dict[str, Any]:
        """Return what the resolver says about itself; ResolverDownError where it is silent."""
        found: dict[str, Any] = self._desk(caller, "/desk/status")
        return found

    def resolve(self, caller: Caller, text: str) -> dict[str, Any]:
        """Return what an identifier leads to, as far as the caller may read it."""
        found: dict[str, Any] = self._desk(caller, "/desk/resolve", text=text)
        return found

    def record(self, caller: Caller, handle: str, at_ms: int | None) -> dict[str, Any]:
        """Return a record with its versions and audit lines; NotFoundError where there is none."""
        found: dict[str, Any] = self._desk(caller, "/desk/record", handle=handle, at_ms=at_ms)
        return found

    def node(self, caller: Caller) -> dict[str, Any]:
        """Return the node among the others."""
        found: dict[str, Any] = self._desk(caller, "/desk/node")
        return found

    def templates(self, caller: Caller) -> dict[str, Any]:
        """Return the templates of this node."""
        found: dict[str, Any] = self._desk(caller, "/desk/templates")
        return found

    def add_version(
        self, caller: Caller, handle: str, number: int, version: Mapping[str, Any]
    ) -> None:
        """Add a version of a template, the first one makes it; MillbrainError where refused."""
        body = {"handle": handle, "number": number, "version": dict(version)}
        self._ask(_DESK, caller, "POST", "/desk/templates", body, {})

    def face(
        self, caller: Caller, method: str, path: str, body: Any = None, **query: Any
    ) -> FaceAnswer:
        """Ask a route of any face on the caller's behalf.

        Raises
        ------
        NotFoundError, RefusedError, IllegalStepError, LimitError, MillbrainError
            As the face refused.
        ResolverDownError
            The resolver does not answer.
        """
        return self._ask(_HTTP, caller, method, path, body, query)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _desk(self, caller: Caller, path: str, **query: Any) -> Any:
        return orjson.loads(self._ask(_DESK, caller, "GET", path, None, query).content)

    def _ask(
        self, port: str, caller: Caller, method: str, path: str, body: Any,
        query: Mapping[str, Any],
    ) -> FaceAnswer:  # fmt: skip
        ports = self._ports()
        if not ports or port not in ports:
            raise ResolverDownError("the resolver of this installation is not running")
        asked = urlencode({k: v for k, v in query.items() if v not in (None, "")}, doseq=True)
        headers = {"Authorization": vouchers.write(_voucher(caller), self._key)}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer_s = _SLOW_S.get(path, _ANSWER_S)
        try:
            answer = self._pool.request(
                method, f"http://127.0.0.1:{ports[port]}{path}{'?' if asked else ''}{asked}",
                body=None if body is None else orjson.dumps(body), headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_S, read=answer_s), redirect=False,
            )  # fmt: skip
        except urllib3.exceptions.HTTPError as e:
            raise ResolverDownError(f"the resolver does not answer: {e}") from e
        if answer.status < 300:
            told = {n: v for n, v in answer.headers.items() if n.lower().startswith(_OWN_HEADERS)}
            return FaceAnswer(answer.data, answer.headers.get("content-type", ""), told)
        raise _refusal(answer.status, answer.data)


def _voucher(caller: Caller) -> Voucher:
    is_administrator = caller.role is Role.ADMIN and not caller.operator
    until_s = int(time.time()) + vouchers.LIFE_S
    return Voucher(caller.name, is_administrator, caller.operator, caller.address, until_s)


def _refusal(status: int, data: bytes) -> MillbrainError:
    try:
        text = str(orjson.loads(data)["error"])
    except (ValueError, KeyError, TypeError):
        text = f"the resolver answered {status}"
    return _REFUSALS.get(status, MillbrainError)(text)
