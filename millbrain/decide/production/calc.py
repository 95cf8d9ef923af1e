"""From routings to operations, who may begin what, and when orders will be done. Pure.

The projection is a forward pass, not a schedule: orders in the order of their urgency, each
operation on the machine that is free first, its remaining standard time laid over the working time
of that machine. Automatic scheduling takes this place (`project`) with the same answer.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from millbrain.core.plant.model import Operation, Routing
from millbrain.core.plant.plant import Plant
from millbrain.core.production.checks import CHECKS, StartFacts
from millbrain.core.production.desk import Projection, Span
from millbrain.core.production.orders import (
    RUNNABLE,
    STATES,
    OrderOperation,
    PlannedOperation,
    ProductionOrder,
)
from millbrain.core.scans.checks import Check, passes, shown
from millbrain.core.scans.recipes import Failed

# Returns when so many seconds [s] of a machine's working time have passed; None = it never works.
Advance = Callable[[str, datetime, float], datetime | None]
Loads = dict[str, tuple[datetime, str]]  # machine -> until when it is taken, and by which order
_LATE_FIRST: Final = datetime.max


def plan_of(plant: Plant, routing: Routing, quantity: int) -> tuple[PlannedOperation, ...]:
    """Return the operations of a routing as an order is released into them."""
    made = []
    for ordinal, operation in enumerate(sorted(routing.operations, key=lambda o: o.step), start=1):
        tool = plant.tools.get(operation.tool)
        made.append(PlannedOperation(
            str(operation.step), ordinal, operation.equipment_class or operation.title[:64],
            operation.title, operation.title_zh,
            tuple(unit.id for unit in plant.machines_for(operation)), plant.skill_of(operation),
            operation.skill_level if plant.skill_of(operation) else 0, operation.setup_s,
            _piece_s(operation, quantity),
            bool(routing.before(operation)), routing.product, 1 if tool and tool.life else 0,
        ))  # fmt: skip
    return tuple(made)


def _piece_s(operation: Operation, quantity: int) -> float:
    """Return the standard time of one piece [s]; what is worked together shares its time."""
    if operation.subcontract:
        return operation.lead_s / max(1, quantity)
    return operation.run_s / max(1, operation.batch_max)


def available(
    order: ProductionOrder, previous: OrderOperation | None, operation: OrderOperation
) -> int:
    """Return how many pieces an operation can take now, not below 0."""
    is_bound = previous is not None and operation.plan.needs_previous
    ready = previous.good if previous is not None and is_bound else order.quantity
    return max(0, ready - operation.handled)


def judge(facts: StartFacts) -> list[Failed]:
    """Return the checks that a start does not pass, in declared order."""
    told = _told(facts)
    found = []
    for check in CHECKS:
        if check.left.startswith("part.") and facts.part is None:
            continue
        left, right = told[check.left], told[check.right]
        if not passes(check.test, left, right):
            found.append(_fail(check, left, right, facts))
    return found


def _told(facts: StartFacts) -> dict[str, Any]:
    plan, part = facts.operation.plan, facts.part
    names = ("key", "part_type", "lot", "hold", "expires")
    told: dict[str, Any] = {f"part.{n}": getattr(part, n) if part else "" for n in names}
    finished = facts.operation.finished_at
    return told | {
        "part.missing": part.key if part and not part.part_type else "",
        "part.part_type": (part.part_type if part else "") or (facts.parts or ("",))[0],
        "order.state": STATES[facts.order.state][0],
        "order.runnable": [STATES[s][0] for s in RUNNABLE],
        "operation.is_done": finished.isoformat(timespec="minutes") if finished else "",
        "machine": facts.machine, "operation.stations": plan.stations,
        "operation.available": facts.available, "one": 1,
        "operation.qualification": plan.qualification,
        "person.qualifications": facts.qualifications, "operation.parts": facts.parts,
        "operation.serials": facts.serials, "station.lots": facts.lots,
        "station.tool_life": facts.tool_life,
        "operation.tool_cycles": plan.tool_cycles, "today": facts.today.isoformat(),
        "always": "always",
    }  # fmt: skip


def _fail(check: Check, left: Any, right: Any, facts: StartFacts) -> Failed:
    found, wanted = shown(left), shown(right)
    words = {"found": found, "wanted": wanted, "order": facts.order.number,
             "step": facts.operation.plan.step, "who": facts.person}  # fmt: skip
    zh = words
    if check.key == "order_open":
        runnable = shown([STATES[s][1] for s in RUNNABLE])
        zh = words | {"found": STATES[facts.order.state][1], "wanted": runnable}
    return Failed(check.key, check.message.format(**words), check.message_zh.format(**zh), found,
                  wanted)  # fmt: skip


# Projection -------------------------------------------------------------------------------------


def left_s(order: ProductionOrder, operation: OrderOperation) -> float:
    """Return the standard time that is left of an operation [s]."""
    if operation.finished_at is not None:
        return 0.0
    pieces = max(0, order.quantity - operation.handled)
    setup_s = operation.plan.setup_s if operation.state in ("ready", "setup") else 0.0
    return setup_s + pieces * operation.plan.run_s


def project(
    orders: Sequence[tuple[ProductionOrder, Sequence[OrderOperation]]], advance: Advance,
    at: datetime,
) -> dict[str, Projection]:  # fmt: skip
    """Return when each order will be complete if all go on as their standard times say.

    orders: open ones with their operations in sequence. The most urgent take machines first: those
    in work, then by priority, then by what was promised.
    """
    loads: Loads = {}
    found = {}
    for order, operations in sorted(orders, key=_urgency):
        found[order.number] = _pass(order, operations, advance, loads, at)
    return found


def _urgency(told: tuple[ProductionOrder, Sequence[OrderOperation]]) -> tuple[Any, ...]:
    order, operations = told
    is_begun = any(o.started_at for o in operations)
    wanted = order.promised_at or order.due_at
    when = wanted.replace(tzinfo=None) if wanted else _LATE_FIRST
    return not is_begun, order.priority, when, order.number


def _pass(
    order: ProductionOrder, operations: Sequence[OrderOperation], advance: Advance, loads: Loads,
    at: datetime,
) -> Projection:  # fmt: skip
    if not operations:
        return Projection(order.number, None, why="no operation: its routing is not known",
                          why_zh="没有工序：缺少工艺路线")  # fmt: skip
    spans: list[Span] = []
    ready = at
    for operation in operations:
        work_s = left_s(order, operation)
        if not work_s:
            continue
        span = _placed(operation, work_s, ready, advance, loads)
        if span is None:
            return Projection(
                order.number, None, tuple(spans),
                why=f"no machine of step {operation.plan.step} works within a year",
                why_zh=f"工序 {operation.plan.step} 的机台一年内无工作时间",
            )  # fmt: skip
        if span.machine:
            loads[span.machine] = span.end, order.number
        spans.append(span)
        ready = span.end
    return _projection(order, spans, ready, at)


def _placed(
    operation: OrderOperation, work_s: float, ready: datetime, advance: Advance, loads: Loads
) -> Span | None:
    """Return the earliest end of an operation over its machines, None where none ever works."""
    best: Span | None = None
    for machine in operation.plan.stations or ("",):
        free, holder = loads.get(machine, (ready, "")) if machine else (ready, "")
        begin = advance(machine, max(ready, free), 0.0)
        end = advance(machine, max(ready, free), work_s)
        if begin is None or end is None:
            continue
        behind = holder if free > ready else ""
        span = Span(operation.plan.step, begin, end, machine,
                    (begin - ready).total_seconds(), behind)  # fmt: skip
        if best is None or span.end < best.end:
            best = span
    return best


def _projection(
    order: ProductionOrder, spans: Sequence[Span], end: datetime, at: datetime
) -> Projection:
    wanted = order.promised_at or order.due_at
    late_s = (end - wanted).total_seconds() if wanted else None
    why, why_zh = _why(order, spans, at)
    return Projection(order.number, end, tuple(spans), late_s, why, why_zh)


def _why(order: ProductionOrder, spans: Sequence[Span], at: datetime) -> tuple[str, str]:
    """Return what takes most of the time that is left, as a sentence in both languages."""
    if order.state == "planned":
        return "it is not released yet", "尚未下达"
    if order.state == "paused":
        return "it is on hold", "已暂停"
    if not spans:
        return "all its work is done", "全部工序已完成"
    waiting = max(spans, key=lambda s: s.waited_s)
    longest = max(spans, key=lambda s: (s.end - s.begin).total_seconds())
    if waiting.behind and waiting.waited_s > (longest.end - longest.begin).total_seconds():
        hours = waiting.waited_s / 3600
        return (
            f"step {waiting.step} waits {hours:.1f} h for {waiting.machine}, behind order "
            f"{waiting.behind}",
            f"工序 {waiting.step} 等待 {waiting.machine} {hours:.1f} 小时，前面是订单 "
            f"{waiting.behind}",
        )
    hours = (longest.end - longest.begin).total_seconds() / 3600
    place = longest.machine or "-"
    return (
        f"step {longest.step} takes longest: {hours:.1f} h at {place}, breaks and nights included",
        f"工序 {longest.step} 耗时最长：{place} {hours:.1f} 小时（含休息与停班）",
    )
