"""What a token of the Handle system claims: a signature over values, or a certificate.

======== ========= ============================================================================
claim    of        what it says
======== ========= ============================================================================
iss      both      identity of the signer, ``300:88.100.1/maker``
sub      both      the handle whose values are signed; the identity that the certificate is about
nbf, exp both      from when, until when [Unix s]
iat      both      when it was made [Unix s]
digests  signature one digest for each value signed, by index: whoever may not read all values
                   checks those that it may
perms    cert      over what the subject may sign: everything, derivedPrefixes,
                   handlesUnderThisPrefix, thisHandle
publicKey cert     the subject's key
chain    both      where the certificates above it are, nearest first; the issuer's record else
======== ========= ============================================================================

References
----------
Handle.Net 9 technical manual 11 and the reference library's sources; RFC 7519.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.errors import FrameError
from millbrain.core.limits import HANDLE_VALUES_MAX
from millbrain.core.records import Reference, Value, encode_values
from millbrain.core.trust.public_keys import PublicKey, read_key
from millbrain.core.trust.tokens import Token

CERT_TYPE, SIGNATURE_TYPE = "HS_CERT", "HS_SIGNATURE"
EVERYTHING, THIS_HANDLE = "everything", "thisHandle"
DERIVED, UNDER_PREFIX = "derivedPrefixes", "handlesUnderThisPrefix"
PERMISSIONS: Final = (EVERYTHING, DERIVED, UNDER_PREFIX, THIS_HANDLE)
PREFIX_HANDLE: Final = "0.NA/"
_DIGESTS: Final = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512", "SM3": "sm3"}
_UNSIGNED_BYTES: Final = 12  # the count, then index and time of a value: neither is signed
_CHAIN_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Permission:
    """What a subject may sign: `kind` of `PERMISSIONS`, over a handle or prefix."""

    kind: str
    handle: str = ""

    def covers(self, handle: str) -> bool:
        """Whether it reaches a handle."""
        mine, asked = keys.fold(self.handle), keys.fold(handle)
        is_under = asked.startswith(mine.removeprefix(PREFIX_HANDLE) + "/")
        if self.kind == THIS_HANDLE:
            return asked == mine or (mine.startswith(PREFIX_HANDLE) and is_under)
        if self.kind == UNDER_PREFIX:
            return mine.startswith(PREFIX_HANDLE) and is_under
        if self.kind == DERIVED:
            return _prefix_handle(asked).startswith(mine + ".")
        return self.kind == EVERYTHING


def _prefix_handle(handle: str) -> str:
    """Return the handle of the prefix; that of a prefix's own record is itself."""
    return handle if handle.startswith(PREFIX_HANDLE) else PREFIX_HANDLE + handle.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token; what it does not say is empty or None."""

    issuer: str
    subject: str
    not_before_s: int | None = None
    expires_s: int | None = None
    issued_s: int | None = None
    digest_algorithm: str = ""
    digests: tuple[tuple[int, str], ...] = ()
    permissions: tuple[Permission, ...] = ()
    public_key: PublicKey | None = None
    chain: tuple[str, ...] = ()

    def is_valid_at(self, now_s: float) -> bool:
        """Whether an instant lies within its time; a token without an end holds for ever."""
        is_early = self.not_before_s is not None and now_s < self.not_before_s
        return not is_early and (self.expires_s is None or now_s < self.expires_s)

    @property
    def is_own(self) -> bool:
        """Whether the subject signed it itself: the end of a chain."""
        return keys.fold(self.issuer) == keys.fold(self.subject)

    def covers(self, handle: str) -> bool:
        """Whether its permissions reach a handle."""
        return any(permission.covers(handle) for permission in self.permissions)


def read(token: Token) -> Claims:
    """Read the claims of a token.

    Raises
    ------
    FrameError
        With reason ``structure``: a claim is of another kind.
    """
    told = token.payload
    digests = _member(told, "digests", Mapping, {})
    key = told.get("publicKey")
    return Claims(
        _member(told, "iss", str, ""), _member(told, "sub", str, ""),
        _seconds(told, "nbf"), _seconds(told, "exp"), _seconds(told, "iat"),
        _member(digests, "alg", str, ""),
        tuple(_digest(d) for d in _items(digests, "digests", HANDLE_VALUES_MAX)),
        tuple(_permission(p) for p in _items(told, "perms", HANDLE_VALUES_MAX)),
        None if key is None else read_key(key),
        tuple(str(link) for link in _items(told, "chain", _CHAIN_MAX)),
    )  # fmt: skip


def _member(told: Mapping[str, Any], name: str, kind: Any, otherwise: Any) -> Any:
    found = told.get(name, otherwise)
    if not isinstance(found, kind):
        raise FrameError("structure", f"claim {name}: {type(found).__name__} is of another kind")
    return found


def _items(told: Mapping[str, Any], name: str, most: int) -> Sequence[Any]:
    found: Sequence[Any] = _member(told, name, list, [])
    if len(found) > most:
        raise FrameError("structure", f"claim {name}: {len(found)} items, at most {most}")
    return found


def _seconds(told: Mapping[str, Any], name: str) -> int | None:
    found = told.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) < 1 << 60:
        raise FrameError("structure", f"claim {name}: seconds were expected")
    return int(found)


def _digest(told: Any) -> tuple[int, str]:
    if not isinstance(told, Mapping) or not isinstance(told.get("index"), int):
        raise FrameError("structure", "claim digests: index and digest were expected")
    return told["index"], _member(told, "digest", str, "")


def _permission(told: Any) -> Permission:
    if not isinstance(told, Mapping):
        raise FrameError("structure", "claim perms: handle and perm were expected")
    return Permission(_member(told, "perm", str, ""), told.get("handle") or "")


def digest_of(value: Value, algorithm: str) -> str:
    """Return the digest of a value as claims have it: of all but its index and its time, base64.

    Raises
    ------
    FrameError
        The algorithm is not known.
    """
    if algorithm not in _DIGESTS:
        raise FrameError("structure", f"digest {algorithm!r}; known are {', '.join(_DIGESTS)}")
    raw = encode_values((value,))[_UNSIGNED_BYTES:]
    return base64.b64encode(hashlib.new(_DIGESTS[algorithm], raw).digest()).decode()


def name_of(identity: Reference) -> str:
    """Return an identity as claims have it, ``300:88.100.1/maker``."""
    return f"{identity.index}:{identity.handle}"


def identity_of(name: str) -> Reference:
    """Read an identity; without an index it is 0: any of the handle."""
    index, colon, handle = name.partition(":")
    if colon and index.isdecimal() and index.isascii() and len(index) < 10:
        return Reference(handle, int(index))
    return Reference(name, 0)


def signature_payload(
    handle: str, values: Iterable[Value], signer: Reference, now_s: int, until_s: int,
    chain: Sequence[str] = (), algorithm: str = "SHA-256",
) -> dict[str, Any]:  # fmt: skip
    """Return what is signed of values of a handle; signatures and certificates are left out."""
    signed = [v for v in values if v.type not in (CERT_TYPE, SIGNATURE_TYPE)]
    listed = [{"index": v.index, "digest": digest_of(v, algorithm)} for v in signed]
    payload: dict[str, Any] = {
        "digests": {"alg": algorithm, "digests": listed},
        "iss": name_of(signer), "sub": handle, "exp": until_s, "nbf": now_s, "iat": now_s,
    }  # fmt: skip
    return payload | ({"chain": list(chain)} if chain else {})


def certificate_payload(
    subject: Reference, key: PublicKey, permissions: Iterable[Permission], signer: Reference,
    now_s: int, until_s: int, chain: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Return what a certificate says."""
    listed = [{"perm": p.kind} | ({"handle": p.handle} if p.handle else {}) for p in permissions]
    payload: dict[str, Any] = {
        "perms": listed, "publicKey": key.jwk, "iss": name_of(signer), "sub": name_of(subject),
        "exp": until_s, "nbf": now_s, "iat": now_s,
    }  # fmt: skip
    return payload | ({"chain": list(chain)} if chain else {})
