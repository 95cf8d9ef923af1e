"""What `millbrain labels` does on the command line."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from millbrain.run.cli.options import Config, Data, out
from millbrain.run.settings import load


def print_sheet(
    identifiers: Annotated[
        list[str] | None, typer.Argument(help="Handles of registered things.")
    ] = None,
    pattern: Annotated[
        str, typer.Option(help="Handles of a range: {4} is a number of four digits.")
    ] = "",
    first: Annotated[int | None, typer.Option("--from", min=0, help="First number.")] = None,
    last: Annotated[int | None, typer.Option("--to", min=0, help="Last number.")] = None,
    allotment: Annotated[
        Path | None, typer.Option(help="File of an allotment: prints without a connection.")
    ] = None,
    design: Annotated[str, typer.Option(help="Key of a design, or @file with one.")] = "",
    stock: Annotated[str, typer.Option(help="Key of the stock, or @file with one.")] = "",
    fmt: Annotated[str, typer.Option("--format", help="pdf, svg or zpl.")] = "pdf",
    dpi: Annotated[int, typer.Option(help="Of a ZPL printer: 152, 203, 300 or 600.")] = 203,
    skip: Annotated[int, typer.Option(min=0, help="Labels of the first page already used.")] = 0,
    host: Annotated[str, typer.Option(help="Beginning of links: https://id.example.cn")] = "",
    zpl_font: Annotated[
        str, typer.Option(help="Font of a ZPL printer for Chinese: E:SIMSUN.TTF")
    ] = "",
    target: Annotated[
        Path | None, typer.Option("--out", help="File to write.", show_default="labels.FORMAT")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Print labels of identifiers, a range, or an allotment; each is read back first.

    Example: `millbrain labels print --pattern "88.100.1/P{4}" --from 1 --to 24 --design part`
    """
    from millbrain.core.errors import SettingsError
    from millbrain.identify.labels.facts import numbered
    from millbrain.run.cli.label_print import Wanted, print_labels

    named = list(identifiers or ())
    if pattern:
        if first is None or last is None:
            raise SettingsError("labels: --pattern needs --from and --to")
        try:
            named += numbered(pattern, first, last)
        except ValueError as error:
            raise SettingsError(f"labels: {error}") from error
    if not allotment:
        first, last, design, stock = None, None, design or "part", stock or "a4-3x8"
    wanted = Wanted(named, allotment, first, last, design, stock, fmt, dpi, skip, host, zpl_font)
    path = target or Path(f"labels.{fmt}")
    files, count = print_labels(load(data, config), wanted, path)
    names = str(files[0]) if len(files) == 1 else f"{files[0]} ... {files[-1]}"
    out.print(f"{count} labels, each read back: {names}", highlight=False)


def choose() -> None:
    """List designs and stock."""
    from millbrain.identify.labels.choices import designs, stocks

    table = Table("design", "symbol", "says", "title")
    for key, design in designs().items():
        table.add_row(key, design.symbol, design.content, f"{design.title}  {design.title_zh}")
    out.print(table)
    table = Table("stock", "label [mm]", "a page", "title")
    for key, stock in stocks().items():
        size = f"{stock.label_mm[0]:g} x {stock.label_mm[1]:g}"
        table.add_row(key, size, str(stock.count), f"{stock.title}  {stock.title_zh}")
    out.print(table)
