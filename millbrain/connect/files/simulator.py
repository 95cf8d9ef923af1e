"""A measuring machine that leaves files in a folder, also half-written, torn and wrong ones."""

import csv
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

HEADINGS: Final = ("device_at", "thing", "signal", "value")


class MeasuringMachine:
    """Writes one file a batch of parts. faults: what goes wrong with a batch."""

    def __init__(self, folder: Path, thing: str = "MM-01") -> None:
        self.folder = folder
        self.thing = thing
        self._number = 0

    def write(self, start: datetime, values: Sequence[float], fault: str = "") -> Path:
        """Write a file of diameters a second apart.

        fault: "" = none, ``half`` = it pauses in the middle and ends later by `finish`, ``cell`` =
        one value is a word, ``torn`` = a quotation mark is never closed, ``heading`` = a column is
        missing.
        """
        self._number += 1
        path = self.folder / f"batch-{self._number:04d}.csv"
        rows = [[(start + timedelta(seconds=n)).isoformat(" "), self.thing, "diameter_mm", value]
                for n, value in enumerate(values)]  # fmt: skip
        headings = HEADINGS[:3] if fault == "heading" else HEADINGS
        if fault == "cell":
            rows[0][3] = "n/a"
        with path.open("w", encoding="utf-8", newline="") as f:
            writer = csv.writer(f)
            writer.writerow(headings)
            writer.writerows(rows[: len(rows) // 2] if fault == "half" else rows)
            if fault == "torn":
                f.write('"2026-11-22 08:00')
        self._rest = rows[len(rows) // 2 :]
        return path

    def finish(self, path: Path) -> None:
        """Write the other half of a file that was begun."""
        with path.open("a", encoding="utf-8", newline="") as f:
            csv.writer(f).writerows(self._rest)
