"""Recorded tables: what is read, what was assumed, and frames exact to the step of the wire."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from millbrain.connect.gbt32960.codec import decode
from millbrain.connect.gbt32960.framing import split
from millbrain.connect.gbt32960.simulator import tables
from millbrain.connect.gbt32960.simulator.readings import Recording
from millbrain.connect.gbt32960.simulator.recorded import REISSUE, Recorded
from millbrain.connect.gbt32960.simulator.spellings import QUANTITIES, SPELLINGS, meaning
from millbrain.core.errors import FrameError, LimitError, SettingsError

VIN = "0SMSMR00000000001"
AT_S = 1_555_321_350  # 2019-04-15 17:42:30 in Beijing, 09:42:30 UTC


def table(path: Path, *lines: str, packed: bool = False) -> Path:
    raw = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(raw) if packed else raw)
    return path


def read(path: Path, **options: Any) -> Recording:
    (found,) = tables.read_table(path, tables.heading_of(path), **options)
    return found


def reports(found: Recording, **options: Any) -> list[dict[Any, Any]]:
    """The frames of a recording, decoded by the reference decoder: block type -> values."""
    made = Recorded(found, VIN, **options)
    raw = b"".join(rows.tobytes() for _, rows in made.chunks())
    frames = [decode(raw[a:b]) for a, b, ok in split(raw, final=True).frames if ok]
    assert all(f["bcc_ok"] for f in frames)
    return [
        {"time": f["data"]["time"], "cmd": f["cmd"], **{i["t"]: i["v"] for i in f["data"]["infos"]}}
        for f in frames
    ]


def test_a_row_becomes_a_frame_with_its_own_time_and_values(tmp_path: Path) -> None:
    path = table(
        tmp_path / "car.csv.gz",
        "tboxTime,BMSChargeStatus,vehSpeed,BMSBatteryVoltage,BMSBatteryCurrent,vehBMSPackSOC,"
        "vehOdo,insulationResistance,BMSWarningInformation,V_1,V_2,V_3,T_1,T_2",
        "2019-04-15 17:42:30,3.0,36.3,351.2,44.3,92,18837.7,5.0,2,3.967,3.969,3.972,25.0,26.0",
        packed=True,
    )
    (report,) = reports(read(path))
    assert report["time"] == "2019-04-15T17:42:30+08:00"
    assert report["cmd"] == 2
    vehicle = report[1]
    assert {k: vehicle[k] for k in ("charge", "speed_kmh", "v", "a", "soc", "odo_km")} == {
        "charge": 3, "speed_kmh": 36.3, "v": 351.2, "a": 44.3, "soc": 92, "odo_km": 18837.7,
    }  # fmt: skip
    assert vehicle["insul_kohm"] == 5000  # 5 MOhm: no pack that runs has 5 kOhm
    assert (vehicle["status"], vehicle["mode"], vehicle["accel"]) == (255, 255, None)
    assert report[7]["level"] == 2
    (pack,) = report[8]
    assert (pack["cells_v"], pack["v"], pack["a"]) == ([3.967, 3.969, 3.972], 351.2, 44.3)
    assert report[9][0]["temps_c"] == [25, 26]
    assert set(report) == {"time", "cmd", 1, 7, 8, 9}  # no position, motors or extremes recorded


def test_what_is_missing_or_too_large_goes_as_a_marker_and_is_counted(tmp_path: Path) -> None:
    path = table(
        tmp_path / "car.csv",
        "time,soc,speed,V_1,V_2,V_3,T_1,T_2",
        "2019-04-15 17:42:30,92.4,10,3.967,66.535,,25,300",
        "2019-04-15 17:42:31,92,9999,0.0,3.9,NaN,null,-41",
    )
    made = Recorded(read(path), VIN)
    rows = made.encode(0, 2)
    raw = [row.tobytes() for row in rows]
    first, second = reports(read(path))
    assert first[8][0]["cells_v"] == [3.967, None, None]
    assert bytes.fromhex("0f7ffffeffff") in raw[0]  # abnormal, then invalid
    assert second[8][0]["cells_v"] == [0.0, 3.9, None]
    assert (first[9][0]["temps_c"], second[9][0]["temps_c"]) == ([25, None], [None, None])
    assert (first[1]["soc"], second[1]["speed_kmh"]) == (92, None)
    assert made.tally == {
        ("cells_mv", "abnormal"): 1, ("cells_mv", "invalid"): 2, ("temps_degc", "abnormal"): 2,
        ("temps_degc", "invalid"): 1, ("speed_kmh", "abnormal"): 1, ("soc_pct", "finer"): 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["2019-04-15 17:42:30", "2019/4/15 17:42:30", "2019-04-15T17:42:30", "20190415174230",
     "2019-04-15 17:42:30.75", "2019-04-15T09:42:30Z", "2019-04-15T17:42:30+08:00", "1555321350",
     "1555321350750", "1555321350.2", " 2019-04-15 17:42:30 ", "2019年04月15日 17:42:30"],
)  # fmt: skip
def test_times_of_many_forms(text: str, tmp_path: Path) -> None:
    found = read(table(tmp_path / "car.csv", "Time,SOC", f"{text},50"))
    assert found.device_s.tolist() == [AT_S]


def test_rows_without_a_time_the_wire_can_say_are_passed_over_and_counted(tmp_path: Path) -> None:
    found = read(table(tmp_path / "car.csv", "time,soc", "never,1", "1999-12-31 23:59:59,2",
                       "2099-12-31 23:59:59,3", ",4", "2019-02-30 00:00:00,5", "2019"))  # fmt: skip
    assert found.values["soc_pct"].tolist() == [3]
    assert found.notes == ["rows that are cut or have no readable time, passed over: 5"]


def test_other_spellings_units_delimiters_and_text_among_numbers(tmp_path: Path) -> None:
    path = table(
        tmp_path / "other.csv",
        "\ufeff采集时间;车速;SUM_VOLTAGE;总电流;SOC;绝缘电阻;cell_01;cell_03;Probe-Temp1;Colour",
        "2019/04/15 17:42:30;36.3;3512;1010;0.92;2500;3967;3972;25;blue",
        "2019/04/15 17:42:31;36.3;3512;990;0.92;2500;3967;broken;25;blue",
    )
    heading = tables.heading_of(path)
    assert heading.unknown == ["Colour"]
    (found,) = tables.read_table(path, heading)
    first, second = reports(found)
    assert (first[1]["v"], first[1]["a"], second[1]["a"]) == (351.2, 10.0, -10.0)
    assert (first[1]["soc"], first[1]["insul_kohm"]) == (92, 2500)
    assert first[8][0]["cells_v"] == [3.967, None, 3.972]  # cell 2 has no column, 3 stays 3
    assert second[8][0]["cells_v"] == [3.967, None, None]
    assert "voltage_v is read as 0.1 V" in found.notes
    assert "soc_pct is read as a share of 1" in found.notes


def test_a_column_can_be_named_by_hand(tmp_path: Path) -> None:
    path = table(tmp_path / "car.csv", "time,Strom", "2019-04-15 17:42:30,44.3")
    with pytest.raises(FrameError, match="name them with --column"):
        tables.heading_of(path)
    (found,) = tables.read_table(path, tables.heading_of(path, {"Strom": "current_a"}))
    assert found.values["current_a"].tolist() == [44.3]


def test_a_current_that_counts_charging_positive_is_turned(tmp_path: Path) -> None:
    amps = [(-1) ** k * 10 * (k % 7) for k in range(60)]
    rows = [f"{AT_S + k},{400 + 0.1 * a:.1f},{a}" for k, a in enumerate(amps)]
    found = read(table(tmp_path / "car.csv", "time,voltage,current", *rows))
    assert found.values["current_a"].tolist() == [-a for a in amps]
    assert "turned" in found.notes[0]
    rows = [f"{AT_S + k},{400 - 0.1 * a:.1f},{a}" for k, a in enumerate(amps)]
    found = read(table(tmp_path / "car.csv", "time,voltage,current", *rows))
    assert found.values["current_a"].tolist() == amps
    assert found.notes == []


def test_probes_that_carry_forty_degrees_lose_them(tmp_path: Path) -> None:
    head = "time,BMSProbeTempMax,BMSProbeTempMin,T_1,T_2"
    rows = ("1555321350,29,25,65,69", "1555321351,29,25,66,0", "1555321352,29,25,65,69")
    found = read(table(tmp_path / "a.csv", head, *rows))
    assert found.temps_degc.tolist() == [[25, 29], [26, -40], [25, 29]]
    assert reports(found)[1][9][0]["temps_c"] == [26, -40]  # what its byte said, 0, is sent again
    found = read(table(tmp_path / "b.csv", head, "1555321350,69,65,65,69"))
    assert found.temps_degc.tolist() == [[65, 69]]


def test_extremes_of_the_battery_itself_are_sent_without_a_place_that_nobody_recorded(
    tmp_path: Path,
) -> None:
    path = table(tmp_path / "car.csv", "time,BMSCellVoltageMax,BMSCellVoltageMin,T_1",
                 "2019-04-15 17:42:30,3.96,3.922,25")  # fmt: skip
    (report,) = reports(read(path))
    assert report[6]["vmax"] == [None, None, 3.96]
    assert report[6]["tmax"] == [None, None, None]


def test_unordered_rows_spans_and_several_vehicles(tmp_path: Path) -> None:
    path = table(tmp_path / "two.csv", "vin,time,soc", f"B,{AT_S + 2},30", f"A,{AT_S},10",
                 f"B,{AT_S + 1},20", f"B,{AT_S + 1},40", f"A,{AT_S + 9},90")  # fmt: skip
    found = tables.read_table(path, tables.heading_of(path), (AT_S, AT_S + 9))
    assert [r.vin for r in found] == ["B", "A"]
    assert found[0].values["soc_pct"].tolist() == [20, 40, 30]
    assert found[0].notes == [
        "the rows were not in the order of time and are sent oldest first",
        "reports of a second that has one already: 1; a centre keeps one",
    ]
    assert found[1].values["soc_pct"].tolist() == [10]
    with pytest.raises(FrameError, match="no row is within the span"):
        tables.read_table(path, tables.heading_of(path), (0, 1))


def made_up(cells: int, probes: int, rows: int = 3) -> Recording:
    at = AT_S + 30 * np.arange(rows)
    cells_mv = 3000.0 + np.arange(rows * cells).reshape(rows, cells) % 1000
    temps = 10.0 + np.arange(rows * probes).reshape(rows, probes) % 50
    return Recording("", at, {"current_a": np.full(rows, 12.3), "soc_pct": np.full(rows, 50.0),
                              "longitude_deg": np.array([106.5, -70.25, np.nan])[:rows],
                              "latitude_deg": np.array([29.5, -33.5, np.nan])[:rows]},
                     cells_mv.astype(np.float32), temps.astype(np.float32))  # fmt: skip


def cells_of(parts: Sequence[dict[str, Any]]) -> list[float]:
    return [v for part in parts for v in part["cells_v"]]


def test_a_large_pack_takes_two_frames_in_2016_and_one_in_2025() -> None:
    found = made_up(216, 54)
    old = reports(found)
    assert [sorted(k for k in f if isinstance(k, int)) for f in old] == [[1, 5, 8, 9], [8]] * 3
    assert [f[8][0]["start"] for f in old] == [1, 201] * 3
    wanted = [round(mv) / 1000 for mv in found.cells_mv[1].tolist()]
    assert cells_of(old[2][8] + old[3][8]) == wanted
    new = reports(found, edition=2025)
    assert len(new) == 3
    assert cells_of(new[1][7]) == wanted
    assert new[0][1]["a"] == 12.3


def test_packs_share_cells_and_probes_in_order() -> None:
    report = reports(made_up(8, 4), packs=2, command=REISSUE)[0]
    assert report["cmd"] == 3
    assert [(p["sub"], p["cells_v"][0], p["a"]) for p in report[8]] == [
        (1, 3.0, None), (2, 3.004, None),
    ]  # fmt: skip
    assert [p["temps_c"] for p in report[9]] == [[10, 11], [12, 13]]
    with pytest.raises(SettingsError, match="8 cells and 4 probes cannot be divided among 3"):
        Recorded(made_up(8, 4), VIN, packs=3)
    with pytest.raises(SettingsError, match="401 cells a pack"):
        Recorded(made_up(401, 0), VIN)


def test_positions_carry_their_hemisphere() -> None:
    east, west, nowhere = (r[5] for r in reports(made_up(2, 2)))
    assert (east["lon"], east["lat"]) == (106.5, 29.5)
    assert (west["lon"], west["lat"]) == (-70.25, -33.5)
    assert nowhere["lon"] is None


def test_sessions_are_dated_as_the_recording() -> None:
    made = Recorded(made_up(4, 2), VIN)
    login, logout = decode(made.session(is_login=True)), decode(made.session(is_login=False))
    assert (login["cmd"], login["id"], login["data"]["time"]) == (
        1,
        VIN,
        "2019-04-15T17:42:30+08:00",
    )
    assert (logout["cmd"], logout["data"]["time"]) == (4, "2019-04-15T17:43:30+08:00")


def test_limits_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path / "car.csv", "time,soc", *(f"{AT_S + k},1" for k in range(4)))
    monkeypatch.setattr(tables, "TABLE_ROWS_MAX", 3)
    with pytest.raises(LimitError, match="--from and --until"):
        read(path)
    monkeypatch.setattr(tables, "TABLE_COLUMNS_MAX", 1)
    with pytest.raises(LimitError, match="2 columns"):
        read(path)


def test_what_is_no_table_is_told_from_one(tmp_path: Path) -> None:
    assert tables.is_table(table(tmp_path / "a.csv.gz", "tboxTime,V_1", packed=True))
    assert not tables.is_table(table(tmp_path / "b.hex", "# frames", "232302fe"))
    assert not tables.is_table(table(tmp_path / "c.jsonl", '{"hex": "2323", "note": "x"}'))
    cut = tmp_path / "cut.csv.gz"
    whole = gzip.compress(b"time,soc\n" + b"".join(b"%d,%d\n" % (AT_S + k, k % 97)
                                                  for k in range(40_000)))  # fmt: skip
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FrameError, match=r"cut\.csv\.gz cannot be read as a table"):
        read(cut)


def test_no_spelling_means_two_things() -> None:
    assert len(SPELLINGS) == sum(len(q.spellings) for q in QUANTITIES.values())
    assert all(meaning(s) == (column, -1) for s, column in SPELLINGS.items())
