"""A replay into a real ledger: totals by hand, twice, cut in the middle, and beside another log."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from millbrain.core.columns import Outcome
from millbrain.core.errors import SettingsError
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.plant.readings import READING
from millbrain.core.tables import arrow_batch
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import Warehouse, create_tables
from millbrain.run.replay import check, feed
from millbrain.run.replay.log import read_log
from millbrain.run.replay.orders import Names
from millbrain.run.replay.replayer import Replayer
from millbrain.run.replay.states import Value
from tests.engines import engine
from tests.run.replay import made_log


class Kept:
    """Stands in for the road to the engine: keeps each identity once, as the intake does."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str, int], Value] = {}
        self.stored = self.duplicate = self.rejected = 0

    def send(self, values: Sequence[Value]) -> None:
        for value in values:
            self.values.setdefault((value.thing, value.signal, value.at_ms), value)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def store(warehouse: Warehouse) -> Warehouse:
    create_tables(warehouse, SHARED_TABLES)
    return warehouse


def put(store: Warehouse, kept: Kept) -> None:
    """Store what was kept as rows of `reading`."""
    body = feed.stream(list(kept.values.values()))
    rows = feed.delivery_of(body, "log", Outcome(), threading.Event()).tables["reading"]
    rows.values["batch"] = rows.array("frame_count").astype(np.uint64)
    store.insert(READING, arrow_batch(READING, rows))


def test_totals_are_those_of_the_log(tmp_path: Path, ledger: Ledger, store: Warehouse) -> None:
    log, names, kept = read_log(made_log.write(tmp_path)), Names("LOG", "88.100.1"), Kept()
    replayer = Replayer(ledger, kept, log, names)
    replayer.run()
    put(store, kept)
    lines = {line.what: line for line in check.compare(log, names, ledger, store)}
    assert all(line.is_equal for line in lines.values()), [x for x in lines.values()
                                                           if not x.is_equal]  # fmt: skip
    by_hand = {"orders": 2, "pieces ordered": 15, "reports": 7, "resources": 2, "workers": 3,
               "good": 27, "rejected": 1, "in review (MRB)": 2, "reports of rework": 1,
               "LOG-MACHINE-4-TURNING: booked": 6.0, "LOG-QUALITY-CHECK-1: booked": 0.0,
               "LOG-QUALITY-CHECK-1: start to complete": 2.5,
               "LOG-MACHINE-4-TURNING: producing (readings)": 4.0,
               "LOG-MACHINE-4-TURNING: set-up (readings)": 1.0}  # fmt: skip
    assert {what: lines[what].log for what in by_hand} == by_hand
    order = ledger.production.get("LOG-CASE-1")
    assert (order.state, order.quantity, order.product) == ("completed", 10, "CABLE-HEAD")
    turning, control = ledger.production.operations(["LOG-CASE-1"])["LOG-CASE-1"]
    assert (turning.good, turning.scrap, turning.setup_spent_s) == (10, 1, 3600)
    assert turning.run_spent_s == 3.5 * 3600
    assert (control.good, control.rework, control.run_spent_s) == (12, 2, 0)
    assert "too_many" in {c.kind for c in control.conflicts}
    lots = ledger.reports.of_lot("88.100.1/LOG-CASE-1-010")
    assert {r.step for r in lots} == {"010", "020"}, "what turning made, the check consumed"


def test_a_replay_that_was_cut_goes_on(tmp_path: Path, ledger: Ledger, store: Warehouse) -> None:
    log, names, kept = read_log(made_log.write(tmp_path)), Names("LOG"), Kept()

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Replayer(ledger, kept, log, names).run(speed_ratio=3600.0, tell=cut)
    again = Replayer(ledger, kept, log, names)
    again.run()
    assert again.done.orders == 0
    assert again.done.fates["stored"] > 0
    assert again.done.fates["duplicate"] > 0
    third = Replayer(ledger, kept, log, names)
    third.run()
    assert set(third.done.fates) == {"duplicate"}
    put(store, kept)
    assert all(line.is_equal for line in check.compare(log, names, ledger, store))


def test_another_log_under_the_same_name_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    Replayer(ledger, Kept(), read_log(made_log.write(tmp_path)), Names("LOG")).run()
    other = read_log(made_log.write(tmp_path, made_log.ROWS.splitlines()[1]))
    with pytest.raises(SettingsError, match="another log"):
        Replayer(ledger, Kept(), other, Names("LOG")).run()
    Replayer(ledger, Kept(), other, Names("OTHER")).run()


@pytest.mark.slow
def test_the_recorded_log_through_a_running_engine(shared_data: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from millbrain.run.cli.commands import app

    file = str(shared_data / "factory" / "production_event_log.csv.gz")
    data = tmp_path / "data"
    with engine(data):
        told = CliRunner().invoke(app, ["replay", "log", file, "--data", str(data)])
        assert told.exit_code == 0, told.output
        checked = CliRunner().invoke(app, ["replay", "check", file, "--data", str(data)])
        assert "figures compared: equal" in checked.output, checked.output
        assert checked.exit_code == 0
        again = CliRunner().invoke(app, ["replay", "log", file, "--data", str(data)])
        assert " readings: 0 stored" in again.output.replace("\n", " ")
