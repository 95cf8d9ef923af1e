"""What is checked before a machine is told anything: each check as data.

`left` and `right` are names of facts (`part.lot`, `job.lots`); `test` compares them:

=========== =================================================================
present     left is there
empty       left is not there
equal       left is right; nothing is demanded where right is empty
one_of      left stands in the list right; nothing where right is empty
held_by     the list right holds left; nothing where left is empty
not_held_by it does not
at_least    left is no less; nothing where either is not counted
not_before  left is no earlier day; nothing where left is empty
=========== =================================================================

What `decide` evaluates is this list and nothing else, and pages and documents show the same list.
"""

from dataclasses import dataclass
from typing import Any, Final

_SHOWN_MAX: Final = 8  # of a list in a message
TESTS: Final = ("present", "empty", "equal", "one_of", "held_by", "not_held_by", "at_least",
                "not_before")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One check. message: with {found}, {wanted}, {station}, {part} and {recipe} filled in."""

    key: str
    title: str
    title_zh: str
    left: str
    test: str
    right: str
    message: str
    message_zh: str


CHECKS: Final = (
    Check("part_known", "Part is known", "零件可识别", "part.part_type", "present", "always",
          "{part} is not known: its record says no part type",
          "无法识别零件 {part}：档案中没有零件类型"),
    Check("hold", "Part is not blocked", "零件未被冻结", "part.hold", "empty", "always",
          "{part} is blocked: {found}", "零件 {part} 已被冻结：{found}"),
    Check("right_part", "Right part", "零件正确", "part.part_type", "equal", "job.part_type",
          "wrong part: this is {found}, {station} works on {wanted}",
          "零件不符：当前为 {found}，工位 {station} 正在加工 {wanted}"),
    Check("revision", "Right revision", "版本正确", "part.revision", "equal", "job.revision",
          "wrong revision: this is {found}, {wanted} is wanted",
          "版本不符：当前为 {found}，要求 {wanted}"),
    Check("lot", "Right lot", "批次正确", "part.lot", "one_of", "job.lots",
          "wrong lot: this is of {found}, allowed are {wanted}",
          "批次不符：当前批次 {found}，允许 {wanted}"),
    Check("recipe", "A recipe fits", "有匹配配方", "recipe.name", "present", "always",
          "no recipe for {part} at {station} ({found_key})",
          "工位 {station} 没有适用于 {part} 的配方（{found_key}）"),
    Check("step_order", "Step before was carried out", "前道工序已完成", "recipe.after", "held_by",
          "part.steps_done",
          "wrong order: {found} must be carried out before {step}; carried out so far: {wanted}",
          "工序顺序错误：{step} 之前须先完成 {found}；已完成：{wanted}"),
    Check("not_twice", "Step was not carried out yet", "本工序未重复", "recipe.step", "not_held_by",
          "part.steps_done", "{found} was carried out on this part already",
          "该零件已完成工序 {found}"),
    Check("qualified", "Operator is qualified", "操作员具备资质", "recipe.qualification", "held_by",
          "operator.qualifications",
          "{who} lacks the qualification {found}; valid ones: {wanted}",
          "操作员 {who} 缺少资质 {found}；有效资质：{wanted}"),
    Check("tool_life", "Tool life suffices", "刀具寿命足够", "station.tool_life", "at_least",
          "recipe.tool_cycles",
          "the tool set {tool_set} has {found} cycles left, this part takes {wanted}",
          "刀具组 {tool_set} 剩余 {found} 次，本件需要 {wanted} 次"),
    Check("in_date", "Material is in date", "物料在有效期内", "part.expires", "not_before", "today",
          "the material expired on {found}; today is {wanted}",
          "物料已于 {found} 过期；今天是 {wanted}"),
)  # fmt: skip
AMBIGUOUS: Final = Check(
    "ambiguous", "One recipe fits best", "配方唯一", "", "present", "",
    "several recipes fit equally well: {found}; make one of them more particular",
    "多个配方同样匹配：{found}；请细化其中一个",
)  # fmt: skip


def passes(test: str, left: Any, right: Any) -> bool:
    """Whether a comparison holds; one that demands nothing does."""
    match test:
        case "present":
            return bool(left)
        case "empty":
            return not left
        case "equal":
            return not right or left == right
        case "one_of":
            return not right or left in right
        case "held_by":
            return not left or left in right
        case "not_held_by":
            return not left or left not in right
        case "at_least":
            return left is None or not right or left >= right
        case "not_before":
            return not left or left >= right
    raise ValueError(f"check {test!r} is not known")


def shown(value: Any) -> str:
    """Return a fact as it stands in a message; of a long list its beginning."""
    if isinstance(value, list | tuple):
        begin = ", ".join(map(str, value[:_SHOWN_MAX]))
        return f"{begin}, ..." if len(value) > _SHOWN_MAX else begin or "-"
    return "-" if value in (None, "") else str(value)
