"""A centre (real engine with its http room), a broker and an edge process, for tests."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millbrain.core.plant.tags import Connection
from millbrain.record.ledger import Ledger
from millbrain.run import run_files
from millbrain.run.tags.secrets import SecretFiles
from tests.brokers import free_port
from tests.engines import Process

TOKEN = "edge-test"
KEY = "works"


def centre(data: Path, port: int) -> Process:
    """Prepare an engine whose http room listens on `port`; start it with `.start()`."""
    data.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    ledger.migrate()
    ledger.tags.put_connection(Connection(KEY, "http", endpoint=f"/push/{KEY}"))
    ledger.close()
    SecretFiles(data).put(KEY, "token", TOKEN)
    return Process("engine", data, ("--no-auth-peers", "--port", "0"),
                   {"MILLBRAIN_HTTP__PORT": str(port)})  # fmt: skip


@dataclass
class EdgeProcess:
    """`millbrain edge` on a settings file."""

    folder: Path
    port: int
    more: str = ""
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "EdgeProcess":
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "edge.toml"
        config.write_text(
            f'name = "e1"\ndata = "data"\n[centre]\nurl = "http://127.0.0.1:{self.port}/push/{KEY}"\n'
            f'token = "{TOKEN}"\n[status]\nport = 0\n{self.more}', "utf-8"
        )  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "millbrain.run.cli", "edge", "--config", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=dict(os.environ),
        )  # fmt: skip
        assert wait_until(lambda: self.ports or self.process.poll() is not None, 60)  # type: ignore[union-attr]  # started above
        assert self.process.poll() is None, f"the edge ended with {self.process.returncode}"
        return self

    @property
    def ports(self) -> dict[str, int]:
        found = run_files.read(self.folder / "data" / "run" / "edge.json")
        if not found or not self.process or found["pid"] != self.process.pid:
            return {}
        ports: dict[str, int] = found["ports"]
        return ports

    def status(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.ports['status']}/status"
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(60)


def wait_until(what: Callable[[], Any], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def port() -> int:
    return free_port()
