"""The rules of the battery room as numbers that an operator may set, and the words of its kinds."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

from millbrain.core.rooms import Parameter

SELF_DISCHARGE: Final = "self-discharge"
CAPACITY: Final = "capacity"
RESISTANCE: Final = "resistance"
CONNECTION: Final = "connection"
SENSOR: Final = "sensor"
INSULATION: Final = "insulation"
THERMAL: Final = "thermal"
STRATEGY: Final = "strategy"
TEMPERATURE: Final = "temperature"
HEAT: Final = "heat"
DEVIATION: Final = "deviation"

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    SELF_DISCHARGE: ("self-discharge", "自放电异常"),
    CAPACITY: ("low capacity", "容量偏低"),
    RESISTANCE: ("high internal resistance", "内阻偏大"),
    CONNECTION: ("loose connection", "连接松动"),
    SENSOR: ("faulty measurement", "采样故障"),
    INSULATION: ("low insulation", "绝缘偏低"),
    THERMAL: ("thermal event", "热事件"),
    TEMPERATURE: ("wide temperature spread", "温差过大"),
    STRATEGY: ("control strategy", "控制策略"),
    HEAT: ("heat watch", "高温看护"),
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
    resistance_min_ratio: float = 0.35
    charge_min_pct: float = 1.5
    capacity_min_pct: float = 6.0
    drift_min_pct_per_day: float = 0.06
    families_min: int = 2
    lost_min_ratio: float = 0.2
    leak_ohm_per_v: float = 100.0
    leak_early_ohm_per_v: float = 500.0
    spread_min_degc: float = 12.0
    strategy_days_min: int = 7
    strategy_min_ratio: float = 0.25
    heat_rise_degc_per_min: float = 6.0
    heat_min_degc: float = 45.0
    soc_jump_min_pct: float = 5.0
    soc_jump_s_max: float = 60.0

    def __post_init__(self) -> None:
        """Check every number against its declared range."""
        _check(self)


@dataclass(frozen=True, slots=True)
class ChargeRules:
    """What is one charge, how sure its counted Ah are, when it tells capacity or a peak.

    The uncertainties are settings, since no car says how good its sensors are; the defaults are
    assumptions, not measurements.
    """

    charge_silence_s: int = 1_800
    charge_gap_s: int = 90
    charge_gap_ratio: float = 0.2
    charge_soc_min_pct: float = 30.0
    soc_random_pct: float = 1.0
    soc_common_pct: float = 1.0
    current_step_a: float = 0.1
    current_offset_a: float = 0.3
    current_gain_ratio: float = 0.005
    ic_c_rate_max: float = 0.5
    ic_sigma_mv: float = 6.0
    ic_reports_min: int = 30

    def __post_init__(self) -> None:
        """Check every number against its declared range."""
        _check(self)


@dataclass(frozen=True, slots=True)
class HealthRules:
    """Which charges make a state of health, and what it is compared with."""

    health_charges_min: int = 3
    health_charges_max: int = 20
    health_window_days: int = 120
    health_temp_min_degc: float = 10.0
    health_reject_score: float = 3.5
    health_fade_pct_per_year: float = 5.0
    reference_days: int = 90
    reference_charges_min: int = 5

    def __post_init__(self) -> None:
        """Check every number against its declared range."""
        _check(self)


@dataclass(frozen=True, slots=True)
class StrategyRules:
    """What a vehicle's control must not do, and how far before an event one looks."""

    driving_kmh: float = 5.0
    dcdc_off_s: int = 10
    hot_charge_degc: float = 50.0
    hot_charge_c_rate: float = 0.8
    hot_charge_s: int = 60
    soc_jump_pct: float = 5.0
    soc_jump_s: int = 60
    before_s: int = 300
    pattern_share_min_ratio: float = 0.6
    pattern_error_ratio: float = 0.01

    def __post_init__(self) -> None:
        """Check every number against its declared range."""
        _check(self)


