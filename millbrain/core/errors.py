"""The errors that Millbrain raises on purpose, one small tree.

MillbrainError
|-- SettingsError     a setting is missing, malformed or contradicts another
|-- FrameError        bytes do not follow the protocol that they claim
|-- StoreError        a store refused or lost its disk, its lock or its connection
|   `-- StoreFullError    no space is left; intake waits until there is some
|-- RefusedError      the caller may not do this (login, role, organisation, read-only)
|-- LimitError        a declared limit was reached (size, rate, time, count)
|-- NotFoundError     the thing that was asked for is not known
`-- IllegalStepError  a life cycle does not allow the action in the present state

A message says where, what was found, what was allowed and what happens next. Bad field data does
not raise across a batch: it becomes a dead letter (`core.columns.DeadLetter`).
"""


class MillbrainError(Exception):
    """Root of every error that Millbrain raises on purpose."""


class SettingsError(MillbrainError):
    """A setting is missing, malformed or contradicts another."""


class FrameError(MillbrainError):
    """Bytes do not follow the protocol that they claim.

    Parameters
    ----------
    reason
        A dead-letter reason: a short stable word such as ``checksum`` or ``truncated``.
    detail
        Where, what was found and what was allowed, as one sentence.
    offset
        Byte offset from the start of the frame, -1 where it has no single place.
    """

    def __init__(self, reason: str, detail: str, offset: int = -1) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.offset = offset


class StoreError(MillbrainError):
    """A store refused or lost its disk, its lock or its connection."""


class StoreFullError(StoreError):
    """No space is left on the store's disk; intake waits until there is some."""


class RefusedError(MillbrainError):
    """The caller may not do this: login, role, organisation or a read-only connection."""


class LimitError(MillbrainError):
    """A declared limit was reached."""


class LinkError(MillbrainError):
    """A counterpart cannot be reached, refuses us or does not answer."""


class NotFoundError(MillbrainError):
    """The thing that was asked for is not known."""


class IllegalStepError(MillbrainError):
    """A life cycle does not allow the action in the present state; the allowed ones are named."""
