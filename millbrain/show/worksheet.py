"""Writes XLSX row by row with constant memory, for exports of a million rows.

A worksheet is XML in a ZIP (ECMA-376 part 1, 18.3); texts stand in their cells (``inlineStr``), so
no table of texts grows in memory, and a text is a text: it can never start a formula.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # the stubs know no mixed arguments

SHEET_ROWS_MAX: Final = 1_048_576  # ECMA-376; the header takes one
CELL_CHARACTERS_MAX: Final = 32_767
_FORBIDDEN: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]"  # not XML 1.0, 2.2 (RE2 syntax)

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

_SHEET_START: Final = (
    f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    "</sheetView></sheetViews><sheetData>"
)


class _Pipe(io.RawIOBase):
    """Collects what the ZIP writer writes until it is taken; cannot seek, like a socket."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def worksheet(header: Sequence[str], chunks: Iterable[pa.Table]) -> Iterator[bytes]:
    """Yield the bytes of an XLSX file with one sheet.

    Parameters
    ----------
    header
        Names of the columns, the first row, which stays in view.
    chunks
        Rows in portions of numbers and texts. NULL is an empty cell. Rows beyond `SHEET_ROWS_MAX`
        are left out, since no sheet can hold them.

    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, content in _PARTS.items():
            file.writestr(name, _HEAD + content)
        with file.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            titles = pa.table(
                [[title] for title in header], names=[str(i) for i, _ in enumerate(header)]
            )
            sheet.write(_SHEET_START.encode())
            sheet.write(_rows_xml(titles))
            left = SHEET_ROWS_MAX - 1
            for chunk in chunks:
                sheet.write(_rows_xml(chunk.slice(0, left)))
                left -= min(left, chunk.num_rows)
                yield pipe.take()
            sheet.write(b"</sheetData></worksheet>")
    yield pipe.take()


def _rows_xml(rows: pa.Table) -> bytes:
    """Write rows as XML, all cells of a column at once."""
    if not rows.num_rows:
        return b""
    cells = [_cells(column) for column in rows.combine_chunks().columns]
    texts = pc.binary_join_element_wise("<row>", *cells, "</row>", "")
    return "".join(texts.to_pylist()).encode()


def _cells(column: Any) -> Any:
    texts = column.cast(pa.string())
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        texts = pc.utf8_slice_codeunits(texts, 0, CELL_CHARACTERS_MAX)
        texts = pc.replace_substring_regex(texts, _FORBIDDEN, "")
        for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            texts = pc.replace_substring(texts, plain, escaped)
        start, end = '<c t="inlineStr"><is><t xml:space="preserve">', "</t></is></c>"
    else:
        start, end = "<c><v>", "</v></c>"
    return pc.fill_null(pc.binary_join_element_wise(start, texts, end, ""), "<c/>")
