"""The hand of production: releases, checks starts, projects, escalates calls, tells events.

Nothing durable hangs on what is in memory here: projections are reckoned again from the ledger, and
each turn finds in it which calls nobody answered and which events the resolver does not know.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

from millbrain.core.errors import MillbrainError, NotFoundError, RefusedError
from millbrain.core.plant.model import Level
from millbrain.core.plant.plant import Plant
from millbrain.core.production.checks import StartFacts
from millbrain.core.production.desk import Projection, Runnable, StartAsked, Worker
from millbrain.core.production.orders import (
    RUNNABLE,
    STATES,
    OrderOperation,
    PlannedOperation,
    ProductionOrder,
)
from millbrain.core.production.reports import Kind, Report
from millbrain.core.scans.recipes import Failed, Part
from millbrain.core.work.working_time import WorkingCalendar
from millbrain.decide.production import calc
from millbrain.decide.production.events import event_of
from millbrain.decide.production.hours import DAY_MS, WorkingHours
from millbrain.decide.production.model import ProductionRules
from millbrain.decide.production.stores import AndonStore, Books, OrderStore, ReportStore

log = logging.getLogger(__name__)

_TOLD: Final = 100  # events of one document
_AHEAD_D: Final = 45  # working time that is looked at first ...
_FAR_D: Final = 366  # ... and at most
_AGED_MS: Final = 20 * DAY_MS  # remembered working time may reach less far by so much
_BEGINS: Final = (Kind.SETUP, Kind.START, Kind.RESUME)
Tell = Callable[[Sequence[Mapping[str, Any]]], None]


class Production:
    """Keeps production going. Thread safe.

    Parameters
    ----------
    orders, reports, andon, books
        Where orders, reports, calls and qualifications are kept.
    plants
        The plants that the installation knows.
    part
        Returns what is known of a scanned part.
    tell
        Captures events at the resolver, on disk there when it returns.
    calendar
        Working time of machines that no plant knows.
    rules
        What an operator set.
    clock
        Returns the instant now, aware UTC.
    """

    def __init__(
        self, orders: OrderStore, reports: ReportStore, andon: AndonStore, books: Books,
        plants: Sequence[Plant], part: Callable[[str], Part], tell: Tell,
        calendar: WorkingCalendar, rules: ProductionRules, clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._orders, self._reports, self._andon, self._books = orders, reports, andon, books
        self._plants, self._part, self._tell = tuple(plants), part, tell
        self._calendar, self._rules, self._clock = calendar, rules, clock
        self._projections: Mapping[str, Projection] = {}
        self._projected_at: datetime | None = None
        self._hours: dict[str, WorkingHours] = {}  # of machines; the plants do not change
        self._lock = threading.Lock()
        self._trouble = ""

    # Orders -------------------------------------------------------------------------------------

    def plants(self) -> Sequence[Plant]:
        """Return the plants that this installation knows."""
        return self._plants

    def plan(self, order: ProductionOrder) -> Sequence[PlannedOperation]:
        """Return the operations that an order is released into, by the routing of its product."""
        for plant in self._plants:
            if order.line and order.line not in plant.nodes:
                continue
            routing = plant.routing_of(order.product)
            if routing is not None:
                return calc.plan_of(plant, routing, order.quantity)
        raise NotFoundError(
            f"order {order.number}: no plant has a routing for {order.product!r}"
            f"{f' at {order.line}' if order.line else ''}; give its operations with the release"
        )

    def at_station(self, station: str, operator: str = "") -> Sequence[Runnable]:
        """Return what there is to do at a station, what can run now first."""
        orders = self._orders.at_station(station, operator)
        operations = self._orders.operations([o.number for o in orders])
        at_work: dict[int, bool] = {}  # calendar -> whether it works now
        found = [
            self._runnable(order, operations[order.number], index, at_work)
            for order in orders
            for index, operation in enumerate(operations[order.number])
            if station in operation.plan.stations and operation.finished_at is None
        ]
        return sorted(found, key=lambda r: bool(r.why_not))  # stable: urgent ones stay in front

    def _runnable(
        self, order: ProductionOrder, operations: Sequence[OrderOperation], index: int,
        at_work: dict[int, bool],
    ) -> Runnable:  # fmt: skip
        operation = operations[index]
        pieces = calc.available(order, operations[index - 1] if index else None, operation)
        why = []
        if order.state not in RUNNABLE:
            why.append((f"the order is {STATES[order.state][0]}", f"订单{STATES[order.state][1]}"))
        if not pieces:
            step = operations[index - 1].plan.step if index else ""
            why.append((f"step {step} has made no piece for it yet", f"前道 {step} 尚无合格品")
                       if index else ("all pieces are reported", "数量已全部报工"))  # fmt: skip
        projection = self.projection(order.number)
        spans = projection.spans if projection else ()
        return Runnable(
            order, operation, pieces, tuple(en for en, _ in why), tuple(zh for _, zh in why),
            self._workers(operation.plan, at_work),
            next((s for s in spans if s.step == operation.plan.step), None),
        )  # fmt: skip

    def _workers(self, plan: PlannedOperation, at_work: dict[int, bool]) -> tuple[Worker, ...]:
        """Return who may do an operation, those at work now first."""
        at_ms = round(self._clock().timestamp() * 1000)
        found = []
        for plant in self._plants:
            if not any(s in plant.nodes for s in plan.stations):
                continue
            for person in plant.people.values():
                has = person.skills.get(plan.qualification, 0)
                if plan.qualification and has < max(1, plan.skill_level):
                    continue
                calendar = plant.calendar_of_person(person.code)
                if id(calendar) not in at_work:
                    at_work[id(calendar)] = calendar.busy(at_ms, at_ms + 1).size > 0
                works = at_work[id(calendar)]
                found.append(Worker(person.code, person.title, person.title_zh, works))
        return tuple(sorted(found, key=lambda w: not w.is_present))

    # Checks -------------------------------------------------------------------------------------

    def may_start(self, asked: StartAsked) -> Sequence[Failed]:
        """Return the checks that a start does not pass, none = it may go on."""
        order = self._orders.get(asked.order, asked.operator)
        operations = self._orders.operations([asked.order])[asked.order]
        index = next((i for i, o in enumerate(operations) if o.plan.step == asked.step), None)
        if index is None:
            raise NotFoundError(f"order {asked.order} has no step {asked.step!r}")
        operation = operations[index]
        today = self._clock().astimezone(self._zone(asked.machine)).date()
        station = self._books.station(asked.machine)
        part = self._part(asked.text) if asked.text else None
        facts = StartFacts(
            order, operation, asked.person, asked.machine,
            calc.available(order, operations[index - 1] if index else None, operation), today,
            self._parts(operation.plan), self._qualified(asked.person, operation.plan, today),
            part, self._serials(asked, part), station.job.lots if station else (),
            station.tool_life if station else None,
        )  # fmt: skip
        return calc.judge(facts)

    def flags(self, reports: Sequence[Report]) -> Mapping[str, tuple[str, ...]]:
        """Return what is wrong with reports beyond what the ledger sees: id -> conflicts.

        Work that was begun off line by somebody without the qualification is kept, and flagged.
        """
        begun = [r for r in reports if r.kind in _BEGINS and not r.reversal_of]
        if not begun:
            return {}
        operations = self._orders.operations(sorted({r.order for r in begun}))
        plans = {(o.order, o.plan.step): o.plan for own in operations.values() for o in own}
        today = self._clock().astimezone(self._calendar.zone).date()
        found = {}
        for report in begun:
            plan = plans.get((report.order, report.step))
            needed = plan.qualification if plan else ""
            if plan and needed and needed not in self._qualified(report.person, plan, today):
                found[report.id] = ("unqualified",)
        return found

    def _parts(self, plan: PlannedOperation) -> tuple[str, ...]:
        """Return the products that a step takes: what it makes, and what goes into it."""
        if not plan.part_type:
            return ()
        found = [plan.part_type]
        for plant in self._plants:
            product = plant.products.get(plan.part_type)
            if product:
                found += [p for line in product.bom if line.step in (0, int(plan.step or 0))
                          for p in (line.product, *line.substitutes)]  # fmt: skip
        return tuple(dict.fromkeys(found))

    def _qualified(self, person: str, plan: PlannedOperation, today: date) -> tuple[str, ...]:
        """Return the valid qualifications of a person, by the plants and by the register."""
        found = [name for _, name, until in self._books.qualifications(person)
                 if until >= today.isoformat()]  # fmt: skip
        for plant in self._plants:
            known = plant.people.get(person)
            if known:
                least = max(1, plan.skill_level)
                found += [skill for skill, level in known.skills.items()
                          if skill != plan.qualification or level >= least]  # fmt: skip
        return tuple(dict.fromkeys(found))

    def _serials(self, asked: StartAsked, part: Part | None) -> tuple[str, ...]:
        if part is None:
            return ()
        made = self._reports.of_lot(part.key)
        return tuple(lot.key for r in made if (r.order, r.step) == (asked.order, asked.step)
                     for lot in r.produced if lot.is_serial)  # fmt: skip

    def _zone(self, machine: str) -> tzinfo:
        plant = self._plant_of(machine)
        return plant.zone if plant else self._calendar.zone

    def _plant_of(self, machine: str) -> Plant | None:
        return next((p for p in self._plants if machine in p.nodes), None)

    def place(self, station: str) -> Mapping[str, str]:
        """Return a station with its titles and its line, cell or area, as far as a plant knows."""
        told = {"station": station, "title": station, "title_zh": station, "line": ""}
        plant = self._plant_of(station)
        if plant is None:
            return told
        node = plant.nodes[station]
        above = (plant.above(station, level) for level in (Level.LINE, Level.CELL, Level.AREA))
        line = next((place.id for place in above if place), "")
        return told | {"title": node.title or station, "title_zh": node.title_zh or station,
                       "line": line}  # fmt: skip

    # Projection ---------------------------------------------------------------------------------

    def projection(self, number: str) -> Projection | None:
        """Return when an order will be complete, None where it was not reckoned yet."""
        return self._projections.get(number)

    def project(self) -> None:
        """Reckon anew when open orders will be complete, and keep it with them."""
        at = self._clock()
        orders = self._orders.open_orders()
        operations = self._orders.operations([o.number for o in orders])
        planned = [(o, operations[o.number] or self._as_released(o)) for o in orders]
        found = calc.project(planned, self._advance, at)
        with self._lock:
            self._projections, self._projected_at = found, at
        dates = {o.number: found[o.number].end for o in orders
                 if _is_other(o.projected_at, found[o.number].end)}  # fmt: skip
        self._orders.project(dates)

    def _as_released(self, order: ProductionOrder) -> list[OrderOperation]:
        try:
            return [OrderOperation(order.number, plan) for plan in self.plan(order)]
        except NotFoundError:
            return []

    def _advance(self, machine: str, start: datetime, work_s: float) -> datetime | None:
        plant = self._plant_of(machine)
        if plant is None:
            return self._calendar.after(start, work_s)

        start_ms, work_ms = round(start.timestamp() * 1000), round(work_s * 1000)
        for days in (_AHEAD_D, _FAR_D):
            end_ms = self._hours_of(plant, machine, start_ms, days).after(start_ms, work_ms)
            if end_ms is not None:
                return _at(end_ms)
        return None

    def _hours_of(self, plant: Plant, machine: str, start_ms: int, days: int) -> WorkingHours:
        """Return the working time of a machine, remembered while it reaches far enough."""
        held = self._hours.get(machine)
        far_ms = start_ms + days * DAY_MS
        if held is None or not held.begin_ms <= start_ms or held.end_ms < far_ms - _AGED_MS:
            begin_ms = start_ms - DAY_MS
            spans = plant.busy(machine, begin_ms, far_ms)
            held = self._hours[machine] = WorkingHours(spans, begin_ms, far_ms)
        return held

    # Turns --------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Escalate calls, tell events, project. Once a second; a second time changes nothing."""
        at = self._clock()
        for call in self._andon.due(at):
            rise = self._rules.rise_at(
                at, state=call.state, stops_line=call.stops_line, level=call.level + 1
            )
            self._andon.escalate(call, at, rise)
        pause = timedelta(seconds=self._rules.project_s)
        if self._projected_at is None or not timedelta() <= at - self._projected_at < pause:
            self.project()
        self._tell_events()

    def rise_at(self, *, state: str, stops_line: bool, level: int) -> datetime | None:
        """Return when a call that is in a state from now on is escalated next."""
        return self._rules.rise_at(self._clock(), state=state, stops_line=stops_line, level=level)

    def _tell_events(self) -> None:
        waiting = self._reports.untold(_TOLD)
        if not waiting:
            self._trouble = ""
            return
        try:
            self._tell_of(waiting)
        except RefusedError:
            for report in waiting:  # one of them is refused; the others must not wait for it
                try:
                    self._tell_of([report])
                except RefusedError as error:
                    log.warning("the event of report %s is refused: %s", report.id, error)
                    self._reports.told([report.id], "refused")
        except MillbrainError as error:
            if not self._trouble:
                log.warning("production: %s; events wait", error)
            self._trouble = str(error)
        else:
            self._trouble = ""

    def _tell_of(self, reports: Sequence[Report]) -> None:
        self._tell([event_of(report) for report in reports])
        self._reports.told([report.id for report in reports])

    def status(self) -> Mapping[str, Any]:
        """Describe what waits and what keeps it from working."""
        events = self._reports.waiting_events()
        return {
            "plants": [p.key for p in self._plants], "projected_at": self._projected_at,
            "events_waiting": events.get("waiting", 0), "events_refused": events.get("refused", 0),
            "trouble": self._trouble, "open_orders": len(self._projections),
        }  # fmt: skip


def _is_other(before: datetime | None, after: datetime | None) -> bool:
    """Whether a date moved by a minute or more: nobody needs a write for less."""
    if before is None or after is None:
        return before is not after
    return abs((after - before).total_seconds()) >= 60


def _at(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)
