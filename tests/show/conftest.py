"""A small city, written by hand into a real warehouse, and the application over it."""

import dataclasses
import itertools
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.columns import Columns, Ragged
from millbrain.core.facts import (
    BLOCK_CELLS,
    BLOCK_EXTREMES,
    BLOCK_POSITION,
    BLOCK_VEHICLE,
    DEAD_LETTER,
    INTAKE,
    LINK_EVENT,
    RAW_FRAME,
    SHARED_TABLES,
    VEHICLE_LATEST,
    VEHICLE_REPORT,
)
from millbrain.core.tables import Table, arrow_batch
from millbrain.record.ledger import Ledger, Role
from millbrain.record.warehouse import Warehouse, create_tables, open_embedded
from millbrain.show.access import Access
from millbrain.show.app import WebSettings, create_app

PASSWORD = "a long enough password"
_NUMBERS = itertools.count(1)
VINS = ("LDPGABAC2JN361504", "LSVAU2A37N2183294", "LGXCE4CB8P0041177", "LB378Y4W9JA177121")
BLOCKS = 1 << BLOCK_VEHICLE | 1 << BLOCK_POSITION | 1 << BLOCK_EXTREMES | 1 << BLOCK_CELLS
REGIONS = (
    {"code": "500103", "name": "Yuzhong", "name_zh": "渝中区", "col": 3, "row": 4},
    {"code": "500112", "name": "Yubei", "name_zh": "渝北区", "col": 3, "row": 3},
)


