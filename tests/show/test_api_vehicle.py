"""One vehicle: newest values, curves that keep extremes and gaps, track, frames, commands."""

from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from millbrain.core.errors import FrameError, LimitError, NotFoundError
from millbrain.record.ledger import Ledger, Thing

VIN = "LDPGABAC2JN361504"
SOUTH = "LGXCE4CB8P0041177"
ONE = f"/api/v1/vehicles/{VIN}"


def get(client: TestClient, path: str = "", **parameters: object) -> Any:
    answer = client.get(ONE + path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_now(viewer: TestClient) -> None:
    found = get(viewer)
    assert found["latest"]["state"] == "driving"
    assert found["latest"]["region"] == "Yuzhong"
    report = found["report"]
    assert report["cells_mv"] == [3340, 3352, 65534]
    assert (report["cell_spread_mv"], report["soc_pct"]) == (12, 51)
    assert report["other_blocks"] is None  # the block was never sent
    assert report["motor_no"] == []
    assert found["block_at"]["7"] == report["device_at"]
    assert found["last_day"]["reports"] == 120
    assert found["thing"] is None


def test_a_registered_vehicle_that_never_reported(viewer: TestClient, ledger: Ledger) -> None:
    ledger.things.put([Thing("NEWCOMER", plate="渝A00000")])
    found = viewer.get("/api/v1/vehicles/NEWCOMER").json()
    assert found["latest"] is None
    assert found["report"] is None
    assert found["thing"]["plate"] == "渝A00000"


@pytest.mark.parametrize(
    "path", ["", "/trend?signals=soc_pct", "/track", "/frames", "/events", "/commands"]
)
def test_strangers_and_other_organisations_look_alike(
    viewer: TestClient, north: TestClient, path: str
) -> None:
    assert viewer.get(f"/api/v1/vehicles/{SOUTH}{path}").status_code == 200
    hidden = north.get(f"/api/v1/vehicles/{SOUTH}{path}")
    unknown = north.get(f"/api/v1/vehicles/NOBODY{path}")
    assert hidden.status_code == unknown.status_code == 404
    message = hidden.json()["error"]["message"]
    assert message.replace(SOUTH, "NOBODY") == unknown.json()["error"]["message"]


def test_every_report_is_a_point_where_they_fit(viewer: TestClient, now_s: int) -> None:
    found = get(viewer, "/trend", signals="speed_kmh,cell_spread_mv,cells_mv[2],cells_mv[3]")
    assert found["bucket_s"] == 1
    speed, spread, second, third = found["signals"]
    assert (speed["name"], speed["unit"], speed["title_zh"]) == ("speed_kmh", "km/h", "车速")
    assert speed["t"][0] == (now_s - 2400) * 1000
    assert max(v for v in speed["max"] if v is not None) == 119
    assert spread["avg"][:3] == [10, 11, 12]
    assert second["avg"][:3] == [3350, 3351, 3352]
    assert third["t"] == []  # only markers
    # 20 min of silence: one break, in the middle of it.
    broken = [t for t, v in zip(speed["t"], speed["avg"], strict=True) if v is None]
    assert len(broken) == 1
    assert now_s - 1810 < broken[0] / 1000 < now_s - 600


def test_the_last_day_before_the_newest_report_is_the_default(
    viewer: TestClient, now_s: int
) -> None:
    found = get(viewer, "/trend", signals="soc_pct")
    newest = datetime.fromisoformat(found["to"]).timestamp()
    assert newest == now_s - 5  # vehicle_latest.device_at
    assert newest - datetime.fromisoformat(found["from"]).timestamp() == 86_400


def test_reduction_keeps_extremes_and_gaps(viewer: TestClient) -> None:
    found = get(viewer, "/trend", signals="speed_kmh", points=20)
    curve = found["signals"][0]
    assert found["bucket_s"] == 4321  # 86,401 s in 20 points
    assert max(v for v in curve["max"] if v is not None) == 119
    assert min(v for v in curve["min"] if v is not None) == 0
    assert len(curve["t"]) <= 20


def test_a_pause_shorter_than_five_usual_ones_is_no_gap(viewer: TestClient, now_s: int) -> None:
    found = get(viewer, "/trend", signals="soc_pct", **{"from": now_s - 2400, "to": now_s - 1900})
    assert None not in found["signals"][0]["avg"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("signals=nothing", 404),
        ("signals=cells_mv[0]", 404),
        ("signals=vin", 404),
        ("signals=soc_pct)%20FROM%20system.tables--", 404),
        ("signals=", 422),
        ("", 422),
        ("signals=soc_pct&points=100000", 422),
        ("signals=soc_pct&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 422),
        ("signals=soc_pct&from=1990-01-01T00:00:00Z", 422),
        ("signals=soc_pct&from=9999-12-31T00:00:00Z", 422),
        ("signals=soc_pct&from=yesterday", 422),
    ],
)
def test_refused_curves(viewer: TestClient, query: str, status: int) -> None:
    answer = viewer.get(f"{ONE}/trend?{query}")
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_every_listed_signal_can_be_drawn(viewer: TestClient) -> None:
    dictionary = viewer.get("/api/v1/dictionary").json()
    names = [s["name"] for s in dictionary["signals"]]
    names += [f"{name}[1]" for name in dictionary["lists"]]
    assert {"soc_pct", "cell_spread_mv", "voltage_v", "cells_mv[1]", "motor_degc[1]"} <= set(names)
    for start in range(0, len(names), 12):
        get(viewer, "/trend", signals=",".join(names[start : start + 12]))


def test_track(viewer: TestClient, now_s: int) -> None:
    points = get(viewer, "/track")["points"]
    assert points[0] == [(now_s - 2400) * 1000, 106.55, 29.56, 0]
    assert points.count(None) == 1
    assert len(points) == 121  # 9.7 m apart each, so that none is left out


def test_frames_and_events(viewer: TestClient) -> None:
    frames = get(viewer, "/frames")
    assert [f["raw"] for f in frames["rows"]] == ["232302fe"]
    assert frames["rows"][0]["size_bytes"] == 4
    events = get(viewer, "/events")
    assert [(e["event"], e["serial"]) for e in events["rows"]] == [("vehicle_login", 7)]


def test_a_command_is_sent_recorded_and_audited(
    operator: TestClient, engine: Any, ledger: Ledger
) -> None:
    answer = operator.post(f"{ONE}/commands", json={"command": "query", "ids": [1]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "answered"
    assert answer.json()["answer"] == {"flag": 1, "values": {"1": 10}}
    order = {"command": "query", "ids": [1], "edition": 2016, "link": "city-01"}
    assert engine.orders == [("gbt32960", VIN, order)]
    listed = get(operator, "/commands")
    assert [(c["order"], c["asked_by"]) for c in listed["rows"]] == [(order, "operator")]
    entry = ledger.audit.page()[0][0]
    assert (entry.who, entry.what, entry.object) == ("operator", "command.query", VIN)


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (NotFoundError("no open link"), 404, "not_found"),
        (LimitError("no answer"), 504, "no_answer"),
        (FrameError("structure", "no such parameter"), 422, "bad_order"),
        (ConnectionError("silent"), 503, "engine_down"),
    ],
)
def test_a_command_that_fails(
    operator: TestClient, engine: Any, failure: Exception, status: int, code: str
) -> None:
    engine.failure = failure
    answer = operator.post(f"{ONE}/commands", json={"command": "control", "id": 6})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert [c["state"] for c in get(operator, "/commands")["rows"]] == ["failed"]


def test_no_command_beyond_the_scope(north: TestClient, engine: Any) -> None:
    answer = north.post(f"/api/v1/vehicles/{SOUTH}/commands", json={"command": "query", "ids": [1]})
    assert answer.status_code == 404
    assert engine.orders == []