@dataclass(frozen=True, slots=True)
class FleetRules:
    """When a group of vehicles stands out."""

    fleet_vehicles_min: int = 30
    fleet_cases_min: int = 3
    fleet_limit_ratio: float = 0.001
    fleet_false_ratio: float = 0.05
    fleet_rate_ratio: float = 2.0
    fleet_error_ratio: float = 0.01
    sibling_error_ratio: float = 0.01

    def __post_init__(self) -> None:
        """Check every number against its declared range."""
        _check(self)


@dataclass(frozen=True, slots=True)
class HeatRules:
    """The limits of the heat watch, and how many looks in a row count."""

    hot_charging_degc: float = 50.0
    hot_driving_degc: float = 55.0
    hot_resting_degc: float = 45.0
    hot_full_degc: float = 42.0
    hot_full_pct: float = 95.0
    hot_spread_degc: float = 12.0
    hot_insulation_degc: float = 40.0
    hot_insulation_ohm_per_v: float = 500.0
    hot_cells_degc: float = 40.0
    hot_cells_mv: float = 100.0
    hot_looks_min: int = 3
    hot_clear_looks: int = 6
    hot_stale_s: int = 900

    def __post_init__(self) -> None:
        """Check every number against its declared range."""
        _check(self)


@dataclass(frozen=True, slots=True)
class StreamRules:
    """How the engine runs the app: how often what is done, how much time it may take."""

    flush_s: float = 10.0
    judge_share_ratio: float = 0.05
    chore_share_ratio: float = 0.05
    charge_wait_s: float = 7_200.0
    fleet_s: float = 3_600.0
    heat_s: float = 60.0
    heat_silent_s: float = 86_400.0

    def __post_init__(self) -> None:
        """Check every number against its declared range."""
        _check(self)


T = TypeVar("T", StreamRules, Rules, ChargeRules, HealthRules, StrategyRules, FleetRules, HeatRules)
AnyRules = StreamRules | Rules | ChargeRules | HealthRules | StrategyRules | FleetRules | HeatRules
RULE_SETS: Final = (
    StreamRules, Rules, ChargeRules, HealthRules, StrategyRules, FleetRules, HeatRules,
)  # fmt: skip
_DEFAULTS: Final = {f.name: f.default for kind in RULE_SETS for f in fields(kind)}


def chosen(kind: type[T], parameters: Mapping[str, float]) -> T:
    """Return the rules of a kind with what the operator set, `Ground.parameters`; else defaults."""
    whole = {p.name for p in PARAMETERS if p.whole}
    given = [(f.name, parameters[f.name]) for f in fields(kind) if f.name in parameters]
    named: dict[str, Any] = {name: int(v) if name in whole else v for name, v in given}
    return kind(**named)


def _check(rules: AnyRules) -> None:
    for parameter in PARAMETERS:
        if hasattr(rules, parameter.name):
            parameter.checked(getattr(rules, parameter.name))


def _rule(name: str, low: float, high: float, meaning: str, meaning_zh: str) -> Parameter:
    default = _DEFAULTS[name]
    whole = isinstance(default, int)
    return Parameter(name, meaning, meaning_zh, float(str(default)), low, high, whole)


