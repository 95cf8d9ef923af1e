"""Sign the values of an identifier, certify signers, and verify, against the running resolver.

A signer is an identity with its private key: RSA in PEM, or SM2 as 64 hexadecimal digits. Values
that everybody may read and values that few may read are signed apart: a signature names a digest of
each value, and the digest of a short secret can be guessed.
"""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from millbrain.core import sm2
from millbrain.core.errors import FrameError, MillbrainError, NotFoundError, SettingsError
from millbrain.core.records import PUBLIC_READ, Reference, Value
from millbrain.core.trust import chains, claims, handle_keys, tokens
from millbrain.core.trust.claims import CERT_TYPE, SIGNATURE_TYPE, Permission
from millbrain.core.trust.public_keys import RS256, SM2, PublicKey
from millbrain.identify.handle import challenge
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.identify.handle.framing import Envelope
from millbrain.run import run_files
from millbrain.run.handles import asked
from millbrain.run.resolver import TRUSTED, administrators, roots_of
from millbrain.run.settings import Settings

FIRST_INDEX: Final = 400  # of signatures and certificates, as the reference library puts them
DAY_S: Final = 86_400
_SM2_DIGITS: Final = 64
_USUAL, _HIDDEN = 0x0E, 0x0C  # read by all, or by administrators


@dataclass(frozen=True, slots=True)
class Signer:
    """An identity and its private key."""

    identity: Reference
    key: RSAPrivateKey | bytes

    @property
    def public(self) -> PublicKey:
        """The key that its signatures are checked with."""
        if isinstance(self.key, bytes):
            return handle_keys.of_point(sm2.public_of(self.key))
        numbers = self.key.public_key().public_numbers()
        return handle_keys.of_numbers(numbers.n, numbers.e)

    def token(self, payload: Mapping[str, Any]) -> bytes:
        """Return a signed token."""
        return tokens.write(payload, SM2 if isinstance(self.key, bytes) else RS256, self._sign)

    def _sign(self, text: bytes) -> bytes:
        if isinstance(self.key, bytes):
            return b"".join(sm2.sign(self.key, text))
        return self.key.sign(text, padding.PKCS1v15(), SHA256())

    def proof(self, nonce: bytes, digest: bytes) -> bytes:
        """Return the signed response to a challenge."""
        if isinstance(self.key, bytes):
            return challenge.sign_sm2(self.key, nonce, digest, self.identity.handle)
        return challenge.sign(self.key, nonce, digest)


