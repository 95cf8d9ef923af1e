"""What the benchmarks share: an engine of its own in a folder of its own, and how to watch it."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

START_S_MAX: Final = 240  # a first start compiles the kernels
STOP_S_MAX: Final = 60
_TICK_HZ: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a benchmark: name, value, unit, and the value as a share of its goal."""

    name: str
    value: float
    unit: str
    goal: float = 0.0

    def line(self) -> str:
        """Return ``name value unit ratio``; the ratio is 0 where there is no goal."""
        ratio = self.value / self.goal if self.goal else 0.0
        return f"{self.name} {self.value:.6g} {self.unit} {ratio:.3g}"


def show(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print the figures, the most important one last."""
    if as_json:
        rows = {f.name: {"value": f.value, "unit": f.unit, "goal": f.goal} for f in figures}
        print(json.dumps(rows, indent=2))
    else:
        print("\n".join(f.line() for f in figures))


@dataclass(slots=True)
class Process:
    """A running process of the platform: what it costs, and how to ask the engine."""

    child: subprocess.Popen[bytes]
    ports: Mapping[str, int]
    data: Path

    def cpu_s(self) -> float:
        """Return user and system time so far [s]."""
        return sum(self.cpu_s_by_thread().values())

    def cpu_s_by_thread(self) -> Counter[str]:
        """Return CPU time so far [s] by the name of the thread; ended threads are left out."""
        spent: Counter[str] = Counter()
        for task in Path(f"/proc/{self.child.pid}/task").iterdir():
            try:
                head, _, rest = (task / "stat").read_text("ascii", "replace").rpartition(")")
            except OSError:
                continue
            numbers = rest.split()
            name = head.partition("(")[2]
            spent[name] += (int(numbers[11]) + int(numbers[12])) / _TICK_HZ
        return spent

    def memory_mib(self) -> float:
        """Return the largest memory so far [MiB] (VmHWM)."""
        text = Path(f"/proc/{self.child.pid}/status").read_text("ascii")
        line = next(row for row in text.splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def query(self, sql: str) -> list[list[Any]]:
        """Ask the engine over ClickHouse HTTP and return the rows."""
        ask = urllib.parse.urlencode({"query": f"{sql} FORMAT JSONCompact"})
        url = f"http://127.0.0.1:{self.ports['clickhouse']}/?database=millbrain&{ask}"
        with urllib.request.urlopen(url, timeout=120) as answer:
            rows: list[list[Any]] = json.load(answer)["data"]
        return rows


@contextmanager
def engine() -> Iterator[Process]:
    """Run an engine without peer accounts on free ports until the block ends."""
    with tempfile.TemporaryDirectory(prefix="millbrain-bench-") as folder:
        data = Path(folder)
        options = ["--port", "0", "--clickhouse-port", "0", "--no-auth-peers"]
        with process("engine", data, options) as started:
            yield started


@contextmanager
def process(name: str, data: Path, options: Sequence[str]) -> Iterator[Process]:
    """Run ``millbrain <name>`` on a data folder, wait until it is ready, stop it in the end."""
    command = [str(Path(sys.executable).with_name("millbrain")), name, "--data", str(data)]
    with (data / f"{name}.out").open("wb") as out:
        child = subprocess.Popen(
            [*command, *options], stdout=out, stderr=subprocess.STDOUT,
            env={**os.environ, "MILLBRAIN_HTTP__PORT": "0"},
        )  # fmt: skip
    try:
        yield Process(child, _ports(child, data, name), data)
    finally:
        child.terminate()
        try:
            child.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _ports(child: subprocess.Popen[bytes], data: Path, name: str) -> Mapping[str, int]:
    path = data / "run" / f"{name}.json"
    until_s = time.monotonic() + START_S_MAX
    while not path.is_file():
        if child.poll() is not None or time.monotonic() > until_s:
            said = (data / f"{name}.out").read_text("utf-8", "replace")[-2000:]
            raise RuntimeError(f"millbrain {name} did not start within {START_S_MAX} s: {said}")
        time.sleep(0.1)
    ports: dict[str, int] = json.loads(path.read_text("utf-8"))["ports"]
    return ports
