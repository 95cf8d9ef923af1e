"""Reports that came from below: which numbers are here, which are missing.

A report is taken once: its counts are added and its number noted in one batch of the store. A
number that is missing while later ones are here is named in every answer until it comes, or until
the sender says that it no longer has it.

Keys: NUL w n <prefix> -> JSON; NUL w y <prefix> -> the key under which it is reported.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from millbrain.core.limits import REPORT_GAP_MAX, REPORTS_SENT_MAX
from millbrain.core.nodes.reports import Cell, Sender, missing_of, read_rows, read_samples
from millbrain.core.nodes.tally import Sample
from millbrain.record.identifiers.store import Identifiers, Record, every

SENDERS: Final = b"\0wn"
KEYS: Final = b"\0wy"
_DIGESTS_MAX: Final = 256  # reports whose content is remembered: of one that was numbered anew
_NAME_MAX: Final = 64


@dataclass(slots=True)
class _State:
    stream: str = ""
    have: int = 0
    beyond: list[int] = field(default_factory=list)  # sorted numbers behind a missing one
    lost: int = 0
    heard_ms: int = 0
    digests: list[str] = field(default_factory=list)


class Inbox:
    """What nodes below have reported; for one thread at a time."""

    def __init__(self, store: Identifiers) -> None:
        found = ((key[len(SENDERS) :].decode(), json.loads(raw)) for key, raw in
                 every(store, SENDERS))  # fmt: skip
        self._states = {prefix: _State(**told) for prefix, told in found}
        self._keys = {k[len(KEYS) :].decode(): v.decode() for k, v in every(store, KEYS) if v}

    def key(self, prefix: str) -> str:
        """Return the key of a sender, '' where it may not report."""
        return self._keys.get(prefix, "")

    def set_key(self, prefix: str, key: str) -> None:
        """Note a key; the row is written by whoever calls."""
        self._keys[prefix] = key

    def senders(self) -> list[Sender]:
        """Return who has reported, by prefix."""
        return [_told(prefix, state) for prefix, state in sorted(self._states.items())]

    def read(
        self, prefix: str, told: Mapping[str, Any], now_ms: int
    ) -> tuple[Sender, dict[Cell, int], list[Sample], list[Record]]:
        """Return the sender after a request, what it adds, and the row; `settle` makes it so.

        Raises
        ------
        ValueError
            The request is malformed, tells of others, or runs too far ahead.
        """
        stream, reports = told.get("stream"), told.get("reports")
        if not isinstance(stream, str) or not 0 < len(stream) <= _NAME_MAX:
            raise ValueError("stream: a name was expected")
        if not isinstance(reports, list) or len(reports) > REPORTS_SENT_MAX:
            raise ValueError(f"reports: a list of at most {REPORTS_SENT_MAX} was expected")
        old = self._states.get(prefix, _State())
        state = _State(stream, digests=list(old.digests), lost=old.lost)
        if old.stream == stream:
            state.have, state.beyond = old.have, list(old.beyond)
        state.heard_ms = now_ms
        counted: dict[Cell, int] = {}
        samples: list[Sample] = []
        for report in reports:
            if _is_new(state, report):
                for cell, count in read_rows(report.get("rows"), prefix):
                    counted[cell] = counted.get(cell, 0) + count
                samples += read_samples(report.get("log"))
        _give_up(state, told.get("lost", []))
        _settle(state)
        self._waiting = prefix, state
        raw = json.dumps({name: getattr(state, name) for name in _State.__dataclass_fields__})
        return _told(prefix, state), counted, samples, [(SENDERS + prefix.encode(), raw.encode())]

    def settle(self) -> None:
        """Hold what was read last: it is on disk."""
        prefix, state = self._waiting
        self._states[prefix] = state


def _is_new(state: _State, report: Any) -> bool:
    """Note the number of a report; whether its content is new."""
    if not isinstance(report, Mapping):
        raise ValueError("report: an object was expected")
    number = report.get("number")
    if type(number) is not int or not 0 < number < 1 << 63:
        raise ValueError(f"report: number {str(number)[:40]}; a whole number was expected")
    if number <= state.have or number in state.beyond:
        return False
    if number > state.have + REPORT_GAP_MAX:
        raise ValueError(
            f"report {number}: {state.have} is the last that is here; send what is missing first"
        )
    state.beyond.append(number)
    content = {name: value for name, value in report.items() if name != "number"}
    raw = json.dumps(content, sort_keys=True).encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(raw).hexdigest()[:16]
    if digest in state.digests:
        return False
    state.digests = [*state.digests, digest][-_DIGESTS_MAX:]
    return True


def _give_up(state: _State, lost: Any) -> None:
    """Note numbers that the sender no longer has; only such that are missing here."""
    if not isinstance(lost, list) or len(lost) > REPORTS_SENT_MAX:
        raise ValueError(f"lost: a list of at most {REPORTS_SENT_MAX} ranges was expected")
    for part in lost:
        if not isinstance(part, list) or [type(n) for n in part] != [int, int]:
            raise ValueError("lost: pairs of numbers were expected")
        first, last = max(part[0], state.have + 1), min(part[1], state.have + REPORT_GAP_MAX)
        gone = [n for n in range(first, last + 1) if n not in state.beyond]
        state.beyond += gone
        state.lost += len(gone)


def _settle(state: _State) -> None:
    beyond = sorted(state.beyond)
    while beyond and beyond[0] == state.have + 1:
        state.have = beyond.pop(0)
    state.beyond = beyond


def _told(prefix: str, state: _State) -> Sender:
    missing: Sequence[tuple[int, int]] = missing_of(state.have, state.beyond)
    return Sender(
        prefix, state.stream, state.have, tuple(missing[:REPORTS_SENT_MAX]), state.lost,
        state.heard_ms,
    )  # fmt: skip