class StubEngine:
    """Stands for the engine process, which these tests do not start."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, str, Mapping[str, Any]]] = []
        self.failure: Exception | None = None

    def status(self) -> dict[str, Any]:
        if self.failure:
            raise self.failure
        return {
            "version": "0",
            "intake": {"commit_p50_ms": 20.0, "commit_p99_ms": 41.5, "commit_max_ms": 60.0},
        }

    def links(self) -> list[dict[str, Any]]:
        if self.failure:
            raise self.failure
        return [{"room": "gbt32960", "link": "city-01", "vehicles": 3}]

    def command(self, room: str, thing: str, order: Mapping[str, Any]) -> dict[str, Any]:
        self.orders.append((room, thing, order))
        if self.failure:
            raise self.failure
        return {"flag": 1, "values": {"1": 10}}


def insert(warehouse: Warehouse, table: Table, missing: dict[str, Any], **values: Any) -> None:
    """Store columns given as plain lists; `missing` marks values that are absent."""
    rows = len(next(iter(values.values())))
    columns: dict[str, Any] = {}
    for name, value in values.items():
        column = table.column(name)
        if column.many:
            sizes = [len(v) for v in value]
            flat = np.array([x for v in value for x in v])
            columns[name] = Ragged(np.array([0, *np.cumsum(sizes)], np.int32), flat)
        elif column.kind in ("text", "name", "blob"):
            raw = [v.encode() if isinstance(v, str) else v for v in value]
            columns[name] = np.array(raw, np.object_)
        else:
            columns[name] = np.array(value)
    marks = {n: np.array(m, np.bool_) for n, m in missing.items()}
    warehouse.insert(table, arrow_batch(table, Columns(rows, columns, marks)))


def _latest(warehouse: Warehouse, now_s: int) -> None:
    """Four vehicles: one drives, one charges, one is silent for two hours, one for ten days."""
    insert(
        warehouse,
        VEHICLE_LATEST,
        {"charge_start_at": [True, False, True, True],
         "charge_start_soc_pct": [True, False, True, True],
         "soc_pct": [False, False, False, True]},
        vin=VINS,
        device_at=[now_s - 5, now_s - 8, now_s - 7200, now_s - 864_000],
        received_at=[(now_s - s) * 1000 for s in (5, 8, 7200, 864_000)],
        link=["city-01", "city-01", "city-02", "city-02"],
        edition=[2016, 2025, 2016, 2016],
        vehicle_state=[1, 2, 1, 2],
        charge_state=[3, 1, 3, 3],
        speed_kmh=[42.5, 0.0, 10.0, 0.0],
        soc_pct=[66, 31, 80, 0],
        alarm_level=[0, 3, 2, 255],
        charge_start_at=[0, now_s - 3600, 0, 0],
        charge_start_soc_pct=[0, 28, 0, 0],
        plate=["渝A12345", "渝AD67890", "渝B00001", ""],
        model=["EV-1", "EV-2", "EV-1", "=cmd()"],
        operator=["North Fleet", "North Fleet", "South Fleet", "South Fleet"],
        simulated=[0, 1, 0, 0],
        region_code=["500103", "500112", "500103", ""],
        as_of=[now_s * 1000] * 4,
    )  # fmt: skip


def _reports(warehouse: Warehouse, now_s: int) -> None:
    """Vehicle 0: a report every 10 s for 10 min, silence for 20 min, then 10 min again."""
    starts = [now_s - 2400 + 10 * i for i in range(60)] + [now_s - 600 + 10 * i for i in range(60)]
    n = len(starts)
    speed = [float(i % 50) for i in range(n)]
    speed[17] = 119.0  # one second at 119 km/h that no averaging may lose
    insert(
        warehouse,
        VEHICLE_REPORT,
        {},
        vin=[VINS[0]] * n,
        device_at=starts,
        received_at=[(s + 1) * 1000 for s in starts],
        link=["city-01"] * n,
        batch=[1] * n,
        frame_count=[1] * n,
        edition=[2016] * n,
        blocks=[BLOCKS] * n,
        vehicle_state=[1] * n,
        speed_kmh=speed,
        soc_pct=[80 - i // 4 for i in range(n)],
        longitude_deg=[106.55 + i * 1e-4 for i in range(n)],
        latitude_deg=[29.56] * n,
        cell_max_mv=[3350 + i % 3 for i in range(n)],
        cell_min_mv=[3340] * n,
        cells_mv=[[3340, 3350 + i % 3, 65534] for i in range(n)],
    )


def _others(warehouse: Warehouse, now_s: int) -> None:
    insert(
        warehouse, LINK_EVENT, {"device_at": [False, True], "serial": [False, True]},
        vin=[VINS[0], VINS[2]], device_at=[now_s - 60, 0],
        received_at=[(now_s - 60) * 1000, (now_s - 30) * 1000], link=["city-01", "city-02"],
        command=[1, 7], event=["vehicle_login", "heartbeat"], flag=[254, 254], answer=[1, 1],
        serial=[7, 0], detail=['{"serial": 7}', "{}"],
    )  # fmt: skip
    insert(
        warehouse, DEAD_LETTER, {}, received_at=[now_s * 1000, now_s * 1000],
        link=["city-01", "city-02"], batch=[1, 2], reason=["checksum", "note_unknown_block"],
        detail=["BCC was 0x5a", "block 0x7f"], frame_count=[1, 0], raw=[b"##\x01", b"\x7f\x00"],
    )  # fmt: skip
    insert(
        warehouse, INTAKE, {}, batch=[1, 2], day=[(now_s + 8 * 3600) // 86_400] * 2,
        link=["city-01", "city-02"], received=[124, 10], stored=[121, 8], duplicate=[2, 2],
        rejected=[1, 0], first_received_at=[(now_s - 5) * 1000] * 2,
        committed_at=[(now_s - 4) * 1000] * 2,
    )  # fmt: skip
    insert(
        warehouse, RAW_FRAME, {}, vin=[VINS[0]], device_at=[now_s - 10],
        received_at=[(now_s - 9) * 1000], link=["city-01"], batch=[1], frame=[b"##\x02\xfe"],
    )  # fmt: skip


@pytest.fixture(scope="session")
def ledger_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with one account of each role, and an operator of one organisation."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    made = Ledger(f"sqlite:///{path}")
    made.migrate()
    for role in Role:
        made.accounts.add(role.value, PASSWORD, role)
    made.accounts.add("north", PASSWORD, Role.OPERATOR, "North Fleet")
    made.close()
    return path


@pytest.fixture
def ledger(tmp_path: Path, ledger_file: Path) -> Iterator[Ledger]:
    """A copy of that ledger, which the test may change."""
    copy = shutil.copy(ledger_file, tmp_path / "ledger.sqlite")
    opened = Ledger(f"sqlite:///{copy}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def now_s() -> int:
    """The instant at which the city was seen [s since 1970]; its vehicles fall silent later."""
    return int(time.time())


@pytest.fixture(scope="module")
def city(warehouse_folder: Path, now_s: int) -> Iterator[Warehouse]:
    """A warehouse with four vehicles of two organisations; tests only read it."""
    opened = open_embedded(warehouse_folder, f"city_{next(_NUMBERS)}")
    create_tables(opened, SHARED_TABLES)
    _latest(opened, now_s)
    _reports(opened, now_s)
    _others(opened, now_s)
    yield opened
    opened.close()


@pytest.fixture
def engine() -> StubEngine:
    """An engine that answers every command."""
    return StubEngine()


@pytest.fixture(scope="module")
def plain_app(city: Warehouse) -> FastAPI:
    """The application over the small city, still without a ledger: it takes 0.2 s to make."""
    settings = WebSettings(regions=REGIONS, in_force={"web": {"port": 0}})
    return create_app(None, city, (), settings, None)  # type: ignore[arg-type]


@pytest.fixture
def app(plain_app: FastAPI, ledger: Ledger, engine: StubEngine) -> FastAPI:
    """The application over the small city and a fresh ledger."""
    state = plain_app.state
    state.services = dataclasses.replace(state.services, ledger=ledger, engine=engine)
    state.access = Access(ledger, is_secure=False)
    return plain_app


def client_of(app: FastAPI, ledger: Ledger, name: str) -> TestClient:
    """A client that carries a token of the account."""
    account = ledger.accounts.get(name)
    assert account
    _, secret = ledger.accounts.add_token(name, "test", account.role, 1)
    headers = {"Authorization": f"Bearer {secret}"}
    return TestClient(app, headers=headers, raise_server_exceptions=False)


@pytest.fixture
def viewer(app: FastAPI, ledger: Ledger) -> TestClient:
    """A viewer of every vehicle."""
    return client_of(app, ledger, "viewer")


@pytest.fixture
def north(app: FastAPI, ledger: Ledger) -> TestClient:
    """An operator who is limited to North Fleet."""
    return client_of(app, ledger, "north")


@pytest.fixture
def operator(app: FastAPI, ledger: Ledger) -> TestClient:
    """An operator of every vehicle."""
    return client_of(app, ledger, "operator")


@pytest.fixture
def admin(app: FastAPI, ledger: Ledger) -> TestClient:
    """An administrator."""
    return client_of(app, ledger, "admin")
