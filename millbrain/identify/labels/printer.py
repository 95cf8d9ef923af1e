"""Has prints made in a process of their own, one after the other, so that resolving never waits."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from typing import Final

from millbrain.core.errors import LimitError, StoreError
from millbrain.core.limits import LABEL_PRINT_S_MAX, LABEL_PRINTS_WAITING_MAX
from millbrain.identify.labels.sheets import Order, Print, UnreadableError
from millbrain.identify.labels.told import order_json
from millbrain.identify.labels.worker import DONE, HEAD, LENGTH, UNREADABLE

_COMMAND: Final = (sys.executable, "-m", "millbrain.identify.labels.worker")


class Printer:
    """The process is started with the first print and ends some time after the last one."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def printed(self, order: Order) -> Print:
        """Return what `sheets.printed` makes of an order.

        Raises
        ------
        UnreadableError, ValueError
            As told there.
        LimitError
            Too many prints wait, or this one took too long.
        """
        if self._waiting >= LABEL_PRINTS_WAITING_MAX:
            raise LimitError(f"labels: {self._waiting} prints wait already; try again")
        self._waiting += 1
        try:
            async with self._turn:
                head, body = await self._asked(order_json(order))
        finally:
            self._waiting -= 1
        verdict, pages, labels = head
        if verdict == DONE:
            return Print(body, pages, labels)
        words = body.decode("utf-8", "replace")
        raise UnreadableError(words) if verdict == UNREADABLE else ValueError(words)

    async def _asked(self, raw: bytes) -> tuple[tuple[int, int, int], bytes]:
        if self._process is not None:
            with contextlib.suppress(StoreError):  # it has ended since, for want of work
                return await self._exchanged(self._process, raw)
        self._process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=PIPE, stdout=PIPE)
        return await self._exchanged(self._process, raw)

    async def _exchanged(
        self, process: Process, raw: bytes
    ) -> tuple[tuple[int, int, int], bytes]:  # fmt: skip
        try:
            async with asyncio.timeout(LABEL_PRINT_S_MAX):
                return await _exchanged(process, raw)
        except TimeoutError as error:
            self._end()
            raise LimitError(f"labels: not printed after {LABEL_PRINT_S_MAX} s") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            self._end()
            raise StoreError(f"labels: the printing process ended: {error}; try again") from error
        except BaseException:  # half an answer may be on its way
            self._end()
            raise

    def _end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        self._process = None


async def _exchanged(process: Process, raw: bytes) -> tuple[tuple[int, int, int], bytes]:
    if process.stdin is None or process.stdout is None:
        raise OSError("it has no pipes")
    process.stdin.write(LENGTH.pack(len(raw)) + raw)
    await process.stdin.drain()
    verdict, pages, labels, size = HEAD.unpack(await process.stdout.readexactly(HEAD.size))
    return (verdict, pages, labels), await process.stdout.readexactly(size)
