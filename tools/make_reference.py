"""Write docs/reference from the code: what is declared there is documented here, never twice.

`make docs` runs it; a test compares its pages with the ones in the tree.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "reference"
sys.path.insert(0, str(ROOT))

import typer  # noqa: E402  (the path above must stand first)
from pydantic import BaseModel  # noqa: E402
from pydantic_core import PydanticUndefined  # noqa: E402

from millbrain.core import facts, limits  # noqa: E402
from millbrain.core.rooms import App, Driver  # noqa: E402
from millbrain.core.tables import Column, Table  # noqa: E402
from millbrain.core.units import UNITS  # noqa: E402
from millbrain.core.wire import Block, Field, Group, Many  # noqa: E402
from millbrain.run.cli import app as cli  # noqa: E402
from millbrain.run.discovery import apps, drivers  # noqa: E402
from millbrain.run.settings import Settings  # noqa: E402
from tools.reference_web import api_page, pages_page  # noqa: E402

NOTE: Final = "<!-- Written by tools/make_reference.py from the code; change it there. -->\n"
Rows = Iterable[Iterable[object]]


def grid(head: Iterable[str], rows: Rows) -> str:
    """Return a Markdown table; a bar inside a cell is escaped."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *([str(c) for c in row] for row in rows)]
    cells = [[c.replace("|", "\\|").replace("\n", " ") for c in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells) + "\n"


def tables_page(tables: Iterable[Table]) -> str:
    """Describe every warehouse table and column."""
    text = (
        "Facts are appended and never changed. `device_at` is the device's clock, `received_at` "
        "ours. A column whose name ends in a [unit](units.md) is in that unit.\n"
    )
    parts = ["# Warehouse tables 数据表\n", text]
    for table in tables:
        keep = f"{table.keep_days} days by `{table.keep_by}`" if table.keep_days else "for ever"
        parts.append(f"## `{table.name}`\n\n{table.meaning}. {table.meaning_zh}。\n")
        parts.append(
            f"Sorted by `{', '.join(table.order_by)}`; "
            f"partitioned by `{table.partition_by or 'nothing'}`; kept {keep}.\n"
        )
        head = ("column", "type", "unit", "meaning", "含义", "codes")
        parts.append(grid(head, (_column_row(c) for c in table.columns)))
    return "\n".join(parts)


def _column_row(column: Column) -> tuple[str, ...]:
    kind = f"list of {column.kind}" if column.many else column.kind
    codes = ", ".join(f"{k} = {en} {zh}" for k, (en, zh) in column.codes.items())
    return (
        f"`{column.name}`",
        kind + (", may be NULL" if column.missing else ""),
        column.unit.symbol if column.unit else "",
        column.meaning,
        column.meaning_zh,
        codes,
    )


def settings_page() -> str:
    """Describe every setting: name in the file, name in the environment, default, meaning."""
    rows = []
    for path, default, kind, meaning in _settings(Settings, ()):
        env = "MILLBRAIN_" + "__".join(path).upper()
        shown = f"`{default}`" if default else "none"
        rows.append((f"`{'.'.join(path)}`", f"`{env}`", kind, shown, meaning))
    return (
        "# Settings 设置\n\n"
        "The settings file is `millbrain.toml` in the data folder, or the file given with "
        "`--config`. Order, last wins: default, file, environment, command line. An unknown name "
        "or a value outside its range stops the start with a sentence that names it.\n\n"
        + grid(("setting", "environment", "type", "default", "meaning"), rows)
        + "\n```toml\n# millbrain.toml\n[web]\nport = 8443\ntls_certificate = "
        '"certificate.pem"\ntls_key = "key.pem"\n```\n'
    )


def _settings(
    model: type[BaseModel], prefix: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, str, str]]:
    for name, info in model.model_fields.items():
        kind: Any = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _settings(kind, (*prefix, name))
            continue
        default = "" if info.default in (PydanticUndefined, None) else str(info.default)
        if kind is bool:
            default = default.lower()
        yield (*prefix, name), default, _kind_name(kind), info.description or ""


def _kind_name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(kind))
    names = {int: "whole number", float: "number", bool: "true or false", str: "text"}
    return names.get(kind, "file or folder" if "Path" in str(kind) else str(kind))


def cli_page() -> str:
    """Describe every command with its options."""
    root: Any = typer.main.get_command(cli)
    parts = [
        "# Command line 命令行\n",
        "Exit codes: 0 done, 1 failed (the sentence says why), 2 wrong use. "
        "`millbrain COMMAND --help` prints the same.\n",
    ]
    for name, command in root.commands.items():
        parts.append(f"## `millbrain {name}`\n\n{(command.help or '').strip()}\n")
        rows = [_option_row(p) for p in command.params]
        if rows:
            parts.append(grid(("option", "default", "meaning"), rows))
    return "\n".join(parts)


def _option_row(parameter: Any) -> tuple[str, str, str]:
    if parameter.param_type_name == "argument":
        name = f"`{parameter.name.upper()}`"
    else:
        name = ", ".join(f"`{o}`" for o in parameter.opts)
    plain = parameter.default not in (None, False) and not callable(parameter.default)
    return name, f"`{parameter.default}`" if plain else "", getattr(parameter, "help", "") or ""


