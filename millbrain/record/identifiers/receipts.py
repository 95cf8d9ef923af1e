"""What became of requests that may be sent again: the same key and body get the same answer.

A receipt is written in the commit of the changes that it tells of, so that after a crash both are
there or neither. It holds the SHA-256 of the request and each row that was refused; it is forgotten
after a day. Keys: NUL i <SHA-256 of identity and key> -> JSON.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

from millbrain.core.errors import LimitError, MillbrainError
from millbrain.core.limits import RECEIPT_S_MAX, RECEIPTS_MAX
from millbrain.core.registry import Once, Reason, RegistryError
from millbrain.record.identifiers.store import Identifiers, Record, every

RECEIPTS: Final = b"\0i"
_DETAIL_MAX: Final = 300  # characters of a refusal that are kept
_SWEPT_MAX: Final = 1_000  # receipts that are removed at once
Look = Callable[[bytes], bytes | None]


class Receipts:
    """The receipts of a registry; for its writer.

    Parameters
    ----------
    store
        Where they are kept; all are read once, for their age.
    """

    def __init__(self, store: Identifiers) -> None:
        self._store = store
        rows = sorted((json.loads(raw)["at_ms"], key) for key, raw in every(store, RECEIPTS))
        self._kept = OrderedDict((key, at_ms) for at_ms, key in rows)

    def found(self, once: Once, look: Look, now_ms: int) -> list[MillbrainError | None] | None:
        """Return what became of a request, None where it is new.

        Raises
        ------
        RegistryError
            The key was used with another body.
        LimitError
            Too many receipts are kept for one more.
        """
        key = _key(once)
        at_ms = self._kept.get(key)
        raw = look(key) if at_ms is not None and not _is_over(at_ms, now_ms) else None
        if raw:
            return _read(json.loads(raw), once)
        if len(self._kept) >= RECEIPTS_MAX and at_ms is None:
            raise LimitError(f"{RECEIPTS_MAX} idempotency keys are kept; send without one, or wait")
        return None

    def row(self, once: Once, refused: Sequence[MillbrainError | None], now_ms: int) -> Record:
        """Return the receipt of a request as it is kept."""
        told = [[n, e.reason, str(e)[:_DETAIL_MAX]] for n, e in enumerate(refused)
                if isinstance(e, RegistryError)]  # fmt: skip
        key = _key(once)
        self._kept.pop(key, None)
        self._kept[key] = now_ms
        receipt = {"at_ms": now_ms, "digest": once.digest.hex(), "count": len(refused),
                   "refused": told}  # fmt: skip
        return key, json.dumps(receipt, ensure_ascii=False).encode("utf-8", "replace")

    def sweep(self, now_ms: int) -> None:
        """Remove receipts past their time, many at once."""
        over: list[bytes] = []
        for key, at_ms in self._kept.items():
            if not _is_over(at_ms, now_ms) or len(over) == _SWEPT_MAX:
                break
            over.append(key)
        if len(over) == _SWEPT_MAX or (over and len(self._kept) >= RECEIPTS_MAX):
            self._store.delete(over)
            for key in over:
                del self._kept[key]


def _read(told: dict[str, Any], once: Once) -> list[MillbrainError | None]:
    if told["digest"] != once.digest.hex():
        raise RegistryError(
            Reason.KEY_USED, "this idempotency key was used with another request; nothing was done"
        )
    found: list[MillbrainError | None] = [None] * told["count"]
    for row, reason, detail in told["refused"]:
        found[row] = RegistryError(Reason(reason), detail)
    return found


def _is_over(at_ms: int, now_ms: int) -> bool:
    return now_ms - at_ms > RECEIPT_S_MAX * 1000


def _key(once: Once) -> bytes:
    who = f"{once.identity.index}:{once.identity.handle.upper()}\0{once.key}"
    return RECEIPTS + hashlib.sha256(who.encode("utf-8", "surrogateescape")).digest()
