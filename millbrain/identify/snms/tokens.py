"""Logins of the dialect: name and password give a token, which later requests carry.

A user is an identity of the registry: its name is ``index:handle``, or a handle alone, whose first
fitting HS_SECKEY value counts. A token is a JWT (HS256) that lives for 24 h; it names the secret by
which it was given, so that it ends with that.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import orjson

from millbrain.core.faces.askers import SECRET_TYPE
from millbrain.core.records import Reference, Value
from millbrain.core.registry import Registry
from millbrain.identify.snms.fields import TOKEN_S

_HEAD: Final = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"HS256"}').rstrip(b"=")
_CHINA: Final = timezone(timedelta(hours=8))
_CLOCK_S: Final = 3_600  # how far a client's clock may be off around midnight
_BEARER: Final = "bearer "


@dataclass(frozen=True, slots=True)
class Login:
    """An identity and the secret that proved it."""

    identity: Reference
    secret: Value


def user_of(name: str) -> Reference | None:
    """Return the identity that a user name means, None where it means none.

    >>> user_of("300:88.100.1/admin")
    Reference(handle='88.100.1/admin', index=300)
    """
    head, colon, rest = name.partition(":")
    if colon and head.isascii() and head.isdecimal() and int(head) < 1 << 32:
        return Reference(rest, int(head)) if "/" in rest else None
    return Reference(name, 0) if "/" in name else None


def plain(registry: Registry, name: str, password: str) -> Login | None:
    """Return the login that name and password prove."""
    return _fitting(registry, name, password.encode("utf-8", "replace"), lambda raw: (raw,))


def dated(registry: Registry, name: str, password: str, now_s: float) -> Login | None:
    """Return the login of a password that is sha256(sha256(secret) + date), in lower-case hex."""
    dates = tuple(_dates(now_s))

    def forms(raw: bytes) -> tuple[bytes, ...]:
        inner = hashlib.sha256(raw).hexdigest()
        return tuple(hashlib.sha256(f"{inner}{d}".encode()).hexdigest().encode() for d in dates)

    return _fitting(registry, name, password.lower().encode("utf-8", "replace"), forms)


def _fitting(registry: Registry, name: str, given: bytes, forms: Any) -> Login | None:
    user = user_of(name)
    if user is None:
        return None
    for value in registry.credentials(user):
        if (
            value.type == SECRET_TYPE
            and value.data
            and any(hmac.compare_digest(form, given) for form in forms(value.data))
        ):
            return Login(Reference(user.handle, value.index), value)
    return None


def _dates(now_s: float) -> Iterator[str]:
    """Return the dates that a client may believe to have: in China, and in UTC."""
    for zone in (_CHINA, UTC):
        for at_s in (now_s, now_s - _CLOCK_S, now_s + _CLOCK_S):
            yield datetime.fromtimestamp(at_s, zone).strftime("%Y-%m-%d")


def write(identity: Reference, proof: bytes, key: bytes, now_s: int) -> str:
    """Return a token. proof: what proved the identity; the token ends when it is gone."""
    told = {"sub": f"{identity.index}:{identity.handle}", "iat": now_s, "exp": now_s + TOKEN_S,
            "kid": _mark(proof)}  # fmt: skip
    head = _HEAD + b"." + _base64(orjson.dumps(told))
    return (head + b"." + _base64(_mac(head, key))).decode()


def read(registry: Registry, header: str, key: bytes, now_s: float) -> Reference | None:
    """Return the identity of an Authorization header with a token, None where it proves none."""
    if header[: len(_BEARER)].lower() != _BEARER:
        return None
    head, _, mac = header[len(_BEARER) :].strip().encode("utf-8", "replace").rpartition(b".")
    if not hmac.compare_digest(_base64(_mac(head, key)), mac):
        return None
    try:
        told = orjson.loads(_raw(head.partition(b".")[2]))
        identity = user_of(told["sub"])
        is_over = now_s >= told["exp"]
    except (ValueError, KeyError, TypeError):
        return None
    if identity is None or is_over:
        return None
    held = registry.credentials(identity)
    return identity if any(_mark(v.data) == told["kid"] for v in held) else None


def _mark(proof: bytes) -> str:
    return hashlib.sha256(b"token\0" + proof).hexdigest()[:16]


def _mac(head: bytes, key: bytes) -> bytes:
    return hmac.new(key, b"snms\0" + head, hashlib.sha256).digest()


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _raw(text: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from error
