"""What the platform holds of a replayed log against what the log itself says, line by line."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from millbrain.core.plant.states import STATE_SIGNAL, STATE_TITLES, MachineState
from millbrain.core.production.reports import Kind, Report
from millbrain.core.rooms import Facts
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.production.orders import ProductionFilter
from millbrain.record.ledger.production.reports import ReportFilter
from millbrain.run.replay.log import Log, LogRow
from millbrain.run.replay.orders import BEGIN, DEVICE, IN_REVIEW, REJECTED, Names
from millbrain.run.replay.states import busy_s

_PAGE: Final = 5_000
_BUSY: Final = (MachineState.PRODUCING, MachineState.SETUP)


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: what it is of, as the log says, as the platform holds it."""

    what: str
    log: float
    held: float
    unit: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether they are the same; hours to the second."""
        return abs(self.log - self.held) < 1 / 3600 if self.unit == "h" else self.log == self.held


def compare(log: Log, names: Names, ledger: Ledger, facts: Facts) -> list[Line]:
    """Return every figure of the log beside that of the platform."""
    reports = list(_reports(ledger, names))
    found = [*_totals(log, names, ledger, reports), *_by_resource(log, names, reports)]
    return [*found, *_states(log, names, facts)]


def indicators(log: Log, names: Names, facts: Facts) -> list[Line]:
    """Return the busy hours that the indicators rest on beside those of the log; none = not yet."""
    rows = facts.query(
        "SELECT toString(machine) AS machine, state, sum(ms) AS ms FROM (SELECT machine,"
        " arrayJoin(arrayZip(part_state, part_time_ms)) AS part, part.1 AS state, part.2 AS ms"
        " FROM machine_hour FINAL WHERE startsWith(machine, {name:String}))"
        " GROUP BY machine, state",
        {"name": f"{names.name}-"},
    ).to_pylist()
    held = {(r["machine"], int(r["state"])): r["ms"] / 3_600_000 for r in rows}
    return list(_hours(log, names, held, "indicators")) if held else []


def _reports(ledger: Ledger, names: Names) -> Iterator[Report]:
    after = 0
    while True:
        some, _ = ledger.reports.page(ReportFilter(after=after), 0, _PAGE, newest_first=False)
        if not some:
            return
        after = some[-1].number
        for report in some:
            if report.device == DEVICE and report.order.startswith(f"{names.name}-"):
                yield report


def _begins(reports: list[Report]) -> list[Report]:
    """Return the reports that stand for a row each."""
    return [r for r in reports if int(r.id[-1], 16) == BEGIN]


def _pieces(reports: list[Report]) -> Counter[str]:
    found: Counter[str] = Counter()
    for report in reports:
        key = {Kind.GOOD: "good", Kind.SCRAP: "rejected", Kind.REWORK: "in review (MRB)"}
        if report.kind in key and report.reason in ("", REJECTED, IN_REVIEW):
            found[key[report.kind]] += report.quantity
    return found


def _totals(log: Log, names: Names, ledger: Ledger, reports: list[Report]) -> Iterator[Line]:
    rows = log.rows
    orders, _ = ledger.production.page(ProductionFilter(q=f"{names.name}-"), size=1_000_000)
    own = [o for o in orders if o.number.startswith(f"{names.name}-") and o.source == DEVICE]
    ordered = {r.case: r.ordered for r in rows}
    begins, pieces = _begins(reports), _pieces(reports)
    yield Line("orders", len(ordered), len(own))
    yield Line("pieces ordered", sum(ordered.values()), sum(o.quantity for o in own))
    yield Line("reports", len(rows), len(begins))
    yield Line("resources", len({r.resource for r in rows}), len({r.machine for r in begins}))
    yield Line("workers", len({r.worker for r in rows}), len({r.person for r in begins}))
    for title, name in (("good", "good"), ("rejected", "rejected"), ("in review (MRB)", "review")):
        yield Line(title, sum(getattr(r, name) for r in rows), pieces[title])
    yield Line("reports of rework", sum(r.is_rework for r in rows),
               sum(r.note.endswith(" rework") for r in begins))  # fmt: skip


def _by_resource(log: Log, names: Names, reports: list[Report]) -> Iterator[Line]:
    rows: dict[str, list[LogRow]] = defaultdict(list)
    for row in log:
        rows[names.thing(row.resource)].append(row)
    begun: dict[str, list[Report]] = defaultdict(list)
    for report in _begins(reports):
        begun[report.machine].append(report)
    ends = {r.id[:-1]: r.device_at for r in reports if r.kind is Kind.PAUSE}
    for thing, own in sorted(rows.items()):
        held = begun[thing]
        booked_h = sum(int(r.note.split()[1]) for r in held) / 60
        passed_s = 0.0
        for report in held:
            end = ends.get(report.id[:-1])
            if end is not None and report.device_at is not None:
                passed_s += (end - report.device_at).total_seconds()
        yield Line(f"{thing}: reports", len(own), len(held))
        yield Line(f"{thing}: booked", sum(r.booked_s for r in own) / 3600, booked_h, "h")
        yield Line(f"{thing}: start to complete", sum(r.passed_s for r in own) / 3600,
                   passed_s / 3600, "h")  # fmt: skip


def _states(log: Log, names: Names, facts: Facts) -> Iterator[Line]:
    rows = facts.query(
        "SELECT toString(thing) AS thing, toUnixTimestamp64Milli(device_at) AS at, value"
        " FROM reading WHERE startsWith(thing, {name:String}) AND signal = {signal:String}"
        " ORDER BY thing, at",
        {"name": f"{names.name}-", "signal": STATE_SIGNAL},
    ).to_pylist()
    held: dict[tuple[str, int], float] = defaultdict(float)
    for before, after in pairwise(rows):
        if before["thing"] == after["thing"]:
            spent = (after["at"] - before["at"]) / 3_600_000
            held[before["thing"], int(before["value"])] += spent
    yield from _hours(log, names, held, "readings")


def _hours(log: Log, names: Names, held: Any, where: str) -> Iterator[Line]:
    rows: dict[str, list[LogRow]] = defaultdict(list)
    for row in log:
        rows[row.resource].append(row)
    for resource, own in sorted(rows.items()):
        spent, thing = busy_s(own), names.thing(resource)
        for state in _BUSY:
            title = f"{thing}: {STATE_TITLES[state][0]} ({where})"
            yield Line(title, spent.get(state, 0.0) / 3600, held.get((thing, int(state)), 0.0), "h")
