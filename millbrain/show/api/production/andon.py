"""Andon over the API: call, answer, solve; the board; figures."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query

from millbrain.core import limits
from millbrain.core.errors import LimitError
from millbrain.core.production.andon import ESCALATION, KINDS, LIFECYCLE, STATES, AndonCall
from millbrain.core.production.reports import instant_of
from millbrain.record.ledger import Role
from millbrain.record.ledger.production.andon import AndonFilter
from millbrain.record.ledger.production.orders import Asker
from millbrain.show.access import Caller, OperatorCaller, ViewerCaller
from millbrain.show.api.answers import Rows
from millbrain.show.api.paging import Page
from millbrain.show.api.production.answers import (
    UUID,
    CallAnswer,
    CallFigures,
    CallStatistics,
    CallStep,
    CallWhole,
    NewCall,
)
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Use

router = APIRouter(prefix="/production/andon", tags=["production"])
_Id = Annotated[str, Path(pattern=UUID)]
_DAYS: Final = 7  # of statistics, where nobody says


@router.get("", summary="Calls, open ones first", response_model=Rows[CallAnswer])
def calls(
    caller: ViewerCaller,
    use: Use,
    paging: Page,
    open: Annotated[bool, Query(description="Only those that are not solved.")] = False,
    station: Annotated[str, Query(max_length=64)] = "",
    line: Annotated[str, Query(max_length=64)] = "",
    kind: Annotated[Literal[("", *KINDS)], Query(description="Empty = any.")] = "",  # type: ignore[valid-type]  # the kinds are data
) -> object:
    """Return calls that the caller may see."""
    which = AndonFilter(caller.operator, station, line, kind, open)
    found, total = use.ledger.andon.page(which, paging.offset, paging.size)
    return paging.answer([_row(c, caller) for c in found], total)


@router.get("/statistics", summary="How often, how fast, how long lines stood")
def statistics(
    caller: ViewerCaller,
    use: Use,
    line: Annotated[str, Query(max_length=64)] = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> CallStatistics:
    """Return figures by kind, station and reason, the last seven days where nothing is said."""
    end = _aware(until) or instant_now()
    begin = _aware(since) or end - timedelta(days=_DAYS)
    which = AndonFilter(caller.operator, line=line, since=begin, until=end)
    found, total = use.ledger.andon.page(which, 0, limits.RECORD_ROWS_MAX)
    groups = {name: _figures(found, name, end) for name in ("kind", "station", "reason")}
    return CallStatistics(since=begin, until=end, count=total, by_kind=groups["kind"],
                          by_station=groups["station"], by_reason=groups["reason"])  # fmt: skip


@router.post("", summary="Call for help")
def add(new: NewCall, caller: OperatorCaller, use: Use) -> CallWhole:
    """Keep a call; the same id again changes nothing, so send it until it is answered."""
    at = instant_now()
    raised_at, _ = instant_of(_aware(new.device_at) or at, new.ahead_ms, at)
    told = new.model_dump(exclude={"person", "device_at", "ahead_ms"})
    call = AndonCall(
        **told, raised_by=new.person or caller.name, raised_at=raised_at,
        line=use.desk.place(new.station)["line"], operator=caller.operator,
        rise_at=use.desk.rise_at(state=LIFECYCLE.start, stops_line=new.stops_line, level=0),
    )  # fmt: skip
    use.ledger.andon.raise_call(call, _asker(caller))
    return _whole(new.id, caller, use)


@router.get("/{id}", summary="One call with its history")
def one(id: _Id, caller: ViewerCaller, use: Use) -> CallWhole:
    """Return a call and what happened to it."""
    return _whole(id, caller, use)


@router.post("/{id}/steps", summary="Answer a call, or say that it is solved")
def step(id: _Id, asked: CallStep, caller: OperatorCaller, use: Use) -> CallWhole:
    """Take a step; 409 where it is not possible now. To solve a call needs its reason."""
    if asked.action == "resolve" and not asked.reason:
        raise LimitError("andon: 'resolve' needs a reason; nothing was changed")
    call, _ = use.ledger.andon.get(id, caller.operator)
    rise = use.desk.rise_at(state="acknowledged", stops_line=call.stops_line, level=call.level)
    detail = {n: t for n, t in (("reason", asked.reason), ("note", asked.note)) if t}
    use.ledger.andon.act(id, asked.action, _asker(caller), rise, detail)
    return _whole(id, caller, use)


def _whole(call_id: str, caller: Caller, use: Use) -> CallWhole:
    call, history = use.ledger.andon.get(call_id, caller.operator)
    return CallWhole.model_validate(_row(call, caller) | {"history": [asdict(h) for h in history]})


def _row(call: AndonCall, caller: Caller) -> dict[str, Any]:
    steps = [
        name for name in LIFECYCLE.allowed(call.state, {"can_rise": False})
        if (role := LIFECYCLE.actions[name].role) and caller.role.covers(Role(role))
    ]  # fmt: skip
    kind, state, level = KINDS[call.kind], STATES[call.state], ESCALATION[call.level]
    return asdict(call) | {
        "kind_en": kind[0], "kind_zh": kind[1], "state_en": state[0], "state_zh": state[1],
        "level_en": level[0], "level_zh": level[1], "allowed": steps,
    }  # fmt: skip


def _figures(calls: list[AndonCall], name: str, until: datetime) -> list[CallFigures]:
    """Return figures of calls by a field, the most frequent first."""
    groups: dict[str, list[AndonCall]] = {}
    for call in calls:
        groups.setdefault(getattr(call, name), []).append(call)
    found = [_figure(key, own, until) for key, own in groups.items() if key]
    return sorted(found, key=lambda f: (-f.count, f.name))


def _figure(key: str, calls: list[AndonCall], until: datetime) -> CallFigures:
    answered = [(c.acknowledged_at - c.raised_at).total_seconds()
                for c in calls if c.acknowledged_at]  # fmt: skip
    solved = [(c.resolved_at - c.raised_at).total_seconds() for c in calls if c.resolved_at]
    stopped = [((c.resolved_at or until) - c.raised_at).total_seconds()
               for c in calls if c.stops_line]  # fmt: skip
    return CallFigures(
        name=key, count=len(calls), open_count=sum(c.resolved_at is None for c in calls),
        stop_count=len(stopped), answered_s=_mean(answered), solved_s=_mean(solved),
        stopped_s=max(0.0, sum(stopped)),
    )  # fmt: skip


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _asker(caller: Caller) -> Asker:
    return Asker(caller.name, caller.address, caller.operator)


def _aware(at: datetime | None) -> datetime | None:
    """Return an instant; one without a zone is UTC."""
    return at if at is None or at.tzinfo else at.replace(tzinfo=instant_now().tzinfo)
