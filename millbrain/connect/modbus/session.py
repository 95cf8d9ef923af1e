"""One device: connect, poll by period, write with read-back, and say how it stands.

After a silence the socket is opened anew, so that an answer that comes late is never taken for the
answer to another question; frames of a serial line carry nothing to tell them apart.
"""

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusTcpClient

from millbrain.connect.modbus import codec, sentences
from millbrain.connect.modbus.codec import Block, Place, Registers, parse
from millbrain.connect.modbus.options import Options
from millbrain.connect.modbus.polling import Poll, Refusal
from millbrain.connect.modbus.sentences import Words
from millbrain.core.columns import Columns, Delivery
from millbrain.core.errors import FrameError, LinkError, RefusedError
from millbrain.core.plant.tags import Connection, ConnectionState, Phase, Tag
from millbrain.core.rooms import Sink

log = logging.getLogger(__name__)
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # we say it once, in words

RETRY_S_MIN: Final = 0.5
RETRY_S_MAX: Final = 30.0
SILENT_S_MIN: Final = 2.0  # a station that did not answer is left alone so long, then twice ...
SILENT_S_MAX: Final = 60.0
TROUBLES_SHOWN: Final = 5_000
_FRAMERS: Final = {"tcp": FramerType.SOCKET, "rtu": FramerType.RTU}


class SilentError(LinkError):
    """A station did not answer; the socket must be opened anew."""

    def __init__(self, unit: int) -> None:
        super().__init__(f"station {unit} does not answer")
        self.unit = unit


