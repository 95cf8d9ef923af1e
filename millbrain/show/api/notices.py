"""Targets of notices: where they go, which, when not; and what became of every delivery."""

import re
from dataclasses import asdict
from datetime import datetime, time
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, model_validator

from millbrain.core.work.notices import CHANNELS, DELIVERY_STATES, Delivery, Target
from millbrain.record.ledger import LANGUAGES
from millbrain.show.access import AdminCaller
from millbrain.show.api.answers import Done, Rows
from millbrain.show.api.paging import Page
from millbrain.show.errors import ApiError
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Use

router = APIRouter(prefix="/notices", tags=["notices"])
_Id = Annotated[int, Path(ge=1)]
_Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=50)]
_MAIL: Final = re.compile(r"^[^@\s,<>\"]+@[^@\s,<>\"]+$")
_HIDDEN: Final = "***"
_MAIL_SECURITY: Final = ("none", "starttls", "tls")


class MailServer(BaseModel):
    """The mail server of an e-mail target."""

    host: str = Field(min_length=1, max_length=255)
    port: int | None = Field(None, ge=1, le=65_535, description="Null = as `security` has it.")
    security: Literal[_MAIL_SECURITY] = "starttls"  # type: ignore[valid-type]  # named once above
    user: str = Field("", max_length=255, description="Empty = no login.")
    sender: str = Field(
        max_length=255, pattern=_MAIL.pattern, examples=["millbrain@example.org"]
    )  # fmt: skip


class TargetFields(BaseModel):
    """Where notices go, and which."""

    name: str = Field(min_length=1, max_length=64, examples=["Duty desk"])
    channel: Literal[tuple(CHANNELS)]  # type: ignore[valid-type]  # the channels are data
    address: str = Field(max_length=1_000, description="URL, or e-mail addresses with commas.")
    secret: str = Field("", max_length=500, description="Signs webhooks; password of a mailbox.")
    operator: str = Field("", max_length=128, description="Organisation; empty = the centre.")
    language: Literal[tuple(LANGUAGES)] = "zh"  # type: ignore[valid-type]  # the languages are data
    apps: _Names = Field(default_factory=list, description="Empty = all.")
    topics: _Names = Field(
        default_factory=list, description="Empty = all.", examples=[["order.*", "alarm.announce"]]
    )
    severity_min: int = Field(0, ge=0, le=4)
    level_min: int = Field(0, ge=0, le=2, description="Only what is escalated so far.")
    quiet_from: time = Field(time(0), description="Local; equal to quiet_to = never quiet.")
    quiet_to: time = time(0)
    rate_count: int = Field(20, ge=1, le=1_000, description="Messages a minute at most.")
    mail: MailServer | None = Field(None, description="An e-mail target needs one.")

    @model_validator(mode="after")
    def check_address(self) -> Self:
        """Refuse an address that the channel could not use."""
        _check_address(self.channel, self.address)
        if self.channel == "email" and self.mail is None:
            raise ValueError("an e-mail target needs `mail`: its server and the sender's address")
        return self


class TargetChange(BaseModel):
    """What to change; leave out what stays, the address and the secret too."""

    name: str | None = Field(None, min_length=1, max_length=64)
    address: str | None = Field(None, max_length=1_000)
    secret: str | None = Field(None, max_length=500)
    operator: str | None = Field(None, max_length=128)
    language: Literal[tuple(LANGUAGES)] | None = None  # type: ignore[valid-type]  # data
    apps: _Names | None = None
    topics: _Names | None = None
    severity_min: int | None = Field(None, ge=0, le=4)
    level_min: int | None = Field(None, ge=0, le=2)
    quiet_from: time | None = None
    quiet_to: time | None = None
    rate_count: int | None = Field(None, ge=1, le=1_000)
    state: Literal["active", "off"] | None = Field(
        None, description="`active` also takes a parked target up again."
    )


class TargetAnswer(BaseModel):
    """A target; neither its secret nor the keys in its address are shown."""

    id: int
    name: str
    operator: str
    channel: str
    address: str
    language: str
    apps: list[str]
    topics: list[str]
    severity_min: int
    level_min: int
    quiet_from: time
    quiet_to: time
    rate_count: int
    state: str
    failures: int = Field(description="In a row.")
    parked_at: datetime | None = Field(description="Since when only probes are sent.")
    probe_at: datetime | None
    told_at: datetime | None
    error: str = Field(description="Of the last failure, empty = the last try was good.")
    options: dict[str, Any]
    waiting: int = Field(description="Deliveries that wait.")


