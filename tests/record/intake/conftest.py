"""A warehouse with the shared tables, and an intake on it."""

from collections.abc import Callable, Iterator

import pytest

from millbrain.core.facts import SHARED_TABLES
from millbrain.record.intake import Intake
from millbrain.record.warehouse import Warehouse
from millbrain.record.warehouse.tables import create_tables


@pytest.fixture
def store(warehouse: Warehouse) -> Warehouse:
    create_tables(warehouse, SHARED_TABLES)
    return warehouse


@pytest.fixture
def open_intake(store: Warehouse) -> Iterator[Callable[..., Intake]]:
    """Start an intake; calling again stops the last one first, as a restart does."""
    opened: list[Intake] = []

    def open_one(warehouse: Warehouse = store, **settings: object) -> Intake:
        for intake in opened:
            intake.stop()
        intake = Intake(warehouse, **settings)
        intake.start()
        opened.append(intake)
        return intake

    yield open_one
    for intake in opened:
        intake.stop()
