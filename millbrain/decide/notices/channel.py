"""What every channel is: one message in, one outcome out, never an exception for a bad receiver."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from millbrain.core.work.notices import Sending


@dataclass(frozen=True, slots=True)
class Message:
    """A notice in the words of its receiver. title: one line. text: some lines, plain."""

    title: str
    text: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try. detail: why it failed. pause_s: wait that the receiver asked for."""

    is_told: bool
    detail: str = ""
    pause_s: float = 0.0


class Channel(Protocol):
    """One way to reach people; keeps nothing between two messages."""

    def send(self, sending: Sending, message: Message) -> Outcome:
        """Try once. Returns within a few times `limits.NOTICE_WAIT_S_MAX`."""
        ...


def cut(text: str, most_bytes: int) -> str:
    """Return `text` with at most so many bytes of UTF-8, an ellipsis where something is missing.

    >>> cut("电池告警", 10)
    '电池…'
    >>> cut("short", 10)
    'short'
    """
    raw = text.encode()
    if len(raw) <= most_bytes:
        return text
    return raw[: most_bytes - len("…".encode())].decode("utf-8", "ignore") + "…"
