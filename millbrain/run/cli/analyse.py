"""What `millbrain analyse` does on the command line."""

from datetime import datetime
from typing import Annotated

import typer

from millbrain.run.cli.options import Config, Data, err, out
from millbrain.run.settings import load

Day = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day, Beijing time, included.")
]


def battery(
    data: Data = None,
    config: Config = None,
    since: Day = None,
    until: Day = None,
    vehicles: Annotated[
        str, typer.Option(help="Vehicles, `A,B`, or `@file` with one a line; default: all.")
    ] = "",
    workers: Annotated[
        int, typer.Option(min=0, max=256, help="Processes; 0 = as the settings say.")
    ] = 0,
) -> None:
    """Recompute battery days and findings from the stored reports.

    Gives the same rows as the engine did, as often as it is run, also beside a running engine.

    Example: `millbrain analyse battery --since 2026-01-01 --vehicles LNEVTEST0N0000001`
    """
    from millbrain.run.analyse import Wanted, backfill, read_vins

    wanted = Wanted(
        "battery", since and since.date(), until and until.date(), read_vins(vehicles), workers
    )
    done = backfill(load(data, config), wanted, err)
    out.print(
        f"{done.vehicles} vehicles, {done.reports} reports in {done.seconds:.1f} s: "
        f"{done.days} days written, {done.findings} findings changed",
        highlight=False,
    )


def effectiveness(
    data: Data = None,
    config: Config = None,
    since: Day = None,
    until: Day = None,
    machines: Annotated[
        str, typer.Option(help="Machines, `A,B`, or `@file` with one a line; default: all.")
    ] = "",
    workers: Annotated[
        int, typer.Option(min=0, max=256, help="Processes; 0 = as the settings say.")
    ] = 0,
) -> None:
    """Tell the hours of machines anew from the stored readings.

    Gives the same sums as the engine did, as often as it is run, also beside a running engine.

    Example: `millbrain analyse effectiveness --since 2026-01-01 --machines MW-L03-M07`
    """
    from millbrain.run.analyse import Wanted, backfill, read_vins

    wanted = Wanted(
        "effectiveness", since and since.date(), until and until.date(), read_vins(machines),
        workers,
    )  # fmt: skip
    done = backfill(load(data, config), wanted, err)
    out.print(
        f"{done.vehicles} machines, {done.reports} readings in {done.seconds:.1f} s: "
        f"{done.days} hours written",
        highlight=False,
    )
