"""Kill -9 between any two steps of finding, alarm, order, notice, verdict, closed.

Whenever it strikes, the next life leaves one alarm, one order with every step once, and everybody
told: nothing lost, nothing doubled, nothing stuck. Each kind of database statement is a moment;
`make test` tries a sample of them, `make faults` all.
"""

import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from millbrain.record.ledger import AlarmFilter, Ledger, OrderFilter
from tests.conftest import ROOT
from tests.decide.receivers import Receiver, http_receiver
from tests.faults import lengths

pytestmark = pytest.mark.fault

LIFE_S = lengths.LIFE_S - 20
STEPS = ["raise", "dispatch", "accept", "start", "done", "pass", "settle"]


def run(folder: Path, *moments: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.loop_victim", str(folder), *map(str, moments)],
        cwd=ROOT, capture_output=True, text=True, timeout=LIFE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def template(folder: Path, url: str) -> Path:
    path = folder / "template.sqlite"
    ledger = Ledger(f"sqlite:///{path}")
    ledger.migrate()
    ledger.outbox.add_target("desk", "webhook", url, rate_count=1_000)
    ledger.close()
    return path


def check(path: Path, receiver: Receiver) -> None:
    """One alarm, one order that went its way once, and a delivery of each step that arrived."""
    ledger = Ledger(f"sqlite:///{path}")
    alarms, alarm_count = ledger.alarms.page(AlarmFilter())
    (order,), order_count = ledger.orders.page(OrderFilter())
    assert (alarm_count, order_count, order.state) == (1, 1, "closed")
    assert alarms[0].alarm.order_id == order.id
    assert [s.action for s in ledger.orders.history(order.id)] == STEPS
    deliveries, _ = ledger.outbox.page(size=100)
    topics = ["alarm.announce", *(f"order.{s}" for s in STEPS)]
    assert sorted(d.topic for d in deliveries) == sorted(topics)
    assert {d.state for d in deliveries} == {"delivered"}
    entries, _ = ledger.audit.page(size=100)
    assert sorted(e.what for e in entries) == sorted(f"order.{s}" for s in STEPS)
    uids = {d.uid for d in deliveries}
    arrived = [g.json() for g in receiver.got if g.json()["delivery"] in uids]
    counted = Counter(g["delivery"] for g in arrived)
    assert counted.keys() == uids, "a notice was lost"
    for uid, times in counted.items():
        attempts = sorted(g["attempt"] for g in arrived if g["delivery"] == uid)
        assert attempts == list(range(attempts[0], attempts[0] + times)), "a repeat has no mark"
    ledger.close()


@pytest.mark.timeout(lengths.LIFE_S)
def test_killed_at_any_moment_nothing_is_lost_doubled_or_stuck(tmp_path: Path) -> None:
    with http_receiver() as receiver:
        made = template(tmp_path, receiver.url)
        shutil.copy(made, tmp_path / "0.sqlite")
        total = int(run(tmp_path, 0)[0])
        check(tmp_path / "0.sqlite", receiver)
        assert total > 100
        pace = max(1, total // lengths.LOOP_MOMENTS)
        moments = list(range(1, total + 1, pace))
        for moment in moments:
            shutil.copy(made, tmp_path / f"{moment}.sqlite")
        ends = run(tmp_path, *moments)
        assert {int(line.split()[1]) for line in ends} == {int(signal.SIGKILL)}
        for moment in moments:
            check(tmp_path / f"{moment}.sqlite", receiver)
        repeats = [g for g in receiver.got if g.json()["attempt"] > 1]
        print(f"\n{len(moments)} of {total} moments, {len(receiver.got)} received, "
              f"{len(repeats)} marked as repeats")  # fmt: skip
