"""The two plots of a dossier as inline SVG: no script, no font, prints as it is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

import numpy as np

from millbrain.core.times import BEIJING

_WIDE, _HIGH = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 40
_TICKS: Final = 4


class _Frame:
    """Maps data to points of the drawing; x by its logarithm where asked for."""

    def __init__(self, x: tuple[float, float], y_max: float, *, is_log: bool) -> None:
        self._log = is_log
        self._x = tuple(float(np.log(v)) for v in x) if is_log else x
        self.y_max = _round(y_max)

    def x(self, value: float) -> float:
        low, high = self._x
        place = (float(np.log(value)) if self._log else value) - low
        return _LEFT + place / max(high - low, 1e-12) * (_WIDE - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _HIGH - _BOTTOM - value / self.y_max * (_HIGH - _TOP - _BOTTOM)

    def line(self, x: Sequence[float], y: Sequence[float], look: str) -> str:
        points = " ".join(f"{self.x(a):.1f},{self.y(min(b, self.y_max)):.1f}"
                          for a, b in zip(x, y, strict=True))  # fmt: skip
        return f'<polyline points="{points}" fill="none" {look}/>'

    def text(self, x: float, y: float, words: str, anchor: str) -> str:
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11" fill="#444">'
            f"{escape(words)}</text>"
        )

    def axes(self, x_ticks: Sequence[tuple[float, str]], unit: str) -> str:
        base, parts = _HIGH - _BOTTOM, []
        for i in range(_TICKS + 1):
            value = self.y_max * i / _TICKS
            y = self.y(value)
            parts.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDE - _RIGHT}" stroke="#e4e4e4"/>')
            parts.append(self.text(_LEFT - 6, y + 4, f"{value:.3g}{unit}", "end"))
        for i, (at, words) in enumerate(x_ticks):
            anchor = "end" if i == len(x_ticks) - 1 else "middle"
            parts.append(self.text(self.x(at), base + 16, words, anchor))
        return "".join(parts) + f'<path d="M{_LEFT} {_TOP}V{base}H{_WIDE - _RIGHT}" ' \
            'fill="none" stroke="#444"/>'  # fmt: skip


def _round(value: float) -> float:
    """Return the next number that divides into plain ticks."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(m * power for m in (1, 2, 4, 6, 8, 10) if m * power >= value))


def _drawing(title: str, body: str) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg">{body}</svg>'
    )


def funnel(data: Mapping[str, Any], group: str) -> str:
    """Return rate [%] over vehicles of each group, with the limits; `group` is marked."""
    groups = [g for g in data["groups"] if g["vehicles"] > 0]
    sizes = [g["vehicles"] for g in groups] + data["size"]
    rates = [100 * g["cases"] / g["vehicles"] for g in groups]
    small = float(data["size"][0])
    own = [100 * g["cases"] / g["vehicles"] for g in groups if g["group"] == group]
    limits = [100 * values[0] for values in data["limits"].values()]
    # Groups too small to be judged may lie anywhere; they do not set the scale.
    judged = [r for r, g in zip(rates, groups, strict=True) if g["vehicles"] >= small]
    frame = _Frame((min(sizes), max(sizes)), 1.1 * max([*own, *judged, *limits]), is_log=True)
    low, high = min(sizes), max(sizes)
    ticks = [(float(t), f"{round(t):,}") for t in np.geomspace(low, high, _TICKS + 1)]
    parts = [frame.axes(ticks, " %"), frame.text(_WIDE / 2, _HIGH - 6, "vehicles 车辆数", "middle")]
    for (name, values), look in zip(data["limits"].items(), ("#8aa", "#366"), strict=False):
        curve = [100 * v for v in values]
        parts.append(frame.line(data["size"], curve, f'stroke="{look}" stroke-width="1.5"'))
        third = len(curve) // 3  # beside the curve where it is steep and no group is near
        at = frame.x(data["size"][third]) + 6, frame.y(min(curve[third], frame.y_max)) - 4
        parts.append(frame.text(*at, f"P = {name}", "start"))
    mean = 100 * data["rate"]
    parts.append(frame.line((low, high), (mean, mean), 'stroke="#999" stroke-dasharray="4 4"'))
    for each, rate in sorted(zip(groups, rates, strict=True), key=lambda p: p[0]["group"] == group):
        is_own = each["group"] == group
        colour, radius = ("#b00020", 5) if is_own else ("#4a6a8a", 3)
        parts.append(f'<circle cx="{frame.x(each["vehicles"]):.1f}" '
                     f'cy="{frame.y(min(rate, frame.y_max)):.1f}" r="{radius}" fill="{colour}">'
                     f"<title>{escape(each['group'])}: {each['cases']} / {each['vehicles']}</title>"
                     "</circle>")  # fmt: skip
        if is_own:
            parts.append(frame.text(frame.x(each["vehicles"]), frame.y(rate) - 8, group, "middle"))
    return _drawing("funnel 漏斗图", "".join(parts))


def timeline(data: Mapping[str, Any]) -> str:
    """Return cumulative cases of the group over time beside what its share would give."""
    at = data["at"]
    if not at:
        return _drawing("no case 无案例", "")
    frame = _Frame((at[0], max(at[-1], at[0] + 86_400)),
                   1.1 * max(*data["cases"], *data["expected"], 1), is_log=False)  # fmt: skip
    stops = np.linspace(at[0], max(at[-1], at[0] + 86_400), _TICKS + 1).tolist()
    ticks = [(s, datetime.fromtimestamp(s, tz=BEIJING).strftime("%Y-%m-%d")) for s in stops]
    body = frame.axes(ticks, "")
    body += frame.line(at, data["expected"], 'stroke="#888" stroke-dasharray="5 4"')
    steps = [at[0], *(t for t in at[1:] for _ in (0, 1))]
    counts = [c for c in data["cases"][:-1] for _ in (0, 1)] + data["cases"][-1:]
    body += frame.line(steps, counts, 'stroke="#b00020" stroke-width="2"')
    return _drawing("course 时间进程", body)
