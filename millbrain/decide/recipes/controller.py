"""Controllers over a plain line protocol, as the simulator speaks it: one JSON object a line.

::

    {"do": "read", "station": "LATHE1"}
    {"do": "write", "id", "number", "station", "settings": [{"name", "value", "unit"}], ...}
    {"id", "number", "settings": [...]}          what the station holds, in answer to both
    {"error": "..."}

No machine speaks this: it is for the simulated ones. Machines behind connections are written to
through the engine, behind the same interface (`core.scans.commands.Controller`).
"""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from millbrain.core.limits import CONTROLLER_LINE_BYTES_MAX, CONTROLLER_WAIT_S_MAX
from millbrain.core.scans.commands import Command, ControllerError, Held, Setting

_LINKS_MAX: Final = 64  # addresses that keep a connection


class LineController:
    """Controllers by the address of their stations; keeps one connection each. Thread safe.

    address_of: returns host:port of a station's controller, '' where it has none.
    """

    def __init__(
        self, address_of: Callable[[str], str], wait_s: float = CONTROLLER_WAIT_S_MAX
    ) -> None:
        self._address_of = address_of
        self._wait_s = wait_s
        self._links: dict[str, _Link] = {}
        self._lock = threading.Lock()

    def read(self, station: str) -> Held:
        """Return what a station holds."""
        return _held(self._asked(station, {"do": "read", "station": station}))

    def write(self, command: Command) -> None:
        """Hand a command to its station, whole."""
        self._asked(command.station, {"do": "write", **command.as_json()})

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            links, self._links = list(self._links.values()), {}
        for link in links:
            link.close()

    def _asked(self, station: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        address = self._address_of(station)
        if not address:
            raise ControllerError(f"station {station} has no address of a controller")
        with self._lock:
            if address not in self._links and len(self._links) >= _LINKS_MAX:
                self._links.pop(next(iter(self._links))).close()
            link = self._links.setdefault(address, _Link(address, self._wait_s))
        answer = link.ask(question)
        if "error" in answer:
            raise ControllerError(f"controller of {station} refused: {answer['error']}")
        return answer


class _Link:
    """One connection; questions of several threads go one behind the other."""

    def __init__(self, address: str, wait_s: float) -> None:
        self._address, self._wait_s = address, wait_s
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._rest = b""

    def ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a question and return its answer; a broken connection is opened anew next time."""
        with self._lock:
            try:
                if self._socket is None:
                    self._socket = self._opened()
                self._socket.sendall(json.dumps(question).encode() + b"\n")
                answer = json.loads(self._line(self._socket))
            except (OSError, ValueError) as error:
                self._drop()
                raise ControllerError(f"controller at {self._address}: {error}") from error
            if not isinstance(answer, dict):
                self._drop()
                raise ControllerError(f"controller at {self._address}: no object was answered")
            return answer

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _opened(self) -> socket.socket:
        host, _, port = self._address.rpartition(":")
        if not port.isdecimal():
            raise ValueError(f"{self._address!r}: host:port was expected")
        opened = socket.create_connection((host, int(port)), self._wait_s)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        return opened

    def _line(self, link: socket.socket) -> bytes:
        while b"\n" not in self._rest:
            if len(self._rest) > CONTROLLER_LINE_BYTES_MAX:
                raise ValueError(f"an answer has more than {CONTROLLER_LINE_BYTES_MAX} bytes")
            part = link.recv(65_536)
            if not part:
                raise OSError("the connection ended before the answer")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._rest = None, b""


def _held(answer: Mapping[str, Any]) -> Held:
    try:
        settings = tuple(Setting(str(s["name"]), s["value"], str(s["unit"]))
                         for s in answer["settings"])  # fmt: skip
        return Held(str(answer["id"]), int(answer["number"]), settings)
    except (KeyError, TypeError, ValueError) as error:
        raise ControllerError(
            f"an answer without {error}; id, number, settings expected"
        ) from error
