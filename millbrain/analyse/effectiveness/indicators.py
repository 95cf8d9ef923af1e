"""Elements and indicators after ISO 22400-2, declared once.

An *element* is a sum over parts of `machine_hour`: time, pieces, energy, failures. An *indicator*
is a formula over elements. Whatever is asked (machine, line, area, product, shift, order, day),
the elements are summed first and the ratio is made last; no ratio is ever averaged. Code, queries,
pages, the table in docs/concepts/effectiveness.md and the tests follow from the rows below.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core.plant.states import MachineState

HOUR_MS: Final = 3_600_000
PCT: Final = "pct"


@dataclass(frozen=True, slots=True)
class Element:
    """A sum. key: as in the standard where it has one. of: the measure of a part that is summed.

    states: only parts in these states, empty = all. busy: only parts within planned busy time.
    """

    key: str
    title: str
    title_zh: str
    of: str
    unit: str
    states: tuple[MachineState, ...] = ()
    busy: bool = True

    @property
    def sql(self) -> str:
        """The sum as ClickHouse text over the columns of a part."""
        conditions = ["part_busy = 1"] if self.busy else []
        if self.states:
            conditions.append(f"part_state IN ({', '.join(str(int(s)) for s in self.states)})")
        factor = {"h": f" / {HOUR_MS}"}.get(self.unit, "")
        if not conditions:
            return f"sum({self.of}){factor}"
        return f"sumIf({self.of}, {' AND '.join(conditions)}){factor}"

    def measure(self, parts: Any) -> NDArray[np.float64]:
        """Return what is summed of each part; columns are named as in the table."""
        names = {c: getattr(parts, c.removeprefix("part_")) for c in _names(_tree(self.of))}
        return np.asarray(_as_number(_tree(self.of), names), np.float64)

    def select(self, state: NDArray[np.uint8], busy: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which parts count, by their state and whether they lie in planned busy time."""
        chosen = np.ones(len(state), np.bool_) if not self.busy else busy > 0
        return chosen & np.isin(state, list(self.states)) if self.states else chosen


S = MachineState
DELAYED: Final = (S.IDLE, S.BLOCKED, S.STARVED)
STOPPED: Final = (*DELAYED, S.DOWN, S.MAINTENANCE, S.SETUP, S.OFFLINE)

