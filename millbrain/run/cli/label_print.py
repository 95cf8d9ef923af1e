"""Labels from the command line: printed here, of what a resolver tells or of an allotment's file.

An allotment's file is the answer of ``GET /labels/allotments/{identifier}``; with it a line prints
without any connection.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from millbrain.core import keys
from millbrain.core.errors import SettingsError
from millbrain.core.faces.record_json import values_of
from millbrain.identify.labels import choices, facts
from millbrain.identify.labels.fields import Design, read_design
from millbrain.identify.labels.sheets import Label, Print, order, printed
from millbrain.run.handles import get
from millbrain.run.settings import Settings

_FILE_BYTES_MAX: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be printed.

    identifiers: of records that a running resolver knows. allotment: file with an allotment, whose
    numbers from first to last are printed, None = all. design, stock: a key, or @file with a table
    in JSON; empty = that of the allotment. host: beginning of links. zpl_font: font of the printer,
    empty = that of the design.
    """

    identifiers: Sequence[str] = ()
    allotment: Path | None = None
    first: int | None = None
    last: int | None = None
    design: str = ""
    stock: str = ""
    format: str = "pdf"
    dpi: int = 203
    skip: int = 0
    host: str = ""
    zpl_font: str = ""


def print_labels(settings: Settings, wanted: Wanted, out: Path) -> tuple[list[Path], int]:
    """Write the print to `out`, an SVG of several pages to one file each; return files and labels.

    Raises
    ------
    SettingsError
        It cannot be made, or a label does not read back; nothing is written then.
    MillbrainError
        The resolver does not know an identifier, or none runs.
    """
    try:
        made = list(_pages(settings, wanted))
    except ValueError as error:
        raise SettingsError(f"labels: {error}") from error
    files = [out] if len(made) == 1 else [
        out.with_stem(f"{out.stem}-{number}") for number in range(1, len(made) + 1)
    ]  # fmt: skip
    for file, page in zip(files, made, strict=True):
        file.write_bytes(page.body)
    return files, sum(page.labels for page in made)


def _pages(settings: Settings, wanted: Wanted) -> Iterator[Print]:
    told = _allotment(wanted.allotment) if wanted.allotment else {}
    design = _design(wanted.design or told.get("design"))
    stock = choices.stock_of(_given(wanted.stock) if wanted.stock else told.get("stock"))
    host = wanted.host or told.get("host", "")
    if told:
        bounds = {"from": wanted.first, "to": wanted.last}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        labels = facts.of_allotment(told, given, design, host)
    else:
        labels = [_label(settings, one, design, host) for one in wanted.identifiers]
    options: dict[str, Any] = {"format": wanted.format, "dpi": wanted.dpi, "skip": wanted.skip}
    if wanted.zpl_font:
        options["zpl_font"] = wanted.zpl_font
    first = printed(order(options, design, stock, labels))
    yield first
    if wanted.format == "svg":
        for page in range(2, first.pages + 1):
            yield printed(order({**options, "page": page}, design, stock, labels))


def _allotment(path: Path) -> dict[str, Any]:
    told = _read(path)
    missing = [name for name in ("pattern", "from", "to", "shared") if name not in told]
    if missing:
        raise ValueError(f"{path}: it is no allotment, {missing[0]} is missing")
    return told


def _label(settings: Settings, identifier: str, design: Design, host: str) -> Label:
    key = keys.parse(identifier)
    if key.scheme != "hdl":
        raise ValueError(f"{identifier}: give the handle, like 88.100.1/P7, of what is printed")
    return facts.about(identifier, values_of(get(settings, key.value)), design, host)


def _design(told: object) -> Design:
    """Return a design: by its key, of a file, or as the table that an allotment brings."""
    if isinstance(told, str) and not told.startswith("@"):
        known = choices.designs().get(told)
        if known is None:
            raise ValueError(f"design {told!r}; known are {', '.join(choices.designs())}, or @file")
        return known
    return read_design("given", _given(told) if isinstance(told, str) else told)


def _given(text: str) -> object:
    """Return a key as it is, or the table in the file that ``@file`` names."""
    return _read(Path(text[1:])) if text.startswith("@") else text


def _read(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _FILE_BYTES_MAX:
        raise ValueError(f"{path}: more than {_FILE_BYTES_MAX} bytes")
    told = orjson.loads(path.read_bytes())
    if not isinstance(told, dict):
        raise ValueError(f"{path}: a JSON object was expected")
    return told
