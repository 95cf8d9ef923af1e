"""The lane over its API: imports, verdicts with reasons, corrections, scope, curve and report."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.analyse.inspection.app import rules
from millbrain.record.ledger import Ledger, Thing
from tests.show.conftest import VINS, client_of

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
    import dataclasses

    app.state.services = dataclasses.replace(app.state.services, lane=rules())
    ledger.things.put(
        [Thing(VINS[0], plate="渝A12345", model="EV-1", operator="North Fleet"),
         Thing(VINS[1], model="EV-2", operator="North Fleet"),
         Thing(VINS[2], model="EV-1", operator="South Fleet")]
    )  # fmt: skip


def bring(client: TestClient, *lines: str, heading: str = HEADING) -> dict[str, Any]:
    content = "\r\n".join((heading, *lines)).encode("gb18030")
    answer = client.post(f"{URL}/import", files={"file": ("bench.csv", content)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_bench_file_is_judged_with_its_units(operator: TestClient) -> None:
    done = bring(operator, GOOD, HOT)
    assert (done["added"], done["refused"], done["problems"]) == (2, 0, [])
    good, hot = (operator.get(f"{URL}/{i}").json() for i in done["ids"])
    assert good["measured"]["charge_duration_s"] == 240  # 4 min
    assert good["measured"]["socket_dc_insulation_kohm"] == 21_000  # 21 MΩ
    assert good["measured"]["bonding_mohm"] == pytest.approx(12)  # 0.012 Ω
    assert good["measured"]["charge_cell_max_mv"] == pytest.approx(4180)
    assert good["tested_at"] == "2026-03-02T01:30:00Z"  # Beijing time
    assert good["head"]["ended_at"] == "2026-03-02T01:34:00Z"
    assert (good["conclusion"], good["conclusion_zh"]) == ("normal", "正常")
    assert (hot["conclusion"], hot["conclusion_zh"]) == ("maintain", "建议维护")
    assert "was 61 °C, at most 60 °C is allowed" in hot["reason_en"]
    report = operator.get(f"{URL}/{done['ids'][0]}/report.pdf")
    assert report.status_code == 200, report.text
    assert report.content.startswith(b"%PDF-")


def test_curve(operator: TestClient) -> None:
    head = {"bench": "3", "record_no": "9", "vin": VINS[0], "tested_at": "2026-03-02T01:30:00Z"}
    curve = {"t_s": [0, 10, 20], "voltage_v": [350, None, 352]}
    made = operator.post(URL, json={"head": head, "measured": {}, "curve": curve})
    assert made.status_code == 200, made.text
    beside = operator.get(f"{URL}/{made.json()['id']}/curve").json()
    assert beside["bench"][0]["values"] == [350, None, 352]
    assert client_of  # used below


def test_record_replay(operator: TestClient, now_s: int) -> None:
    record = operator.get(f"/api/v1/vehicles/{VINS[0]}/record")
    assert record.status_code == 200, record.text
    import json
    print(json.dumps(record.json())[:3000])
    replay = operator.get(f"/api/v1/vehicles/{VINS[0]}/replay?before_s=3000")
    assert replay.status_code == 200, replay.text
    print(str(replay.json())[:3000])
    assert operator.get(f"/api/v1/vehicles/{VINS[0]}/replay?format=zip").status_code == 200
