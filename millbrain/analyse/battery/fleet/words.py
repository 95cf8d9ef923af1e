"""What a suspicion says, in English and Chinese."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from millbrain.analyse.battery.fleet.suspicion import DESIGN, STRATEGY, Suspicion
from millbrain.analyse.battery.model import KINDS
from millbrain.analyse.battery.tables import EVENT_KINDS
from millbrain.core.facts import GENERAL_ALARMS

GROUPED: Final[Mapping[str, tuple[str, str]]] = {
    "model": ("model", "车型"),
    "pack_code": ("pack code", "电池包编码"),
    "software": ("software", "软件版本"),
    "production_month": ("month of production", "生产月份"),
}
SIGNALS: Final[Mapping[str, tuple[str, str]]] = {
    "SOC": ("SOC", "SOC"),
    "temperature": ("hottest probe", "最高温度"),
    "current": ("current", "电流"),
    "doing": ("vehicle", "车辆"),
    "dcdc": ("DC-DC", "DC-DC"),
    "gear": ("gear", "挡位"),
}
CAUSES: Final[Mapping[str, tuple[str, str]]] = {
    DESIGN: ("design", "设计缺陷"),
    STRATEGY: ("control strategy", "控制策略缺陷"),
    "open": ("open", "原因待查"),
}


def what_words(what: str) -> tuple[str, str]:
    """Return what is counted, in both languages; a word that is not known is returned as it is."""
    sort, _, name = what.partition(":")
    if sort == "finding" and name in KINDS:
        return KINDS[name]
    if sort == "event" and name in EVENT_KINDS:
        return EVENT_KINDS[name]
    if sort == "alarm" and name.isdigit() and int(name) < len(GENERAL_ALARMS):
        english, chinese = GENERAL_ALARMS[int(name)]
        return f"alarm: {english}", chinese
    return what, what


def sentences(s: Suspicion) -> tuple[str, str]:
    """Return the sentence of a suspicion in English and Chinese."""
    grouped, grouped_zh = GROUPED.get(s.grouped_by, (s.grouped_by, s.grouped_by))
    what, what_zh = what_words(s.what)
    english = (
        f"{s.cases} of {s.vehicles} vehicles of {grouped} {s.group} had: {what}. At the rate of "
        f"the others {s.expected:.1f} would be expected, at most {s.limit_high:.1f} by chance."
    )
    chinese = (
        f"{grouped_zh}{s.group}共{s.vehicles}辆车，其中{s.cases}辆出现：{what_zh}。按其他车辆的发生率"
        f"预期为{s.expected:.1f}辆，随机上限为{s.limit_high:.1f}辆。"
    )
    if not s.is_open:
        return english + " It is no longer beyond the limits.", chinese + "目前已不超出界限。"
    cause, cause_zh = _cause(s)
    return f"{english} {cause}", chinese + cause_zh


def _cause(s: Suspicion) -> tuple[str, str]:
    if s.cause == STRATEGY and s.pattern:
        steps = ", then ".join(f"{SIGNALS[i.signal][0]} {i.value}" for i in s.pattern.items)
        steps_zh = "，随后".join(f"{SIGNALS[i.signal][1]}{i.value_zh}" for i in s.pattern.items)
        share, others = s.pattern.share, s.pattern.share_others
        return (
            f"Before {share:.0%} of the events came the same states, before {others:.0%} of other "
            f"instants: {steps}. This points to the control strategy.",
            f"{share:.0%}的事件之前出现相同状态（其他时刻为{others:.0%}）：{steps_zh}。"
            "疑似控制策略缺陷。",
        )
    if s.cause == DESIGN and s.grouped_by == "model":
        return (
            "Other models observed as long do not have it as often: it points to the design.",
            "观测时长相同的其他车型没有这一现象，疑似设计缺陷。",
        )
    if s.cause == DESIGN:
        return (
            "Vehicles of the same model that were observed as long do not have it as often: it "
            "points to the design or the making of this group.",
            "同车型、同观测时长的其他车辆没有这一现象，疑似该群组的设计或制造缺陷。",
        )
    if not np.isfinite(s.p_siblings):
        return (
            "There is no sibling to compare it with: it cannot be told from its model. The cause "
            "is open.",
            "无同车型其他群组可供比较，无法与车型区分，原因待查。",
        )
    return "The cause is open.", "原因待查。"
