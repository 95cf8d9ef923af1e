"""The report of an inspection as PDF: a page or two in both languages, to print and hand over.

Chinese is set in STSong-Light, one of the fonts that every PDF reader brings for Asian text, so
that no font file is needed; Latin letters and signs are set in Helvetica and Symbol, since not
every substitute for a Chinese font brings them. The same version of a record gives the same bytes.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing, Line, PolyLine, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from millbrain.core.life.inspections import (
    CHEMISTRIES,
    CONCLUSIONS,
    CURVE_CHANNELS,
    HEAD,
    TESTS,
    Conclusion,
    Item,
    LaneRules,
)
from millbrain.core.times import BEIJING
from millbrain.record.ledger import Inspection
from millbrain.show.lane import BenchCurve

CHINESE: Final = "STSong-Light"
LATIN: Final = "Helvetica"
SIGNS: Final = "Symbol"
_RUN: Final = re.compile(r"([\x20-\x7e°·×±–µ]+)|[≤≥Ω]+")
_STATES: Final = {
    "inside": ("within the limit", "合格"),
    "outside": ("beyond the limit", "超限"),
    "unjudged": ("not judged", "未判定"),
    "absent": ("not measured", "未检测"),
    "missing": ("required, not measured", "必检未检"),
    "invalid": ("condition not met", "条件不满足"),
}
_INK: Final = colors.HexColor("#16191c")
_SOFT: Final = colors.HexColor("#565b61")
_RULE: Final = colors.HexColor("#c9c6bd")
_BAD: Final = colors.HexColor("#b01824")
_GOOD: Final = colors.HexColor("#13704b")
_WIDTH: Final = A4[0] - 32 * mm
_PLOT: Final = (_WIDTH, 42 * mm)
_PLOTTED: Final = ("voltage_v", "current_a", "cell_max_mv", "temp_max_degc")


def report(found: Inspection, rules: LaneRules, curve: BenchCurve | None) -> bytes:
    """Return the PDF of a version of an inspection.

    found: the version. rules: titles of the items; the limits printed are those that it was judged
    by. curve: the bench's, None = none.
    """
    register_fonts()
    pages = io.BytesIO()
    document = SimpleDocTemplate(
        pages, pagesize=A4, leftMargin=16 * mm, rightMargin=16 * mm, topMargin=14 * mm,
        bottomMargin=18 * mm, title=f"Inspection {found.bench}/{found.record_no} {found.vin}",
        author="Millbrain", invariant=1,
    )  # fmt: skip
    foot = _foot(found)
    document.build([*_story(found, rules, curve)], onFirstPage=foot, onLaterPages=foot)
    return pages.getvalue()


@cache
def register_fonts() -> None:
    """Make the font of Chinese texts known; may be done again."""
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))


def _story(found: Inspection, rules: LaneRules, curve: BenchCurve | None) -> Iterator[Flowable]:
    yield _title(found)
    yield Spacer(0, 4 * mm)
    yield _head(found)
    yield Spacer(0, 4 * mm)
    yield from _conclusion(found)
    yield Spacer(0, 3 * mm)
    yield _items(found, {item.field.name: item for item in rules.items})
    if curve is not None:
        yield from _curves(curve)
    yield Spacer(0, 6 * mm)
    yield KeepTogether([_signatures()])


def _style(size: float = 8.5, colour: Any = _INK) -> ParagraphStyle:
    return ParagraphStyle("cell", fontName=CHINESE, fontSize=size, leading=size * 1.35,
                          textColor=colour, wordWrap="CJK")  # fmt: skip


def said(text: str, size: float = 8.5, colour: Any = _INK) -> Paragraph:
    """Return a text of both scripts as a paragraph, each letter in a font that has it."""
    marked = "".join(f'<font name="{font}">{escape(run)}</font>' for run, font in _font_runs(text))
    return Paragraph(marked.replace("\n", "<br/>"), _style(size, colour))


def _font_runs(text: str) -> Iterator[tuple[str, str]]:
    """Split a text into runs, each with the font that surely has its letters."""
    at = 0
    for found in _RUN.finditer(text):
        if found.start() > at:
            yield text[at : found.start()], CHINESE
        yield found[0], LATIN if found[1] else SIGNS
        at = found.end()
    if at < len(text):
        yield text[at:], CHINESE


def _title(found: Inspection) -> Table:
    code = QrCodeWidget(found.vin, barLevel="M", barWidth=24 * mm, barHeight=24 * mm)
    drawing = Drawing(24 * mm, 24 * mm)
    drawing.add(code)
    left: list[Flowable] = [
        said("新能源汽车运行安全性能检验报告", 16),
        Spacer(0, 2 * mm),
        said("Inspection of the operating safety of a new-energy vehicle", 10.5, _SOFT),
        Spacer(0, 2 * mm),
        said(str(found.opinion.get("edition", "")), 8, _SOFT),
        Spacer(0, 2 * mm),
        said(f"VIN {found.vin}" + (f"    {found.plate}" if found.plate else ""), 12),
    ]
    table = Table([[left, drawing]], colWidths=[_WIDTH - 26 * mm, 26 * mm])
    table.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), *_NO_PADDING])
    return table


_NO_PADDING: Final = [
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
]


def _head(found: Inspection) -> Table:
    cells = [(f"{f.title_zh} {f.title}", _head_value(f.name, f.kind, found.head.get(f.name)))
             for f in HEAD if found.head.get(f.name) not in (None, "")]  # fmt: skip
    if found.model:
        cells.append(("车型 Model", found.model))
    cells.append(("版本 Version", str(found.version)))
    if found.reason:
        cells.append(("更正原因 Correction", found.reason))
    pairs: list[list[Flowable | str]] = [
        [said(name, 7.5, _SOFT), said(value)] for name, value in cells
    ]
    if len(pairs) % 2:
        pairs.append(["", ""])
    rows = [a + b for a, b in zip(pairs[::2], pairs[1::2], strict=True)]
    table = Table(rows, colWidths=[_WIDTH * w for w in (0.2, 0.3, 0.2, 0.3)])
    table.setStyle(
        [("LINEBELOW", (0, 0), (-1, -1), 0.3, _RULE), ("VALIGN", (0, 0), (-1, -1), "TOP"),
         ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2)]
    )  # fmt: skip
    return table


def _head_value(name: str, kind: str, value: Any) -> str:
    if kind == "at":
        return _local(datetime.fromisoformat(value))
    if kind == "truth":
        return "是 yes" if value else "否 no"
    if name == "chemistry":
        english, chinese = CHEMISTRIES[value]
        return f"{chinese} {english}"
    return str(value)


def _local(at: datetime) -> str:
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S") + " UTC+8"


def _conclusion(found: Inspection) -> Iterator[Flowable]:
    english, chinese = CONCLUSIONS[Conclusion(found.conclusion)]
    colour = _GOOD if found.conclusion == Conclusion.NORMAL else _BAD
    yield said(f"检验结论 Conclusion:  {chinese}  {english}", 13, colour)
    reasons: Sequence[Sequence[str]] = found.opinion.get("reasons", [])
    for reason, reason_zh in reasons:
        yield Spacer(0, 1 * mm)
        yield said(f"{reason_zh}\n{reason}", 8)


def _items(found: Inspection, items: Mapping[str, Item]) -> Table:
    heads = ("项目 Item", "实测 Measured", "限值 Limit", "依据 Source", "判定 Judgement")
    rows: list[list[Flowable | str]] = [[said(h, 7.5, _SOFT) for h in heads]]
    groups: list[int] = []
    test = ""
    for judged in found.opinion.get("items", []):
        item = items.get(judged["item"])
        if item is None or judged["state"] == "absent":
            continue
        if item.test != test:
            test = item.test
            groups.append(len(rows))
            rows.append([said(f"{TESTS[test][1]} {TESTS[test][0]}", 8.5), "", "", "", ""])
        rows.append(_item_row(item, judged))
    table = Table(rows, colWidths=[_WIDTH * w for w in (0.36, 0.13, 0.15, 0.19, 0.17)],
                  repeatRows=1)  # fmt: skip
    shaded = [("BACKGROUND", (0, row), (-1, row), colors.HexColor("#f1efe9")) for row in groups]
    table.setStyle(
        [("LINEBELOW", (0, 0), (-1, -1), 0.3, _RULE), ("VALIGN", (0, 0), (-1, -1), "TOP"),
         ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2), *shaded]
    )  # fmt: skip
    return table


def _item_row(item: Item, judged: Mapping[str, Any]) -> list[Flowable | str]:
    unit = f" {item.field.unit}" if item.field.unit else ""
    value = "–" if judged["value"] is None else f"{judged['value']:g}{unit}"
    limit = judged["limit"]
    english, chinese = _STATES[judged["state"]]
    colour = _BAD if judged["state"] in ("outside", "missing", "invalid") else _INK
    return [
        said(f"{item.field.title_zh}\n{item.field.title}", 8),
        said(value),
        said(_range(limit, unit) if limit else "–"),
        said(limit["source"] if limit else "–", 7.5, _SOFT),
        said(f"{chinese}\n{english}", 8, colour),
    ]


def _range(limit: Mapping[str, Any], unit: str) -> str:
    low, high = limit["low"], limit["high"]
    per = f" × {limit['per']}" if limit["per"] else ""
    if low is None:
        return f"≤ {high:g}{unit}{per}"
    if high is None:
        return f"≥ {low:g}{unit}{per}"
    return f"{low:g} – {high:g}{unit}{per}"


def _curves(curve: BenchCurve) -> Iterator[Flowable]:
    for name in _PLOTTED:
        values = curve.channels.get(name)
        if values is None or all(v is None for v in values):
            continue
        field = CURVE_CHANNELS[name][0]
        title = said(f"{field.title_zh} {field.title} [{field.unit}]", 8)
        yield KeepTogether([Spacer(0, 3 * mm), title, _plot(curve.t_s, values)])


def _plot(t_s: Sequence[float], values: Sequence[float | None]) -> Drawing:
    """Draw one channel; a value that is missing breaks the line."""
    width, height = _PLOT
    left, bottom = 13 * mm, 5 * mm
    known = [v for v in values if v is not None]
    low, high = min(known), max(known)
    span = high - low or 1.0
    length = t_s[-1] - t_s[0] or 1.0
    drawing = Drawing(width, height)
    for share in (0.0, 0.5, 1.0):
        y = bottom + share * (height - bottom - 3 * mm)
        drawing.add(Line(left, y, width, y, strokeColor=_RULE, strokeWidth=0.3))
        drawing.add(String(left - 2, y - 2, f"{low + share * span:.4g}", fontName=LATIN,
                           fontSize=6.5, textAnchor="end", fillColor=_SOFT))  # fmt: skip
    for run in _runs(t_s, values):
        points = [c for t, v in run for c in (
            left + (t - t_s[0]) / length * (width - left),
            bottom + (v - low) / span * (height - bottom - 3 * mm))]  # fmt: skip
        drawing.add(PolyLine(points, strokeColor=_INK, strokeWidth=0.7))
    drawing.add(String(width, 0, f"{length:g} s", fontName=LATIN, fontSize=6.5,
                       textAnchor="end", fillColor=_SOFT))  # fmt: skip
    return drawing


def _runs(
    t_s: Sequence[float], values: Sequence[float | None]
) -> Iterator[list[tuple[float, float]]]:
    run: list[tuple[float, float]] = []
    for t, value in zip(t_s, values, strict=True):
        if value is None:
            if len(run) > 1:
                yield run
            run = []
        else:
            run.append((t, value))
    if len(run) > 1:
        yield run


def _signatures() -> Table:
    names = ("检验员 Inspector", "签字人 Signatory", "日期 Date", "盖章 Seal")
    table = Table([[said(n, 8, _SOFT) for n in names]], colWidths=[_WIDTH / 4] * 4,
                  rowHeights=[14 * mm])  # fmt: skip
    table.setStyle([("BOX", (0, 0), (-1, -1), 0.3, _RULE),
                    ("INNERGRID", (0, 0), (-1, -1), 0.3, _RULE),
                    ("VALIGN", (0, 0), (-1, -1), "TOP")])  # fmt: skip
    return table


def _foot(found: Inspection) -> Any:
    """Return what draws the foot of a page: which record this is, and its digest."""
    entered = _local(found.entered_at)
    state = f"已被更正版本替代 replaced {_local(found.replaced_at)}" if found.replaced_at else ""

    number = f"{found.bench} / {found.record_no}  v{found.version}  录入 entered {entered}  {state}"

    def draw(canvas: Canvas, document: Any) -> None:
        canvas.setFillColor(_SOFT)
        x = 16 * mm
        for run, font in _font_runs(number):
            canvas.setFont(font, 6.5)
            canvas.drawString(x, 11 * mm, run)
            x += pdfmetrics.stringWidth(run, font, 6.5)
        canvas.setFont(LATIN, 6.5)
        canvas.drawString(16 * mm, 8 * mm, f"SHA-256 {found.content_sha256}")
        canvas.drawRightString(A4[0] - 16 * mm, 8 * mm, str(document.page))

    return draw
