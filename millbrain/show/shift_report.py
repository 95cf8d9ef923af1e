"""The shift report as XLSX and PDF, in English or Chinese. The same report gives the same bytes."""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import openpyxl
from openpyxl.styles import Font
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, SimpleDocTemplate, Spacer, Table

from millbrain.core.plant.states import STATE_TITLES, MachineState
from millbrain.core.production.shift_report import Made, ShiftReport
from millbrain.show.inspection_report import register_fonts, said

_SHEETS: Final = {
    "lines": ("Lines", "生产线"), "losses": ("Losses", "损失"), "stops": ("Stops", "停机"),
    "orders": ("Orders", "订单"), "people": ("People", "人员"), "scrap": ("Quality", "质量"),
}  # fmt: skip
_WORDS: Final = {
    "title": ("Shift report", "班次报告"), "day": ("Day", "日期"), "shift": ("Shift", "班次"),
    "all": ("whole day", "全天"), "snapshot": ("Snapshot", "快照"), "as_of": ("As of", "数据时刻"),
    "line": ("Line", "生产线"), "machines": ("Machines", "设备数"), "loss": ("Loss", "损失"),
    "reason": ("Reason", "原因"), "hours": ("h", "小时"), "machine": ("Machine", "设备"),
    "state": ("State", "状态"), "since": ("Since", "开始"), "minutes": ("min", "分钟"),
    "name": ("Name", "名称"), "good": ("Good", "合格"), "scrap": ("Scrap", "报废"),
    "rework": ("Rework", "返工"), "none": ("Nothing was stored of this day.", "该日没有数据。"),
}  # fmt: skip
_FIXED: Final = (1980, 1, 1, 0, 0, 0)  # instant of every part of the ZIP that an XLSX is
_UNITS: Final = {"kwh": "kWh", "pct": "%", "h": "h"}
Cell = str | float | int | None


def tables(report: ShiftReport, language: str) -> dict[str, list[list[Cell]]]:
    """Return every table of a report, its heading first: what both forms print."""
    zh = language == "zh"
    w = {key: pair[zh] for key, pair in _WORDS.items()}
    elements, indicators = report.element_titles, report.indicator_titles
    heads = [_titled(t, zh=zh) for t in (*elements.values(), *indicators.values())]
    lines: list[list[Cell]] = [[w["line"], w["machines"], *heads]]
    losses: list[list[Cell]] = [[w["line"], w["loss"], w["reason"], w["hours"]]]
    for line in report.lines:
        title = line.title_zh if zh else line.title
        name = f"{line.line} {title}".strip()
        numbers = [*(line.elements[k] for k in elements), *(line.indicators[k] for k in indicators)]
        lines.append([name, line.machine_count, *(_rounded(n) for n in numbers)])
        losses += [[name, x.what_zh if zh else x.what, report.reason(x.reason, zh=zh),
                    _rounded(x.time_h)]
                   for x in line.losses]  # fmt: skip
    stops: list[list[Cell]] = [[w["machine"], w["state"], w["reason"], w["since"], w["minutes"]]]
    stops += [[s.machine, STATE_TITLES[MachineState(s.state)][zh], report.reason(s.reason, zh=zh),
               _local(s.since_ms, report.zone), _rounded(s.time_s / 60)]
              for s in report.stops]  # fmt: skip
    scrap = [replace(made, name=report.reason(made.name, zh=zh)) for made in report.scrap]
    made = {"orders": report.orders, "people": report.people, "scrap": scrap}
    return {"lines": lines, "losses": losses, "stops": stops,
            **{key: _made(rows, w) for key, rows in made.items()}}  # fmt: skip


def titles(language: str) -> dict[str, str]:
    """Return the titles of the tables."""
    return {key: pair[language == "zh"] for key, pair in _SHEETS.items()}


def head(report: ShiftReport, language: str) -> list[tuple[str, str]]:
    """Return what stands above the tables: day, shift, snapshot, as of."""
    w = {key: pair[language == "zh"] for key, pair in _WORDS.items()}
    return [
        (w["day"], report.day.isoformat()), (w["shift"], report.shift or w["all"]),
        (w["snapshot"], report.snapshot.id),
        (w["as_of"], f"{_local(report.snapshot.at_ms, report.zone)} {report.zone}"),
    ]  # fmt: skip


