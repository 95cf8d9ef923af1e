"""A simulated controller of several stations, which also misbehaves: a real process on a socket.

    python -m millbrain.decide.recipes.simulator [--port N] [--fault NAME]

It keeps what it was told, answers what it holds, and refuses a command that is older than that, or
one of the same id with other values. It remembers nothing when it ends. Faults, each of the next
write only (or of every one, with ``always-`` before its name): ``lost`` takes the write and closes
the link without an answer, ``deaf`` closes it without taking it, ``wrong`` keeps another value than
it was told, ``slow`` answers after three seconds.
"""

import argparse
import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

FAULTS: Final = ("lost", "deaf", "wrong", "slow")
_SLOW_S: Final = 3.0
_LOOK_S: Final = 0.02  # between two looks at whether to end
_NOTHING: Final[Mapping[str, Any]] = {"id": "", "number": 0, "settings": []}


class Simulator(socketserver.ThreadingTCPServer):
    """Listens and keeps; `held` and `writes` are for tests to look at.

    writes: every write that was taken, in order.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), _Link)
        self.held: dict[str, dict[str, Any]] = {}
        self.writes: list[dict[str, Any]] = []
        self.fault = ""
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        """host:port, as bound."""
        host, port = self.server_address[:2]
        return f"{host!s}:{port}"

    def start(self) -> "Simulator":
        """Serve in a thread of its own; return itself."""
        threading.Thread(target=self.serve_forever, args=(_LOOK_S,), daemon=True).start()
        return self

    def stop(self) -> None:
        """End."""
        self.shutdown()
        self.server_close()

    def taken_fault(self) -> str:
        """Return the fault that this write has."""
        with self.lock:
            fault = self.fault
            if not fault.startswith("always-"):
                self.fault = ""
        return fault.removeprefix("always-")

    def take(self, order: dict[str, Any], fault: str) -> Mapping[str, Any]:
        """Keep an order unless it is older than what is held; return the answer."""
        with self.lock:
            held = self.held.get(order["station"], _NOTHING)
            is_other = held["id"] == order["id"] and held.get("told") != order["settings"]
            if order["number"] < held["number"] or is_other:
                return {"error": f"command {order['number']}: {held['number']} is held"}
            kept = [dict(s) for s in order["settings"]]
            if fault == "wrong" and kept:
                kept[0]["value"] = 0
            now = {"id": order["id"], "number": order["number"], "settings": kept,
                   "told": order["settings"]}  # fmt: skip
            self.held[order["station"]] = now
            self.writes.append(now | {"station": order["station"]})
            return _said(now)


class _Link(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Simulator)
        with contextlib.suppress(OSError):  # who asked has gone
            for line in self.rfile:
                answer = self._answer(self.server, line)
                if answer is None:
                    return
                self.wfile.write(json.dumps(answer).encode() + b"\n")
                self.wfile.flush()

    def _answer(self, controller: Simulator, line: bytes) -> Mapping[str, Any] | None:
        try:
            order = json.loads(line)
            if order["do"] == "read":
                return _said(controller.held.get(order["station"], _NOTHING))
            fault = controller.taken_fault()
            if fault == "deaf":
                return None
            answer = controller.take(order, fault)
        except (ValueError, KeyError, TypeError) as error:
            return {"error": f"not understood: {error!r}"}
        if fault == "slow":
            time.sleep(_SLOW_S)
        return None if fault == "lost" else answer


def _said(held: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: held[name] for name in ("id", "number", "settings")}


def main(port: int, fault: str = "") -> None:
    """Listen until interrupted."""
    controller = Simulator(port=port)
    controller.fault = fault
    print(f"simulated controller ready: {controller.address}", flush=True)
    controller.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fault", default="")
    given = parser.parse_args()
    main(given.port, given.fault)
