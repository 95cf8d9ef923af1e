"""Ranges: a block of serials under one record, with what single items have of their own.

A range is a record with a value of type RANGE beside the values that its items share::

    {"pattern": "P{10}", "from": 1, "to": 1000000}

stands for P0000000001 to P0001000000 below the record's own prefix: ``{10}`` is the serial with ten
digits. In the data of a shared value ``{serial}`` becomes the item's serial. An item is answered
with the shared values; a change of one item is kept as what differs from them, so that a later
change of the shared values shows in every item that does not say otherwise.

Pure. What an item is sent is made once for the whole range: two items differ in their digits only,
so the bytes between them are kept, and an item is these with its digits put in.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from millbrain.core.keys import fold, handle_key, parse
from millbrain.core.limits import RANGE_DIGITS_MAX, RANGE_PATTERN_MAX
from millbrain.core.records import FORM, Value, store_form, stored_values
from millbrain.core.templates import ALIAS_TYPE, RANGE_TYPE, is_administrative

OVERLAY: Final = 3  # form of what an item has of its own; `records.FORM` is that of a whole record
RANGE_INDEX: Final = 1002  # of the value, where nothing else is said
WITHOUT_TYPE: Final = "RANGE_WITHOUT"  # in an overlay: indexes of shared values that are gone
PLACE: Final = b"{serial}"
_PATTERN: Final = re.compile(r"([^{}]*)\{(\d{1,2})\}([^{}]*)", re.ASCII)
_LITERAL: Final = re.compile(r"[^\s{}\x00-\x1f\x7f-\x9f\ud800-\udfff]*")
_DIGITS: Final = frozenset(b"0123456789")
T = TypeVar("T")
Row = tuple[tuple[int, ...], tuple[tuple["Range", T], ...]]  # first serials; ranges and what
Shape = tuple[bytes, int, bytes]  # head, width, tail


@dataclass(frozen=True, slots=True)
class Range:
    """A block of serials.

    head, tail: what stands before and behind the digits in the key of an item. width: how many
    digits. first, last: serials, both included.
    """

    head: bytes
    width: int
    tail: bytes
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many items it has."""
        return self.last - self.first + 1

    def digits(self, serial: int) -> bytes:
        """Return a serial as it stands in a key."""
        return b"%0*d" % (self.width, serial)

    def key(self, serial: int) -> bytes:
        """Return the key of an item."""
        return self.head + self.digits(serial) + self.tail

    def serial(self, key: bytes) -> int | None:
        """Return the serial of a key, None where it is no item."""
        end = len(key) - len(self.tail)
        digits = key[len(self.head) : end]
        is_of = len(digits) == self.width and digits.isdigit()
        if not is_of or not key.startswith(self.head) or not key.endswith(self.tail):
            return None
        serial = int(digits)
        return serial if self.first <= serial <= self.last else None

    def keys_after(self, after: bytes) -> Iterator[bytes]:
        """Yield the keys of items that are greater than `after`, in order."""
        low, high = self.first, self.last + 1
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.key(middle) <= after else (low, middle)
        return map(self.key, range(low, self.last + 1))

    def contains(self, other: "Range") -> bool:
        """Whether it has every item of another one of the same shape."""
        is_same = (self.head, self.width, self.tail) == (other.head, other.width, other.tail)
        return is_same and self.first <= other.first and other.last <= self.last

    def overlaps(self, other: "Range") -> bool:
        """Whether some key is an item of both; in doubt it says so.

        There is doubt where the digits of the two cross, or where one has literal digits behind
        those of the other.
        """
        if (len(self.head), len(self.tail)) > (len(other.head), len(other.tail)):
            return other.overlaps(self)
        size = len(self.head) + self.width + len(self.tail)
        if size != len(other.head) + other.width + len(other.tail):
            return False
        before = other.head[len(self.head) :]  # of the other's literals, what is in our digits
        if not other.head.startswith(self.head) or not _are_digits(before[: self.width]):
            return False
        behind = len(other.tail) - len(self.tail)
        if behind < 0 or len(before) > self.width:
            return _may_cross(self, other)
        literal = other.tail[:behind]
        if not other.tail.endswith(self.tail) or not _are_digits(literal):
            return False
        lead = int(before or b"0") * 10**other.width
        low = int(b"%d" % (lead + other.first) + b"0" * behind)
        high = int(b"%d" % (lead + other.last) + b"9" * behind)
        return low <= self.last and self.first <= high


