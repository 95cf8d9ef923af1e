"""Recorded tables over a real socket, and a recorded car in a real engine, value by value."""

import csv
import gzip
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest

from millbrain.connect.gbt32960.codec import decode
from millbrain.core.errors import RefusedError, SettingsError
from millbrain.run import play
from tests import engines
from tests.run.test_play import Centre

HEAD = "tboxTime,vehSpeed,BMSBatteryVoltage,vehBMSPackSOC,V_1,V_2,T_1"
CARS = ("0SMSMR00000000001", "0SMSMR00000000002")


@pytest.fixture
def centre() -> Iterator[Centre]:
    one = Centre()
    one.start()
    yield one
    one.stop()


def recorded(path: Path, *clock: str) -> Path:
    path.write_text("\n".join([HEAD, *(f"{c},36.3,351.2,92,3.967,3.969,25" for c in clock)]) + "\n")
    return path


def seen(centre: Centre) -> list[tuple[str, int, str]]:
    """What arrived: VIN, command, device time; logins of the platform itself left out."""
    found = [decode(f) for f in centre.frames if f[2] not in (5, 6)]
    return [(f["id"], f["cmd"], f["data"]["time"][:19]) for f in found]


def test_over_a_platform_link_with_login_and_logout_of_the_vehicle(
    centre: Centre, tmp_path: Path
) -> None:
    path = recorded(tmp_path / "a.csv", "2019-04-15 17:42:30", "2019-04-15 17:43:00")
    steps: list[tuple[int, int]] = []
    cars = play.read_cars([path], play.Reading(CARS[:1], reissue=True))
    summary = play.play_cars(cars, "127.0.0.1", centre.port, user="city-01",
                             progress=lambda *step: steps.append(step))  # fmt: skip
    assert seen(centre) == [
        (CARS[0], 1, "2019-04-15T17:42:30"), (CARS[0], 3, "2019-04-15T17:42:30"),
        (CARS[0], 3, "2019-04-15T17:43:00"), (CARS[0], 4, "2019-04-15T17:43:00"),
    ]  # fmt: skip
    assert [f[2] for f in centre.frames][:: len(centre.frames) - 1] == [5, 6]
    assert (summary.frames, summary.is_complete, steps[-1]) == (4, True, (4, 4))


def test_as_vehicles_each_on_a_link_of_its_own(centre: Centre, tmp_path: Path) -> None:
    paths = [
        recorded(tmp_path / "a.csv", "2019-04-15 17:42:30"),
        recorded(tmp_path / "b.csv", "2021-05-05 09:10:00", "2021-05-05 09:10:01"),
    ]
    cars = play.read_cars(paths, play.Reading(CARS))
    summary = play.play_cars(cars, "127.0.0.1", centre.port, as_="vehicle")
    assert centre.links == 2
    assert [s for s in seen(centre) if s[0] == CARS[1]] == [
        (CARS[1], 1, "2021-05-05T09:10:00"), (CARS[1], 2, "2021-05-05T09:10:00"),
        (CARS[1], 2, "2021-05-05T09:10:01"), (CARS[1], 4, "2021-05-05T09:10:01"),
    ]  # fmt: skip
    assert (summary.frames, summary.is_complete) == (3, True)
    assert summary.answers == {(1, 1): 2, (4, 1): 2}
    centre.flags[1] = 4
    with pytest.raises(RefusedError, match="refused the login of vehicle"):
        play.play_cars(cars[:1], "127.0.0.1", centre.port, as_="vehicle")


def test_cars_of_different_years_drive_side_by_side_at_a_speed(
    centre: Centre, tmp_path: Path
) -> None:
    paths = [
        recorded(tmp_path / "a.csv", "2019-04-15 17:42:00", "2019-04-15 17:44:00"),
        recorded(tmp_path / "b.csv", "2021-05-05 09:10:00", "2021-05-05 09:11:00"),
    ]
    cars = play.read_cars(paths, play.Reading(CARS))
    summary = play.play_cars(cars, "127.0.0.1", centre.port, speed=240.0)
    assert 0.5 <= summary.seconds < 30  # the pauses of years are left out
    reports = [(vin, at) for vin, command, at in seen(centre) if command == 2]
    assert reports == [
        (CARS[0], "2019-04-15T17:42:00"), (CARS[1], "2021-05-05T09:10:00"),
        (CARS[1], "2021-05-05T09:11:00"), (CARS[0], "2019-04-15T17:44:00"),
    ]  # fmt: skip


