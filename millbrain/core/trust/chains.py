"""From a signature up to a root: whether the values that a reader sees are vouched for.

Nothing is believed on its own word: each certificate is checked with the key that the one above it
names, and must reach the handle in question; the last one must be of a root that the reader trusts,
with the key that the reader knows for it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.errors import FrameError
from millbrain.core.limits import TRUST_CHAIN_MAX, TRUST_SIGNATURES_MAX
from millbrain.core.records import Value
from millbrain.core.trust import claims, tokens
from millbrain.core.trust.claims import CERT_TYPE, SIGNATURE_TYPE, Claims
from millbrain.core.trust.public_keys import PublicKey, read_key
from millbrain.core.trust.tokens import Token

ROOT_HANDLE: Final = "0.0/0.0"
Look = Callable[[str], Sequence[Value]]  # handle -> its values that everybody may read
Roots = Mapping[str, Sequence[PublicKey]]  # folded handle -> keys that are trusted for it


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a chain: who vouches for whom, and what is wrong with it, '' if nothing."""

    issuer: str
    subject: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one HS_SIGNATURE value of a record is worth.

    verified: indexes of values that are as they were signed. changed: those that are not. unseen:
    signed ones that the reader does not see. chain: from the signature upwards. is_trusted: the
    chain is sound and ends at a root that the reader trusts.
    """

    index: int
    signer: str = ""
    verified: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()
    unseen: tuple[int, ...] = ()
    chain: tuple[Link, ...] = ()
    is_trusted: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What the signatures of a record say of the values that a reader sees.

    unsigned: indexes that no trusted signature covers. is_trusted: every value is covered by a
    trusted signature and none of them was changed.
    """

    verdicts: tuple[Verdict, ...] = ()
    unsigned: tuple[int, ...] = ()
    is_trusted: bool = False

    def told(self) -> dict[str, Any]:
        """Return the report as JSON-able data."""
        return asdict(self)


def read_roots(told: Any) -> dict[str, tuple[PublicKey, ...]]:
    """Read trusted roots: ``{"roots": [{"handle", "publicKey"}]}``.

    Raises
    ------
    FrameError
        With reason ``structure``: it is none.
    """
    listed = told.get("roots") if isinstance(told, Mapping) else None
    if not isinstance(listed, list):
        raise FrameError("structure", "roots: a list of handle and publicKey was expected")
    found: dict[str, tuple[PublicKey, ...]] = {}
    for one in listed:
        if not isinstance(one, Mapping) or not isinstance(one.get("handle"), str):
            raise FrameError("structure", "roots: handle and publicKey were expected")
        name = keys.fold(one["handle"])
        found[name] = (*found.get(name, ()), read_key(one.get("publicKey")))
    return found


def judge(handle: str, seen: Iterable[Value], look: Look, roots: Roots, now_s: float) -> Report:
    """Check the signatures of a record against the values that a reader sees of it.

    Parameters
    ----------
    look
        Returns values of other handles, where certificates are; none where there is no such record.
    roots
        What the reader trusts.
    """
    values = tuple(seen)
    signed = [v for v in values if v.type not in (CERT_TYPE, SIGNATURE_TYPE)]
    signatures = [v for v in values if v.type == SIGNATURE_TYPE][:TRUST_SIGNATURES_MAX]
    verdicts = tuple(_verdict(handle, s, signed, look, roots, now_s) for s in signatures)
    trusted = {index for v in verdicts if v.is_trusted for index in v.verified}
    changed = {index for v in verdicts if v.is_trusted for index in v.changed}
    unsigned = tuple(v.index for v in signed if v.index not in trusted)
    return Report(verdicts, unsigned, bool(signed) and not unsigned and not changed)


def _verdict(
    handle: str, signature: Value, signed: Sequence[Value], look: Look, roots: Roots, now_s: float
) -> Verdict:
    try:
        token = tokens.read(signature.data)
        told = claims.read(token)
        by_index = dict(told.digests)
        found = {v.index: claims.digest_of(v, told.digest_algorithm) for v in signed}
    except FrameError as error:
        return Verdict(signature.index, problem=str(error))
    if keys.fold(told.subject) != keys.fold(handle):
        return Verdict(signature.index, told.issuer, problem=f"it signs {told.subject}")
    walk = _Walk(handle, look, roots, now_s)
    walk.up(token, told)
    return Verdict(
        signature.index, told.issuer,
        tuple(n for n in found if by_index.get(n) == found[n]),
        tuple(n for n in found if n in by_index and by_index[n] != found[n]),
        tuple(n for n in by_index if n not in found),
        tuple(walk.links), not walk.problem, walk.problem,
    )  # fmt: skip


@dataclass(slots=True)
class _Walk:
    """The way from one signature up; `problem` is the first that was met."""

    handle: str
    look: Look
    roots: Roots
    now_s: float
    links: list[Link] = field(default_factory=list)
    problem: str = ""

    def up(self, token: Token, told: Claims) -> None:
        """Follow a token to its root."""
        chain = told.chain
        seen: set[str] = set()
        while True:
            try:
                above, parent, place = self._above(told, token, chain)
            except FrameError as error:
                self._note(told, str(error))
                return None
            key = parent.public_key
            self._note(told, self._wrong(token, told, parent, key))
            if parent is told:
                return self._end(told)
            if place in seen or len(self.links) >= TRUST_CHAIN_MAX:
                return self._note(parent, "the chain does not end")
            seen.add(place)
            token, told = above, parent
            chain = chain[1:] or told.chain

    def _above(
        self, told: Claims, token: Token, chain: tuple[str, ...]
    ) -> tuple[Token, Claims, str]:
        """Return the certificate of whoever signed `told`, and where it is; its own at the end."""
        if told.is_own and told.public_key is not None:
            return token, told, told.subject
        place = chain[0] if chain else claims.identity_of(told.issuer).handle
        return *self._certificate(place, told.issuer), f"{place} {told.issuer}"

    def _certificate(self, place: str, subject: str) -> tuple[Token, Claims]:
        """Return the newest certificate about a subject at a place, ``index:handle`` or handle."""
        where = claims.identity_of(place)
        best: tuple[Token, Claims] | None = None
        for value in self.look(where.handle):
            if value.type != CERT_TYPE or where.index not in (0, value.index):
                continue
            try:
                token = tokens.read(value.data)
                told = claims.read(token)
            except FrameError:
                continue  # another one may do
            is_newer = best is None or (told.issued_s or 0) > (best[1].issued_s or 0)
            if keys.fold(told.subject) == keys.fold(subject) and is_newer:
                best = token, told
        if best is None:
            raise FrameError("structure", f"no certificate about {subject} at {place}")
        return best

    def _wrong(self, token: Token, told: Claims, parent: Claims, key: PublicKey | None) -> str:
        if key is None:
            return f"the certificate of {parent.subject} names no key"
        if not token.is_signed_by(key):
            return f"{told.issuer} did not sign it"
        if not told.is_valid_at(self.now_s):
            return "its time is over, or has not come"
        if not parent.covers(self.handle):
            return f"{parent.subject} may not sign for {self.handle}"
        return ""

    def _end(self, told: Claims) -> None:
        root = claims.identity_of(told.subject).handle
        if told.public_key not in self.roots.get(keys.fold(root), ()):
            self.problem = self.problem or f"{told.subject} is no root that is trusted here"

    def _note(self, told: Claims, problem: str) -> None:
        self.links.append(Link(told.issuer, told.subject, problem))
        self.problem = self.problem or problem
