"""The sentence that a mechanic reads, in English and Chinese, one pattern per kind."""

from collections.abc import Mapping
from math import isfinite
from typing import Final

from millbrain.analyse.battery import model
from millbrain.core.units import written

PATTERNS: Final[Mapping[str, tuple[str, str]]] = {
    model.SELF_DISCHARGE: (
        "Cell {cell} of pack {pack} has stood {mv:.0f} mV below the others since {since}, at rest "
        "as under load{charge}: it loses charge or lacks capacity. Measure its open-circuit "
        "voltage and leakage; balance or replace the module.",
        "{pack}号电池包第{cell}号单体自{since}起静置与带载均低于其余单体{mv:.0f} mV{charge_zh}，"
        "疑似自放电偏大或容量不足。请测量开路电压与漏电流，均衡或更换模组。",
    ),
    model.CAPACITY: (
        "Cell {cell} of pack {pack} is level with the others when full and {mv:.0f} mV below them "
        "when nearly empty, since {since}: it has about {lacking} % less capacity. Do a "
        "capacity test; replace the module if it confirms.",
        "{pack}号电池包第{cell}号单体自{since}起满电时正常、低电量时低{mv:.0f} mV，"
        "容量约低{lacking}%。请做容量测试，确认后更换模组。",
    ),
    model.RESISTANCE: (
        "Cell {cell} of pack {pack} has {mohm:.2f} mΩ more resistance than the others since "
        "{since}; at rest it is level with them. Measure its internal resistance.",
        "{pack}号电池包第{cell}号单体自{since}起内阻比其余单体高{mohm:.2f} mΩ，静置时正常。"
        "请测量内阻。",
    ),
    model.CONNECTION: (
        "The voltage of cell {cell} of pack {pack} follows the current by {mohm:.2f} mΩ too much "
        "since {since}, and not by the same every day: a loose connection. Check the torque of the "
        "bus bar and look for traces of heat.",
        "{pack}号电池包第{cell}号单体自{since}起电压随电流异常变化（附加{mohm:.2f} mΩ且不稳定），"
        "疑似连接松动。请检查汇流排扭矩及过热痕迹。",
    ),
    model.SENSOR: (
        "The measured voltage of cell {cell} of pack {pack} cannot be right since {since} "
        "({why}): check the sense wire and the sampling board before the cell.",
        "{pack}号电池包第{cell}号单体自{since}起采样值不可信（{why_zh}），请先检查采样线与采样板。",
    ),
    model.DEVIATION: (
        "Cell {cell} of pack {pack} has stood {mv:.0f} mV {side} the others since {since}; the "
        "cause is open. Watch it.",
        "{pack}号电池包第{cell}号单体自{since}起{side_zh}其余单体{mv:.0f} mV，原因待查，请关注。",
    ),
    model.INSULATION: (
        "Insulation {state} since {since}, on {days} days. Measure it from both poles before "
        "anybody touches the pack.",
        "自{since}起有{days}天绝缘{state_zh}。接触电池包前请分别测量正负极绝缘。",
    ),
    model.TEMPERATURE: (
        "The probes of pack {pack} have stood {degc:.0f} °C apart since {since}. Check coolant, "
        "pump and flow first, then the place of the warmest probe.",
        "{pack}号电池包自{since}起温差达{degc:.0f} °C。请先检查冷却液、水泵与流量，"
        "再检查最高温探针位置。",
    ),
    model.STRATEGY: (
        "The control of the vehicle, not a cell: {what}, {count} times on {days} days since "
        "{since}. Compare with vehicles of the same software; ask the maker for its control data.",
        "自{since}起{days}天内{what_zh}共{count}次，属控制策略而非单体问题。"
        "请与同软件版本车辆对比，并向厂家索取控制数据。",
    ),
    model.THERMAL: (
        "Thermal event: {why}. Get people away from the vehicle, keep it outdoors and call the "
        "fire brigade.",
        "热事件：{why_zh}。请立即疏散人员，车辆远离建筑物，并报火警。",
    ),
}


INSULATED: Final = {
    "below": (
        "is down to {now:.0f} Ω/V, below the {limit:.0f} Ω/V that is required,",
        "降至{now:.0f} Ω/V，低于要求的{limit:.0f} Ω/V",
    ),
    "near": (
        "is down to {now:.0f} Ω/V: above the {limit:.0f} Ω/V that is required, but below the "
        "{early:.0f} Ω/V from which this rule warns,",
        "降至{now:.0f} Ω/V，虽未低于要求的{limit:.0f} Ω/V，但已低于预警值{early:.0f} Ω/V",
    ),
    "at times": (
        "falls below the required {limit:.0f} Ω/V in {count:.0f} reports a day, though it is "
        "{now:.0f} Ω/V in the mean,",
        "每天有{count:.0f}次低于要求的{limit:.0f} Ω/V（均值{now:.0f} Ω/V）",
    ),
}


def insulated(now: float, count: float, limit: float, early: float) -> dict[str, str]:
    """Return how the insulation stands in words, for the sentence; all in Ω/V but the count."""
    name = "at times" if not now < early else "near" if now >= limit else "below"
    told = [text.format(now=now, count=count, limit=limit, early=early) for text in INSULATED[name]]
    return {"state": told[0], "state_zh": told[1]}


def sentence(kind: str, **figures: object) -> tuple[str, str]:
    """Return the sentence of a kind in English and Chinese."""
    english, chinese = PATTERNS[kind]
    return english.format(**figures), chinese.format(**figures)


_ENDS: Final = {
    "all": ("in line again", "已恢复正常"),
    "some": ("in line on the newest days", "近日恢复正常"),
    "none": ("not in line", "仍未恢复"),
}


def told_after(kind: str, pack_no: int, cell_no: int, days: tuple[int, int],
               figures: tuple[float, float], unit: str) -> tuple[str, str]:  # fmt: skip
    """Return what became of a finding since its repair, in English and Chinese.

    days: observed since, and the newest of them that are clean. figures: before and after, in
    `unit`, NaN = not known.
    """
    name, name_zh = model.KINDS[kind]
    where = f"Cell {cell_no} of pack {pack_no}" if cell_no else f"Pack {pack_no}"
    where_zh = f"{pack_no}号电池包第{cell_no}号单体" if cell_no else f"{pack_no}号电池包"
    observed, clean = days
    if not observed:
        return (f"{where}, {name}: no day has been observed since the repair.",
                f"{where_zh}（{name_zh}）：维修后尚无有效观测日。")  # fmt: skip
    was, now = (f"{v:.3g} {written(unit)}".strip() if isfinite(v) else "?" for v in figures)
    end, end_zh = _ENDS["all" if clean == observed else "some" if clean else "none"]
    return (
        f"{where}, {name}: {was} before the repair, {now} since; the newest {clean} of {observed} "
        f"observed days are clean: {end}.",
        f"{where_zh}（{name_zh}）：维修前{was}，维修后{now}；{observed}个观测日中最近{clean}天"
        f"连续正常，{end_zh}。",
    )
