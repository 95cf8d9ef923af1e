"""What the benchmarks of identifiers share: a resolver on one core, and what it costs."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
_TICK_HZ: Final = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def resolver(folder: Path) -> Iterator[tuple[int, dict[str, int]]]:
    """Run a resolver on free ports; give its process id and its ports."""
    command = [sys.executable, "-m", "millbrain.run.cli", "resolver", "--data", str(folder),
               "--port", "0", "--http-port", "0"]  # fmt: skip
    with running(command) as child:
        told = folder / "run" / "resolver.json"
        while not told.exists() or json.loads(told.read_text("utf-8"))["pid"] != child.pid:
            if child.poll() is not None:
                raise RuntimeError(f"the resolver ended with {child.returncode}; see its output")
            time.sleep(0.05)
        yield child.pid, json.loads(told.read_text("utf-8"))["ports"]


@contextlib.contextmanager
def running(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server on the first core until the block ends."""
    child = subprocess.Popen(command, preexec_fn=on_core(0), stdout=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.terminate()
        child.wait(30)


def on_core(number: int) -> Callable[[], None]:
    """Return what keeps a child on one of the cores that this process may use."""
    cores = sorted(os.sched_getaffinity(0))
    chosen = {cores[number % len(cores)]}
    return lambda: os.sched_setaffinity(0, chosen)


def millbrain(*words: str) -> None:
    """Run a command of the platform to its end."""
    subprocess.run([sys.executable, "-m", "millbrain.run.cli", *words], check=True)


def cpu_s(pid: int) -> float:
    """Return user and system time of a process so far [s]."""
    numbers = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / _TICK_HZ
