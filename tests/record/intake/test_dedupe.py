"""Duplicates against a slow version: one set of everything ever accepted, in plain Python."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.core import facts
from millbrain.record.intake.dedupe import Duplicates, Rows
from millbrain.record.intake.identity import TextIndex

ROW = st.tuples(st.sampled_from([b"A", b"B", b"C"]), st.integers(1, 300), st.integers(1, 6))
BATCHES = st.lists(st.tuples(st.lists(ROW, max_size=30), st.integers(0, 3)), max_size=8)


class Stored:
    """Answers the two questions of `Duplicates` from a list of what is on disk."""

    database = "none"

    def __init__(self) -> None:
        self.rows: set[tuple[bytes, int, int]] = set()

    def query(self, sql: str, params: dict[str, list]) -> pa.Table:
        vins = {bytes.fromhex(h) for h in params["vins"]}
        found = [r for r in self.rows if r[0] in vins]
        if "GROUP BY vin" in sql:
            newest = {v: max(r[1] for r in found if r[0] == v) for v in {r[0] for r in found}}
            found = [(v, at, 0) for v, at in newest.items()]
        else:
            found = [r for r in found if r[1] in params["at"]]
        return pa.table({
            "vin_text": pa.array([v.ljust(24, b"\0") for v, *_ in found], pa.binary(24)),
            "at": pa.array([at for _, at, _ in found], pa.uint32()),
            "kind": pa.array([kind for *_, kind in found], pa.uint32()),
        })  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(parts=BATCHES, restored=st.booleans(), slots_max=st.integers(1, 24))
def test_agrees_with_one_set_of_everything(
    parts: list[tuple[list[tuple[bytes, int, int]], int]], *, restored: bool, slots_max: int
) -> None:
    """Batches reach the disk 0 to 3 batches later; the process may restart in between."""
    stored, index = Stored(), TextIndex(24, 1 + slots_max % 3)
    duplicates = _duplicates(stored, index, restored=restored)
    accepted: set[tuple[bytes, int, int]] = set()
    waiting: list[tuple[int, list[tuple[bytes, int, int]]]] = []
    settled = 0
    for number, (rows, delay) in enumerate(parts, 1):
        twice = _check(duplicates, index, rows, number, settled)
        kept = []
        for row, is_twice in zip(rows, twice, strict=True):
            assert is_twice == (row in accepted)
            accepted.add(row)
            kept += [] if is_twice else [row]
        waiting.append((number, kept))
        while len(waiting) > delay:
            settled, done = waiting.pop(0)
            stored.rows |= set(done)
        if not restored and delay == 0:  # a restart that remembers nothing
            index = TextIndex(24, 10)
            duplicates = _duplicates(stored, index, restored=False)


def _duplicates(stored: Stored, index: TextIndex, *, restored: bool) -> Duplicates:
    table = facts.VEHICLE_REPORT
    return Duplicates(table, "blocks", stored, index, lambda _, call: call(), restored=restored)


def _check(
    duplicates: Duplicates,
    index: TextIndex,
    rows: list[tuple[bytes, int, int]],
    number: int,
    settled: int,
) -> list[bool]:
    vins = np.array([r[0] for r in rows], "S17")
    at = np.array([r[1] for r in rows], np.uint32)
    kind = np.array([r[2] for r in rows], np.uint32)
    return duplicates.check(Rows(vins, index.slots(vins), at, kind), number, settled).tolist()
