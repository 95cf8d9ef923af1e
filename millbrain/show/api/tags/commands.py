"""Orders to machines behind connections: write and read back, call a method, fetch a history.

Each is recorded before it goes out, and stands in the audit with its end.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from millbrain.core.errors import NotFoundError
from millbrain.core.plant.tags import Connection
from millbrain.show.access import Caller, OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Rows
from millbrain.show.api.paging import Page
from millbrain.show.api.tags.scope import editable, seen
from millbrain.show.commanding import carry_out
from millbrain.show.errors import ApiError
from millbrain.show.queries.rows import Row
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/tags/commands", tags=["tags"])
_VALUE_MAX = 4_096  # characters of a text that is written


class MachineOrder(BaseModel):
    """An order to a machine."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    thing: str = Field(min_length=1, max_length=128, examples=["MW-L03-M07"])
    do: Literal["write", "call", "history"] = "write"
    signal: str = Field("", max_length=128, description="write, history: the signal.")
    value: bool | float | str | None = Field(None, description="write: in the signal's unit.")
    connection: str = Field("", max_length=64, description="call: the connection.")
    object: str = Field("", max_length=500, description="call: address of the object.")
    method: str = Field("", max_length=500, description="call: address of its method.")
    arguments: list[bool | float | str] = Field([], max_length=50, description="call: in order.")
    since: datetime | None = Field(None, description="history: from then on.")
    until: datetime | None = Field(None, description="history: until then.")

    def order(self) -> dict[str, Any]:
        """Return it as rooms take it."""
        match self.do:
            case "write":
                return {"do": "write", "signal": self.signal, "value": self.value}
            case "call":
                return {"do": "call", "connection": self.connection, "object": self.object,
                        "method": self.method, "arguments": self.arguments}  # fmt: skip
        since, until = (_told(t, n) for t, n in ((self.since, "since"), (self.until, "until")))
        return {"do": "history", "signal": self.signal, "from": since, "to": until}


class MachineCommand(BaseModel):
    """An order and what became of it."""

    id: int
    thing: str
    order: dict[str, Any]
    asked_by: str
    sent_at: datetime
    answered_at: datetime | None
    answer: dict[str, Any] | None = Field(description="write: written, read_back, agrees.")
    state: str = Field(description="sent, answered or failed.")
    detail: str


@router.get("", summary="Orders to a machine", response_model=Rows[MachineCommand])
def commands(
    use: Use, caller: ViewerCaller, paging: Page,
    thing: Annotated[str, Query(min_length=1, max_length=128)],
) -> Row:  # fmt: skip
    """Return orders to a machine, newest first."""
    mine = seen(caller, use)
    if not use.ledger.tags.page(list(mine), thing=thing, size=1)[1]:
        raise NotFoundError(f"no connection that you may see reaches a thing {thing!r}")
    rows, total = use.ledger.commands.page(thing, paging.offset, paging.size)
    return paging.answer([asdict(r) for r in rows], total)


@router.post("", summary="Write to a machine, call its method, or fetch its history")
def send(asked: MachineOrder, caller: OperatorCaller, use: Use) -> MachineCommand:
    """Send an order and wait for its end.

    404 where nothing reaches the machine, 422 where it refuses, 502 where it is not connected, 504
    where it does not answer.
    """
    if isinstance(asked.value, str) and len(asked.value) > _VALUE_MAX:
        raise ApiError(422, "invalid", f"a text has at most {_VALUE_MAX} characters")
    room = _reached(asked, caller, use).room
    what = asked.signal or asked.method
    done = carry_out(use, caller, room, asked.thing, asked.order(), asked.do, what)
    return MachineCommand(**asdict(done))


def _reached(asked: MachineOrder, caller: Caller, use: Services) -> Connection:
    """Return the connection that reaches what is asked for, of those that the caller changes."""
    mine = editable(caller, use)
    if asked.do == "call":
        tags = use.ledger.tags.page([asked.connection], thing=asked.thing, size=1)[0]
    else:
        tags = use.ledger.tags.of_signal(asked.thing, asked.signal)
    for tag in tags:
        if tag.connection in mine:
            return mine[tag.connection]
    what = f"signal {asked.signal!r} of {asked.thing}" if asked.do != "call" else asked.thing
    raise NotFoundError(f"no connection that you may change reaches {what}")


def _told(at: datetime | None, name: str) -> str:
    if at is None or at.tzinfo is None:
        raise ApiError(422, "invalid", f"{name} is an instant as ISO 8601 with its zone")
    return at.isoformat()
