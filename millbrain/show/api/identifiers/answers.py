"""What the API says of identifiers, as types."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from millbrain.show.api.identifiers.links import VehicleLink


class KeyAnswer(BaseModel):
    """An identifier, whatever its clothes were."""

    model_config = ConfigDict(extra="ignore")
    scheme: str
    key: str
    display: str
    value: str
    prefix: str
    title: str
    title_zh: str
    source: str
    attributes: list[tuple[str, str]]


class ValueAnswer(BaseModel):
    """A value of a record, as the Handle HTTP API writes it, and what we know of it besides."""

    model_config = ConfigDict(extra="allow")
    index: int
    type: str
    data: dict[str, Any]
    ttl: int | str
    timestamp: datetime | str
    is_public: bool = Field(description="Everybody may read it.")
    refers: str = Field(default="", description="Identifier that it is, else empty.")
    label: str = Field(default="", description="Meaning that the record's template gives it.")
    label_zh: str = ""
    unit: str = ""
    kind: str = ""
    choice: str = Field(default="", description="What a word of a code list means.")
    choice_zh: str = ""


class TemplateName(BaseModel):
    """The template that a record follows, in its newest version."""

    handle: str
    version: int
    title: str
    title_zh: str


class Reader(BaseModel):
    """Somebody who can see a value, and why."""

    model_config = ConfigDict(extra="ignore")
    who: str = Field(description="index:handle; * = everybody.")
    why: str = Field(description="public, owner, node or grant.")
    record: str = Field(default="", description="Record that says so ...")
    index: int = Field(default=0, description="... and the index of its value.")
    through: list[str] = Field(default=[], description="Groups that lead to `who`.")
    by: str = Field(default="", description="Who made the grant.")
    until: datetime | None = None
    lapsed: str = Field(default="", description="Why a grant gives nothing now, else empty.")


class Seen(BaseModel):
    """One value and everybody who can see it."""

    index: int
    type: str
    field: str
    readers: list[Reader]


class Resolved(BaseModel):
    """What an identifier leads to, who said so, and how long it took."""

    asked: KeyAnswer
    handle: str
    state: str = Field(description="found, none, taken_down, unknown or unreachable.")
    why: str = Field(description="Where it is not found: the reason.")
    by: str = Field(description="here = this node, cache, referral; empty = nobody.")
    path: list[str] = Field(description="Nodes that were asked, in order; the last one answered.")
    left_s: int | None = Field(
        default=None, description="How much longer an answer from elsewhere holds."
    )
    took_ms: float = Field(description="In the resolver [ms].")
    values: list[ValueAnswer]
    hidden: int = Field(description="Values that the caller may not read.")
    aliases: list[KeyAnswer]
    template: TemplateName | None = None
    vehicles: list[VehicleLink]
    as_of: datetime


class Version(BaseModel):
    """A form that a record had. values: null = not for this caller."""

    since: datetime | None = Field(description="null = before the first change that is kept.")
    until: datetime | None = Field(description="null = it holds now.")
    was_there: bool = Field(description="False: there was no record, or a tombstone.")
    values: list[ValueAnswer] | None


class AuditLine(BaseModel):
    """A line of the audit trail that changed the record."""

    number: int
    at: datetime | None
    who: str = Field(description="index:handle; empty = nobody in particular.")
    face: str = Field(description="Protocol face that it came through.")
    from_: str = Field(alias="from", description="Address.")
    verb: str
    indexes: list[int]
    hash: str
    chain: str = Field(description="sound, broken, or missing.")


class RecordAnswer(BaseModel):
    """A record with its past."""

    handle: str
    asked: KeyAnswer
    is_live: bool
    is_reader: bool = Field(description="The caller may read what earlier versions held.")
    at: datetime | None = Field(description="The instant that `values` are of; null = now.")
    values: list[ValueAnswer]
    hidden: int
    aliases: list[KeyAnswer]
    template: TemplateName | None = None
    seen: list[Seen] | None = Field(
        description="Who can see each value and why; null = not for this caller."
    )
    versions: list[Version] = Field(description="Oldest first.")
    lines: list[AuditLine] = Field(description="Oldest first.")
    as_of: datetime


class PrefixAnswer(BaseModel):
    """A prefix that the node has heard of."""

    model_config = ConfigDict(extra="ignore")
    prefix: str
    organisation: str
    contact: str = Field(description="Empty unless the caller administers the node.")
    state: str
    title: str
    title_zh: str
    reason: str
    changed_at: datetime | None
    site: str
    sites: list[str] = Field(description="Nodes to which clients are sent.")
    is_applied: bool = Field(description="Somebody applied for it here.")
    is_homed: bool = Field(description="This node answers for it.")
    is_taken_down: bool
    handles: int | None = Field(description="Registered here; null = not counted.")
    handles_max: int | None
    prefixes_max: int | None
    actions: list[str] = Field(description="Steps that the caller may take now.")


class NodeAnswer(BaseModel):
    """The node among the others."""

    role: str = Field(description="top, secondary, enterprise or recursive.")
    upstream: list[str]
    ports: dict[str, int]
    prefixes: list[PrefixAnswer]
    is_whole: bool = Field(description="False: there are more prefixes than these.")
    is_administrator: bool
    takedowns: list[dict[str, Any]]
    words: dict[str, Any] = Field(description="Names of states and actions, English and Chinese.")
    as_of: datetime
