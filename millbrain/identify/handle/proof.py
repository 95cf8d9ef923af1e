"""Challenges that wait for their answer, each answered once and in time.

The reference library ties question and answer together by the session number of the envelope: the
challenge gives one, the answer brings it back. It is a random number here, bound to the address
that was asked, so that nobody answers for another. A request that brings a number keeps it: that of
its session, or one that a client of the Chinese dialect chose for its connection.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final

from millbrain.core.limits import (
    HANDLE_CHALLENGE_S_MAX,
    HANDLE_CHALLENGES_BYTES_MAX,
    HANDLE_CHALLENGES_MAX,
)
from millbrain.core.records import Reference
from millbrain.core.registry import Registry
from millbrain.identify.handle import challenge
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.codec import Message
from millbrain.identify.handle.sessions.entry import Entry
from millbrain.identify.handle.sessions.table import NUMBER_MAX

PUBLIC_KEY: Final = challenge.PUBLIC_KEY
SECRET_KEY: Final = "HS_SECKEY"
_KEPT_BYTES_MAX: Final = 512  # packets whose request is kept decoded as well


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that waits for the proof of who sent it.

    request: decoded, None where it is too big to be kept twice.
    """

    entry: Entry
    nonce: bytes
    digest: bytes
    until_s: float
    request: Message | None = None


class Challenges:
    """The challenges under way, bounded in number and time.

    Parameters
    ----------
    random
        Returns so many random bytes that nobody can guess.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._waiting: OrderedDict[Hashable, Pending] = OrderedDict()
        self._held_bytes = 0

    def open(
        self, number: int, entry: Entry, now_s: float, request: Message | None = None
    ) -> tuple[int, Pending]:
        """Keep a request and return the session number and what is asked.

        A session has one challenge at a time; a request that comes again gets the same.

        Parameters
        ----------
        number
            Session number of the request, 0 = none.
        request
            The packet, decoded, where it is worth keeping.
        """
        name = _name(number, entry)
        held = self._drop(name) if number else None
        while not number or (name == number and number in self._waiting):
            name = number = int.from_bytes(self._random(4), "big") & NUMBER_MAX
        digest = challenge.request_digest(entry.packet)
        is_same = held is not None and held.digest == digest
        nonce = held.nonce if held and is_same else self._random(challenge.NONCE_BYTES)
        kept = request if len(entry.packet) <= _KEPT_BYTES_MAX else None
        pending = Pending(entry, nonce, digest, now_s + HANDLE_CHALLENGE_S_MAX, kept)
        self._waiting[name] = pending
        self._held_bytes += len(entry.packet)
        self._make_room(now_s)
        return number, pending

    def close(self, number: int, entry: Entry, now_s: float) -> Pending | None:
        """Return what waited under a number for its sender, once; None where nothing does."""
        for name in (number, _name(number, entry)):
            pending = self._waiting.get(name)
            if pending is not None and pending.entry.address == entry.address:
                self._drop(name)
                return pending if pending.until_s >= now_s else None
        return None

    def _drop(self, name: Hashable) -> Pending | None:
        pending = self._waiting.pop(name, None)
        self._held_bytes -= len(pending.entry.packet) if pending else 0
        return pending

    def _make_room(self, now_s: float) -> None:
        """Forget what is over, and the oldest where there are too many or too many bytes."""
        while len(self._waiting) > 1:
            name, oldest = next(iter(self._waiting.items()))
            is_full = len(self._waiting) > HANDLE_CHALLENGES_MAX
            is_big = self._held_bytes > HANDLE_CHALLENGES_BYTES_MAX
            if oldest.until_s >= now_s and not is_full and not is_big:
                return
            self._drop(name)


def _name(number: int, entry: Entry) -> Hashable:
    """Return what a challenge waits under: numbers that clients chose are theirs only."""
    return number if entry.session is not None else (entry.peer, number)


def proved(registry: Registry, body: Any, nonce: bytes, digest: bytes) -> Reference | None:
    """Return the identity that the body of operation 200 proves, None where it proves none."""
    kind, who = body["authentication"], Reference(body["handle"], body["index"])
    response = body["response"]
    for value in registry.credentials(who):
        if value.type != kind:
            continue
        if kind == PUBLIC_KEY and challenge.verify(value.data, response, nonce, digest, who.handle):
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
