"""What the command line asks of machines: write a signal, fetch a history, what a server offers."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table

from millbrain.core.errors import LinkError, MillbrainError, NotFoundError, SettingsError
from millbrain.core.plant.tags import Connection
from millbrain.core.times import utc_from_epoch
from millbrain.run.cli.options import Config, Data, err, out
from millbrain.run.settings import load, prepare_data_folder

if TYPE_CHECKING:  # loaded by what needs them: they cost half a second
    from millbrain.record.ledger import Ledger

_WHO: Final = "command line"
Thing = Annotated[str, typer.Argument(help="The machine.")]
Signal = Annotated[str, typer.Argument(help="One of its signals.")]


def write(
    thing: Thing,
    signal: Signal,
    value: Annotated[str, typer.Argument(help="In the unit of the signal; true and false too.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Write a value to a machine and read it back.

    Example: `millbrain connections write MW-L03-M07 feed_pct 80`
    """
    answer = _ordered(thing, signal, {"do": "write", "value": _value(value)}, data, config)
    if not answer["agrees"]:
        err.print(f"{thing} {signal} reads {answer['read_back']!r} after {value} was written",
                  highlight=False)  # fmt: skip
        raise typer.Exit(1)
    out.print(f"{thing} {signal} written and read back: {answer['read_back']!r}", highlight=False)


def history(
    thing: Thing,
    signal: Signal,
    since: Annotated[str, typer.Option(help="ISO 8601 with its zone.")],
    until: Annotated[str, typer.Option(help="ISO 8601 with its zone; none = now.")] = "",
    data: Data = None,
    config: Config = None,
) -> None:
    """Fetch what a machine's server remembers of a span; what is stored already stays as it is.

    Example: `millbrain connections history MW-L03-M07 power_kw --since 2026-07-01T00:00:00+08:00`
    """
    until = until or utc_from_epoch(time.time()).isoformat()
    answer = _ordered(thing, signal, {"do": "history", "from": since, "to": until}, data, config)
    out.print(f"{answer['read']} values fetched", highlight=False)


def endpoints(
    url: Annotated[str, typer.Argument(help="opc.tcp://host:port of a server or a discovery.")],
) -> None:
    """Show which OPC UA servers and endpoints an address offers, and their certificates.

    Example: `millbrain connections endpoints opc.tcp://127.0.0.1:4840`
    """
    from millbrain.connect.opcua import discovery

    try:
        found = asyncio.run(discovery.look(url))
    except LinkError as e:
        raise SettingsError(str(e)) from e
    table = Table("server", "security", "login", "SHA-256 of its certificate")
    for row in found:
        table.add_row(row.server, row.security, ", ".join(row.logins), row.fingerprint)
    out.print(table)


def _ordered(
    thing: str, signal: str, order: dict[str, Any], data: Data, config: Config
) -> dict[str, Any]:
    """Send an order through the running engine; it stands in the audit with its end."""
    from millbrain.run.web import engine_url

    settings = load(data, config)
    key = prepare_data_folder(settings)
    from millbrain.show.engine_client import EngineClient

    client = EngineClient(engine_url(settings, key), key)
    from millbrain.record.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    try:
        room = _connection(ledger, thing, signal).room
        number = ledger.commands.sent(thing, order | {"signal": signal}, _WHO)
        audit = (_WHO, "", f"command.{order['do']}", f"{thing} {signal}")
        try:
            answer = client.command(room, thing, order | {"signal": signal})
        except (MillbrainError, ConnectionError) as e:
            ledger.commands.failed(number, str(e))
            ledger.audit.add(*audit, f"failed: {e}")
            raise
        ledger.commands.answered(number, answer)
        ledger.audit.add(*audit)
        return answer
    finally:
        ledger.close()
        client.close()


def _connection(ledger: "Ledger", thing: str, signal: str) -> Connection:
    for tag in ledger.tags.of_signal(thing, signal):
        found = ledger.tags.connection(tag.connection)
        if found is not None:
            return found
    raise NotFoundError(f"no tag brings {signal!r} of {thing}")


def _value(text: str) -> bool | float | str:
    plain = {"true": True, "false": False}
    if text.lower() in plain:
        return plain[text.lower()]
    try:
        return float(text)
    except ValueError:
        return text
