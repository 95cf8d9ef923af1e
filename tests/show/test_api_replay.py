"""Accident replay: nothing invented, gaps named, digests that anybody can compute again."""

import csv
import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from millbrain.core import limits
from millbrain.core.errors import LimitError
from millbrain.core.facts import (
    BLOCK_ALARM,
    BLOCK_CELLS,
    BLOCK_MOTOR,
    BLOCK_POSITION,
    BLOCK_VEHICLE,
    SHARED_TABLES,
    VEHICLE_REPORT,
)
from millbrain.record.ledger import Ledger, NewLifeEvent, Thing
from millbrain.record.warehouse import Warehouse, create_tables, open_embedded
from millbrain.show.api.life.replay import zipped
from millbrain.show.queries import replay
from tests.show.conftest import VINS, insert

VIN = "LNEVREPLAYTEST001"
AT = 1_767_258_000
ALL = (1 << BLOCK_VEHICLE | 1 << BLOCK_MOTOR | 1 << BLOCK_POSITION | 1 << BLOCK_ALARM
       | 1 << BLOCK_CELLS)  # fmt: skip
BARE = 1 << BLOCK_VEHICLE


@pytest.fixture(scope="module")
def crash(warehouse_folder: Path) -> Iterator[Warehouse]:
    """Reports every second, one of them without most blocks, then 9 s of silence, then two more."""
    opened = open_embedded(warehouse_folder, "crash")
    create_tables(opened, SHARED_TABLES)
    at = [AT - 3, AT - 2, AT - 1, AT, AT + 9, AT + 10]
    n = len(at)
    insert(
        opened, VEHICLE_REPORT,
        {"soc_pct": [False] * 5 + [True], "accelerator_pct": [False] * n},
        vin=[VIN] * n, device_at=at, received_at=[(AT + 20) * 1000] * n, link=["direct"] * n,
        reissued=[0, 0, 0, 0, 1, 1], edition=[2016] * n,
        blocks=[ALL, ALL, BARE, ALL, ALL, ALL],
        vehicle_state=[1, 1, 1, 1, 1, 254], speed_kmh=[80.0, 81.5, 82.0, 60.0, 0.0, 0.0],
        accelerator_pct=[90, 100, 100, 0, 0, 0], brake_pct=[0, 0, 0, 101, 101, 0],
        soc_pct=[60, 60, 60, 60, 59, 0],
        motor_no=[[1, 2], [1, 2], [], [1, 2], [1, 2], [1, 2]],
        motor_torque_nm=[[100.0, 50.0], [110.0, float("nan")], [], [0.0, 0.0], [0.0, 0.0],
                         [0.0, 0.0]],
        position_state=[0, 0, 0, 1, 0, 0], longitude_deg=[106.5 + i / 1e4 for i in range(n)],
        latitude_deg=[29.5] * n,
        alarm_level=[0, 0, 255, 3, 3, 255], alarm_flags=[0, 0, 0, 1 << 11, 1 << 11 | 1, 0],
        cells_mv=[[3300, 3301], [3300, 65535], [], [3299, 3301], [3299, 3301], [3299, 3301]],
    )  # fmt: skip
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def seen(crash: Warehouse) -> dict[str, Any]:
    """The replay of all of it."""
    return replay.replay(crash, VIN, AT, 60, 60)


def values(seen: dict[str, Any], name: str) -> list[Any]:
    (found,) = [s["values"] for s in seen["signals"] if s["name"] == name]
    assert len(found) == len(seen["t"])
    return list(found)


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def test_every_report_is_one_point_and_no_point_is_invented(seen: dict[str, Any]) -> None:
    assert seen["t"] == [AT - 3, AT - 2, AT - 1, AT, AT + 9, AT + 10]
    assert values(seen, "speed_kmh") == [80.0, 81.5, 82.0, 60.0, 0.0, 0.0]
    assert values(seen, "brake_pct") == [0, 0, 0, 101, 101, 0]
    assert seen["reissued"] == [0, 0, 0, 0, 1, 1]
    assert seen["gaps"] == [{"from": AT, "to": AT + 9, "seconds": 9}]
    assert seen["usual_pause_s"] == 1.0


def test_what_a_report_did_not_carry_or_marked_is_null(seen: dict[str, Any]) -> None:
    assert values(seen, "soc_pct")[-1] is None
    assert values(seen, "alarm_level") == [0, 0, None, 3, 3, None]
    assert values(seen, "alarm_flags")[2] is None
    assert values(seen, "motor_torque_nm[1]") == [100.0, 110.0, None, 0.0, 0.0, 0.0]
    assert values(seen, "motor_torque_nm[2]")[:3] == [50.0, None, None]
    cells = next(entry["values"] for entry in seen["lists"] if entry["name"] == "cells_mv")
    assert cells[:3] == [[3300, 3301], [3300, None], []]
    assert seen["position"][2] is None, "not carried"
    assert seen["position"][3] is None, "the vehicle said that it is the last valid one"
    assert seen["position"][4] == pytest.approx([106.5004, 29.5])


