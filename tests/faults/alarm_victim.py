"""From findings to alarms in small, to be killed at any statement of its ledger.

    python -m tests.faults.alarm_victim FOLDER KILL_AT

It goes through `TURNS` turns: the versions of that turn reach the alarms, time passes, somebody
acknowledges, and the turn is noted as stored, as the table of findings would. Started again it goes
on after the newest stored turn, so the turn in which it was killed is done again. With KILL_AT
above 0 it kills itself right before the KILL_AT-th statement or commit. Everything happens by
rule, so that runs with and without kills must end alike.
"""

import os
import pathlib
import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event

from millbrain.core.alarms.rules import ANY, DECLARED, AlarmRule
from millbrain.core.findings import Finding, Severity
from millbrain.decide.alarms.app import Alarms
from millbrain.record.ledger import AlarmFilter, Ledger

TURNS = 14
VEHICLES = 12
START = datetime(2026, 7, 1, tzinfo=UTC)
TURN_S = 100
RULES = (AlarmRule("battery", "connection", on_delay_s=50),
         AlarmRule("battery", "resistance", off_delay_s=150))  # fmt: skip
KINDS = ("connection", "resistance", "insulation")


def clock_of(turn: int, second: float = 0) -> datetime:
    """The instant of a turn."""
    return START + timedelta(seconds=turn * TURN_S + second)


def versions_of(turn: int) -> list[Finding]:
    """What is found in a turn: conditions that come, go, come back, and a thermal event."""
    seen_s = int(clock_of(turn).timestamp())
    found = []
    for n in range(VEHICLES):
        kind = KINDS[n % len(KINDS)]
        phase = (turn + n) % 6
        made = Finding(f"V{n:02d}", "battery", kind, 1, n + 1, 0, seen_s, Severity.STOP, 2.0, "mV",
                       1.0, 0.9, call_out=phase > 1)  # fmt: skip
        if phase < 4:
            found.append(replace(made, is_open=phase < 3))
        if n % 4 == 0 and turn % 5 in (2, 3):
            found.append(replace(made, kind="thermal", cell_no=0, severity=Severity.DANGER,
                                 is_open=turn % 5 == 2))  # fmt: skip
    return found


def run(ledger: Ledger, stored: pathlib.Path) -> None:
    """Go through the turns that are not stored yet."""
    now = [START]
    alarms = Alarms(ledger.alarms, DECLARED, lambda: now[0])
    first = int(stored.read_text()) + 1 if stored.exists() else 0
    for turn in range(first, TURNS):
        now[0] = clock_of(turn)
        alarms.take(versions_of(turn))
        alarms.tick()
        now[0] = clock_of(turn, 60)
        alarms.tick()
        if turn % 3 == 1:
            wanted = AlarmFilter(thing=f"V{turn % VEHICLES:02d}")
            ids = [row.alarm.id for row in ledger.alarms.page(wanted)[0]]
            if ids:
                ledger.alarms.act(ids, "acknowledge", "li")
        fresh = stored.with_suffix(".new")
        fresh.write_text(str(turn))
        fresh.replace(stored)


def main(folder: pathlib.Path, kill_at: int) -> None:
    """Run, and die where asked."""
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    ledger.migrate()
    if not ledger.alarms.rules.own():
        ledger.alarms.rules.put([*RULES, AlarmRule("battery", ANY)], "test")
    count = [0]

    def step(*_: Any) -> None:
        count[0] += 1
        if count[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(ledger.database.engine, "before_cursor_execute", step)
    event.listen(ledger.database.engine, "commit", step)
    run(ledger, folder / "stored")
    ledger.close()
    print(count[0])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
