"""The command line: `millbrain up | engine | web | play | decode | doctor | sql | backup | ...`.

Every command reads the same settings, says what it does, shows progress on long work, and ends with
an exit code: 0 done, 1 failed, 2 wrong use.
"""

import secrets
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

import millbrain
from millbrain.core.errors import MillbrainError
from millbrain.run.cli import analyse as analyse_commands
from millbrain.run.cli import b2mml as b2mml_commands
from millbrain.run.cli import edge as edge_commands
from millbrain.run.cli import labels as label_commands
from millbrain.run.cli import machines as machine_commands
from millbrain.run.cli import plant as plant_commands
from millbrain.run.cli import replay as replay_commands
from millbrain.run.cli import signing as signing_commands
from millbrain.run.cli import tags as tag_commands
from millbrain.run.cli.options import Config, Data, PortOption, err, out
from millbrain.run.cli.play import play
from millbrain.run.settings import Settings, load

app = typer.Typer(
    name="millbrain",
    help="Open industrial-internet platform: industry brain and future factory in one.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point of the console script."""
    app()


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn an error that we raise on purpose into one sentence and exit code 1."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except MillbrainError as e:
            err.print(f"[bold red]millbrain:[/] {e}", highlight=False)
            raise typer.Exit(1) from None
        except (KeyboardInterrupt, BrokenPipeError):
            raise typer.Exit(130) from None

    return run


def _version(value: bool) -> None:
    if value:
        out.print(f"millbrain {millbrain.__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
@guarded
def up(
    data: Data = None,
    config: Config = None,
    vehicles: Annotated[
        int | None, typer.Option(help="Simulated vehicles of the demonstration city; 0 = no city.")
    ] = None,
    gbt32960_port: PortOption = None,
    web_port: PortOption = None,
    clickhouse_port: PortOption = None,
) -> None:
    """Start the whole platform with a demonstration city, and watch over it.

    Prints where to look and, on the first run, the administrator's password.

    Example: `millbrain up --data /srv/millbrain --vehicles 20000`
    """
    from millbrain.run.up import run_up

    settings = load(
        data,
        config,
        gbt32960__port=gbt32960_port,
        web__port=web_port,
        clickhouse__port=clickhouse_port,
        demo__vehicles=vehicles or None,
        demo__enabled=False if vehicles == 0 else None,
    )
    run_up(settings, out)


@app.command()
@guarded
def engine(
    data: Data = None,
    config: Config = None,
    port: PortOption = None,
    clickhouse_port: PortOption = None,
    no_auth_peers: Annotated[
        bool, typer.Option("--no-auth-peers", help="Accept any platform login (loopback only).")
    ] = False,
) -> None:
    """Run the engine alone: reception, warehouse, ClickHouse port.

    Example: `millbrain engine --data /srv/millbrain --port 0`
    """
    from millbrain.run.engine import main as run_engine

    settings = load(
        data,
        config,
        gbt32960__port=port,
        clickhouse__port=clickhouse_port,
        gbt32960__auth_peers=False if no_auth_peers else None,
    )
    _refuse_open_peers(settings)
    run_engine(settings)


def _refuse_open_peers(settings: Settings) -> None:
    from millbrain.core.errors import SettingsError
    from millbrain.run.settings import LOOPBACK

    section = settings.gbt32960
    if not section.auth_peers and section.host != LOOPBACK:
        raise SettingsError(
            f"gbt32960.auth_peers is off while gbt32960.host is {section.host}; without checked "
            f"logins the port may only be opened on {LOOPBACK}"
        )


@app.command()
@guarded
def resolver(
    data: Data = None,
    config: Config = None,
    port: PortOption = None,
    http_port: PortOption = None,
) -> None:
    """Run the resolver alone: the identifiers of this node over the Handle protocol and HTTP.

    Example: `millbrain resolver --data /srv/millbrain`
    """
    from millbrain.run.resolver import main as run_resolver

    run_resolver(load(data, config, handle__port=port, resolver__http_port=http_port))


@app.command()
@guarded
def controllers(
    data: Data = None,
    config: Config = None,
    port: PortOption = None,
    fault: Annotated[str, typer.Option(help="lost, deaf, wrong, slow; always- before it.")] = "",
) -> None:
    """Run simulated controllers of machines, for scans to write parameters to.

    Example: `millbrain controllers --port 4800 --fault lost`
    """
    from millbrain.run.scans.controllers import main as run_controllers

    run_controllers(load(data, config, demo__controllers_port=port), fault)


analyse = typer.Typer(
    help="Recompute what the apps found from the stored reports.", no_args_is_help=True
)
app.add_typer(analyse, name="analyse")
analyse.command("battery")(guarded(analyse_commands.battery))
analyse.command("effectiveness")(guarded(analyse_commands.effectiveness))

labels = typer.Typer(help="Labels of identifiers, to print.", no_args_is_help=True)
app.add_typer(labels, name="labels")
labels.command("print")(guarded(label_commands.print_sheet))
labels.command("list")(guarded(label_commands.choose))

plant = typer.Typer(help="Plants described in packs, and their machines.", no_args_is_help=True)
app.add_typer(plant, name="plant")
plant.command("simulate")(guarded(plant_commands.simulate))
plant.command("check")(guarded(plant_commands.check))

tags = typer.Typer(help="Tags: values of machines, browsed or as a sheet.", no_args_is_help=True)
app.add_typer(tags, name="tags")
for _name in ("import_", "export", "browse"):
    tags.command(_name.rstrip("_"))(guarded(getattr(tag_commands, _name)))

connections = typer.Typer(help="Connections to servers, brokers, buses.", no_args_is_help=True)
app.add_typer(connections, name="connections")
for _name in ("list", "add"):
    connections.command(_name)(guarded(getattr(tag_commands, f"connections_{_name}")))
for _name in ("write", "history", "endpoints"):
    connections.command(_name)(guarded(getattr(machine_commands, _name)))

replay = typer.Typer(help="Recorded logs of plants, replayed and checked.", no_args_is_help=True)
b2mml = typer.Typer(help="B2MML: production orders in, performance out.", no_args_is_help=True)
app.add_typer(replay, name="replay")
app.add_typer(b2mml, name="b2mml")
for _name in ("log", "check", "routing", "rates", "energy"):
    replay.command(_name)(guarded(getattr(replay_commands, _name)))
for _name in ("import", "export"):
    b2mml.command(_name)(guarded(getattr(b2mml_commands, f"{_name}_")))

edge = typer.Typer(help="The edge: connect rooms beside the machines, with a buffer.")
app.add_typer(edge, name="edge")
edge.callback(invoke_without_command=True)(guarded(edge_commands.run))
edge.command("status")(guarded(edge_commands.status))

handles = typer.Typer(help="Identifiers of this node: load, get, check.", no_args_is_help=True)
app.add_typer(handles, name="handles")
handles.command("sign")(guarded(signing_commands.sign))
handles.command("certify")(guarded(signing_commands.certify))
handles.command("verify")(guarded(signing_commands.verify))


@handles.command("load")
@guarded
def handles_load(
    file: Annotated[Path, typer.Argument(help="JSON lines: {handle, values: [...]}.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Store the identifiers of a file, durably; the resolver must not run.

    Example: `millbrain handles load parts.jsonl`
    """
    from millbrain.run.handles import load_file

    count = load_file(load(data, config), file, err)
    out.print(f"{count} identifiers stored", highlight=False)


@handles.command("generate")
@guarded
def handles_generate(
    count: Annotated[int, typer.Argument(min=1, max=1_000_000_000)],
    data: Data = None,
    config: Config = None,
) -> None:
    """Store so many made identifiers of parts, for trials and measurements."""
    from millbrain.run.handles import generate

    stored = generate(load(data, config), count, err)
    out.print(f"{stored} made identifiers stored", highlight=False)


@handles.command("get")
@guarded
def handles_get(
    handle: Annotated[str, typer.Argument(help="The handle, like 88.100.1/P7.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Ask the running resolver for a handle and print its public values as JSON."""
    import json

    from millbrain.run.handles import get

    print(json.dumps(get(load(data, config), handle), ensure_ascii=False))


@handles.command("check")
@guarded
def handles_check(
    data: Data = None,
    config: Config = None,
    folder: Annotated[
        Path | None, typer.Option(help="A store elsewhere: identifiers/ of a backup.")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be derived.")] = False,
) -> None:
    """Hold records, aliases, ranges, counts, history and audit trail against one another.

    The resolver must not run. Exit code 1: something is wrong and was not mended.
    """
    from millbrain.run.handles import check

    left, mended = 0, 0
    for found in check(load(data, config), folder, is_repaired=repair):
        mended, left = mended + bool(found.cure), left + (not found.cure)
        mark, cure = ("mended", f"; {found.cure}") if found.cure else ("wrong ", "")
        out.print(f"{mark}  {found.kind} {found.where}: {found.what}{cure}", highlight=False,
                  soft_wrap=True, markup=False)  # fmt: skip
    out.print(f"{mended} mended, {left} left", highlight=False)
    raise typer.Exit(1 if left else 0)


@app.command()
@guarded
def web(data: Data = None, config: Config = None, port: PortOption = None) -> None:
    """Run pages and JSON API alone, on the engine of the same data folder."""
    from millbrain.run.web import main as run_web

    run_web(load(data, config, web__port=port))


@app.command()
@guarded
def decode(
    file: Annotated[
        str, typer.Argument(help="Hex lines, .gz, JSON lines with `hex`; - = input.")
    ] = "-",
    stream: Annotated[
        bool, typer.Option("--stream", help="The input is one raw byte stream, not lines of hex.")
    ] = False,
) -> None:
    """Decode GB/T 32960 frames: one JSON object a line.

    Example: `echo 232307fe... | millbrain decode`
    """
    from millbrain.run.cli.decode import print_decoded

    print_decoded(file, as_stream=stream, out=sys.stdout)


@app.command()
@guarded
def doctor(data: Data = None, config: Config = None) -> None:
    """Say in plain sentences what is wrong and what to do. Exit code 1 if something is bad."""
    from millbrain.run.cli.doctor import Verdict, examine

    colours = {Verdict.GOOD: "green", Verdict.WARN: "yellow", Verdict.BAD: "bold red"}
    worst = Verdict.GOOD
    for finding in examine(load(data, config)):
        mark = f"[{colours[finding.verdict]}]{finding.verdict.value:<4}[/]"
        out.print(f"{mark}  {finding.what}", highlight=False, soft_wrap=True)
        if finding.advice:
            out.print(f"      {finding.advice}", style="dim", highlight=False, soft_wrap=True)
        if finding.verdict is Verdict.BAD:
            worst = Verdict.BAD
    raise typer.Exit(1 if worst is Verdict.BAD else 0)


@app.command()
@guarded
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT; - reads it from the input.")],
    data: Data = None,
    config: Config = None,
    fmt: Annotated[
        str, typer.Option("--format", help="Any ClickHouse output format.")
    ] = "PrettyCompactMonoBlock",
) -> None:
    """Query the warehouse of the running engine.

    Example: `millbrain sql "SELECT count(), max(received_at) FROM vehicle_report"`
    """
    from millbrain.record.warehouse import open_server
    from millbrain.run.settings import prepare_data_folder
    from millbrain.run.web import engine_url

    settings = load(data, config)
    url = settings.clickhouse.url or engine_url(settings, prepare_data_folder(settings))
    warehouse = open_server(url)
    try:
        sys.stdout.buffer.write(
            warehouse.query_bytes(sys.stdin.read() if query == "-" else query, fmt)
        )
    finally:
        warehouse.close()


@app.command()
@guarded
def findings(
    data: Data = None,
    config: Config = None,
    vin: Annotated[str, typer.Option(help="Of this vehicle only.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON array instead of a table.")
    ] = False,
) -> None:
    """List what the apps found, open ones first: vehicle, part, since when, why, what to do.

    Times are device times. Example: `millbrain findings --vin LTEST000000000001 --json`
    """
    from millbrain.record.warehouse import open_server
    from millbrain.run.cli.findings import print_blocks, print_json, read_findings
    from millbrain.run.settings import prepare_data_folder
    from millbrain.run.web import engine_url

    settings = load(data, config)
    url = settings.clickhouse.url or engine_url(settings, prepare_data_folder(settings))
    warehouse = open_server(url)
    try:
        found = read_findings(warehouse, vin)
    finally:
        warehouse.close()
    if as_json:
        print_json(found, sys.stdout)
    else:
        print_blocks(found, out)


@app.command()
@guarded
def backup(
    folder: Annotated[Path, typer.Argument(help="Where the dated backup folder is made.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Back all stores up, also while the platform runs.

    Example: `millbrain backup /mnt/backup`
    """
    from millbrain.run.cli.keep import back_up

    made = back_up(load(data, config), folder, err)
    out.print(str(made), highlight=False)


@app.command()
@guarded
def restore(
    folder: Annotated[Path, typer.Argument(help="A backup folder with its manifest.json.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Restore a backup into an empty data folder; the platform must be stopped."""
    from millbrain.run.cli.keep import restore as run_restore

    settings = load(data, config)
    run_restore(settings, folder, err)
    out.print(f"restored into {settings.data}; start it with `millbrain up`", highlight=False)


app.command()(guarded(play))


@app.command()
@guarded
def peers(
    name: Annotated[
        str | None, typer.Argument(help="Platform account to add; none = list.")
    ] = None,
    data: Data = None,
    config: Config = None,
    password: Annotated[
        str | None, typer.Option(help="At most 20 characters; default: random.")
    ] = None,
) -> None:
    """List the platform accounts that may log in, or add one.

    Example: `millbrain peers city-01`
    """
    from millbrain.record.ledger import Ledger

    ledger = Ledger(load(data, config).ledger_url)
    ledger.migrate()
    if name:
        given = password or secrets.token_urlsafe(12)
        ledger.peers.add(name, given)
        out.print(f"peer {name} added, password: {given}", highlight=False)
        return
    table = Table("account", "title", "active", "simulated")
    for peer in ledger.peers.all():
        table.add_row(peer.user, peer.title, str(peer.active), str(peer.simulated))
    out.print(table)


@app.command()
@guarded
def bench(
    what: Annotated[
        str, typer.Argument(help="decode, ingest, battery, ...: a file of benchmarks/.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of lines.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="Length of the ingest run.")] = 30.0,
    records: Annotated[
        int, typer.Option(help="Identifiers of resolve and register; 0 = the usual number.")
    ] = 0,
) -> None:
    """Measure on this machine; each figure ends as `name value unit ratio`.

    Example: `millbrain bench decode`
    """
    from millbrain.run.bench import run_bench

    run_bench(what, as_json=as_json, seconds=seconds, records=records)
