"""Kill the intake of reports at any statement: nothing answered is lost, nothing counts twice."""

import pathlib
import random
import signal
import subprocess
import sys

import pytest

from millbrain.core.production.fold import fold
from millbrain.core.production.orders import OrderOperation
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.reports import ReportFilter
from tests.conftest import ROOT
from tests.faults import lengths
from tests.faults.report_victim import ORDER, PHONES, log_of, opened

pytestmark = pytest.mark.fault
KILLS = 5  # of one chain
LOGS = [report for phone in range(PHONES) for report in log_of(phone)]


def live(folder: pathlib.Path, kill_at: int, seed: int) -> bool:
    """Run a victim; whether it came to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.report_victim", str(folder), str(kill_at), str(seed)],
        cwd=ROOT, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode == 0


def kept(ledger: Ledger) -> tuple[set[str], list[OrderOperation]]:
    """Return the ids of all reports that are kept, each once, and how far the operations are."""
    rows, total = ledger.reports.page(ReportFilter(order=ORDER), 0, 10_000)
    ids = {r.id for r in rows}
    assert len(ids) == len(rows) == total
    return ids, ledger.production.operations([ORDER])[ORDER]


def agrees(ledger: Ledger) -> None:
    """What stands with each operation is the fold over what is kept, whatever was cut off."""
    _, operations = kept(ledger)
    logs = ledger.reports.of([(ORDER, o.plan.step) for o in operations])
    for operation in operations:
        wanted = fold(logs[ORDER, operation.plan.step])
        found = (operation.state, operation.good, operation.scrap, operation.report_count)
        assert found == (wanted.state, wanted.good, wanted.scrap, wanted.report_count)


@pytest.mark.parametrize("chain", range(lengths.REPORT_CHAINS))
def test_killed_between_statements(tmp_path: pathlib.Path, chain: int) -> None:
    """Each life sends everything again; between lives, what was answered is there."""
    chance = random.Random(chain)
    calm = tmp_path / "calm"
    calm.mkdir()
    assert live(calm, 0, chain)
    statements = int((calm / "statements").read_text())
    folder = tmp_path / "killed"
    folder.mkdir()
    for _ in range(KILLS):
        live(folder, chance.randrange(1, statements), chain)
        ledger = opened(folder)
        ids, _ = kept(ledger)
        told = folder / "acknowledged"
        answered = set(told.read_text().split()) if told.exists() else set()
        assert {i for i in answered if len(i) == 36} <= ids
        agrees(ledger)
        ledger.close()
    assert live(folder, 0, chain)
    ledger, other = opened(folder), opened(calm)
    ids, operations = kept(ledger)
    assert ids == {r.id for r in LOGS}
    assert operations == kept(other)[1]
    for operation in operations:
        own = [r for r in LOGS if r.step == operation.plan.step]
        good = sum(r.quantity for r in own if r.kind == "good" and not r.reversal_of)
        taken_back = sum(r.quantity for r in own if r.reversal_of)
        assert operation.good == good - taken_back
    assert ledger.production.get(ORDER).state == "started"
    begun = [h for h in ledger.production.history(ORDER) if h.action == "begin"]
    assert len(begun) == 1
    ledger.close()
    other.close()
