"""Tables of things that people bring: CSV or XLSX, with an error for each bad row."""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import openpyxl

from millbrain.core import limits
from millbrain.core.errors import LimitError
from millbrain.record.ledger import Thing

UNPACKED_BYTES_MAX: Final = 16 * limits.UPLOAD_BYTES_MAX  # of an XLSX, which is a ZIP
ROWS_MAX: Final = 1_000_000
ID_CHARACTERS_MAX: Final = 17  # GB/T 32960.3: the unique id has 17 bytes

# Heading in lower case -> field of a thing.
_HEADINGS: Final[Mapping[str, str]] = {
    "id": "id", "vin": "id", "车架号": "id", "车辆识别代号": "id",
    "plate": "plate", "车牌": "plate", "车牌号": "plate",
    "model": "model", "车型": "model",
    "maker": "maker", "生产企业": "maker", "厂家": "maker",
    "operator": "operator", "运营单位": "operator",
    "kind": "kind", "类型": "kind",
    "protocol": "protocol", "协议": "protocol",
    "simulated": "simulated", "仿真": "simulated",
}  # fmt: skip
_LONGEST: Final = {"id": ID_CHARACTERS_MAX, "plate": 32, "model": 128, "maker": 128,
                   "operator": 128, "kind": 32, "protocol": 32}  # fmt: skip
_TRUTH: Final = {"": False, "0": False, "no": False, "false": False, "否": False,
                 "1": True, "yes": True, "true": True, "是": True}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with one row of a file. row: counted from 1, the heading included."""

    row: int
    column: str
    problem: str


def things_in(content: bytes) -> tuple[list[Thing], list[RowProblem]]:
    """Return the things of a file, and a problem for every row that is left out.

    content: an XLSX (told by its first bytes) or a CSV in UTF-8 or GB 18030, first row = headings
    in English or Chinese; unknown columns become attributes.

    Raises
    ------
    LimitError
        The file has too many rows or bytes, no heading for the identifier, or cannot be read.

    """
    rows = table_rows(content)
    heading = [h.strip() for h in next(rows, [])]
    fields = [_HEADINGS.get(h.lower(), "") for h in heading]
    if "id" not in fields:
        raise LimitError(f"the first row names no column `vin` or `id`; found {', '.join(heading)}")
    things: list[Thing] = []
    problems: list[RowProblem] = []
    for number, row in enumerate(rows, start=2):
        if number > ROWS_MAX:
            raise LimitError(f"a file has at most {ROWS_MAX} rows; nothing was imported")
        if not any(row):
            continue
        found = _thing(number, heading, fields, row)
        if isinstance(found, Thing):
            things.append(found)
        else:
            problems.append(found)
    return things, problems


def _thing(
    number: int, heading: Sequence[str], fields: Sequence[str], row: Sequence[str]
) -> Thing | RowProblem:
    values: dict[str, Any] = {}
    attributes: dict[str, str] = {}
    for title, name, text in zip(heading, fields, row, strict=False):
        value = text.strip()
        if not name:
            if title and value:
                attributes[title] = value
            continue
        problem = _problem(name, value)
        if problem:
            return RowProblem(number, title, problem)
        if value or name == "id":
            values[name] = _TRUTH[value.lower()] if name == "simulated" else value
    return Thing(**values, attributes=attributes)


def _problem(name: str, value: str) -> str:
    if name == "simulated":
        return "" if value.lower() in _TRUTH else f"was {value!r}; yes, no, 1 or 0 are allowed"
    if len(value) > _LONGEST[name]:
        return f"has {len(value)} characters; at most {_LONGEST[name]} are allowed"
    if not value.isprintable():
        return "holds characters that cannot be printed"
    if name == "id" and not (value and value.isascii() and " " not in value):
        return (
            f"was {value!r}; 1 to {ID_CHARACTERS_MAX} ASCII characters without blanks are allowed"
        )
    return ""


def table_rows(content: bytes) -> Iterator[list[str]]:
    """Yield the rows of a CSV or XLSX as texts, the heading first.

    Raises
    ------
    LimitError
        It is neither, or unpacks to too many bytes.

    """
    yield from _sheet_rows(content) if content.startswith(b"PK") else _csv_rows(content)


def _csv_rows(content: bytes) -> Iterator[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("gb18030")  # what a Chinese Excel saves as CSV
        except UnicodeDecodeError as e:
            raise LimitError("the file is neither XLSX nor CSV in UTF-8 or GB 18030") from e
    try:
        yield from csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error as e:
        raise LimitError(f"the file is not CSV (RFC 4180): {e}; nothing was imported") from e


def _sheet_rows(content: bytes) -> Iterator[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > UNPACKED_BYTES_MAX:
            raise LimitError(
                f"the XLSX unpacks to {unpacked} bytes; at most {UNPACKED_BYTES_MAX} are allowed"
            )
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        for row in sheet.iter_rows(values_only=True):
            yield [_text(value) for value in row]
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, OSError) as e:
        raise LimitError(f"the file is not a readable XLSX: {e}; nothing was imported") from e


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a spreadsheet keeps 7 as 7.0
    return str(value)
