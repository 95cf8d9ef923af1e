"""Readings of plant tags over the API: newest values, curves with gaps, exports, scope."""

import csv
import io
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from millbrain.core.plant.readings import READING, READING_LATEST
from millbrain.record.ledger import Ledger, Thing
from millbrain.record.warehouse import Warehouse
from tests.show.conftest import insert

NOW_MS = int(time.time() * 1000) // 1000 * 1000
START_MS = NOW_MS - 3_600_000
MACHINE, OTHER = "MW-L03-M07", "MW-L04-M01"


@pytest.fixture(scope="module", autouse=True)
def plant(city: Warehouse) -> None:
    """600 s at 1 Hz, a silence of 10 min, then 60 s in which one value was none; and texts."""
    at = [START_MS + 1000 * i for i in range(600)] + [START_MS + 1_200_000 + 1000 * i
                                                      for i in range(60)]  # fmt: skip
    n = len(at)
    value = [float(i % 7) for i in range(n)]
    value[333] = 900.0
    insert(
        city, READING, {"value": [i == 630 for i in range(n)]}, thing=[MACHINE] * n,
        signal=["spindle_speed_rpm"] * n, device_at=at, received_at=[a + 20 for a in at],
        value=value, quality=[0 if i == 630 else 192 for i in range(n)], link=["line-3"] * n,
        batch=[1] * n, frame_count=[1] * n,
    )  # fmt: skip
    texts = ["op 10", "op 10", "op 20", "=cmd()"]
    insert(
        city, READING, {"value": [True] * 4}, thing=[MACHINE] * 4, signal=["stop_reason"] * 4,
        device_at=at[:4], received_at=at[:4], value=[0.0] * 4, text=texts, quality=[192] * 4,
        link=["line-3"] * 4, batch=[1] * 4, frame_count=[1] * 4,
    )  # fmt: skip
    insert(
        city, READING_LATEST, {"value": [False, True, False]}, thing=[MACHINE, MACHINE, OTHER],
        signal=["spindle_speed_rpm", "stop_reason", "energy_kwh"], device_at=[NOW_MS] * 3,
        received_at=[NOW_MS] * 3, value=[12.5, 0.0, 7.25], text=["", "=cmd()", ""],
        quality=[192, 64, 0], link=["line-3"] * 3, reading_count=[660, 4, 1],
        as_of=[NOW_MS] * 3,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def register(ledger: Ledger) -> None:
    ledger.things.put([Thing(MACHINE, kind="machine", operator="North Fleet")])


def get(client: TestClient, path: str, **asked: object) -> Any:
    answer = client.get(f"/api/v1/readings{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def trend(client: TestClient, signals: str = "spindle_speed_rpm", **asked: object) -> Any:
    span = {"from": START_MS / 1000, "to": NOW_MS / 1000}
    return get(client, "", thing=MACHINE, signals=signals, **span | asked)


def test_newest_values_of_a_thing(viewer: TestClient) -> None:
    found = get(viewer, "/latest", thing=MACHINE)
    assert [(r["signal"], r["value"], r["text"], r["quality"]) for r in found["rows"]] == [
        ("spindle_speed_rpm", 12.5, "", 192),
        ("stop_reason", None, "=cmd()", 64),
    ]
    assert found["total"] == 2
    assert get(viewer, "/latest", thing=MACHINE, signals="stop_reason")["total"] == 1


def test_newest_values_of_all_are_searched_sorted_and_paged(viewer: TestClient) -> None:
    found = get(viewer, "/latest", sort="value", order="desc", size=1, page=2)
    assert (found["total"], found["rows"][0]["value"]) == (3, 7.25)
    assert [r["thing"] for r in get(viewer, "/latest", q="ENERGY")["rows"]] == [OTHER]
    assert viewer.get("/api/v1/readings/latest?sort=batch").status_code == 404


def test_one_sees_things_of_ones_own_organisation(north: TestClient, viewer: TestClient) -> None:
    assert get(north, "/latest")["total"] == 2
    assert get(viewer, "/latest")["total"] == 3
    trend(north)
    for path in (f"/latest?thing={OTHER}", f"?thing={OTHER}&signals=energy_kwh"):
        hidden = north.get(f"/api/v1/readings{path}")
        unknown = north.get(f"/api/v1/readings{path.replace(OTHER, 'NOTHING')}")
        assert hidden.status_code == unknown.status_code == 404
        assert (
            hidden.json()["error"]["message"].replace(OTHER, "NOTHING")
            == (unknown.json()["error"]["message"])
        )


def test_too_many_things_are_asked_for_one_by_one(
    north: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millbrain.show.api.readings.THINGS_SCOPED_MAX", 0)
    answer = north.get("/api/v1/readings/latest")
    assert answer.status_code == 422
    assert "North Fleet has 1 things" in answer.json()["error"]["message"]
    assert get(north, "/latest", thing=MACHINE)["total"] == 2


def test_every_reading_is_a_point_where_they_fit_and_gaps_stay_gaps(viewer: TestClient) -> None:
    found = trend(viewer)
    assert found["bucket_ms"] == 1
    (curve,) = found["curves"]
    assert len(curve["t"]) == 661  # 660 readings and the silence between
    assert curve["count"][600] == 0
    assert curve["avg"][600] is None
    assert (curve["avg"][631], curve["quality"][631], curve["count"][631]) == (None, 0, 1)
    assert set(curve["quality"]) == {192, 0, None}
    assert len(trend(viewer, gap_s=900)["curves"][0]["t"]) == 660


def test_a_reduced_curve_keeps_extremes_counts_and_the_worst_quality(viewer: TestClient) -> None:
    found = trend(viewer, points=60)
    assert found["bucket_ms"] == 60_001
    (curve,) = found["curves"]
    assert max(v for v in curve["max"] if v is not None) == 900.0
    assert sum(curve["count"]) == 660
    assert min(q for q in curve["quality"] if q is not None) == 0
    values = [float(i % 7) for i in range(60)]
    assert curve["avg"][0] == pytest.approx((sum(values) + 60 % 7) / 61)
    assert None in curve["avg"]


def test_texts_are_told_when_they_change(viewer: TestClient) -> None:
    found = trend(viewer, signals="stop_reason,spindle_speed_rpm")
    assert found["curves"][0]["texts"] == [
        [START_MS, "op 10"], [START_MS + 2000, "op 20"], [START_MS + 3000, "=cmd()"],
    ]  # fmt: skip
    assert found["curves"][1]["texts"] == []


def test_a_signal_that_never_came_is_an_empty_curve(viewer: TestClient) -> None:
    assert trend(viewer, signals="never_degc")["curves"][0]["t"] == []


def test_spans_and_names_have_bounds(viewer: TestClient) -> None:
    ask = f"/api/v1/readings?thing={MACHINE}&signals="
    assert viewer.get(f"{ask}a&from=1000&to=900").status_code == 422
    assert viewer.get(f"{ask}").status_code == 422
    assert viewer.get(ask + ",".join(f"s{i}" for i in range(25))).status_code == 422


def test_exports_hold_every_reading(viewer: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millbrain.show.queries.readings.EXPORT_CHUNK_ROWS", 100)
    asked = {"thing": MACHINE, "signals": "spindle_speed_rpm,stop_reason", "format": "csv",
             "from": START_MS / 1000, "to": NOW_MS / 1000}  # fmt: skip
    answer = viewer.get("/api/v1/readings", params=asked)
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(rows) == 664
    assert rows[630]["value"] == ""
    assert rows[-1]["text"] == "'=cmd()"
    newest = viewer.get("/api/v1/readings/latest", params={"format": "xlsx"})
    assert newest.content.startswith(b"PK")


def test_a_curve_says_its_unit_and_what_it_measures(viewer: TestClient) -> None:
    speed, reason = trend(viewer, "spindle_speed_rpm,stop_reason")["curves"]
    assert (speed["unit"], speed["quantity"], speed["quantity_zh"]) == (
        "r/min", "rotational speed", "转速",
    )  # fmt: skip
    assert (reason["unit"], reason["quantity"], reason["quantity_zh"]) == ("", "", "")
