"""A simulated press that all tests of the room share, and a plant for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from millbrain.connect.opcua import link
from millbrain.connect.opcua.simulator import Simulator
from millbrain.hands import links
from tests.connect.opcua.plants import Plant


@pytest.fixture(scope="session")
def machine() -> Iterator[Simulator]:
    served = Simulator().start()
    yield served
    served.stop()


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    monkeypatch.setattr(links, "FOLLOW_S", 0.05)
    monkeypatch.setattr(link, "FOLLOW_S", 0.05)
    running = Plant(tmp_path)
    yield running
    running.stop()
