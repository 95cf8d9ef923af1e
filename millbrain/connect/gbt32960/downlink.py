"""Commands to vehicles: query (80), set (81), control (82), and the wait for their answers.

One command of a kind may be under way per vehicle, since the answer repeats only the command byte
and the id. An order is a mapping::

    {"command": "query", "ids": [1, 2]}
    {"command": "set", "values": {"2": 10}}
    {"command": "control", "id": 6, "params": {"level": 1, "text": "stop"}}

with the optional keys ``edition`` (2016, 2025) and ``link`` (the platform that last reported it).
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from millbrain.connect.gbt32960 import codec, params
from millbrain.connect.gbt32960.fields import EDITION_2016, FLAG_COMMAND, FLAGS
from millbrain.connect.gbt32960.hub import Hub
from millbrain.core import limits
from millbrain.core.errors import FrameError, LimitError, NotFoundError, RefusedError
from millbrain.core.times import six_from_epoch

_COMMANDS: Final = {"query": 0x80, "set": 0x81, "control": 0x82}

Waiting = asyncio.Future[Mapping[str, Any]]


class Downlink:
    """Sends commands and matches answers. Event loop only."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._waiting: dict[tuple[str, int], Waiting] = {}

    async def send(self, vin: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one command and return its decoded answer.

        Raises
        ------
        NotFoundError
            No open link reaches the vehicle.
        RefusedError
            The order is malformed, or the same command is under way for this vehicle.
        LimitError
            No answer within `limits.ANSWER_WAIT_S_MAX`.
        """
        link = self._hub.link_to(vin, str(order.get("link", "")))
        if link is None:
            raise NotFoundError(f"no open link reaches {vin}; it must be connected to be commanded")
        command, frame = _frame(vin, order)
        if (vin, command) in self._waiting:
            raise RefusedError(f"a {order['command']} is under way for {vin}; wait for its answer")
        answer: Waiting = asyncio.get_running_loop().create_future()
        self._waiting[vin, command] = answer
        sent_at = time.time()
        try:
            if not link.send(frame):
                raise NotFoundError(f"the link to {vin} has just closed")
            found = await asyncio.wait_for(answer, limits.ANSWER_WAIT_S_MAX)
        except TimeoutError:
            raise LimitError(
                f"{vin} did not answer within {limits.ANSWER_WAIT_S_MAX} s; "
                "it may still carry the command out"
            ) from None
        finally:
            del self._waiting[vin, command]
        return {
            "sent_hex": frame.hex(),
            "sent_at": sent_at,
            "answered_at": time.time(),
            "flag": found["resp"],
            "flag_name": FLAGS.get(found["resp"], ("unknown", ""))[0],
            "values": _values(command, found),
        }

    def answered(self, vin: str, command: int, found: Mapping[str, Any]) -> None:
        """Take an answer; one that nobody waits for is only kept as an event."""
        waiting = self._waiting.get((vin, command))
        if waiting is not None and not waiting.done():
            waiting.set_result(found)


def _values(command: int, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the answer says, item by item."""
    raw = bytes.fromhex(found["data"].get("raw", ""))
    return params.explain(found["ver"], command, found["resp"], raw)


def _frame(vin: str, order: Mapping[str, Any]) -> tuple[int, bytes]:
    """Build the frame of an order."""
    name = str(order.get("command"))
    if name not in _COMMANDS:
        raise RefusedError(f"command is {name!r}; allowed are {', '.join(_COMMANDS)}")
    edition = int(order.get("edition") or EDITION_2016)
    six = six_from_epoch(int(time.time()))
    try:
        if name == "query":
            unit = params.encode_query([int(i) for i in order["ids"]], six=six)
        elif name == "set":
            values = {int(k): v for k, v in order["values"].items()}
            unit = params.encode_set(values, edition, six=six)
        else:
            more = order.get("params")
            unit = params.encode_control(int(order["id"]), more, edition=edition, six=six)
        frame = codec.build_frame(edition, _COMMANDS[name], FLAG_COMMAND, vin, unit)
    except (KeyError, TypeError, ValueError, FrameError) as e:
        raise RefusedError(f"{name} order is malformed: {e}") from e
    return _COMMANDS[name], frame
