"""Who asks, and what they may do: cookie sessions, tokens, roles, organisation scope, login limits.

A caller proves itself with a session cookie (browsers), ``Authorization: Bearer`` (programs, wall
screens) or HTTP Basic. A route names the role it needs by the annotation of its caller:
`ViewerCaller`, `OperatorCaller`, `AdminCaller`, or `WholeCaller` for a viewer that is not limited
to one organisation.
"""

import base64
import binascii
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response

from millbrain.core import limits
from millbrain.record.ledger import Account, Ledger, Role
from millbrain.show.errors import ApiError

SESSION_COOKIE: Final = "millbrain_session"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_WATCHED_MAX: Final = 20_000  # accounts and addresses with failed logins that are remembered


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. operator: the organisation it is limited to, empty = none."""

    name: str
    role: Role
    operator: str
    language: str
    theme: str
    via: str
    address: str


class LoginLimiter:
    """Counts failed logins of an account and of an address, and refuses when there are too many."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def check(self, account: str, address: str) -> None:
        """Raise a 429 where the account or the address failed too often lately."""
        with self._lock:
            waits = [self._wait_s(key) for key in (f"account {account}", f"address {address}")]
        if max(waits) > 0:
            wait_s = int(max(waits)) + 1
            raise ApiError(
                429,
                "too_many",
                f"{limits.LOGIN_TRIES_MAX} logins failed within {limits.LOGIN_WINDOW_S} s;"
                f" try again in {wait_s} s",
                headers={"Retry-After": str(wait_s)},
            )

    def failed(self, account: str, address: str) -> None:
        """Note a failed login."""
        at = time.monotonic()
        with self._lock:
            if len(self._failed) >= _WATCHED_MAX:
                self._failed.clear()
            for key in (f"account {account}", f"address {address}"):
                self._failed.setdefault(key, deque(maxlen=limits.LOGIN_TRIES_MAX)).append(at)

    def succeeded(self, account: str) -> None:
        """Forget the failures of an account."""
        with self._lock:
            self._failed.pop(f"account {account}", None)

    def _wait_s(self, key: str) -> float:
        tries = self._failed.get(key)
        if not tries or len(tries) < limits.LOGIN_TRIES_MAX:
            return 0.0
        return tries[0] + limits.LOGIN_WINDOW_S - time.monotonic()


class Access:
    """Finds out who asks."""

    def __init__(self, ledger: Ledger, *, is_secure: bool) -> None:
        self._ledger = ledger
        self._limiter = LoginLimiter()
        self._is_secure = is_secure
        self.cookie = f"__Host-{SESSION_COOKIE}" if is_secure else SESSION_COOKIE

    def caller(self, request: Request) -> Caller | None:
        """Return who asks, or None where the request carries no login.

        Raises
        ------
        ApiError
            401 where a login is carried but wrong, 403 where a cookie came from another site.
        """
        given = request.headers.get("authorization", "")
        if given:
            return self._of_header(given, _address(request))
        secret = request.cookies.get(self.cookie, "")
        account = self._ledger.accounts.of_session(secret) if secret else None
        if account is None:
            return None
        if request.method not in _SAFE_METHODS:
            refuse_foreign_site(request)
        return _caller(account, account.role, "cookie", _address(request))

    def log_in(self, request: Request, response: Response, name: str, password: str) -> Caller:
        """Check a password, open a session and set its cookie; 401 or 429 where that fails."""
        refuse_foreign_site(request)
        address = _address(request)
        account = self._checked(name, password, address)
        if account is None:
            self._ledger.audit.add(name, address, "login", name, "refused")
            raise ApiError(401, "not_logged_in", "account or password is wrong")
        secret = self._ledger.accounts.open_session(name)
        response.set_cookie(
            self.cookie, secret, max_age=limits.SESSION_S_MAX, httponly=True, samesite="lax",
            secure=self._is_secure, path="/",
        )  # fmt: skip
        self._ledger.audit.add(name, address, "login", name)
        return _caller(account, account.role, "cookie", address)

    def log_out(self, request: Request, response: Response) -> None:
        """End the session of the cookie, if there is one."""
        refuse_foreign_site(request)
        secret = request.cookies.get(self.cookie, "")
        if secret:
            self._ledger.accounts.close_session(secret)
        response.delete_cookie(
            self.cookie, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )

    def _of_header(self, given: str, address: str) -> Caller:
        scheme, _, rest = given.partition(" ")
        if scheme.lower() == "bearer":
            found = self._ledger.accounts.of_token(rest.strip())
            if found:
                return _caller(found[0], found[1], "token", address)
        elif scheme.lower() == "basic":
            name, password = _basic(rest)
            account = self._checked(name, password, address)
            if account:
                return _caller(account, account.role, "basic", address)
        raise ApiError(
            401, "not_logged_in", "the Authorization header names no valid token or account",
            headers={"WWW-Authenticate": "Bearer"},
        )  # fmt: skip

    def _checked(self, name: str, password: str, address: str) -> Account | None:
        self._limiter.check(name, address)
        account = self._ledger.accounts.login(name, password)
        if account is None:
            self._limiter.failed(name, address)
        else:
            self._limiter.succeeded(name)
        return account


def page_viewer(request: Request) -> Caller | None:
    """Return who opens a page; a wrong login counts as none, so that the page asks for one."""
    access: Access = request.app.state.access
    try:
        return access.caller(request)
    except ApiError:
        return None


def refuse_foreign_site(request: Request) -> None:
    """Raise a 403 where a browser sends a change on behalf of another site.

    Browsers say so themselves (Sec-Fetch-Site, else Origin) and no page can forge either; a request
    with neither comes from a program, which holds its cookie because it logged in itself.
    """
    site = request.headers.get("sec-fetch-site", "")
    origin = request.headers.get("origin", "")
    if site:
        is_ours = site in ("same-origin", "none")
    else:
        is_ours = not origin or urlsplit(origin).netloc == request.headers.get("host", "")
    if not is_ours:
        raise ApiError(403, "foreign_site", "the change came from a page of another site; refused")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _basic(encoded: str) -> tuple[str, str]:
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password


def _caller(account: Account, role: Role, via: str, address: str) -> Caller:
    return Caller(
        account.name, role, account.operator, account.language, account.theme, via, address
    )


class Needs:
    """The dependency of a route: the caller, who must have at least a role.

    is_whole: a caller that is limited to one organisation is refused, because what the route
    answers is not divided by organisations.
    """

    def __init__(self, role: Role, *, is_whole: bool = False) -> None:
        self.role = role
        self.is_whole = is_whole

    def __call__(self, request: Request) -> Caller:
        """Return the caller, or end the request with 401 or 403."""
        access: Access = request.app.state.access
        caller = access.caller(request)
        if caller is None:
            raise ApiError(
                401, "not_logged_in", "log in first (POST /api/v1/login), or send a token",
                headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        if not caller.role.covers(self.role):
            raise ApiError(
                403, "refused", f"this needs the role {self.role}; yours is {caller.role}"
            )
        if self.is_whole and caller.operator:
            raise ApiError(
                403,
                "refused",
                f"this is not divided by organisation; you see {caller.operator} only",
            )
        return caller


ViewerCaller = Annotated[Caller, Depends(Needs(Role.VIEWER))]
WholeCaller = Annotated[Caller, Depends(Needs(Role.VIEWER, is_whole=True))]
OperatorCaller = Annotated[Caller, Depends(Needs(Role.OPERATOR))]
AdminCaller = Annotated[Caller, Depends(Needs(Role.ADMIN))]
