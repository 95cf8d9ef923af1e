"""Connections: add, change, switch off, delete, test, browse; how each of them stands."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from millbrain.core import limits
from millbrain.core.errors import (
    LimitError,
    LinkError,
    MillbrainError,
    NotFoundError,
    RefusedError,
)
from millbrain.core.plant.tags import Connection, Found, Phase, TagKind, Wrong
from millbrain.core.tagging.proposals import THING_PATTERN, Walked, proposed
from millbrain.core.tagging.rules import HIDDEN, parted
from millbrain.core.times import iso
from millbrain.show.access import Caller, OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Done, Rows
from millbrain.show.api.tags.scope import Key, one, one_to_edit, seen
from millbrain.show.errors import ApiError
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/connections", tags=["connections"])

SILENT = ("The engine does not answer, so nobody knows how this connection stands.",
          "引擎没有应答，因此无法得知此连接的状态。")  # fmt: skip
NO_ROOM = ("The room {room} does not run in the engine; switch it on in the settings.",
           "房间 {room} 未在引擎中运行，请在设置中启用。")  # fmt: skip
NOT_YET = ("The engine has not taken it up yet; it looks for changes every second.",
           "引擎尚未接管此连接；每秒检查一次变更。")  # fmt: skip


class ConnectionFields(BaseModel):
    """What may be said of a connection."""

    room: str = Field(max_length=32, examples=["modbus"])
    title: str = Field("", max_length=128)
    endpoint: str = Field(max_length=500, examples=["127.0.0.1:5020"])
    options: dict[str, Any] = Field(default_factory=dict, description="What the room's card names.")
    enabled: bool = True
    operator: str = Field("", max_length=128, description="Organisation; empty = all see it.")


class NewConnection(ConnectionFields):
    """A connection with its key."""

    key: str = Field(max_length=64, examples=["line-3"])


class ConnectionAnswer(NewConnection):
    """A connection and how it stands."""

    secrets: list[str] = Field(description="Options that are kept and never shown.")
    tags: int = Field(description="Tags of it.")
    phase: str = Field(description="off, connecting, connected, failed; empty = not known.")
    since: datetime | None = Field(description="Since when it stands so.")
    why: str = Field(description="Why it is not connected, or only in part; empty = all is well.")
    why_zh: str
    values: int = Field(description="Values received since the engine started.")
    rate_hz: float | None = Field(description="Values a second, over the last ten seconds.")
    received_at: datetime | None = Field(description="Arrival of its last value.")
    troubles: int = Field(description="Tags that bring no value.")
    may_edit: bool


class RoomAnswer(BaseModel):
    """A room that has connections: what it speaks and what it needs."""

    key: str
    title: str
    title_zh: str
    standards: list[str]
    endpoint: str = Field(description="An example.")
    options: dict[str, tuple[str, str]] = Field(description="Name -> meaning, English, Chinese.")
    secrets: list[str]
    pattern: str = Field(description="How the thing of a browsed value is proposed.")


class TestAnswer(BaseModel):
    """What a test of a connection found."""

    reached: bool
    message: str
    message_zh: str
    nodes: int = Field(description="Nodes at the root of the counterpart.")


class Node(BaseModel):
    """A node of the counterpart, and the tag that it may become."""

    address: str
    name: str
    path: list[str]
    leaf: bool
    kind: TagKind
    unit: str
    writable: bool
    value: str
    known: bool = Field(description="It is a tag already.")
    thing: str = Field(description="Proposed by the pattern; empty where it makes none.")
    signal: str = Field(description="Proposed: snake_case, unit last.")
    problem: str = Field(description="Why nothing is proposed.")


class Nodes(BaseModel):
    """What lies under a node."""

    nodes: list[Node]
    all: bool = Field(description="False: the tree is larger than one browse.")


@router.get("", summary="Every connection and how it stands", response_model=Rows[ConnectionAnswer])
def connections(caller: ViewerCaller, use: Use) -> object:
    """Return connections by key."""
    found = seen(caller, use)
    states = _states(use)
    counts = use.ledger.tags.counts()
    rows = [_shown(c, caller, use, states, counts.get(c.key, 0)) for c in found.values()]
    return {"rows": rows, "total": len(rows), "page": 1, "size": len(rows), "as_of": instant_now()}


@router.get("/rooms", summary="Rooms that have connections")
def rooms(_: ViewerCaller, use: Use) -> list[RoomAnswer]:
    """Return what may be connected, with an example and every option."""
    return [
        RoomAnswer(
            key=card.key, title=card.title, title_zh=card.title_zh, standards=list(card.standards),
            endpoint=card.endpoint, options=dict(card.options), secrets=list(card.secrets),
            pattern=card.pattern,
        )
        for card in use.settings.tag_rules.rooms.values()
    ]  # fmt: skip


@router.post("", summary="Add a connection", status_code=201)
def add(new: NewConnection, caller: OperatorCaller, use: Use) -> ConnectionAnswer:
    """Add a connection; its room takes it up within about a second."""
    known = use.ledger.tags.connections()
    if any(c.key == new.key for c in known):
        raise ApiError(409, "known", f"a connection {new.key!r} is there already; change that one")
    if len(known) >= limits.CONNECTIONS_MAX:
        raise LimitError(f"an installation has at most {limits.CONNECTIONS_MAX} connections")
    return _keep(new.key, new, caller, use, "connection.add")


@router.get("/{key}", summary="One connection")
def connection(key: Key, caller: ViewerCaller, use: Use) -> ConnectionAnswer:
    """Return a connection and how it stands."""
    return _answer(one(key, caller, use), caller, use)


@router.get("/{key}/troubles", summary="Why tags bring no value")
def troubles(key: Key, caller: ViewerCaller, use: Use) -> dict[str, str]:
    """Return address -> sentence of every tag of a connection that brings no value."""
    found: Mapping[str, str] = _states(use).get(one(key, caller, use).key, {}).get("troubles", {})
    return dict(found)


@router.put("/{key}", summary="Change a connection")
def change(
    key: Key, fields: ConnectionFields, caller: OperatorCaller, use: Use
) -> ConnectionAnswer:
    """Put it in place of what was kept; a secret that is left out or given as *** stays."""
    one_to_edit(key, caller, use)
    return _keep(key, fields, caller, use, "connection.change")


@router.delete("/{key}", summary="Delete a connection and its tags")
def delete(key: Key, caller: OperatorCaller, use: Use) -> Done:
    """Delete a connection, its tags and its secrets; its readings stay."""
    one_to_edit(key, caller, use)
    use.ledger.tags.delete_connection(key)
    for name in use.settings.secrets.names(key):
        use.settings.secrets.put(key, name, "")
    use.ledger.audit.add(caller.name, caller.address, "connection.delete", key)
    return Done()


@router.post("/{key}/test", summary="Try to reach the counterpart")
def test(key: Key, caller: OperatorCaller, use: Use) -> TestAnswer:
    """Browse its root now, and say in words what came of it."""
    one(key, caller, use)
    try:
        found = use.engine.browse(key)["nodes"]
    except (MillbrainError, ConnectionError) as e:
        state = _states(use).get(key, {})
        return TestAnswer(
            reached=False, message=str(e), message_zh=state.get("why_zh", ""), nodes=0
        )
    count = len(found)
    return TestAnswer(
        reached=True, nodes=count, message=f"It answers; {count} nodes stand at its root.",
        message_zh=f"对端已应答，根下有 {count} 个节点。",
    )  # fmt: skip


@router.get("/{key}/browse", summary="What lies under a node of the counterpart")
def browse(
    key: Key,
    caller: OperatorCaller,
    use: Use,
    node: Annotated[str, Query(max_length=500, description="Its address; empty = the root.")] = "",
    path: Annotated[list[str] | None, Query(description="Names that lead to the node.")] = None,
    depth: Annotated[int, Query(ge=1, le=12, description="Levels below it.")] = 1,
    pattern: Annotated[
        str,
        Query(
            max_length=128,
            description="Thing by the path: {-2} = the parent, {0} = the "
            "connection; empty = as the room proposes.",
        ),
    ] = "",
) -> Nodes:
    """Ask the counterpart; each value comes with the thing and signal proposed for it."""
    card = use.settings.tag_rules.rooms.get(one(key, caller, use).room)
    pattern = pattern or (card.pattern if card else THING_PATTERN)
    found = use.engine.browse(key, node, path or (), depth)
    known = {tag.address for tag in use.ledger.tags.tags(key)}
    nodes = [_node(key, given, known, pattern) for given in found["nodes"]]
    return Nodes(nodes=nodes, all=found["all"])


def _node(key: str, given: Mapping[str, Any], known: set[str], pattern: str) -> Node:
    names = {f.name for f in dataclasses.fields(Found)}
    found = Found(**{n: v for n, v in given.items() if n in names})
    thing = signal = problem = ""
    if found.leaf:
        try:
            made = proposed(key, Walked(found, tuple(given["path"])), pattern)
            thing, signal = made.thing, made.signal
        except MillbrainError as e:
            problem = str(e)
    return Node(
        address=found.address, name=found.name, path=given["path"], leaf=found.leaf,
        kind=TagKind(found.kind), unit=found.unit, writable=found.writable, value=found.value,
        known=found.address in known, thing=thing, signal=signal, problem=problem,
    )  # fmt: skip


def _keep(
    key: str, fields: ConnectionFields, caller: Caller, use: Services, what: str
) -> ConnectionAnswer:
    if caller.operator and fields.operator not in ("", caller.operator):
        raise RefusedError(f"you keep connections of {caller.operator} only")
    card = use.settings.tag_rules.rooms.get(fields.room)
    given = fields.model_dump(exclude={"key", "options"})
    shown, apart = parted(fields.options, card.secrets if card else ())
    made = Connection(key=key, options=shown, **given | {
        "operator": caller.operator or fields.operator})  # fmt: skip
    # The room judges all that it will be given, a secret as a text that is there.
    judged = dataclasses.replace(made, options=shown | dict.fromkeys(apart, HIDDEN))
    refuse(use.settings.tag_rules.of_connection(judged))
    for name, value in apart.items():
        use.settings.secrets.put(key, name, value)
    use.ledger.tags.put_connection(made)
    use.ledger.audit.add(caller.name, caller.address, what, key, f"{made.room} {made.endpoint}")
    return _answer(made, caller, use)


def refuse(wrongs: Sequence[Wrong]) -> None:
    """End the request with a 422 that says what was found and what is allowed."""
    if wrongs:
        shown = wrongs[:100]
        raise ApiError(422, "invalid", "; ".join(str(w) for w in shown[:5]),
                       [dataclasses.asdict(w) for w in shown])  # fmt: skip


def _answer(connection: Connection, caller: Caller, use: Services) -> ConnectionAnswer:
    tags = use.ledger.tags.counts().get(connection.key, 0)
    return ConnectionAnswer(**_shown(connection, caller, use, _states(use), tags))


def _states(use: Services) -> dict[str, Mapping[str, Any]]:
    """Return the state of every connection by its key; under "" why there is none."""
    try:
        return {state["connection"]: state for state in use.engine.connections()}
    except (ConnectionError, LinkError, NotFoundError):
        return {"": {}}


def _shown(
    connection: Connection, caller: Caller, use: Services,
    states: Mapping[str, Mapping[str, Any]], tags: int,
) -> dict[str, Any]:  # fmt: skip
    state = states.get(connection.key) or _unknown(connection, use, is_silent="" in states)
    options = dict(connection.options)
    return dataclasses.asdict(connection) | {
        "options": options,
        "secrets": sorted(use.settings.secrets.names(connection.key)),
        "tags": tags,
        "phase": state["phase"],
        "since": instant_of(state["since_ms"]),
        "why": state["why"],
        "why_zh": state["why_zh"],
        "values": state["values"],
        "rate_hz": state["rate_hz"],
        "received_at": instant_of(state["received_ms"]),
        "troubles": len(state["troubles"]),
        "may_edit": not caller.operator or caller.operator == connection.operator,
    }


def instant_of(at_ms: int) -> str | None:
    """Return an instant as the API writes it, None where it is 0: never."""
    return iso(at_ms) if at_ms else None


def _unknown(connection: Connection, use: Services, *, is_silent: bool) -> dict[str, Any]:
    """Return the state of a connection that the engine says nothing of."""
    phase, words = "", SILENT
    if not is_silent:
        is_there = connection.room in use.settings.tag_rules.rooms
        phase = Phase.CONNECTING if connection.enabled else Phase.OFF
        words = ("", "") if not connection.enabled else NOT_YET if is_there else NO_ROOM
    why, why_zh = (text.format(room=connection.room) for text in words)
    return {"phase": str(phase), "since_ms": 0, "why": why, "why_zh": why_zh, "values": 0,
            "rate_hz": None, "received_ms": 0, "troubles": {}}  # fmt: skip
