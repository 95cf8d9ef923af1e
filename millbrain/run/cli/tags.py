"""What `millbrain tags` and `millbrain connections` do on the command line.

The tag list is read and written in the ledger, whether the engine runs or not; a running engine
takes changes up within a second. Browsing goes through the running engine.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table

from millbrain.core.errors import MillbrainError, NotFoundError, SettingsError
from millbrain.core.plant.tags import Connection, Found, Tag
from millbrain.core.tagging.proposals import THING_PATTERN, Walked, proposed
from millbrain.core.tagging.rules import parted, twice
from millbrain.run.cli.options import Config, Data, err, out
from millbrain.run.settings import Settings, load, prepare_data_folder
from millbrain.run.tags.rules import tag_rules
from millbrain.run.tags.secrets import SecretFiles

if TYPE_CHECKING:  # loaded by what needs them: they cost half a second
    from millbrain.record.ledger import Ledger
    from millbrain.show.engine_client import EngineClient
    from millbrain.show.tag_sheet import Sheet

_WHO: Final = "command line"
_SHOWN: Final = 40  # wrongs that are printed
ConnectionOption = Annotated[str, typer.Option("--connection", "-c", help="Key of a connection.")]


@contextmanager
def _ledger(settings: Settings) -> "Iterator[Ledger]":
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    from millbrain.record.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    try:
        ledger.migrate()
        yield ledger
    finally:
        ledger.close()


def import_(
    file: Annotated[Path, typer.Argument(help="XLSX, CSV, or TOML with a [[tag]] for each.")],
    data: Data = None,
    config: Config = None,
    connection: ConnectionOption = "",
    good: Annotated[
        bool, typer.Option("--good", help="Import the good rows though others are wrong.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only say what would happen.")] = False,
) -> None:
    """Import the tag list; every row that is not allowed is named. All of it or nothing.

    Example: `millbrain tags import tags.xlsx`
    """
    from millbrain.show.tag_sheet import read_sheet

    if not file.is_file():
        raise SettingsError(f"{file} is no file")
    with _ledger(load(data, config)) as ledger:
        known = {c.key: c for c in ledger.tags.connections()}
        sheet = read_sheet(file.read_bytes(), known, ledger.tags.tags, tag_rules(), connection)
        is_done = not check and (good or not sheet.wrongs)
        what = f"{len(sheet.added)} added, {len(sheet.changed)} changed"
        if is_done and sheet.added + sheet.changed:
            ledger.tags.put_tags([*sheet.added, *sheet.changed])
            ledger.audit.add(_WHO, "", "tag.import", file.name, what)
    _report(sheet)
    mark = "" if is_done else "nothing done: " if not check else "would be: "
    out.print(f"{mark}{what}, {sheet.unchanged} unchanged, {sheet.refused} rows refused",
              highlight=False, soft_wrap=True)  # fmt: skip
    raise typer.Exit(1 if sheet.wrongs else 0)


def _report(sheet: "Sheet") -> None:
    for wrong in sheet.wrongs[:_SHOWN]:
        sentence = (
            f"row {wrong.row}, {wrong.column}: found {wrong.found!r}; allowed: {wrong.allowed}"
        )
        err.print(sentence, highlight=False, soft_wrap=True, markup=False)
    if len(sheet.wrongs) > _SHOWN:
        err.print(f"and {len(sheet.wrongs) - _SHOWN} more", highlight=False)


def export(
    file: Annotated[Path, typer.Argument(help="Where to write; .xlsx or .csv.")],
    data: Data = None,
    config: Config = None,
    connection: ConnectionOption = "",
) -> None:
    """Export the tag list as a sheet that `tags import` takes back.

    Example: `millbrain tags export tags.xlsx`
    """
    from millbrain.show.tag_sheet import sheet_of

    form = file.suffix.lower().lstrip(".")
    if form not in ("xlsx", "csv"):
        raise SettingsError(f"{file.name} ends in {file.suffix!r}; .xlsx and .csv are written")
    with _ledger(load(data, config)) as ledger:
        keys = [c.key for c in ledger.tags.connections() if connection in ("", c.key)]
        if connection and not keys:
            raise NotFoundError(f"no connection has the key {connection!r}")
        tags = [tag for key in keys for tag in ledger.tags.tags(key)]
    with file.open("wb") as written:
        for part in sheet_of(tags, form):
            written.write(part)
    out.print(f"{len(tags)} tags of {len(keys)} connections written to {file}", highlight=False,
              soft_wrap=True)  # fmt: skip


def browse(
    connection: Annotated[str, typer.Argument(help="Key of a connection.")],
    node: Annotated[str, typer.Argument(help="Address of a node; none = the root.")] = "",
    data: Data = None,
    config: Config = None,
    depth: Annotated[int, typer.Option(min=1, max=12, help="Levels below the node.")] = 1,
    create: Annotated[
        bool, typer.Option("--create", help="Make a tag of each value that is none yet.")
    ] = False,
    pattern: Annotated[
        str, typer.Option(help="Thing by the path: {1} first name, {-2} parent, {0} connection.")
    ] = "",
) -> None:
    """Show what lies under a node of a running connection, and make tags of it.

    Example: `millbrain tags browse line-3 --depth 4 --pattern "MW-{-3}-{-2}" --create`
    """
    settings = load(data, config)
    found = _client(settings).browse(connection, node, (), depth)
    with _ledger(settings) as ledger:
        known = ledger.tags.tags(connection)
        pattern = pattern or _pattern(ledger, connection)
        fresh = _print_nodes(connection, found, {t.address for t in known}, pattern)
        if create:
            _create(ledger, connection, known, fresh)
    if not found["all"]:
        err.print("the tree is larger than one browse; name a node further down", highlight=False)


def _pattern(ledger: "Ledger", key: str) -> str:
    """Return how the room of a connection proposes things."""
    connection = ledger.tags.connection(key)
    card = tag_rules().rooms.get(connection.room) if connection else None
    return card.pattern if card else THING_PATTERN


def _client(settings: Settings) -> "EngineClient":
    from millbrain.run.web import engine_url

    key = prepare_data_folder(settings)
    from millbrain.show.engine_client import EngineClient

    return EngineClient(engine_url(settings, key), key)


def _print_nodes(
    connection: str, found: Mapping[str, Any], known: set[str], pattern: str
) -> list[Tag]:
    """Print the nodes; return the tags that are proposed and not known."""
    table = Table("node", "address", "value", "thing", "signal", "")
    fresh: list[Tag] = []
    for given in found["nodes"]:
        node = Found(**{k: v for k, v in given.items() if k != "path"})
        tag, remark = None, "tag" if node.address in known else ""
        if node.leaf:
            try:
                tag = proposed(connection, Walked(node, tuple(given["path"])), pattern)
            except MillbrainError as e:
                remark = remark or str(e)
        if tag and node.address not in known:
            fresh.append(tag)
        names = (tag.thing, tag.signal) if tag else ("", "")
        indent = "  " * (len(given["path"]) - 1)
        table.add_row(indent + node.name, node.address, f"{node.value} {node.unit}".strip(), *names,
                      remark)  # fmt: skip
    out.print(table)
    return fresh


def _create(ledger: "Ledger", key: str, known: list[Tag], fresh: list[Tag]) -> None:
    connection = ledger.tags.connection(key)
    if connection is None:
        raise NotFoundError(f"no connection has the key {key!r}")
    wrongs = [*tag_rules().of_tags(connection, fresh), *twice([*known, *fresh])]
    bad = {wrong.address for wrong in wrongs}
    good = [tag for tag in fresh if tag.address not in bad]
    added, _ = ledger.tags.put_tags(good) if good else (0, 0)
    if added:
        ledger.audit.add(_WHO, "", "tag.create", key, f"{added} added")
    for wrong in wrongs[:_SHOWN]:
        err.print(f"left out: {wrong}", highlight=False, soft_wrap=True, markup=False)
    out.print(f"{added} tags made, {len(bad)} left out", highlight=False)


def connections_list(data: Data = None, config: Config = None) -> None:
    """List the connections, and how they stand where the engine runs."""
    settings = load(data, config)
    with _ledger(settings) as ledger:
        found, counts = ledger.tags.connections(), ledger.tags.counts()
    try:
        states = {s["connection"]: s for s in _client(settings).connections()}
    except (SettingsError, ConnectionError):
        states = {}
    table = Table("connection", "room", "endpoint", "tags", "stands", "why")
    for c in found:
        state = states.get(c.key, {"phase": "off" if not c.enabled else "?", "why": ""})
        table.add_row(c.key, c.room, c.endpoint, str(counts.get(c.key, 0)), state["phase"],
                      state["why"])  # fmt: skip
    out.print(table)


def connections_add(
    key: Annotated[str, typer.Argument(help="Its name here, also the link of its readings.")],
    room: Annotated[str, typer.Argument(help="Room that speaks the protocol: modbus, files, ...")],
    endpoint: Annotated[str, typer.Argument(help="Address, URL or folder.")],
    data: Data = None,
    config: Config = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="name=value, again and again.")
    ] = None,
    title: Annotated[str, typer.Option(help="What people call it.")] = "",
) -> None:
    """Add a connection, or change it; the running engine takes it up within a second.

    Example: `millbrain connections add line-3 modbus 127.0.0.1:5020 -o unit_id=1`
    """
    settings = load(data, config)
    rules = tag_rules()
    card = rules.rooms.get(room)
    given = dict(_option(text) for text in option or ())
    shown, apart = parted(given, card.secrets if card else ())
    made = Connection(key, room, title, endpoint, given)
    wrongs = rules.of_connection(made)
    if wrongs:
        raise SettingsError("; ".join(str(w) for w in wrongs))
    with _ledger(settings) as ledger:
        is_new = ledger.tags.connection(key) is None
        ledger.tags.put_connection(replace(made, options=shown))
        for name, value in apart.items():
            SecretFiles(settings.data).put(key, name, value)
        what = "connection.add" if is_new else "connection.change"
        ledger.audit.add(_WHO, "", what, key, f"{room} {endpoint}")
    out.print(f"connection {key} {'added' if is_new else 'changed'}", highlight=False)


def _option(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise SettingsError(f"option was {text!r}; name=value is allowed")
    plain: dict[str, Any] = {"true": True, "false": False}
    if value in plain:
        return name, plain[value]
    return name, int(value) if value.lstrip("-").isdigit() else value
