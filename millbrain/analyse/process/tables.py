"""The table that the process room alone writes: characteristics and how each of them stands."""

from typing import Final

from millbrain.core.tables import Column, Table

SPC_CHARACTERISTIC: Final = Table(
    "spc_characteristic",
    "A characteristic as it is declared, with the state of its control chart",
    "质量特性及其控制图状态",
    (
        Column("thing", "text", "Machine or other thing", "对象"),
        Column("signal", "name", "Signal that is charted", "信号"),
        Column("number", "u8", "Which of the thing's characteristics, from 1", "特性序号"),
        Column("title", "text", "Name, English", "名称（英文）"),
        Column("title_zh", "text", "Name, Chinese", "名称"),
        Column("operator", "name", "Organisation", "所属单位"),
        Column("chart", "name", "Kind of chart: i-mr, xbar-r, xbar-s, p, np, c, u, ewma, cusum",
               "控制图类型"),
        Column("rules", "name", "Set of rules: nelson, western-electric", "判异准则"),
        Column("unit", "name", "Symbol of the unit", "单位"),
        Column("lower", "f64", "Lower specification limit", "规格下限", missing=True),
        Column("upper", "f64", "Upper specification limit", "规格上限", missing=True),
        Column("target", "f64", "Nominal value", "目标值", missing=True),
        Column("subgroup", "u8", "Values of one point", "子组大小"),
        Column("size", "u32", "Pieces looked at each time, 0 = told by size_signal", "样本量"),
        Column("size_signal", "name", "Signal that tells how many were looked at", "样本量信号"),
        Column("baseline", "u32", "Points of phase I", "阶段I点数"),
        Column("since", "at_ms", "Begin of phase I", "阶段I起点"),
        Column("given_centre", "f64", "Centre known from before", "给定中心线", missing=True),
        Column("given_sigma", "f64", "Sigma known from before", "给定标准差", missing=True),
        Column("cpk_min", "f64", "What the capability is held against", "Cpk要求"),
        Column("points", "u64", "Complete points since the begin of phase I", "累计点数"),
        Column("last_at", "at_ms", "Newest reading", "最近读数", missing=True),
        Column("hits", "name", "Rules that the newest points break, between commas",
               "当前违反的准则"),
        Column("cpk", "f64", "Cpk of the newest points", "过程能力指数Cpk", missing=True),
        Column("cpk_low", "f64", "Lower end of its 95 % interval", "Cpk置信下限", missing=True),
        Column("cpk_high", "f64", "Upper end of its 95 % interval", "Cpk置信上限", missing=True),
        Column("as_of", "at_ms", "When this version was written", "版本时刻"),
        Column("is_void", "u8", "1 = no longer declared", "已撤销"),
    ),
    order_by=("thing", "signal"),
    keep_by="as_of",
    newest_by="as_of",
    void_by="is_void",
)  # fmt: skip
TABLES: Final = (SPC_CHARACTERISTIC,)
