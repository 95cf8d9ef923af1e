"""The rules of the battery room as numbers that an operator may set, and the words of its kinds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from millbrain.core.rooms import Parameter

SELF_DISCHARGE: Final = "self-discharge"
CAPACITY: Final = "capacity"
RESISTANCE: Final = "resistance"
CONNECTION: Final = "connection"
SENSOR: Final = "sensor"
INSULATION: Final = "insulation"
THERMAL: Final = "thermal"
STRATEGY: Final = "strategy"
DEVIATION: Final = "deviation"

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    SELF_DISCHARGE: ("self-discharge", "自放电异常"),
    CAPACITY: ("low capacity", "容量偏低"),
    RESISTANCE: ("high internal resistance", "内阻偏大"),
    CONNECTION: ("loose connection", "连接松动"),
    SENSOR: ("faulty measurement", "采样故障"),
    INSULATION: ("low insulation", "绝缘偏低"),
    THERMAL: ("thermal event", "热事件"),
    STRATEGY: ("control strategy", "控制策略"),
    DEVIATION: ("out of line, cause open", "一致性偏离，原因待查"),
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as an observation, as persistent, as independent evidence.

    The meaning, unit and range of each stand in `PARAMETERS`, which the card shows.
    """

    rest_a: float = 5.0
    reports_min: int = 20
    days_min: int = 3
    window_days: int = 45
    score_min: float = 6.0
    deviation_min_mv: float = 15.0
    deviation_clear_mv: float = 8.0
    crowd_max_ratio: float = 0.05
    resistance_min_mohm: float = 0.3
    drift_min_mv_per_day: float = 0.3
    families_min: int = 2
    lost_min_ratio: float = 0.2
    leak_ohm_per_v: float = 100.0
    heat_rise_degc_per_min: float = 6.0
    heat_min_degc: float = 45.0

    def __post_init__(self) -> None:
        """Check every number against its declared range."""
        for parameter in PARAMETERS:
            parameter.checked(getattr(self, parameter.name))


_DEFAULTS: Final = {f.name: f.default for f in fields(Rules)}


def _rule(name: str, low: float, high: float, meaning: str, meaning_zh: str) -> Parameter:
    default = _DEFAULTS[name]
    whole = isinstance(default, int)
    return Parameter(name, meaning, meaning_zh, float(str(default)), low, high, whole)


PARAMETERS: Final = (
    _rule("rest_a", 0, 50, "Current up to which a pack is at rest [A]", "静置电流上限"),
    _rule("reports_min", 5, 10_000, "Reports before a day counts as observed", "有效日最少上报数"),
    _rule("days_min", 2, 30, "Observed days in a row before anything is found", "连续天数"),
    _rule("window_days", 7, 365, "How far back evidence counts [d]", "证据时间窗"),
    _rule("score_min", 3, 50, "Deviation in standard deviations by MAD", "稳健标准分阈值"),
    _rule("deviation_min_mv", 2, 500, "Deviation of a cell that counts [mV]", "单体偏差阈值"),
    _rule("deviation_clear_mv", 1, 500, "Deviation below which a finding clears [mV]",
          "单体偏差解除值"),
    _rule("crowd_max_ratio", 0, 0.5, "Share of the cells above which it is a second population",
          "离群单体比例上限"),
    _rule("resistance_min_mohm", 0.01, 50, "Excess resistance that counts [mΩ]", "内阻偏差阈值"),
    _rule("drift_min_mv_per_day", 0.01, 50, "Drift at rest that counts [mV/d]", "静置漂移阈值"),
    _rule("families_min", 2, 5, "Independent families of evidence before a call-out",
          "召检所需独立证据数"),
    _rule("lost_min_ratio", 0.01, 1, "Share of a day's reports with an implausible cell",
          "采样异常占比阈值"),
    _rule("leak_ohm_per_v", 10, 2_000, "Insulation limit per volt of the pack [Ω/V]",
          "绝缘电阻限值"),
    _rule("heat_rise_degc_per_min", 1, 120, "Rise of the hottest probe [°C/min]", "温升速率阈值"),
    _rule("heat_min_degc", 20, 100, "Temperature above which a rise counts [°C]", "温升起始温度"),
)  # fmt: skip
