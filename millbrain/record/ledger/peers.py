"""Platforms that may log in over a protocol, and the keys of platforms and vehicles.

Implements `core.rooms.Peers` for the drivers: whatever they ask often is answered from memory and
looked up anew after a few seconds, so that a change on the web reaches the engine by itself.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

import sqlalchemy as sa

from millbrain.core.errors import LimitError, NotFoundError, RefusedError
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import KEY, PEER, THING, Peer, now
from millbrain.record.ledger.passwords import PasswordMemory, hashed

USER_CHARACTERS_MAX: Final = 12  # GB/T 32960.3 platform login: user name, 12 bytes
PASSWORD_CHARACTERS_MAX: Final = 20  # ... and password, 20 bytes
PASSWORD_CHARACTERS_MIN: Final = 6
KEY_KINDS: Final = ("aes", "sm4", "rsa", "sm2", "ecc")
VERIFYING_KINDS: Final = ("rsa", "sm2", "ecc")
KEY_BYTES_MAX: Final = 8192
REMEMBER_S: Final = 10
REMEMBERED_MAX: Final = 50_000

_Answer = TypeVar("_Answer")


def _peer(row: sa.Row[*tuple[Any, ...]], keys: tuple[str, ...]) -> Peer:
    values = row._asdict()
    del values["password_hash"]
    return Peer(**values, keys=keys)


class PeerAccounts:
    """Platform accounts and keys. Thread safe; `check`, `keys` and `foreign` may block."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._memory = PasswordMemory()
        self._answers: dict[str, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    # core.rooms.Peers ---------------------------------------------------------------------------

    def check(self, user: str, password: str) -> bool:
        """Whether this platform account exists, is active and has this password."""
        row = self._remembered(f"peer {user}", lambda: self._hash_of(user))
        right = self._memory.matches(row[0] if row else None, password)
        return bool(right and row and row[1])

    def keys(self, user: str) -> Mapping[str, bytes]:
        """Return the keys of a platform or vehicle: kind -> bytes, empty where it has none."""
        return self._remembered(f"keys {user}", lambda: self._keys_of(user))

    def foreign(self) -> frozenset[str]:
        """Return ids registered as things of another protocol than GB/T 32960."""
        return self._remembered("foreign", self._foreign)

    def signers(self) -> frozenset[str]:
        """Return owners of a key that verifies signatures."""
        return self._remembered("signers", self._signers)

    # Management ---------------------------------------------------------------------------------

    def all(self) -> list[Peer]:
        """Return every platform account by user name."""
        kinds: dict[str, list[str]] = {}
        with self._database.read() as c:
            for owner, kind in c.execute(sa.select(KEY.c.owner, KEY.c.kind).order_by(KEY.c.kind)):
                kinds.setdefault(owner, []).append(kind)
            rows = c.execute(sa.select(PEER).order_by(PEER.c.user)).all()
        return [_peer(r, tuple(kinds.get(r.user, ()))) for r in rows]

    def get(self, user: str) -> Peer | None:
        """Return one platform account, active or not."""
        return next((p for p in self.all() if p.user == user), None)

    def add(
        self, user: str, password: str | None = None, title: str = "", *, simulated: bool = False
    ) -> str:
        """Make a platform account and return its password, a random one where none is given.

        Raises
        ------
        LimitError
            User or password does not fit the login frame (12 and 20 bytes of ASCII).
        RefusedError
            The user name is taken.
        """
        chosen = secrets.token_urlsafe(12) if password is None else password
        _check_text("user name", user, 1, USER_CHARACTERS_MAX)
        _check_text("password", chosen, PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX)
        made = {"user": user, "title": title, "simulated": simulated, "active": True}
        try:
            with self._database.write() as c:
                c.execute(
                    sa.insert(PEER),
                    {**made, "password_hash": hashed(chosen), "created_at": now()},
                )
        except sa.exc.IntegrityError as e:
            raise RefusedError(f"a platform account named {user!r} exists already") from e
        self._forget()
        return chosen

    def change(self, user: str, **changes: Any) -> Peer:
        """Change title, active, simulated or password; NotFoundError for an unknown user."""
        password = changes.pop("password", None)
        if password is not None:
            _check_text("password", password, PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX)
            changes["password_hash"] = hashed(password)
        with self._database.write() as c:
            found = c.scalar(sa.select(PEER.c.user).where(PEER.c.user == user))
            if found and changes:
                c.execute(sa.update(PEER).where(PEER.c.user == user).values(**changes))
        self._forget()
        peer = self.get(user)
        if peer is None:
            raise NotFoundError(f"no platform account is named {user!r}")
        return peer

    def delete(self, user: str) -> None:
        """Delete a platform account and its keys; NotFoundError where there is no such user."""
        with self._database.write() as c:
            if not c.execute(sa.delete(PEER).where(PEER.c.user == user)).rowcount:
                raise NotFoundError(f"no platform account is named {user!r}")
            c.execute(sa.delete(KEY).where(KEY.c.owner == user))
        self._forget()

    def set_key(self, owner: str, kind: str, value: bytes) -> None:
        """Keep a key of a platform or vehicle, in place of an older one of that kind.

        Raises
        ------
        LimitError
            The kind is unknown, or the key empty or longer than KEY_BYTES_MAX.

        """
        if kind not in KEY_KINDS:
            raise LimitError(f"key kind is {kind!r}; allowed are {', '.join(KEY_KINDS)}")
        if not 0 < len(value) <= KEY_BYTES_MAX:
            raise LimitError(f"a key has 1 to {KEY_BYTES_MAX} bytes; this one has {len(value)}")
        upsert = self._database.upsert(KEY, ["owner", "kind"], ["value", "created_at"])
        with self._database.write() as c:
            c.execute(upsert, {"owner": owner, "kind": kind, "value": value, "created_at": now()})
        self._forget()

    def delete_key(self, owner: str, kind: str) -> None:
        """Delete a key; NotFoundError where there is none."""
        query = sa.delete(KEY).where(KEY.c.owner == owner, KEY.c.kind == kind)
        with self._database.write() as c:
            if not c.execute(query).rowcount:
                raise NotFoundError(f"{owner!r} has no key of kind {kind!r}")
        self._forget()

    # Memory -------------------------------------------------------------------------------------

    def _hash_of(self, user: str) -> tuple[str, bool] | None:
        query = sa.select(PEER.c.password_hash, PEER.c.active).where(PEER.c.user == user)
        with self._database.read() as c:
            row = c.execute(query).first()
        return (row.password_hash, row.active) if row else None

    def _keys_of(self, user: str) -> dict[str, bytes]:
        with self._database.read() as c:
            rows = c.execute(sa.select(KEY.c.kind, KEY.c.value).where(KEY.c.owner == user))
            return {kind: bytes(value) for kind, value in rows}

    def _foreign(self) -> frozenset[str]:
        with self._database.read() as c:
            return frozenset(c.scalars(sa.select(THING.c.id).where(THING.c.protocol != "gbt32960")))

    def _signers(self) -> frozenset[str]:
        verifying = sa.select(KEY.c.owner).where(KEY.c.kind.in_(VERIFYING_KINDS))
        with self._database.read() as c:
            return frozenset(c.scalars(verifying))

    def _remembered(self, question: str, ask: Callable[[], _Answer]) -> _Answer:
        """Answer from memory, or ask the database and remember for REMEMBER_S."""
        with self._lock:
            until, answer = self._answers.get(question, (0.0, None))
        if until > time.monotonic():
            return cast("_Answer", answer)
        fresh = ask()
        with self._lock:
            if len(self._answers) >= REMEMBERED_MAX:
                self._answers.clear()
            self._answers[question] = (time.monotonic() + REMEMBER_S, fresh)
        return fresh

    def _forget(self) -> None:
        with self._lock:
            self._answers.clear()


def _check_text(what: str, text: str, shortest: int, longest: int) -> None:
    if not shortest <= len(text) <= longest or not text.isascii() or not text.isprintable():
        raise LimitError(
            f"the {what} of a platform is {shortest} to {longest} printable ASCII characters,"
            " as the login frame has no room for others"
        )
