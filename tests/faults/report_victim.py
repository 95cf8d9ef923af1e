"""Reports of phones in small, to be killed at any statement of the ledger.

    python -m tests.faults.report_victim FOLDER KILL_AT SEED

Twenty phones hand in their logs in overlapping batches, in an order that follows from SEED; a batch
is noted in the file `acknowledged` once the ledger has answered. Started again it begins anew, as
phones do that lost their answers. With KILL_AT above 0 it kills itself right before the KILL_AT-th
statement or commit.
"""

import os
import pathlib
import random
import signal
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event

from millbrain.core.production.orders import PlannedOperation, ProductionOrder
from millbrain.core.production.reports import Kind, Lot, Report
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.orders import Asker

ORDER = "PO1"
WHO = Asker("phone")
PHONES = 20
START = datetime(2026, 11, 22, 8, tzinfo=UTC)
PLAN = (PlannedOperation("10", 1, "TURN", stations=("M1",)),
        PlannedOperation("20", 2, "GRIND", stations=("M2",)))  # fmt: skip


def log_of(phone: int) -> list[Report]:
    """What one phone has to tell: start, pieces, scrap, one report that is taken back, a pause."""
    step, machine = ("10", "M1") if phone % 2 else ("20", "M2")
    told: list[tuple[Kind, int, str]] = [
        (Kind.START, 0, ""), *((Kind.GOOD, 1 + n % 3, "") for n in range(5)),
        (Kind.SCRAP, 1, "tool"), (Kind.GOOD, 2, ""), (Kind.PAUSE, 0, ""),
    ]  # fmt: skip
    made = []
    for n, (kind, quantity, reason) in enumerate(told):
        at = START + timedelta(minutes=7 * n, seconds=phone)
        lots = (Lot(f"S{phone}-{n}", 1, True),) if kind is Kind.GOOD else ()
        made.append(Report(_id(phone, n), ORDER, step, kind, f"P{phone}", at, at, machine, quantity,
                           reason, produced=lots, device_at=at))  # fmt: skip
    back = made[1]
    at = START + timedelta(hours=3)
    made.append(Report(_id(phone, 99), ORDER, step, Kind.GOOD, f"P{phone}", at, at, machine, 1,
                       reversal_of=back.id, device_at=at))  # fmt: skip
    return made


def _id(phone: int, n: int) -> str:
    return str(uuid.UUID(int=phone * 1000 + n))


def batches(seed: int) -> list[list[Report]]:
    """Return overlapping batches of all phones, mixed."""
    chance = random.Random(seed)
    found = []
    for phone in range(PHONES):
        log = log_of(phone)
        found += [chance.sample(log, 4), chance.sample(log, len(log))]
    chance.shuffle(found)
    return found


def opened(folder: pathlib.Path) -> Ledger:
    """Open the ledger; make the order where it is not there."""
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    ledger.migrate()
    if not ledger.production.states([ORDER]):
        ledger.production.put([ProductionOrder(ORDER, "SHAFT", 1000)], WHO)
    if ledger.production.states([ORDER])[ORDER] == "planned":
        ledger.production.release(ORDER, PLAN, WHO)
    return ledger


def main(folder: pathlib.Path, kill_at: int, seed: int) -> None:
    """Hand in everything, unless killed before."""
    ledger = opened(folder)
    count = [0]

    def look(*_: Any) -> None:
        count[0] += 1
        if count[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(ledger.database.engine, "before_cursor_execute", look)
    event.listen(ledger.database.engine, "commit", look)
    with (folder / "acknowledged").open("a") as told:
        for batch in batches(seed):
            for taken in ledger.reports.take(batch, WHO):
                told.write(f"{taken.id}\n")
            told.flush()
    (folder / "statements").write_text(str(count[0]))
    ledger.close()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