def workbook(report: ShiftReport, language: str) -> bytes:
    """Return the XLSX."""
    zh = language == "zh"
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = _WORDS["title"][zh]
    for pair in head(report, language):
        first.append(list(pair))
    for key, rows in tables(report, language).items():
        sheet = book.create_sheet(_SHEETS[key][zh])
        for row in rows:
            sheet.append([_safe(cell) for cell in row])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "B2"
    at = datetime.fromtimestamp(report.snapshot.at_ms / 1000, UTC).replace(tzinfo=None)
    book.properties.created = book.properties.modified = at
    raw = io.BytesIO()
    book.save(raw)
    return _settled(raw.getvalue(), at)


def _settled(raw: bytes, at: datetime) -> bytes:
    """Return a workbook whose parts have one fixed instant, so the bytes are the same again."""
    made = io.BytesIO()
    stamp = f"{at.replace(microsecond=0).isoformat()}Z".encode()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            if name == "docProps/core.xml":  # saving writes the clock into it
                begin, _, rest = body.partition(b"<dcterms:modified")
                tag, _, tail = rest.partition(b">")
                body = begin + b"<dcterms:modified" + tag + b">" + stamp + tail[tail.index(b"<") :]
            new.writestr(zipfile.ZipInfo(name, _FIXED), body, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def pdf(report: ShiftReport, language: str) -> bytes:
    """Return the PDF, A4 across."""
    register_fonts()
    pages = io.BytesIO()
    zh = language == "zh"
    document = SimpleDocTemplate(
        pages, pagesize=landscape(A4), leftMargin=12 * mm, rightMargin=12 * mm, topMargin=12 * mm,
        bottomMargin=14 * mm, title=f"{_WORDS['title'][0]} {report.day}", author="Millbrain",
        invariant=1,
    )  # fmt: skip

    def foot(canvas: Any, shown: Any) -> None:
        canvas.setFont("Helvetica", 7)
        canvas.drawString(12 * mm, 7 * mm, f"{report.snapshot.id}   {shown.page}")

    document.build([*_story(report, language, zh=zh)], onFirstPage=foot, onLaterPages=foot)
    return pages.getvalue()


def _story(report: ShiftReport, language: str, *, zh: bool) -> Iterator[Flowable]:
    yield said(_WORDS["title"][zh], 16)
    yield Spacer(0, 3 * mm)
    yield Table([[said(k), said(v)] for k, v in head(report, language)], hAlign="LEFT",
                colWidths=[28 * mm, 120 * mm])  # fmt: skip
    found = tables(report, language)
    if not report.lines and not report.orders:
        yield said(_WORDS["none"][zh], 10)
    for key, rows in found.items():
        if len(rows) < 2:
            continue
        yield Spacer(0, 5 * mm)
        yield said(_SHEETS[key][zh], 11)
        wide = rows if key != "lines" else _turned(rows)
        yield from (_table(part) for part in _columns(wide))


def _turned(rows: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
    """Return a table with one line a column: it has more figures than lines."""
    return [list(column) for column in zip(*rows, strict=True)]


def _columns(rows: Sequence[Sequence[Cell]], most: int = 9) -> Iterator[list[list[Cell]]]:
    """Yield a wide table in parts that fit a page, each with its first column."""
    width = len(rows[0])
    for start in range(1, width, most - 1):
        yield [[row[0], *row[start : start + most - 1]] for row in rows]


def _table(rows: Sequence[Sequence[Cell]]) -> Table:
    cells = [[said("" if c is None else _printed(c), 7.5) for c in row] for row in rows]
    return Table(cells, hAlign="LEFT", repeatRows=1, style=[
        ("LINEBELOW", (0, 0), (-1, 0), 0.6, colors.black),
        ("LINEBELOW", (0, 1), (-1, -1), 0.2, colors.HexColor("#c9c6bd")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
    ])  # fmt: skip


def _printed(cell: Cell) -> str:
    return f"{cell:,.2f}".removesuffix(".00") if isinstance(cell, float) else str(cell)


def _titled(title: tuple[str, str, str], *, zh: bool) -> str:
    unit = _UNITS.get(title[2], "")
    return f"{title[zh]} [{unit}]" if unit else title[zh]


def _made(rows: Sequence[Made], w: Mapping[str, str]) -> list[list[Cell]]:
    heads: list[Cell] = [w["name"], w["good"], w["scrap"], w["rework"]]
    made: list[list[Cell]] = [[m.name, m.good, m.scrap, m.rework] for m in rows]
    return [heads, *made]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _safe(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t" and cell else cell


def _local(at_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
