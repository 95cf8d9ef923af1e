"""Server of machines or engine killed at random: what was acknowledged is stored, and once.

The press counts, each count at an instant of its own, so what is stored is held against what was
told, value by value. Accepted is what the engine has acknowledged to the server: from then on the
server forgets it. Whatever the kill, the counts of one life of both are stored without a hole
between the first and the last; where the server keeps a history, all that it ever told is.
"""

import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from asyncua.server.internal_subscription import InternalSubscription

from millbrain.connect.opcua.simulator import Simulator, free_port
from millbrain.record.ledger import Ledger
from tests.connect.opcua.plants import press, tag
from tests.engines import Process
from tests.faults import lengths
from tests.faults.counting_press import SIGNAL, acknowledging, count_to
from tests.faults.judging import Watch, quiet, values_of, verdict, wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(lengths.LIFE_S)]
A_LIFE = 100_000  # counts: each life of a server begins with the next hundred thousand
START_MS = int(time.time() * 1000) - 8 * 3_600_000


def engine(data: Path, endpoint: str, *, history: bool) -> Process:
    """Prepare an engine that watches the count of a press."""
    data.mkdir(exist_ok=True)
    ledger = Ledger(f"sqlite:///{data / 'ledger.sqlite'}")
    ledger.migrate()
    ledger.tags.put_connection(press(endpoint, history=history))
    ledger.tags.put_tags([tag(SIGNAL)])
    ledger.close()
    return Process("engine", data, ("--no-auth-peers", "--port", "0"))


def counts(running: Process) -> list[int]:
    """Return the counts that are stored, in order; one that is stored twice comes twice."""
    return [int(value) for _, value in values_of(running, "P1", SIGNAL) if value]


def judge(running: Process, told: Mapping[int, int], accepted: set[int], watch: Watch) -> None:
    """Whatever was accepted is stored at its instant, once, and nothing that was never told.

    told: instant [ms] of each count. accepted: counts.
    """
    quiet(running)
    stored = [(at, value) for at, value in values_of(running, "P1", SIGNAL) if value]
    found = verdict(
        stored,
        {at: float(n) for n, at in told.items()},
        frozenset(told[n] for n in accepted),
    )
    print(watch.line(found, running))
    assert found.accepted > 0
    assert found.good, found


def is_whole(numbers: list[int]) -> bool:
    """Whether there is no hole between the first and the last."""
    return not numbers or numbers[-1] - numbers[0] + 1 == len(set(numbers))


class Server:
    """The counting press as a process, killed without a word."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.endpoint = f"opc.tcp://127.0.0.1:{self.port}/press"
        self.lives = 0
        self._noted = folder / "acknowledged"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.lives += 1
        command = [sys.executable, "-m", "tests.faults.counting_press", "--port", str(self.port),
                   "--first", str(self.lives * A_LIFE), "--start-ms", str(START_MS),
                   "--acknowledged", str(self._noted)]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def acknowledged(self) -> set[int]:
        return {int(line) for line in self._noted.read_bytes().split(b"\n")[:-1]}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    served = Server(tmp_path)
    yield served
    served.kill()


def test_a_server_killed_at_random_moments(server: Server, tmp_path: Path) -> None:
    chance, watch = random.Random(20), Watch()
    running = engine(tmp_path / "data", server.endpoint, history=False).start()
    try:
        for _ in range(lengths.OPCUA_SERVER):
            server.start()
            begun = server.lives * A_LIFE
            assert wait_until(lambda n=begun: max(counts(running), default=0) > n + 20, 90)
            time.sleep(chance.uniform(0, 0.4))
            server.kill()
            watch.kills["server"] += 1
        quiet(running)
        stored = counts(running)
        for life in range(1, server.lives + 1):
            mine = [n for n in stored if n // A_LIFE == life]
            assert len(mine) > 20
            assert is_whole(mine), f"life {life}"
        begun = [life * A_LIFE for life in range(1, server.lives + 1)]
        told = {n: START_MS + n for first in begun for n in range(first, first + A_LIFE)}
        judge(running, told, server.acknowledged(), watch)
    finally:
        running.stop()


@pytest.mark.parametrize("history", [False, True])
def test_an_engine_killed_while_values_come(
    history: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine missed comes from the server's history, where it keeps one."""
    accepted = set[int]()
    monkeypatch.setattr(InternalSubscription, "publish", acknowledging(accepted.add))
    machine = Simulator(history=[SIGNAL] if history else []).start()
    running = engine(tmp_path / "data", machine.endpoint, history=history)
    chance, watch, count = random.Random(4), Watch(), 0
    lives: list[range] = []
    told: dict[int, int] = {}

    def count_on(pause_s: float) -> None:
        nonlocal count
        count += 1
        told[count] = max(time.time_ns() // 1_000_000, told.get(count - 1, 0) + 1)
        count_to(machine, count, told[count])
        time.sleep(pause_s)

    try:
        for turn in range(lengths.ENGINE_OF_OPCUA + 1):
            began = count + 1
            running.start()
            end = time.monotonic() + 60
            while max(counts(running), default=0) < began:
                assert time.monotonic() < end, "the engine did not come back to the server"
                count_on(0.02)
            for _ in range(chance.randint(20, 150)):
                count_on(0.005)
            if turn < lengths.ENGINE_OF_OPCUA:
                running.kill()
                watch.kills["engine"] += 1
            lives.append(range(began, count + 1))
        if history:
            wait_until(lambda: told.keys() <= set(counts(running)), 60)
            accepted.update(told)
        assert wait_until(lambda: count in counts(running)), "the last value is missing"
        judge(running, told, accepted, watch)
        stored = counts(running)
        for life in lives:
            # Its last count is what the next life meets at the server.
            assert is_whole([n for n in stored if n in life[:-1]]), life
    finally:
        running.stop()
        machine.stop()
