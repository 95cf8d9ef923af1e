"""The dossier of a suspicion for the maker: figures, plots, method and limits, on paper.

`dossier` gathers everything as JSON-able data, `page` writes it as one HTML document in both
languages that needs nothing from outside and prints on A4. Nothing in it is a judgement on the
maker: it says what was counted, what chance explains, and what is not known.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery.fleet.cases import Cases
from millbrain.analyse.battery.fleet.exact import binomial_limit
from millbrain.analyse.battery.fleet.groups import Vehicles
from millbrain.analyse.battery.fleet.plots import funnel, timeline
from millbrain.analyse.battery.fleet.suspicion import Suspicion
from millbrain.analyse.battery.fleet.words import CAUSES, GROUPED, SIGNALS, what_words
from millbrain.analyse.battery.model import FleetRules
from millbrain.core.times import BEIJING

CASES_MAX: Final = 200  # vehicles named; a dossier is read by people
_GROUPS_MAX: Final = 300  # points of the funnel
_STEPS: Final = 40  # points of a limit's curve

METHOD: Final = (
    ("Vehicles with at least one case are counted, by group. Given the number of cases of all "
     "groups, those of one are binomial with its share of the vehicle-days.",
     "按群组统计至少出现一次的车辆数。在全部案例数给定时，群组案例数服从以其车辆日占比为参数的二项分布。"),
    ("The funnel limit is the count beyond which chance would lead with the stated probability, "
     "widened by the scatter of the other groups (Spiegelhalter 2005).",
     "漏斗上限按所述概率计算，并按其他群组的离散程度放宽（Spiegelhalter 2005）。"),
    ("Over all groups and sorts of case together the false-discovery rate is kept (Benjamini and "
     "Hochberg 1995).",
     "对全部群组与统计对象控制误报发现率（Benjamini与Hochberg，1995）。"),
    ("The sequential test compares, case by case, a rate some times the others' with an equal "
     "one; its error holds however often one looks (Wald 1945, Ville 1939).",
     "序贯检验逐例比较倍数发生率与相同发生率，无论查看多少次误报概率均有保证"
     "（Wald 1945；Ville 1939）。"),
)  # fmt: skip
LIMITS: Final = (
    ("What is counted are reports of vehicles and conclusions drawn from them, not parts that were "
     "taken apart. Owners, climate and use may differ between groups.",
     "统计依据为车辆上报数据及其分析结论，并非拆解结果；各群组的使用者、气候和使用方式可能不同。"),
    ("Vehicles that were never on line, and groups whose code is not registered, are not in it.",
     "从未上线的车辆及未登记群组编码的车辆不在统计之内。"),
    ("A common sequence of states says what came before, not that it was the cause.",
     "共同状态序列表示先后关系，不等于因果关系。"),
)  # fmt: skip


def dossier(suspicion: Suspicion, vehicles: Vehicles, cases: Cases, rules: FleetRules,
            as_of: int) -> dict[str, Any]:  # fmt: skip
    """Return what there is to say of a suspicion, as JSON-able data.

    vehicles, cases: those that it was found in. as_of: instant of the data [s since 1970 UTC].
    Cases are listed oldest first, at most `CASES_MAX`; `cases_left_off` counts the others.
    """
    labels = vehicles.groups[suspicion.grouped_by].astype("S")
    has = _first_cases(vehicles, cases, suspicion.what.encode())
    in_group = labels == suspicion.group.encode()
    own = np.flatnonzero(in_group & (has >= 0))
    own = own[np.lexsort((vehicles.vin[own], has[own]))]
    return {
        "as_of": as_of,
        "suspicion": suspicion.as_json(),
        "grouped_by": list(GROUPED.get(suspicion.grouped_by, (suspicion.grouped_by,) * 2)),
        "what": list(what_words(suspicion.what)),
        "cause": list(CAUSES[suspicion.cause]),
        "cases": [
            {
                "vin": vehicles.vin[i].decode("utf-8", "replace"),
                "first_at": int(has[i]),
                "days_observed": round(float(vehicles.days[i]), 1),
                **{n: g[i].decode("utf-8", "replace") for n, g in vehicles.groups.items()},
            }
            for i in own[:CASES_MAX].tolist()
        ],
        "cases_left_off": max(len(own) - CASES_MAX, 0),
        "funnel": _funnel(labels, has, suspicion, rules),
        "timeline": _timeline(has, in_group, labels != b""),
        "rules": {n: getattr(rules, n) for n in rules.__slots__},
        "method": [list(pair) for pair in METHOD],
        "limits": [list(pair) for pair in LIMITS],
    }


def _first_cases(vehicles: Vehicles, cases: Cases, what: bytes) -> NDArray[np.int64]:
    """Return the device time of each vehicle's first case of a sort, -1 = none."""
    first: dict[bytes, int] = {}
    rows = np.flatnonzero(cases.what.astype("S") == what)
    vins: list[bytes] = cases.vin[rows].astype("S").tolist()
    for vin, at in zip(vins, cases.at[rows].tolist(), strict=True):
        first[vin] = min(first.get(vin, at), at)
    return np.array([first.get(v, -1) for v in vehicles.vin.astype("S").tolist()], np.int64)


