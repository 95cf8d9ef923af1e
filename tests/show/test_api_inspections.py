"""The lane over its API: imports, verdicts with reasons, corrections, scope, curve and report."""

import csv
import dataclasses
import io
import json
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.analyse.inspection.app import rules
from millbrain.core import limits
from millbrain.record.ledger import Ledger, Thing
from tests.show.conftest import VINS

URL = "/api/v1/inspections"
HEADING = (
    "检测台,检验流水号,车辆识别代号,检验开始时间,电池类型,充电持续时间(min),充电起始SOC,"
    "充电最高温度[℃],充电单体最高电压(V),充电单体压差[mV],工作电压,绝缘电阻(MΩ),电位均衡(Ω)"
)
GOOD = f"3,A-1,{VINS[0]},2026-03-02 09:30:00,三元锂,4,45,52,4.18,38,400,21,0.012"
HOT = f"3,A-2,{VINS[1]},2026-03-02 10:30:00,三元锂,4,45,61,4.18,38,400,21,0.012"


@pytest.fixture(autouse=True)
def lane(app: FastAPI, ledger: Ledger) -> None:
    """The application judges, and the register knows two vehicles of North and one of South."""
    app.state.services = dataclasses.replace(app.state.services, lane=rules())
    ledger.things.put(
        [Thing(VINS[0], plate="渝A12345", model="EV-1", operator="North Fleet"),
         Thing(VINS[1], model="EV-2", operator="North Fleet"),
         Thing(VINS[2], model="EV-1", operator="South Fleet")]
    )  # fmt: skip


def bring(client: TestClient, *lines: str, heading: str = HEADING) -> dict[str, Any]:
    content = "\r\n".join((heading, *lines)).encode("gb18030")
    return send(client, content)


