"""What the parts of the driver ask of one another, so that none needs to know the driver itself.

`driver.Gbt32960` is the one hub; links know it as the smaller `links.Station`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from millbrain.connect.gbt32960.links import Link
from millbrain.core.rooms import Peers, Sink


class Hub(Protocol):
    """The middle of a running driver. Methods may be called from the worker thread."""

    sink: Sink
    peers: Peers
    session_keys: dict[str, dict[str, bytes]]

    def call(self, action: Callable[[], Any]) -> None:
        """Run something in the event loop."""
        ...

    def resume_paused(self) -> None:
        """Let the links that were paused read on."""
        ...

    def sender(
        self, answers: Sequence[tuple[Link, bytes]], ended: Sequence[Link]
    ) -> Callable[[], None]:
        """Return what sends these answers and closes these links, for after the commit."""
        ...

    def raw_quota(self, rows: int) -> int:
        """Return how many raw frames of `rows` are handed on now."""
        ...

    def welcomes(self, link: Link) -> bool:
        """Whether frames of this link are taken."""
        ...

    def begin_login(self, link: Link, frame: bytes) -> bool:
        """Look at a platform login; True where the link's bytes must wait for the check."""
        ...

    def vehicle_here(self, vin: str, link: Link) -> None:
        """Note the link of a vehicle."""
        ...

    def vehicle_gone(self, vin: str, link: Link) -> None:
        """Forget the link of a vehicle."""
        ...

    def link_to(self, vin: str, hint: str) -> Link | None:
        """Return the link that reaches a vehicle, directly or over the platform `hint`."""
        ...

    def answered(self, vin: str, command: int, found: Mapping[str, Any]) -> None:
        """Pass a vehicle's answer on to whoever waits for it."""
        ...
