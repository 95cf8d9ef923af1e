"""What the queries of the battery pages share: whose rows these are, days, columns of a vehicle."""

from typing import Final

from millbrain.analyse.battery import model
from millbrain.core.findings import SEVERITIES
from millbrain.core.pages import TEXT, Argument
from millbrain.core.tables import Column

# The set is made from the live table, so a vehicle that changes hands takes its history along.
MINE: Final = (
    "({{operator:String}} = '' OR {vin} IN"
    " (SELECT vin FROM vehicle_latest WHERE operator = {{operator:String}}))"
)
MY_VIN: Final = MINE.format(vin="vin")
MY_THING: Final = MINE.format(vin="thing")
TODAY: Final = "toDate(now(), 'Asia/Shanghai')"

VIN: Final = Column("vin", "text", "Vehicle", "车辆")
MODEL: Final = Column("model", "name", "Model", "车型")
VEHICLE: Final = (
    VIN,
    Column("plate", "text", "Plate", "车牌号"),
    MODEL,
    Column("operator", "name", "Operator", "运营单位"),
    Column("region_code", "name", "District", "所在区县"),
    Column("simulated", "u8", "1 = a simulated vehicle", "仿真车辆"),
)
PLACE: Final = (
    Column("pack_no", "u8", "Pack", "电池包"),
    Column("cell_no", "u16", "Cell", "单体"),
)
SEVERITY: Final = Column("severity", "u8", "Severity", "严重程度", codes=SEVERITIES)
KIND: Final = Column("kind", "name", "Kind", "类别")
FIGURE: Final = (
    Column("value", "f64", "Figure", "数值"),
    Column("unit", "name", "Unit", "单位"),
    Column("threshold", "f64", "Limit", "阈值"),
    Column("confidence", "f32", "Confidence, 0 to 1", "置信度"),
)
WORDS: Final = (
    Column("sentence", "text", "What it says", "说明（英文）"),
    Column("sentence_zh", "text", "What it says, Chinese", "说明"),
)
AS_OF: Final = Column("as_of", "at_ms", "As of", "数据时刻", missing=True)

ONE_VIN: Final = Argument("vin", TEXT, "The vehicle", "车辆", length_max=64)
ANY_MODEL: Final = Argument("model", TEXT, "One model's only", "车型", "")
ANY_KIND: Final = Argument("kind", TEXT, "One kind's only", "类别", "", choices=("", *model.KINDS))
SEVERITY_MIN: Final = Argument(
    "severity_min", "UInt8", "Least severity, 0 note to 4 danger", "最低严重程度", 0, 0, 4
)