def _funnel(labels: NDArray[Any], has: NDArray[np.int64], suspicion: Suspicion,
            rules: FleetRules) -> dict[str, Any]:  # fmt: skip
    """Return rate by number of vehicles of every group, and the limits around the common rate."""
    names, group = np.unique(labels, return_inverse=True)
    vehicles = np.bincount(group, minlength=len(names))
    hits = np.bincount(group[has >= 0], minlength=len(names))
    shown = np.flatnonzero(names != b"")
    shown = np.sort(shown[np.argsort(-vehicles[shown], kind="stable")[:_GROUPS_MAX]])
    own = np.flatnonzero(names == suspicion.group.encode())
    shown = np.union1d(shown, own)
    rate = float(hits[shown].sum() / max(vehicles[shown].sum(), 1))
    top = max(float(vehicles[shown].max(initial=1)), float(rules.fleet_vehicles_min) + 1)
    size = np.unique(np.geomspace(rules.fleet_vehicles_min, top, _STEPS).round())
    limits = {
        f"{tail:g}": (binomial_limit(tail, size, rate, suspicion.dispersion) / size).tolist()
        for tail in (0.025, rules.fleet_limit_ratio)
    }
    return {
        "rate": rate,
        "groups": [{"group": names[i].decode("utf-8", "replace"), "vehicles": int(vehicles[i]),
                    "cases": int(hits[i])} for i in shown.tolist()],
        "size": size.tolist(), "limits": limits,
    }  # fmt: skip


def _timeline(has: NDArray[np.int64], in_group: NDArray[np.bool_],
              known: NDArray[np.bool_]) -> dict[str, Any]:  # fmt: skip
    """Return cumulative cases of the group, and what its share of the vehicles would give."""
    rows = np.flatnonzero((has >= 0) & known)
    rows = rows[np.argsort(has[rows], kind="stable")]
    if len(rows) > 400:  # a plot has no more columns than that
        picks = np.linspace(0, len(rows) - 1, 400).astype(np.intp)
    else:
        picks = np.arange(len(rows))
    share = float(in_group.sum() / max(known.sum(), 1))
    return {
        "at": has[rows][picks].tolist(),
        "cases": np.cumsum(in_group[rows])[picks].tolist(),
        "expected": (np.cumsum(~in_group[rows])[picks] * share / max(1 - share, 1e-9)).tolist(),
    }


_STYLE: Final = """
@page{size:A4;margin:16mm}
body{font:13px/1.5 system-ui,"Noto Sans","Noto Sans CJK SC",sans-serif;color:#1a1a1a;
max-width:178mm;margin:0 auto;padding:8mm 4mm}
h1{font-size:20px;margin:0 0 2mm}h2{font-size:15px;margin:7mm 0 2mm;border-bottom:1px solid #999}
table{border-collapse:collapse;width:100%;margin:2mm 0}
th,td{border-bottom:1px solid #ddd;padding:1mm 2mm;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}
thead{display:table-header-group}tr,figure{break-inside:avoid}
figure{margin:3mm 0}figcaption{color:#555}.zh{color:#333}.mark{color:#b00020;font-weight:600}
svg{width:100%;height:auto}
"""


