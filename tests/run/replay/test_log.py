"""Reading a recorded log: what is odd is named, what is wrong is left out and told."""

import gzip
from pathlib import Path

import pytest

from millbrain.core.errors import SettingsError
from millbrain.core.plant.states import MachineState
from millbrain.run.replay.discover import code, routings
from millbrain.run.replay.log import oddities, read_log
from millbrain.run.replay.states import busy_s, values_of
from tests.run.replay import made_log


def test_oddities_are_counted(tmp_path: Path) -> None:
    odd = oddities(read_log(made_log.write(tmp_path)).rows)
    assert (odd.no_pieces, odd.placeholders, odd.repeated, odd.unexplained) == (1, 2, 1, 1)
    assert (odd.overlapping, odd.disagreeing, odd.zones) == (1, 0, ("+0800",))


def test_the_same_row_has_the_same_ids_wherever_it_stands(tmp_path: Path) -> None:
    path = made_log.write(tmp_path)
    first = [row.id(0) for row in read_log(path)]
    assert len(set(first)) == 7, "rows that say the same are two reports"
    turned = "\n".join(reversed(made_log.ROWS.splitlines()))
    again = [row.id(0) for row in read_log(made_log.write(tmp_path, turned))]
    assert sorted(again) == sorted(first)
    assert sorted(first)[0] == first[0], "ids sort by instant"


def test_compressed_or_not_is_the_same_log(tmp_path: Path) -> None:
    path = made_log.write(tmp_path)
    packed = tmp_path / "log.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_log(packed) == read_log(path)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("2012-01-30T12:00:00.000+08:00", "2012-01-30T12:00:00", "time zone"),
        ("2012-01-30T12:00:00.000+08:00", "2012-01-30T10:00:00.000+08:00", "before its start"),
        ("001:30", "90", "span"),
        ("ID2,D", "ID2,X", "report type"),
        ("ID2,D,5", "ID2,D,-5", "pieces"),
        ("ID2,", ",", "worker"),
    ],
)
def test_a_wrong_row_is_left_out_and_named(tmp_path: Path, old: str, new: str, why: str) -> None:
    assert old in made_log.ROWS
    log = read_log(made_log.write(tmp_path, made_log.ROWS.replace(old, new)))
    assert len(log.rows) == 6
    assert why in log.wrong[4]


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="qty_rejected"):
        read_log(made_log.write(tmp_path, "", "case,activity"))
    with pytest.raises(SettingsError, match="cannot be read"):
        read_log(tmp_path / "absent.csv")


def test_routing_of_a_part_by_hand(tmp_path: Path) -> None:
    found = routings(read_log(made_log.write(tmp_path)).rows)
    turning, check = found["Cable Head"]
    assert (turning.activity, turning.setup_s) == ("Turning", 3600)
    assert turning.run_s == 3 * 3600 / 10  # two rows of type D: three hours, ten pieces
    assert (check.activity, check.run_s) == ("Turning Q.C.", 0)
    assert found["Plug"][0].resources == ("Machine 4 - Turning",)
    assert code("Machine 7- Laser Marking") == "MACHINE-7-LASER-MARKING"


def test_states_and_counters_of_a_machine_by_hand(tmp_path: Path) -> None:
    rows = [r for r in read_log(made_log.write(tmp_path)) if r.resource.startswith("Machine")]
    values = values_of("M", rows, {r.line: f"{r.case}/010" for r in rows})
    begin = 1_327_881_600_000  # 2012-01-30 08:00 in +08:00
    hour = 3_600_000
    states = [((v.at_ms - begin) / hour, v.value) for v in values if v.signal == "machine_state"]
    assert states == [(0, 3), (1, 1), (4, 2), (25, 1), (26, 2)]
    reasons = [((v.at_ms - begin) / hour, v.text) for v in values if v.signal == "stop_reason"]
    assert reasons == [(0, ""), (24, "log-b"), (24.5, "")]
    jobs = [((v.at_ms - begin) / hour, v.text) for v in values if v.signal == "order_operation"]
    assert jobs[:3] == [(0, "Case 1/010"), (2.5, "Case 2/010"), (4, "")]
    good = [((v.at_ms - begin) / hour, v.value) for v in values if v.signal == "good_count"]
    assert good == [(0, 0), (1, 1), (3, 8), (4, 13), (26, 15)]
    assert busy_s(rows) == {MachineState.SETUP: 3600, MachineState.PRODUCING: 4 * 3600}


def test_a_station_that_books_no_time_is_idle_and_says_so_again(tmp_path: Path) -> None:
    first = next(r for r in made_log.ROWS.splitlines() if "Quality Check 1" in r)
    later = first.replace("2012-01-31", "2012-04-15")
    rows = read_log(made_log.write(tmp_path, f"{first}\n{later}")).rows
    values = values_of("Q", rows, {r.line: "Case 1/010" for r in rows})
    day = 86_400_000
    states = [(v.at_ms // day, v.value) for v in values if v.signal == "machine_state"]
    assert states == [(15369, MachineState.IDLE), (15444, MachineState.IDLE)]
    assert busy_s(rows) == {}


def test_the_recorded_log_is_read_whole(shared_data: Path) -> None:
    log = read_log(shared_data / "factory" / "production_event_log.csv.gz")
    assert not log.wrong
    lines = gzip.decompress(
        (shared_data / "factory" / "production_event_log.csv.gz").read_bytes()
    ).count(b"\n")
    assert len(log.rows) in (lines - 1, lines)
    assert len({row.id(0) for row in log}) == len(log.rows)