PARAMETERS: Final = (
    _rule("flush_s", 0.1, 86_400, "Time between two writings of the day's state [s]",
          "单日状态写入周期"),
    _rule("judge_share_ratio", 0.01, 1, "Share of one thread's time that judging may take",
          "评估占用线程时间比例上限"),
    _rule("chore_share_ratio", 0.01, 1,
          "Share of one thread's time that charges, fleet and heat watch may take each",
          "充电、车队与高温看护各占线程时间比例上限"),
    _rule("charge_wait_s", 1, 86_400, "Longest wait of new reports until charges are counted [s]",
          "充电统计最长等待时间"),
    _rule("fleet_s", 1, 604_800, "Time between two looks at the whole fleet [s]",
          "车队统计周期"),
    _rule("heat_s", 1, 3_600, "Time between two looks of the heat watch [s]", "高温看护周期"),
    _rule("heat_silent_s", 600, 2_592_000,
          "Silence of a vehicle after which its heat finding closes [s]", "失联后高温线索关闭时间"),
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
    _rule("resistance_min_ratio", 0.05, 5, "Excess resistance as a share of a cell's own",
          "内阻偏差占比阈值"),
    _rule("charge_min_pct", 0.5, 50, "Missing charge that counts without drift [%]",
          "缺失电量阈值"),
    _rule("capacity_min_pct", 1, 50, "Missing capacity that counts [%]", "容量缺失阈值"),
    _rule("drift_min_pct_per_day", 0.005, 5, "Loss of charge that counts [%/d]",
          "电量流失速率阈值"),
    _rule("families_min", 2, 5, "Independent families of evidence before a call-out",
          "召检所需独立证据数"),
    _rule("lost_min_ratio", 0.01, 1, "Share of a day's reports with an implausible cell",
          "采样异常占比阈值"),
    _rule("leak_ohm_per_v", 10, 2_000, "Insulation limit per volt of the pack [Ω/V]",
          "绝缘电阻限值"),
    _rule("leak_early_ohm_per_v", 50, 5_000,
          "Insulation per volt below which a fall counts [Ω/V]", "绝缘下降预警值"),
    _rule("spread_min_degc", 3, 60, "Temperature spread of a pack that counts [°C]",
          "温差阈值"),
    _rule("strategy_days_min", 2, 60, "Days with an event of control before it counts",
          "控制事件天数"),
    _rule("strategy_min_ratio", 0.01, 1, "Share of the observed days with such an event",
          "控制事件天数占比"),
    _rule("heat_rise_degc_per_min", 1, 120, "Rise of the hottest probe [°C/min]", "温升速率阈值"),
    _rule("heat_min_degc", 20, 100, "Temperature above which a rise counts [°C]", "温升起始温度"),
    _rule("soc_jump_min_pct", 1, 100, "Jump of SOC between two reports [%]", "SOC跳变阈值"),
    _rule("soc_jump_s_max", 1, 3_600, "Time between the two reports at most [s]",
          "SOC跳变最大间隔"),
    _rule("charge_silence_s", 120, 86_400, "Silence that ends a charge [s]", "充电中断时长"),
    _rule("charge_gap_s", 1, 3_600, "Time between two reports from which it is a gap [s]",
          "数据间隔阈值"),
    _rule("charge_gap_ratio", 0, 1, "Share by which the current in a gap may be off",
          "间隔内电流不确定比例"),
    _rule("charge_soc_min_pct", 5, 100, "Rise of SOC from which a charge tells capacity [%]",
          "推算容量所需SOC增量"),
    _rule("soc_random_pct", 0, 10, "Error of a SOC difference that changes by charge [%]",
          "SOC差随机标准不确定度"),
    _rule("soc_common_pct", 0, 10, "Error of a SOC difference that all charges share [%]",
          "SOC差系统标准不确定度"),
    _rule("current_step_a", 0, 10, "Step in which current is reported [A]", "电流分辨力"),
    _rule("current_offset_a", 0, 10, "Standard uncertainty of the current's zero [A]",
          "电流零点标准不确定度"),
    _rule("current_gain_ratio", 0, 0.2, "Standard uncertainty of the current's scale",
          "电流增益标准不确定度"),
    _rule("ic_c_rate_max", 0.02, 2, "Charging rate up to which a peak is told [C]",
          "增量容量最大充电倍率"),
    _rule("ic_sigma_mv", 1, 50, "Standard deviation of the smoothing kernel, a cell [mV]",
          "增量容量平滑核宽度"),
    _rule("ic_reports_min", 5, 10_000, "Reports near a peak before it counts",
          "峰附近最少上报数"),
    _rule("health_charges_min", 1, 100, "Charges before a state of health is told",
          "健康度最少充电次数"),
    _rule("health_charges_max", 1, 200, "Newest charges that make a state of health",
          "健康度最多充电次数"),
    _rule("health_window_days", 7, 730, "How far back charges count [d]", "健康度时间窗"),
    _rule("health_temp_min_degc", -40, 40, "Coldest start of a charge that counts [°C]",
          "健康度充电最低起始温度"),
    _rule("health_reject_score", 2, 20, "Standard deviations beyond which a charge is left out",
          "离群充电剔除阈值"),
    _rule("health_fade_pct_per_year", 0, 50, "Fade within the window that is allowed for [%/year]",
          "时间窗内容许衰减"),
    _rule("reference_days", 7, 730, "First days of a vehicle that say what it had when new [d]",
          "初始基准天数"),
    _rule("reference_charges_min", 1, 100, "Charges in them before they do",
          "初始基准最少充电次数"),
    _rule("driving_kmh", 0, 100, "Speed from which a vehicle drives [km/h]", "行驶判定车速"),
    _rule("dcdc_off_s", 1, 3_600, "DC-DC off while driving for so long counts [s]",
          "行驶中DC-DC断开时长"),
    _rule("hot_charge_degc", 30, 80, "Temperature at which charging must be reduced [°C]",
          "应降流温度"),
    _rule("hot_charge_c_rate", 0.05, 5, "Charging rate that is not reduced [C]",
          "未降流充电倍率"),
    _rule("hot_charge_s", 1, 3_600, "... for so long counts [s]", "未降流时长"),
    _rule("soc_jump_pct", 1, 50, "Change of SOC that is a jump [%]", "SOC跳变幅度"),
    _rule("soc_jump_s", 1, 600, "... within so many seconds [s]", "SOC跳变时间"),
    _rule("before_s", 10, 3_600, "Time before an event in which a sequence is sought [s]",
          "事件前时间窗"),
    _rule("pattern_share_min_ratio", 0.1, 1, "Share of the events that a pattern must cover",
          "共同序列最小覆盖率"),
    _rule("pattern_error_ratio", 1e-6, 0.2, "Chance of a pattern where there is none",
          "共同序列误报概率"),
    _rule("fleet_vehicles_min", 5, 100_000, "Vehicles before a group is looked at",
          "群组最少车辆数"),
    _rule("fleet_cases_min", 2, 1_000, "Cases before a group is suspected", "群组最少案例数"),
    _rule("fleet_limit_ratio", 1e-6, 0.2, "Chance beyond the funnel limit", "漏斗限概率"),
    _rule("fleet_false_ratio", 0.001, 0.5, "Share of false suspicions that is allowed for",
          "误报发现率"),
    _rule("fleet_rate_ratio", 1.1, 20, "Rate over the others' that the sequential test looks for",
          "序贯检验目标比率"),
    _rule("fleet_error_ratio", 1e-6, 0.2, "Chance of a false signal of the sequential test",
          "序贯检验误报概率"),
    _rule("sibling_error_ratio", 1e-6, 0.2, "Chance of a design defect where there is none",
          "设计缺陷误判概率"),
    _rule("hot_charging_degc", 20, 80, "Hottest probe while charging [°C]", "充电高温阈值"),
    _rule("hot_driving_degc", 20, 80, "Hottest probe while driving [°C]", "行驶高温阈值"),
    _rule("hot_resting_degc", 20, 80, "Hottest probe at rest [°C]", "静置高温阈值"),
    _rule("hot_full_degc", 20, 80, "Hottest probe of a full battery [°C]", "满电高温阈值"),
    _rule("hot_full_pct", 50, 100, "SOC from which it is full [%]", "满电判定SOC"),
    _rule("hot_spread_degc", 2, 60, "Difference between probes at rest [°C]", "静置温差阈值"),
    _rule("hot_insulation_degc", 20, 80, "Heat in which insulation is looked at [°C]",
          "绝缘关注温度"),
    _rule("hot_insulation_ohm_per_v", 10, 5_000, "Insulation in heat [Ω/V]", "高温绝缘阈值"),
    _rule("hot_cells_degc", 20, 80, "Heat in which cells are looked at [°C]", "压差关注温度"),
    _rule("hot_cells_mv", 10, 1_000, "Difference between cells at rest in heat [mV]",
          "高温静置压差阈值"),
    _rule("hot_looks_min", 1, 100, "Looks in a row before it is found", "连续观察次数"),
    _rule("hot_clear_looks", 1, 1_000, "Clear looks in a row before it closes", "解除观察次数"),
    _rule("hot_stale_s", 10, 86_400, "Age from which a value is no look [s]", "数据过期时长"),
)  # fmt: skip
