"""Log in, log out, and what an account may change of itself."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from millbrain.record.ledger import Role
from millbrain.show.access import Access, Caller, ViewerCaller
from millbrain.show.api.answers import Done
from millbrain.show.errors import ApiError
from millbrain.show.services import Use

router = APIRouter(tags=["account"])


class Login(BaseModel):
    """An account and its password."""

    account: str = Field(max_length=64, examples=["admin"])
    password: str = Field(max_length=256, examples=["correct horse battery"])


class Me(BaseModel):
    """Who you are."""

    name: str = Field(examples=["admin"])
    role: Role
    operator: str = Field(description="Organisation whose vehicles you see; empty = all.")
    language: str = Field(description="zh, en, or empty = as the browser asks.")
    theme: str = Field(description="auto, light, dark, or empty = as the browser asks.")
    via: str = Field(description="How you proved it: cookie, token or basic.")


class MeChange(BaseModel):
    """What to change; leave out what stays."""

    language: Literal["", "zh", "en"] | None = None
    theme: Literal["", "auto", "light", "dark"] | None = None


class PasswordChange(BaseModel):
    """The password you have and the one you want."""

    old: str = Field(max_length=256)
    new: str = Field(min_length=10, max_length=256)


def _me(caller: Caller) -> Me:
    return Me(
        name=caller.name, role=caller.role, operator=caller.operator, language=caller.language,
        theme=caller.theme, via=caller.via,
    )  # fmt: skip


@router.post("/login", summary="Log in and get a session cookie")
def log_in(login: Login, request: Request, response: Response) -> Me:
    """Check account and password and set an HttpOnly session cookie for twelve hours."""
    access: Access = request.app.state.access
    return _me(access.log_in(request, response, login.account, login.password))


@router.post("/logout", summary="Log out")
def log_out(request: Request, response: Response) -> Done:
    """End the session of the cookie; without one nothing happens."""
    access: Access = request.app.state.access
    access.log_out(request, response)
    return Done()


@router.get("/me", summary="Who am I")
def me(caller: ViewerCaller) -> Me:
    """Return the account that asks, its role and its organisation."""
    return _me(caller)


@router.patch("/me", summary="Change my language or theme")
def change_me(change: MeChange, caller: ViewerCaller, use: Use) -> Done:
    """Keep a preference with the account."""
    use.ledger.accounts.change(caller.name, **change.model_dump(exclude_none=True))
    return Done()


@router.post("/me/password", summary="Change my password")
def change_password(change: PasswordChange, caller: ViewerCaller, use: Use) -> Done:
    """Change the password; every session of the account ends, this one too."""
    if caller.via == "token":
        raise ApiError(403, "refused", "a token cannot change a password; log in with it")
    if use.ledger.accounts.login(caller.name, change.old) is None:
        raise ApiError(403, "refused", "the old password is wrong; nothing was changed")
    use.ledger.accounts.change(caller.name, password=change.new)
    use.ledger.audit.add(caller.name, caller.address, "account.password", caller.name)
    return Done()
