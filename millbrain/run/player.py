"""`millbrain play`: where to send, with which account, and a progress bar around the player."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from millbrain.connect.gbt32960.fields import EDITION_2016, EDITION_2025
from millbrain.connect.gbt32960.simulator.faults import BYTE_FAULTS, VALUE_FAULTS
from millbrain.connect.gbt32960.simulator.tables import is_table
from millbrain.core.errors import NotFoundError, SettingsError
from millbrain.core.times import BEIJING
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.models import Thing
from millbrain.run import play, run_files
from millbrain.run.demo.history import USER, DemoHistory, Wanted
from millbrain.run.play import Reading
from millbrain.run.settings import LOOPBACK, Settings, prepare_data_folder


@dataclass(frozen=True, slots=True)
class Aim:
    """Where to play to. Without a host it is the engine of the data folder.

    Without a password a local account of that name is used, which is made on first use: whoever may
    write the data folder may play into it.
    """

    settings: Settings
    host: str | None
    port: int | None
    user: str
    password: str | None

    def place(self) -> tuple[str, int]:
        """Return host and port.

        Raises
        ------
        SettingsError
            No host was given and no engine runs on the data folder.
        """
        if self.host or self.port:
            return self.host or LOOPBACK, self.port or self.settings.gbt32960.port
        found = run_files.read(self.settings.run_file("engine"))
        if not found:
            raise SettingsError(
                f"no engine is running on {self.settings.data}; start one with `millbrain up`, "
                "or say where to send with --host and --port"
            )
        return LOOPBACK, int(found["ports"]["gbt32960"])

    def account(self) -> tuple[str, str]:
        """Return user and password of the platform account to log in with."""
        if self.password is not None:
            return self.user, self.password
        if self.host:
            raise SettingsError(f"give --password for the account {self.user} on {self.host}")
        return self.user, self._local_password()

    def _local_password(self) -> str:
        """Return the password of a local account, making the account on first use."""
        prepare_data_folder(self.settings)
        path = self.settings.data / "secrets.json"
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        known: str | None = kept.get("players", {}).get(self.user)
        if known:
            return known
        password = secrets.token_urlsafe(12)
        ledger = Ledger(self.settings.ledger_url)
        try:
            ledger.migrate()
            ledger.peers.add(
                self.user, password, "local player", simulated=self.user.startswith("sim-")
            )
        finally:
            ledger.close()
        kept.setdefault("players", {})[self.user] = password
        fresh = path.with_suffix(".next")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(kept), "utf-8")
        fresh.replace(path)
        return password


def _speed(text: str) -> str | float:
    if text in ("true", "flat"):
        return text
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if factor <= 0:
        raise SettingsError(f"--speed is {text!r}; allowed are true, flat, or a factor above 0")
    return factor


def _progress(err: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} frames  {task.fields[note]}"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    )


@dataclass(frozen=True, slots=True)
class Manner:
    """How recordings are played: speed as in `_speed`, retimed to end now, as whom, read how."""

    speed: str = "flat"
    retime: bool = False
    as_: Literal["platform", "vehicle"] = "platform"
    reading: Reading = field(default_factory=Reading)


def manner_of(
    speed: str, as_: str, *, retime: bool, reissue: bool, vins: Sequence[str],
    columns: Sequence[str], packs: int, edition: int, since: str, until: str,
) -> Manner:  # fmt: skip
    """Return the manner that command-line words describe.

    Raises
    ------
    SettingsError
        A word is malformed.
    """
    if as_ not in ("platform", "vehicle"):
        raise SettingsError(f"--as is {as_!r}; allowed are platform and vehicle")
    if edition not in (EDITION_2016, EDITION_2025):
        raise SettingsError(
            f"--edition is {edition}; allowed are {EDITION_2016} and {EDITION_2025}"
        )
    given = dict(word.partition("=")[::2] for word in columns)
    span = (_instant("--from", since, -inf), _instant("--until", until, inf))
    reading = Reading(tuple(vins), given, packs, edition, span, reissue)
    return Manner(speed, retime, "vehicle" if as_ == "vehicle" else "platform", reading)


def _instant(option: str, text: str, otherwise: float) -> float:
    """Return an instant [s since 1970]; without a zone it is Beijing time, a day its beginning."""
    if not text:
        return otherwise
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{option} is {text!r}; write 2019-05-01 or 2019-05-01T08:00:00 (Beijing time)"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=BEIJING)).timestamp()


def play_files_to(aim: Aim, files: Sequence[Path], manner: Manner, err: Console) -> None:
    """Replay recordings, frames or tables, and print what was sent and answered."""
    for file in files:
        if not file.is_file():
            raise NotFoundError(
                f"{file} is not a file; give hex lines, .gz, JSON lines with `hex`, or a table "
                "(CSV with a header)"
            )
    are_tables = [is_table(file) for file in files]
    if any(are_tables) and not all(are_tables):
        raise SettingsError(
            "frames and tables cannot be played in one go; play one after the other"
        )
    if any(are_tables):
        _play_tables(aim, files, manner, err)
    else:
        _play_frames(aim, files, manner, err)


def _play_frames(aim: Aim, files: Sequence[Path], manner: Manner, err: Console) -> None:
    host, port = aim.place()
    user, password = aim.account()
    with _steps(err, "play") as step:
        summary = play.play_file(
            files, host, port, speed=_speed(manner.speed), user=user, password=password,
            retime=manner.retime, progress=step,
        )  # fmt: skip
    err.print(summary.sentence(), highlight=False)


def _play_tables(aim: Aim, files: Sequence[Path], manner: Manner, err: Console) -> None:
    def tell(text: str) -> None:
        err.print(text, highlight=False, soft_wrap=True, markup=False)

    host, port = aim.place()
    user, password = aim.account() if manner.as_ == "platform" else ("", "")
    speed = _speed(manner.speed)
    with err.status("reading the tables ..."):
        cars = play.read_cars(files, manner.reading, tell)
    if manner.retime:
        play.retime_cars(cars, time.time())
    for car in cars:
        tell("\n    ".join(car.sentences()))
    with _steps(err, "play") as step:
        summary = play.play_cars(cars, host, port, as_=manner.as_, speed=speed, user=user,
                                 password=password, progress=step)  # fmt: skip
    for car in cars:
        for loss in car.losses():
            tell(loss)
    tell(summary.sentence())


@contextmanager
def _steps(err: Console, name: str) -> Iterator[play.Progress]:
    """Show a bar; what is yielded takes frames sent and frames in all."""
    with _progress(err) as progress:
        task = progress.add_task(name, total=None, note="")

        def step(sent: int, total: int) -> None:
            progress.update(task, completed=sent, total=total)

        yield step


@dataclass(frozen=True, slots=True)
class City:
    """What is simulated: how many vehicles, how fast, for how long, with which faults.

    seconds: 0 = until told to stop. rate: frames a second at most, 0 = no bound. faults: kind ->
    share of vehicles or frames, 0 to 1. history_days, history_vehicles: what was before, sent once
    beside it; 0 = nothing. awake: parked vehicles report too.
    """

    vehicles: int
    period_s: float
    seconds: float
    speed: str
    rate: float = 0.0
    faults: Mapping[str, float] = field(default_factory=dict)
    history_days: float = 0.0
    history_vehicles: int = 0
    awake: bool = False


def read_faults(words: Sequence[str]) -> dict[str, float]:
    """Read ``kind=share`` words.

    Raises
    ------
    SettingsError
        A word is malformed, or the kind is unknown.
    """
    known = (*VALUE_FAULTS, *BYTE_FAULTS)
    found: dict[str, float] = {}
    for word in words:
        kind, _, share = word.partition("=")
        try:
            found[kind] = float(share or "0.01")
        except ValueError:
            found[kind] = -1.0
        if kind not in known or not 0 <= found[kind] <= 1:
            raise SettingsError(
                f"--fault is {word!r}; write KIND=SHARE with a share of 0 to 1 and one of "
                f"{', '.join(known)}"
            )
    return found


def _register(aim: Aim, vehicles: int) -> None:
    """Enter the simulated vehicles into the register of a local installation."""
    ledger = Ledger(aim.settings.ledger_url)
    try:
        for part in play.city_register(aim.settings.demo.pack, vehicles):
            columns = ("vin", "plate", "model", "operator", "simulated", "rated_capacity_ah")
            rows = zip(*(part.array(c).tolist() for c in columns), strict=True)
            ledger.things.put(
                [
                    Thing(
                        id=vin.decode(),
                        plate=plate.decode(),
                        model=model.decode(),
                        operator=operator.decode(),
                        simulated=bool(simulated),
                        attributes={"rated_capacity_ah": rated_ah},
                    )
                    for vin, plate, model, operator, simulated, rated_ah in rows
                ]
            )
    finally:
        ledger.close()


def _history(aim: Aim, city: City) -> DemoHistory | None:
    """Return the history of the data folder's city; None where none is wanted or none of ours."""
    if aim.host is not None or not (city.history_days and city.history_vehicles):
        return None
    prepare_data_folder(aim.settings)
    wanted = Wanted(
        aim.settings.demo.pack, city.vehicles, min(city.history_vehicles, city.vehicles),
        city.history_days,
    )  # fmt: skip
    return DemoHistory(aim.settings.data / "demo_history.json", wanted, time.time())


