"""The columns of the vehicles page, declared once for the table, its heading and its sorting."""

from dataclasses import dataclass
from typing import Any, Final

from millbrain.core.facts import VEHICLE_LATEST
from millbrain.core.units import unit_of


@dataclass(frozen=True, slots=True)
class PageColumn:
    """One column of a table on a page.

    name: key in the API's row. view: how a cell is drawn (text, number, state, time, vin, level).
    digits: decimals of a number. narrow: shown on a phone too. title, title_zh: heading where the
    dictionary's wording is too long for one.
    """

    name: str
    view: str
    title: str
    title_zh: str
    digits: int = 0
    narrow: bool = False
    sorts: bool = True

    def as_json(self, language: str) -> dict[str, Any]:
        """Return the declaration as the ES module reads it, in one language."""
        unit = unit_of(self.name)
        names = {column.name: column for column in VEHICLE_LATEST.columns}
        known = names.get(self.name)
        meaning = (known.meaning_zh if language == "zh" else known.meaning) if known else ""
        return {
            "name": self.name,
            "view": self.view,
            "title": self.title_zh if language == "zh" else self.title,
            "hint": meaning,
            "unit": unit.symbol if unit else "",
            "digits": self.digits,
            "narrow": self.narrow,
            "sorts": self.sorts,
        }


VEHICLE_COLUMNS: Final = (
    PageColumn("state", "state", "State", "状态", narrow=True),
    PageColumn("vin", "vin", "VIN", "VIN", narrow=True),
    PageColumn("plate", "text", "Plate", "车牌", narrow=True),
    PageColumn("model", "text", "Model", "车型"),
    PageColumn("operator", "text", "Operator", "运营单位"),
    PageColumn("region_code", "region", "District (est.)", "区县（估）"),
    PageColumn("soc_pct", "number", "SOC", "SOC", narrow=True),
    PageColumn("speed_kmh", "number", "Speed", "车速", digits=1),
    PageColumn("voltage_v", "number", "Voltage", "电压", digits=1),
    PageColumn("current_a", "number", "Current", "电流", digits=1),
    PageColumn("odometer_km", "number", "Odometer", "里程"),
    PageColumn("alarm_level", "level", "Alarm", "报警"),
    PageColumn("received_at", "time", "Last report", "最近上报"),
)