def test_a_recording_without_a_vin_is_sent_under_one_made_of_its_name(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.csv", "2019-04-15 17:42:00")
    (car,) = play.read_cars([path], play.Reading())
    assert car.vin == play.vin_of(path) == play.vin_of(Path("elsewhere") / "a.csv.gz")
    assert car.vin.startswith("0SM")  # a maker code that no country has given out
    play.retime_cars([car], 1_700_000_000.9)
    assert car.frames.found.device_s.tolist() == [1_700_000_000]


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (play.Reading(("TOO LONG A NUMBER",)), "--vin is 'TOO LONG A NUMBER'"),
        (play.Reading(columns={"V_1": "volts"}), "there is no such quantity"),
        (play.Reading(packs=2), "cannot be divided among 2 packs"),
    ],
)
def test_wrong_words_are_named(reading: play.Reading, message: str, tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.csv", "2019-04-15 17:42:00")
    with pytest.raises(SettingsError, match=message):
        play.read_cars([path], reading)


def test_two_recordings_are_not_sent_as_one_vehicle(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    paths = [recorded(tmp_path / "a.csv", "2019-04-15 17:42:00"),
             recorded(tmp_path / "x" / "a.csv", "2019-04-15 17:42:01")]  # fmt: skip
    with pytest.raises(SettingsError, match="tell them apart by --vin"):
        play.read_cars(paths, play.Reading())


# A real car in a real engine ----------------------------------------------------------------------
SINGLE = {  # column of the warehouse -> column of the recording, wire units in one of ours
    "charge_state": ("BMSChargeStatus", 1, 1), "speed_kmh": ("vehSpeed", 1, 10),
    "voltage_v": ("BMSBatteryVoltage", 1, 10), "current_a": ("BMSBatteryCurrent", 1, 10),
    "soc_pct": ("vehBMSPackSOC", 1, 1), "odometer_km": ("vehOdo", 1, 10),
    "insulation_kohm": ("insulationResistance", 1000, 1),
    "alarm_level": ("BMSWarningInformation", 1, 1),
    "cell_max_mv": ("BMSCellVoltageMax", 1000, 1), "cell_min_mv": ("BMSCellVoltageMin", 1000, 1),
    "temp_max_degc": ("BMSProbeTempMax", 1, 1), "temp_min_degc": ("BMSProbeTempMin", 1, 1),
}  # fmt: skip


def on_the_wire(text: str, factor: int, per: int) -> Decimal:
    """The recorded figure in our unit, at the step of the wire."""
    steps = (Decimal(text) * factor * per).quantize(Decimal(1), ROUND_HALF_EVEN)
    return steps / per


def wanted_of(row: dict[str, str]) -> dict[str, Any]:
    single = {k: on_the_wire(row[name], *scale) for k, (name, *scale) in SINGLE.items()}
    return {
        **single,
        "cells_mv": [int(on_the_wire(row[f"V_{k}"], 1000, 1)) for k in range(1, 89)],
        "temps_degc": [int(float(row[f"T_{k}"])) - 40 for k in range(1, 20)],
    }


@pytest.mark.slow
def test_every_value_of_a_recorded_car_reaches_the_warehouse(
    shared_data: Path, tmp_path: Path
) -> None:
    path = shared_data / "nev" / "nie_car2.csv.gz"
    (car,) = play.read_cars([path], play.Reading())
    columns = [*SINGLE, "cells_mv", "temps_degc"]
    with engines.engine(tmp_path / "data") as engine:
        summary = play.play_cars([car], "127.0.0.1", engine.ports["gbt32960"])
        assert summary.is_complete
        rows = engine.sql(
            f"SELECT toString(device_at, 'Asia/Shanghai'), {', '.join(columns)} "
            f"FROM vehicle_report WHERE vin = '{car.vin}' ORDER BY device_at"
        )
    with gzip.open(path, "rt") as file:
        first_of: dict[str, dict[str, str]] = {}
        for row in csv.DictReader(file):
            first_of.setdefault(row["tboxTime"], row)
    assert len(rows) == len(first_of) == 14_384  # one of the 14,385 repeats a second
    for found, (clock, row) in zip(rows, first_of.items(), strict=True):
        assert found[0] == clock
        wanted = wanted_of(row)
        for text, name in zip(found[1:], columns, strict=True):
            assert same(text, wanted[name]), (clock, name, text, wanted[name])


def same(text: str, wanted: Any) -> bool:
    """Whether the warehouse says it; a float32 column holds the number nearest to the wire's."""
    if isinstance(wanted, list):
        return bool([int(v) for v in text[1:-1].split(",")] == wanted)
    return bool(abs(Decimal(text) - wanted) <= abs(wanted) * Decimal("1e-7"))