def _are_digits(part: bytes) -> bool:
    return not part or part.isdigit()


def _may_cross(one: Range, other: Range) -> bool:
    """Whether patterns whose digits cross agree wherever both are literal."""
    pairs = zip(_places(one), _places(other), strict=True)
    return all(
        a == b or (a is None and b in _DIGITS) or (b is None and a in _DIGITS) for a, b in pairs
    )


def _places(one: Range) -> list[int | None]:
    return [*one.head, *([None] * one.width), *one.tail]


# As values --------------------------------------------------------------------------------------


def range_of(handle: str, values: Iterable[Value]) -> Range | None:
    """Return the range that a record is, None where it is none.

    Raises
    ------
    ValueError
        Its RANGE value is malformed, or there are several.
    """
    found = [v for v in values if v.type == RANGE_TYPE]
    if not found:
        return None
    if len(found) > 1:
        raise ValueError(f"{handle}: {len(found)} values of type RANGE; one is allowed")
    try:
        told = json.loads(found[0].data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{handle}: range: no JSON: {error}") from error
    if not isinstance(told, dict) or told.keys() != {"pattern", "from", "to"}:
        raise ValueError(f"{handle}: range: an object with pattern, from and to was expected")
    return read_range(handle, told["pattern"], told["from"], told["to"])


def read_range(handle: str, pattern: Any, first: Any, last: Any) -> Range:
    """Return the range of a pattern below the prefix of `handle`.

    Raises
    ------
    ValueError
        The sentence says what was found and what is allowed.
    """
    prefix = fold(handle).partition("/")[0]
    if prefix == "0.NA":
        raise ValueError(f"{handle}: range: prefixes are no serials")
    match = _PATTERN.fullmatch(pattern) if isinstance(pattern, str) else None
    if not match or len(pattern) > RANGE_PATTERN_MAX:
        raise ValueError(
            f"{handle}: range: pattern {str(pattern)[:80]!r}; one {{n}} for n digits was expected, "
            f"P{{10}}, and at most {RANGE_PATTERN_MAX} characters"
        )
    width = int(match[2])
    if not 1 <= width <= RANGE_DIGITS_MAX:
        raise ValueError(f"{handle}: range: {width} digits; 1 to {RANGE_DIGITS_MAX} are allowed")
    if not _LITERAL.fullmatch(match[1]) or not _LITERAL.fullmatch(match[3]):
        raise ValueError(f"{handle}: range: blanks and control characters are not allowed")
    if type(first) is not int or type(last) is not int or not 0 <= first <= last < 10**width:
        raise ValueError(
            f"{handle}: range: from {str(first)[:40]} to {str(last)[:40]}; whole numbers in order, "
            f"at most {'9' * width}, were expected"
        )
    return Range(handle_key(f"{prefix}/{match[1]}"), width, fold(match[3]).encode(), first, last)


def range_value(index: int, pattern: str, first: int, last: int) -> Value:
    """Return the value that makes a record a range."""
    told = {"pattern": pattern, "from": first, "to": last}
    return Value(index, RANGE_TYPE, json.dumps(told, separators=(",", ":")).encode())


def item_values(values: Iterable[Value], digits: bytes) -> tuple[Value, ...]:
    """Return the values of an item, from those of its range."""
    return tuple(
        replace(v, data=v.data.replace(PLACE, digits))
        if PLACE in v.data and (v.type == ALIAS_TYPE or not is_administrative(v.type))
        else v
        for v in values
        if v.type != RANGE_TYPE
    )


def samples(handle: str, values: Sequence[Value]) -> list[Sequence[Value]]:
    """Return records that stand for all that these values make: of a range its ends.

    Raises
    ------
    ValueError
        A RANGE value is malformed.
    """
    one = range_of(handle, values)
    if one is None:
        return [values]
    return [item_values(values, one.digits(serial)) for serial in sorted({one.first, one.last})]


def item_pieces(values: Sequence[Value], width: int) -> tuple[bytes, ...]:
    """Return the stored form of an item without its digits; `digits.join` makes it whole."""
    zeros = store_form(item_values(values, b"0" * width))
    ones = store_form(item_values(values, b"1" * width))
    places = [n for n, (a, b) in enumerate(zip(zeros, ones, strict=True)) if a != b]
    starts = places[::width]
    ends = [0, *(start + width for start in starts)]
    return tuple(zeros[a:b] for a, b in zip(ends, [*starts, len(zeros)], strict=True))


def alias_ranges(values: Iterable[Value], one: Range) -> tuple[Range, ...]:
    """Return the aliases of a range: the same serials in the keys of other schemes.

    Raises
    ------
    ValueError
        An alias is no identifier, or is not the serial's alone: without `{serial}`, or where more
        than its digits changes with it (a check digit).
    """
    found = []
    for value in values:
        if value.type != ALIAS_TYPE:
            continue
        text = value.data
        zeros, ones = (parse(text.replace(PLACE, digit * one.width).decode()).stored
                       for digit in (b"0", b"1"))  # fmt: skip
        places = [n for n, (a, b) in enumerate(zip(zeros, ones, strict=False)) if a != b]
        start = places[0] if places else 0
        if len(zeros) != len(ones) or places != list(range(start, start + one.width)):
            raise ValueError(
                f"alias {text[:80]!r} of a range must hold {PLACE.decode()} once, and nothing in "
                "it may change with the serial but its digits"
            )
        tail = zeros[start + one.width :]
        found.append(Range(zeros[:start], one.width, tail, one.first, one.last))
    return tuple(found)


# What an item has of its own --------------------------------------------------------------------


def overlay(shared: Sequence[Value], after: Sequence[Value]) -> bytes:
    """Return what is kept of an item whose values are `after` instead of the shared ones."""
    base, now = {v.index: v for v in shared}, {v.index for v in after}
    own = [v for v in after if base.get(v.index) != v]
    gone = [index for index in base if index not in now]
    marks = [Value(index, WITHOUT_TYPE, b"", permissions=0) for index in gone]
    return bytes((OVERLAY,)) + store_form([*own, *marks])[1:]


def is_overlay(stored: bytes | None) -> bool:
    """Whether a stored form is what an item has of its own."""
    return stored is not None and stored[0] == OVERLAY


def laid_over(shared: bytes, own: bytes) -> bytes:
    """Return the stored form of an item: the shared values with its own over them."""
    held = {v.index: v for v in stored_values(shared)}
    for value in overlay_values(own):
        if value.type == WITHOUT_TYPE:
            held.pop(value.index, None)
        else:
            held[value.index] = value
    return store_form(held[index] for index in sorted(held))


def overlay_values(own: bytes) -> tuple[Value, ...]:
    """Return the values in what an item has of its own, with marks for those that are gone."""
    return stored_values(bytes((FORM,)) + own[1:])


# Finding the range of a key ---------------------------------------------------------------------


class Shapes(Generic[T]):
    """Ranges by the shape of their keys, each with something; readers need no lock.

    Ranges of one shape stand in order of their serials. A change replaces one row at once, so that
    a reader sees it before or after.
    """

    def __init__(self) -> None:
        self._lengths: dict[int, tuple[tuple[int, int], ...]] = {}
        self._rows: dict[Shape, Row[T]] = {}
        self._prefixes: dict[bytes, dict[Shape, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Return how many ranges there are."""
        return self._count

    def find(self, key: bytes) -> tuple[bytes, T] | None:
        """Return the digits of a key and what belongs to its range, None where it is in none."""
        for start, width in self._lengths.get(len(key), ()):
            digits = key[start : start + width]
            if not digits.isdigit():
                continue
            row = self._rows.get((key[:start], width, key[start + width :]))
            if row is None:
                continue
            serial = int(digits)
            place = bisect_right(row[0], serial) - 1
            if place >= 0 and serial <= row[1][place][0].last:
                return digits, row[1][place][1]
        return None

    def put(self, one: Range, what: T, instead: Range | None = None) -> None:
        """Add a range that overlaps no other; instead: of one of the same shape, at once."""
        shape = (one.head, one.width, one.tail)
        starts, rows = self._rows.get(shape, ((), ()))
        if instead is not None:
            starts, rows = _without(starts, rows, instead)
        place = bisect_right(starts, one.first)
        self._rows[shape] = (
            (*starts[:place], one.first, *starts[place:]),
            (*rows[:place], (one, what), *rows[place:]),
        )
        self._enter(shape)
        self._count += instead is None

    def fill(self, pairs: Iterable[tuple[Range, T]]) -> list[T]:
        """Add many at once to none; return those that overlap one of their own shape."""
        shapes: dict[Shape, list[tuple[Range, T]]] = {}
        for one, what in pairs:
            shapes.setdefault((one.head, one.width, one.tail), []).append((one, what))
        left: list[T] = []
        for shape, rows in shapes.items():
            kept: list[tuple[Range, T]] = []
            for row in sorted(rows, key=_first):
                if kept and row[0].first <= kept[-1][0].last:
                    left.append(row[1])
                else:
                    kept.append(row)
            self._rows[shape] = (tuple(one.first for one, _ in kept), tuple(kept))
            self._enter(shape)
            self._count += len(kept)
        return left

    def drop(self, one: Range) -> None:
        """Remove a range that is there."""
        shape = (one.head, one.width, one.tail)
        self._rows[shape] = _without(*self._rows[shape], one)
        self._count -= 1

    def overlapping(self, one: Range) -> T | None:
        """Return what belongs to a range that may share an item with this one, None = none does."""
        for shape in self._near(one.head):
            starts, rows = self._rows[shape]
            if shape == (one.head, one.width, one.tail):
                rows = rows[
                    max(bisect_right(starts, one.first) - 1, 0) : bisect_right(starts, one.last)
                ]
            elif not one.overlaps(Range(*shape, 0, 10 ** shape[1] - 1)):
                continue
            for other, what in rows:
                if one.overlaps(other):
                    return what
        return None

    def below(self, head: bytes) -> list[tuple[Range, T]]:
        """Return the ranges whose keys begin with `head`, the key of a prefix with its slash."""
        return [row for shape in self._near(head) if shape[0].startswith(head)
                for row in self._rows[shape][1]]  # fmt: skip

    def _near(self, head: bytes) -> tuple[Shape, ...]:
        """Return the shapes that can have a key in common with one that begins so."""
        prefix = _prefix(head)
        if not prefix:
            return tuple(self._rows)
        return (*self._prefixes.get(prefix, ()), *self._prefixes.get(b"", ()))

    def _enter(self, shape: Shape) -> None:
        head, width, tail = shape
        size, place = len(head) + width + len(tail), (len(head), width)
        if place not in self._lengths.get(size, ()):
            self._lengths[size] = tuple(sorted((*self._lengths.get(size, ()), place)))
        self._prefixes.setdefault(_prefix(head), {})[shape] = None


def _without(starts: tuple[int, ...], rows: tuple[tuple[Range, T], ...], one: Range) -> Row[T]:
    place = starts.index(one.first)
    return (*starts[:place], *starts[place + 1 :]), (*rows[:place], *rows[place + 1 :])


def _prefix(head: bytes) -> bytes:
    """Return what stands before the first slash, b'' where the digits may be before it."""
    return head[: head.find(b"/") + 1]


def _first(row: tuple[Range, Any]) -> int:
    return row[0].first
