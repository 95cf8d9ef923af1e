"""Fixtures that tests of every stage share."""

import contextlib
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from millbrain.record.warehouse.embedded import EmbeddedWarehouse, open_embedded

ROOT = Path(__file__).resolve().parent.parent
_HEAVY = ("browser", "fault", "slow")
_NUMBERS = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that wait for processes and browsers first: the many quick ones fill up the end."""
    weights: Counter[Path] = Counter()
    for item in items:
        weights[item.path] += sum(item.get_closest_marker(name) is not None for name in _HEAVY)
    items.sort(key=lambda item: -weights[item.path])


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of recorded frames and reference data beside the checkout; read only, never copied."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(
            "recorded data are absent: ../shared/data does not exist beside the checkout; "
            "tests that need no recordings run all the same"
        )
    return folder


@pytest.fixture(scope="session")
def warehouse_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of the one embedded engine of this test process, kept running between tests.

    The engine allows one folder per process: a test that opens another one does so in a
    subprocess, or uses this one with a database of its own.
    """
    folder = tmp_path_factory.mktemp("warehouse")
    keeper = open_embedded(folder, "keeper")
    yield folder
    keeper.close()


@pytest.fixture
def warehouse(warehouse_folder: Path) -> Iterator[EmbeddedWarehouse]:
    """Yield an empty warehouse: a fresh database in the shared folder, dropped afterwards."""
    opened = open_embedded(warehouse_folder, f"test_{next(_NUMBERS)}")
    yield opened
    opened.close()
    with contextlib.closing(open_embedded(warehouse_folder, "keeper")) as keeper:
        keeper.execute(f"DROP DATABASE {opened.database} SYNC")


@contextlib.contextmanager
def _serving(app: Any) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", lifespan="off", ws="none", timeout_keep_alive=5)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture(scope="session")
def serving() -> Callable[[Any], contextlib.AbstractContextManager[int]]:
    """Return a context manager that serves an ASGI application; it yields the port."""
    return _serving
