"""The player: recorded frames or a simulated city, sent to a monitoring centre as a platform would.

Both log in as a platform (05), send, and log out (06). The answer to the logout comes after the
commit of all that was sent before it, so a summary with `is_complete` says that everything is on
disk. A lost connection is opened again with growing pauses, and the piece that was under way is
sent again: the centre stores a repeated frame once.
"""

import asyncio
import gzip
import json
import signal
import time
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop

from millbrain.connect.gbt32960.fields import EDITION_2016, FLAGS
from millbrain.connect.gbt32960.framing import AT_COMMAND, HEADER_BYTES, checksum
from millbrain.connect.gbt32960.simulator.clients import FLAG_OK, PlatformLink
from millbrain.connect.gbt32960.simulator.cohort import City
from millbrain.connect.gbt32960.simulator.fleet import Plan, plan_from
from millbrain.connect.gbt32960.simulator.stream import Habits, Reporter, reporters_of
from millbrain.core.columns import Columns
from millbrain.core.errors import LimitError, SettingsError
from millbrain.core.times import beijing_from_six, six_from_epoch
from millbrain.run.packs import FOLDER

Speed = str | float  # "true", "flat", or a factor
Progress = Callable[[int, int], None]

HEARTBEAT_S: Final = 30.0
RETRY_S_MAX: Final = 30.0
ANSWER_S_MAX: Final = 120.0
LOGINS_MAX: Final = 50_000  # beyond so many vehicles their logins and logouts are left out
FLAT_START_S: Final = 86_400  # flat out, the simulated clock starts a day ago
_TIMED: Final = frozenset((0x01, 0x02, 0x03, 0x04))
_LIVE: Final = 0x02
_PLATFORM: Final = frozenset((0x05, 0x06))  # ours are the only platform frames of the link
_PIECE_BYTES: Final = 1 << 20
_PROGRESS_S: Final = 0.2


@dataclass(slots=True)
class Summary:
    """What was sent and what came back.

    frames: sent, whole ones. tally: kinds of frames and faults -> count. answers: (command, flag)
    -> count. is_complete: the logout was answered with 01, so all is on disk. skipped: lines or
    platform frames of a recording that were not sent.
    """

    frames: int = 0
    sent_bytes: int = 0
    seconds: float = 0.0
    reconnects: int = 0
    skipped: int = 0
    is_complete: bool = False
    tally: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[int, int]] = field(default_factory=Counter)

    def sentence(self) -> str:
        """Say it in one line for a person."""
        rate = self.frames / self.seconds if self.seconds else 0.0
        flags: Counter[str] = Counter()
        for (_, flag), count in self.answers.items():
            flags[FLAGS.get(flag, (f"{flag:#04x}", ""))[0]] += count
        answered = ", ".join(f"{count:,} {name}" for name, count in sorted(flags.items()))
        end = "all on disk" if self.is_complete else "the logout was not answered with ok"
        skipped = f"; {self.skipped:,} lines skipped" if self.skipped else ""
        return (
            f"{self.frames:,} frames in {self.seconds:.1f} s ({rate:,.0f}/s), "
            f"answers: {answered or 'none'}; {end}{skipped}"
        )


class Player:
    """A platform link that comes back after a loss."""

    def __init__(self, host: str, port: int, user: str, password: str) -> None:
        self.summary = Summary()
        self._place = (host, port)
        self._account = (user, password)
        self._link: PlatformLink | None = None
        self._retry_s = 0.5

    async def open(self) -> None:
        """Connect and log in.

        Raises
        ------
        OSError
            Nobody listens there.
        RefusedError
            The login was refused.
        """
        user = self._account[0]
        link = PlatformLink(*self._place, edition=EDITION_2016, id=user[:17], wait_s=ANSWER_S_MAX)
        try:
            await link.open()
            await link.login(*self._account)
            await link.keep_alive(HEARTBEAT_S)
        except BaseException:
            await link.close()
            raise
        self._link = link
        self._retry_s = 0.5

    async def send(self, piece: bytes | memoryview) -> None:
        """Send one piece, however often the connection is lost meanwhile."""
        while True:
            try:
                if self._link is None:
                    await self.open()
                assert self._link is not None
                await self._link.send(piece)
            except (OSError, LimitError):
                await self._drop()
                self.summary.reconnects += 1
                await asyncio.sleep(self._retry_s)
                self._retry_s = min(self._retry_s * 2, RETRY_S_MAX)
            else:
                self.summary.sent_bytes += len(piece)
                return

    async def finish(self) -> None:
        """Log out, wait for the answer, close."""
        if self._link is not None:
            with suppress(OSError, LimitError):
                self.summary.is_complete = await self._link.logout() == FLAG_OK
            await self._drop()

    async def _drop(self) -> None:
        if self._link is not None:
            self.summary.answers += self._link.answers
            await self._link.close()
            self._link = None


@asynccontextmanager
async def _playing(host: str, port: int, user: str, password: str) -> AsyncIterator[Player]:
    """Open a player, log out in the end whatever happens, and measure the time between."""
    player = Player(host, port, user, password)
    await player.open()
    began_s = time.monotonic()
    try:
        yield player
    finally:
        await player.finish()
        player.summary.seconds = time.monotonic() - began_s


