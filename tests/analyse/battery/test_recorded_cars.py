"""Two recorded cars: the known cell of one, nothing on the other."""

import csv
import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from millbrain.analyse.battery.calc.days import PackDays
from millbrain.analyse.battery.calc.judge import judge
from millbrain.analyse.battery.model import Rules
from millbrain.core.columns import Columns
from millbrain.core.times import BEIJING
from tests.analyse.battery.made import days, reports


def recorded(path: Path, step: int = 1) -> Columns:
    """Return every `step`-th row of a recorded car as `vehicle_report`; see SOURCE.md beside it."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    kept = rows[::step]
    table = np.array([[float(x or "nan") for x in row[1:]] for row in kept])
    named: dict[str, Any] = {name: table[:, i] for i, name in enumerate(head[1:])}
    cells = table[:, [i for i, n in enumerate(head[1:]) if n.startswith("V_")]] * 1_000
    level = named.get("BMSWarningInformation", np.zeros(len(kept)))
    times = np.array([row[0] for row in kept], "datetime64[s]").astype(np.int64) - 8 * 3_600
    return reports(
        np.clip(np.nan_to_num(cells, nan=65_535), 0, 65_533),
        device_at=times.astype(np.uint32),
        current_a=named["BMSBatteryCurrent"].astype(np.float32),
        soc_pct=np.rint(named["vehBMSPackSOC"]).astype(np.uint8),
        voltage_v=named["BMSBatteryVoltage"].astype(np.float32),
        temp_max_degc=named["BMSProbeTempMax"].astype(np.int16),
        temp_min_degc=named["BMSProbeTempMin"].astype(np.int16),
        alarm_level=level.astype(np.uint8),
    )


@pytest.fixture(scope="module")
def labels(shared_data: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((shared_data / "nev/labels.json").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def car_2(shared_data: Path) -> PackDays:
    return days(recorded(shared_data / "nev/nie_car2.csv.gz"))


def test_the_weak_cell_is_found_twenty_days_before_the_car_says_so(
    car_2: PackDays, labels: dict[str, Any]
) -> None:
    said = labels["nie_car2"]["bms_first_level3"]
    own_alarm_at = datetime.fromisoformat(said).replace(tzinfo=BEIJING).timestamp()
    for count in range(1, len(car_2.day) + 1):
        seen = car_2.taken(np.arange(count))
        calls = [f for f in judge(seen, Rules()) if f.call_out]
        if calls:
            break
    assert [(f"V_{f.cell_no}", f.kind) for f in calls] == [
        (labels["nie_car2"]["faulty_cells"][0], "self-discharge")
    ]
    # Known once the last report of that day has been seen.
    lead_days = (own_alarm_at - seen.last_at[-1]) / 86_400
    assert 21 < lead_days < 22
    assert (seen.last_at[-1] - car_2.first_at[0]) / 86_400 < 4, "within four days of the record"


def test_no_other_cell_of_that_car_is_ever_found(car_2: PackDays) -> None:
    for count in [*range(4, 12), *range(12, len(car_2.day) + 1, 4)]:
        found = judge(car_2.taken(np.arange(count)), Rules())
        assert [(f.cell_no, f.kind) for f in found] == [(82, "self-discharge")]
        assert found[0].call_out


@pytest.mark.slow
@pytest.mark.parametrize("rules", [Rules(), Rules(days_min=2)], ids=["three days", "two days"])
def test_nothing_is_found_on_the_car_with_glitches(shared_data: Path, rules: Rules) -> None:
    # Its record is two days long; every fifth second is enough for means of a day.
    found = days(recorded(shared_data / "nev/nie_car1.csv.gz", step=5))
    assert len(found.day) == 2
    assert judge(found, rules) == []
