"""The sessions that are open, bounded in number and time, and what each has seen."""

import itertools
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from millbrain.core.limits import (
    HANDLE_SESSION_S_MAX,
    HANDLE_SESSIONS_MAX,
    HANDLE_SESSIONS_PER_ADDRESS_MAX,
    HANDLE_UNPROVED_S_MAX,
)
from millbrain.core.records import Reference
from millbrain.identify.handle.sessions.exchange import SessionKey

NUMBER_MAX: Final = (1 << 31) - 1  # peers read it as a signed number
_WINDOW: Final = 1024  # counters this far behind the newest are refused without a look


class Counters:
    """Which counters of a session have come; late ones within a window may still come."""

    def __init__(self) -> None:
        self._newest = 0
        self._seen = 0  # bit n: newest - n has come

    def is_new(self, counter: int) -> bool:
        """Note a counter; False where it came before, or too long ago to know."""
        ahead = counter - self._newest
        if ahead > 0:
            self._seen = (self._seen << ahead | 1) & (1 << _WINDOW) - 1 if ahead < _WINDOW else 1
            self._newest = counter
            return True
        if counter < 1 or -ahead >= _WINDOW or self._seen >> -ahead & 1:
            return False
        self._seen |= 1 << -ahead
        return True


@dataclass(slots=True, eq=False)
class Session:
    """One session.

    claimed: the identity that its client named when it began, None = nobody in particular.
    identity: what was proved since. key: None until the client has sent one (mode 2). until_s: when
    it ends unless something comes before. is_signing: its client has signed a message. number: what
    our messages count themselves with.
    """

    number: int
    address: str
    claimed: Reference | None
    key: SessionKey | None
    idle_s: float
    until_s: float
    identity: Reference | None = None
    awaits_key: bool = False
    is_signing: bool = False
    seen: Counters = field(default_factory=Counters)
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class Sessions:
    """The open sessions.

    Parameters
    ----------
    random
        Returns so many random bytes that nobody can guess.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._open: OrderedDict[int, Session] = OrderedDict()  # the one longest unused first
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    def begin(
        self, address: str, claimed: Reference | None, key: SessionKey | None, timeout_s: int,
        now_s: float,
    ) -> Session | None:  # fmt: skip
        """Open a session; None where there are too many, here or of this address.

        Until somebody proves an identity within it, a session is short-lived, and gives way where
        all places are taken.
        """
        self._make_room(now_s)
        is_full = len(self._open) >= HANDLE_SESSIONS_MAX
        if is_full or self._by_address[address] >= HANDLE_SESSIONS_PER_ADDRESS_MAX:
            return None
        number = 0
        while not number or number in self._open:
            number = int.from_bytes(self._random(4), "big") & NUMBER_MAX
        idle_s = min(timeout_s or HANDLE_SESSION_S_MAX, HANDLE_SESSION_S_MAX)
        until_s = now_s + min(idle_s, HANDLE_UNPROVED_S_MAX)
        session = Session(number, address, claimed, key, idle_s, until_s)
        self._open[number] = session
        self._by_address[address] += 1
        return session

    def find(self, number: int, now_s: float) -> Session | None:
        """Return the session of a number, None where it never was or is over."""
        session = self._open.get(number)
        if session is not None and session.until_s < now_s:
            self.end(session)
            return None
        return session

    def used(self, session: Session, now_s: float) -> None:
        """Note that a right message came; the session lasts from now on anew."""
        limit_s = HANDLE_UNPROVED_S_MAX if session.identity is None else session.idle_s
        session.until_s = now_s + min(session.idle_s, limit_s)
        if session.number in self._open:
            self._open.move_to_end(session.number)

    def end(self, session: Session) -> None:
        """Close a session."""
        if self._open.pop(session.number, None) is not None:
            self._by_address[session.address] -= 1
            if not self._by_address[session.address]:
                del self._by_address[session.address]

    def _make_room(self, now_s: float) -> None:
        """End those longest unused that are over, and unproved ones where all places are taken."""
        for session in list(itertools.islice(self._open.values(), 8)):
            is_weak = session.identity is None and len(self._open) >= HANDLE_SESSIONS_MAX
            if session.until_s < now_s or is_weak:
                self.end(session)