def play_city_to(aim: Aim, city: City, err: Console) -> None:
    """Simulate a city until told to stop, or for so many seconds."""
    host, port = aim.place()
    user, password = aim.account()
    if aim.host is None:
        _register(aim, city.vehicles)
    history = _history(aim, city)
    with _progress(err) as progress:
        if history and not history.is_complete:
            _start_history(aim, history, progress)
        task = progress.add_task("city", total=None, note=f"{city.vehicles} simulated vehicles")

        def step(sent: int, total: int) -> None:
            progress.update(task, completed=sent)

        try:
            summary = play.play_city(
                aim.settings.demo.pack, city.vehicles, host, port, period_s=city.period_s,
                seconds=city.seconds, speed=_speed(city.speed), rate=city.rate, faults=city.faults,
                sleep=False if city.awake else None,
                weak_since_s=history.since_s if history else None, user=user, password=password,
                progress=step,
            )  # fmt: skip
        finally:
            if history:
                history.stop()
    err.print(summary.sentence(), highlight=False)


def _start_history(aim: Aim, history: DemoHistory, progress: Progress) -> None:
    wanted = history.wanted
    note = f"{wanted.days:g} days of {wanted.vehicles} simulated vehicles, sent once"
    task = progress.add_task("history", total=None, note=note)

    def step(sent: int, share: float) -> None:
        progress.update(task, completed=sent, total=sent / share, visible=share < 1)

    account = replace(aim, user=USER, password=None).account()
    history.start(
        aim.place(), account[1], step,
        lambda text: progress.console.print(text, highlight=False, soft_wrap=True, markup=False),
    )  # fmt: skip
