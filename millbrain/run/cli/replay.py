"""`millbrain replay`: recorded logs of plants through the platform, and whether all of it is there.

millbrain replay log production_event_log.csv.gz
millbrain replay check production_event_log.csv.gz
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from millbrain.core.errors import SettingsError
from millbrain.run.cli.options import Config, Data, err, out
from millbrain.run.settings import Settings, load, prepare_data_folder

if TYPE_CHECKING:
    from millbrain.record.ledger import Ledger
    from millbrain.run.replay.check import Line
    from millbrain.run.replay.log import Log

File = Annotated[Path, typer.Argument(help="The recorded log, CSV or CSV.GZ.")]
Name = Annotated[str, typer.Option(help="What orders and machines of the log are called: NAME-...")]
Speed = Annotated[
    float, typer.Option(min=0, help="Seconds of the log in a second; 0 = as fast as it goes.")
]
Prefix = Annotated[
    str, typer.Option(help="Prefix of the identifiers of lots; empty = no genealogy.")
]
LOG_NAME = "LOG"


def log(
    file: File, data: Data = None, config: Config = None, speed: Speed = 0.0, name: Name = LOG_NAME,
    prefix: Prefix = "",
) -> None:  # fmt: skip
    """Replay a machining log: orders, reports, machine states, pieces, as if it happened.

    The engine must run. To replay again, or after a cut, stores nothing twice.

    Example: `millbrain replay log production_event_log.csv.gz --speed 86400`
    """
    from millbrain.run.replay.log import oddities
    from millbrain.run.replay.orders import Names
    from millbrain.run.replay.replayer import Replayer

    settings = load(data, config)
    told = _read(file)
    odd = oddities(told.rows)
    zones = ", ".join(odd.zones)
    err.print(
        f"{len(told.rows)} reports, time zone {zones}. {odd.no_pieces} without pieces, "
        f"{odd.placeholders} without booked time, {odd.disagreeing} whose span differs from their "
        f"instants, {odd.repeated} that repeat another, {odd.unexplained} of type B (no pieces), "
        f"{odd.overlapping} that overlap another on their resource: all are kept.",
        highlight=False,
    )
    with _stores(settings) as (ledger, url, key), Progress(console=err) as progress:
        from millbrain.run.replay.feed import Feed

        bar = progress.add_task("replay", total=1.0)

        def tell(at: datetime, share: float) -> None:
            progress.update(bar, completed=share, description=f"{at:%Y-%m-%d %H:%M}")

        feed = Feed(url, key, f"replay-{name}")
        replayer = Replayer(ledger, feed, told, Names(name, prefix or settings.decide.prefix))
        replayer.run(speed, tell)
    done = replayer.done
    fates = ", ".join(f"{n} {fate}" for fate, n in sorted(done.fates.items()))
    conflicts = ", ".join(f"{n} {kind}" for kind, n in sorted(done.conflicts.items())) or "none"
    out.print(
        f"orders released: {done.orders}; reports: {fates}; readings: {feed.stored} stored, "
        f"{feed.duplicate} known already, {feed.rejected} refused; "
        f"what does not agree: {conflicts}",
        highlight=False,
    )
    for why in done.refused:
        err.print(f"refused: {why}", highlight=False)


def check(
    file: File, data: Data = None, config: Config = None, name: Name = LOG_NAME,
    every: Annotated[bool, typer.Option("--all", help="Print equal lines of resources, too.")]
    = False,
) -> None:  # fmt: skip
    """Compare what the platform holds of a replayed log with the log itself; 1 where they differ.

    Example: `millbrain replay check production_event_log.csv.gz --all`
    """
    from millbrain.record.warehouse import open_server
    from millbrain.run.replay.check import compare, indicators
    from millbrain.run.replay.orders import Names

    told, names = _read(file), Names(name)
    with _stores(load(data, config)) as (ledger, url, _):
        warehouse = open_server(url)
        try:
            lines = compare(told, names, ledger, warehouse)
            seen = indicators(told, names, warehouse)
        finally:
            warehouse.close()
    out.print(_table([x for x in lines if every or ":" not in x.what or not x.is_equal]))
    wrong = sum(not x.is_equal for x in lines)
    said = "equal" if not wrong else f"{wrong} differ"
    out.print(f"{len(lines)} figures compared: {said}", highlight=False)
    late = sum(not x.is_equal for x in seen)
    told_of = "equal" if not late else f"{late} differ so far; the engine computes them in its turn"
    out.print(f"{len(seen)} figures of the indicators compared: {told_of}", highlight=False)
    if wrong:
        raise typer.Exit(1)


def rates(
    file: File,
    hourly_yuan: Annotated[float, typer.Option(min=0.01, max=10_000, help="Wage of an hour.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Enter piece rates derived from a log: the median time of a piece times the wage of an hour.

    The log has no rates; these are for trying pay out on it. An operation has one rate for all
    parts, that of its median time.

    Example: `millbrain replay rates production_event_log.csv.gz --hourly-yuan 30`
    """
    from statistics import median

    from millbrain.core.production.pay import PayRate
    from millbrain.record.ledger import Ledger
    from millbrain.record.ledger.production.orders import Asker
    from millbrain.run.replay.discover import code, routings

    told = _read(file)
    times: dict[str, list[float]] = {}
    for steps in routings(told.rows).values():
        for step in steps:
            if step.run_s:
                times.setdefault(code(step.activity), []).append(step.run_s)
    since = min(row.start for row in told).date().replace(day=1)
    made = [PayRate(name, since, round(median(found) / 3600 * hourly_yuan * 100 * 1000), 1000)
            for name, found in sorted(times.items())]  # fmt: skip
    ledger = Ledger(load(data, config).ledger_url)
    ledger.migrate()
    try:
        count = ledger.pay.add_rates(made, Asker("replay"))
    finally:
        ledger.close()
    out.print(f"{count} rates entered, derived at {hourly_yuan:g} CNY an hour, since {since}")


