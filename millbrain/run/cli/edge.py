"""What `millbrain edge` does on the command line."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from millbrain.core.errors import NotFoundError, SettingsError
from millbrain.run import run_files
from millbrain.run.cli.options import err, out

EdgeFile = Annotated[
    Path | None, typer.Option("--config", help="Settings file of the edge (TOML).")
]


def run(context: typer.Context, config: EdgeFile = None) -> None:
    """Run the connect rooms beside the machines, with a buffer that survives outages.

    Readings go to the http room of the centre; while it is away they wait on disk.

    Example: `millbrain edge --config /etc/millbrain/edge.toml`
    """
    if context.invoked_subcommand is not None:
        return
    from millbrain.run.edge import service
    from millbrain.run.edge.config import load_edge

    service.main(load_edge(_file(config)))


def status(
    config: EdgeFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Print what a running edge does: connections, what waits, what the centre answered.

    Example: `millbrain edge status --config /etc/millbrain/edge.toml`
    """
    from millbrain.run.edge.config import load_edge
    from millbrain.run.edge.telling import facts, warnings

    settings = load_edge(_file(config))
    found = run_files.read(settings.data / "run" / "edge.json")
    if not found:
        raise NotFoundError(f"edge {settings.name} does not run ({settings.data})")
    url = f"http://{settings.status.host}:{found['ports']['status']}/status"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            told = json.load(answer)
    except (urllib.error.URLError, OSError) as e:
        raise NotFoundError(f"edge {settings.name} does not answer at {url}: {e}") from e
    if as_json:
        out.print_json(data=told)
        return
    table = Table(show_header=False)
    for english, chinese, value in facts(told):
        table.add_row(f"{english} · {chinese}", value)
    out.print(table)
    for state in told["connections"]:
        out.print(f"{state['connection']} ({state['room']}): {state['phase']} {state['why']}")
    for sentence in warnings(told):
        err.print(sentence)


def _file(config: Path | None) -> Path:
    if config is None:
        raise SettingsError("edge: --config FILE is needed; docs/guides/edge.md shows one")
    return config
