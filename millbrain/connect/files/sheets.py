"""Rows of a CSV or XLSX file, one by one; a file that claims what it is not is refused in words."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from millbrain.connect.files.codec import Cell
from millbrain.core import limits
from millbrain.core.errors import FrameError

_SNIFFED: Final = (",", ";", "\t", "|")
_PROBE_BYTES: Final = 64 << 10


def rows_of(path: Path, delimiter: str = "") -> Iterator[Sequence[Cell]]:
    """Yield the rows of a file; FrameError (``format``) where it cannot be read."""
    size = path.stat().st_size
    if size > limits.FILE_BYTES_MAX:
        raise FrameError(
            "format", f"the file has {size} bytes; {limits.FILE_BYTES_MAX} are allowed"
        )
    with path.open("rb") as f:
        is_packed = f.read(2) == b"PK"
    yield from _sheet(path) if is_packed else _csv(path, delimiter)


def _csv(path: Path, delimiter: str) -> Iterator[Sequence[Cell]]:
    encoding = _encoding(path)
    csv.field_size_limit(limits.READING_TEXT_BYTES_MAX * 64)
    with path.open(encoding=encoding, newline="") as f:
        try:
            first = f.readline()
            f.seek(0)
            sign = delimiter or max(_SNIFFED, key=first.count)
            yield from csv.reader(f, delimiter=sign, strict=True)
        except (csv.Error, UnicodeDecodeError) as e:
            raise FrameError("format", f"the file is not CSV (RFC 4180): {e}") from e


def _encoding(path: Path) -> str:
    """UTF-8, else what a Chinese Excel writes."""
    with path.open("rb") as f:
        probe = f.read(_PROBE_BYTES)
    try:
        io.TextIOWrapper(io.BytesIO(probe.rsplit(b"\n", 1)[0]), "utf-8").read()
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8-sig"


def _sheet(path: Path) -> Iterator[Sequence[Cell]]:
    import openpyxl  # takes 0.2 s, which a plant without spreadsheets need not wait for

    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > limits.FILE_UNPACKED_BYTES_MAX:
            raise FrameError("format", f"the XLSX unpacks to {unpacked} bytes; "
                             f"{limits.FILE_UNPACKED_BYTES_MAX} are allowed")  # fmt: skip
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            sheet: Any = book.worksheets[0]
            yield from sheet.iter_rows(values_only=True)
        finally:
            book.close()
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, OSError) as e:
        raise FrameError("format", f"the file is not a readable XLSX: {e}") from e
