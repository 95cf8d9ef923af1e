"""The two kinds of link that reach a monitoring centre, from the sender's side.

`PlatformLink` is an enterprise platform (05, 06) that forwards the frames of many vehicles;
`VehicleLink` is one terminal (01, 04). Both wait for the answers that the protocol promises and
count every answer. A link is used by one task at a time; answers are read in a task of its own.
"""

import asyncio
import socket
import time
from collections import Counter
from contextlib import suppress
from typing import Final, Self

from millbrain.connect.gbt32960 import fields
from millbrain.connect.gbt32960.framing import AT_COMMAND, AT_FLAG, build_frame, split
from millbrain.connect.gbt32960.simulator.terminal import CONTROL, QUERY, SET, Terminals
from millbrain.core.errors import LimitError, RefusedError
from millbrain.core.times import six_from_epoch

PLATFORM_LOGIN: Final = 0x05
PLATFORM_LOGOUT: Final = 0x06
VEHICLE_LOGIN: Final = 0x01
VEHICLE_LOGOUT: Final = 0x04
HEARTBEAT: Final = 0x07
FLAG_OK: Final = 0x01
USER_BYTES: Final = 12  # 32960.3-2016 table 23
PASSWORD_BYTES: Final = 20
_READ_BYTES: Final = 1 << 16
_DOWNLINK: Final = frozenset((QUERY, SET, CONTROL))


class Link:
    """A TCP connection that asks and is answered.

    answers: (command, flag) -> how many came. sent_bytes: handed to the socket so far.
    """

    def __init__(self, host: str, port: int, *, edition: int, id: str, wait_s: float = 60) -> None:
        self.host, self.port = host, port
        self.edition, self.id = edition, id
        self.answers: Counter[tuple[int, int]] = Counter()
        self.sent_bytes = 0
        self.serial = 0
        self._wait_s = wait_s
        self._terminals = Terminals()
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._socket: socket.socket | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._last_sent_s = 0.0

    async def open(self) -> Self:
        """Connect and start to read answers.

        Raises
        ------
        OSError
            Nobody listens there.
        """
        loop = asyncio.get_running_loop()
        self._socket = sock = socket.socket()
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, (self.host, self.port))
        except BaseException:
            sock.close()
            self._socket = None
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tasks.append(asyncio.create_task(self._read(sock)))
        return self

    async def close(self) -> None:
        """Drop the connection without a word."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def send(self, data: bytes | memoryview) -> None:
        """Send bytes as they are; returns when the socket has taken all of them.

        Raises
        ------
        OSError
            The connection is gone.
        """
        if self._socket is None:
            raise ConnectionResetError(f"link to {self.host}:{self.port} is closed")
        await asyncio.get_running_loop().sock_sendall(self._socket, data)
        self.sent_bytes += len(data)
        self._last_sent_s = time.monotonic()

    async def ask(self, command: int, unit: bytes) -> int:
        """Send a command and return the flag of its answer.

        Raises
        ------
        OSError
            The connection is gone.
        LimitError
            No answer came in time.
        """
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[command] = waiting
        frame = build_frame(self.edition, command, fields.FLAG_COMMAND, self.id, unit)
        await self.send(frame)
        try:
            return int(await asyncio.wait_for(waiting, self._wait_s))
        except TimeoutError as error:
            raise LimitError(
                f"{self.host}:{self.port} has not answered command {command:#04x} "
                f"within {self._wait_s:g} s"
            ) from error
        finally:
            self._waiting.pop(command, None)

    async def keep_alive(self, every_s: float) -> None:
        """Send a heartbeat (07) whenever nothing was sent for `every_s`, until the link closes."""
        self._tasks.append(asyncio.create_task(self._beat(every_s)))

    def six_now(self) -> bytes:
        """Return the present time as the six bytes of a frame."""
        return six_from_epoch(int(time.time()))

    async def _beat(self, every_s: float) -> None:
        beat = build_frame(self.edition, HEARTBEAT, fields.FLAG_COMMAND, self.id, b"")
        while True:
            await asyncio.sleep(max(every_s - (time.monotonic() - self._last_sent_s), 0.05))
            if time.monotonic() - self._last_sent_s >= every_s:
                await self.send(beat)

    async def _read(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        buffer = b""
        try:
            while chunk := await loop.sock_recv(sock, _READ_BYTES):
                buffer += chunk
                found = split(buffer)
                for start, end, is_good in found.frames:
                    if is_good:
                        await self._take(buffer[start:end])
                buffer = buffer[found.consumed :]
        except OSError:
            pass  # whoever sends or waits is told by `_lost`
        self._lost(sock)

    async def _take(self, frame: bytes) -> None:
        command, flag = frame[AT_COMMAND], frame[AT_FLAG]
        if flag == fields.FLAG_COMMAND:
            if command in _DOWNLINK:
                await self.send(self._terminals.respond(frame))
            return
        self.answers[command, flag] += 1
        waiting = self._waiting.get(command)
        if waiting and not waiting.done() and self._is_ours(frame):
            waiting.set_result(flag)

    def _is_ours(self, frame: bytes) -> bool:
        return frame[4:21].rstrip(b"\0") == self.id.encode("latin-1")

    def _lost(self, sock: socket.socket) -> None:
        """Tell whoever waits. The socket is shut, not closed, so that a send under way wakes."""
        text = f"{self.host}:{self.port} has closed the link"
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError(text))
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


class PlatformLink(Link):
    """An enterprise platform: login 05 with user and password, many vehicles, logout 06."""

    async def login(self, user: str, password: str) -> None:
        """Log in and wait for the answer.

        Raises
        ------
        RefusedError
            The centre answered another flag than 01.
        """
        self.serial += 1
        unit = self.six_now() + self.serial.to_bytes(2, "big")
        unit += _padded(user, USER_BYTES) + _padded(password, PASSWORD_BYTES) + b"\x01"
        flag = await self.ask(PLATFORM_LOGIN, unit)
        if flag != FLAG_OK:
            name = fields.FLAGS.get(flag, ("unknown", ""))[0]
            raise RefusedError(
                f"{self.host}:{self.port} refused the platform login of {user!r} "
                f"with flag {flag:#04x} ({name}); check the account and its password"
            )

    async def logout(self) -> int:
        """Log out and return the flag of the answer: all that was sent before is then on disk."""
        return await self.ask(PLATFORM_LOGOUT, self.six_now() + self.serial.to_bytes(2, "big"))


class VehicleLink(Link):
    """One terminal: login 01, its own frames, logout 04. `id` is the VIN."""

    async def login(self, at_s: int | None = None) -> int:
        """Log in and return the flag of the answer (01 ok, 03 the VIN is taken).

        at_s: device time of the login [s since 1970]; None = now.
        """
        self.serial += 1
        unit = self._six(at_s) + self.serial.to_bytes(2, "big") + b"0" * 20
        unit += b"\x01\x00" if self.edition == fields.EDITION_2016 else b"\x00"
        return await self.ask(VEHICLE_LOGIN, unit)

    async def logout(self, at_s: int | None = None) -> int:
        """Log out and return the flag of the answer; `at_s` as in `login`."""
        return await self.ask(VEHICLE_LOGOUT, self._six(at_s) + self.serial.to_bytes(2, "big"))

    def _six(self, at_s: int | None) -> bytes:
        return self.six_now() if at_s is None else six_from_epoch(at_s)


def _padded(text: str, size: int) -> bytes:
    raw = text.encode()
    if len(raw) > size:
        raise ValueError(f"{text!r} has {len(raw)} bytes; the frame has room for {size}")
    return raw.ljust(size, b"\0")
