"""Real processes for tests: an engine (and a web process) on a throw-away folder and free ports."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from millbrain.run import run_files

READY_S_MAX = 90
_HTTP = urllib3.PoolManager(maxsize=8, retries=False)


@dataclass
class Process:
    """One `millbrain` process that a test started, found by its run file."""

    name: str
    data: Path
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    ready_s: float = 0.0

    def start(self) -> "Process":
        """Start it and wait until it is ready; `ready_s` says how long that took."""
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "millbrain.run.cli", self.name, "--data", str(self.data),
             *self.options],
            env={**os.environ, "MILLBRAIN_CLICKHOUSE__PORT": "0", "MILLBRAIN_HTTP__PORT": "0",
                 **self.environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        while not self.ports:
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}")
            assert time.monotonic() - began < READY_S_MAX, f"{self.name} was not ready in time"
            time.sleep(0.01)
        self.ready_s = time.monotonic() - began
        return self

    @property
    def ports(self) -> dict[str, int]:
        """The ports it took, empty until it is ready."""
        found = run_files.read(self.data / "run" / f"{self.name}.json")
        if not found or not self.process or found["pid"] != self.process.pid:
            return {}
        ports: dict[str, int] = found["ports"]
        return ports

    def kill(self) -> None:
        """Kill it at once, as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def sql(self, query: str) -> list[list[str]]:
        """Run a SELECT over the ClickHouse port and return the rows as text."""
        answer = _HTTP.request(
            "POST",
            f"http://127.0.0.1:{self.ports['clickhouse']}/?database=millbrain",
            body=f"{query} FORMAT TSV",
            timeout=60,
        )
        text = answer.data.decode()
        assert answer.status == 200, text
        return [line.split("\t") for line in text.splitlines()]

    def number(self, query: str) -> int:
        """Run a SELECT that returns one whole number."""
        return int(self.sql(query)[0][0])

    def memory_bytes_max(self) -> int:
        """The most memory it ever held."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024


@contextlib.contextmanager
def engine(data: Path, *options: str, **environment: str) -> Iterator[Process]:
    """Run an engine that accepts any platform login on free ports."""
    running = Process("engine", data, ("--no-auth-peers", "--port", "0", *options), environment)
    running.start()
    try:
        yield running
    finally:
        if running.process and running.process.poll() is None:
            running.stop()


@contextlib.contextmanager
def web(data: Path, **environment: str) -> Iterator[Process]:
    """Run the web process of an engine's data folder on a free port."""
    running = Process("web", data, ("--port", "0"), environment).start()
    try:
        yield running
    finally:
        if running.process and running.process.poll() is None:
            running.stop()


def get_json(url: str, account: str = "", **headers: str) -> Any:
    """GET a JSON document, with HTTP Basic where an account ``name:password`` is given."""
    basic = urllib3.make_headers(basic_auth=account) if account else {}
    answer = _HTTP.request("GET", url, headers={**basic, **headers}, timeout=30)
    assert answer.status == 200, answer.data[:500]
    return answer.json()
