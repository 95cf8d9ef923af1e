"""The desk of a node: it opens sessions, lets messages in by them, and seals the answers.

Three kinds of client use the number of the session in the envelope:

- none: 0, or the number of a challenge;
- a session of the protocol: set up by operation 400, each message signed with its key;
- a number of the client's own: the Chinese SDKs write one into every message, log in over their
  connection (operation 2001) and sign nothing. A number that is not ours is let pass without any
  right unless the message shows that it means a session: then that session is over (code 500).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.errors import FrameError
from millbrain.core.faces.pace import Pace
from millbrain.core.limits import HANDLE_LOGIN_S_MAX, HANDLE_SUMS_HZ_MAX
from millbrain.core.records import Reference
from millbrain.core.registry import Registry
from millbrain.identify.handle import challenge
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.codec import Message, decode, decode_credential
from millbrain.identify.handle.sessions import exchange, sealing
from millbrain.identify.handle.sessions.entry import Entry, Link, RefusedEntry
from millbrain.identify.handle.sessions.exchange import SessionKey
from millbrain.identify.handle.sessions.node_key import NodeKey
from millbrain.identify.handle.sessions.table import Session, Sessions

_WHOLE_BYTES: Final = f.ENVELOPE_BYTES + f.HEADER_BYTES
_UNKEYED: Final = frozenset((f.SESSION_SETUP, f.SESSION_KEY))  # answers that no session signs
Body = Mapping[str, Any]


class Desk:
    """Opens and ends sessions and knows which message is whose.

    Parameters
    ----------
    registry
        Where public keys of identities stand.
    random
        Returns so many random bytes that nobody can guess.
    key
        The node's own; None where it has none: nothing is certified then.
    """

    def __init__(
        self, registry: Registry, random: Callable[[int], bytes], key: NodeKey | None = None
    ) -> None:
        self._registry = registry
        self._random = random
        self._key = key
        self._pace = Pace(HANDLE_SUMS_HZ_MAX)
        self.sessions = Sessions(random)

    # In -----------------------------------------------------------------------------------------

    def admit(self, packet: bytes, address: str, link: Link | None) -> Entry:
        """Open a message and say whose it is.

        Raises
        ------
        RefusedEntry
            The message means a session and cannot be of it.
        """
        now_s = time.monotonic()
        number = int.from_bytes(packet[4:8], "big")
        session = self._session(number, link, now_s)
        was_encrypted = bool(packet[2] & f.ENCRYPTED)
        if was_encrypted:
            packet = self._opened(packet, session, now_s)
        entry = Entry(packet, address, link, session, was_encrypted=was_encrypted)
        if len(packet) < _WHOLE_BYTES or packet[2] & (f.TRUNCATED | f.COMPRESSED):
            return entry  # whoever decodes it says what is wrong
        has_mac = _has_mac(packet)
        if session is not None and has_mac:
            return self._signed(entry, session, now_s)
        if was_encrypted and session is not None and session.is_signing:
            raise RefusedEntry(f.SESSION_FAILED, sealing.UNREADABLE)
        if number and session is None and has_mac:
            raise RefusedEntry(f.SESSION_OVER, f"session {number} is over; set up a new one")
        return _logged_in(entry, number, now_s)

    @staticmethod
    def read(entry: Entry) -> Message:
        """Decode what was admitted.

        Raises
        ------
        RefusedEntry
            It is no message.
        """
        try:
            return decode(entry.packet)
        except FrameError as error:
            if entry.was_encrypted:
                raise RefusedEntry(f.SESSION_FAILED, sealing.UNREADABLE) from error
            raise RefusedEntry(f.PROTOCOL_ERROR, str(error)) from error

    def _session(self, number: int, link: Link | None, now_s: float) -> Session | None:
        session = self.sessions.find(number, now_s) if number else None
        if session is None and link is not None and link.own is not None and link.own[0] == number:
            session = self.sessions.find(link.own[1].number, now_s)
        return session

    def _opened(self, packet: bytes, session: Session | None, now_s: float) -> bytes:
        if session is None:
            raise RefusedEntry(f.SESSION_OVER, "encrypted in a session that is over")
        if session.key is None:
            raise RefusedEntry(f.SESSION_FAILED, "encrypted before the session had a key")
        try:
            found = sealing.opened(packet, session.key)
        except FrameError as error:
            raise RefusedEntry(f.SESSION_FAILED, sealing.UNREADABLE) from error
        self.sessions.used(session, now_s)
        return found

    def _signed(self, entry: Entry, session: Session, now_s: float) -> Entry:
        if session.key is None:
            raise RefusedEntry(f.SESSION_KEY_WRONG, "signed before the session had a key")
        try:
            counter = sealing.counter_of(entry.packet, session.key.key)
        except FrameError as error:
            if entry.was_encrypted:
                raise RefusedEntry(f.SESSION_FAILED, sealing.UNREADABLE) from error
            raise RefusedEntry(f.SESSION_KEY_WRONG, str(error)) from error
        if not sealing.is_new(entry.packet, 7):
            raise RefusedEntry(f.SESSION_SETUP_WRONG, "sessions need protocol 2.7 or later")
        if not session.seen.is_new(counter):
            raise RefusedEntry(f.SESSION_REPEATED, f"message {counter} of the session came before")
        session.is_signing = True
        self.sessions.used(session, now_s)
        return replace(entry, identity=session.identity, is_signed=True)

    # Operations ---------------------------------------------------------------------------------

    def set_up(self, entry: Entry, body: Body, number: int) -> tuple[Session, Body]:
        """Open a session; return it, and the body of the answer.

        Parameters
        ----------
        number
            Session number of the request: one that the client chose and goes on using.

        Raises
        ------
        RefusedEntry
            No session; says why.
        """
        if not sealing.is_new(entry.packet, 7):
            raise RefusedEntry(f.SESSION_SETUP_WRONG, "sessions need protocol 2.7 or later")
        now_s = time.monotonic()
        if not self._pace.may(now_s):
            raise RefusedEntry(f.BUSY, "too many sessions are being set up; try again")
        claimed = Reference(body["handle"], body["index"]) if body["handle"] else None
        try:
            key, told = self._exchanged(body, claimed)
        except FrameError as error:
            raise RefusedEntry(f.SESSION_FAILED, str(error)) from error
        session = self.sessions.begin(entry.address, claimed, key, body["timeout_s"], now_s)
        if session is None:
            raise RefusedEntry(f.BUSY, "all places for sessions are taken; try again")
        session.awaits_key = key is None
        if number and entry.link is not None:
            entry.link.own = (number, session)
        return session, {"exchange": body["exchange"], "data": told}

    def _exchanged(self, body: Body, claimed: Reference | None) -> tuple[SessionKey | None, bytes]:
        mode = body["exchange"]
        if mode == f.KEY_FROM_CLIENT:
            return exchange.for_client(body["public_key"], self._random)
        if mode == f.KEY_DIFFIE_HELLMAN:
            return exchange.agreed(body["public_key"], self._random)
        if mode == f.KEY_FROM_HANDLE:
            named = Reference(body["exchange_handle"], body["exchange_index"])
            return self._for_owner(named if named.handle else claimed)
        if mode == f.KEY_FROM_SERVER:
            if self._key is None:
                raise RefusedEntry(f.SESSION_NEEDS_RSA, "this node has no key of its own")
            return None, self._key.public_data
        raise RefusedEntry(f.SESSION_SETUP_WRONG, f"key exchange {mode}; 1 to 4 are known")

    def _for_owner(self, named: Reference | None) -> tuple[SessionKey, bytes]:
        """Return a key for whoever owns the public key that a handle of this node holds."""
        for value in self._registry.credentials(named) if named is not None else ():
            if value.type == challenge.PUBLIC_KEY:
                return exchange.for_client(value.data, self._random)
        raise RefusedEntry(f.SESSION_FAILED, "no public key of that handle and index is kept here")

    def take_key(self, entry: Entry, body: Body) -> None:
        """Take the key that a client made and sealed for us; RefusedEntry where it cannot be."""
        session = entry.session
        if session is None:
            raise RefusedEntry(f.SESSION_OVER, "the session is over; set up a new one")
        if not session.awaits_key or self._key is None:
            raise RefusedEntry(f.SESSION_FAILED, "the session awaits no key")
        now_s = time.monotonic()
        if not self._pace.may(now_s):
            raise RefusedEntry(f.BUSY, "too many sessions are being set up; try again")
        try:
            session.key = exchange.from_client(self._key, body.get("session_key", b""))
        except FrameError as error:
            raise RefusedEntry(f.SESSION_FAILED, str(error)) from error
        session.awaits_key = False
        self.sessions.used(session, now_s)

    def end(self, entry: Entry) -> None:
        """End the session of a message that its key signed; RefusedEntry where it did not."""
        if entry.session is None:
            raise RefusedEntry(f.SESSION_OVER, "the session is over already")
        if not entry.is_signed:
            raise RefusedEntry(f.SESSION_KEY_WRONG, "only the key of a session ends it")
        self.sessions.end(entry.session)

    def proved(self, entry: Entry, who: Reference) -> None:
        """Note that a message of a session was proved to be of `who`, by a challenge.

        From then on the session is theirs, if it was begun in their name and signed the message.
        """
        session = entry.session
        if session is None or session.claimed is None or not entry.is_signed:
            return
        claimed = session.claimed
        is_same = keys.fold(claimed.handle) == keys.fold(who.handle)
        if is_same and claimed.index in (0, who.index):
            session.identity = who
            self.sessions.used(session, time.monotonic())

    def log_in(self, entry: Entry, who: Reference, number: int) -> None:
        """Note a proved log-in over a connection; over UDP it has no effect but its answer."""
        if entry.link is not None:
            link = entry.link
            link.identity, link.number = who, number
            link.until_s = time.monotonic() + HANDLE_LOGIN_S_MAX

    # Out ----------------------------------------------------------------------------------------

    def sealed(self, answer: bytes, entry: Entry, flags: int, *, is_private: bool = False) -> bytes:
        """Return an answer as its request wants it: certified, encrypted.

        Parameters
        ----------
        flags
            Of the request.
        is_private
            The answer holds what not everybody may read; it is encrypted where it can be.
        """
        operation = int.from_bytes(answer[f.ENVELOPE_BYTES : f.ENVELOPE_BYTES + 4], "big")
        session = entry.session
        key = None if session is None or operation in _UNKEYED else session.key
        if flags & f.CERTIFY:
            if session is not None and key is not None:
                answer = sealing.with_mac(answer, key.key, next(session.counter))
            elif self._key is not None and self._pace.may(time.monotonic()):
                answer = sealing.with_signature(answer, self._key)
        if key is not None and (is_private or entry.was_encrypted or flags & f.ENCRYPT):
            return sealing.encrypted(answer, key, self._random)
        return answer


def _has_mac(packet: bytes) -> bool:
    try:
        _, section = sealing.parts(packet)
        return bool(section) and decode_credential(section).type == sealing.MAC
    except FrameError:
        return False  # whoever decodes it says what is wrong


def _logged_in(entry: Entry, number: int, now_s: float) -> Entry:
    """Return the entry as the log-in over its connection has it."""
    link = entry.link
    if link is None or link.identity is None or link.number != number:
        return entry
    if link.until_s < now_s:
        return replace(entry, must_login=True)
    return replace(entry, identity=link.identity)
