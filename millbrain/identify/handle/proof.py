"""Challenges that wait for their answer, each answered once and in time.

The reference library ties question and answer together by the session number of the envelope: the
challenge gives one, the answer brings it back. It is a random number here, bound to the address
that was asked, so that nobody answers for another.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from millbrain.core.limits import HANDLE_CHALLENGE_S_MAX, HANDLE_CHALLENGES_MAX
from millbrain.core.records import Reference
from millbrain.core.registry import Registry
from millbrain.identify.handle import challenge
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.codec import Message

PUBLIC_KEY: Final = "HS_PUBKEY"
SECRET_KEY: Final = "HS_SECKEY"
_SESSION_MAX: Final = (1 << 31) - 1  # peers read it as a signed number


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that waits for the proof of who sent it."""

    request: Message
    nonce: bytes
    digest: bytes
    address: str
    until_s: float


class Challenges:
    """The challenges under way, bounded in number and time.

    Parameters
    ----------
    random
        Returns so many random bytes that nobody can guess.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._waiting: OrderedDict[int, Pending] = OrderedDict()

    def open(
        self, request: Message, packet: bytes, address: str, now_s: float
    ) -> tuple[int, Pending]:
        """Keep a request and return the session number and what is asked."""
        while self._waiting:
            oldest = next(iter(self._waiting))
            is_late = self._waiting[oldest].until_s < now_s
            if not is_late and len(self._waiting) < HANDLE_CHALLENGES_MAX:
                break
            del self._waiting[oldest]
        session = 0
        while not session or session in self._waiting:
            session = int.from_bytes(self._random(4), "big") & _SESSION_MAX
        pending = Pending(
            request, self._random(challenge.NONCE_BYTES), challenge.request_digest(packet), address,
            now_s + HANDLE_CHALLENGE_S_MAX,
        )  # fmt: skip
        self._waiting[session] = pending
        return session, pending

    def close(self, session: int, address: str, now_s: float) -> Pending | None:
        """Return what waited under `session` for `address`, once; None where nothing does."""
        pending = self._waiting.get(session)
        if pending is None or pending.address != address:
            return None
        del self._waiting[session]
        return pending if pending.until_s >= now_s else None


def proved(registry: Registry, body: Any, nonce: bytes, digest: bytes) -> Reference | None:
    """Return the identity that the body of operation 200 proves, None where it proves none."""
    kind, who = body["authentication"], Reference(body["handle"], body["index"])
    response = body["response"]
    for value in registry.credentials(who):
        if value.type != kind:
            continue
        if kind == PUBLIC_KEY and challenge.verify(value.data, response, nonce, digest):
            return Reference(who.handle, value.index)
        if kind == SECRET_KEY and challenge.verify_secret(value.data, response, nonce, digest):
            return Reference(who.handle, value.index)
    return None


def is_right(registry: Registry, body: Any) -> bool:
    """Whether an answer that another server asks us about (operation 201) is right."""
    _, digest = body["request_digest"]
    asked = dict(body) | {"authentication": SECRET_KEY}
    return proved(registry, asked, body["nonce"], digest) is not None


def asked(pending: Pending, request_flags: int) -> dict[str, Any]:
    """Return digest and nonce as the fields of a challenge message."""
    return {
        "body": {"nonce": pending.nonce},
        "digest": (f.DIGEST_SHA256, pending.digest),
        "flags": request_flags | f.RETURN_DIGEST,
    }
