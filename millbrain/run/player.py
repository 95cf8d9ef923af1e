"""`millbrain play`: where to send, with which account, and a progress bar around the player."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from millbrain.connect.gbt32960.simulator.faults import BYTE_FAULTS, VALUE_FAULTS
from millbrain.core.errors import NotFoundError, SettingsError
from millbrain.record.ledger import Ledger
from millbrain.record.ledger.models import Thing
from millbrain.run import play, run_files
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


def play_files_to(
    aim: Aim, files: Sequence[Path], speed: str, err: Console, *, retime: bool = False
) -> None:
    """Replay recorded frames and print what was sent and answered."""
    for file in files:
        if not file.is_file():
            raise NotFoundError(
                f"{file} is not a file; give hex lines, .gz or JSON lines with `hex`"
            )
    host, port = aim.place()
    user, password = aim.account()
    with _progress(err) as progress:
        task = progress.add_task("play", total=None, note="")

        def step(sent: int, total: int) -> None:
            progress.update(task, completed=sent, total=total)

        summary = play.play_file(
            files,
            host,
            port,
            speed=_speed(speed),
            user=user,
            password=password,
            retime=retime,
            progress=step,
        )
    err.print(summary.sentence(), highlight=False)


@dataclass(frozen=True, slots=True)
class City:
    """What is simulated: how many vehicles, how fast, for how long, with which faults.

    seconds: 0 = until told to stop. rate: frames a second at most, 0 = no bound. faults: kind ->
    share of vehicles or frames, 0 to 1.
    """

    vehicles: int
    period_s: float
    seconds: float
    speed: str
    rate: float = 0.0
    faults: Mapping[str, float] = field(default_factory=dict)


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
            columns = ("vin", "plate", "model", "operator", "simulated")
            rows = zip(*(part.array(c).tolist() for c in columns), strict=True)
            ledger.things.put(
                [
                    Thing(
                        id=vin.decode(),
                        plate=plate.decode(),
                        model=model.decode(),
                        operator=operator.decode(),
                        simulated=bool(simulated),
                    )
                    for vin, plate, model, operator, simulated in rows
                ]
            )
    finally:
        ledger.close()


def play_city_to(aim: Aim, city: City, err: Console) -> None:
    """Simulate a city until told to stop, or for so many seconds."""
    host, port = aim.place()
    user, password = aim.account()
    if aim.host is None:
        _register(aim, city.vehicles)
    with _progress(err) as progress:
        task = progress.add_task("city", total=None, note=f"{city.vehicles} simulated vehicles")

        def step(sent: int, total: int) -> None:
            progress.update(task, completed=sent)

        summary = play.play_city(
            aim.settings.demo.pack,
            city.vehicles,
            host,
            port,
            period_s=city.period_s,
            seconds=city.seconds,
            speed=_speed(city.speed),
            rate=city.rate,
            faults=city.faults,
            user=user,
            password=password,
            progress=step,
        )
    err.print(summary.sentence(), highlight=False)