def routing(file: File) -> None:
    """Print the routing of each part that a log shows: activities, share of orders, times."""
    from millbrain.run.replay.discover import routings

    table = Table("part", "activity", "orders", "resources", "set-up [s]", "piece [s]")
    for part, steps in routings(_read(file).rows).items():
        for step in steps:
            table.add_row(
                part, step.activity, f"{step.orders_ratio:.0%}", ", ".join(step.resources),
                f"{step.setup_s:.0f}", f"{step.run_s:.0f}",
            )  # fmt: skip
    out.print(table)


def energy(
    file: File, data: Data = None, config: Config = None,
    meter: Annotated[str, typer.Option(help="What the meter is called.")] = "STEEL-MAIN",
    zone: Annotated[str, typer.Option(help="Time zone of the file, which names none.")]
    = "Asia/Seoul",
) -> None:  # fmt: skip
    """Replay the quarter-hours of a steel plant into a meter's readings, and compare the totals.

    Example: `millbrain replay energy steel_industry_energy.csv.gz`
    """
    from zoneinfo import ZoneInfo

    from millbrain.record.ledger import Thing
    from millbrain.record.warehouse import open_server
    from millbrain.run.replay.energy import compare, read_quarters, values_of
    from millbrain.run.replay.feed import Feed

    quarters = read_quarters(file, ZoneInfo(zone))
    err.print(f"{len(quarters)} quarter-hours, taken as {zone} time", highlight=False)
    with _stores(load(data, config)) as (ledger, url, key), err.status("readings ..."):
        told = {"title": "Main meter", "title_zh": "总表", "time_zone": zone}
        ledger.things.put([Thing(meter, "meter", "log", model="meter", attributes=told)])
        feed = Feed(url, key, f"replay-{meter}")
        feed.send(list(values_of(meter, quarters)))
        warehouse = open_server(url)
        try:
            lines = compare(meter, quarters, warehouse)
        finally:
            warehouse.close()
    out.print(f"readings: {feed.stored} stored, {feed.duplicate} known already", highlight=False)
    out.print(_table(lines))
    wrong = [x for x in lines if not x.is_equal and "computed" not in x.what]
    if any(not x.is_equal for x in lines) and not wrong:
        out.print("the engine computes the days in its turn; ask again in a moment")
    if wrong:
        raise typer.Exit(1)


def _read(file: Path) -> "Log":
    from millbrain.run.replay.log import read_log

    told = read_log(file)
    for line, why in list(told.wrong.items())[:20]:
        err.print(f"line {line} is left out: {why}", highlight=False)
    if len(told.wrong) > 20:
        err.print(f"... and {len(told.wrong) - 20} more lines", highlight=False)
    if not told.rows:
        raise SettingsError(f"{file.name} holds no report")
    return told


@contextmanager
def _stores(settings: Settings) -> "Iterator[tuple[Ledger, str, str]]":
    from millbrain.record.ledger import Ledger
    from millbrain.run.web import engine_url

    key = prepare_data_folder(settings)
    url = engine_url(settings, key)
    ledger = Ledger(settings.ledger_url)
    ledger.migrate()
    try:
        yield ledger, url, key
    finally:
        ledger.close()


def _table(lines: "list[Line]") -> Table:
    table = Table("figure", "log", "platform", "")
    for line in lines:
        text = ".2f" if line.unit else ",.0f"
        table.add_row(
            line.what, f"{line.log:{text}} {line.unit}", f"{line.held:{text}} {line.unit}",
            "equal" if line.is_equal else "[bold red]differs",
        )  # fmt: skip
    return table