ELEMENTS: Final = (
    Element("PBT", "planned busy time", "计划忙碌时间", "part_time_ms", "h"),
    Element("APT", "actual production time", "实际生产时间", "part_time_ms", "h", (S.PRODUCING,)),
    Element("AUST", "actual set-up time", "实际换型时间", "part_time_ms", "h", (S.SETUP,)),
    Element("AUPT", "actual processing time, set-up included", "实际加工时间（含换型）",
            "part_time_ms", "h", (S.PRODUCING, S.SETUP)),
    Element("ADET", "actual delay time: idle, blocked, starved", "实际延迟时间（待机、堵塞、缺料）",
            "part_time_ms", "h", DELAYED),
    Element("ADOT", "actual down time: failure, upkeep, unknown", "实际停机时间",
            "part_time_ms", "h", (S.DOWN, S.MAINTENANCE, S.OFFLINE)),
    Element("AUBT", "actual busy time", "实际忙碌时间", "part_time_ms", "h",
            (S.PRODUCING, S.SETUP, *DELAYED)),
    Element("TTR", "time of failures", "故障时间", "part_time_ms - part_micro_ms", "h",
            (S.DOWN,)),
    Element("CMT", "corrective maintenance time", "纠正性维修时间",
            "part_time_ms - part_micro_ms", "h",
            (S.DOWN,), busy=False),
    Element("PMT", "planned maintenance time", "计划保养时间", "part_time_ms", "h",
            (S.MAINTENANCE,), busy=False),
    Element("UNK", "planned time of which nothing is known", "数据缺失时间", "part_time_ms", "h",
            (S.OFFLINE,)),
    Element("CAL", "calendar time", "日历时间", "part_time_ms", "h", busy=False),
    Element("FE", "failures: stops in state down that are no micro-stops", "故障次数",
            "part_starts_count - part_micro_count", "count", (S.DOWN,)),
    Element("STN", "stops", "停机次数", "part_starts_count", "count", (*DELAYED, S.DOWN)),
    Element("MSN", "micro-stops", "短停次数", "part_micro_count", "count"),
    Element("MST", "time of micro-stops", "短停时间", "part_micro_ms", "h"),
    Element("GQ", "pieces good the first time", "一次合格数", "part_good", "count"),
    Element("SQ", "scrap", "报废数", "part_scrap", "count"),
    Element("RQ", "pieces to rework", "返工数", "part_rework", "count"),
    Element("PQ", "pieces made", "产出数", "part_good + part_scrap + part_rework", "count"),
    Element("PRIQ", "time that the pieces take at nameplate", "铭牌节拍折算时间", "part_ideal_ms",
            "h"),
    Element("PRIG", "time that the good pieces take at nameplate", "合格品铭牌节拍折算时间",
            "part_ideal_good_ms", "h"),
    Element("PQA", "pieces made, unplanned time included", "产出数（含计划外）",
            "part_good + part_scrap + part_rework", "count", busy=False),
    Element("EN", "energy", "能耗", "part_energy_kwh", "kwh", busy=False),
    Element("ENP", "energy while producing", "生产能耗", "part_energy_kwh", "kwh", (S.PRODUCING,),
            busy=False),
    Element("ENI", "energy while not producing", "非生产能耗", "part_energy_kwh", "kwh", STOPPED,
            busy=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Indicator:
    """A formula over elements.

    standard: its name in ISO 22400-2:2014, empty where it is none of its 34.
    higher: whether more is better. over: an element of time: where nothing was made within it, the
    indicator is 0 and not missing, since a machine that stood a whole shift earned nothing.
    needs: an element without which it is not known: no energy was measured, none was saved.
    """

    key: str
    title: str
    title_zh: str
    formula: str
    unit: str
    standard: str
    higher: bool
    over: str = ""
    needs: str = ""

    @property
    def column(self) -> str:
        """Its name as a column: key and unit."""
        return f"{self.key}_{self.unit}"

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements that it is made of."""
        return _names(_tree(self.formula))

    @property
    def sql(self) -> str:
        """The formula as ClickHouse text; its elements are columns, NULL where not known."""
        text = _as_sql(_tree(self.formula))
        text = f"100 * {text}" if self.unit == PCT else text
        text = f"if({self.needs} > 0, {text}, NULL)" if self.needs else text
        return f"if(PQ = 0 AND {self.over} > 0, 0, {text})" if self.over else text

    def value(self, sums: Mapping[str, Any]) -> Any:
        """Return the indicator of sums (numbers or arrays by element), NaN over nothing."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.asarray(_as_number(_tree(self.formula), sums), np.float64)
        found = np.where(np.isfinite(found), found, np.nan) * (100 if self.unit == PCT else 1)
        if self.needs:
            found = np.where(np.asarray(sums[self.needs]) > 0, found, np.nan)
        if self.over:
            nothing = (np.asarray(sums["PQ"]) == 0) & (np.asarray(sums[self.over]) > 0)
            found = np.where(nothing, 0.0, found)
        return found


INDICATORS: Final = (
    Indicator("oee", "OEE", "设备综合效率（OEE）",
              "(PRIQ / PBT) * (GQ / PQ)", PCT, "OEE index", True, over="PBT"),
    Indicator("availability", "Availability", "可用率",
              "APT / PBT", PCT, "Availability", True),
    Indicator("effectiveness", "Effectiveness", "性能率",
              "PRIQ / APT", PCT, "Effectiveness", True),
    Indicator("quality", "Quality ratio", "质量率",
              "GQ / PQ", PCT, "Quality ratio", True),
    Indicator("nee", "NEE", "净设备效率（NEE）",
              "(AUPT / PBT) * (PRIQ / APT) * (GQ / PQ)", PCT, "NEE index", True, over="PBT"),
    Indicator("teep", "TEEP", "完全有效生产率（TEEP）",
              "(PRIQ / CAL) * (GQ / PQ)", PCT, "", True, over="CAL"),
    Indicator("allocation", "Allocation efficiency", "分配效率",
              "AUBT / PBT", PCT, "Allocation efficiency", True),
    Indicator("utilisation", "Utilisation efficiency", "利用效率",
              "APT / AUBT", PCT, "Utilization efficiency", True),
    Indicator("setup", "Set-up ratio", "换型率",
              "AUST / AUPT", PCT, "Setup ratio", False),
    Indicator("technical", "Technical efficiency", "技术效率",
              "APT / (APT + ADET)", PCT, "Technical efficiency", True),
    Indicator("scrap", "Scrap ratio", "报废率",
              "SQ / PQ", PCT, "Scrap ratio", False),
    Indicator("rework", "Rework ratio", "返工率",
              "RQ / PQ", PCT, "Rework ratio", False),
    Indicator("throughput", "Throughput per busy hour", "单位忙碌时间产出",
              "PQ / AUBT", "perh", "", True),
    Indicator("mtbf", "MTBF", "平均故障间隔时间（MTBF）",
              "(PBT - UNK) / FE", "h", "Mean operating time between failures", True),
    Indicator("mttf", "MTTF", "平均失效前时间（MTTF）",
              "(PBT - UNK - TTR) / FE", "h", "Mean time to failure", True),
    Indicator("mttr", "MTTR", "平均修复时间（MTTR）",
              "TTR / FE", "h", "Mean time to repair", False),
    Indicator("corrective", "Corrective maintenance ratio", "纠正性维修率",
              "CMT / (CMT + PMT)", PCT, "Corrective maintenance ratio", False),
    Indicator("micro", "Share of micro-stops", "短停占比",
              "MST / PBT", PCT, "", False),
    Indicator("unknown", "Share of unknown time", "数据缺失占比",
              "UNK / PBT", PCT, "", False),
    Indicator("piece", "Energy per good piece", "单件合格品能耗",
              "EN / GQ", "kwh", "", False, needs="EN"),
    Indicator("idle", "Share of energy while not producing", "非生产能耗占比",
              "ENI / EN", PCT, "", False),
)  # fmt: skip

OEE: Final = INDICATORS[0]
BY_KEY: Final = {i.key: i for i in INDICATORS}
BY_ELEMENT: Final = {e.key: e for e in ELEMENTS}
_SIGNS: Final[Mapping[type, tuple[str, Callable[[Any, Any], Any]]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
}


def values(sums: Mapping[str, Any]) -> dict[str, Any]:
    """Return every indicator of sums by element."""
    return {i.key: i.value(sums) for i in INDICATORS}


def _tree(formula: str) -> ast.expr:
    return ast.parse(formula, mode="eval").body


def _names(node: ast.expr) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n.id for n in ast.walk(node) if isinstance(n, ast.Name)))


def _as_sql(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.BinOp):
        left, right = _as_sql(node.left), _as_sql(node.right)
        sign = _SIGNS[type(node.op)][0]
        return f"({left} / nullIf({right}, 0))" if sign == "/" else f"({left} {sign} {right})"
    raise TypeError(f"a formula is made of elements and + - * /; found {ast.dump(node)}")


def _as_number(node: ast.expr, sums: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return np.asarray(sums[node.id], np.float64)
    if isinstance(node, ast.BinOp):
        apply = _SIGNS[type(node.op)][1]
        return apply(_as_number(node.left, sums), _as_number(node.right, sums))
    raise TypeError(f"a formula is made of elements and + - * /; found {ast.dump(node)}")
