"""Recorded vehicles: tables of one row a report, sent as frames with their own device times.

Several recordings go out side by side: flat out one behind the other, else each from its own first
report on, however many years lie between them.
"""

import asyncio
import heapq
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isinf
from pathlib import Path
from typing import Any, Literal

import numpy as np
import uvloop

from millbrain.connect.gbt32960.fields import EDITION_2016
from millbrain.connect.gbt32960.simulator.fleet import vins
from millbrain.connect.gbt32960.simulator.recorded import REALTIME, REISSUE, Recorded
from millbrain.connect.gbt32960.simulator.spellings import QUANTITIES
from millbrain.connect.gbt32960.simulator.tables import EVER, Span, heading_of, read_table
from millbrain.core.errors import SettingsError
from millbrain.core.times import BEIJING, utc_from_epoch
from millbrain.run.play.sender import (
    PIECE_BYTES,
    Piece,
    Player,
    Progress,
    Speed,
    Summary,
    Terminal,
    factor_of,
    send_pieces,
    silent,
)

_LETTER = "R"  # of the model in the VIN that a recording without one is sent under
_VIN_SERIALS = 1_000_000
_WHAT = {
    "abnormal": "beyond what the field holds, sent as abnormal",
    "invalid": "missing, sent as invalid",
    "finer": "recorded finer than the step of the wire, rounded to it",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How tables are read and under whose name they are sent.

    vins: for the vehicles in the order of the files; one that is left out is read from the table,
    else invented from the file's name. columns: column's name -> quantity, before the known
    spellings. span: device times to send. reissue: as reissued data (03) instead of realtime (02).
    """

    vins: Sequence[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    packs: int = 1
    edition: int = EDITION_2016
    span: Span = EVER
    reissue: bool = False


@dataclass(frozen=True, slots=True)
class Car:
    """One recorded vehicle, ready to be sent."""

    vin: str
    source: str
    frames: Recorded

    @property
    def total(self) -> int:
        """Frames in all, with login and logout."""
        return len(self.frames.found) * self.frames.frames_per_report + 2

    def sentences(self) -> list[str]:
        """Say what it is, and what had to be assumed or could not be sent as it was recorded."""
        found = self.frames.found
        first, last = (_beijing(int(found.device_s[k])) for k in (0, -1))
        return [
            f"{self.source} as {self.vin}: {len(found):,} reports of {found.cells_mv.shape[1]} "
            f"cells and {found.temps_degc.shape[1]} probes, {first} to {last} Beijing time",
            *found.notes,
        ]

    def losses(self) -> list[str]:
        """Say, after sending, which values did not go out as they were recorded."""
        return [
            f"{self.vin} {name}: {count:,} values {_WHAT[what]}"
            for (name, what), count in sorted(self.frames.tally.items())
        ]


def read_cars(
    paths: Sequence[Path], reading: Reading, tell: Callable[[str], None] = lambda _: None
) -> list[Car]:
    """Read recorded tables; `tell` hears of columns that nobody knows.

    Raises
    ------
    FrameError
        A file is no such table.
    LimitError
        A file has too many rows or columns.
    SettingsError
        A quantity or VIN that was given is not one, or the cells do not fit the packs.
    """
    _check(reading)
    given = list(reading.vins)
    cars: list[Car] = []
    for path in paths:
        heading = heading_of(path, reading.columns)
        if heading.unknown:
            tell(
                f"{path.name}: columns that are not known are not sent: "
                f"{', '.join(heading.unknown)}; name them with --column NAME=QUANTITY"
            )
        for found in read_table(path, heading, reading.span):
            vin = given.pop(0) if given else found.vin or vin_of(path)
            frames = Recorded(
                found, vin, edition=reading.edition, packs=reading.packs,
                command=REISSUE if reading.reissue else REALTIME,
            )  # fmt: skip
            cars.append(Car(vin, path.name, frames))
    twice = [vin for vin, count in Counter(car.vin for car in cars).items() if count > 1]
    if twice and not reading.vins:
        raise SettingsError(f"two recordings would be sent as {twice[0]}; tell them apart by --vin")
    return cars


def retime_cars(cars: Sequence[Car], last_s: float) -> None:
    """Shift the device times of each car by one amount, so that its last report is at `last_s`."""
    for car in cars:
        found = car.frames.found
        found.device_s = found.device_s + (int(last_s) - int(found.device_s[-1]))


def vin_of(path: Path) -> str:
    """Return the VIN that a recording without one is sent under: the same for the same name.

    >>> vin_of(Path("nie_car2.csv.gz"))
    '0SMSMR001S1905910'
    """
    serial = zlib.crc32(path.name.split(".", 1)[0].encode()) % _VIN_SERIALS
    return vins(_LETTER, np.array([serial])).tobytes().decode("ascii")


def _check(reading: Reading) -> None:
    for name, quantity in reading.columns.items():
        if quantity not in QUANTITIES:
            raise SettingsError(
                f"--column {name}={quantity}: there is no such quantity; known are "
                f"{', '.join(QUANTITIES)}"
            )
    for vin in reading.vins:
        if not (0 < len(vin) <= 17 and vin.isascii() and vin.isalnum()):
            raise SettingsError(f"--vin is {vin!r}; allowed are up to 17 letters and digits")


def play_cars(
    cars: Sequence[Car],
    host: str,
    port: int,
    *,
    as_: Literal["platform", "vehicle"] = "platform",
    speed: Speed = "flat",
    user: str = "player",
    password: str = "",
    progress: Progress | None = None,
) -> Summary:
    """Send recorded vehicles, each with login (01), reports and logout (04).

    Parameters
    ----------
    cars
        What `read_cars` returned.
    as_
        ``platform``: one platform link for all; ``vehicle``: a link for each.
    speed
        ``true`` keeps the recorded pauses, a number divides them, ``flat`` has none.
    progress
        Called with frames sent and frames in all.

    Raises
    ------
    OSError, RefusedError
        Nobody listens there, or a login was refused.
    """
    shown = progress or silent
    factor = factor_of(speed)
    if as_ == "platform":
        player = Player(host, port, user, password)
        total = sum(car.total for car in cars)
        return uvloop.run(send_pieces(player, _merged(cars, factor), total, shown))
    return uvloop.run(_as_vehicles(cars, host, port, factor, shown))


async def _as_vehicles(
    cars: Sequence[Car], host: str, port: int, factor: float, progress: Progress
) -> Summary:
    total, sent = sum(car.total - 2 for car in cars), Counter[str]()

    async def one(car: Car) -> Summary:
        def step(frames: int, _: int) -> None:
            sent[car.vin] = frames
            progress(sent.total(), total)

        at = car.frames.found.device_s
        link = Terminal(host, port, car.vin, car.frames.edition, (int(at[0]), int(at[-1])))
        return await send_pieces(link, (p for _, p in _timed(car, factor)), total, step)

    return _sum(await asyncio.gather(*map(one, cars)))


def _sum(parts: Sequence[Summary]) -> Summary:
    whole = Summary(is_complete=all(part.is_complete for part in parts))
    for part in parts:
        whole.frames += part.frames
        whole.sent_bytes += part.sent_bytes
        whole.reconnects += part.reconnects
        whole.answers += part.answers
        whole.seconds = max(whole.seconds, part.seconds)
    return whole


def _merged(cars: Sequence[Car], factor: float) -> Iterator[Piece]:
    """Yield the pieces of all cars, each with its login and logout, in the order of their time."""
    streams: list[Iterator[tuple[float, Piece]]] = [_in_session(car, factor) for car in cars]
    if isinf(factor):
        for stream in streams:
            yield from (piece for _, piece in stream)
        return
    now_s = 0.0
    for at_s, (data, count, _) in heapq.merge(*streams, key=lambda pair: pair[0]):
        yield data, count, at_s - now_s
        now_s = at_s


def _in_session(car: Car, factor: float) -> Iterator[tuple[float, Piece]]:
    at = car.frames.found.device_s
    yield 0.0, (car.frames.session(is_login=True), 1, 0.0)
    yield from _timed(car, factor)
    span_s = 0.0 if isinf(factor) else float(at[-1] - at[0]) / factor
    yield span_s, (car.frames.session(is_login=False), 1, 0.0)


def _timed(car: Car, factor: float) -> Iterator[tuple[float, Piece]]:
    """Yield (seconds since the first report, piece with the pause before it)."""
    frames, at = car.frames, car.frames.found.device_s
    last_s = 0.0
    for first, rows in frames.chunks():
        step = max(PIECE_BYTES // rows.shape[1], 1) if isinf(factor) else 1
        for k in range(0, len(rows), step):
            part: Any = rows[k : k + step]
            at_s = 0.0 if isinf(factor) else float(at[first + k] - at[0]) / factor
            count = len(part) * frames.frames_per_report
            yield at_s, (part.tobytes(), count, at_s - last_s)
            last_s = at_s


def _beijing(at_s: int) -> str:
    return utc_from_epoch(at_s).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