def units_page() -> str:
    """List the unit suffixes."""
    rows = [(f"`_{u.suffix}`", u.symbol, u.quantity, u.quantity_zh) for u in UNITS.values()]
    return (
        "# Units 单位\n\nThe last word of a name is its unit: `voltage_v` is in volts. Instants "
        "end in `_at` and are UTC.\n\n" + grid(("suffix", "symbol", "quantity", "量"), rows)
    )


def limits_page() -> str:
    """List the limits with the reason that stands beside each in the code."""
    text = (ROOT / "millbrain/core/limits.py").read_text("utf-8")
    found = re.findall(r"^([A-Z_]+): Final = [^#\n]+# (.+)$", text, re.MULTILINE)
    rows = [(f"`{n}`", f"{getattr(limits, n):,}", why) for n, why in found]
    return "# Limits 上限\n\nNothing grows without bound. The unit is in the name.\n\n" + grid(
        ("limit", "value", "reason"), rows
    )


def reasons_page() -> str:
    """List why bytes can end as a dead letter."""
    rows = [
        (f"`{reason}`", "no" if reason.startswith("note_") else "yes", en, zh)
        for reason, (en, zh) in facts.DEAD_LETTER_REASONS.items()
    ]
    return (
        "# Dead-letter reasons 拒收原因\n\nBytes that could not become a fact are kept raw in "
        "`dead_letter`. Those that count as a rejected frame are part of the intake ledger: "
        "received = stored + duplicate + rejected.\n\n"
        + grid(("reason", "counts as rejected", "meaning", "含义"), rows)
    )


def rooms_page(rooms: Iterable[Driver]) -> str:
    """List the rooms of the connect stage."""
    rows = [
        (f"`{r.key}`", f"{r.title} {r.title_zh}", ", ".join(r.standards), r.port, r.level.value)
        for r in rooms
    ]
    return "# Connect rooms 接入协议\n\n" + grid(
        ("room", "title", "standards", "port", "level"), rows
    )


def protocol_page(title: str, blocks: Mapping[Any, Block]) -> str:
    """Describe the declared blocks of a protocol, field by field."""
    parts = [
        f"# {title}: information blocks 信息体\n",
        "value = raw / divisor + offset. FE and FF (FFFE, FFFF, ...) mean abnormal and invalid.\n",
    ]
    for block in blocks.values():
        parts.append(
            f"## {block.edition}, type {block.type:02X}: {block.title} {block.title_zh}\n\n"
            f"Clause: {block.clause}.\n"
        )
        rows = (row for part in block.parts for row in _field_rows(part, ""))
        head = (
            "key",
            "bytes",
            "divisor",
            "offset",
            "raw range",
            "unit",
            "meaning",
            "含义",
            "column",
        )
        parts.append(grid(head, rows))
    return "\n".join(parts)


def _field_rows(part: Field | Group | Many, path: str) -> Iterator[tuple[object, ...]]:
    if isinstance(part, Field):
        span = f"{part.low}..{part.high}" if part.high >= 0 else "any"
        unit = UNITS[part.unit].symbol if part.unit else ""
        yield (f"`{path}{part.key}`", part.width, part.per, part.shift, span, unit, part.title,
               part.title_zh, f"`{part.column}`" if part.column else "")  # fmt: skip
        return
    inner = f"{path}{part.key}." if part.key else path
    if isinstance(part, Group):
        for field in part.fields:
            yield from _field_rows(field, inner)
        return
    yield from _field_rows(part.count, inner)
    for item in part.item if isinstance(part.item, tuple) else (part.item,):
        yield from _field_rows(item, f"{path}{part.key}[]." if part.key else path)


def index_page(made: Mapping[str, str]) -> str:
    """List the pages by their titles."""
    titles = {name: text.partition("\n")[0].removeprefix("# ") for name, text in made.items()}
    lines = [f"- [{title}]({name})" for name, title in titles.items()]
    return (
        "# Reference 参考\n\nWritten from the code by `make docs`; a test refuses a page that is "
        "out of date.\n\n" + "\n".join([*lines, "- [Glossary 术语](../glossary.md)"]) + "\n"
    )


@cache
def pages() -> dict[str, str]:
    """Return every reference page: file name -> text."""
    from millbrain.connect.gbt32960 import fields

    rooms = drivers()
    cards: tuple[Driver | App, ...] = (*rooms, *apps())
    tables = (*facts.SHARED_TABLES, *(t for card in cards for t in card.tables))
    made = {
        "tables.md": tables_page(tables),
        "settings.md": settings_page(),
        "cli.md": cli_page(),
        "api.md": api_page(grid),
        "pages.md": pages_page(grid),
        "dead-letters.md": reasons_page(),
        "units.md": units_page(),
        "limits.md": limits_page(),
        "rooms.md": rooms_page(rooms),
        "gbt32960.md": protocol_page("GB/T 32960.3", fields.BLOCKS),
    }
    made["README.md"] = index_page(made)
    return {name: _with_note(text) for name, text in made.items()}


def _with_note(text: str) -> str:
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{NOTE}{rest}"


def main() -> None:
    """Write the pages and remove those that are no longer made."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = pages()
    for old in FOLDER.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, "utf-8")
    print(f"{len(made)} pages in docs/reference")


if __name__ == "__main__":
    main()
