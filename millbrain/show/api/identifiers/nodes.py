"""The node among the others: prefixes, routes, and the way of an application."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from millbrain.core.limits import PREFIX_TEXT_MAX
from millbrain.core.nodes import Role
from millbrain.core.nodes.prefixes import APPLICATION, APPLIED
from millbrain.show.access import AdminCaller, Caller, ViewerCaller
from millbrain.show.api.answers import Done
from millbrain.show.api.identifiers.answers import NodeAnswer
from millbrain.show.errors import ResolverDownError
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Services, Use

router = APIRouter()
_APPLICATIONS = "/api/v1/node/applications"
Prefix = Annotated[str, Path(max_length=PREFIX_TEXT_MAX, examples=["88.100.1"])]
Shown = Annotated[str, Field(max_length=PREFIX_TEXT_MAX)]


class NewPrefix(BaseModel):
    """An application for a prefix."""

    model_config = ConfigDict(extra="forbid")
    prefix: Shown = Field(examples=["88.100.1"])
    organisation: Shown
    contact: Shown = ""


class StepAsked(BaseModel):
    """What a step needs. site: of route; reason: of reject and unhome."""

    model_config = ConfigDict(extra="forbid")
    reason: Shown = ""
    site: Shown = Field("", description="host:port of the node that answers for the prefix.")


class Quotas(BaseModel):
    """Most identifiers here and most prefixes below; null = any number."""

    model_config = ConfigDict(extra="forbid")
    handles_max: int | None = Field(None, ge=0, lt=1 << 53)
    prefixes_max: int | None = Field(None, ge=0, lt=1 << 53)


@router.get("/node", summary="The node among the others: role, prefixes, routes, applications")
def node(caller: ViewerCaller, use: Use) -> NodeAnswer:
    """Return the prefixes that the caller may see; one organisation sees its own."""
    return _node(caller, use)


class Summary(BaseModel):
    """The node in a few figures. Those of the whole node are null for a limited caller."""

    role: str
    prefixes: int = Field(description="In service here, as far as the caller may see them.")
    elsewhere: int = Field(description="Prefixes that other nodes answer for.")
    applications: int = Field(description="Applications that wait for their audit.")
    identifiers: int = Field(description="Registered under prefixes whose identifiers are counted.")
    answers: int | None = Field(description="Requests answered since the start, every face.")
    problem: str = Field(description="Why there are no figures, else empty.")
    as_of: datetime


@router.get("/summary", summary="The node in a few figures")
def summary(caller: ViewerCaller, use: Use) -> Summary:
    """Return counts; where the resolver is silent, it says so and the counts are 0."""
    figures: dict[str, Any] = dict.fromkeys(("prefixes", "elsewhere", "applications"), 0)
    try:
        told = use.identifiers.node(caller)
        status = None if caller.operator else use.identifiers.status(caller)
    except ResolverDownError as error:
        return Summary(role="", identifiers=0, answers=None, problem=str(error), **figures,
                       as_of=instant_now())  # fmt: skip
    rows = told["prefixes"]
    return Summary(
        role=told["role"],
        prefixes=sum(row["is_homed"] for row in rows),
        elsewhere=sum(bool(row["sites"]) and not row["is_homed"] for row in rows),
        applications=sum(row["state"] == APPLIED for row in rows),
        identifiers=sum(row["handles"] or 0 for row in rows),
        answers=_answers(status) if status else None,
        problem="", as_of=instant_now(),
    )  # fmt: skip


def _answers(status: dict[str, Any]) -> int:
    handle, http = (status["faces"].get(name, {}) for name in ("handle", "http"))
    counts = (handle.get("udp_packets"), handle.get("tcp_messages"), http.get("requests"))
    return sum(count or 0 for count in counts)


@router.post("/prefixes", summary="Apply for a prefix", status_code=201)
def apply_for(new: NewPrefix, caller: AdminCaller, use: Use) -> Done:
    """Enter an application; it waits for its audit."""
    use.identifiers.face(caller, "POST", _APPLICATIONS, new.model_dump())
    return Done()


@router.put("/prefixes/{prefix}/quotas", summary="Limit what a prefix may register and give out")
def quotas(prefix: Prefix, wanted: Quotas, caller: AdminCaller, use: Use) -> Done:
    """Set the quotas of a prefix."""
    path = f"{_APPLICATIONS}/{quote(prefix, safe='')}/quotas"
    use.identifiers.face(caller, "PUT", path, wanted.model_dump())
    return Done()


@router.post("/prefixes/{prefix}/steps/{action}", summary="Take a step of an application")
def step(
    prefix: Prefix, action: Annotated[str, Path(max_length=16, examples=["approve"])],
    asked: StepAsked, caller: AdminCaller, use: Use,
) -> Done:  # fmt: skip
    """Approve, reject, route, home, unhome or apply again; 409 where that is not possible now."""
    path = f"{_APPLICATIONS}/{quote(prefix, safe='')}/{quote(action, safe='')}"
    body = {k: v for k, v in asked.model_dump().items() if v}
    use.identifiers.face(caller, "POST", path, body)
    return Done()


def _node(caller: Caller, use: Services) -> NodeAnswer:
    told = use.identifiers.node(caller)
    prefixes = [row | {"changed_at": _at(row["changed_ms"])} for row in told["prefixes"]]
    return NodeAnswer.model_validate(
        told | {"prefixes": prefixes, "words": _words(), "as_of": instant_now()}
    )


def _at(at_ms: int) -> datetime | None:
    return datetime.fromtimestamp(at_ms / 1000, UTC) if at_ms else None


def _words() -> dict[str, Any]:
    return {
        "states": dict(APPLICATION.states),
        "actions": {n: (a.title, a.title_zh) for n, a in APPLICATION.actions.items()},
        "needs": {n: list(a.needs) for n, a in APPLICATION.actions.items()},
        "roles": [str(role) for role in Role],
    }
