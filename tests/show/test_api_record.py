"""The health record: every part by hand-made facts, imports of life events, scope."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from millbrain.core.alarms.rules import DECLARED
from millbrain.core.facts import (
    BLOCK_EXTREMES,
    BLOCK_VEHICLE,
    LINK_EVENT,
    SHARED_TABLES,
    VEHICLE_REPORT,
)
from millbrain.core.findings import Finding, Severity
from millbrain.core.work.orders import Asked
from millbrain.decide.alarms.app import Alarms
from millbrain.record.ledger import Ledger, Thing
from millbrain.record.ledger.models import now
from millbrain.record.warehouse import Warehouse, create_tables, open_embedded
from millbrain.show.queries import bench, record
from tests.show.conftest import VINS, insert

URL = "/api/v1/life-events"
VIN = "LNEVRECORDTEST001"
START = 1_767_258_000  # 2026-01-01 17:00 in Beijing
REPAIRS = "车架号,维修日期,来源,维修单号,部位,维修措施,电池包序号,单体序号,旧件编码,里程[km]"


@pytest.fixture(scope="module")
def history(warehouse_folder: Path) -> Iterator[Warehouse]:
    """A vehicle that drives, then charges, then is silent, then charges into the next month."""
    opened = open_embedded(warehouse_folder, "history")
    create_tables(opened, SHARED_TABLES)
    # At 400 V: 11 reports of 36 A out over 100 s, 11 of 18 A in, an hour later 11 of 18 A in.
    drive = [(START + 10 * i, 36.0, 3, 50.0, 100.0 + i / 10, 50, 25) for i in range(11)]
    charge = [(START + 110 + 10 * i, -18.0, 1, 0.0, 101.0, 95, 35) for i in range(11)]
    late = START + 31 * 86_400
    again = [(late + 10 * i, -18.0, 1, 0.0, 101.0, 100, -35) for i in range(11)]
    rows = drive + charge + again
    n = len(rows)
    columns = dict(zip(("device_at", "current_a", "charge_state", "speed_kmh", "odometer_km",
                        "soc_pct", "temp_max_degc"), map(list, zip(*rows, strict=True)),
                       strict=True))  # fmt: skip
    blocks = 1 << BLOCK_VEHICLE | 1 << BLOCK_EXTREMES
    insert(opened, VEHICLE_REPORT, {}, vin=[VIN] * n, received_at=[START * 1000] * n,
           link=["direct"] * n, blocks=[blocks] * n, voltage_v=[400.0] * n, **columns)  # fmt: skip
    codes = [["A"], ["A"], ["B", "C"], [], ["A"]]
    insert(opened, LINK_EVENT, {}, vin=[VIN] * 5, device_at=[START + i for i in range(5)],
           received_at=[(START + i) * 1000 for i in range(5)], link=["direct"] * 5,
           edition=[2016] * 5, command=[1] * 5, event=["vehicle_login"] * 5,
           detail=[json.dumps({"iccid": f"898{i}", "codes": c}) for i, c in enumerate(codes)],
           )  # fmt: skip
    yield opened
    opened.close()


def test_months_add_up_to_what_was_sent(history: Warehouse) -> None:
    january, february = record.operation(history, VIN, "Asia/Shanghai")
    assert (january["month"], february["month"]) == ("2026-01", "2026-02")
    assert (january["report_count"], february["report_count"]) == (22, 11)
    assert january["distance_km"] == pytest.approx(1.0, abs=1e-4)
    assert january["driving_h"] == pytest.approx(100 / 3600, abs=1e-3)
    # 400 V x 36 A x 100 s = 0.4 kWh; 400 V x 18 A x 110 s = 0.22 kWh: ten steps and the one before.
    assert january["used_kwh"] == pytest.approx(0.4, abs=1e-3)
    assert january["charged_kwh"] == pytest.approx(0.22, abs=1e-3)
    assert january["charge_count"] == 1
    # The month between is silence: it counts towards nothing, and a new charge begins after it.
    assert february["observed_h"] == pytest.approx(100 / 3600, abs=1e-3)
    assert february["charged_kwh"] == pytest.approx(0.2, abs=1e-3)
    assert february["charge_count"] == 1
    assert january["soc_h"][5] == pytest.approx(100 / 3600, abs=1e-3)
    assert february["soc_h"][9] == pytest.approx(100 / 3600, abs=1e-3), "100 % is in the last"
    assert february["temp_h"][0] == pytest.approx(100 / 3600, abs=1e-3), "colder than the first"
    whole = record.summed([january, february])
    assert (whole["report_count"], whole["charge_count"]) == (33, 2)


def test_nothing_sent_is_nothing_found(history: Warehouse) -> None:
    assert record.operation(history, "NOBODY", "Asia/Shanghai") == []
    assert record.packs(history, "NOBODY") == []
    assert record.terminal(history, "NOBODY") is None
    assert record.summed([])["first_at"] is None
    assert bench.last_charge(history, "NOBODY", START) is None


def test_a_change_of_codes_is_a_swap_and_going_back_is_another(history: Warehouse) -> None:
    found = record.packs(history, VIN)
    assert [(p["codes"], p["login_count"]) for p in found] == [
        (["A"], 2), (["B", "C"], 1), (["A"], 1),
    ]  # fmt: skip
    newest = record.terminal(history, VIN)
    assert newest
    assert newest["iccid"] == "8984"


@pytest.mark.parametrize("detail", ["", "[]", "7", '{"codes": "A"}', '{"codes": ["", " "]}'])
def test_a_login_without_codes_says_nothing(detail: str) -> None:
    assert record.codes_of(detail) == ()


def test_the_charge_before_a_test_ends_at_a_silence(history: Warehouse) -> None:
    late = START + 31 * 86_400
    assert bench.last_charge(history, VIN, late + 1000) == (late, late + 100)
    assert bench.last_charge(history, VIN, START + 86_400) == (START + 110, START + 210)
    assert bench.last_charge(history, VIN, late) is None, "30 days back and no further"


def test_the_document_has_every_part_with_source_and_instant(
    operator: TestClient, ledger: Ledger
) -> None:
    attributes = {"额定电压": "350", "Cooling": "liquid", "内部编号": "7"}
    ledger.things.put([Thing(VINS[0], operator="North Fleet", attributes=attributes)])
    answer = operator.get(f"/api/v1/vehicles/{VINS[0]}/record")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    parts = [found[name] for name in ("static", "packs", "operation", "health", "findings",
                                      "alarms", "orders", "inspections")]  # fmt: skip
    parts += found["events"].values()
    assert all(part["source"] and part["as_of"] and "is_there" in part for part in parts)
    fields = {f["name"]: f["value"] for f in found["static"]["fields"]}
    assert fields == {"rated_voltage_v": "350", "cooling": "liquid"}
    assert found["static"]["others"] == {"内部编号": "7"}
    assert found["operation"]["whole"]["report_count"] == 120
    assert found["health"]["is_there"] is False, "the battery room has written nothing here"
    kept = operator.get(f"/api/v1/vehicles/{VINS[0]}/record?download=true")
    assert f'filename="record_{VINS[0]}_' in kept.headers["content-disposition"]
    assert kept.json()["static"]["fields"] == found["static"]["fields"]


def test_a_record_outside_the_organisation_is_not_there(north: TestClient) -> None:
    assert north.get(f"/api/v1/vehicles/{VINS[2]}/record").status_code == 404
    assert north.get(f"/api/v1/vehicles/{VINS[0]}/record").status_code == 200


def bring(client: TestClient, kind: str, *lines: str, **query: str) -> dict[str, Any]:
    content = "\r\n".join(lines).encode("gb18030")
    answer = client.post(f"{URL}/{kind}/import", files={"file": ("f.csv", content)}, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_repairs_come_in_are_repeated_and_corrected(operator: TestClient) -> None:
    good = f"{VINS[0]},2026-03-01 10:00,甲厂,WX-1,模组,更换,1,12,OLD-1,286"
    bad = f"{VINS[0]},昨天,甲厂,WX-2,轮胎,更换,1,0,,286"
    done = bring(operator, "repair", REPAIRS, good, bad)
    assert (done["added"], done["refused"]) == (1, 1)
    assert {(p["row"], p["column"]) for p in done["problems"]} == {
        (3, "at"), (3, "part"), (3, "cell_no"),
    }  # fmt: skip
    assert bring(operator, "repair", REPAIRS, good)["unchanged"] == 1
    assert bring(operator, "repair", REPAIRS, good.replace("OLD-1", "OLD-2"))["corrected"] == 1
    events = operator.get(f"/api/v1/vehicles/{VINS[0]}/record").json()["events"]
    (entry,) = events["repair"]["entries"]
    assert (entry["version"], entry["fields"]["old_code"]) == (2, "OLD-2")
    assert (entry["source"], entry["reference"]) == ("甲厂", "WX-1")
    assert (entry["fields"]["part"], entry["fields"]["cell_no"]) == ("module", 12)
    assert entry["at"] == "2026-03-01T02:00:00Z"
    assert events["recall"]["entries"] == []


def test_every_kind_takes_its_own_form_and_a_default_source(operator: TestClient) -> None:
    kinds = operator.get(f"{URL}/kinds").json()
    assert [k["key"] for k in kinds] == ["repair", "recall", "accident", "violation", "claim"]
    for kind in kinds:
        needed = [f for f in kind["fields"] if f["is_required"] and f["name"] != "source"]
        values = {"id": VINS[0], "at": "2026-03-01 10:00:00"}
        row = [next(iter(f["choices"]), "") or values.get(f["kind"], "N-1") for f in needed]
        heading = ",".join(f["title_zh"] for f in needed)
        done = bring(operator, kind["key"], heading, ",".join(row), source="city")
        assert (done["added"], done["problems"]) == (1, []), kind["key"]
    rows = operator.get(URL).json()
    assert rows["total"] == 5
    assert {r["source"] for r in rows["rows"]} == {"city"}
    assert operator.get(f"{URL}?kind=claim").json()["total"] == 1
    answer = operator.post(f"{URL}/wedding/import", files={"file": ("f", b"a")})
    assert answer.status_code == 404
    assert "allowed are repair, recall" in answer.json()["error"]["message"]


def test_events_of_another_organisation_cannot_be_seen_or_taken_over(
    operator: TestClient, north: TestClient, ledger: Ledger
) -> None:
    ledger.things.put([Thing(VINS[0], operator="North Fleet"),
                       Thing(VINS[2], operator="South Fleet")])  # fmt: skip
    south = f"{VINS[2]},2026-03-01 10:00,甲厂,WX-9,模组,更换,1,12,,286"
    bring(operator, "repair", REPAIRS, south)
    assert north.get(URL).json()["total"] == 0
    done = bring(north, "repair", REPAIRS, south, south.replace(VINS[2], VINS[0]))
    assert (done["added"], done["corrected"], done["refused"]) == (0, 0, 2)
    (kept,) = operator.get(URL).json()["rows"]
    assert (kept["vin"], kept["version"]) == (VINS[2], 1)


def test_what_is_known_of_a_room_without_its_tables(history: Warehouse) -> None:
    assert record.tables_there(history, ("battery_health", "vehicle_report")) == {"vehicle_report"}


def test_alarms_and_orders_stand_with_their_states_in_words(
    operator: TestClient, ledger: Ledger
) -> None:
    ledger.things.put([Thing(VINS[0], operator="North Fleet")])
    finding = Finding(VINS[0], "battery", "connection", 1, 7, 10, 1_000, Severity.STOP, -48.25,
                      "mV", -15.0, 0.9, (), "cell 7 is loose", "7 号单体松动")  # fmt: skip
    Alarms(ledger.alarms, DECLARED, now).take([finding])
    order = ledger.orders.raise_by_hand(
        VINS[0], "look at cell 7", Asked("raise", "ann"), severity=2, year=2026
    )
    found = operator.get(f"/api/v1/vehicles/{VINS[0]}/record").json()
    (alarm,) = found["alarms"]["entries"]
    assert (alarm["pack_no"], alarm["cell_no"]) == (1, 7)
    assert alarm["sentence_zh"] == "7 号单体松动"
    assert alarm["state_en"] != alarm["state_zh"]
    (entry,) = found["orders"]["entries"]
    assert (entry["number"], entry["title"]) == (order.number, "look at cell 7")
    assert entry["state_en"] == "raised"
    assert len(entry["steps"]) == 1
