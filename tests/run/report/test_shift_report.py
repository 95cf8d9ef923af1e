"""The shift report: figures by hand, the same numbers again after late data, files at eight."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from millbrain.analyse.effectiveness.tables import TABLES
from millbrain.core.columns import Columns
from millbrain.core.errors import NotFoundError
from millbrain.core.facts import SHARED_TABLES
from millbrain.core.plant.readings import READING
from millbrain.core.production.orders import PlannedOperation, ProductionOrder
from millbrain.core.production.reports import Kind, Report
from millbrain.core.production.shift_report import ShiftReport, Snapshot
from millbrain.core.tables import arrow_batch
from millbrain.record.ledger import Ledger, Thing
from millbrain.record.ledger.production.orders import Asker
from millbrain.record.warehouse import Warehouse, create_tables
from millbrain.run.report.keeper import ShiftReports
from millbrain.show.shift_report import pdf, workbook

DAY = date(2026, 6, 10)
BEGIN_MS = 1_781_020_800_000  # 2026-06-10 00:00 in +08:00
HOUR = 3_600_000
EIGHT_S = (BEGIN_MS + 32 * HOUR) / 1000  # eight in the morning of the day after
ASKER = Asker("test")


class House:
    """An installation with one machine that is told of by its changes."""

    def __init__(self, store: Warehouse, ledger: Ledger, data: Path) -> None:
        self.store, self.ledger = store, ledger
        self.clock_s = EIGHT_S
        self.desk = ShiftReports(store, ledger, tuple, data, "Asia/Shanghai", lambda: self.clock_s)
        told = {"title": "Lathe", "gap_s": 30 * 86_400, "cycle_s": 60}
        ledger.things.put([Thing("M1", "machine", "log", attributes=told)])
        ledger.production.put([ProductionOrder("PO1", "SHAFT", 500)], ASKER)
        ledger.production.release("PO1", [PlannedOperation("10", 1, "TURN")], ASKER)

    def readings(self, batch: int, *rows: tuple[float, str, float]) -> None:
        """Store readings: hour of the day, signal, value."""
        n = len(rows)
        at = np.array([BEGIN_MS + round(h * HOUR) for h, _, _ in rows], np.int64)
        texts = {"thing": [b"M1"] * n, "signal": [s.encode() for _, s, _ in rows],
                 "text": [b""] * n, "link": [b"made"] * n}  # fmt: skip
        values: dict[str, Any] = {k: np.array(v, object) for k, v in texts.items()}
        values |= {
            "device_at": at, "received_at": np.full(n, BEGIN_MS + 40 * HOUR, np.int64),
            "value": np.array([v for _, _, v in rows], np.float64),
            "quality": np.full(n, 192, np.uint8), "batch": np.full(n, batch, np.uint64),
            "frame_count": np.ones(n, np.uint8),
        }  # fmt: skip
        self.store.insert(READING, arrow_batch(READING, Columns(n, values)))

    def report(self, n: int, kind: Kind, quantity: int, **more: Any) -> None:
        at = datetime.fromtimestamp(BEGIN_MS / 1000 + 9 * 3600, UTC)
        made = Report(f"{n:08d}-0000-8000-8000-000000000000", "PO1", "10", kind, "W1", at, at,
                      quantity=quantity, **more)  # fmt: skip
        assert self.ledger.reports.take([made], ASKER)[0].fate == "stored"


@pytest.fixture
def house(warehouse: Warehouse, tmp_path: Path) -> Iterator[House]:
    create_tables(warehouse, (*SHARED_TABLES, *TABLES))
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    ledger.migrate()
    made = House(warehouse, ledger, tmp_path)
    made.readings(
        1, (0, "machine_state", 2), (0, "good_count", 0), (0, "scrap_count", 0),
        (8, "machine_state", 1), (12, "machine_state", 4), (13, "machine_state", 1),
        (16, "good_count", 360), (16, "scrap_count", 40), (16, "machine_state", 2),
    )  # fmt: skip
    made.report(1, Kind.GOOD, 360)
    made.report(2, Kind.SCRAP, 40, reason="crack")
    yield made
    ledger.close()


def told(report: ShiftReport) -> dict[str, float | None]:
    (line,) = report.lines
    return {**line.elements, **line.indicators}


def test_figures_of_a_day_by_hand(house: House) -> None:
    found = house.desk.report(DAY, "", house.desk.newest())
    figures = told(found)
    # 24 h planned; producing 8-12 and 13-16; a failure of one hour; the rest idle.
    assert (figures["PBT"], figures["APT"], figures["ADOT"], figures["ADET"]) == (24, 7, 1, 16)
    assert (figures["GQ"], figures["SQ"], figures["PQ"], figures["FE"]) == (360, 40, 400, 1)
    assert figures["availability"] == pytest.approx(100 * 7 / 24)
    assert figures["quality"] == pytest.approx(90)
    assert figures["effectiveness"] == pytest.approx(100 * (400 / 60) / 7)
    assert figures["oee"] == pytest.approx(100 * (400 / 60) / 24 * 0.9)
    lost = {loss.what: loss.time_h for loss in found.lines[0].losses}
    assert lost["down"] == 1
    assert sum(lost.values()) == pytest.approx(24 - 360 / 60)
    assert [(s.state, s.time_s) for s in found.stops] == [(2, 8 * 3600), (2, 8 * 3600), (4, 3600)]
    assert [(m.name, m.good, m.scrap) for m in found.people] == [("W1", 360, 40)]
    assert [(m.name, m.scrap) for m in found.scrap] == [("crack", 40)]
    assert house.desk.report(date(2026, 6, 8), "", house.desk.newest()).lines == ()


def test_the_same_snapshot_gives_the_same_numbers_after_late_data(house: House) -> None:
    before = house.desk.newest()
    first = house.desk.report(DAY, "", before)
    files = [make(first, x) for make in (workbook, pdf) for x in ("en", "zh")]
    house.readings(2, (9, "machine_state", 4), (10, "machine_state", 1), (15, "good_count", 300))
    house.report(
        3, Kind.SCRAP, 60, reason="late", reversal_of="00000001-0000-8000-8000-000000000000"
    )
    house.clock_s += 3_600
    again = house.desk.report(DAY, "", Snapshot.of(before.id))
    assert again == first
    assert [make(again, x) for make in (workbook, pdf) for x in ("en", "zh")] == files
    now = house.desk.newest()
    assert now.id != before.id
    later = house.desk.report(DAY, "", now)
    assert told(later)["APT"] == 6
    assert later.people[0].good == 300


def test_files_are_written_at_eight_and_once(house: House) -> None:
    house.clock_s = EIGHT_S - 60
    assert house.desk.look() == []
    house.clock_s = EIGHT_S + 60
    names = house.desk.look()
    assert len(names) == 4
    assert sorted(names, reverse=True) == house.desk.written()
    assert house.desk.look() == []
    for name in names:
        assert f"shift-2026-06-10-B1-R2-T{round(house.clock_s * 1000)}" in name
    book = openpyxl.load_workbook(io.BytesIO(house.desk.file(names[2])))
    assert book.sheetnames == ["班次报告", "生产线", "损失", "停机", "订单", "人员", "质量"]
    lines = list(book["生产线"].values)
    assert str(lines[0][2]).startswith("计划忙碌时间")
    assert lines[1][1:4] == (1, 24, 7)
    assert house.desk.file(names[1]).startswith(b"%PDF")
    for wrong in ("../ledger.sqlite", "shift-2026-06-10.pdf", "x"):
        with pytest.raises(NotFoundError):
            house.desk.file(wrong)


@pytest.mark.parametrize("text", ["", "B1", "B1-R2-T3x", "B-1-R2-T3", "B1-R2-T" + "9" * 30])
def test_what_is_no_snapshot_is_refused(text: str) -> None:
    with pytest.raises(NotFoundError):
        Snapshot.of(text)
