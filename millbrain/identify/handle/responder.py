"""From a request to its answer: what this node says to each message of the protocol.

`plain` answers a batch of the most frequent requests at once; `answer` takes everything else, one
message at a time. A change is answered once it is on disk, from the registry's own thread.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.errors import FrameError, LimitError, MillbrainError
from millbrain.core.faces.trusted import Trust
from millbrain.core.limits import HANDLE_LIST_MAX
from millbrain.core.nodes.tally import Sample
from millbrain.core.records import (
    PUBLIC_READ,
    ReadyAnswers,
    Value,
    is_live,
    is_wanted,
    stored_values,
)
from millbrain.core.registry import (
    Asker,
    Change,
    Reason,
    Registry,
    RegistryError,
    Verb,
)
from millbrain.core.trust.chains import Roots
from millbrain.core.trust.claims import SIGNATURE_TYPE
from millbrain.identify.handle import fields as f
from millbrain.identify.handle import identity_tokens
from millbrain.identify.handle.answers import (
    Kept,
    Query,
    code_of,
    for_request,
    hit,
    kept_of,
    question,
    read_query,
)
from millbrain.identify.handle.challenge import request_digest
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.identify.handle.elsewhere import Elsewhere
from millbrain.identify.handle.framing import Envelope, read_envelope
from millbrain.identify.handle.proof import Challenges, asked, is_right, proved
from millbrain.identify.handle.records import Site
from millbrain.identify.handle.recursion import Recursion
from millbrain.identify.handle.sessions.desk import Desk
from millbrain.identify.handle.sessions.entry import Entry, Link, RefusedEntry
from millbrain.identify.handle.sessions.node_key import NodeKey

FACE: Final = "handle"
FRESH_S: Final = 12 * 3600  # how long an answer may be taken for fresh
_KEY: Final = b"hdl:"
Send = Callable[[bytes], None]

_VERBS: Final[Mapping[int, Verb]] = {
    f.CREATE: Verb.CREATE, f.DELETE: Verb.DELETE, f.ADD: Verb.ADD, f.REMOVE: Verb.REMOVE,
    f.MODIFY: Verb.MODIFY, f.HOME: Verb.HOME, f.UNHOME: Verb.UNHOME,
}  # fmt: skip
CODES: Final[Mapping[Reason, int]] = {
    Reason.NOT_FOUND: f.NOT_FOUND, Reason.EXISTS: f.EXISTS, Reason.NOT_HOMED: f.NO_RESPONSE,
    Reason.INVALID: f.INVALID_HANDLE, Reason.VALUE_EXISTS: f.VALUE_EXISTS,
    Reason.VALUES_NOT_FOUND: f.VALUES_NOT_FOUND, Reason.NO_IDENTITY: f.CHALLENGE,
    Reason.DENIED: f.NO_PERMISSION, Reason.HANDLE_QUOTA: f.REGISTER_LIMIT,
    Reason.PREFIX_QUOTA: f.PREFIX_LIMIT, Reason.KEY_USED: f.ERROR,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """One message that is being answered.

    request: what is wanted; after a challenge that is the message that was challenged. reply:
    envelope of the answer. entry: the bytes as they came, opened, and whose they are.
    """

    request: Message
    entry: Entry
    reply: Envelope
    asker: Asker
    send: Send = field(compare=False)


class Responder:
    """Answers the messages of one site.

    Parameters
    ----------
    registry
        The records.
    site
        What operation 2 tells of us; its serial number goes into every answer.
    random
        Returns so many random bytes that nobody can guess.
    recursion
        Asks other nodes on behalf of clients; None where this node does not.
    key
        The node's own; None where it has none: then nothing is certified.
    roots
        Keys by handle that are trusted when a client asks for a trusted answer.
    """

    def __init__(
        self, registry: Registry, site: Site, random: Callable[[int], bytes],
        recursion: Recursion | None = None, key: NodeKey | None = None, roots: Roots | None = None,
    ) -> None:  # fmt: skip
        self._registry = registry
        self._tally = registry.tally
        self._site = site
        self._challenges = Challenges(random)
        self._desk = Desk(registry, random, key)
        self._trust = Trust(registry, roots or {})
        self._elsewhere = Elsewhere(
            registry, site.serial, recursion, self._ok, self._refuse, self._refer
        )
        self._ready: ReadyAnswers[Kept] = ReadyAnswers(registry.stamps)
        self._ways: dict[int, Callable[[Ask], None]] = {
            f.RESOLVE: self._resolve,
            f.SITE_INFO: self._site_info,
            f.LIST: self._list,
            f.LIST_HOMED: self._list_homed,
            f.CHALLENGE_VERIFY: self._verify,
            f.SESSION_SETUP: self._set_up,
            f.SESSION_KEY: self._take_key,
            f.SESSION_END: self._end_session,
            f.LOGIN_SYSTEM: self._log_in,
            **dict.fromkeys(_VERBS, self._change),
        }

    def plain(self, packets: Sequence[bytes]) -> list[bytes | None]:
        """Answer the plain resolve requests of a batch; None for the others."""
        now_s = time.time()
        expires_s = int(now_s) + FRESH_S
        expires = expires_s.to_bytes(4, "big")
        answers: list[bytes | None] = []
        hits = self._tally.hits
        for packet in packets:
            kept = self._ready.get(question(packet))
            if kept is None:
                answers.append(None)
            else:
                hits[kept[3]] += 1
                answers.append(for_request(kept, packet, expires))
        missing = [n for n, answer in enumerate(answers) if answer is None]
        if missing:
            found = self._found([packets[n] for n in missing], expires_s)
            for n, answer in zip(missing, found, strict=True):
                answers[n] = answer
        if packets and now_s >= self._tally.sample_at_s:
            self._sample(packets[0], answers[0], now_s)
        return answers

    def _sample(self, packet: bytes, answer: bytes | None, now_s: float) -> None:
        """Let a plain answer stand in the log for many."""
        query = read_query(packet)
        if query is not None and answer is not None:
            handle = query.handle.decode("utf-8", "replace")
            self._tally.sample(Sample(int(now_s * 1000), handle, code_of(answer), FACE, ""))

    def _found(self, packets: Sequence[bytes], expires_s: int) -> list[bytes | None]:
        """Answer from the store, with one look into it; keep ready what was found."""
        queries = [read_query(packet) for packet in packets]
        wanted = [_KEY + q.handle.upper() for q in queries if q is not None]
        stamps = [self._registry.stamps.of(key) for key in wanted]
        found = iter(zip(self._registry.get_many(wanted), stamps, strict=True) if wanted else ())
        answers: list[bytes | None] = []
        for packet, query in zip(packets, queries, strict=True):
            if query is None:
                answers.append(None)
                continue
            stored, stamp = next(found)
            answer = self._plain(query, stored, expires_s)
            answers.append(answer)
            if answer is None:
                continue
            cell = self._tally.cell_of(query.handle, code_of(answer))
            self._tally.hits[cell] += 1
            if stored is not None and is_live(stored):
                self._ready.keep(question(packet), kept_of(answer, cell), len(answer), stamp)
        return answers

    def _plain(self, query: Query, stored: bytes | None, expires_s: int) -> bytes | None:
        if stored is not None and is_live(stored):
            return hit(query, stored, self._site.serial, expires_s)
        return self._elsewhere.plain(query, expires_s)

    def answer(self, packet: bytes, address: str, send: Send, link: Link | None = None) -> None:
        """Answer one whole message; `send` gets the answer now or later, from any thread.

        link: what the connection brought before, None over UDP.
        """
        try:
            envelope = read_envelope(packet)
        except FrameError:
            return  # nobody knows whom to tell
        try:
            entry = self._desk.admit(packet, address, link)
            request = self._desk.read(entry)
        except RefusedEntry as error:
            send(self._refused(Message(f.RESOLVE), envelope, error.code, str(error)))
            return
        if request.code != f.REQUEST:
            return  # an answer that nobody asked for
        if request.flags & f.TRUSTED_RESULT:  # ours to say
            request = replace(request, flags=request.flags & ~f.TRUSTED_RESULT)
        asker = Asker(entry.identity, FACE, address)
        ask = Ask(request, entry, request.envelope, asker, send)
        if request.operation == f.CHALLENGE_ANSWER:
            self._proof(ask)
        else:
            self._go(ask)

    def _go(self, ask: Ask) -> None:
        way = self._ways.get(ask.request.operation)
        if way is None:
            operation = f.OPERATIONS.get(ask.request.operation)
            name = operation.title if operation else str(ask.request.operation)
            self._refuse(ask, f.UNSUPPORTED, f"operation {name!r} is not offered here")
            return
        try:
            way(ask)
        except RegistryError as error:
            self._no(ask, error)
        except RefusedEntry as error:
            self._refuse(ask, error.code, str(error))
        except (MillbrainError, KeyError) as error:
            self._refuse(ask, f.ERROR, str(error))

    def _proof(self, ask: Ask) -> None:
        """Check the answer to a challenge and go on with what was asked then."""
        number = ask.request.envelope.session
        pending = self._challenges.close(number, ask.entry, time.monotonic())
        if pending is None:
            self._refuse(ask, f.CHALLENGE_OVER, "no challenge waits for this answer; ask again")
            return
        who = proved(self._registry, ask.request.body, pending.nonce, pending.digest)
        if who is None:
            self._refuse(ask, f.AUTHENTICATION_FAILED, "the answer does not prove the identity")
            return
        self._desk.proved(pending.entry, who)
        asker = replace(ask.asker, identity=who)
        entry = replace(pending.entry, was_encrypted=ask.entry.was_encrypted)
        request = pending.request or decode(entry.packet)
        self._go(Ask(request, entry, ask.reply, asker, ask.send))

    # One way each -------------------------------------------------------------------------------

    def _resolve(self, ask: Ask) -> None:
        body = ask.request.body
        handle = body["handle"]
        ask = self._introduced(ask)
        (stored,) = self._registry.get_many([keys.handle_key(handle)])
        if stored is None or not is_live(stored):
            self._elsewhere.resolve(ask)
            return
        wanted = [v for v in stored_values(stored) if is_wanted(v, body["indexes"], body["types"])]
        readable = set(self._registry.readable(stored, handle, ask.asker))
        given = [v for v in wanted if v in readable]
        is_hidden = len(given) < len(wanted) and not ask.request.flags & f.PUBLIC_ONLY
        if is_hidden and ask.asker.identity is None:
            self._challenge(ask)
        elif not given:
            self._refuse(ask, f.NO_PERMISSION if is_hidden else f.VALUES_NOT_FOUND, "")
        else:
            is_private = not all(v.permissions & PUBLIC_READ for v in given)
            if ask.request.flags & f.TRUSTED_QUERY:
                ask = self._judged(ask, given)
            self._ok(ask, {"handle": handle, "values": tuple(given)}, is_private=is_private)

    def _introduced(self, ask: Ask) -> Ask:
        """Return the request with the identity that its token proves, where it brings one."""
        token = ask.request.body.get("token")
        if not token or ask.asker.identity is not None:
            return ask
        who = identity_tokens.identity(
            self._registry, token, ask.request.body["handle"], time.time()
        )
        return replace(ask, asker=replace(ask.asker, identity=who)) if who else ask

    def _judged(self, ask: Ask, given: Sequence[Value]) -> Ask:
        """Return the request with a mark for its answer where signatures cover all that is given.

        Values that were not asked for stand for nothing here; the signatures are always looked at.
        """
        (stored,) = self._registry.get_many([keys.handle_key(ask.request.body["handle"])])
        held = stored_values(stored) if stored is not None else ()
        seen = [*given, *(v for v in held if v.type == SIGNATURE_TYPE and v not in given)]
        report = self._trust.report(ask.request.body["handle"], seen, time.time())
        flags = ask.request.flags & ~f.TRUSTED_RESULT
        flags |= f.TRUSTED_RESULT if report.is_trusted else 0
        return replace(ask, request=replace(ask.request, flags=flags))

    def _set_up(self, ask: Ask) -> None:
        number = ask.request.envelope.session
        session, body = self._desk.set_up(ask.entry, ask.request.body, number)
        self._ok(replace(ask, reply=replace(ask.reply, session=session.number)), body)

    def _take_key(self, ask: Ask) -> None:
        self._desk.take_key(ask.entry, ask.request.body)
        self._ok(ask, {})

    def _end_session(self, ask: Ask) -> None:
        self._desk.end(ask.entry)
        self._ok(ask, {})

    def _log_in(self, ask: Ask) -> None:
        who = ask.asker.identity
        if who is None:
            self._challenge(ask)
            return
        self._desk.log_in(ask.entry, who, ask.reply.session)
        self._ok(ask, {})

    def _site_info(self, ask: Ask) -> None:
        self._ok(ask, {name: getattr(self._site, name) for name in Site.__dataclass_fields__})

    def _list(self, ask: Ask) -> None:
        prefix = ask.request.body["handle"].upper().removeprefix("0.NA/")
        found = self._registry.names(prefix, ask.asker, "", HANDLE_LIST_MAX)
        self._ok(ask, {"handles": tuple(found)})

    def _list_homed(self, ask: Ask) -> None:
        self._ok(ask, {"handles": tuple(f"0.NA/{p}" for p in self._registry.homed())})

    def _verify(self, ask: Ask) -> None:
        self._ok(ask, {"is_valid": int(is_right(self._registry, ask.request.body))})

    def _change(self, ask: Ask) -> None:
        body = ask.request.body
        if ask.asker.identity is None and self._registry.is_homed(body["handle"]):
            self._challenge(ask, ask.request)  # nobody in particular may change anything
            return
        change = Change(
            _VERBS[ask.request.operation], body["handle"], ask.asker, body.get("values", ()),
            tuple(body.get("indexes", ())), bool(ask.request.flags & f.OVERWRITE),
        )  # fmt: skip

        def done(refused: Sequence[MillbrainError | None]) -> None:
            (error,) = refused
            if error is None:
                self._ok(ask, {})
            elif isinstance(error, RegistryError):
                self._no(ask, error)
            elif isinstance(error, LimitError):
                self._refuse(ask, f.BUSY, str(error))
            else:
                self._refuse(ask, f.ERROR, str(error))

        self._registry.apply((change,), done)

    # Answers ------------------------------------------------------------------------------------

    def _no(self, ask: Ask, error: RegistryError) -> None:
        if error.reason is Reason.NO_IDENTITY:
            self._challenge(ask)
        elif error.reason is Reason.NOT_HOMED:
            self._elsewhere.refer(ask, str(error))
        else:
            self._refuse(ask, CODES[error.reason], str(error))

    def _challenge(self, ask: Ask, request: Message | None = None) -> None:
        entry, flags = ask.entry, ask.request.flags
        if flags & f.RECURSIVE_AUTH and ask.request.operation == f.RESOLVE:
            has_token = bool(ask.request.body.get("token"))
            words = "the identity token proves nothing here" if has_token else "no identity token"
            self._refuse(ask, f.LOGIN_AGAIN if has_token else f.LOGIN_FIRST, words)
            return
        if entry.must_login and ask.request.operation != f.LOGIN_SYSTEM:
            self._refuse(ask, f.LOGIN_AGAIN, "the log-in over this connection has run out")
            return
        if entry.session is not None and entry.session.identity and not entry.is_signed:
            self._refuse(ask, f.INVALID_CREDENTIAL, "the session's key did not sign the message")
            return
        now_s = time.monotonic()
        number, pending = self._challenges.open(ask.reply.session, entry, now_s, request)
        told = asked(pending, flags)
        reply = replace(ask.reply, session=number)
        self._send(ask, self._message(ask.request, reply, f.CHALLENGE, **told))

    def _send(self, ask: Ask, message: Message, *, is_private: bool = False) -> None:
        flags, raw = ask.request.flags, encode(message)
        if message.operation == f.RESOLVE and message.code != f.CHALLENGE:
            self._tally.add(ask.request.body["handle"], message.code)
        ask.send(self._desk.sealed(raw, ask.entry, flags, is_private=is_private))

    def _ok(self, ask: Ask, body: Mapping[str, Any], *, is_private: bool = False) -> None:
        more: dict[str, Any] = {}
        if ask.request.flags & f.RETURN_DIGEST:
            more["digest"] = (f.DIGEST_SHA256, request_digest(ask.entry.packet))
        try:
            told = self._message(ask.request, ask.reply, f.OK, body=body, **more)
            self._send(ask, told, is_private=is_private)
        except FrameError as error:
            self._refuse(ask, f.ERROR, f"the answer does not fit a message: {error}")

    def _refuse(self, ask: Ask, code: int, words: str) -> None:
        self._send(ask, self._no_message(ask.request, ask.reply, code, words))

    def _refer(self, ask: Ask, code: int, body: Mapping[str, Any]) -> None:
        flags = ask.request.flags & ~f.RETURN_DIGEST
        self._send(ask, self._message(ask.request, ask.reply, code, body=body, flags=flags))

    def _refused(self, request: Message, reply: Envelope, code: int, words: str) -> bytes:
        """Return a refusal of what no session and no connection is known of."""
        return encode(self._no_message(request, reply, code, words))

    def _no_message(self, request: Message, reply: Envelope, code: int, words: str) -> Message:
        flags = request.flags & ~f.RETURN_DIGEST
        return self._message(request, reply, code, body={"message": words}, flags=flags)

    def _message(
        self, request: Message, reply: Envelope, code: int, *, body: Mapping[str, Any],
        flags: int | None = None, digest: tuple[int, bytes] | None = None,
    ) -> Message:  # fmt: skip
        return Message(
            request.operation, body, code, request.flags if flags is None else flags,
            self._site.serial, request.recursion, 0, int(time.time()) + FRESH_S, digest, b"",
            replace(reply, flags=0, sequence=0) if reply.flags or reply.sequence else reply,
        )  # fmt: skip
