"""What every player stands on: a platform link that comes back, and the sum of what was sent.

A lost connection is opened again with growing pauses, and the piece that was under way is sent
again: the centre stores a repeated frame once. The answer to the logout comes after the commit of
all that was sent before it, so a summary with `is_complete` says that everything is on disk.
"""

import asyncio
import signal
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final, Generic, TypeVar

from millbrain.connect.gbt32960.fields import EDITION_2016, FLAGS
from millbrain.connect.gbt32960.simulator.clients import (
    FLAG_OK,
    Link,
    PlatformLink,
    VehicleLink,
)
from millbrain.core.errors import LimitError, RefusedError

Speed = str | float  # "true", "flat", or a factor
Progress = Callable[[int, int], None]
Piece = tuple[bytes | memoryview, int, float]  # bytes, frames in them, pause before them [s]

L = TypeVar("L", bound=Link)
S = TypeVar("S", bound="Sender[Any]")

HEARTBEAT_S: Final = 30.0
RETRY_S_MAX: Final = 30.0
ANSWER_S_MAX: Final = 120.0
PIECE_BYTES: Final = 1 << 20  # flat out, so many bytes are handed to the socket at once


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


class Sender(ABC, Generic[L]):
    """A link that comes back after a loss and sends the piece under way again."""

    def __init__(self, host: str, port: int) -> None:
        self.summary = Summary()
        self._place = (host, port)
        self._link: L | None = None
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
        link = self._new_link()
        try:
            await link.open()
            await self._greet(link)
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
                self.summary.is_complete = await self._part(self._link) == FLAG_OK
            await self._drop()

    @abstractmethod
    def _new_link(self) -> L:
        """Return a link that is not open yet."""

    @abstractmethod
    async def _greet(self, link: L) -> None:
        """Log in."""

    @abstractmethod
    async def _part(self, link: L) -> int:
        """Log out and return the flag of the answer."""

    async def _drop(self) -> None:
        if self._link is not None:
            self.summary.answers += self._link.answers
            await self._link.close()
            self._link = None


class Player(Sender[PlatformLink]):
    """An enterprise platform that forwards the frames of many vehicles."""

    def __init__(self, host: str, port: int, user: str, password: str) -> None:
        super().__init__(host, port)
        self._account = (user, password)

    def _new_link(self) -> PlatformLink:
        name = self._account[0][:17]
        return PlatformLink(*self._place, edition=EDITION_2016, id=name, wait_s=ANSWER_S_MAX)

    async def _greet(self, link: PlatformLink) -> None:
        await link.login(*self._account)
        await link.keep_alive(HEARTBEAT_S)

    async def _part(self, link: PlatformLink) -> int:
        return await link.logout()


class Terminal(Sender[VehicleLink]):
    """A vehicle's own link; its login and logout carry the device times of the recording.

    span_s: device times of login and logout [s since 1970].
    """

    def __init__(
        self, host: str, port: int, vin: str, edition: int, span_s: tuple[int, int]
    ) -> None:
        super().__init__(host, port)
        self._who = (vin, edition)
        self._span_s = span_s

    def _new_link(self) -> VehicleLink:
        vin, edition = self._who
        return VehicleLink(*self._place, edition=edition, id=vin, wait_s=ANSWER_S_MAX)

    async def _greet(self, link: VehicleLink) -> None:
        flag = await link.login(self._span_s[0])
        if flag != FLAG_OK:
            name = FLAGS.get(flag, ("unknown", ""))[0]
            raise RefusedError(
                f"{link.host}:{link.port} refused the login of vehicle {self._who[0]!r} with flag "
                f"{flag:#04x} ({name}); nothing of it was sent"
            )
        await link.keep_alive(HEARTBEAT_S)

    async def _part(self, link: VehicleLink) -> int:
        return await link.logout(self._span_s[1])


@asynccontextmanager
async def playing(sender: S) -> AsyncIterator[S]:
    """Open a sender, log out in the end whatever happens, and measure the time between."""
    await sender.open()
    began_s = time.monotonic()
    try:
        yield sender
    finally:
        await sender.finish()
        sender.summary.seconds = time.monotonic() - began_s


async def send_pieces(
    sender: Sender[Any], pieces: Iterable[Piece], total: int, progress: Progress
) -> Summary:
    """Send pieces with their pauses until they end or Ctrl-C; return what became of them.

    total: frames in all, for `progress`.
    """
    stop = stop_event()
    async with playing(sender):
        summary = sender.summary
        for piece, count, pause_s in pieces:
            if pause_s and await is_set_within(stop, pause_s):
                break
            await sender.send(piece)
            summary.frames += count
            progress(summary.frames, total)
            if stop.is_set():
                break
    return sender.summary


def factor_of(speed: Speed) -> float:
    """Return by what recorded pauses are divided; infinite when flat out."""
    if speed == "flat":
        return inf
    return 1.0 if speed == "true" else float(speed)


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM and Ctrl-C set, so that a player logs out before it ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        with suppress(RuntimeError, ValueError):  # not in the main thread: the caller stops us
            loop.add_signal_handler(sig, stop.set)
    return stop


async def is_set_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until the event is set; return whether it is."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()


def silent(sent: int, total: int) -> None:
    """Show no progress."""
