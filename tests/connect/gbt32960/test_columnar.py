"""The columnar decoder against recorded frames, against the object codec, and by hand."""

import gzip
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millbrain.connect.gbt32960 import codec, columnar, framing
from millbrain.connect.gbt32960.columnar import MARKED_COLUMNS, Decoded
from millbrain.core import facts
from millbrain.core.columns import Ragged
from millbrain.core.facts import VEHICLE_REPORT
from millbrain.core.times import beijing_from_six

VIN = "LNEVTEST0N0000007"
SIX = bytes.fromhex("190b030e053b")
VEHICLE = bytes.fromhex("01 03 01 007b 00003039 1770 2710 55 01 0e 09c4 00 00")


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    columnar.warm_up()


def report(edition: int, *blocks: bytes, command: int = 2, six: bytes = SIX) -> bytes:
    return framing.build_frame(edition, command, 0xFE, VIN, six + b"".join(blocks))


def decode(*frames: bytes) -> Decoded:
    buffer = np.frombuffer(b"".join(frames), np.uint8)
    ends = np.cumsum([len(f) for f in frames], dtype=np.int32)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int32)
    return columnar.decode_columns(buffer, starts, ends)


def row_of(decoded: Decoded, row: int) -> dict[str, Any]:
    """One row as plain values, None where missing; columns left out are not there."""
    columns = decoded.columns
    found: dict[str, Any] = {}
    for name, column in columns.values.items():
        if isinstance(column, Ragged):
            found[name] = column.values[column.offsets[row] : column.offsets[row + 1]].tolist()
        elif name in columns.missing and columns.missing[name][row]:
            found[name] = None
        else:
            found[name] = column[row].item()
    return found


# What an object means as a row, written from the meaning of the columns --------------------------

_VEHICLE = {
    "vehicle_state": "status", "charge_state": "charge", "power_mode": "mode",
    "speed_kmh": "speed_kmh", "odometer_km": "odo_km", "voltage_v": "v", "current_a": "a",
    "soc_pct": "soc", "dcdc_state": "dcdc", "insulation_kohm": "insul_kohm",
    "accelerator_pct": "accel", "brake_pct": "brake",
}  # fmt: skip
_FUEL_CELL = {
    "fuel_cell_voltage_v": "v", "fuel_cell_current_a": "a", "hydrogen_rate_kgp100km": "kg100",
    "hydrogen_max_degc": "h_max_c", "hydrogen_probe_no": "h_tp", "hydrogen_max_mgpkg": "h_conc",
    "hydrogen_max_pct": "h_conc_pct", "hydrogen_sensor_no": "h_cs", "hydrogen_max_mpa": "h_mpa",
    "hydrogen_pressure_no": "h_ps", "fuel_cell_dcdc_state": "dcdc", "hydrogen_left_pct": "h2_pct",
    "fuel_cell_dcdc_degc": "dcdc_c",
}  # fmt: skip
_ENGINE = {"engine_state": "state", "engine_speed_rpm": "rpm", "fuel_rate_lp100km": "l100"}
_MOTOR = {
    "motor_no": "no", "motor_state": "state", "motor_controller_degc": "ctrl_c",
    "motor_speed_rpm": "rpm", "motor_torque_nm": "nm", "motor_degc": "motor_c",
    "motor_voltage_v": "v", "motor_current_a": "a",
}  # fmt: skip
_BITS = {
    2016: {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 8: 7, 9: 8},
    2025: {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 6, 7: 7, 8: 8},
}


def expected_row(obj: dict[str, Any]) -> dict[str, Any]:
    """The columns that a decoded object fills, None where missing."""
    row: dict[str, Any] = {"vin": obj["id"].encode("latin-1"), "edition": obj["ver"],
                           "reissued": int(obj["cmd"] == 3)}  # fmt: skip
    seen: set[int] = set()
    mask = 0
    for info in obj["data"]["infos"]:
        bit = _BITS[obj["ver"]].get(info["t"], facts.BLOCK_OTHER)
        if bit in seen:
            bit = facts.BLOCK_OTHER
        seen.add(bit)
        mask |= 1 << bit
        if bit != facts.BLOCK_OTHER:
            _FILL[bit](row, info["v"])
    if not mask >> facts.BLOCK_EXTREMES & 1 and _compute_extremes(row):
        mask |= 1 << facts.BLOCK_EXTREMES
    return row | {"blocks": mask}


