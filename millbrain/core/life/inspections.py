"""An inspection of a vehicle on a lane: what is measured, by which limits, with what conclusion.

The items and limits themselves are data of the room `analyse/inspection`; here is only their form,
shared by the room that judges, the ledger that keeps and the pages that show.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from millbrain.core.forms import FormField

TESTS: Final = {
    "charging": ("charging test", "充电检验"),
    "electrical": ("electrical safety", "电气安全检验"),
    "onboard": ("on-board test", "车载检验"),
    "vehicle": ("whole vehicle", "整车检验"),
}
CHEMISTRIES: Final = {
    "lfp": ("lithium iron phosphate", "磷酸铁锂"),
    "ternary": ("ternary (NCM, NCA)", "三元锂"),
    "other": ("other or unknown", "其他或未知"),
}


class Need(StrEnum):
    """When an item must be measured."""

    ALWAYS = "always"
    COMMERCIAL = "commercial"  # vehicles that earn money: taxis, coaches, lorries
    OPTIONAL = "optional"


class Conclusion(StrEnum):
    """What an inspection ends with. GB/T 44500-2024 knows the first two only."""

    NORMAL = "normal"
    MAINTAIN = "maintain"
    NONE = "none"  # something that had to be measured was not


CONCLUSIONS: Final = {
    Conclusion.NORMAL: ("normal", "正常"),
    Conclusion.MAINTAIN: ("maintenance advised", "建议维护"),
    Conclusion.NONE: ("no conclusion: incomplete", "未出结论：检验不完整"),
}


class Status(StrEnum):
    """Where a limit comes from."""

    STANDARD = "standard"  # a figure of a standard; `source` says which
    SETTING = "setting"  # set by whoever runs the lane, from the maker's document or by own rule


@dataclass(frozen=True, slots=True)
class Limit:
    """The allowed range of an item, both ends included, in the item's unit; inf = no such end.

    chemistry, model: what it holds for, empty = any. per: name of a measured item by which both
    ends are multiplied (an insulation limit per volt). since: first day it holds (ISO). source:
    the text that says so. note: how far that was checked.
    """

    item: str
    status: Status
    source: str
    since: str
    low: float = -math.inf
    high: float = math.inf
    chemistry: str = ""
    model: str = ""
    per: str = ""
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data; an open end is null."""
        ends = {"low": self.low, "high": self.high}
        return {
            "item": self.item, "status": str(self.status), "source": self.source,
            "since": self.since, "chemistry": self.chemistry, "model": self.model,
            "per": self.per, "note": self.note,
            **{name: end if math.isfinite(end) else None for name, end in ends.items()},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is measured. field: its name, unit, titles and plausible range.

    is_condition: says whether the test was valid, not whether the vehicle is. in_standard: named by
    GB/T 44500-2024.
    """

    field: FormField
    test: str
    need: Need
    is_condition: bool
    in_standard: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """One item of one inspection. state: inside, outside, unjudged, missing, invalid.

    value: None = not measured. limit: the range it was held against, None = there is none.
    """

    item: str
    state: str
    value: float | None
    limit: Limit | None
    reason: str
    reason_zh: str

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return {
            "item": self.item, "state": self.state, "value": self.value,
            "limit": self.limit.as_json() if self.limit else None,
            "reason": self.reason, "reason_zh": self.reason_zh,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the rules say of an inspection. edition: name and date of the rules."""

    conclusion: Conclusion
    items: tuple[Judged, ...]
    reasons: tuple[tuple[str, str], ...]
    edition: str


class LaneRules(Protocol):
    """The room that judges, as the web process sees it."""

    @property
    def edition(self) -> str:
        """Name of the standard and date of the items."""
        ...

    @property
    def items(self) -> Sequence[Item]:
        """Every item, in the order of a report."""
        ...

    @property
    def limits(self) -> Sequence[Limit]:
        """The limits that come with the items."""
        ...

    def judge(
        self, values: Mapping[str, float], about: Mapping[str, Any], settings: Sequence[Limit]
    ) -> Opinion:
        """Judge measured values.

        Parameters
        ----------
        values
            Item -> measured value in the item's unit; what is absent was not measured.
        about
            `chemistry`, `model`, `is_commercial` and `day` (ISO, of the test) of the vehicle.
        settings
            Limits that whoever runs the lane has set; they go before the standard's.
        """
        ...


# Of every record, besides the items: who measured what when.
HEAD: Final = (
    FormField("bench", "text", "Bench", "检测台", is_required=True, longest=64,
              headings=("station", "line", "检测线", "工位")),
    FormField("record_no", "text", "Record number", "检验流水号", is_required=True, longest=64,
              headings=("record", "流水号", "报告编号")),
    FormField("vin", "id", "VIN", "车辆识别代号", is_required=True, longest=17,
              headings=("车架号",)),
    FormField("tested_at", "at", "Start of the test", "检验开始时间", is_required=True,
              headings=("start", "检验时间", "检验日期")),
    FormField("ended_at", "at", "End of the test", "检验结束时间", headings=("end",)),
    FormField("chemistry", "choice", "Chemistry", "电池类型", choices=CHEMISTRIES),
    FormField("is_commercial", "truth", "Commercial vehicle", "营运车辆", headings=("营运",)),
    FormField("inspector", "text", "Inspector", "检验员", longest=64),
    FormField("note", "text", "Note", "备注", longest=500),
)  # fmt: skip

# Channels of a bench's curve -> the column of `vehicle_report` that says the same, empty = none.
CURVE_TIME: Final = FormField("t_s", "number", "Time since the start", "时间", is_required=True,
                              low=0, high=86_400, headings=("t", "time", "seconds"))  # fmt: skip
CURVE_CHANNELS: Final[Mapping[str, tuple[FormField, str]]] = {
    name: (FormField(name, "number", en, zh, low=low, high=high), column)
    for name, en, zh, low, high, column in (
        ("voltage_v", "Voltage", "电压", 0, 2_000, "voltage_v"),
        ("current_a", "Current, discharge positive", "电流", -3_000, 3_000, "current_a"),
        ("soc_pct", "State of charge", "荷电状态", 0, 100, "soc_pct"),
        ("cell_max_mv", "Highest cell", "最高单体电压", 0, 10_000, "cell_max_mv"),
        ("cell_min_mv", "Lowest cell", "最低单体电压", 0, 10_000, "cell_min_mv"),
        ("temp_max_degc", "Hottest probe", "最高温度", -60, 250, "temp_max_degc"),
        ("temp_min_degc", "Coldest probe", "最低温度", -60, 250, "temp_min_degc"),
    )
}
