"""Every batch once and in order, whatever goes by."""

import numpy as np
import pytest

from millbrain.analyse.battery.inflow import NEAR_BATCHES, Gap, Inflow, Live
from millbrain.core import limits
from millbrain.core.columns import Columns


def rows(count: int) -> Columns:
    return Columns(count, {"vin": np.full(count, b"V")})


def seen(inflow: Inflow, settled: int) -> list[object]:
    """Take all that can be taken now."""
    taken: list[object] = []
    while (found := inflow.next(settled, 10, 0)) is not None:
        taken.append(found.batch if isinstance(found, Live) else (found.after, found.upto))
        inflow.position = found.batch if isinstance(found, Live) else found.upto
    return taken


def test_batches_come_in_order() -> None:
    inflow = Inflow(0, 0)
    for batch in (1, 2, 3):
        inflow.offer(batch, rows(5))
    assert seen(inflow, 0) == [1, 2, 3]
    assert inflow.behind == 0


def test_what_goes_by_is_read_back_once_it_is_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANALYSIS_ROWS_QUEUED_MAX", 10)
    inflow = Inflow(0, 0)
    for batch in range(1, 6):
        inflow.offer(batch, rows(5))
    assert inflow.missed == 3
    assert seen(inflow, 1) == [1, 2]
    assert seen(inflow, 4) == [(2, 4)]
    inflow.offer(6, rows(5))  # near enough: queued again
    assert seen(inflow, 4) == []
    assert seen(inflow, 5) == [(4, 5), 6]


def test_far_behind_it_reads_in_parts_and_joins_when_near() -> None:
    inflow = Inflow(0, 500)
    inflow.offer(501, rows(1))
    assert inflow.missed == 1
    assert isinstance(inflow.next(501, 10, 0), Gap)
    taken = seen(inflow, 501)
    assert taken[0] == (0, 10)
    assert taken[-1] == (500, 501)
    assert inflow.position > 501 - NEAR_BATCHES
    inflow.offer(502, None)
    assert seen(inflow, 501) == [502]


def test_beginning_again_forgets_what_is_queued() -> None:
    inflow = Inflow(0, 0)
    for batch in (1, 2):
        inflow.offer(batch, rows(5))
    assert seen(inflow, 0) == [1, 2]
    inflow.offer(3, rows(5))
    inflow.restart(0)
    assert seen(inflow, 2) == [(0, 2)]
    assert seen(inflow, 3) == [(2, 3)]
