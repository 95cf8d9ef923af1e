"""What happens to a vehicle besides what it sends: repairs, recalls, accidents, violations, claims.

Each kind is a form, declared here once: the import checks it, the API describes it, the health
record shows it. An event is known by (kind, source, reference): the same one again changes nothing,
another content under the same three is a correction, of which the old version is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from millbrain.core.forms import FormField

# Who says so and how to find it there, of every kind.
COMMON: Final = (
    FormField("vin", "id", "VIN", "车辆识别代号", is_required=True, longest=17,
              headings=("id", "车架号", "车辆识别代码")),
    FormField("at", "at", "Date and time", "发生时间", is_required=True,
              headings=("time", "date", "日期", "时间", "发生日期", "维修日期", "出险时间",
                        "违法时间")),
    FormField("source", "text", "Source", "数据来源", is_required=True, longest=64,
              headings=("来源",)),
    FormField("reference", "text", "Reference number", "编号", is_required=True, longest=64,
              headings=("number", "no", "单号", "维修单号", "事故编号", "召回编号", "决定书编号",
                        "报案号", "赔案号")),
)  # fmt: skip
_NOTE: Final = FormField("note", "text", "Note", "备注", longest=500)


@dataclass(frozen=True, slots=True)
class LifeKind:
    """One kind of event. fields: what it carries besides `COMMON`."""

    key: str
    title: str
    title_zh: str
    fields: tuple[FormField, ...]

    @property
    def form(self) -> tuple[FormField, ...]:
        """All fields of an entry of this kind."""
        return (*COMMON, *self.fields)


_REPAIR: Final = LifeKind("repair", "Repair", "维修", (
    FormField("workshop", "text", "Workshop", "维修企业", headings=("维修单位", "维修厂")),
    FormField("order", "text", "Work order", "工单号", longest=64),
    FormField("part", "choice", "Part", "维修部位", is_required=True, headings=("部位",), choices={
        "cell": ("cell", "单体"), "module": ("module", "模组"), "pack": ("pack", "电池包"),
        "harness": ("sense harness", "采样线束"), "bms": ("BMS", "电池管理系统"),
        "motor": ("motor", "驱动电机"), "controller": ("motor controller", "电机控制器"),
        "dcdc": ("DC-DC", "DC-DC变换器"), "other": ("other", "其他")}),
    FormField("pack_no", "whole", "Pack, from 1", "电池包序号", low=1, high=250),
    FormField("cell_no", "whole", "Cell, from 1", "单体序号", low=1, high=10_000),
    FormField("action", "choice", "What was done", "维修措施", is_required=True, choices={
        "replaced": ("replaced", "更换"), "repaired": ("repaired", "修复"),
        "balanced": ("balanced", "均衡"), "software": ("software updated", "升级软件"),
        "checked": ("checked, no fault found", "检查未见异常")}),
    FormField("old_code", "text", "Code of the old part", "旧件编码", longest=64),
    FormField("new_code", "text", "Code of the new part", "新件编码", longest=64),
    FormField("odometer_km", "number", "Odometer", "里程", low=0, high=10_000_000),
    _NOTE,
))  # fmt: skip
_RECALL: Final = LifeKind("recall", "Recall", "召回", (
    FormField("campaign", "text", "Campaign", "召回活动", is_required=True, longest=128),
    FormField("maker", "text", "Maker", "生产企业", longest=128),
    FormField("defect", "text", "Defect", "缺陷情况", longest=500),
    FormField("remedy", "text", "Remedy", "维修措施", longest=500),
    FormField("is_done", "truth", "Remedy done", "是否完成", headings=("完成",)),
    FormField("done_at", "at", "Done on", "完成时间"),
    _NOTE,
))  # fmt: skip
_ACCIDENT: Final = LifeKind("accident", "Accident", "事故", (
    FormField("place", "text", "Place", "地点"),
    FormField("form", "choice", "Form", "事故形态", is_required=True, headings=("类型",), choices={
        "collision": ("collision", "碰撞"), "rollover": ("rollover", "翻车"),
        "fire": ("fire", "起火"), "smoke": ("smoke", "冒烟"), "scrape": ("scrape", "刮底"),
        "water": ("immersion", "涉水"), "runaway": ("runaway", "失速"),
        "other": ("other", "其他")}),
    FormField("deaths_count", "whole", "Deaths", "死亡人数", low=0, high=1_000),
    FormField("injured_count", "whole", "Injured", "受伤人数", low=0, high=1_000),
    FormField("is_battery_hit", "truth", "Battery damaged", "电池受损"),
    FormField("is_airbag_fired", "truth", "Airbag fired", "安全气囊起爆"),
    FormField("liability", "text", "Liability", "责任认定"),
    _NOTE,
))  # fmt: skip
_VIOLATION: Final = LifeKind("violation", "Traffic violation", "交通违法", (
    FormField("place", "text", "Place", "地点", headings=("违法地点",)),
    FormField("act_code", "text", "Code of the act", "违法行为代码", longest=16),
    FormField("act", "text", "Act", "违法行为", is_required=True),
    FormField("speed_kmh", "number", "Measured speed", "实测车速", low=0, high=500),
    FormField("limit_kmh", "number", "Speed limit", "限速", low=0, high=200),
    FormField("points_count", "whole", "Points", "记分", low=0, high=24),
    FormField("fine_cny", "number", "Fine, CNY", "罚款（元）", low=0, high=1_000_000),
    _NOTE,
))  # fmt: skip
_CLAIM: Final = LifeKind("claim", "Insurance claim", "保险理赔", (
    FormField("insurer", "text", "Insurer", "保险公司", is_required=True, longest=128),
    FormField("cause", "choice", "Cause", "出险原因", is_required=True, choices={
        "collision": ("collision", "碰撞"), "fire": ("fire", "火灾"), "water": ("flood", "水淹"),
        "theft": ("theft", "盗抢"), "scrape": ("scrape", "刮底"),
        "self_ignition": ("self-ignition", "自燃"), "other": ("other", "其他")}),
    FormField("is_battery_hit", "truth", "Battery damaged", "电池受损"),
    FormField("paid_cny", "number", "Paid, CNY", "赔付金额（元）", low=0, high=100_000_000),
    FormField("is_closed", "truth", "Closed", "是否结案"),
    _NOTE,
))  # fmt: skip

LIFE_KINDS: Final[Mapping[str, LifeKind]] = {
    kind.key: kind for kind in (_REPAIR, _RECALL, _ACCIDENT, _VIOLATION, _CLAIM)
}
