"""`millbrain findings`: the newest version of each, open ones first, and nothing invented."""

import dataclasses
import io
import json

import pytest
from rich.console import Console

from millbrain.core.errors import StoreError
from millbrain.core.findings import FINDING, Finding, Severity, finding_columns
from millbrain.core.tables import arrow_batch
from millbrain.record.warehouse import create_tables
from millbrain.record.warehouse.embedded import EmbeddedWarehouse
from millbrain.run.cli.findings import print_blocks, print_json, read_findings

AT_S = 1_555_321_350  # 2019-04-15 17:42:30 in Beijing
WEAK = Finding(
    thing="0SMSMR001S1652241", app="battery", kind="self-discharge", pack_no=1, cell_no=82,
    first_seen=AT_S, last_seen=AT_S + 86_400, severity=Severity.SERVICE, value=-27.5, unit="mV",
    threshold=-15, confidence=0.84, sentence="Cell 82 loses charge.", sentence_zh="第82号单体",
    call_out=True,
)  # fmt: skip
HOT = dataclasses.replace(WEAK, thing="0SMSMR001S1000001", kind="thermal", pack_no=0, cell_no=0,
                          severity=Severity.DANGER, value=90, unit="degC",
                          threshold=float("nan"))  # fmt: skip


def put(warehouse: EmbeddedWarehouse, as_of_ms: int, *findings: Finding) -> None:
    warehouse.insert(FINDING, arrow_batch(FINDING, finding_columns(findings, as_of_ms)))


@pytest.fixture
def filled(warehouse: EmbeddedWarehouse) -> EmbeddedWarehouse:
    create_tables(warehouse, (FINDING,))
    gone = dataclasses.replace(WEAK, cell_no=3, severity=Severity.STOP)
    put(warehouse, 1_700_000_000_000, WEAK, HOT, gone)
    put(warehouse, 1_700_000_060_000, dataclasses.replace(WEAK, value=-31.5),
        dataclasses.replace(gone, is_open=False))  # fmt: skip
    return warehouse


def test_newest_versions_open_ones_first(filled: EmbeddedWarehouse) -> None:
    rows = read_findings(filled)
    assert [(r["vin"], r["cell"], r["open"], r["value"]) for r in rows] == [
        (HOT.thing, None, True, 90), (WEAK.thing, 82, True, -31.5), (WEAK.thing, 3, False, -27.5),
    ]  # fmt: skip
    assert [r["cell"] for r in read_findings(filled, WEAK.thing)] == [82, 3]
    assert read_findings(filled, "'; DROP TABLE finding --") == []


def test_json_has_every_field_in_words_that_a_program_reads(filled: EmbeddedWarehouse) -> None:
    out = io.StringIO()
    print_json(read_findings(filled), out)
    hot, weak, _ = json.loads(out.getvalue())
    assert weak == {
        "vin": "0SMSMR001S1652241", "app": "battery", "kind": "self-discharge", "pack": 1,
        "cell": 82, "first_seen": "2019-04-15T17:42:30+08:00",
        "last_seen": "2019-04-16T17:42:30+08:00", "severity": "service", "severity_level": 2,
        "value": -31.5, "unit": "mV", "threshold": -15.0, "confidence": 0.84, "call_out": True,
        "open": True, "sentence": "Cell 82 loses charge.", "sentence_zh": "第82号单体",
    }  # fmt: skip
    assert (hot["pack"], hot["threshold"]) == (None, None)


def test_a_table_for_a_person(filled: EmbeddedWarehouse) -> None:
    out = io.StringIO()
    print_blocks(read_findings(filled), Console(file=out, width=200))
    text = out.getvalue()
    for word in ("0SMSMR001S1652241", "2019-04-15 17:42", "-31.5 mV", "closed", "danger"):
        assert word in text


def test_a_warehouse_without_the_table_is_told_in_a_sentence(warehouse: EmbeddedWarehouse) -> None:
    with pytest.raises(StoreError, match="no table 'finding', so nothing was analysed yet"):
        read_findings(warehouse)


def test_no_findings_is_an_answer(warehouse: EmbeddedWarehouse) -> None:
    create_tables(warehouse, (FINDING,))
    out = io.StringIO()
    print_blocks(read_findings(warehouse), Console(file=out, width=80))
    assert out.getvalue() == "no findings\n"
