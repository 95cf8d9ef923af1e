"""A simulated city, streamed over a platform link."""

import asyncio
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import uvloop

from millbrain.connect.gbt32960.simulator.cohort import City
from millbrain.connect.gbt32960.simulator.fleet import Plan, plan_from
from millbrain.connect.gbt32960.simulator.stream import Habits, Reporter, reporters_of
from millbrain.connect.gbt32960.simulator.weak import weak_serials
from millbrain.core.columns import Columns
from millbrain.core.errors import SettingsError
from millbrain.run.packs import FOLDER
from millbrain.run.play.sender import (
    Player,
    Progress,
    Speed,
    Summary,
    is_set_within,
    playing,
    silent,
    stop_event,
)

LOGINS_MAX: Final = 50_000  # beyond so many vehicles their logins and logouts are left out
FLAT_START_S: Final = 86_400  # flat out, the simulated clock starts a day ago
_PROGRESS_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class CityTempo:
    """How fast a city is played.

    period_s: between two reports of a vehicle, by its own clock. seconds: how long to play, 0 = for
    ever. rate_hz: frames a second at most, 0 = no such bound.
    """

    period_s: float = 10.0
    seconds: float = 0.0
    speed: Speed = "true"
    rate_hz: float = 0.0


def play_city(
    pack: str,
    vehicles: int,
    host: str,
    port: int,
    *,
    period_s: float = 10.0,
    seconds: float = 0.0,
    speed: Speed = "true",
    rate: float = 0.0,
    user: str = "sim-city",
    password: str = "",
    seed: int = 1,
    faults: Mapping[str, float] | None = None,
    sleep: bool | None = None,
    weak_since_s: float | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Stream a simulated city over a platform link until told to stop.

    Parameters
    ----------
    pack
        Name of a folder under packs/ with a fleet.
    vehicles
        1 to 800,000.
    period_s
        Seconds between two reports of a vehicle, by its own clock.
    seconds
        How long to play; 0 = until Ctrl-C or SIGTERM.
    speed
        ``true``: the simulated clock is the real one; a number makes it so many times faster;
        ``flat``: as fast as the centre takes it, every vehicle awake, the clock starting a day ago.
    rate
        At most so many frames a second [1/s]; 0 = no bound.
    faults
        Kind (`simulator.faults`) -> share of vehicles or frames, 0 to 1.
    sleep
        Whether parked vehicles fall silent; None = yes, except flat out.
    weak_since_s
        Instant [s since 1970] to which the faults of the plan's weak vehicles refer; None = nothing
        is wrong with them.

    Raises
    ------
    SettingsError
        The pack has no fleet.
    ValueError
        Too many vehicles, or an unknown fault.
    OSError, RefusedError
        Nobody listens there, or the login was refused.
    """
    sleeps = speed != "flat" if sleep is None else sleep
    plan = read_plan(pack)
    weak = {}
    if weak_since_s is not None:
        weak = weak_serials(plan.models, plan.weak, vehicles)
    logins = sleeps and vehicles <= LOGINS_MAX
    habits = Habits(sleeps, logins, dict(faults or {}), weak, weak_since_s or 0.0)
    city = City(plan, vehicles, seed)
    now_s = time.time()
    start_s = now_s - FLAT_START_S if speed == "flat" else now_s
    city.settle(start_s)
    tempo = CityTempo(period_s, seconds, speed, rate)
    reporters = reporters_of(city, habits, seed)
    where = (host, port, user, password)
    return uvloop.run(stream_city(reporters, start_s, where, tempo, progress or silent))


async def stream_city(
    reporters: Sequence[Reporter],
    start_s: float,
    where: tuple[str, int, str, str],
    tempo: CityTempo,
    progress: Progress,
) -> Summary:
    """Send the reporters' frames in turn; each has its moment within the period.

    start_s: the simulated clock at the beginning [s since 1970]. where: host, port, user, password.
    """
    stop = stop_event()
    async with playing(Player(*where)) as player:
        began_s = shown_s = time.monotonic()
        summary = player.summary
        for at_s, reporter in _turns(reporters, tempo.period_s):
            now_s = time.monotonic()
            if stop.is_set() or (tempo.seconds and now_s - began_s >= tempo.seconds):
                break
            due_s = began_s + _due_s(at_s, summary.frames, tempo)
            if due_s > now_s and await is_set_within(stop, due_s - now_s):
                break
            for piece in reporter.report(start_s + at_s, tempo.period_s, summary.tally):
                await player.send(piece)
            summary.frames = summary.tally["frames"]
            if now_s - shown_s > _PROGRESS_S:
                progress(summary.frames, 0)
                shown_s = now_s
                await asyncio.sleep(0)  # flat out, answers and heartbeats get their turn here
    return player.summary


def _turns(reporters: Sequence[Reporter], period_s: float) -> Iterator[tuple[float, Reporter]]:
    """Yield (simulated seconds since the start, reporter), for ever."""
    turn = 0
    while True:
        for k, reporter in enumerate(reporters):
            yield (turn + k / len(reporters)) * period_s, reporter
        turn += 1


def _due_s(at_s: float, frames: int, tempo: CityTempo) -> float:
    """Return when a turn is due, in seconds since the start."""
    by_clock_s = 0.0
    if tempo.speed != "flat":
        by_clock_s = at_s / (1.0 if tempo.speed == "true" else float(tempo.speed))
    return max(by_clock_s, frames / tempo.rate_hz if tempo.rate_hz else 0.0)


def read_plan(pack: str) -> Plan:
    """Read the fleet of a pack.

    Raises
    ------
    SettingsError
        There is no such pack, it has no fleet, or the fleet is malformed.
    """
    folder = FOLDER / pack
    if folder.parent != FOLDER or not (folder / "fleet.toml").is_file():
        raise SettingsError(
            f"pack {pack!r} with a fleet.toml was not found; packs stand in {FOLDER}"
        )
    tables: list[dict[str, Any]] = [
        tomllib.loads((folder / name).read_text("utf-8")) for name in ("regions.toml", "fleet.toml")
    ]
    try:
        return plan_from(tables[0], tables[1])
    except (KeyError, TypeError) as error:
        raise SettingsError(
            f"{folder / 'fleet.toml'}: {error}; see packs/chongqing/README.md"
        ) from error


def city_register(pack: str, vehicles: int, seed: int = 1) -> Iterator[Columns]:
    """Yield who the vehicles of `play_city` are: vin, plate, model, operator, simulated."""
    return City(read_plan(pack), vehicles, seed).things()
