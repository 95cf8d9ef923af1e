"""The steel plant's quarter-hours: read by hand, and the file's own totals."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from millbrain.core.errors import SettingsError
from millbrain.run.replay.energy import read_quarters, values_of
from tests.engines import engine

HEAD = (
    "date,time,Usage_kWh,Lagging_Current_Reactive.Power_kVarh,Leading_Current_Reactive_Power_kVarh,"
    "CO2(tCO2),Lagging_Current_Power_Factor,Leading_Current_Power_Factor,NSM,WeekStatus,"
    "Day_of_week,Load_Type"
)
SEOUL = ZoneInfo("Asia/Seoul")


def test_midnight_ends_the_day_that_it_stands_with(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(
        f"{HEAD}\n31/12/2018,23:45,3.5,1,0,0.1,70,100,85500,Weekday,Monday,Light_Load\n"
        "31/12/2018,00:00,2.5,1,0,0,70,100,0,Weekday,Monday,Light_Load\n"
    )
    first, last = read_quarters(path, SEOUL)
    assert first.end.isoformat() == "2018-12-31T23:45:00+09:00"
    assert last.end.isoformat() == "2019-01-01T00:00:00+09:00"
    values = list(values_of("M", [first, last]))
    assert (values[0].signal, values[0].value) == ("zone_offset_h", 9.0)
    assert len(values) == 1 + 2 * 7


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("date,time\n")
    with pytest.raises(SettingsError, match="CO2"):
        read_quarters(path, SEOUL)
    path.write_text(f"{HEAD}\n32/12/2018,23:45,3.5,1,0,0.1,70,100,85500,W,M,Light_Load\n")
    with pytest.raises(SettingsError, match="line 2"):
        read_quarters(path, SEOUL)


def test_the_recorded_quarters_follow_each_other(shared_data: Path) -> None:
    quarters = read_quarters(shared_data / "factory" / "steel_industry_energy.csv.gz", SEOUL)
    ends = sorted(q.end for q in quarters)
    assert len(set(ends)) == len(quarters)
    assert len(quarters) % 96 == 0, "whole days"
    assert (ends[-1] - ends[0]).total_seconds() == 900 * (len(quarters) - 1)


@pytest.mark.slow
def test_the_recorded_quarters_through_a_running_engine(shared_data: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from millbrain.run.cli.commands import app

    data = str(tmp_path / "data")
    file = str(shared_data / "factory" / "steel_industry_energy.csv.gz")
    with engine(tmp_path / "data"):
        told = CliRunner().invoke(app, ["replay", "energy", file, "--data", data])
        assert told.exit_code == 0, told.output
        assert told.output.count("equal") >= 5
