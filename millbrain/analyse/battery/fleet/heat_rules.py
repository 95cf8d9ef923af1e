"""The rule pack of the heat watch, as data: when, beyond which limits, how serious, which words.

Every limit is a parameter of the card; none is taken from a standard, since none of them says when
a hot battery on the road deserves a look. Ambient temperature is not reported by vehicles.
"""

from dataclasses import dataclass
from typing import Final

from millbrain.core.findings import Severity

CHARGING: Final = "charging"
DRIVING: Final = "driving"
RESTING: Final = "resting"
ANY: Final = "any"


@dataclass(frozen=True, slots=True)
class Limit:
    """A condition: `signal` at or beyond the parameter of that name; from below where `is_low`."""

    signal: str
    parameter: str
    is_low: bool = False


@dataclass(frozen=True, slots=True)
class HeatRule:
    """One rule: all of its limits in one state of the vehicle.

    The first limit is the figure that is reported, in `unit`. family: rules of one family rest on
    the same observation and count once. words: with ``{value}`` and ``{limit}``.
    """

    key: str
    title: str
    title_zh: str
    state: str
    limits: tuple[Limit, ...]
    unit: str
    family: str
    severity: Severity
    words: str
    words_zh: str


HEAT_RULES: Final = (
    HeatRule(
        "hot_charging", "hot while charging", "充电高温", CHARGING,
        (Limit("temp_max_degc", "hot_charging_degc"),), "°C", "temperature", Severity.SERVICE,
        "its hottest probe is at {value:.0f} °C while charging (limit {limit:.0f} °C)",
        "充电中最高温度{value:.0f} °C（界限{limit:.0f} °C）",
    ),
    HeatRule(
        "hot_driving", "hot while driving", "行驶高温", DRIVING,
        (Limit("temp_max_degc", "hot_driving_degc"),), "°C", "temperature", Severity.WATCH,
        "its hottest probe is at {value:.0f} °C under load (limit {limit:.0f} °C)",
        "行驶中最高温度{value:.0f} °C（界限{limit:.0f} °C）",
    ),
    HeatRule(
        "hot_resting", "hot at rest", "静置高温", RESTING,
        (Limit("temp_max_degc", "hot_resting_degc"),), "°C", "temperature", Severity.WATCH,
        "its hottest probe is at {value:.0f} °C at rest (limit {limit:.0f} °C)",
        "静置时最高温度{value:.0f} °C（界限{limit:.0f} °C）",
    ),
    HeatRule(
        "hot_full", "hot and full", "高温满电", RESTING,
        (Limit("temp_max_degc", "hot_full_degc"), Limit("soc_pct", "hot_full_pct")), "°C",
        "temperature", Severity.WATCH,
        "it stands full at {value:.0f} °C (limit {limit:.0f} °C)",
        "满电静置温度{value:.0f} °C（界限{limit:.0f} °C）",
    ),
    HeatRule(
        "uneven", "one place hotter at rest", "静置温差大", RESTING,
        (Limit("temp_spread_degc", "hot_spread_degc"),), "°C", "temperature", Severity.SERVICE,
        "its probes differ by {value:.0f} °C at rest (limit {limit:.0f} °C)",
        "静置时温差{value:.0f} °C（界限{limit:.0f} °C）",
    ),
    HeatRule(
        "hot_insulation", "insulation low in heat", "高温绝缘偏低", ANY,
        (Limit("insulation_ohm_per_v", "hot_insulation_ohm_per_v", is_low=True),
         Limit("temp_max_degc", "hot_insulation_degc")), "Ω/V", "insulation", Severity.SERVICE,
        "its insulation in heat is {value:.0f} Ω/V (limit {limit:.0f} Ω/V)",
        "高温下绝缘电阻{value:.0f} Ω/V（界限{limit:.0f} Ω/V）",
    ),
    HeatRule(
        "hot_cells", "cells apart in heat", "高温压差大", RESTING,
        (Limit("cell_spread_mv", "hot_cells_mv"), Limit("temp_max_degc", "hot_cells_degc")), "mV",
        "cells", Severity.WATCH,
        "its cells differ by {value:.0f} mV at rest in heat (limit {limit:.0f} mV)",
        "高温静置时单体压差{value:.0f} mV（界限{limit:.0f} mV）",
    ),
)  # fmt: skip
# The vehicle's own alarms of the same day: temperature difference, battery over-temperature.
OWN_ALARM: Final = HeatRule(
    "own_alarm", "the vehicle's own temperature alarm", "车辆温度报警", ANY, (), "", "vehicle",
    Severity.SERVICE, "it sends its own temperature alarm", "车辆上报温度报警",
)  # fmt: skip
OWN_ALARM_BITS: Final = 0b11
EVERY_RULE: Final = (*HEAT_RULES, OWN_ALARM)
