"""Walks and places as JSON and as lines of a list. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from millbrain.identify.trace.walk import AFTER_MS, BEFORE_MS, KINDS, Edge, Found

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
HEADINGS: Final = ("number", "thing", "handle", "level", "affected_since", "affected_until",
                   "via_event", "via_kind", "in", "place", "place_at", "holder", "step",
                   "disposition")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a thing was seen last. at_ms: when; inside: the thing that holds it, '' = nothing."""

    at_ms: int
    place: str = ""
    holder: str = ""
    step: str = ""
    disposition: str = ""
    inside: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON-able data, what is not known as null."""
        told = {"place": self.place, "holder": self.holder, "step": self.step,
                "disposition": self.disposition, "inside": self.inside}  # fmt: skip
        return {"at": instant(self.at_ms), **{name: text or None for name, text in told.items()}}


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing of an answer. number: in the walk; via: edges that lead to it, the open ones.

    is_own: the asker may read its prefix. events: id of each event of `via`. fields: values of its
    record that the asker may read, None = there is no record here.
    """

    number: int
    name: str
    level: int
    span: tuple[int, int]
    via: tuple[Edge, ...]
    is_own: bool
    handle: str = ""
    fields: tuple[Mapping[str, Any], ...] | None = None
    place: Place | None = None
    events: Mapping[int, str] = field(default_factory=dict)

    def as_json(self, names: Sequence[str], shown: frozenset[int]) -> dict[str, Any]:
        """Return it as JSON-able data. names: of all things; shown: those the asker may know of."""
        return {
            "number": self.number, "thing": self.name, "level": self.level,
            "handle": self.handle or None, "is_own": self.is_own,
            "affected_since": instant(self.span[0]), "affected_until": instant(self.span[1]),
            "via": [_edge(e, names, shown, self.events) for e in self.via],
            "fields": None if self.fields is None else list(self.fields),
            "place": self.place.as_json() if self.place else None,
        }  # fmt: skip

    def as_row(self) -> tuple[Any, ...]:
        """Return it as a line of the list, under `HEADINGS`."""
        first = self.via[0] if self.via else None
        place = self.place or Place(AFTER_MS)
        return (
            self.number, self.name, self.handle, self.level, instant(self.span[0]),
            instant(self.span[1]), self.events.get(first.event, "") if first else "",
            KINDS[first.kind] if first else "", place.inside, place.place, instant(place.at_ms),
            place.holder, place.step, place.disposition,
        )  # fmt: skip


def _edge(edge: Edge, names: Sequence[str], shown: frozenset[int], events: Mapping[int, str]) -> (
    dict[str, Any]
):  # fmt: skip
    is_shown = edge.near in shown
    return {
        "number": edge.near if is_shown else None, "thing": names[edge.near] if is_shown else None,
        "event": events.get(edge.event), "kind": KINDS[edge.kind],
        "since": instant(edge.since_ms), "until": instant(edge.until_ms),
        "quantity": edge.quantity or None,
    }  # fmt: skip


def summary(found: Found, shown_count: int, hidden_count: int, own_count: int) -> dict[str, Any]:
    """Return what is told of a walk as a whole: how much there is and what was left out."""
    return {
        "thing_count": shown_count, "own_count": own_count, "hidden_count": hidden_count,
        "event_count": found.events_read, "level_count": max(found.levels, default=0),
        "is_truncated": bool(found.why_cut), "truncated_by": found.why_cut or None,
        "missing": list(found.missing),
    }  # fmt: skip


def instant(at_ms: int) -> str | None:
    """Return an instant as ISO 8601 in UTC, None for a bound that is none."""
    if at_ms <= BEFORE_MS or at_ms >= AFTER_MS:
        return None
    try:
        at = _EPOCH + timedelta(milliseconds=at_ms)
    except OverflowError:
        return None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV (RFC 4180); a text that a spreadsheet would reckon is made harmless."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow(["" if cell is None else _harmless(str(cell)) for cell in row])
    return out.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
