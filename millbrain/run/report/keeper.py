"""Writes the report of the day before every morning at eight, plant time, and keeps the files."""

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from millbrain.core.errors import NotFoundError
from millbrain.core.plant.plant import Plant
from millbrain.core.production.reports import Report
from millbrain.core.production.shift_report import ShiftReport, Snapshot
from millbrain.core.rooms import Facts
from millbrain.core.times import utc_from_epoch
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.reports import ReportFilter
from millbrain.run.report.building import Asked, Known, bounds, build
from millbrain.show.shift_report import pdf, workbook

_log = logging.getLogger(__name__)

WRITTEN_AT: Final = clock_time(8)
LOOK_S: Final = 30.0
FOLDER: Final = "reports"
_REPORTS: Final = 5_000
_NAME: Final = re.compile(r"shift-\d{4}-\d\d-\d\d-B\d+-R\d+-T\d+-(en|zh)\.(xlsx|pdf)", re.ASCII)
_KINDS: Final = ("machine",)


class ShiftReports:
    """The reports of an installation; see `core.production.shift_report.ShiftDesk`.

    Parameters
    ----------
    facts, ledger
        The stores.
    plants
        Returns the plants that are known.
    data, zone
        Folder of the installation, and the zone in which days begin where no plant says so.
    """

    def __init__(
        self, facts: Facts, ledger: Ledger, plants: Callable[[], Sequence[Plant]], data: Path,
        zone: str, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._facts, self._ledger, self._plants = facts, ledger, plants
        self._folder, self._zone, self._clock = data / FOLDER, zone, clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shift reports", daemon=True)

    def start(self) -> "ShiftReports":
        """Begin to look at the clock."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def newest(self) -> Snapshot:
        """Return what is known now."""
        answer = self._facts.query("SELECT max(batch) AS batch FROM reading")
        some, _ = self._ledger.reports.page(ReportFilter(), size=1)
        return Snapshot(
            int(answer.column(0)[0].as_py() or 0), some[0].number if some else 0,
            round(self._clock() * 1000),
        )  # fmt: skip

    def report(self, day: date, shift: str, snapshot: Snapshot) -> ShiftReport:
        """Return the report of a day as a snapshot knows it."""
        plants = tuple(self._plants())
        asked = Asked(day, shift, snapshot, self._zone)
        low, high = (datetime.fromtimestamp(ms / 1000, UTC) for ms in bounds(asked, plants))
        attributes = {
            thing: told for kind in _KINDS
            for thing, told in self._ledger.things.attributes(kind).items()
        }  # fmt: skip
        known = Known(plants, attributes, self._reports(low, high, snapshot.report))
        return build(self._facts, known, asked)

    def _reports(self, low: datetime, high: datetime, newest: int) -> list[Report]:
        found: list[Report] = []
        after = 0
        while True:
            which = ReportFilter(since=low, until=high, after=after)
            some, _ = self._ledger.reports.page(which, size=_REPORTS, newest_first=False)
            if not some:
                return [r for r in found if r.number <= newest]
            found += some
            after = some[-1].number

    def write(self, day: date) -> list[str]:
        """Write the report of a day in both languages as XLSX and PDF; return the names."""
        found = self.report(day, "", self.newest())
        self._folder.mkdir(parents=True, exist_ok=True)
        names = []
        for language in ("en", "zh"):
            for suffix, made in (("xlsx", workbook), ("pdf", pdf)):
                name = f"shift-{day}-{found.snapshot.id}-{language}.{suffix}"
                part = self._folder / f"{name}.part"
                part.write_bytes(made(found, language))
                part.rename(self._folder / name)  # whole or not at all
                names.append(name)
        return names

    def written(self) -> list[str]:
        """Return the names of the files that were written, the newest first."""
        if not self._folder.is_dir():
            return []
        return sorted((p.name for p in self._folder.iterdir() if _NAME.fullmatch(p.name)),
                      reverse=True)  # fmt: skip

    def file(self, name: str) -> bytes:
        """Return one of them; NotFoundError where there is none."""
        if name not in self.written():
            raise NotFoundError(f"no report file is named {name[:80]!r}")
        return (self._folder / name).read_bytes()

    def look(self) -> list[str]:
        """Write yesterday's report if it is eight or later and it was not written yet."""
        local = utc_from_epoch(self._clock()).astimezone(ZoneInfo(self._zone))
        day = local.date() - timedelta(days=1)
        is_there = any(name.startswith(f"shift-{day}-") for name in self.written())
        return [] if local.time() < WRITTEN_AT or is_there else self.write(day)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            try:
                names = self.look()
                if names:
                    _log.info("shift reports written: %s", ", ".join(names))
            except Exception:
                _log.exception("the shift report was not written; tried again in %g s", LOOK_S)
