"""A finding refuses nonsense, and becomes a row of its table."""

import dataclasses
import json
from typing import Any

import pytest

from millbrain.core.errors import SettingsError
from millbrain.core.findings import FINDING, Evidence, Finding, Severity, finding_columns
from millbrain.core.rooms import Parameter
from millbrain.core.tables import arrow_batch

FOUND = Finding(
    thing="LNEVTEST0N0000001", app="battery", kind="self-discharge", pack_no=1, cell_no=82,
    first_seen=100, last_seen=200, severity=Severity.SERVICE, value=-27.5, unit="mV",
    threshold=-15, confidence=0.84,
    evidence=(Evidence("deviation", "herd", -27.5, -15, "mV", 100, 200),
              Evidence("score", "herd", -8, -6, "", 100, 200)),
    sentence="Cell 82", sentence_zh="第82号单体", call_out=True,
)  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [{"thing": ""}, {"kind": ""}, {"pack_no": -1}, {"confidence": 1.1}, {"last_seen": 99}],
    ids=str,
)
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"found|names|before"):
        dataclasses.replace(FOUND, **wrong)


def test_pieces_of_one_family_count_once() -> None:
    assert FOUND.families == {"herd"}


def test_key_stays_the_same_as_figures_change() -> None:
    assert dataclasses.replace(FOUND, value=-90, last_seen=900).key == FOUND.key
    assert dataclasses.replace(FOUND, cell_no=81).key != FOUND.key


def test_findings_become_rows() -> None:
    batch = arrow_batch(FINDING, finding_columns([FOUND, FOUND], 1_700_000_000_000))
    assert batch.schema.names == [c.name for c in FINDING.columns]
    row = batch.to_pylist()[1]
    assert (row["cell_no"], row["severity"], row["call_out"], row["is_open"]) == (82, 2, 1, 1)
    assert row["sentence_zh"].decode() == "第82号单体"
    assert json.loads(row["evidence"])[0]["family"] == "herd"
    assert row["as_of"].timestamp() == 1_700_000_000


def test_no_findings_are_no_rows() -> None:
    assert arrow_batch(FINDING, finding_columns([], 0)).num_rows == 0


def test_json_can_be_written() -> None:
    assert json.loads(json.dumps(FOUND.as_json()))["severity"] == 2


def test_parameters_are_checked() -> None:
    days = Parameter("days_min", "Days", "天数", 3, 2, 30, whole=True)
    assert days.checked(4) == 4
    for wrong in (1, 31, 2.5):
        with pytest.raises(SettingsError, match="days_min"):
            days.checked(wrong)