def test_changes_of_the_vehicles_own_alarms_are_events(seen: dict[str, Any]) -> None:
    assert [(c["at"], c["level"], c["set"], c["cleared"]) for c in seen["alarms"]] == [
        (AT, 3, [["insulation", "绝缘报警"]], []),
        (AT + 9, 3, [["temperature difference", "温度差异报警"]], []),
        (AT + 10, 0, [], [["temperature difference", "温度差异报警"], ["insulation", "绝缘报警"]]),
    ]


def test_a_span_without_reports_is_empty_not_wrong(crash: Warehouse) -> None:
    empty = replay.replay(crash, VIN, AT + 3600, 60, 60)
    assert (empty["t"], empty["gaps"], empty["alarms"]) == ([], [], [])
    assert zipped(empty | {"events": []})


def test_the_export_checks_out_without_the_platform(seen: dict[str, Any], tmp_path: Path) -> None:
    packed = zipped(seen | {"events": []})
    assert packed == zipped(seen | {"events": []}), "the same content has the same bytes"
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        file.extractall(tmp_path)
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, check=True,
                             capture_output=True, text=True)  # fmt: skip
    assert checked.stdout.count(": OK") == 5
    assert json.loads((tmp_path / "replay.json").read_text("utf-8"))["t"] == seen["t"]
    rows = list(csv.DictReader(lines(tmp_path / "signals.csv")))
    assert [r["speed_kmh [km/h]"] for r in rows] == ["80.0", "81.5", "82.0", "60.0", "0.0", "0.0"]
    assert rows[5]["soc_pct [%]"] == ""
    assert rows[3]["longitude [deg]"] == ""
    cells = list(csv.reader(lines(tmp_path / "cells.csv")))
    assert cells[0] == ["device_at [s]", "1 [mV]", "2 [mV]"]
    assert len(cells) == 6, "the report without cells has no row"
    events = list(csv.DictReader(lines(tmp_path / "events.csv")))
    assert [(e["kind"], e["text"]) for e in events][:2] == [
        ("alarm", "level 3; set insulation"), ("gap", "no report for 9 s"),
    ]  # fmt: skip
    (tmp_path / "signals.csv").write_text("changed")
    broken = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, check=False,
                            capture_output=True)  # fmt: skip
    assert broken.returncode == 1


def test_the_digest_is_what_the_answer_says_it_is(operator: TestClient, admin: TestClient) -> None:
    url = f"/api/v1/vehicles/{VINS[0]}/replay"
    answer = operator.get(url, params={"before_s": 3000}).json()
    text = json.dumps(answer["replay"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == answer["sha256"]
    assert len(answer["replay"]["t"]) == 120
    assert [g["seconds"] for g in answer["replay"]["gaps"]] == [1210]
    at = answer["replay"]["at"]
    packed = operator.get(url, params={"at": at, "before_s": 3000, "format": "zip"})
    with zipfile.ZipFile(io.BytesIO(packed.content)) as file:
        sums = file.read("SHA256SUMS").decode()
    assert f"{answer['sha256']}  replay.json" in sums
    noted = admin.get("/api/v1/audit?what=replay.export").json()["rows"][0]
    assert (noted["object"], noted["result"]) == (VINS[0], answer["sha256"])


def test_logins_and_registered_accidents_are_marked(
    operator: TestClient, ledger: Ledger, now_s: int
) -> None:
    at = datetime.fromtimestamp(now_s - 300, tz=UTC)
    ledger.life_events.put([NewLifeEvent("accident", "police", "SG-1", VINS[0], at)], "ann")
    answer = operator.get(f"/api/v1/vehicles/{VINS[0]}/replay", params={"before_s": 600})
    found = [(e["at"], e["kind"], e["text"]) for e in answer.json()["replay"]["events"]]
    assert found == [(now_s - 300, "accident", "SG-1"), (now_s - 60, "vehicle_login", "city-01")]


def test_limits_and_scope(operator: TestClient, north: TestClient, ledger: Ledger) -> None:
    ledger.things.put([Thing(VINS[2], operator="South Fleet")])
    assert north.get(f"/api/v1/vehicles/{VINS[2]}/replay").status_code == 404
    assert operator.get(f"/api/v1/vehicles/{VINS[2]}/replay").status_code == 200
    for wrong in ({"before_s": 3601}, {"after_s": -1}, {"at": "yesterday"}, {"format": "pdf"}):
        answer = operator.get(f"/api/v1/vehicles/{VINS[0]}/replay", params=wrong)  # type: ignore[arg-type]
        assert answer.status_code == 422
    far = operator.get(f"/api/v1/vehicles/{VINS[0]}/replay", params={"at": "9999-01-01"})
    assert far.json()["replay"]["t"] == []


def test_more_reports_than_one_replay_holds_are_refused(
    crash: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REPLAY_REPORTS_MAX", 5)
    with pytest.raises(LimitError, match="more than 5 reports"):
        replay.replay(crash, VIN, AT, 60, 60)