def _copied(names: dict[str, str]) -> Any:
    def fill(row: dict[str, Any], v: dict[str, Any]) -> None:
        row |= {column: v[key] for column, key in names.items() if key in v}

    return fill


def _fill_vehicle(row: dict[str, Any], v: dict[str, Any]) -> None:
    _copied(_VEHICLE)(row, v)
    row["gear_code"] = v["gear"] | v["brake_force"] << 4 | v["drive_force"] << 5


def _fill_motors(row: dict[str, Any], v: list[dict[str, Any]]) -> None:
    row |= {column: [m.get(key) for m in v] for column, key in _MOTOR.items()}


def _fill_fuel_cell(row: dict[str, Any], v: dict[str, Any]) -> None:
    _copied(_FUEL_CELL)(row, v)
    if "probes" in v:
        row["fuel_cell_probes_degc"] = v["probes"] or []


def _fill_position(row: dict[str, Any], v: dict[str, Any]) -> None:
    row |= {"longitude_deg": v["lon"], "latitude_deg": v["lat"], "is_valid": v["valid"]}
    if "sys" in v:
        row["coordinate_system"] = v["sys"]


def _fill_extremes(row: dict[str, Any], v: dict[str, Any]) -> None:
    for key, stem in (("vmax", "cell_max"), ("vmin", "cell_min"), ("tmax", "temp_max"),
                      ("tmin", "temp_min")):  # fmt: skip
        pack, no, value = v[key]
        row |= {f"{stem}_pack_no": pack, f"{stem}_no": no}
        if key[0] == "v":
            row[f"{stem}_mv"] = None if value is None else round(value * 1000)
        else:
            row[f"{stem}_degc"] = value


def _fill_alarms(row: dict[str, Any], v: dict[str, Any]) -> None:
    row["alarm_level"] = v["level"]
    row["alarm_flags"] = sum(1 << bit for bit in v["flags"])
    codes = []
    for number, key in enumerate(("ess", "motor", "engine", "other"), start=1):
        codes += [number << 32 | int(code, 16) for code in v[key] or []]
    codes += [5 << 32 | flag << 8 | level for flag, level in v.get("general_levels") or []]
    row["alarm_codes"] = codes


def _fill_cells(row: dict[str, Any], v: list[dict[str, Any]]) -> None:
    row["pack_no"] = [p["sub"] for p in v]
    row["pack_voltage_v"] = [p["v"] for p in v]
    row["pack_current_a"] = [p["a"] for p in v]
    row["pack_cell_count"] = [len(p["cells_v"]) for p in v]
    row["cells_mv"] = [None if c is None else round(c * 1000) for p in v for c in p["cells_v"]]
    row["_first"] = [p["start"] if "n" in p and p["n"] < p["cells_total"] else 1 for p in v]


def _fill_temps(row: dict[str, Any], v: list[dict[str, Any]]) -> None:
    row["_temp_pack_no"] = [p["sub"] for p in v]
    row["pack_temp_count"] = [len(p["temps_c"]) for p in v]
    row["temps_degc"] = [t for p in v for t in p["temps_c"]]


_FILL = {
    facts.BLOCK_VEHICLE: _fill_vehicle, facts.BLOCK_MOTOR: _fill_motors,
    facts.BLOCK_FUEL_CELL: _fill_fuel_cell, facts.BLOCK_ENGINE: _copied(_ENGINE),
    facts.BLOCK_POSITION: _fill_position, facts.BLOCK_EXTREMES: _fill_extremes,
    facts.BLOCK_ALARM: _fill_alarms, facts.BLOCK_CELLS: _fill_cells, facts.BLOCK_TEMPS: _fill_temps,
}  # fmt: skip


