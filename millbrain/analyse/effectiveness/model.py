"""What is known of a machine, the rules that an operator may set, and the words of the findings."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from millbrain.core.plant.plant import Plant
from millbrain.core.plant.states import (
    ENERGY_SIGNAL,
    GOOD_SIGNAL,
    ORDER_SIGNAL,
    REASON_SIGNAL,
    REWORK_SIGNAL,
    SCRAP_SIGNAL,
    STATE_SIGNAL,
    MachineState,
)
from millbrain.core.rooms import Parameter

APP: Final = "effectiveness"
OEE_LOW: Final = "oee-low"
DOWN_LONG: Final = "down-long"
SILENT: Final = "silent"
IDLE_ENERGY: Final = "idle-energy"

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    OEE_LOW: ("OEE below its limit", "OEE低于下限"),
    DOWN_LONG: ("down for long", "长时间停机"),
    SILENT: ("no data in planned time", "计划时间内无数据"),
    IDLE_ENERGY: ("energy while not producing", "非生产能耗偏高"),
}

PARAMETERS: Final = (
    Parameter("gap_s", "Longest silence of a machine in which its last state is still believed",
              "沿用上一状态的最长无数据时间", 300, 10, 3600),
    Parameter("micro_s", "A stop shorter than this is a micro-stop", "短停的时间上限",
              120, 1, 1800),
    Parameter("reason_back_s", "How far back a reason that is given later reaches",
              "补录停机原因的回溯时间", 3600, 0, 3600),
    Parameter("flush_s", "Least pause between two writings", "两次写入的最小间隔", 10, 0.1, 600),
    Parameter("oee_low_pct", "OEE of a shift below which it counts as low", "班次OEE下限",
              40, 0, 100),
    Parameter("oee_shifts", "Shifts in a row before low OEE is told", "连续低于下限的班次数",
              3, 1, 60, whole=True),
    Parameter("down_s", "A failure longer than this is told", "故障持续超过该时间即提示",
              900, 60, 86_400),
    Parameter("silent_s", "Silence in planned time longer than this is told",
              "计划时间内无数据超过该时间即提示", 1800, 300, 86_400),
    Parameter("idle_energy_pct", "Share of a shift's energy while not producing that is told",
              "班次非生产能耗占比上限", 50, 1, 100),
    Parameter("hold_s", "Where no state is told: after a piece a machine counts as producing for "
              "so long", "无状态信号时，产出后视为生产的时间", 300, 10, 3600),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """The parameters; meaning, unit and range of each stand in `PARAMETERS`."""

    gap_s: float = 300
    micro_s: float = 120
    reason_back_s: float = 3600
    flush_s: float = 10
    oee_low_pct: float = 40
    oee_shifts: float = 3
    down_s: float = 900
    silent_s: float = 1800
    idle_energy_pct: float = 50
    hold_s: float = 300

    def __post_init__(self) -> None:
        """Check every number against its declared range."""
        declared = {p.name: p for p in PARAMETERS}
        for field in fields(self):
            declared[field.name].checked(getattr(self, field.name))


def chosen(given: Mapping[str, float]) -> Rules:
    """Return the rules: what the operator set, else the defaults."""
    return Rules(**given)


COUNTERS: Final = (GOOD_SIGNAL, SCRAP_SIGNAL, REWORK_SIGNAL)
STEPS: Final = (STATE_SIGNAL, REASON_SIGNAL, ORDER_SIGNAL)


@dataclass(frozen=True, slots=True)
class StateRule:
    """How a state follows from a signal where a machine tells none.

    The rules are asked in order at every reading; the first whose signal is at least `low` gives
    the state, and a machine to which none applies is idle.
    """

    signal: str
    low: float
    state: MachineState
    attribute: str = ""  # of the register of things, holds `low` for one machine


# A machine whose spindle turns works. From which power on one works is known of that machine only:
# the attribute `producing_kw` of the register says so, without it power tells nothing.
STATE_RULES: Final = (
    StateRule("spindle_rpm", 1.0, MachineState.PRODUCING),
    StateRule("spindle_speed_rpm", 1.0, MachineState.PRODUCING),
    StateRule("power_kw", float("inf"), MachineState.PRODUCING, "producing_kw"),
)
SIGNALS: Final = (
    *STEPS, *COUNTERS, ENERGY_SIGNAL, *dict.fromkeys(rule.signal for rule in STATE_RULES),
)  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A machine as this room needs it.

    cycle_s: nameplate time of one piece [s], NaN = not known. plant: None for a machine that no
    plant knows: all its time is planned then. is_output: its pieces are those of its line. takt_s:
    time between two pieces of its line at nameplate. gap_s: longest silence in which it is believed
    where that is not the rule's, since its source tells changes only; 0 = as the rule. lows: limits
    of `STATE_RULES` of its own, by signal.
    """

    thing: str
    title: str = ""
    title_zh: str = ""
    plant: Plant | None = None
    line: str = ""
    line_title: str = ""
    line_title_zh: str = ""
    area: str = ""
    area_title: str = ""
    area_title_zh: str = ""
    equipment_class: str = ""
    cycle_s: float = float("nan")
    is_output: bool = True
    takt_s: float = float("nan")
    gap_s: float = 0.0
    place: int = 0
    operator: str = ""
    is_digital: bool = True
    is_simulated: bool = False
    lows: Mapping[str, float] | None = None

    def low(self, rule: StateRule) -> float:
        """Return the limit of a rule for this machine."""
        return (self.lows or {}).get(rule.signal, rule.low)


Attributes = Mapping[str, Mapping[str, Any]]