def page(data: Mapping[str, Any]) -> str:
    """Return a dossier (of `dossier`) as one HTML document, English and Chinese side by side."""
    s = data["suspicion"]
    title = f"{data['grouped_by'][0]} {s['group']}: {data['what'][0]}"
    title_zh = f"{data['grouped_by'][1]}{s['group']}：{data['what'][1]}"
    parts = [
        f"<h1>{escape(title)}<br>{escape(title_zh)}</h1>",
        f"<p>Data as of 数据时刻 {_moment(data['as_of'])} (UTC+8)</p>",
        f"<p>{escape(s['sentence'])}</p><p class=zh lang=zh>{escape(s['sentence_zh'])}</p>",
        _heading("Figures", "数据"), _figures(data),
        _heading("Every group", "各群组漏斗图"),
        f"<figure>{funnel(data['funnel'], s['group'])}<figcaption>Share of the vehicles with a case"
        " over the vehicles of each group; the curves are limits of chance. "
        "各群组出现率与车辆数，曲线为随机界限。</figcaption></figure>",
        _heading("Course", "时间进程"),
        f"<figure>{timeline(data['timeline'])}<figcaption>Cases of the group so far (solid), and "
        "as many as its share would give (dashed). 群组累计案例（实线）与按占比的预期（虚线）。"
        "</figcaption></figure>",
        _pattern(s["pattern"]), _cases(data),
        _heading("Method", "方法"), _list(data["method"]),
        _heading("What it does not say", "局限"), _list(data["limits"]),
        _heading("Settings", "参数"), f"<p><code>{escape(json.dumps(data['rules']))}</code></p>",
    ]  # fmt: skip
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _heading(english: str, chinese: str) -> str:
    return f"<h2>{escape(english)} {escape(chinese)}</h2>"


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at, tz=BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _figures(data: Mapping[str, Any]) -> str:
    s = data["suspicion"]
    rows = (
        ("Cause, as far as it is known", "原因（目前判断）", " ".join(data["cause"])),
        ("Vehicles", "车辆数", f"{s['vehicles']:,}"),
        ("Vehicles with at least one case", "涉及车辆数", f"{s['cases']:,}"),
        ("Expected at the others' rate", "期望数", f"{s['expected']:.1f}"),
        ("Funnel limit", "漏斗上限", f"{s['limit_high']:.1f}"),
        ("Scatter of the other groups (1 = chance)", "其他群组离散系数", f"{s['dispersion']:.2f}"),
        ("Probability by chance", "随机概率", f"{s['p_value']:.2g}"),
        ("False-discovery rate", "误报发现率", f"{s['q_value']:.2g}"),
        ("Against siblings of the same model", "与同车型其他群组比较的概率",
         "-" if s["p_siblings"] is None else f"{s['p_siblings']:.2g}"),
        ("Sequential test, and its limit", "序贯检验统计量与界限",
         f"{s['llr']:.1f} / {s['llr_limit']:.1f}"),
        ("First and last case (UTC+8)", "首次与最近案例",
         f"{_moment(s['first_at'])}, {_moment(s['last_at'])}"),
    )  # fmt: skip
    cells = (f"<tr><th>{escape(en)}<br><span lang=zh>{escape(zh)}</span></th>"
             f"<td class=n>{escape(value)}</td></tr>" for en, zh, value in rows)  # fmt: skip
    return f"<table>{''.join(cells)}</table>"


def _pattern(pattern: Mapping[str, Any] | None) -> str:
    if pattern is None:
        return ""
    rows = []
    for item in pattern["items"]:
        name, name_zh = SIGNALS[item["signal"]]
        rows.append(f"<tr><td class=n>{item['before_s']:.0f} s</td><td>{escape(name)} "
                    f"{escape(item['value'])}</td><td lang=zh>{escape(name_zh)}"
                    f"{escape(item['value_zh'])}</td></tr>")  # fmt: skip
    head = (
        f"<p>Before {pattern['share']:.0%} of {pattern['events']} events, before "
        f"{pattern['share_others']:.0%} of {pattern['controls']} other instants of the same "
        f"vehicles; p = {pattern['p_value']:.2g}, corrected. "
        f"{pattern['events']}次事件中{pattern['share']:.0%}之前出现，其他时刻为"
        f"{pattern['share_others']:.0%}。</p>"
    )
    return (
        _heading("The states before", "事件前状态")
        + head
        + "<table><thead><tr><th>Before 提前</th><th>State</th><th>状态</th></tr></thead>"
        + f"{''.join(rows)}</table>"
    )


def _cases(data: Mapping[str, Any]) -> str:
    groups = [n for n in GROUPED if data["cases"] and n in data["cases"][0]]
    head = "".join(f"<th>{escape(GROUPED[n][0])} {escape(GROUPED[n][1])}</th>" for n in groups)
    rows = []
    for case in data["cases"]:
        own = "".join(f"<td>{escape(case[n])}</td>" for n in groups)
        rows.append(f"<tr><td>{escape(case['vin'])}</td><td>{_moment(case['first_at'])}</td>"
                    f"<td class=n>{case['days_observed']:.0f}</td>{own}</tr>")  # fmt: skip
    more = data["cases_left_off"]
    note = f"<p>{more:,} more are not listed. 另有{more:,}辆未列出。</p>" if more else ""
    return (
        _heading("Vehicles", "涉及车辆")
        + "<table><thead><tr><th>VIN</th><th>First case 首次</th><th>Days observed 观测天数</th>"
        + f"{head}</tr></thead>{''.join(rows)}</table>{note}"
    )


def _list(pairs: Sequence[Sequence[str]]) -> str:
    items = (f"<li>{escape(en)}<br><span lang=zh>{escape(zh)}</span></li>" for en, zh in pairs)
    return f"<ul>{''.join(items)}</ul>"
