"""What a judged characteristic says: findings for the alarms, a view for the page."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from millbrain.analyse.process.calc.capability import Capability, Index
from millbrain.analyse.process.calc.charts import Chart
from millbrain.analyse.process.calc.judge import Judged
from millbrain.analyse.process.calc.rules import RULES, Marks, Rule, chance, involved
from millbrain.analyse.process.model import APP, CAPABILITY
from millbrain.core.findings import Evidence, Finding, Severity
from millbrain.core.plant.charted import Charted

_EVIDENCE_MAX: Final = 15  # points shown of one pattern
_BINS: Final = (8, 30)
_CHARTS_ZH: Final = {
    "i": "单值图", "mr": "移动极差图", "xbar": "均值图", "r": "极差图", "s": "标准差图", "p": "p图",
    "np": "np图", "c": "c图", "u": "u图", "ewma": "EWMA图", "cusum+": "上侧CUSUM图",
    "cusum-": "下侧CUSUM图",
}  # fmt: skip


def findings(c: Charted, judged: Judged, watch: int, values_min: int) -> dict[str, Finding]:
    """Return kind -> open finding.

    watch: newest points in which a completed pattern counts. values_min: fewer values say nothing
    of the capability.
    """
    found: dict[str, Finding] = {}
    for chart, marked in zip(judged.charts, judged.marks, strict=True):
        for key, mark in marked.items():
            last = np.flatnonzero(mark[-watch:]) + max(len(mark) - watch, 0)
            if last.size and key not in found:
                found[key] = _broken(c, judged, chart, RULES[key], mark, int(last[-1]))
    if judged.capability and judged.capability.count >= values_min:
        index = judged.capability.cpk
        if index.high < c.cpk_min:
            found[CAPABILITY] = _incapable(c, judged, judged.capability)
    return found


def _broken(
    c: Charted, judged: Judged, chart: Chart, rule: Rule, mark: Marks, last: int
) -> Finding:
    shown = np.flatnonzero(involved(rule, np.arange(len(mark)) == last))[-_EVIDENCE_MAX:]
    at_s = judged.at_ms // 1000
    value, limit = float(chart.value[last]), _limit(chart, rule, last)
    points = tuple(
        Evidence(f"point {judged.place + i + 1}", rule.key, float(chart.value[i]),
                 _limit(chart, rule, i), c.unit, int(at_s[i]), int(at_s[i]))
        for i in shown.tolist()
    )  # fmt: skip
    number = judged.place + last + 1
    unit = f" {c.unit}" if c.unit else ""
    drawn = ", ".join(f"{e.value:.6g}" for e in points)
    return Finding(
        thing=c.thing, app=APP, kind=rule.key, pack_no=c.number, cell_no=0,
        first_seen=int(at_s[shown[0]]), last_seen=int(at_s[last]),
        severity=Severity.SERVICE if rule.window == 1 else Severity.WATCH,
        value=value, unit=c.unit, threshold=limit, confidence=round(1.0 - chance(rule), 6),
        evidence=points, call_out=False, is_open=True,
        sentence=f"{c.title}: {rule.title} ({rule.key}, {chart.name} chart, point {number});"
        f" points {drawn}{unit}, limits {chart.lower[last]:.6g} to {chart.upper[last]:.6g}{unit}",
        sentence_zh=f"{c.title_zh}：{rule.title_zh}（{rule.key}，{_CHARTS_ZH[chart.name]}，"
        f"第{number}点）；数据{drawn}{unit}，控制限{chart.lower[last]:.6g}至"
        f"{chart.upper[last]:.6g}{unit}",
    )  # fmt: skip


def _limit(chart: Chart, rule: Rule, i: int) -> float:
    """Return the line that a point is held against: a control limit, a zone, the centre."""
    is_above = bool(chart.value[i] >= chart.centre[i])
    if rule.window == 1:
        return float(chart.upper[i] if is_above else chart.lower[i])
    apart = rule.sigmas * chart.sigma[i]
    return float(chart.centre[i] + (apart if is_above else -apart))


def _incapable(c: Charted, judged: Judged, found: Capability) -> Finding:
    index = found.cpk
    at_s = judged.at_ms // 1000
    since, until = int(at_s[0]), int(at_s[-1])
    remark = "" if found.is_normal is not False else "; the values are not normal, read with care"
    remark_zh = "" if found.is_normal is not False else "；数据不服从正态分布，请谨慎解读"
    interval = f"{index.low:.2f} - {index.high:.2f}"
    return Finding(
        thing=c.thing, app=APP, kind=CAPABILITY, pack_no=c.number, cell_no=0,
        first_seen=since, last_seen=until, severity=Severity.WATCH,
        value=index.value, unit="", threshold=c.cpk_min, confidence=0.95,
        evidence=(Evidence("cpk", CAPABILITY, index.value, c.cpk_min, "", since, until),
                  Evidence("outside the limits", CAPABILITY, float(found.outside_count), 0.0, "",
                           since, until)),
        call_out=False, is_open=True,
        sentence=f"{c.title}: Cpk {index.value:.2f} (95 %: {interval}) of {found.count} values,"
        f" {c.cpk_min:g} is asked for{remark}",
        sentence_zh=f"{c.title_zh}：{found.count}个数据的Cpk为{index.value:.2f}（95%置信区间"
        f"{interval}），要求{c.cpk_min:g}{remark_zh}",
    )  # fmt: skip


def view(c: Charted, judged: Judged) -> dict[str, Any]:
    """Return everything that the page draws, as JSON-able data; None = no value."""
    return {
        "at_ms": judged.at_ms.tolist(),
        "place": judged.place,
        "charts": [
            {
                "name": chart.name, "value": _list(chart.value), "centre": _list(chart.centre),
                "lower": _list(chart.lower), "upper": _list(chart.upper),
                "sigma": _list(chart.sigma), "runs": chart.runs, "phase_one": chart.phase_one,
                "marks": {k: np.flatnonzero(m).tolist() for k, m in marked.items() if m.any()},
            }
            for chart, marked in zip(judged.charts, judged.marks, strict=True)
        ],
        "rules": {key: [rule.title, rule.title_zh] for key, rule in RULES.items()},
        "capability": _said(judged.capability),
        "histogram": _histogram(judged),
    }  # fmt: skip


def _list(values: Any) -> list[float | None]:
    return [_number(v) for v in np.asarray(values, np.float64).tolist()]


def _number(value: float) -> float | None:
    return float(f"{value:.9g}") if np.isfinite(value) else None


def _said(found: Capability | None) -> Mapping[str, Any] | None:
    if found is None:
        return None
    plain = ("mean", "spread", "overall", "beyond_ppm", "normal_p")
    indices: dict[str, Index] = {n: getattr(found, n) for n in ("cp", "cpk", "pp", "ppk")}
    return {
        "count": found.count,
        "outside_count": found.outside_count,
        **{name: _number(getattr(found, name)) for name in plain},
        **{n: _list((i.value, i.low, i.high)) for n, i in indices.items()},
    }


def _histogram(judged: Judged) -> Mapping[str, Any]:
    """Return bins by the rule of Freedman and Diaconis, 8 to 30 of them."""
    known = judged.singles[np.isfinite(judged.singles)]
    if known.size < 2 or not np.ptp(known) > 0:
        return {"edges": [], "counts": []}
    quartiles = np.percentile(known, [25, 75])
    width = 2 * (quartiles[1] - quartiles[0]) / np.cbrt(known.size)
    wanted = np.ptp(known) / width if width > 0 else _BINS[0]
    counts, edges = np.histogram(known, int(np.clip(np.ceil(wanted), *_BINS)))
    return {"edges": _list(edges), "counts": counts.tolist()}
