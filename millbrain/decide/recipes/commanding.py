"""How a command is carried out: read, write, read back, and once more with the same values.

Why it can never leave two different values: a command is a row of the ledger before it is sent and
never changes; each try first asks what the controller holds, sends nothing where that is this
command already or a later one, and sends the same bytes otherwise. So it does not matter whether
an answer was lost, or the process, between a write and its reading back.
"""

import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

from millbrain.core.scans.commands import (
    Command,
    Controller,
    ControllerError,
    Held,
    NotTakenError,
    Outcome,
    Result,
)

TRIES: Final = 2


def carry_out(command: Command, controller: Controller, clock: Callable[[], datetime]) -> Outcome:
    """Bring a station to hold a command's values, and say what became of it."""
    written, detail = 0, ""
    for _ in range(TRIES):
        try:
            held = controller.read(command.station)
            ended = _ended(command, held, written)
            if ended is not None and (ended.result is not Result.DIFFERENT or written == TRIES):
                return ended
            if clock() >= command.deadline:
                return ended or Outcome(Result.LATE, held.settings, written,
                               f"its deadline was {command.deadline:%H:%M:%S}")  # fmt: skip
            written += 1
            controller.write(command)
        except NotTakenError as error:
            return Outcome(Result.REFUSED, (), written, str(error))
        except ControllerError as error:
            detail = str(error)
    with contextlib.suppress(ControllerError):
        return _ended(command, controller.read(command.station), written) or Outcome(
            Result.UNREACHED, (), written, detail or "the controller did not keep the write"
        )
    return Outcome(Result.UNREACHED, (), written, detail)


def _ended(command: Command, held: Held, written: int) -> Outcome | None:
    """Return what a command has come to by what the controller holds; None = not written yet."""
    if held.id == command.id:
        wrong = held.differences(command)
        if not wrong:
            return Outcome(Result.DONE, held.settings, written)
        told = f"{', '.join(wrong)}: what was read back is not what was written"
        return Outcome(Result.DIFFERENT, held.settings, written, told)
    if held.number >= command.number:
        return Outcome(Result.OVERTAKEN, held.settings, written,
                       f"the controller holds the later command {held.number}")  # fmt: skip
    return None