class Session:
    """A started connection. Event loop only."""

    def __init__(
        self, connection: Connection, options: Options, tags: Sequence[Tag], sink: Sink
    ) -> None:
        self.connection = connection
        self.options = options
        self._sink = sink
        self._polls, self._wrong = _polls(connection, options, tags)
        self.tags = {(t.thing, t.signal): t for t in tags if t.enabled}
        self._client: AsyncModbusTcpClient | None = None
        self._lock = asyncio.Lock()  # one question at a time; a write goes before the next poll
        self._phase = Phase.CONNECTING
        self._since_ms = _now_ms()
        self._words: Words = ("", "")
        self._values = 0
        self._received_ms = 0
        self._silent: dict[int, tuple[float, float]] = {}  # unit -> until when, for how long [s]
        self._handing: asyncio.Task[None] | None = None
        self._task = asyncio.create_task(self._run())

    # State --------------------------------------------------------------------------------------

    def state(self) -> ConnectionState:
        """Describe how it stands."""
        troubles = dict(self._wrong)
        for poll in self._polls:
            troubles |= poll.troubles
        words = self._words
        total = len(self._wrong) + sum(len(p.tags) for p in self._polls)
        if self._phase is Phase.CONNECTED and troubles and not words[0]:
            words = sentences.partly(len(troubles), total, next(iter(troubles.values())))
        shown = list(troubles.items())[:TROUBLES_SHOWN]
        return ConnectionState(
            self.connection.key, self._phase, self._since_ms, *words, self._values,
            self._received_ms, {a: t[0] for a, t in shown}, {a: t[1] for a, t in shown},
        )  # fmt: skip

    def link(self) -> dict[str, Any] | None:
        """Describe the open link, None while there is none."""
        if self._phase is not Phase.CONNECTED:
            return None
        return {
            "link": self.connection.key,
            "remote": self.connection.endpoint,
            "since": self._since_ms / 1000,
            "bytes": 0,
            "frames": self._values,
            "last_received_ms": self._received_ms,
            "vehicles": 0,
        }

    def _stand(self, phase: Phase, words: Words = ("", "")) -> None:
        if phase is not self._phase:
            self._since_ms = _now_ms()
            level = logging.INFO if phase is Phase.CONNECTED else logging.WARNING
            if Phase.CONNECTED in (phase, self._phase) or phase is Phase.FAILED:
                log.log(level, "modbus %s: %s %s", self.connection.key, phase, words[0])
        self._phase, self._words = phase, words

    # The loop -----------------------------------------------------------------------------------

    async def _run(self) -> None:
        retry_s = RETRY_S_MIN
        while True:
            pause_s = 0.0
            try:
                await self._connect()
                await self._serve()
            except SilentError as e:
                pause_s = await self._after_silence(e.unit)
                retry_s = RETRY_S_MIN
            except (OSError, ModbusException, LinkError) as e:
                retry_s = RETRY_S_MIN if self._phase is Phase.CONNECTED else retry_s
                await self._lose(sentences.unreachable(self.connection.endpoint, e, retry_s))
                pause_s, retry_s = retry_s, min(retry_s * 2, RETRY_S_MAX)
            except Exception:
                log.exception("modbus %s: this should not happen", self.connection.key)
                pause_s = RETRY_S_MAX
            finally:
                self._disconnect()
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))

    async def _after_silence(self, unit: int) -> float:
        """Leave a station alone; return how long to wait, 0 where others are there to be asked."""
        again_s = self._note_silence(unit)
        if not self._all_silent():
            return 0.0
        timeout_ms = self.options.timeout_ms
        await self._lose(sentences.silent(self.connection.endpoint, unit, timeout_ms, again_s))
        return again_s

    async def _connect(self) -> None:
        o = self.options
        # pymodbus says only that it failed; the reason comes from a socket of our own.
        timeout_s = max(o.timeout_ms / 1000, 1.0)
        opening = asyncio.open_connection(o.host, o.port)
        _, writer = await asyncio.wait_for(opening, timeout_s)
        writer.close()
        client = AsyncModbusTcpClient(
            o.host, port=o.port, framer=_FRAMERS[o.framing], timeout=o.timeout_ms / 1000,
            retries=0, reconnect_delay=0, name=self.connection.key,
        )  # fmt: skip
        self._client = client
        if not await asyncio.wait_for(client.connect(), timeout_s):
            raise LinkError("the device closed the connection at once")
        if not any(p.tags for p in self._polls):
            self._stand(Phase.CONNECTED, sentences.NO_TAGS if not self._wrong else ("", ""))

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _serve(self) -> None:
        """Poll until the device falls silent or the connection ends."""
        while self._polls:
            poll = min(self._polls, key=lambda p: p.due_at)
            await asyncio.sleep(max(0.0, poll.due_at - time.monotonic()))
            started = time.monotonic()
            # A poll that comes too late is left out; it does not pile up.
            poll.due_at = max(poll.due_at + poll.period_s, started + poll.period_s / 2)
            readings, count = await poll.read(self._ask)
            if count:
                self._stand(Phase.CONNECTED)
                self._received_ms = _now_ms()
            if readings is not None:
                await self._hand_on(readings)
        while True:  # nothing to read: the link itself shows whether the device is there
            await asyncio.sleep(1)
            if self._client is None or not self._client.connected:
                raise ConnectionResetError("the device closed the connection")

    async def _hand_on(self, readings: Columns) -> None:
        """Wait while the intake is full: that is what slows the polling."""
        delivery = Delivery({self.connection.key: readings.rows}, {"reading": readings})
        self._values += readings.rows
        self._handing = asyncio.create_task(asyncio.to_thread(self._sink.put, delivery))
        await asyncio.shield(self._handing)

    async def _lose(self, words: Words) -> None:
        self._stand(Phase.FAILED, words)
        for poll in self._polls:
            poll.restart()
            poll.due_at = 0.0
            readings = poll.lose(sentences.OFF_LINE)
            if readings is not None:
                await self._hand_on(readings)

    # Stations -----------------------------------------------------------------------------------

    def _note_silence(self, unit: int) -> float:
        """Leave a station alone for a while; return for how long [s]."""
        _, before_s = self._silent.get(unit, (0.0, SILENT_S_MIN / 2))
        again_s = min(before_s * 2, SILENT_S_MAX)
        self._silent[unit] = time.monotonic() + again_s, again_s
        return again_s

    def _all_silent(self) -> bool:
        units = {b.unit for poll in self._polls for b in poll.blocks}
        now = time.monotonic()
        return all(self._silent.get(unit, (0.0, 0.0))[0] > now for unit in units)

    async def _ask(self, block: Block) -> Registers | Refusal | None:
        if self._silent.get(block.unit, (0.0, 0.0))[0] > time.monotonic():
            return None
        async with self._lock:
            answer = await self._read(block)
        self._silent.pop(block.unit, None)
        return answer

    async def _read(self, block: Block) -> Registers | Refusal:
        client = self._open_client()
        if self.options.pause_ms:
            await asyncio.sleep(self.options.pause_ms / 1000)
        read = {"coil": client.read_coils, "discrete": client.read_discrete_inputs,
                "input": client.read_input_registers,
                "holding": client.read_holding_registers}[block.table]  # fmt: skip
        try:
            answer = await read(block.start, count=block.count, device_id=block.unit)
        except ModbusException as e:
            if not client.connected:
                raise ConnectionResetError("the device closed the connection") from e
            raise SilentError(block.unit) from e
        if answer.isError():
            return Refusal(int(getattr(answer, "exception_code", 0)) or 4)
        found = answer.bits if block.table in ("coil", "discrete") else answer.registers
        if len(found) < block.count:  # the answer to another question
            raise SilentError(block.unit)
        return np.array(found[: block.count], np.uint16)

    def _open_client(self) -> AsyncModbusTcpClient:
        if self._client is None or not self._client.connected:
            raise ConnectionResetError("the device closed the connection")
        return self._client

    # Commands -----------------------------------------------------------------------------------

    async def write(self, tag: Tag, value: Any) -> Mapping[str, Any]:
        """Write a value and read it back.

        Raises
        ------
        RefusedError
            The tag is not writable, or the value does not fit.
        LinkError
            The device is not connected, or refuses.
        """
        if not tag.writable:
            raise RefusedError(f"tag {tag.address} of {self.connection.key} is not writable; its "
                               "setting `writable` says so")  # fmt: skip
        place = parse(tag.address, self.options.unit_id, self.options.first)
        try:
            wanted = codec.encode(place, _raw(tag, place, value))
        except FrameError as e:
            raise RefusedError(f"{tag.thing} {tag.signal}: {e}") from e
        block = Block(place.unit, place.table, place.start, place.count)
        async with self._lock:
            try:
                await self._put(place, wanted, block)
                back = await self._read(block)
            except (OSError, SilentError) as e:
                self._disconnect()  # the loop opens it anew
                raise LinkError(f"{self.connection.key}: {e}; whether it was written is not known"
                                ) from e  # fmt: skip
        if isinstance(back, Refusal):
            raise LinkError(f"{tag.address} was written, but cannot be read back: "
                            f"{sentences.refused(back.code)[0]}")  # fmt: skip
        found = codec.decode(place, [int(r) for r in back])
        sent = codec.decode(place, wanted) if place.bit < 0 else float(wanted[0])
        read = found if isinstance(found, str) else found * tag.scale + tag.offset
        return {"written": value, "read_back": read, "agrees": found == sent}

    async def _put(self, place: Place, wanted: list[int], block: Block) -> None:
        client = self._open_client()
        at, unit = place.start, place.unit
        is_single = len(wanted) == 1 and self.options.single_writes
        try:
            if place.bit >= 0:
                old = await self._read(block)
                if isinstance(old, Refusal):
                    raise LinkError(sentences.refused(old.code)[0])
                mask = 1 << place.bit
                new = int(old[0]) | mask if wanted[0] else int(old[0]) & ~mask
                answer = await client.write_register(at, new, device_id=unit)
            elif place.table == "coil" and is_single:
                answer = await client.write_coil(at, bool(wanted[0]), device_id=unit)
            elif place.table == "coil":
                answer = await client.write_coils(at, [bool(w) for w in wanted], device_id=unit)
            elif is_single:
                answer = await client.write_register(at, wanted[0], device_id=unit)
            else:
                answer = await client.write_registers(at, wanted, device_id=unit)
        except ModbusException as e:
            raise SilentError(unit) from e
        if answer.isError():
            code = int(getattr(answer, "exception_code", 0))
            raise LinkError(f"nothing was written: {sentences.refused(code)[0]}")

    async def look(self, block: Block) -> Registers | Refusal:
        """Read some registers now, for a browse; LinkError where the device is not there."""
        async with self._lock:
            try:
                return await self._read(block)
            except (OSError, SilentError) as e:
                self._disconnect()
                raise LinkError(self._words[0] or str(e)) from e

    async def stop(self) -> None:
        """End the loop; what is being handed on is handed on."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._handing is not None:
            await asyncio.gather(self._handing, return_exceptions=True)


def _polls(
    connection: Connection, options: Options, tags: Sequence[Tag]
) -> tuple[list[Poll], dict[str, Words]]:
    """Return the tags by period, and address -> sentence of those that cannot be read at all."""
    wrong: dict[str, Words] = {}
    groups: dict[int, list[tuple[Tag, Place]]] = {}
    for tag in tags:
        if not tag.enabled:
            continue
        try:
            place = parse(tag.address, options.unit_id, options.first)
        except FrameError as e:
            wrong[tag.address] = str(e), str(e)
            continue
        groups.setdefault(tag.period_ms, []).append((tag, place))
    polls = [
        Poll(connection.key, ms / 1000, [t for t, _ in pairs], [p for _, p in pairs], options)
        for ms, pairs in sorted(groups.items())
    ]
    return polls, wrong


def _raw(tag: Tag, place: Place, value: Any) -> Any:
    """Return the number that the device is given for a value in the stored unit."""
    if place.type in ("text", "bool") or (tag.scale, tag.offset) == (1.0, 0.0):
        return int(value) if isinstance(value, bool) else value
    try:
        return (float(value) - tag.offset) / tag.scale
    except (TypeError, ValueError):
        return value  # the codec says what is allowed


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
