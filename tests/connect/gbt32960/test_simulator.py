"""The simulated city: its bytes against both decoders, its values against what roads allow."""

import tomllib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from millbrain.connect.gbt32960 import codec, columnar, framing
from millbrain.connect.gbt32960.simulator import cohort as motion
from millbrain.connect.gbt32960.simulator.cohort import City, Snapshot
from millbrain.connect.gbt32960.simulator.faults import BYTE_FAULTS, ValueFaults
from millbrain.connect.gbt32960.simulator.fleet import (
    STANDARD_PLAN,
    Model,
    Plan,
    plan_from,
    plate,
    vins,
)
from millbrain.connect.gbt32960.simulator.grid import Grid, layouts_of
from millbrain.connect.gbt32960.simulator.stream import Habits, reporters_of, session_frames
from millbrain.connect.gbt32960.simulator.terminal import Terminals
from millbrain.core.ids import is_vin

PACK = Path(__file__).resolve().parents[3] / "packs" / "chongqing"
NOON_S = datetime(2025, 10, 15, 4, tzinfo=UTC).timestamp()  # 12:00 in Beijing


def read(name: str) -> dict[str, object]:
    return tomllib.loads((PACK / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_from(read("regions.toml"), read("fleet.toml"))


def report(plan: Plan, model: Model, n: int = 40) -> tuple[Snapshot, list[np.ndarray]]:
    """One report of n vehicles: what they say, and their frames per layout."""
    vehicles = motion.Cohort(plan, model, np.arange(500, 500 + n), seed=3)
    vehicles.advance(NOON_S - 600, 600)
    snapshot = vehicles.advance(NOON_S, 10)
    return snapshot, [Grid(layout, n).write(snapshot).copy() for layout in layouts_of(model)]


def blocks(frame: bytes) -> dict[int, object]:
    decoded = codec.decode(frame)
    assert decoded["bcc_ok"]
    return {info["t"]: info["v"] for info in decoded["data"]["infos"]}


def models_of(plan: Plan) -> list[Model]:
    return [*plan.models, *STANDARD_PLAN.models]


# Bytes -------------------------------------------------------------------------------------------
def test_standard_frame_has_the_size_and_blocks_of_the_recorded_day() -> None:
    (_, (frames,)) = report(STANDARD_PLAN, STANDARD_PLAN.models[0])
    # 24 head, 6 time, vehicle 1+20, position 1+9, extremes 1+14, alarms 1+9,
    # cells 1+1+10+2*144, temperatures 1+1+3+72, 1 check: 32960.3-2016 tables 2 and 9 to 18, annex B
    assert frames.shape[1] == 24 + 6 + 21 + 10 + 15 + 10 + 300 + 77 + 1 == 464
    assert list(blocks(frames[0].tobytes())) == [1, 5, 6, 7, 8, 9]


def test_frame_sizes_by_hand(plan: Plan) -> None:
    sizes = {m.letter: [layout.size for layout in layouts_of(m)] for m in plan.models}
    # 2016: one motor is 2 + 12 bytes; a pack of cells 10 + 2n, of probes 3 + n
    assert sizes["A"] == [24 + 6 + 21 + 14 + 10 + 15 + 10 + (12 + 2 * 96) + (5 + 24) + 1]
    # 2025: vehicle 18, two motors of 10, position 10, alarms 10, no extremes
    assert sizes["F"] == [24 + 6 + 19 + 22 + 11 + 11 + (2 + 7 + 2 * 192) + (2 + 3 + 48) + 1]
    assert sizes["E"] == [
        24 + 6 + 21 + 14 + 10 + 15 + 10 + (12 + 2 * 200) + (5 + 54) + 1,
        24 + 6 + (12 + 2 * 16) + 1,
    ]
    assert sizes["G"] == [
        24 + 6 + 21 + 14 + 10 + 15 + 10 + (2 + 2 * (10 + 200)) + (2 + 2 * (3 + 16)) + 1
    ]


@pytest.mark.parametrize("letter", "ABCDEFGS")
def test_object_codec_reads_back_what_was_put_in(plan: Plan, letter: str) -> None:
    model = next(m for m in models_of(plan) if m.letter == letter)
    snapshot, grids = report(plan if letter != "S" else STANDARD_PLAN, model)
    is_2016 = model.edition == 2016
    for i in range(0, 40, 7):
        frame = grids[0][i].tobytes()
        decoded, found = codec.decode(frame), blocks(frame)
        assert decoded["id"] == snapshot.vin[i].tobytes().decode()
        at = datetime.fromisoformat(decoded["data"]["time"])
        assert at.timestamp() == snapshot.device_s[i]
        vehicle = found[1]
        for key, signal, step in (
            ("speed_kmh", "speed_kmh", 0.1), ("odo_km", "odometer_km", 0.1),
            ("v", "voltage_v", 0.1), ("a", "current_a", 0.1), ("soc", "soc_pct", 1),
            ("status", "vehicle_state", 1), ("charge", "charge_state", 1),
        ):  # fmt: skip
            assert vehicle[key] == pytest.approx(snapshot.signal(signal)[i], abs=0.51 * step), key
        assert found[5]["lon"] == pytest.approx(snapshot.signal("longitude_deg")[i], abs=1e-6)
        assert found[5]["lat"] == pytest.approx(snapshot.signal("latitude_deg")[i], abs=1e-6)
        halves = [blocks(g[i].tobytes())[8 if is_2016 else 7] for g in grids]
        cells = [v for k in range(model.packs) for half in halves for v in half[k]["cells_v"]]
        assert np.rint(np.array(cells) * 1000).tolist() == snapshot.cells_mv[i].tolist()
        temps = [t for pack in found[9 if is_2016 else 8] for t in pack["temps_c"]]
        assert temps == snapshot.temps_degc[i].tolist()
        assert len(found.get(2, [])) == model.motors


def test_extremes_name_the_first_cell_and_probe(plan: Plan) -> None:
    model = next(m for m in plan.models if m.letter == "G")  # two packs
    snapshot, (frames,) = report(plan, model)
    for i in range(20):
        found = blocks(frames[i].tobytes())[6]
        top, low = int(np.argmax(snapshot.cells_mv[i])), int(np.argmin(snapshot.cells_mv[i]))
        assert found["vmax"] == [top // 100 + 1, top % 100 + 1, max(snapshot.cells_mv[i]) / 1000]
        assert found["vmin"] == [low // 100 + 1, low % 100 + 1, min(snapshot.cells_mv[i]) / 1000]
        hot = int(np.argmax(snapshot.temps_degc[i]))
        assert found["tmax"] == [hot // 16 + 1, hot % 16 + 1, max(snapshot.temps_degc[i])]


def test_columnar_decoder_reads_the_same_values(plan: Plan) -> None:
    model = next(m for m in plan.models if m.letter == "B")
    snapshot, (frames,) = report(plan, model)
    size = frames.shape[1]
    starts = np.arange(len(frames), dtype=np.int32) * size
    decoded = columnar.decode_columns(frames.reshape(-1), starts, starts + np.int32(size))
    assert (decoded.status == columnar.OK).all()
    values = decoded.columns.values
    assert values["device_at"].tolist() == snapshot.device_s.tolist()
    assert np.allclose(values["speed_kmh"], snapshot.signal("speed_kmh"), atol=0.051)
    assert values["cells_mv"].values.tolist() == snapshot.cells_mv.reshape(-1).tolist()
    assert values["temps_degc"].values.tolist() == snapshot.temps_degc.reshape(-1).tolist()


def test_split_pack_makes_two_frames_of_one_report(plan: Plan) -> None:
    model = next(m for m in plan.models if m.letter == "E")
    _, (first, second) = report(plan, model)
    one, two = blocks(first[0].tobytes())[8][0], blocks(second[0].tobytes())[8][0]
    assert (one["start"], one["n"], two["start"], two["n"]) == (1, 200, 201, 16)
    assert one["cells_total"] == two["cells_total"] == 216
    assert first[0, 24:30].tolist() == second[0, 24:30].tolist()
    assert list(blocks(second[0].tobytes())) == [8]


def test_sessions_decode() -> None:
    vin = vins("A", np.arange(3))
    at = np.full(3, int(NOON_S))
    for edition in (2016, 2025):
        login = codec.decode(session_frames(edition, 1, vin, at, np.arange(1, 4))[2].tobytes())
        assert (login["cmd"], login["bcc_ok"], login["data"]["serial"]) == (1, True, 3)
        assert login["data"]["time"] == "2025-10-15T12:00:00+08:00"
        logout = codec.decode(session_frames(edition, 4, vin, at, np.arange(1, 4))[0].tobytes())
        assert (logout["cmd"], logout["len"], logout["data"]["serial"]) == (4, 8, 1)


# Who they are ------------------------------------------------------------------------------------
def test_vins_are_right_and_of_no_country() -> None:
    serials = np.array([0, 1, 9, 10, 4711, 123_456, 799_999])
    for row in vins("G", serials):
        vin = row.tobytes().decode()
        assert is_vin(vin), vin
        assert vin.startswith("0SM")


def test_plates_do_not_repeat_and_say_that_they_are_simulated() -> None:
    plates = {plate(serial) for serial in range(0, 800_000, 7)}
    assert len(plates) == len(range(0, 800_000, 7))
    assert all(p.startswith("渝") and p.endswith("（仿真）") for p in plates)


def test_register_names_every_vehicle_once(plan: Plan) -> None:
    rows = list(City(plan, 3000, seed=2).things())
    known = {v for batch in rows for v in batch.values["vin"].tolist()}
    assert len(known) == sum(batch.rows for batch in rows) == 3000
    assert all(b.values["simulated"].all() for b in rows)
    assert all("simulated" in m.decode() for b in rows for m in set(b.values["model"].tolist()))


# How they live -----------------------------------------------------------------------------------
def test_a_day_is_believable(plan: Plan) -> None:
    city = City(plan, 4000, seed=5)
    midnight_s = NOON_S - 12 * 3600
    city.settle(midnight_s)
    driving: dict[int, float] = {}
    for step in range(1, 145):
        at_s = midnight_s + step * 600
        phases = []
        for vehicles in city.cohorts:
            check_physics(vehicles, vehicles.advance(at_s, 600))
            phases.append(vehicles.phase.copy())
        phase = np.concatenate(phases)
        driving[step // 6 % 24] = float((phase == motion.DRIVING).mean())
        assert 0.01 < (phase == motion.CHARGING).mean() < 0.45
    assert driving[3] < 0.15 < driving[8]
    assert driving[18] > 2 * driving[3]


def check_physics(vehicles: motion.Cohort, s: Snapshot) -> None:
    model = vehicles.model
    low, high = {"LFP": (2300, 3700), "NCM": (2700, 4400)}[model.chemistry]
    assert s.cells_mv.min() > low, model.name
    assert s.cells_mv.max() < high, model.name
    sums_v = s.cells_mv[:, : model.cells].sum(1) / 1000
    assert np.abs(sums_v / s.signal("voltage_v") - 1).max() < 0.01
    assert s.signal("speed_kmh").min() >= 0
    assert s.signal("speed_kmh").max() <= 120
    assert s.signal("soc_pct").min() >= 1
    assert s.signal("soc_pct").max() <= 100
    assert s.temps_degc.min() > -10
    assert s.temps_degc.max() < 65
    charging = s.signal("charge_state") == 1
    assert (s.signal("current_a")[charging] < 0).all()
    assert (s.signal("speed_kmh")[charging] == 0).all()
    assert np.abs(s.signal("longitude_deg") - 107.75).max() < 2.6
    assert np.abs(s.signal("latitude_deg") - 30.15).max() < 2.1


def test_cells_differ_as_real_ones_do(plan: Plan) -> None:
    vehicles = motion.Cohort(plan, plan.models[1], np.arange(1000), seed=1)
    parked, driving = [], []
    for k in range(6):
        s = vehicles.advance(NOON_S + k * 60, 60)
        spread = s.cells_mv.max(1).astype(int) - s.cells_mv.min(1)
        is_loaded = np.abs(s.signal("current_a")) > 60
        parked.append(spread[s.signal("current_a") == 0])
        driving.append(spread[is_loaded])
    assert 8 < np.concatenate(parked).mean() < 40  # mV at rest: static imbalance and noise
    assert np.concatenate(driving).mean() > np.concatenate(parked).mean() + 1  # contact resistance
    first, second = vehicles.advance(NOON_S + 400, 10), vehicles.advance(NOON_S + 410, 10)
    resting = (first.signal("current_a") == 0) & (second.signal("current_a") == 0)
    drop = first.cells_mv[resting].astype(int) - second.cells_mv[resting]
    assert 0.3 < np.abs(drop).mean() < 3  # the noise of a measurement, every tick anew


def test_odometer_counts_the_way(plan: Plan) -> None:
    vehicles = motion.Cohort(plan, plan.models[2], np.arange(500), seed=1)
    before = vehicles.advance(NOON_S, 10)
    after = vehicles.advance(NOON_S + 10, 10)
    way = after.signal("odometer_km") - before.signal("odometer_km")
    assert np.allclose(way, after.signal("speed_kmh") * 10 / 3600, atol=1e-6)


def test_same_seed_same_bytes(plan: Plan) -> None:
    faults = {"duplicate": 0.02, "bad_bcc": 0.02, "cell_drift": 0.1}

    def bytes_of(seed: int) -> bytes:
        reporters = reporters_of(City(plan, 300, seed), Habits(faults=faults), seed)
        return b"".join(
            bytes(piece)
            for k in range(3)
            for r in reporters
            for piece in r.report(NOON_S + 10 * k, 10, Counter())
        )

    assert bytes_of(4) == bytes_of(4)
    assert bytes_of(4) != bytes_of(5)


# What goes wrong ---------------------------------------------------------------------------------
def test_value_faults(plan: Plan) -> None:
    model = plan.models[1]  # edition 2025
    vehicles = motion.Cohort(plan, model, np.arange(200), seed=1)
    clean = vehicles.advance(NOON_S, 10)
    for kind in ("cell_drift", "sense_wire", "stuck_cell", "stuck_probe", "thermal_event"):
        faults = ValueFaults(model, 200, {kind: 0.5}, 1)
        rows = faults.rows[kind]
        assert 60 < len(rows) < 140
        spoiled = motion.Snapshot(
            clean.vin, clean.device_s, clean.signals.copy(), clean.cells_mv.copy(),
            clean.temps_degc.copy(), clean.awake, clean.woke, clean.slept,
        )  # fmt: skip
        faults.apply(spoiled, NOON_S)
        later = vehicles.advance(NOON_S + 3600, 10)
        before = later.cells_mv.copy().astype(int)
        faults.apply(later, NOON_S + 3600)
        change = later.cells_mv.astype(int) - before
        others = np.setdiff1d(np.arange(200), rows)
        assert not change[others].any()
        cell = change[rows, faults.cell[rows]]
        if kind == "cell_drift":
            assert (cell == -45).all()  # 25 mV at once and 20 mV an hour
        if kind == "sense_wire":
            assert (cell == 80).all()
            assert (change[rows, faults.cell[rows] + 1] == -80).all()
        if kind == "stuck_cell":
            kept = later.cells_mv[rows, faults.cell[rows]]
            assert (kept == clean.cells_mv[rows, faults.cell[rows]]).all()
        if kind == "stuck_probe":
            assert (later.temps_degc[rows, faults.probe[rows]] == 25).all()
        if kind == "thermal_event":
            assert (spoiled.signal("alarm_level")[rows] < 4).all()  # it comes without a precursor
            assert (later.signal("alarm_level")[rows] == 4).all()
            frames = Grid(layouts_of(model)[0], 200).write(later)
            assert blocks(frames[rows[0]].tobytes())[6]["flags"] == [1, 23]
            assert later.temps_degc[rows].max() > 120


def test_clock_skew_moves_the_device_time_only(plan: Plan) -> None:
    model = plan.models[0]
    snapshot = motion.Cohort(plan, model, np.arange(100), seed=1).advance(NOON_S, 10)
    right = snapshot.device_s.copy()
    faults = ValueFaults(model, 100, {"clock_skew": 1.0}, 1)
    faults.apply(snapshot, NOON_S)
    assert set((snapshot.device_s - right).tolist()) <= {-28800, -3600, -300, 300, 3600, 28800}
    frame = Grid(layouts_of(model)[0], 100).write(snapshot)[7].tobytes()
    at = datetime.fromisoformat(codec.decode(frame)["data"]["time"])
    assert at.timestamp() == snapshot.device_s[7]


@pytest.mark.parametrize("kind", [k for k in BYTE_FAULTS if k != "outage"])
def test_byte_faults_are_what_the_tally_says(kind: str) -> None:
    city = City(STANDARD_PLAN, 2000, seed=1)
    habits = Habits(sleep=False, logins=False, faults={kind: 0.05})
    tally: Counter[str] = Counter()
    (reporter,) = reporters_of(city, habits)
    raw = b"".join(bytes(p) for p in reporter.report(NOON_S, 10, tally))
    found = framing.split(raw, final=True)
    good = [raw[s:e] for s, e, ok in found.frames if ok]
    assert 60 < tally[kind] < 140
    assert len(good) == tally["frames"]
    if kind == "duplicate":
        assert len(set(good)) == 2000 == len(good) - tally[kind]
    if kind == "bad_bcc":
        assert len([1 for *_, ok in found.frames if not ok]) == tally[kind]
    if kind == "truncated":
        assert len(found.cut) == tally[kind]
    if kind == "garbage":
        assert sum(e - s for s, e in found.garbage) == 40 * tally[kind]
    if kind == "unknown_block":
        assert sum(len(frame) == 464 + 7 for frame in good) == tally[kind]


def test_outage_holds_frames_back_and_sends_them_as_reissue() -> None:
    city = City(STANDARD_PLAN, 200, seed=1)
    habits = Habits(sleep=False, logins=False, faults={"outage": 0.25})
    (reporter,) = reporters_of(city, habits)
    tally: Counter[str] = Counter()
    commands: Counter[int] = Counter()
    seen: set[tuple[bytes, bytes]] = set()
    for k in range(18):  # three minutes: link, no link, link
        raw = b"".join(bytes(p) for p in reporter.report(NOON_S + 10 * k, 10, tally))
        for start, _, ok in framing.split(raw, final=True).frames:
            assert ok
            commands[raw[start + 2]] += 1
            seen.add((raw[start + 4 : start + 21], raw[start + 24 : start + 30]))
    assert len(seen) == 200 * 18  # nothing lost
    assert commands[3] == tally["reissued"]
    assert 6 * 30 < commands[3] < 6 * 70


def test_unknown_fault_is_refused() -> None:
    city = City(STANDARD_PLAN, 10)
    with pytest.raises(ValueError, match="no fault 'rust'"):
        reporters_of(city, Habits(faults={"rust": 0.1}))
    with pytest.raises(ValueError, match="allowed is 0 to 1"):
        reporters_of(city, Habits(faults={"garbage": 2}))
    with pytest.raises(ValueError, match="800000"):
        City(STANDARD_PLAN, 800_001)


def test_sleeping_vehicles_log_out_and_wake_with_a_login(plan: Plan) -> None:
    city = City(plan, 400, seed=3)
    city.settle(NOON_S)
    reporters = reporters_of(city, Habits())
    commands: Counter[tuple[bytes, int]] = Counter()
    reports = 0
    for k in range(60):
        for r in reporters:
            raw = b"".join(bytes(p) for p in r.report(NOON_S + 60 * k, 60, Counter()))
            for start, _, _ in framing.split(raw, final=True).frames:
                commands[raw[start + 4 : start + 21], raw[start + 2]] += 1
                reports += raw[start + 2] == 2
    assert reports < 400 * 60 * 0.7
    for (vin, command), count in commands.items():
        if command == 4:
            assert 0 <= commands[vin, 1] - count <= 1


# The districts -----------------------------------------------------------------------------------
def test_districts_stand_on_tiles_of_their_own() -> None:
    rows = read("regions.toml")["region"]
    assert len(rows) == 37  # 38 until 2025-11-05, then two became one
    assert len({(r["col"], r["row"]) for r in rows}) == len({r["code"] for r in rows}) == 37
    place = {r["short"]: (r["col"], r["row"]) for r in rows}
    assert place["城口"][1] == 0
    assert max(place.values(), key=lambda p: p[1]) == place["秀山"]
    assert max(place.values()) in (place["巫山"], place["巫溪"])
    west_to_east = ["荣昌", "永川", "江津", "南岸", "涪陵", "丰都", "石柱"]
    assert [place[n][0] for n in west_to_east] == sorted(place[n][0] for n in west_to_east)


def test_districts_agree_with_the_reference_table(shared_data: Path) -> None:
    import csv

    ours = {r["name_zh"]: r for r in read("regions.toml")["region"]}
    with (shared_data / "brain" / "chongqing_divisions.csv").open(encoding="utf-8") as file:
        theirs = {r["name_zh"]: r for r in csv.DictReader(file) if not r["valid_to"]}
    assert ours.keys() == theirs.keys()
    for name, row in theirs.items():
        found = ours[name]
        assert found["code"] == (row["code_gb2260"] or "5001LJ")
        assert (found["name"], found["group"]) == (row["name_en"], row["region_group"])
        assert abs(found["lon"] - float(row["lon_seat_0.1"])) < 0.07, name
        assert abs(found["lat"] - float(row["lat_seat_0.1"])) < 0.07, name


# Commands from above -----------------------------------------------------------------------------
def command(edition: int, number: int, unit: str) -> bytes:
    six = bytes((25, 1, 2, 3, 4, 5))
    vin = "0SMSMA006S1000001"
    return framing.build_frame(edition, number, 0xFE, vin, six + bytes.fromhex(unit))


def test_terminal_keeps_what_it_was_told() -> None:
    terminals = Terminals()
    # set two items: report period 02 = 20 s (a word in 2016), heartbeat period 09 = 30 s
    done = codec.decode(terminals.respond(command(2016, 0x81, "02 02 0014 09 1e")))
    assert (done["cmd"], done["resp"], done["len"]) == (0x81, 1, 6)
    asked = terminals.respond(command(2016, 0x80, "03 02 09 08"))
    assert asked[24:-1].hex(" ", 1).startswith("19 01 02 03 04 05 03 02 00 14 09 1e 08")
    assert asked[24:-1].endswith(b"1.0.0")
    assert codec.decode(asked)["resp"] == 1


def test_terminal_refuses_a_set_with_one_wrong_item_whole() -> None:
    terminals = Terminals()
    # 2025: the report period is one byte of 1..30; 0x40 is too much, the other item is right
    refused = codec.decode(terminals.respond(command(2025, 0x81, "02 09 1e 02 40")))
    assert refused["resp"] == 2
    asked = terminals.respond(command(2025, 0x80, "02 02 09"))
    assert asked[24 + 6 : -1] == bytes.fromhex("02 02 0a 09 3c")  # as delivered: 10 s, 60 s


def test_terminal_answers_control_with_the_time_alone() -> None:
    done = Terminals().respond(command(2016, 0x82, "03"))
    assert (done[3], done[24:-1]) == (1, bytes((25, 1, 2, 3, 4, 5)))
