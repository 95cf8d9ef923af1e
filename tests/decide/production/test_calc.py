"""Who may begin what, and when orders will be done: cases reckoned by hand."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.plant.model import EquipmentClass, Level, Node, Operation, Routing
from millbrain.core.plant.plant import Plant
from millbrain.core.production.checks import StartFacts
from millbrain.core.production.orders import OrderOperation, PlannedOperation, ProductionOrder
from millbrain.core.production.reports import Kind, Lot, Report
from millbrain.core.scans.recipes import Part
from millbrain.core.work.working_time import WorkingCalendar
from millbrain.decide.production import calc
from millbrain.decide.production.events import event_of
from millbrain.decide.production.example import example
from millbrain.decide.production.hours import WorkingHours
from millbrain.decide.production.model import ProductionRules

MONDAY = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
CALENDAR = WorkingCalendar(UTC)  # 8:30-12:00, 13:30-17:30
ORDER = ProductionOrder("PO1", "SHAFT", 10, state="released")


def advance(machine: str, start: datetime, work_s: float) -> datetime | None:
    """Return the end of work over the day shift; the machine DEAD never works."""
    return None if machine == "DEAD" else CALENDAR.after(start, work_s)


def step(name: str, *stations: str, run_s: float = 360, **more: float) -> OrderOperation:
    """Return an operation of ORDER: ten pieces of six minutes, an hour, if nothing is said."""
    plan = PlannedOperation(name, int(name) // 10, "TURN", stations=stations, run_s=run_s,
                            setup_s=more.get("setup_s", 0))  # fmt: skip
    return OrderOperation("PO1", plan)


def test_one_step_after_the_other() -> None:
    found = calc.project([(ORDER, [step("10", "M1"), step("20", "M2", setup_s=1800)])], advance,
                         MONDAY)["PO1"]  # fmt: skip
    assert [(s.begin, s.end) for s in found.spans] == [
        (MONDAY, MONDAY + timedelta(hours=1)),
        (MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=2.5)),
    ]
    assert (found.end, found.late_s) == (MONDAY + timedelta(hours=2.5), None)


def test_what_is_done_is_not_reckoned_again() -> None:
    done = replace(step("10", "M1"), state="done", finished_at=MONDAY, good=10)
    half = replace(step("20", "M2", setup_s=3600), state="running", good=4, scrap=1)
    found = calc.project([(ORDER, [done, half])], advance, MONDAY)["PO1"]
    assert found.end == MONDAY + timedelta(minutes=30)  # five pieces, the set-up is behind it


def test_urgent_orders_take_the_machine_first_and_the_others_say_so() -> None:
    soon = replace(ORDER, number="PO2", priority=1, promised_at=MONDAY)
    found = calc.project([(ORDER, [step("10", "M1", run_s=60)]), (soon, [step("10", "M1")])],
                         advance, MONDAY)  # fmt: skip
    assert found["PO2"].end == MONDAY + timedelta(hours=1)
    assert found["PO2"].late_s == 3600
    assert found["PO1"].end == MONDAY + timedelta(minutes=70)
    assert "behind order PO2" in found["PO1"].why
    assert "PO2" in found["PO1"].why_zh


def test_the_machine_that_ends_first_is_taken() -> None:
    other = replace(ORDER, number="PO0", priority=1)
    found = calc.project([(other, [step("10", "M1")]), (ORDER, [step("10", "M1", "M2")])], advance,
                         MONDAY)  # fmt: skip
    assert found["PO1"].spans[0].machine == "M2"
    assert found["PO1"].end == MONDAY + timedelta(hours=1)


def test_what_nobody_can_say() -> None:
    found = calc.project([(ORDER, [step("10", "DEAD")])], advance, MONDAY)["PO1"]
    assert found.end is None
    assert "step 10" in found.why
    assert calc.project([(ORDER, [])], advance, MONDAY)["PO1"].end is None


def slow(spans: list[tuple[int, int]], start: int, work: int) -> int | None:
    """Walk over the spans one by one."""
    left = work
    for begin, end in spans:
        if end <= start:
            continue
        at = max(begin, start)
        if left <= end - at:
            return at + left
        left -= end - at
    return None


@given(st.lists(st.integers(1, 20), min_size=2, max_size=20), st.integers(0, 150),
       st.integers(0, 80))  # fmt: skip
def test_working_hours_against_a_walk(steps: list[int], start: int, work: int) -> None:
    edges = list(accumulate(steps))[: len(steps) // 2 * 2]
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    hours = WorkingHours(np.array(spans, np.int64), 0, 1000)
    assert hours.after(start, work) == slow(spans, start, work)
    assert hours.after(-1, work) is None


def facts(**more: object) -> StartFacts:
    """Return facts under which a start may go on."""
    plan = PlannedOperation("20", 2, "GRIND", stations=("M2", "M3"), qualification="grinding",
                            tool_cycles=2)  # fmt: skip
    good = StartFacts(ORDER, OrderOperation("PO1", plan), "P1", "M2", 5, date(2026, 11, 23),
                      ("SHAFT", "BLANK"), ("grinding", "turning"), Part("hdl:1/S1", "BLANK"),
                      (), (), 10)  # fmt: skip
    return replace(good, **more)  # type: ignore[arg-type]  # fields by name


def failed(**more: object) -> list[str]:
    """Return the checks that are not passed under changed facts."""
    return [f.check for f in calc.judge(facts(**more))]


def test_each_check_refuses() -> None:
    assert failed() == []
    assert failed(part=None) == []
    assert failed(order=replace(ORDER, state="paused")) == ["order_open"]
    assert failed(operation=replace(facts().operation, finished_at=MONDAY)) == ["not_finished"]
    assert failed(machine="M9") == ["machine"]
    assert failed(available=0) == ["pieces"]
    assert failed(qualifications=("turning",)) == ["qualified"]
    assert failed(part=Part("hdl:1/S1", "PISTON")) == ["right_part"]
    assert failed(part=Part("hdl:1/S1")) == ["part_known"]
    assert failed(part=Part("hdl:1/S1", "BLANK", hold="crack")) == ["hold"]
    assert failed(part=Part("hdl:1/S1", "BLANK", expires="2026-11-22")) == ["in_date"]
    assert failed(lots=("L8",), part=Part("hdl:1/S1", "BLANK", lot="L7")) == ["lot"]
    assert failed(serials=("hdl:1/S1",)) == ["not_twice"]
    assert failed(tool_life=1) == ["tool_life"]
    assert failed(tool_life=None) == []


def test_a_refusal_says_what_was_found() -> None:
    [one] = calc.judge(facts(qualifications=()))
    assert one.message == "P1 lacks the qualification grinding; valid ones: -"
    assert "缺少资质 grinding" in one.message_zh
    [two] = calc.judge(facts(order=replace(ORDER, state="paused")))
    assert "已暂停" in two.message_zh


def test_release_by_a_routing() -> None:
    nodes = [Node("W", Level.ENTERPRISE), Node("S", Level.SITE, "W"), Node("L", Level.LINE, "S"),
             Node("M1", Level.UNIT, "L", equipment_class="lathe"),
             Node("M2", Level.UNIT, "L", equipment_class="lathe")]  # fmt: skip
    routing = Routing("R", "SHAFT", (
        Operation(20, "Turn", "车", equipment_class="lathe", run_s=50, setup_s=900, skill_level=2),
        Operation(10, "Saw", "锯", machines=("M1",), run_s=10, skill="sawing"),
    ))  # fmt: skip
    plant = Plant("p", "P", "厂", UTC, {n.id: n for n in nodes},
                  {"lathe": EquipmentClass("lathe", "Lathe", "车床", 40, skill="turning")}, {},
                  routings={"R": routing})  # fmt: skip
    first, second = calc.plan_of(plant, routing, 10)
    assert (first.step, first.stations, first.needs_previous) == ("10", ("M1",), False)
    assert (second.step, second.stations, second.needs_previous) == ("20", ("M1", "M2"), True)
    assert (second.qualification, second.skill_level, second.setup_s) == ("turning", 2, 900)


def test_pieces_that_an_operation_can_take() -> None:
    first, second = step("10", "M1"), step("20", "M2")
    assert calc.available(ORDER, None, replace(first, good=3, scrap=1)) == 6
    assert calc.available(ORDER, replace(first, good=4), replace(second, good=3)) == 1
    assert calc.available(ORDER, first, replace(second, good=3)) == 0


def test_escalation_by_minutes() -> None:
    rules = ProductionRules.of({"stop_min": 1})
    assert rules.rise_at(MONDAY, state="raised", stops_line=True, level=0) == (
        MONDAY + timedelta(minutes=1)
    )
    assert rules.rise_at(MONDAY, state="acknowledged", stops_line=True, level=1) == (
        MONDAY + timedelta(minutes=30)
    )
    assert rules.rise_at(MONDAY, state="raised", stops_line=False, level=2) is None


def test_events_of_lots() -> None:
    report = Report("00000000-0000-0000-0000-000000000001", "PO1", "10", Kind.GOOD, "P1", MONDAY,
                    MONDAY, machine="M1", quantity=1, consumed=(Lot("hdl:1/L1", 2),),
                    produced=(Lot("hdl:1/S1", 1, True),))  # fmt: skip
    told = event_of(report)
    assert told["type"] == "TransformationEvent"
    assert told["inputQuantityList"] == [{"epcClass": "hdl:1/L1", "quantity": 2}]
    assert told["outputEPCList"] == ["hdl:1/S1"]
    assert told["eventID"].endswith(report.id)
    scrap = event_of(replace(report, kind=Kind.SCRAP, consumed=()))
    assert (scrap["type"], scrap["action"], scrap["bizStep"]) == ("ObjectEvent", "DELETE",
                                                                 "destroying")  # fmt: skip


def test_example() -> None:
    assert example().startswith("Tue 09:00, 15.5 h late")