def _compute_extremes(row: dict[str, Any]) -> bool:
    """Highest and lowest of cells and probes; whether there was any."""
    found = False
    for kind, unit, values, counts, packs, firsts in (
        ("cell", "mv", "cells_mv", "pack_cell_count", "pack_no", "_first"),
        ("temp", "degc", "temps_degc", "pack_temp_count", "_temp_pack_no", None),
    ):
        places = [
            (pack, first + i)
            for pack, count, first in zip(
                row.get(packs, []), row.get(counts, []),
                row.get(firsts, []) if firsts else [1] * len(row.get(packs, [])), strict=True,
            )
            for i in range(count)
        ]  # fmt: skip
        good = [(v, p) for v, p in zip(row.get(values, []), places, strict=True) if v is not None]
        for which, choose in (("max", max), ("min", min)):
            if good:
                found = True
                value, (pack, no) = choose(good, key=lambda g: g[0])
                row |= {f"{kind}_{which}_{unit}": value, f"{kind}_{which}_pack_no": pack,
                        f"{kind}_{which}_no": no & 0xFFFF}  # fmt: skip
    return found


_FILLERS = {"cells_mv": (65534, 65535), "temps_degc": (214, 215),
            "fuel_cell_probes_degc": (214, 215)}  # fmt: skip


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Every column says what the object says; columns that it does not fill are empty."""
    for column in VEHICLE_REPORT.columns:
        name = column.name
        if name not in found or name in ("device_at", "frame_count", "abnormal", "invalid",
                                         "undecoded_bytes", "other_blocks"):  # fmt: skip
            assert name not in expected or expected[name] in (None, [])
            continue
        have, want = found[name], expected.get(name, [] if column.many else None)
        if name == "gear_code" and want is not None:
            have &= 0x3F
        if name == "position_state":
            assert "is_valid" not in expected or have & 1 == (not expected["is_valid"])
        elif isinstance(have, list):
            assert len(have) == len(want), name
            for h, w in zip(have, want, strict=True):
                _assert_value(column, h, w)
        else:
            _assert_value(column, have, want)


def _assert_value(column: Any, have: Any, want: Any) -> None:
    name, kind = column.name, column.kind
    if want is None:
        if name in _FILLERS:
            assert have in _FILLERS[name], name
        elif kind == "f32" and have is not None:
            assert np.isnan(have), name
        elif have is not None:  # a column that is never NULL: blank, or a marker kept
            assert have in (column.blank, 254, 255), name
    elif kind == "f32":
        assert np.float32(have) == np.float32(want), name
    else:
        assert have == want, name


def check(frames: Sequence[bytes], objects: Sequence[dict[str, Any]] | None = None) -> Decoded:
    """Compare all frames, decoded as one batch, with their objects."""
    decoded = decode(*frames)
    objects = objects or [codec.decode(f) for f in frames]
    rows = {int(f): row_of(decoded, i) for i, f in enumerate(decoded.frame)}
    for i, obj in enumerate(objects):
        is_report = obj["cmd"] in (2, 3) and obj["resp"] == 0xFE and obj["enc"] == 1
        stopped = obj.get("stopped_at")
        if not is_report:
            assert decoded.status[i] == columnar.OTHER
        elif obj.get("bad_time"):
            assert decoded.status[i] == columnar.BAD_TIME
        elif stopped is not None and not obj["data"]["infos"]:
            reason = columnar.UNKNOWN_BLOCK if "type" in obj["why"] else columnar.STRUCTURE
            assert decoded.status[i] == reason
        else:
            noted = columnar.NOTED if stopped else 0
            assert int(decoded.status[i]) & ~columnar.PARTIAL == noted
            assert rows[i]["undecoded_bytes"] == (obj["len"] - stopped if stopped else 0)
            at = beijing_from_six(frames[i][24:30])
            assert at is not None
            assert rows[i]["device_at"] == at.timestamp()
            assert_same(rows[i], expected_row(obj))
    assert set(rows) == set(np.flatnonzero(decoded.status < columnar.REFUSED).tolist())
    return decoded


# Recorded frames --------------------------------------------------------------------------------


def test_recorded_frames_equal_their_expected_objects(shared_data: Path) -> None:
    lines = (shared_data / "nev/frames.jsonl").read_text().splitlines()
    cases = [json.loads(line) for line in lines]
    cases = [c for c in cases if c["expected"]["bcc_ok"]]
    frames = [bytes.fromhex(c["hex"]) for c in cases]
    decoded = check(frames, [c["expected"] for c in cases])
    assert len(decoded.frame) == 20
    for frame, case in zip(frames, cases, strict=True):  # alone, other columns are left out
        check([frame], [case["expected"]])


def test_recorded_day_equals_the_object_codec(shared_data: Path) -> None:
    packed = next((shared_data / "nev").glob("day_*.hex.gz")).read_bytes()
    frames = [bytes.fromhex(line) for line in gzip.decompress(packed).decode().split()]
    decoded = check(frames)
    assert len(decoded.frame) == 243
    assert not decoded.status[decoded.frame].any()
    assert set(np.asarray(decoded.columns.values["blocks"])) == {0b111110011, 0b111110001}


# Generated frames -------------------------------------------------------------------------------


def _bytes(size: int) -> st.SearchStrategy[bytes]:
    """Any bytes, rich in markers."""
    rich = st.sampled_from((0x00, 0x01, 0xFD, 0xFE, 0xFF))
    markers = st.lists(rich, min_size=size, max_size=size)
    return st.one_of(st.binary(min_size=size, max_size=size), markers.map(bytes))


@st.composite
def _counted(draw: st.DrawFn, width: int, size: int, most: int, *, absent: bool = False) -> bytes:
    """A count of `width` bytes and so many items of `size` bytes, or a count that means no list."""
    if absent and draw(st.integers(0, 3)) == 0:
        return b"\xff" * (width - 1) + draw(st.sampled_from((b"\xfe", b"\xff")))
    count = draw(st.integers(0, most))
    return count.to_bytes(width, "big") + draw(_bytes(count * size))


@st.composite
def _packs(draw: st.DrawFn, head: int, width: int, size: int, most: int) -> bytes:
    count = draw(st.integers(0, 4))
    body = bytes((count,))
    for _ in range(count):
        body += draw(_bytes(head)) + draw(_counted(width, size, most))
    return body


def _alarms(lists: int) -> st.SearchStrategy[bytes]:
    codes = [_counted(1, 4, 3, absent=True)] * 4 + [_counted(1, 2, 3, absent=True)] * (lists - 4)
    return st.tuples(_bytes(5), *codes).map(b"".join)


_RAW = _counted(2, 1, 5)
_BODIES: dict[int, dict[int, st.SearchStrategy[bytes]]] = {  # sizes from the standard's tables
    2016: {
        0x01: _bytes(20), 0x02: _counted(1, 12, 3), 0x04: _bytes(5), 0x05: _bytes(9),
        0x03: st.tuples(_bytes(6), _counted(2, 1, 5, absent=True), _bytes(10)).map(b"".join),
        0x06: _bytes(14), 0x07: _alarms(4), 0x08: _packs(9, 1, 2, 255), 0x09: _packs(1, 2, 1, 300),
        0x80: _RAW, 0xFE: _RAW,
    },
    2025: {
        0x01: _bytes(18), 0x02: _counted(1, 10, 3), 0x03: _bytes(12), 0x04: _bytes(2),
        0x05: _bytes(10), 0x06: _alarms(5), 0x07: _packs(5, 2, 2, 300), 0x08: _packs(1, 2, 1, 300),
        0x09: _RAW, 0x2F: _RAW, 0x30: _packs(10, 2, 1, 5), 0x32: _bytes(18), 0xA0: _RAW,
        0x31: st.tuples(_bytes(5), _counted(2, 2, 5), _counted(2, 1, 5)).map(b"".join),
        0xFF: st.tuples(_bytes(1), _RAW, _RAW).map(b"".join),
    },
}  # fmt: skip


@st.composite
def _reports(draw: st.DrawFn) -> bytes:
    edition = draw(st.sampled_from((2016, 2025)))
    bodies = _BODIES[edition]
    kinds = draw(st.lists(st.sampled_from(sorted(bodies)), max_size=6))
    blocks = [bytes((kind,)) + draw(bodies[kind]) for kind in kinds]
    broken = draw(st.sampled_from((b"", b"", b"", b"\x60\x01", b"\x01\x02", b"\x08", b"\x02\xff")))
    six = draw(st.one_of(st.just(SIX), _bytes(6), st.tuples(
        st.integers(0, 99), st.integers(1, 12), st.integers(1, 31), st.integers(0, 23),
        st.integers(0, 59), st.integers(0, 59)).map(bytes)))  # fmt: skip
    command = draw(st.sampled_from((2, 2, 3)))
    return report(edition, *blocks, broken, command=command, six=six)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_reports(), min_size=1, max_size=4))
def test_any_report_equals_the_object_codec(frames: list[bytes]) -> None:
    check(frames)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from((2016, 2025)))
def test_any_unit_decodes_as_the_object_codec_does(unit: bytes, edition: int) -> None:
    frame = framing.build_frame(edition, 2, 0xFE, VIN, SIX + unit)
    check([frame])
    raw = framing.build_frame(edition, 2, 0xFE, VIN, unit)
    status = int(decode(raw).status[0])
    if len(unit) < 6:
        assert status == columnar.STRUCTURE


# By hand ----------------------------------------------------------------------------------------


def bits_of(mask: int) -> set[str]:
    return {name for i, name in enumerate(MARKED_COLUMNS) if mask >> i & 1}


def test_markers_are_missing_and_keep_which_one_they_were() -> None:
    body = bytes.fromhex("fe ff 01 fffe ffffffff ffff fffe ff fe 0f fffe fe ff")
    row = row_of(decode(report(2016, b"\x01" + body)), 0)
    assert bits_of(row["abnormal"]) == {
        "vehicle_state", "speed_kmh", "current_a", "dcdc_state", "insulation_kohm",
        "accelerator_pct",
    }  # fmt: skip
    assert bits_of(row["invalid"]) == {
        "charge_state", "odometer_km", "voltage_v", "soc_pct", "brake_pct"
    }  # fmt: skip
    assert (row["vehicle_state"], row["charge_state"], row["dcdc_state"]) == (254, 255, 254)
    missing = {name for name, value in row.items() if value is None}
    assert missing == {"speed_kmh", "odometer_km", "voltage_v", "current_a", "soc_pct",
                       "insulation_kohm", "accelerator_pct", "brake_pct"}  # fmt: skip


def test_marked_columns_fit_the_masks_and_follow_the_table() -> None:
    order = [c.name for c in VEHICLE_REPORT.columns]
    assert len(MARKED_COLUMNS) <= 64
    assert list(MARKED_COLUMNS) == sorted(MARKED_COLUMNS, key=order.index)


def test_extremes_of_2025_are_counted_within_the_pack() -> None:
    packs = struct.pack(">B BHHH3H BHHH4H", 2, 3, 3000, 30000, 3, 4000, 0xFFFE, 4100,
                        9, 3000, 30000, 4, 3900, 0xFFFF, 4100, 3900)  # fmt: skip
    probes = struct.pack(">B BH2B BH2B", 2, 3, 2, 65, 254, 9, 2, 255, 30)
    row = row_of(decode(report(2025, b"\x07" + packs, b"\x08" + probes)), 0)
    assert [row[f"cell_max_{k}"] for k in ("mv", "pack_no", "no")] == [4100, 3, 3]
    assert [row[f"cell_min_{k}"] for k in ("mv", "pack_no", "no")] == [3900, 9, 1]
    assert [row[f"temp_max_{k}"] for k in ("degc", "pack_no", "no")] == [25, 3, 1]
    assert [row[f"temp_min_{k}"] for k in ("degc", "pack_no", "no")] == [-10, 9, 2]
    assert row["blocks"] == (
        1 << facts.BLOCK_CELLS | 1 << facts.BLOCK_TEMPS | 1 << facts.BLOCK_EXTREMES
    )
    assert row["cells_mv"] == [4000, 65534, 4100, 3900, 65535, 4100, 3900]
    assert row["temps_degc"] == [25, 214, 215, -10]


def test_packs_of_markers_only_have_no_extremes() -> None:
    packs = struct.pack(">B BHHH2H", 1, 1, 0xFFFF, 0xFFFE, 2, 0xFFFE, 0xFFFF)
    row = row_of(decode(report(2025, b"\x07" + packs)), 0)
    assert row["blocks"] == 1 << facts.BLOCK_CELLS
    assert np.isnan(row["pack_voltage_v"][0])
    assert "cell_max_mv" not in row


def test_half_a_pack_is_partial_and_says_where_it_belongs() -> None:
    def half(start: int, count: int) -> bytes:
        head = struct.pack(">BBHHHHB", 1, 7, 7661, 9983, 232, start, count)
        return report(2016, b"\x08" + head + struct.pack(f">{count}H", *range(3200, 3200 + count)))

    decoded = decode(half(1, 200), half(201, 32), half(1, 232))
    assert decoded.status.tolist() == [columnar.PARTIAL, columnar.PARTIAL, columnar.OK]
    assert decoded.pack_total.values.tolist() == [232, 232, 232]
    assert decoded.pack_start.values.tolist() == [1, 201, 1]
    second = row_of(decoded, 1)
    assert (second["cell_min_no"], second["cell_max_no"]) == (201, 232)
    assert second["pack_no"] == [7]


def test_blocks_without_columns_are_kept_raw() -> None:
    custom, engine = b"\x90\x00\x03abc", b"\x04\x05\xe3"
    signature = b"\xff\x01\x00\x02\xaa\xbb\x00\x03\x01\x02\x07"
    decoded = decode(report(2025, custom, engine, engine, signature), report(2025, engine))
    row = row_of(decoded, 0)
    assert bytes(row["other_blocks"]) == custom + engine + signature
    assert row["engine_speed_rpm"] == 1507
    assert row["blocks"] == 1 << facts.BLOCK_ENGINE | 1 << facts.BLOCK_OTHER
    assert row_of(decoded, 1)["other_blocks"] == []


def test_fault_codes_carry_the_number_of_their_list() -> None:
    body = bytes.fromhex("04 00800400 01deadbeef fe ff 00 02 1704 0a02")
    row = row_of(decode(report(2025, b"\x06" + body)), 0)
    assert row["alarm_codes"] == [1 << 32 | 0xDEADBEEF, 5 << 32 | 0x1704, 5 << 32 | 0x0A02]
    assert (row["alarm_level"], row["alarm_flags"]) == (4, 1 << 23 | 1 << 10)


def test_south_and_west_are_negative() -> None:
    body = struct.pack(">BII", 6, 58_381_234, 34_603_463)
    row = row_of(decode(report(2016, b"\x05" + body)), 0)
    assert (row["longitude_deg"], row["latitude_deg"]) == (-58.381234, -34.603463)
    assert (row["position_state"], row["coordinate_system"]) == (6, 0)


def test_broken_block_after_good_ones_keeps_them() -> None:
    good = b"\x01" + VEHICLE
    decoded = decode(report(2016, good, b"\x70\x01\x02"), report(2016, good, b"\x02\x05\x01"),
                     report(2016, b"\x70\x01"), report(2016, b"\x02\x05"))  # fmt: skip
    assert decoded.status.tolist() == [columnar.NOTED, columnar.NOTED, columnar.UNKNOWN_BLOCK,
                                       columnar.STRUCTURE]  # fmt: skip
    assert decoded.frame.tolist() == [0, 1]
    assert decoded.columns.values["undecoded_bytes"].tolist() == [3, 3]
    assert decoded.columns.values["speed_kmh"].tolist() == [np.float32(12.3)] * 2


def test_frames_of_others_are_left_alone() -> None:
    login = framing.build_frame(2016, 1, 0xFE, VIN, SIX)
    answer = framing.build_frame(2016, 2, 0x01, VIN, SIX)
    sealed = framing.build_frame(2016, 2, 0xFE, VIN, SIX, encryption=3)
    plain = framing.build_frame(2016, 2, 0xFE, VIN, SIX, encryption=0)
    decoded = decode(login, answer, sealed, plain)
    assert decoded.status.tolist() == [columnar.OTHER] * 3 + [columnar.OK]
    assert decoded.columns.values["vin"].tolist() == [VIN.encode()]


def test_more_frames_than_a_tile_holds_in_mixed_editions() -> None:
    old = report(2016, b"\x01" + VEHICLE, b"\x05" + bytes(9))
    new = report(2025, b"\x04\x05\xe3", b"\x01" + VEHICLE[:18])
    empty = report(2025)
    check([old, new, empty] * 300)


def test_nothing_gives_nothing() -> None:
    none = np.zeros(0, np.int32)
    decoded = columnar.decode_columns(np.zeros(0, np.uint8), none, none)
    assert decoded.columns.rows == 0
    assert len(decoded.status) == 0
