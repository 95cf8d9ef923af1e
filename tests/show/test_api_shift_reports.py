"""Shift reports over the API: made, downloaded, refused to who is limited to an organisation."""

import dataclasses
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.analyse.effectiveness.tables import TABLES
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import create_tables
from millbrain.run.report.keeper import ShiftReports
from tests.show.conftest import client_of

API = "/api/v1/production/shift-reports"


@pytest.fixture
def viewer(app: FastAPI, ledger: Ledger, tmp_path: Path) -> TestClient:
    """A viewer of a house that writes reports."""
    services = app.state.services
    create_tables(services.warehouse, TABLES)  # which the engine makes
    desk = ShiftReports(services.warehouse, ledger, tuple, tmp_path, "Asia/Shanghai")
    app.state.services = dataclasses.replace(services, shift_desk=desk)
    return client_of(app, ledger, "viewer")


def test_a_day_in_every_form(viewer: TestClient) -> None:
    told = viewer.get(API).json()
    assert told["files"] == []
    found = viewer.get(f"{API}/2026-06-10", params={"language": "zh"}).json()
    assert found["head"][0] == ["日期", "2026-06-10"]
    assert set(found["tables"]) == {"lines", "losses", "stops", "orders", "people", "scrap"}
    for form, begin in (("xlsx", b"PK"), ("pdf", b"%PDF")):
        asked = {"format": form, "snapshot": found["snapshot"]}
        first, again = (viewer.get(f"{API}/2026-06-10", params=asked) for _ in range(2))
        assert first.content.startswith(begin)
        assert first.content == again.content
        assert found["snapshot"] in first.headers["content-disposition"]


def test_refusals(viewer: TestClient, app: FastAPI, ledger: Ledger) -> None:
    assert viewer.get(f"{API}/today").status_code == 422
    assert viewer.get(f"{API}/2026-06-10", params={"snapshot": "x"}).status_code == 404
    assert viewer.get(f"{API}/files/x.pdf").status_code == 404
    assert client_of(app, ledger, "north").get(f"{API}/2026-06-10").status_code == 403
