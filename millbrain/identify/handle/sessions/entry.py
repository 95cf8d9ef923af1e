"""A message on its way in: what the session and connection it came by say of its sender."""

from collections.abc import Hashable
from dataclasses import dataclass

from millbrain.core.errors import MillbrainError
from millbrain.core.records import Reference
from millbrain.identify.handle.sessions.table import Session


@dataclass(slots=True, eq=False)
class Link:
    """What a TCP connection has brought: who logged in over it (operation 2001), and how.

    number: session number that the client uses with this log-in; clients of the Chinese dialect
    choose one themselves. own: the session that such a client set up, by the number it chose.
    """

    identity: Reference | None = None
    number: int = 0
    until_s: float = 0.0
    own: tuple[int, Session] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that may go on.

    packet: opened where it was encrypted. identity: whose it is, proved by the MAC of its session
    or by the log-in over its connection. is_signed: its MAC is right. was_encrypted: so the answer
    is. must_login: the log-in over its connection has run out.
    """

    packet: bytes
    address: str
    link: Link | None = None
    session: Session | None = None
    identity: Reference | None = None
    is_signed: bool = False
    was_encrypted: bool = False
    must_login: bool = False

    @property
    def peer(self) -> Hashable:
        """Who tells numbers apart that clients choose themselves."""
        return self.link or self.address


class RefusedEntry(MillbrainError):
    """A message goes no further; code: what its sender is told."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code = code
