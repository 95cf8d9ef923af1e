"""Runs the loop from a finding to a closed order, and kills itself at a chosen moment of it.

A moment is a statement or a commit at the ledger, counted from 1, just before it happens: all that
is durable happens there, so every pair of neighbouring steps has moments in between. Children are
forked, since what they import takes a second and what they do does not.

Called as ``loop_victim.py FOLDER URL MOMENT...``; each moment has a ledger ``FOLDER/MOMENT.sqlite``
that is there already. Moment 0 is not killed; how many moments it had is printed.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import event

from millbrain.core.errors import IllegalStepError
from millbrain.decide.notices.app import Sender
from millbrain.record.ledger import Ledger
from tests.decide.loops import NORTH, ZONE, Loop, finding

NEXT = {"dispatched": "accept", "accepted": "start", "in_progress": "done"}
TURNS_MAX = 40
LATER = timedelta(minutes=10)  # the second life begins when every lease has ended


class Moments:
    """Counts what happens at a ledger, and kills this process at one of them."""

    def __init__(self, ledger: Ledger, fatal: int) -> None:
        self.count, self.fatal = 0, fatal
        engine = ledger.database.engine
        event.listen(engine, "before_cursor_execute", self.note)
        event.listen(engine, "commit", self.note)

    def note(self, *_: object) -> None:
        self.count += 1
        if self.count == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def act(loop: Loop) -> None:
    """Do what people do next, by what they see."""
    for order in loop.all():
        if action := NEXT.get(order.state):
            try:
                loop.step(order.number, action, NORTH, note="replaced")
            except IllegalStepError:
                return  # somebody else was quicker


def live(path: Path, fatal: int, is_second: bool) -> int:
    """Run the loop until the order is closed and everybody is told; return the moments it had."""
    ledger = Ledger(f"sqlite:///{path}")
    loop = Loop(ledger)
    found = finding(last_seen=1_760_000_000, first_seen=1_759_000_000)
    loop.verdicts[found.key] = (7, 7)
    if is_second:
        loop.clock.at += LATER
    moments = Moments(ledger, fatal)
    sender = Sender(ledger.outbox, ZONE, loop.clock)
    for _ in range(TURNS_MAX):
        loop.alarms.take([found])  # the app tells it again whenever it starts again
        loop.alarms.tick()
        loop.orders.tick()
        act(loop)
        sender.tick()
        sender.settle()
        loop.clock.go(seconds=2)
        if [o.state for o in loop.all()] == ["closed"] and not ledger.outbox.waiting():
            break
    sender.stop()
    ledger.close()
    return moments.count


def in_child(work: Callable[[], object]) -> int:
    """Run in a process of its own; return the signal that ended it, 0 = none."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a life failed")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main(folder: Path, moments: list[int]) -> None:
    for moment in moments:
        path = folder / f"{moment}.sqlite"
        if moment == 0:
            print(live(path, 0, is_second=False))
            continue
        killed = in_child(lambda p=path, m=moment: live(p, m, is_second=False))  # type: ignore[misc]
        in_child(lambda p=path: live(p, 0, is_second=True))  # type: ignore[misc]
        print(moment, killed)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(m) for m in sys.argv[2:]])