class DeliveryAnswer(BaseModel):
    """One notice on its way to one target."""

    id: int
    uid: str = Field(description="The same in every try; what a receiver tells repeats by.")
    target_id: int
    topic: str
    subject: str
    app: str
    severity: int
    noted_at: datetime
    attempt: int = Field(description="Tries so far.")
    state: str
    next_at: datetime | None
    told_at: datetime | None
    error: str


def _check_address(channel: str, address: str) -> None:
    if channel != "email":
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"address of a {channel} target is an http or https URL")
        return
    wrong = [a for a in address.split(",") if not _MAIL.fullmatch(a.strip())]
    if wrong:
        raise ValueError(f"{wrong[0].strip()!r} is no e-mail address; separate them by commas")


def _shown(target: Target, waiting: int = 0) -> dict[str, Any]:
    values = asdict(target)
    if target.channel != "email":
        parts = urlsplit(target.address)
        hidden = urlencode([(n, _HIDDEN) for n, _ in parse_qsl(parts.query)], safe="*")
        host = parts.netloc.rpartition("@")[2]  # a password may stand before it
        values["address"] = urlunsplit((parts.scheme, host, parts.path, hidden, ""))
    return values | {"waiting": waiting}


def _delivery(found: Delivery) -> dict[str, Any]:
    return {k: v for k, v in asdict(found).items() if k != "content"}


@router.get("/targets", summary="Every target", response_model=Rows[TargetAnswer])
def targets(_: AdminCaller, use: Use) -> object:
    """Return where notices go, with what waits and what fails."""
    waiting = use.ledger.outbox.waiting()
    rows = [_shown(t, waiting.get(t.id, 0)) for t in use.ledger.outbox.targets()]
    return {"rows": rows, "total": len(rows), "page": 1, "size": len(rows), "as_of": instant_now()}


@router.post("/targets", summary="Add a target", status_code=201)
def add_target(new: TargetFields, caller: AdminCaller, use: Use) -> TargetAnswer:
    """Add a target; it hears of what happens from now on."""
    fields = new.model_dump(exclude={"mail", "name", "channel", "address"})
    options = new.mail.model_dump(exclude_none=True) if new.mail else {}
    made = use.ledger.outbox.add_target(
        new.name, new.channel, new.address, **fields, options=options
    )
    use.ledger.audit.add(caller.name, caller.address, "notice.target.add", new.name, new.channel)
    return TargetAnswer(**_shown(made))


@router.patch("/targets/{id}", summary="Change a target, switch it off, or take it up again")
def change_target(id: _Id, change: TargetChange, caller: AdminCaller, use: Use) -> TargetAnswer:
    """Change what is given; `state: active` sends at once what waits for it."""
    changes = change.model_dump(exclude_none=True)
    if change.address is not None:
        known = {t.id: t.channel for t in use.ledger.outbox.targets()}
        try:
            _check_address(known.get(id, "webhook"), change.address)
        except ValueError as e:
            raise ApiError(422, "invalid", str(e)) from e
    changed = use.ledger.outbox.change_target(id, **changes)
    use.ledger.audit.add(
        caller.name, caller.address, "notice.target.change", changed.name,
        ", ".join(sorted(changes)),
    )  # fmt: skip
    return TargetAnswer(**_shown(changed, use.ledger.outbox.waiting().get(id, 0)))


@router.delete("/targets/{id}", summary="Delete a target")
def delete_target(id: _Id, caller: AdminCaller, use: Use) -> Done:
    """Delete a target and what waits for it."""
    use.ledger.outbox.delete_target(id)
    use.ledger.audit.add(caller.name, caller.address, "notice.target.delete", str(id))
    return Done()


@router.post("/targets/{id}/test", summary="Send a test notice", status_code=202)
def test_target(id: _Id, caller: AdminCaller, use: Use) -> DeliveryAnswer:
    """Put a test notice into the outbox; the list of deliveries shows what becomes of it."""
    made = use.ledger.outbox.test(id, caller.name)
    use.ledger.audit.add(caller.name, caller.address, "notice.target.test", str(id))
    return DeliveryAnswer(**_delivery(made))


@router.get("/deliveries", summary="What was told", response_model=Rows[DeliveryAnswer])
def deliveries(
    _: AdminCaller,
    use: Use,
    paging: Page,
    target_id: Annotated[int | None, Query(ge=1)] = None,
    state: Annotated[Literal[("", *DELIVERY_STATES)], Query()] = "",  # type: ignore[valid-type]  # data
) -> object:
    """Return deliveries, newest first."""
    found, total = use.ledger.outbox.page(target_id, state, paging.offset, paging.size)
    return paging.answer([_delivery(d) for d in found], total)
