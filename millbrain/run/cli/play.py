"""`millbrain play`: its options, in three groups: where to, a simulated city, recorded tables."""

from pathlib import Path
from typing import Annotated

import typer

from millbrain.core.errors import MillbrainError
from millbrain.run.cli.options import Config, Data, PortOption, err
from millbrain.run.settings import load

Files = Annotated[
    list[Path] | None,
    typer.Argument(help="Recordings: frames as hex or JSON lines, or tables (CSV); also .gz."),
]
Host = Annotated[str | None, typer.Option(help="Where to send; default: the local engine.")]
User = Annotated[str, typer.Option(help="Platform account.")]
Password = Annotated[
    str | None, typer.Option(help="Its password; default: a local account made for playing.")
]
SpeedOption = Annotated[
    str, typer.Option(help="`true` = as recorded, a factor such as 60, or `flat` out.")
]
Retime = Annotated[
    bool, typer.Option("--retime", help="Shift recorded device times so that they end now.")
]

# A simulated city
Vehicles = Annotated[
    int, typer.Option(min=0, max=800_000, help="Simulate so many vehicles instead of files.")
]
Period = Annotated[float, typer.Option(help="Seconds between a simulated vehicle's reports.")]
Seconds = Annotated[float, typer.Option(help="How long to simulate; 0 = until stopped.")]
Rate = Annotated[float, typer.Option(help="Simulated frames a second at most; 0 = any.")]
Fault = Annotated[
    list[str] | None,
    typer.Option(help="Simulated fault as KIND=SHARE, e.g. cell_drift=0.01; may be repeated."),
]
HistoryDays = Annotated[
    float,
    typer.Option(min=0, max=90, help="Simulated city: days before its first start, sent once."),
]
HistoryVehicles = Annotated[
    int, typer.Option(min=0, max=2000, help="Vehicles that have such a history.")
]
Awake = Annotated[
    bool, typer.Option("--awake", help="Simulated city: parked vehicles report too, as flat out.")
]

# Recorded tables
Vins = Annotated[
    list[str] | None,
    typer.Option(help="VIN of a table's vehicle, in the order of the files; may be repeated."),
]
As = Annotated[
    str, typer.Option("--as", help="Tables: over one `platform` link, or each as a `vehicle`.")
]
Reissue = Annotated[
    bool, typer.Option("--reissue", help="Tables: as reissued data (03), not realtime (02).")
]
Since = Annotated[
    str, typer.Option("--from", help="Tables: device times from then on, Beijing time.")
]
Until = Annotated[str, typer.Option(help="Tables: device times before then.")]
Packs = Annotated[
    int, typer.Option("--packs", min=1, help="Tables: packs that share the cells evenly.")
]
Edition = Annotated[int, typer.Option(help="Tables: 2016 or 2025.")]
NamedColumns = Annotated[
    list[str] | None,
    typer.Option(help="Tables: what a column means, as NAME=QUANTITY; may be repeated."),
]


def play(
    files: Files = None, data: Data = None, config: Config = None, host: Host = None,
    port: PortOption = None, user: User = "player", password: Password = None,
    speed: SpeedOption = "flat", vehicles: Vehicles = 0, period: Period = 10.0,
    seconds: Seconds = 0.0, rate: Rate = 0.0, fault: Fault = None,
    history_days: HistoryDays = 0.0, history_vehicles: HistoryVehicles = 120, awake: Awake = False,
    retime: Retime = False, vin: Vins = None, as_: As = "platform", reissue: Reissue = False,
    since: Since = "", until: Until = "", packs: Packs = 1, edition: Edition = 2016,
    column: NamedColumns = None,
) -> None:  # fmt: skip
    """Send recorded frames, recorded tables, or a simulated city, to the platform.

    Examples: `millbrain play day.hex.gz` · `millbrain play car.csv.gz --vin LTEST000000000001` ·
    `millbrain play --vehicles 20000 --speed flat`
    """
    from millbrain.run.player import (
        Aim,
        City,
        manner_of,
        play_city_to,
        play_files_to,
        read_faults,
    )

    settings = load(data, config)
    aim = Aim(settings, host, port, user, password)
    try:
        if files:
            manner = manner_of(
                speed, as_, retime=retime, reissue=reissue, vins=vin or (), columns=column or (),
                packs=packs, edition=edition, since=since, until=until,
            )  # fmt: skip
            play_files_to(aim, files, manner, err)
        elif vehicles:
            faults = read_faults(fault or ())
            city = City(
                vehicles,
                period,
                seconds,
                speed,
                rate,
                faults,
                history_days,
                history_vehicles,
                awake,
            )
            play_city_to(aim, city, err)
        else:
            raise typer.BadParameter("give recorded FILES, or --vehicles for a simulated city")
    except (ConnectionError, TimeoutError) as error:
        place = ":".join(map(str, aim.place()))
        raise MillbrainError(f"{place} cannot be reached ({error}); nothing was sent") from error
