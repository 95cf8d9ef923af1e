"""The ledger's tables and the rows they hand out.

Columns are declared once here; the migrations bring a database to this state and a test compares
the two. Callers never see SQLAlchemy: they get the frozen rows below.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from millbrain.core.times import utc_from_epoch


class Role(StrEnum):
    """What an account or token may do; each may also do what the ones before it may."""

    VIEWER = "viewer"  # reads
    OPERATOR = "operator"  # sends commands, imports things
    ADMIN = "admin"  # manages accounts, peers, things; reads the audit trail

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what `needed` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


class At(TypeDecorator[datetime]):
    """An instant: aware UTC in Python, whatever the database keeps."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive instants and store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant of the ledger has a time zone; {value!r} has none")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return aware UTC; SQLite forgets the zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """Return the instant now, aware UTC."""
    return utc_from_epoch(time.time())


METADATA: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_BIG: Final = sa.BigInteger().with_variant(sa.Integer, "sqlite")

ACCOUNT: Final = sa.Table(
    "account",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("password_hash", sa.String(255), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("operator", sa.String(128), nullable=False),  # organisation scope, empty = all
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("language", sa.String(8), nullable=False),  # empty = as the browser asks
    sa.Column("theme", sa.String(8), nullable=False),  # empty = as the browser asks
    sa.Column("created_at", At, nullable=False),
)

SESSION: Final = sa.Table(
    "session",
    METADATA,
    sa.Column("token_hash", sa.String(64), primary_key=True),  # SHA-256 of the cookie
    sa.Column("account", sa.ForeignKey("account.name", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", At, nullable=False),
    sa.Column("expires_at", At, nullable=False, index=True),
)

API_TOKEN: Final = sa.Table(
    "api_token",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("account", sa.ForeignKey("account.name", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("created_at", At, nullable=False),
    sa.Column("expires_at", At, nullable=False),
)

PEER: Final = sa.Table(
    "peer",
    METADATA,
    sa.Column("user", sa.String(12), primary_key=True),  # GB/T 32960.3 table 29: 12 bytes
    sa.Column("password_hash", sa.String(255), nullable=False),
    sa.Column("title", sa.String(128), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("created_at", At, nullable=False),
)

KEY: Final = sa.Table(
    "key",
    METADATA,
    sa.Column("owner", sa.String(64), primary_key=True),  # peer user or thing id
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("created_at", At, nullable=False),
)

THING: Final = sa.Table(
    "thing",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),  # VIN or the id the terminal sends
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("protocol", sa.String(32), nullable=False, index=True),
    sa.Column("plate", sa.String(32), nullable=False, index=True),
    sa.Column("model", sa.String(128), nullable=False),
    sa.Column("maker", sa.String(128), nullable=False),
    sa.Column("operator", sa.String(128), nullable=False, index=True),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("attributes", sa.JSON, nullable=False),
    sa.Column("changed_at", At, nullable=False),
)

REVISION: Final = sa.Table(  # counts changes of `thing` and `tag`: deletions are seen too
    "revision",
    METADATA,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("number", _BIG, nullable=False),
)

COMMAND: Final = sa.Table(
    "command",
    METADATA,
    sa.Column("id", _BIG, primary_key=True),
    sa.Column("thing", sa.String(64), nullable=False, index=True),
    sa.Column("order", sa.JSON, nullable=False),
    sa.Column("asked_by", sa.String(64), nullable=False),
    sa.Column("sent_at", At, nullable=False),
    sa.Column("answered_at", At),
    sa.Column("answer", sa.JSON),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("detail", sa.String(500), nullable=False),
)

AUDIT: Final = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", _BIG, primary_key=True),
    sa.Column("at", At, nullable=False, index=True),
    sa.Column("who", sa.String(64), nullable=False),
    sa.Column("from_where", sa.String(64), nullable=False),
    sa.Column("what", sa.String(64), nullable=False),
    sa.Column("object", sa.String(128), nullable=False),
    sa.Column("result", sa.String(500), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Account:
    """Someone who may use the web. operator: organisation whose vehicles it sees, empty = all."""

    name: str
    role: Role
    operator: str
    active: bool
    language: str
    theme: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A named secret that stands for an account with at most `role`."""

    id: int
    account: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Peer:
    """A platform that may log in over GB/T 32960. keys: kinds of keys it has, never their bytes."""

    user: str
    title: str
    active: bool
    simulated: bool
    created_at: datetime
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Thing:
    """Anything with an identifier; of a vehicle `id` is the VIN or what its terminal sends."""

    id: str
    kind: str = "vehicle"
    protocol: str = "gbt32960"
    plate: str = ""
    model: str = ""
    maker: str = ""
    operator: str = ""
    simulated: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """An order to a thing and what became of it. state: sent, answered, failed."""

    id: int
    thing: str
    order: Mapping[str, Any]
    asked_by: str
    sent_at: datetime
    answered_at: datetime | None
    answer: Mapping[str, Any] | None
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which object, from where, with what result."""

    id: int
    at: datetime
    who: str
    from_where: str
    what: str
    object: str
    result: str
