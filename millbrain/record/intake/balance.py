"""The intake ledger: one row a batch and link, and the check that it agrees with the tables."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core import facts
from millbrain.core.columns import Columns
from millbrain.core.plant.admission import LINK_BYTES_MAX
from millbrain.core.times import BEIJING_OFFSET_S
from millbrain.record.intake.batches import COUNTED, Batch, frames_of, received_ms
from millbrain.record.intake.identity import TextIndex
from millbrain.record.warehouse import Warehouse

_log = logging.getLogger(__name__)

LINKS_MAX: Final = 1 << 20
_DAY_MS: Final = 86_400_000
_Counts = NDArray[np.int64]


class Ledger:
    """Counts the frames of each batch by link. Used by the intake thread only."""

    def __init__(self) -> None:
        self._links = TextIndex(LINK_BYTES_MAX, LINKS_MAX)
        self.received = self.stored = self.duplicate = self.rejected = self.unbalanced = 0

    def enter(self, batch: Batch, duplicates: Mapping[str, NDArray[np.bool_]]) -> None:
        """Fill in `batch.ledger`.

        Parameters
        ----------
        batch
            As it came in, duplicates still among its rows.
        duplicates
            Table name -> bool per row, True where it will not be stored.

        """
        self._links.slots(np.array([*batch.received, *_letter_links(batch)], np.bytes_))
        codes = {n: self._links.slots(batch.tables[n].values["link"]) for n in duplicates}
        size = len(self._links)
        sums = {
            n: np.zeros(size, np.int64) for n in ("received", "stored", "duplicate", "rejected")
        }
        first = np.full(size, np.iinfo(np.int64).max)
        for name, duplicate in duplicates.items():
            frames = frames_of(batch.tables[name])
            total = np.bincount(codes[name], frames, size).astype(np.int64)
            twice = np.bincount(codes[name], frames * duplicate, size).astype(np.int64)
            sums["stored"] += total - twice
            sums["duplicate"] += twice
            np.minimum.at(first, codes[name], received_ms(batch.tables[name]))
        self._enter_others(batch, sums, first)
        self._add_up(batch, sums)
        batch.ledger = self._columns(batch, sums, first)

    def _enter_others(self, batch: Batch, sums: Mapping[str, _Counts], first: _Counts) -> None:
        if batch.received:
            links = self._links.find(np.array([*batch.received], np.bytes_))
            sums["received"][links] += np.array([*batch.received.values()], np.int64)
        if batch.rejected:
            links = self._links.find(np.array(_letter_links(batch), np.bytes_))
            np.add.at(sums["rejected"], links, [d.frames for d in batch.rejected])
            np.minimum.at(first, links, [d.received_ms for d in batch.rejected])

    def _add_up(self, batch: Batch, sums: Mapping[str, _Counts]) -> None:
        self.received += int(sums["received"].sum())
        self.stored += int(sums["stored"].sum())
        self.duplicate += int(sums["duplicate"].sum())
        self.rejected += int(sums["rejected"].sum())
        wrong = sums["received"] != sums["stored"] + sums["duplicate"] + sums["rejected"]
        if wrong.any():
            # A driver that counts wrongly is a mistake of ours; the ledger shows it, unmended.
            self.unbalanced += int(wrong.sum())
            names = [t.decode(errors="replace") for t in self._links.texts()[wrong].tolist()]
            _log.error(
                "batch %d: received is not what was delivered, links %s", batch.number, names
            )

    def _columns(self, batch: Batch, sums: Mapping[str, _Counts], first: _Counts) -> Columns:
        rows = np.flatnonzero(sum(sums.values()))
        known = first[rows] < np.iinfo(np.int64).max
        first_ms = np.where(known, first[rows], batch.first_ms)
        return ledger_columns(
            np.full(len(rows), batch.number, np.uint64),
            self._links.texts()[rows],
            {name: counts[rows] for name, counts in sums.items()},
            first_ms,
        )


def ledger_columns(
    numbers: NDArray[np.uint64],
    links: NDArray[np.bytes_],
    sums: Mapping[str, _Counts],
    first_ms: _Counts,
) -> Columns:
    """Return rows of the intake table without `committed_at`, which the writer adds."""
    day = (first_ms + BEIJING_OFFSET_S * 1000) // _DAY_MS
    values: dict[str, Any] = {"batch": numbers, "day": day.astype(np.uint16), "link": links}
    values |= {name: counts.astype(np.uint64) for name, counts in sums.items()}
    return Columns(len(numbers), {**values, "first_received_at": first_ms})


def _letter_links(batch: Batch) -> list[bytes]:
    return [d.link.encode() for d in batch.rejected]


def check_balance(warehouse: Warehouse, settled: int | None = None) -> dict[str, Any]:
    """Compare the intake ledger with the tables it speaks of, link by link.

    Parameters
    ----------
    warehouse
        Asked over the days that retention has surely left whole.
    settled
        Compare batches up to this one only; an engine that is running gives the number in
        `Intake.status()` as ``settled``. None compares all.

    Returns
    -------
    ``balanced`` (bool), ``links`` (link -> received, stored, duplicate, rejected as the ledger
    says, and stored_rows, rejected_rows as the tables say), ``problems`` (sentences, empty when
    balanced).

    """
    upto = np.iinfo(np.int64).max if settled is None else settled
    links: dict[str, dict[str, int]] = {}
    for sql in _balance_queries():
        for row in warehouse.query(sql, {"upto": int(upto)}).to_pylist():
            link = row.pop("link")
            entry = links.setdefault(_text(link), dict.fromkeys(_FIELDS, 0))
            for name, value in row.items():
                entry[name] += int(value)
    problems = [p for link, entry in sorted(links.items()) for p in _problems(link, entry)]
    return {"balanced": not problems, "links": links, "problems": problems}


_FIELDS: Final = ("received", "stored", "duplicate", "rejected", "stored_rows", "rejected_rows",
                  "rejected_recent")  # fmt: skip


def _balance_queries() -> Sequence[str]:
    rows = "batch <= {upto:UInt64}"
    day = "toDate(received_at, 'Asia/Shanghai')"
    kept = facts.VEHICLE_REPORT.keep_days - 2
    letters = facts.DEAD_LETTER.keep_days - 2
    queries = [
        "SELECT link, sum(i.received) AS received, sum(i.stored) AS stored, "
        "sum(i.duplicate) AS duplicate, sum(i.rejected) AS rejected, "
        f"sumIf(i.rejected, day > today() - {letters}) AS rejected_recent "
        f"FROM intake AS i WHERE {rows} AND day > today() - {kept} GROUP BY link",
        "SELECT link, sum(frame_count) AS rejected_rows FROM dead_letter "
        f"WHERE {rows} AND {day} > today() - {letters} GROUP BY link",
    ]
    queries += [
        f"SELECT link, sum(frame_count) AS stored_rows FROM {name} "
        f"WHERE {rows} AND {day} > today() - {kept} GROUP BY link"
        for name in COUNTED
    ]
    return queries


def _problems(link: str, entry: Mapping[str, int]) -> list[str]:
    problems = []
    out = entry["stored"] + entry["duplicate"] + entry["rejected"]
    if entry["received"] != out:
        problems.append(f"link {link}: {entry['received']} frames received, {out} accounted for")
    if entry["stored"] != entry["stored_rows"]:
        problems.append(
            f"link {link}: the ledger says {entry['stored']} frames stored, the tables hold "
            f"{entry['stored_rows']}"
        )
    if entry["rejected_recent"] != entry["rejected_rows"]:
        problems.append(
            f"link {link}: the ledger says {entry['rejected_recent']} frames rejected, the dead "
            f"letters hold {entry['rejected_rows']}"
        )
    return problems


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