# Recorded frames --------------------------------------------------------------------------------
def play_file(
    paths: Sequence[Path],
    host: str,
    port: int,
    *,
    speed: Speed = "flat",
    user: str = "player",
    password: str = "",
    retime: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Replay recorded frames over a platform link.

    Parameters
    ----------
    paths
        Files of hex lines or of JSON lines with ``hex``, plain or .gz.
    speed
        ``true`` keeps the recorded pauses, a number divides them, ``flat`` has none. Pauses follow
        the device times of live frames (02); reissued ones are sent without.
    retime
        Shift every device time so that the last frame is dated now.
    progress
        Called with frames sent and frames in all.

    Raises
    ------
    OSError, RefusedError
        Nobody listens there, or the login was refused.
    """
    frames, skipped = read_frames(paths)
    if retime:
        frames = shift_times(frames, time.time())
    summary = uvloop.run(
        _play_frames(frames, (host, port, user, password), speed, progress or _silent)
    )
    summary.skipped = skipped
    return summary


async def _play_frames(
    frames: Sequence[bytes], where: tuple[str, int, str, str], speed: Speed, progress: Progress
) -> Summary:
    stop = _stop_event()
    async with _playing(*where) as player:
        for piece, count, pause_s in _pieces(frames, speed):
            if pause_s and await _is_set_within(stop, pause_s):
                break
            await player.send(piece)
            player.summary.frames += count
            progress(player.summary.frames, len(frames))
    return player.summary


def _pieces(frames: Sequence[bytes], speed: Speed) -> Iterator[tuple[bytes, int, float]]:
    """Yield (bytes, frames, pause before them [s]); flat out, many frames make one piece."""
    if speed == "flat":
        held: list[bytes] = []
        size = 0
        for frame in frames:
            held.append(frame)
            size += len(frame)
            if size >= _PIECE_BYTES:
                yield b"".join(held), len(held), 0.0
                held, size = [], 0
        if held:
            yield b"".join(held), len(held), 0.0
        return
    factor = 1.0 if speed == "true" else float(speed)
    last_s: float | None = None
    for frame in frames:
        at_s = device_s(frame) if frame[AT_COMMAND] == _LIVE else None
        pause_s = max(at_s - last_s, 0.0) / factor if at_s and last_s else 0.0
        last_s = at_s or last_s
        yield frame, 1, pause_s


def read_frames(paths: Sequence[Path]) -> tuple[list[bytes], int]:
    """Return the frames of recordings in order, and how many lines were left out.

    Left out are lines without hex and platform logins and logouts, since the link makes its own.
    """
    frames: list[bytes] = []
    skipped = 0
    for path in paths:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8", "replace")
        for line in filter(None, map(str.strip, text.splitlines())):
            frame = _from_line(line)
            if frame is None or (len(frame) > AT_COMMAND and frame[AT_COMMAND] in _PLATFORM):
                skipped += 1
            else:
                frames.append(frame)
    return frames, skipped


def _from_line(line: str) -> bytes | None:
    try:
        return bytes.fromhex(str(json.loads(line)["hex"]) if line.startswith("{") else line)
    except (ValueError, KeyError, TypeError):
        return None


def device_s(frame: bytes) -> float | None:
    """Return the device time [s since 1970] of a plain frame that carries one, else None."""
    if len(frame) < HEADER_BYTES + 7 or frame[AT_COMMAND] not in _TIMED or frame[21] > 1:
        return None
    at = beijing_from_six(frame[HEADER_BYTES : HEADER_BYTES + 6])
    return at.timestamp() if at else None


def shift_times(frames: Sequence[bytes], last_s: float) -> list[bytes]:
    """Move all device times by one amount, so that the latest becomes `last_s` [s since 1970].

    Check bytes are made anew where they were right; signatures would no longer agree.
    """
    times = [device_s(frame) for frame in frames]
    known = [t for t in times if t is not None]
    if not known:
        return list(frames)
    shift = int(last_s - max(known))
    return [
        frame if at is None else _dated(frame, int(at) + shift)
        for frame, at in zip(frames, times, strict=True)
    ]


def _dated(frame: bytes, at_s: int) -> bytes:
    dated = bytearray(frame)
    dated[HEADER_BYTES : HEADER_BYTES + 6] = six_from_epoch(at_s)
    if checksum(frame) == frame[-1]:
        dated[-1] = checksum(dated)
    return bytes(dated)


# A simulated city -------------------------------------------------------------------------------
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
    habits = Habits(sleeps, sleeps and vehicles <= LOGINS_MAX, dict(faults or {}))
    city = City(read_plan(pack), vehicles, seed)
    now_s = time.time()
    start_s = now_s - FLAT_START_S if speed == "flat" else now_s
    city.settle(start_s)
    tempo = CityTempo(period_s, seconds, speed, rate)
    reporters = reporters_of(city, habits, seed)
    where = (host, port, user, password)
    return uvloop.run(stream_city(reporters, start_s, where, tempo, progress or _silent))


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
    stop = _stop_event()
    async with _playing(*where) as player:
        began_s = shown_s = time.monotonic()
        summary = player.summary
        for at_s, reporter in _turns(reporters, tempo.period_s):
            now_s = time.monotonic()
            if stop.is_set() or (tempo.seconds and now_s - began_s >= tempo.seconds):
                break
            due_s = began_s + _due_s(at_s, summary.frames, tempo)
            if due_s > now_s and await _is_set_within(stop, due_s - now_s):
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


def _stop_event() -> asyncio.Event:
    """Return an event that SIGTERM and Ctrl-C set, so that a player logs out before it ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        with suppress(RuntimeError, ValueError):  # not in the main thread: the caller stops us
            loop.add_signal_handler(sig, stop.set)
    return stop


async def _is_set_within(stop: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()


def _silent(sent: int, total: int) -> None:
    """Show no progress."""
