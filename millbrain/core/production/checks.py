"""What must be so before an operation is begun: checks as data, as those of a scan.

The words and tests are those of `core.scans.checks`; `decide.production` evaluates this list and
nothing else, pages and documents show the same list.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from millbrain.core.production.orders import OrderOperation, ProductionOrder
from millbrain.core.scans.checks import Check
from millbrain.core.scans.recipes import Part

CHECKS: Final = (
    Check("order_open", "Order is on the floor", "订单可生产", "order.state", "one_of",
          "order.runnable", "order {order} is {found}; it may be worked on when it is {wanted}",
          "订单 {order} 当前为 {found}；仅 {wanted} 时可生产"),
    Check("not_finished", "Operation is not finished", "工序未完工", "operation.is_done", "empty",
          "always", "step {step} of {order} was finished at {found}",
          "订单 {order} 工序 {step} 已于 {found} 完工"),
    Check("machine", "Machine can do the step", "机台可加工本工序", "machine", "one_of",
          "operation.stations", "wrong machine: this is {found}, step {step} runs on {wanted}",
          "机台不符：当前 {found}，工序 {step} 允许 {wanted}"),
    Check("pieces", "The step before made pieces", "前道已有合格品", "operation.available",
          "at_least", "one", "the step before has no piece left for {step}: {found} available",
          "前道工序没有可供 {step} 加工的零件：可用 {found}"),
    Check("qualified", "Person is qualified", "人员具备资质", "operation.qualification", "held_by",
          "person.qualifications", "{who} lacks the qualification {found}; valid ones: {wanted}",
          "人员 {who} 缺少资质 {found}；有效资质：{wanted}"),
    Check("part_known", "Part is known", "零件可识别", "part.missing", "empty", "always",
          "{found} is not known: its record says no part type",
          "无法识别零件 {found}：档案中没有零件类型"),
    Check("right_part", "Right part", "零件正确", "part.part_type", "one_of", "operation.parts",
          "wrong part: this is {found}, step {step} takes {wanted}",
          "零件不符：当前为 {found}，工序 {step} 使用 {wanted}"),
    Check("lot", "Right lot", "批次正确", "part.lot", "one_of", "station.lots",
          "wrong lot: this is of {found}, allowed at this station are {wanted}",
          "批次不符：当前批次 {found}，本工位允许 {wanted}"),
    Check("hold", "Part is not blocked", "零件未被冻结", "part.hold", "empty", "always",
          "the part is blocked: {found}", "零件已被冻结：{found}"),
    Check("not_twice", "Serial was not made yet", "序列号未重复", "part.key", "not_held_by",
          "operation.serials", "{found} was reported at step {step} already",
          "{found} 已在工序 {step} 报工"),
    Check("in_date", "Material is in date", "物料在有效期内", "part.expires", "not_before", "today",
          "the material expired on {found}; today is {wanted}",
          "物料已于 {found} 过期；今天是 {wanted}"),
    Check("tool_life", "Tool life suffices", "刀具寿命足够", "station.tool_life", "at_least",
          "operation.tool_cycles", "the tool has {found} cycles left, a piece takes {wanted}",
          "刀具剩余 {found} 次，每件需要 {wanted} 次"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StartFacts:
    """What a start is judged by.

    available: pieces that the step before has ready. parts: products that the step takes, empty =
    any. qualifications: valid ones of the person. part: None = nothing was scanned. serials: made
    at the step already. lots: allowed at the station, empty = any. tool_life: cycles left, None =
    not counted.
    """

    order: ProductionOrder
    operation: OrderOperation
    person: str
    machine: str
    available: int
    today: date
    parts: tuple[str, ...] = ()
    qualifications: tuple[str, ...] = ()
    part: Part | None = None
    serials: tuple[str, ...] = ()
    lots: tuple[str, ...] = ()
    tool_life: int | None = None