def send(client: TestClient, content: bytes) -> dict[str, Any]:
    answer = client.post(f"{URL}/import", files={"file": ("bench.csv", content)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def one(client: TestClient, number: int) -> dict[str, Any]:
    answer = client.get(f"{URL}/{number}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def record(**more: Any) -> dict[str, Any]:
    head = {"bench": "3", "record_no": "9", "vin": VINS[0], "tested_at": "2026-03-02T01:30:00Z"}
    return {"head": head, "measured": {}} | more


def test_a_bench_file_is_judged_with_its_units(operator: TestClient) -> None:
    done = bring(operator, GOOD, HOT)
    assert (done["added"], done["refused"], done["problems"]) == (2, 0, [])
    good, hot = (one(operator, i) for i in done["ids"])
    assert good["measured"]["charge_duration_s"] == 240  # 4 min
    assert good["measured"]["socket_dc_insulation_kohm"] == 21_000  # 21 MΩ
    assert good["measured"]["bonding_mohm"] == pytest.approx(12)  # 0.012 Ω
    assert good["measured"]["charge_cell_max_mv"] == pytest.approx(4180)
    assert good["tested_at"] == "2026-03-02T01:30:00Z"  # Beijing time
    assert good["head"]["ended_at"] == "2026-03-02T01:34:00Z"
    assert (good["conclusion"], good["conclusion_zh"]) == ("normal", "正常")
    assert (hot["conclusion"], hot["conclusion_zh"]) == ("maintain", "建议维护")
    assert "was 61 °C, at most 60 °C is allowed" in hot["reason_en"]
    insulation = next(i for i in good["opinion"]["items"] if i["item"].startswith("socket_dc"))
    assert insulation["limit"]["low"] == 40  # 100 ohm per volt at 400 V


def test_bad_rows_are_listed_by_number_and_column_and_the_good_ones_stay(
    operator: TestClient,
) -> None:
    bad = f"3,A-3,{VINS[0]},yesterday,三元锂,4,45,900,4.18,38,400,21,0.012"
    done = bring(operator, bad, GOOD, ",,,", "3,A-4" + "," * 11)
    assert (done["added"], done["refused"]) == (1, 2)
    assert [(p["row"], p["column"]) for p in done["problems"]] == [
        (2, "tested_at"), (2, "charge_temp_degc"), (5, "vin"), (5, "tested_at"),
    ]  # fmt: skip


def test_the_same_file_again_changes_nothing_and_a_correction_is_a_version(
    operator: TestClient, admin: TestClient
) -> None:
    (first,) = bring(operator, GOOD)["ids"]
    assert bring(operator, GOOD)["unchanged"] == 1
    done = bring(operator, GOOD.replace(",52,", ",62,"))
    assert (done["added"], done["corrected"]) == (0, 1)
    found = one(operator, done["ids"][0])
    assert [(v["version"], v["conclusion"]) for v in found["versions"]] == [
        (2, "maintain"), (1, "normal"),
    ]  # fmt: skip
    assert one(operator, first)["replaced_at"]
    listed = operator.get(URL).json()
    assert [r["id"] for r in listed["rows"]] == [found["id"]]
    kept = [e["result"] for e in admin.get("/api/v1/audit?what=inspection.import").json()["rows"]]
    assert kept[0] == "0 added, 1 corrected, 0 unchanged, 0 refused"


def test_xlsx_and_json_say_the_same_as_csv(operator: TestClient) -> None:
    bring(operator, GOOD)
    book = openpyxl.Workbook()
    assert book.active
    for line in (HEADING, GOOD):
        book.active.append(line.split(","))
    sheet = io.BytesIO()
    book.save(sheet)
    assert send(operator, sheet.getvalue())["unchanged"] == 1
    items = {"charge_duration_s": 240, "charge_start_pct": 45, "charge_temp_degc": 52,
             "charge_cell_max_mv": 4180, "charge_cell_spread_mv": 38, "working_voltage_v": 400,
             "socket_dc_insulation_kohm": 21000, "bonding_mohm": 12}  # fmt: skip
    told = {"bench": "3", "record_no": "A-1", "vin": VINS[0], "chemistry": "ternary",
            "tested_at": "2026-03-02T09:30:00+08:00", "items": items, "colour": "red"}  # fmt: skip
    done = send(operator, json.dumps({"records": [told]}).encode())
    assert (done["unchanged"], done["unused"]) == (1, ["colour"])


def test_every_match_is_exported(operator: TestClient, north: TestClient) -> None:
    bring(operator, GOOD, HOT, GOOD.replace(VINS[0], VINS[2]).replace("A-1", "A-3"))
    text = north.get(f"{URL}?format=csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["vin"] for r in rows] == [VINS[1], VINS[0]]
    assert rows[0]["conclusion_zh"] == "建议维护"
    only = operator.get(f"{URL}?format=xlsx&conclusion=maintain")
    sheet = openpyxl.load_workbook(io.BytesIO(only.content)).worksheets[0]
    assert sheet.max_row == 2
    empty = operator.get(f"{URL}?format=csv&q=nothing").content.decode("utf-8-sig")
    assert empty.startswith("id,bench,record_no")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"records": 3}', "a list of objects"),
        (b"[1, 2]", "a list of objects"),
        (b"[", "is not JSON"),
        (b"", "no heading"),
        (b"PK\x03\x04", "not a readable XLSX"),
        ("检测台,充电最高温度[°F]\n3,100".encode(), "is in °F; °C is expected"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(
    operator: TestClient, content: bytes, said: str
) -> None:
    answer = operator.post(f"{URL}/import", files={"file": ("f", content)})
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]


def test_an_organisation_enters_and_sees_its_own_vehicles_only(
    operator: TestClient, north: TestClient, viewer: TestClient
) -> None:
    south = GOOD.replace(VINS[0], VINS[2])
    (foreign,) = bring(operator, south)["ids"]
    assert north.get(f"{URL}/{foreign}").status_code == 404
    assert north.get(f"{URL}/{foreign}/curve").status_code == 404
    assert north.get(f"{URL}/{foreign}/report.pdf").status_code == 404
    assert north.post(f"{URL}/{foreign}/judge").status_code == 404
    assert north.get(URL).json()["rows"] == []
    taken_over = bring(north, GOOD)  # the bench and number of South's record
    assert (taken_over["added"], taken_over["corrected"], taken_over["refused"]) == (0, 0, 1)
    assert bring(north, south)["problems"][0]["problem"] == f"{VINS[2]} is not of North Fleet"
    assert bring(north, HOT)["added"] == 1
    assert one(operator, foreign)["vin"] == VINS[2]
    assert viewer.post(f"{URL}/import", files={"file": ("f", b"")}).status_code == 403
    assert viewer.post(URL, json=record()).status_code == 403
    assert TestClient(operator.app).get(URL).status_code == 401


def test_a_record_by_hand_and_its_correction(operator: TestClient) -> None:
    made = operator.post(URL, json=record(measured={"bonding_mohm": "12"}))
    assert made.status_code == 200, made.text
    assert made.json()["conclusion"] == "none"
    corrected = record(measured={"bonding_mohm": 140}, reason="read the wrong scale")
    found = operator.post(URL, json=corrected).json()
    assert (found["version"], found["conclusion"]) == (2, "maintain")
    assert found["reason"] == "read the wrong scale"
    wrong = operator.post(URL, json=record(measured={"bonding_mohm": -1, "x": 1}))
    assert wrong.status_code == 422
    message = wrong.json()["error"]["message"]
    assert "bonding_mohm: was -1; 0 to 1e+06 is allowed" in message
    assert "x: is not a field of this form" in message


def test_a_limit_of_the_lane_judges_again(operator: TestClient, north: TestClient) -> None:
    (number,) = bring(operator, GOOD)["ids"]
    limit = {"high": 30, "source": "maker's manual 7.3", "since": "2026-01-01", "model": "EV-1"}
    path = f"{URL}/limits/charge_cell_spread_mv"
    assert north.put(path, json=limit).status_code == 403, "limits are not of one organisation"
    assert operator.put(path, json=limit).status_code == 200
    assert operator.put(f"{URL}/limits/x", json=limit).status_code == 404
    assert operator.put(path, json=limit | {"low": 31}).status_code == 422
    assert one(operator, number)["conclusion"] == "normal", "what was judged stays as it was"
    again = operator.post(f"{URL}/{number}/judge").json()
    assert (again["version"], again["conclusion"]) == (2, "maintain")
    assert "was 38 mV, at most 30 mV is allowed (maker's manual 7.3)" in again["reason_en"]
    assert operator.post(f"{URL}/{again['id']}/judge").json()["version"] == 2
    assert operator.post(f"{URL}/{number}/judge").status_code == 403
    assert operator.get(f"{URL}/sheet").json()["settings"][0]["source"] == "maker's manual 7.3"


def test_the_curve_stands_beside_what_the_vehicle_sent(operator: TestClient, now_s: int) -> None:
    tested_s = now_s - 600  # the vehicle reported every 10 s since then
    curve = {"t_s": [0, 10, 20.5], "voltage_v": [350, None, 352]}
    given = record(curve=curve)
    given["head"]["tested_at"] = datetime.fromtimestamp(tested_s, tz=UTC).isoformat()
    made = operator.post(URL, json=given)
    assert made.status_code == 200, made.text
    assert made.json()["curve_points"] == 3
    beside = operator.get(f"{URL}/{made.json()['id']}/curve").json()
    (voltage,) = beside["bench"]
    assert voltage["values"] == [350, None, 352]
    assert voltage["t"] == [tested_s * 1000, tested_s * 1000 + 10_000, tested_s * 1000 + 20_500]
    online = {c["name"]: c for c in beside["online"]}
    assert online["soc_pct"]["t"][:3] == [(tested_s + 10 * i) * 1000 for i in range(3)]
    assert beside["charge"] is None, "the vehicle has not charged within 30 days before"


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        ({"t_s": [0, 2, 1]}, "goes back"),
        ({"t_s": [0]}, "has 1 points; 2 to 20000 are allowed"),
        ({"t_s": [0, 1], "voltage_v": [1]}, "a list of 2 values"),
        ({"t_s": [0, 1], "colour": [1, 2]}, "has a channel 'colour'"),
        ({"t_s": [0, 1], "voltage_v": [1, 9_999]}, "0 to 2000 is allowed"),
        ({"t_s": list(range(limits.CURVE_POINTS_MAX + 1))}, "20001 points"),
    ],
)
def test_a_curve_that_is_none_is_refused(
    operator: TestClient, curve: dict[str, Any], said: str
) -> None:
    answer = operator.post(URL, json=record(curve=curve))
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]


def test_the_report_is_a_pdf_with_the_vehicle_and_the_same_bytes_each_time(
    operator: TestClient,
) -> None:
    first, hot = bring(operator, GOOD, HOT)["ids"]
    one_report, again = (operator.get(f"{URL}/{first}/report.pdf") for _ in range(2))
    assert one_report.headers["content-type"] == "application/pdf"
    assert one_report.content.startswith(b"%PDF-")
    assert one_report.content == again.content
    assert b"STSong-Light" in one_report.content, "no font file is needed for Chinese"
    assert VINS[0].encode() in one_report.content, "its title names the vehicle"
    assert operator.get(f"{URL}/{hot}/report.pdf").content != one_report.content


def test_without_the_room_the_lane_says_so(app: FastAPI, operator: TestClient) -> None:
    app.state.services = dataclasses.replace(app.state.services, lane=None)
    answer = operator.get(f"{URL}/sheet")
    assert answer.status_code == 404
    assert "no inspection room" in answer.json()["error"]["message"]
