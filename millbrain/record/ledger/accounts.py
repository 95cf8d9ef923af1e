"""Accounts, their sessions (cookies) and their API tokens.

Of a cookie or a token only its SHA-256 is kept: both are 256 random bits, so a slow hash would add
nothing, and a stolen ledger opens no session.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError, RefusedError
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import ACCOUNT, API_TOKEN, SESSION, Account, ApiToken, Role, now
from millbrain.record.ledger.passwords import (
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
    PasswordMemory,
    hashed,
)

LANGUAGES: Final = ("", "zh", "en")  # empty = as the browser asks
THEMES: Final = ("", "auto", "light", "dark")
TOKEN_DAYS_MAX: Final = 730
TOKENS_MAX: Final = 50  # of one account
_PUBLIC: Final = [c for c in ACCOUNT.c if c.name != "password_hash"]
_TOKEN: Final = [c for c in API_TOKEN.c if c.name != "token_hash"]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _account(row: sa.Row[*tuple[Any, ...]]) -> Account:
    values = row._asdict()
    values = {c.name: values[c.name] for c in _PUBLIC}
    return Account(**values | {"role": Role(row.role)})


def _token(row: sa.Row[*tuple[Any, ...]]) -> ApiToken:
    return ApiToken(**row._asdict() | {"role": Role(row.role)})


def check_password_rules(password: str) -> None:
    """Raise LimitError where a new password is too short or too long [characters]."""
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise LimitError(
            f"a password has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters;"
            f" this one has {len(password)}"
        )


class Accounts:
    """Who may use the web, and how they prove it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._memory = PasswordMemory()

    # Accounts -----------------------------------------------------------------------------------

    def all(self) -> list[Account]:
        """Return every account by name."""
        with self._database.read() as c:
            return [_account(r) for r in c.execute(sa.select(*_PUBLIC).order_by(ACCOUNT.c.name))]

    def get(self, name: str) -> Account | None:
        """Return the account of that name, active or not."""
        with self._database.read() as c:
            row = c.execute(sa.select(*_PUBLIC).where(ACCOUNT.c.name == name)).first()
        return _account(row) if row else None

    def add(self, name: str, password: str, role: Role, operator: str = "") -> Account:
        """Make an account.

        Raises
        ------
        RefusedError
            The name is taken, or an admin would be limited to one organisation.
        LimitError
            The password is too short or too long.

        """
        check_password_rules(password)
        _check_scope(role, operator)
        account = Account(name, role, operator, True, "", "", now())
        values = {f: getattr(account, f) for f in (c.name for c in _PUBLIC)}
        try:
            with self._database.write() as c:
                c.execute(sa.insert(ACCOUNT), {**values, "password_hash": hashed(password)})
        except sa.exc.IntegrityError as e:
            raise RefusedError(f"an account named {name!r} exists already") from e
        return account

    def first_run(self, password: str = "") -> str | None:
        """Make the account `admin` where there is no account at all.

        Parameters
        ----------
        password
            Its password; a random one where empty.

        Returns
        -------
        str or None
            The password, which is kept nowhere; None where there were accounts already.
        """
        if self.all():
            return None
        chosen = password or secrets.token_urlsafe(12)
        self.add("admin", chosen, Role.ADMIN)
        return chosen

    def change(self, name: str, **changes: Any) -> Account:
        """Change role, operator, active, language, theme or password of an account.

        A new password or a closed account ends every session of it; a closed account's tokens are
        refused as long as it is closed.

        Raises
        ------
        NotFoundError
            There is no such account.
        RefusedError
            Nobody would be left who may manage accounts.

        """
        password = changes.pop("password", None)
        if password is not None:
            check_password_rules(password)
            changes["password_hash"] = hashed(password)
        with self._database.write() as c:
            old = self._known(c, name)
            _check_scope(Role(changes.get("role", old.role)), changes.get("operator", old.operator))
            if changes:
                c.execute(sa.update(ACCOUNT).where(ACCOUNT.c.name == name).values(**changes))
            self._require_admin(c, old)
            if password is not None or changes.get("active") is False:
                c.execute(sa.delete(SESSION).where(SESSION.c.account == name))
            return self._known(c, name)

    def delete(self, name: str) -> None:
        """Delete an account with its sessions and tokens; errors as in `change`."""
        with self._database.write() as c:
            old = self._known(c, name)
            c.execute(sa.delete(ACCOUNT).where(ACCOUNT.c.name == name))
            self._require_admin(c, old)

    def password_ok(self, name: str, password: str) -> bool:
        """Whether the account exists, is active and has this password."""
        return self.login(name, password) is not None

    def login(self, name: str, password: str) -> Account | None:
        """Return the account if it is active and the password is right, else None."""
        with self._database.read() as c:
            row = c.execute(sa.select(ACCOUNT).where(ACCOUNT.c.name == name)).first()
        right = self._memory.matches(row.password_hash if row else None, password)
        if not row or not right or not row.active:
            return None
        return _account(row)

    # Sessions -----------------------------------------------------------------------------------

    def open_session(self, name: str) -> str:
        """Start a session and return the secret that the cookie carries."""
        secret = secrets.token_urlsafe(32)
        at = now()
        with self._database.write() as c:
            c.execute(sa.delete(SESSION).where(SESSION.c.expires_at < at))
            c.execute(
                sa.insert(SESSION).values(
                    token_hash=_digest(secret),
                    account=name,
                    created_at=at,
                    expires_at=at + timedelta(seconds=limits.SESSION_S_MAX),
                )
            )
        return secret

    def of_session(self, secret: str) -> Account | None:
        """Return the active account of an unexpired session."""
        query = (
            sa.select(*_PUBLIC)
            .join(SESSION, SESSION.c.account == ACCOUNT.c.name)
            .where(SESSION.c.token_hash == _digest(secret), SESSION.c.expires_at > now())
            .where(ACCOUNT.c.active)
        )
        with self._database.read() as c:
            row = c.execute(query).first()
        return _account(row) if row else None

    def close_session(self, secret: str) -> None:
        """End a session; an unknown one is no error."""
        with self._database.write() as c:
            c.execute(sa.delete(SESSION).where(SESSION.c.token_hash == _digest(secret)))

    # Tokens -------------------------------------------------------------------------------------

    def add_token(self, account: str, name: str, role: Role, days: int) -> tuple[ApiToken, str]:
        """Make a token that lasts `days` [d]; return it and its secret, shown this once.

        Raises
        ------
        LimitError
            The account has TOKENS_MAX tokens already, or `days` is out of 1..TOKEN_DAYS_MAX.
        RefusedError
            The token would be allowed more than its account.

        """
        if not 1 <= days <= TOKEN_DAYS_MAX:
            raise LimitError(f"a token lasts 1 to {TOKEN_DAYS_MAX} days; {days} were asked for")
        secret = f"mb_{secrets.token_urlsafe(32)}"
        at = now()
        with self._database.write() as c:
            owner = self._known(c, account)
            if not owner.role.covers(role):
                raise RefusedError(f"account {account!r} is {owner.role}, it cannot grant {role}")
            mine = sa.select(sa.func.count()).where(API_TOKEN.c.account == account)
            if c.execute(mine).scalar_one() >= TOKENS_MAX:
                raise LimitError(f"account {account!r} has {TOKENS_MAX} tokens; delete one first")
            made = {
                "account": account, "name": name, "role": role, "created_at": at,
                "expires_at": at + timedelta(days=days),
            }  # fmt: skip
            row = c.execute(
                sa.insert(API_TOKEN).values(**made, token_hash=_digest(secret)).returning(*_TOKEN)
            ).one()
        return _token(row), secret

    def of_token(self, secret: str) -> tuple[Account, Role] | None:
        """Return the active account of an unexpired token and what the token may do."""
        query = (
            sa.select(*_PUBLIC, API_TOKEN.c.role.label("token_role"))
            .join(API_TOKEN, API_TOKEN.c.account == ACCOUNT.c.name)
            .where(API_TOKEN.c.token_hash == _digest(secret), API_TOKEN.c.expires_at > now())
            .where(ACCOUNT.c.active)
        )
        with self._database.read() as c:
            row = c.execute(query).first()
        if not row:
            return None
        granted, account = Role(row.token_role), _account(row)
        # An account that lost its role takes its tokens down with it.
        return account, granted if account.role.covers(granted) else account.role

    def tokens(self, account: str = "") -> list[ApiToken]:
        """Return the tokens of one account, or of all where it is empty."""
        query = sa.select(*_TOKEN).order_by(API_TOKEN.c.id)
        if account:
            query = query.where(API_TOKEN.c.account == account)
        with self._database.read() as c:
            return [_token(r) for r in c.execute(query)]

    def delete_token(self, token_id: int, account: str = "") -> None:
        """Delete a token (of that account only, where given); NotFoundError if there is none."""
        query = sa.delete(API_TOKEN).where(API_TOKEN.c.id == token_id)
        if account:
            query = query.where(API_TOKEN.c.account == account)
        with self._database.write() as c:
            if not c.execute(query).rowcount:
                raise NotFoundError(f"no token has the id {token_id}")

    @staticmethod
    def _known(c: sa.Connection, name: str) -> Account:
        row = c.execute(sa.select(*_PUBLIC).where(ACCOUNT.c.name == name)).first()
        if not row:
            raise NotFoundError(f"no account is named {name!r}")
        return _account(row)

    @staticmethod
    def _require_admin(c: sa.Connection, changed: Account) -> None:
        """Refuse a change of an admin that left none."""
        if changed.role is not Role.ADMIN:
            return
        admins = sa.select(sa.func.count()).where(ACCOUNT.c.role == Role.ADMIN, ACCOUNT.c.active)
        if not c.scalar(admins):
            raise RefusedError(
                "the last active admin stays an active admin; make another one first"
            )


def _check_scope(role: Role, operator: str) -> None:
    if role is Role.ADMIN and operator:
        raise RefusedError("an admin manages every organisation; leave `operator` empty")