def read_signer(name: str, path: Path) -> Signer:
    """Return a signer of an identity ``300:88.100.1/admin`` and a file with its private key.

    Raises
    ------
    SettingsError
        The name or the file is none of that.
    """
    identity = _identity(name)
    try:
        text = path.read_bytes().strip()
        if len(text) == _SM2_DIGITS:
            return Signer(identity, bytes.fromhex(text.decode("ascii")))
        key = load_pem_private_key(text, None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{path}: {error}") from error
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError(f"{path}: an RSA key in PEM or 64 digits of an SM2 key were expected")
    return Signer(identity, key)


def _identity(name: str) -> Reference:
    try:
        (found,) = administrators([name])
    except SettingsError as error:
        raise SettingsError(f"{name!r}: index:handle was expected, 300:88.100.1/admin") from error
    return found


class Node:
    """The running resolver, asked as any client asks; `signer` proves who asks."""

    def __init__(self, settings: Settings, signer: Signer | None = None) -> None:
        found = run_files.read(settings.run_file("resolver"))
        if not found:
            raise SettingsError(f"no resolver is running on {settings.data}")
        self._host, self._port = settings.handle.host, found["ports"]["handle"]
        self._signer = signer

    def values(self, handle: str, *, is_public: bool = False) -> tuple[Value, ...]:
        """Return the values of a handle; all that the signer may read, or the public ones.

        Raises
        ------
        NotFoundError
            There is no such handle.
        MillbrainError
            The node refuses.
        """
        body = {"handle": handle, "indexes": (), "types": ()}
        answer = self._asked(f.RESOLVE, body, f.PUBLIC_ONLY if is_public else 0)
        if answer.code == f.NOT_FOUND:
            raise NotFoundError(f"{handle} does not exist here")
        return () if answer.code == f.VALUES_NOT_FOUND else _good(answer, handle)["values"]

    def public(self, handle: str) -> tuple[Value, ...]:
        """Return the public values of a handle, none where there is no such handle."""
        try:
            return self.values(handle, is_public=True)
        except MillbrainError:
            return ()

    def put(self, handle: str, values: Sequence[Value], indexes: Iterable[int]) -> None:
        """Store values; those at `indexes` are there already and change."""
        there = set(indexes)
        for operation, part in (
            (f.MODIFY, tuple(v for v in values if v.index in there)),
            (f.ADD, tuple(v for v in values if v.index not in there)),
        ):
            if part:
                _good(self._asked(operation, {"handle": handle, "values": part}, 0), handle)

    def _asked(self, operation: int, body: Mapping[str, Any], flags: int) -> Message:
        envelope = Envelope(request=int.from_bytes(os.urandom(4), "big"))
        packet = encode(Message(operation, body, flags=flags, envelope=envelope))
        answer = decode(asked(self._host, self._port, packet))
        if answer.code != f.CHALLENGE or self._signer is None:
            return answer
        who = self._signer.identity
        proof = {
            "authentication": challenge.PUBLIC_KEY, "handle": who.handle, "index": who.index,
            "response": self._signer.proof(answer.body["nonce"], challenge.request_digest(packet)),
        }  # fmt: skip
        number = Envelope(session=answer.envelope.session, request=envelope.request)
        said = encode(Message(f.CHALLENGE_ANSWER, proof, envelope=number))
        return decode(asked(self._host, self._port, said))


def _good(answer: Message, handle: str) -> Mapping[str, Any]:
    if answer.code == f.OK:
        return answer.body
    code = f.RESPONSES.get(answer.code)
    title = code.title if code else str(answer.code)
    raise MillbrainError(f"{handle}: {title} {answer.body.get('message', '')}".rstrip())


def sign(
    settings: Settings, handle: str, signer: Signer, days: int, chain: Sequence[str] = ()
) -> list[int]:
    """Sign what the signer may read of a handle, and store the signatures there.

    Returns
    -------
    list of int
        Where they stand. A signature of the same signer over the same kind of values is replaced.
    """
    node = Node(settings, signer)
    held = node.values(handle)
    now_s = int(time.time())
    made: list[Value] = []
    for permissions in (_USUAL, _HIDDEN):
        part = [v for v in held if bool(v.permissions & PUBLIC_READ) == (permissions == _USUAL)
                and v.type not in (CERT_TYPE, SIGNATURE_TYPE)]  # fmt: skip
        if part:
            payload = claims.signature_payload(
                handle, part, signer.identity, now_s, now_s + days * DAY_S, chain
            )
            index = _place(held, made, signer.identity, permissions)
            made.append(
                Value(index, SIGNATURE_TYPE, signer.token(payload), permissions=permissions)
            )
    node.put(handle, made, (v.index for v in held))
    return [v.index for v in made]


def _place(
    held: Sequence[Value], made: Sequence[Value], signer: Reference, permissions: int
) -> int:
    """Return the index of the signer's earlier signature, else the first that is free."""
    for value in held:
        if value.type == SIGNATURE_TYPE and value.permissions == permissions:
            try:
                if claims.read(tokens.read(value.data)).issuer == claims.name_of(signer):
                    return value.index
            except FrameError:
                continue
    taken = {v.index for v in (*held, *made)}
    return next(n for n in range(FIRST_INDEX, FIRST_INDEX + len(taken) + 1) if n not in taken)


def verify(
    settings: Settings, handle: str, roots: Path | None, signer: Signer | None = None
) -> chains.Report:
    """Say what the signatures of a handle say of the values that everybody, or the signer, sees."""
    node = Node(settings, signer)
    trusted = roots_of(roots or settings.data / TRUSTED)
    seen = node.values(handle, is_public=signer is None)
    return chains.judge(handle, seen, node.public, trusted, time.time())


def certify(
    settings: Settings, subject: str, permissions: Sequence[str], signer: Signer, days: int,
    chain: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Return a certificate of a subject, as the HTTP JSON API takes it.

    Parameters
    ----------
    subject
        ``300:88.100.1/maker``, whose public key the resolver knows at that index.
    permissions
        ``everything``, or a kind and what it is over: ``handlesUnderThisPrefix=0.NA/88.100.1``.

    Returns
    -------
    dict
        The handle, its value HS_CERT, and the signer's key as ``trusted_roots.json`` lists it.
    """
    who = _identity(subject)
    listed = [_permission(text) for text in permissions]
    key = signer.public if who == signer.identity else _key(Node(settings, signer), who)
    now_s = int(time.time())
    payload = claims.certificate_payload(
        who, key, listed, signer.identity, now_s, now_s + days * DAY_S, chain
    )
    data = {"format": "string", "value": signer.token(payload).decode("ascii")}
    return {
        "handle": who.handle,
        "values": [{"index": FIRST_INDEX, "type": CERT_TYPE, "data": data, "ttl": DAY_S}],
        "root": {"handle": signer.identity.handle, "publicKey": signer.public.jwk},
    }


def _key(node: Node, who: Reference) -> PublicKey:
    for value in node.values(who.handle):
        if value.index == who.index and value.type == challenge.PUBLIC_KEY:
            return handle_keys.read(value.data)
    raise NotFoundError(f"{who.handle} has no public key at index {who.index}")


def _permission(text: str) -> Permission:
    kind, _, over = text.partition("=")
    if kind not in claims.PERMISSIONS or bool(over) == (kind == claims.EVERYTHING):
        kinds = ", ".join(claims.PERMISSIONS)
        raise SettingsError(f"{text!r}: one of {kinds}, with =HANDLE behind all but the first")
    return Permission(kind, over)
