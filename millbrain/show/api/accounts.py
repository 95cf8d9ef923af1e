"""Accounts and API tokens."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from millbrain.record.ledger import Role
from millbrain.show.access import AdminCaller, ViewerCaller
from millbrain.show.api.answers import Done, Rows
from millbrain.show.errors import ApiError
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Use

router = APIRouter()
_Name = Annotated[str, Path(min_length=1, max_length=64)]
_Password = Annotated[str, Field(min_length=10, max_length=256)]


class AccountAnswer(BaseModel):
    """An account."""

    name: str
    role: Role
    operator: str = Field(description="Organisation whose vehicles it sees; empty = all.")
    active: bool
    language: str
    theme: str
    created_at: datetime


class NewAccount(BaseModel):
    """The account to make."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", examples=["li.wei"])
    password: _Password
    role: Role = Role.VIEWER
    operator: str = Field("", max_length=128)


class AccountChange(BaseModel):
    """What to change; leave out what stays."""

    password: _Password | None = None
    role: Role | None = None
    operator: Annotated[str, Field(max_length=128)] | None = None
    active: bool | None = None
    language: Literal["", "zh", "en"] | None = None


class TokenAnswer(BaseModel):
    """An API token; its secret is shown once, when it is made."""

    id: int
    account: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime


class NewToken(BaseModel):
    """The token to make for the own account."""

    name: str = Field(min_length=1, max_length=64, examples=["wall screen"])
    role: Role = Role.VIEWER
    days: int = Field(90, ge=1, le=730, description="How long it lasts [d].")


class MadeToken(TokenAnswer):
    """The token that was made, with its secret."""

    secret: str = Field(description="Shown this once: `Authorization: Bearer SECRET`.")


@router.get(
    "/accounts", tags=["accounts"], summary="Every account", response_model=Rows[AccountAnswer]
)
def accounts(_: AdminCaller, use: Use) -> object:
    """Return accounts by name."""
    return whole([asdict(a) for a in use.ledger.accounts.all()])


def whole(rows: list[dict[str, object]]) -> dict[str, object]:
    """Return a list that is short enough to be one page."""
    total = len(rows)
    return {"rows": rows, "total": total, "page": 1, "size": total, "as_of": instant_now()}


@router.post("/accounts", tags=["accounts"], summary="Make an account", status_code=201)
def add_account(new: NewAccount, caller: AdminCaller, use: Use) -> AccountAnswer:
    """Make an account; an admin has no organisation."""
    made = use.ledger.accounts.add(new.name, new.password, new.role, new.operator)
    what = f"role {new.role}, operator {new.operator or 'all'}"
    use.ledger.audit.add(caller.name, caller.address, "account.add", new.name, what)
    return AccountAnswer(**asdict(made))


@router.patch("/accounts/{name}", tags=["accounts"], summary="Change an account")
def change_account(
    name: _Name, change: AccountChange, caller: AdminCaller, use: Use
) -> AccountAnswer:
    """Change what is given; a new password or `active: false` ends every session of the account."""
    changes = change.model_dump(exclude_none=True)
    changed = use.ledger.accounts.change(name, **changes)
    what = ", ".join(k if k == "password" else f"{k}={v}" for k, v in changes.items())
    use.ledger.audit.add(caller.name, caller.address, "account.change", name, what)
    return AccountAnswer(**asdict(changed))


@router.delete("/accounts/{name}", tags=["accounts"], summary="Delete an account")
def delete_account(name: _Name, caller: AdminCaller, use: Use) -> Done:
    """Delete an account with its sessions and tokens; the last active admin stays."""
    use.ledger.accounts.delete(name)
    use.ledger.audit.add(caller.name, caller.address, "account.delete", name)
    return Done()


@router.get("/tokens", tags=["tokens"], summary="API tokens", response_model=Rows[TokenAnswer])
def tokens(
    caller: ViewerCaller,
    use: Use,
    all: Annotated[bool, Query(description="Of every account; admins only.")] = False,
) -> object:
    """Return the own tokens, or everybody's."""
    if all and not caller.role.covers(Role.ADMIN):
        raise ApiError(
            403, "refused", f"tokens of others need the role admin; yours is {caller.role}"
        )
    return whole([asdict(t) for t in use.ledger.accounts.tokens("" if all else caller.name)])


@router.post("/tokens", tags=["tokens"], summary="Make an API token", status_code=201)
def add_token(new: NewToken, caller: ViewerCaller, use: Use) -> MadeToken:
    """Make a token for the own account with at most the role that the caller has now."""
    if not caller.role.covers(new.role):
        raise ApiError(403, "refused", f"you act as {caller.role} and cannot grant {new.role}")
    token, secret = use.ledger.accounts.add_token(caller.name, new.name, new.role, new.days)
    use.ledger.audit.add(caller.name, caller.address, "token.add", new.name, f"role {new.role}")
    return MadeToken(**asdict(token), secret=secret)


@router.delete("/tokens/{id}", tags=["tokens"], summary="Delete an API token")
def delete_token(id: int, caller: ViewerCaller, use: Use) -> Done:
    """Delete an own token; an admin may delete anybody's."""
    owner = "" if caller.role.covers(Role.ADMIN) else caller.name
    use.ledger.accounts.delete_token(id, owner)
    use.ledger.audit.add(caller.name, caller.address, "token.delete", str(id))
    return Done()
