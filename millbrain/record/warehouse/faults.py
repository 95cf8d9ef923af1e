"""What the engine's error texts mean to us.

The embedded engine and a server report errors in the same form, ``Code: 164. DB::Exception: ...
(READONLY)``; the code decides which of our errors it becomes.
"""

import re
from typing import Final

from millbrain.core.errors import (
    LimitError,
    MillbrainError,
    RefusedError,
    StoreError,
    StoreFullError,
)

_CODE: Final = re.compile(r"Code: (\d+)\. ")
_TRACE: Final = re.compile(r"[.,] Stack trace \(when copying.*", re.DOTALL)
CODE_UNKNOWN: Final = 1002  # the engine's own number for an error without one
# Refused by a limit that a reader may meet: result size, time, memory, query text size.
LIMIT_CODES: Final = frozenset((158, 159, 160, 191, 241, 290, 307, 396))
FULL_CODES: Final = frozenset((243,))  # NOT_ENOUGH_SPACE
READONLY_CODES: Final = frozenset((164, 497))  # READONLY, ACCESS_DENIED
_FULL_WORDS: Final = ("No space left on device", "errno: 28", "NOT_ENOUGH_SPACE")


def code_of(text: str) -> int:
    """Return the engine's error code in `text`, `CODE_UNKNOWN` where there is none."""
    found = _CODE.search(text)
    return int(found.group(1)) if found else CODE_UNKNOWN


def plain(text: str) -> str:
    """Return the engine's sentence without stack trace and repeated prefix."""
    return _TRACE.sub("", text).strip()


def is_full(text: str) -> bool:
    """Whether the error says that the disk has no space left."""
    return code_of(text) in FULL_CODES or any(word in text for word in _FULL_WORDS)


def read_error(text: str) -> MillbrainError:
    """Return the error that a failed query becomes."""
    code = code_of(text)
    if is_full(text):
        return StoreFullError(plain(text))
    if code in LIMIT_CODES:
        return LimitError(plain(text))
    if code in READONLY_CODES:
        return RefusedError(plain(text))
    return StoreError(plain(text))


def write_error(what: str, text: str) -> StoreError:
    """Return the error that a failed insert becomes; `what` says which table and how many rows."""
    if is_full(text):
        return StoreFullError(
            f"{what}: the warehouse's disk is full, nothing of it was stored; "
            f"free some space, the same batch may be tried again ({plain(text)})"
        )
    return StoreError(f"{what}: the warehouse refused it, nothing was stored ({plain(text)})")
