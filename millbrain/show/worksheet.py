"""Writes XLSX row by row with constant memory, for exports of a million rows.

A worksheet is XML in a ZIP (ECMA-376 part 1, 18.3); texts stand in their cells (``inlineStr``), so
no table of texts grows in memory, and a text is a text: it can never start a formula.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

SHEET_ROWS_MAX: Final = 1_048_576  # ECMA-376; the header takes one
CELL_CHARACTERS_MAX: Final = 32_767
_FLUSH_BYTES: Final = 256 << 10
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0

_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_TYPES: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'

_PARTS: Final = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels"'
    ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/>'
    "</Types>",
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
    f' Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
    '<sheet name="Millbrain" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
    "</Relationships>",
}


class _Pipe(io.RawIOBase):
    """Collects what the ZIP writer writes until it is taken; cannot seek, like a socket."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self.size += len(self._parts[-1])
        return len(self._parts[-1])

    def take(self) -> bytes:
        taken, self._parts, self.size = b"".join(self._parts), [], 0
        return taken


def worksheet(header: Sequence[str], chunks: Iterable[Iterable[Sequence[Any]]]) -> Iterator[bytes]:
    """Yield the bytes of an XLSX file with one sheet.

    Parameters
    ----------
    header
        Names of the columns, the first row, which stays in view.
    chunks
        Rows in portions. None is an empty cell, int and float are numbers, all else is text.
        Rows beyond `SHEET_ROWS_MAX` are left out, since no sheet can hold them.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, content in _PARTS.items():
            file.writestr(name, _HEAD + content)
        with file.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews>'
                        '<sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2"'
                        ' activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
                        f"<sheetData>{_row(header)}".encode())  # fmt: skip
            left = SHEET_ROWS_MAX - 1
            for chunk in chunks:
                rows = [_row(r) for _, r in zip(range(left), chunk, strict=False)]
                left -= len(rows)
                sheet.write("".join(rows).encode())
                if pipe.size > _FLUSH_BYTES:
                    yield pipe.take()
            sheet.write(b"</sheetData></worksheet>")
    yield pipe.take()


def _row(values: Sequence[Any]) -> str:
    return f"<row>{''.join(map(_cell, values))}</row>"


def _cell(value: Any) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, int | float):
        return f"<c><v>{value:d}</v></c>" if isinstance(value, int) else f"<c><v>{value!r}</v></c>"
    text = escape(_FORBIDDEN.sub("", str(value))[:CELL_CHARACTERS_MAX])
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
