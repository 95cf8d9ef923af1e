"""What a room shows: pages, the questions they put to the warehouse, documents made of the answers.

A page is data and template in the room's own folder; `run` finds it, `show` mounts it and asks
`record`. A room never answers a request itself: it declares a `Query`, and who may see which rows
is settled here and in `show`, not by whoever writes the page.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from millbrain.core import limits
from millbrain.core.errors import SettingsError
from millbrain.core.tables import Column

OPERATOR: Final = "operator"  # the placeholder that carries the organisation, empty = all
TEXT, DAY = "String", "Date"
WHOLE_TYPES: Final = ("UInt8", "UInt16", "UInt32", "Int32", "Int64")
NUMBER: Final = "Float64"
_TYPES: Final = (TEXT, DAY, NUMBER, *WHOLE_TYPES)
_PLACEHOLDER: Final = re.compile(r"\{(\w+):([\w()]+)\}")
_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN: Final = frozenset((OPERATOR, "page", "size", "sort", "order", "format"))


class Scope(StrEnum):
    """To whom a query's rows may go.

    operator: rows of the caller's organisation only; the text says so with ``{operator:String}``.
    whole: not divided by organisation, so callers who are limited to one are refused.
    """

    OPERATOR = "operator"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Argument:
    """A value that a query takes.

    type: ClickHouse type of its placeholder. default: None = must be given. low, high: allowed
    range of a number, both included. choices: the only texts allowed, empty = any of at most
    `length_max` characters.
    """

    name: str
    type: str
    meaning: str
    meaning_zh: str
    default: str | float | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    length_max: int = 128


@dataclass(frozen=True, slots=True)
class Query:
    """A question to the warehouse that pages and programs may ask by its name.

    sql: one SELECT whose values are ``{name:Type}`` placeholders, each a declared argument, and
    which names its columns as `columns` do; tables with versions are read with FINAL. columns: as
    of a table: unit by suffix, meaning in both languages. order: columns it is sorted by, such as
    ``risk_count desc, vin``. rows: of a page where nobody asks for another size. A column `as_of`
    says as of when the answer is; without one it is the instant of asking.

    Raises
    ------
    SettingsError
        The declaration contradicts itself, or leaves out the organisation.
    """

    name: str
    title: str
    title_zh: str
    sql: str
    columns: tuple[Column, ...]
    order: str
    arguments: tuple[Argument, ...] = ()
    scope: Scope = Scope.OPERATOR
    rows: int = 50

    def __post_init__(self) -> None:
        """Refuse a declaration that could not be asked, or that forgets whose rows these are."""
        for problem in self._problems():
            raise SettingsError(f"query {self.name!r}: {problem}")

    def _problems(self) -> Iterator[str]:
        asked = set(_PLACEHOLDER.findall(self.sql))
        known = {(a.name, a.type) for a in self.arguments}
        own = (OPERATOR, TEXT)
        if not _WORD.fullmatch(self.name):
            yield "its name is not one word of small letters, digits and _"
        if self.scope is Scope.OPERATOR and own not in asked:
            yield "its text does not ask for {operator:String}; say so, or declare it `whole`"
        if asked - {own} != known:
            yield f"placeholders and arguments differ: {sorted((asked - {own}) ^ known)}"
        if any(a.name in _TAKEN or a.type not in _TYPES for a in self.arguments):
            yield f"an argument is named one of {sorted(_TAKEN)} or typed none of {_TYPES}"
        if not self.columns or {n for n, _ in self.sorting(self.order)} - self.names:
            yield f"it is ordered by {self.order!r}; its columns are {sorted(self.names)}"
        if ";" in self.sql or not 0 < self.rows <= limits.TREND_POINTS_MAX:
            yield f"it is one statement, of 1 to {limits.TREND_POINTS_MAX} rows a page"

    @property
    def names(self) -> frozenset[str]:
        """The names of its columns."""
        return frozenset(c.name for c in self.columns)

    @property
    def rows_max(self) -> int:
        """Most rows of one page."""
        return max(self.rows, limits.PAGE_ROWS_MAX)

    @staticmethod
    def sorting(order: str) -> list[tuple[str, str]]:
        """Split ``a desc, b`` into names and directions."""
        parts = [part.split() for part in order.split(",")]
        return [(p[0], "DESC" if p[1:] == ["desc"] else "ASC") for p in parts if p]


Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Document:
    """A file made of the answers to queries: a dossier to print, the evidence to hand on.

    parts: queries of which `make` is given the rows of one page. tables: those of which it is given
    all rows as one Arrow table. Their arguments are the document's. make: pure function of these by
    the query's name, and of the reader's language (`en`, `zh`); its text is sent as `media`.
    """

    name: str
    title: str
    title_zh: str
    parts: tuple[Query, ...]
    make: Callable[[Mapping[str, Any], str], str]
    media: str = "text/html"
    tables: tuple[Query, ...] = ()

    @property
    def queries(self) -> tuple[Query, ...]:
        """Everything that it is made of."""
        return (*self.parts, *self.tables)


@dataclass(frozen=True, slots=True)
class Page:
    """A page that a room brings along: `show` finds it in the card and mounts it.

    template: file within the room's folder; the ES modules (.js) and styles (.css) beside it are
    served as /rooms/<room>/<file>, nothing else is. answers: name -> pure function of text
    arguments that returns JSON-able data. queries, documents: what the page asks for. All three
    are mounted at /api/v1/rooms/<room>/<name>. within: path of the page whose entry of the
    navigation this one stands under; empty = it has its own. wall: a screen without the bar, which
    holds no data and may be opened with a token behind ``#``.
    """

    path: str
    title: str
    title_zh: str
    template: str
    answers: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    queries: tuple[Query, ...] = ()
    documents: tuple[Document, ...] = ()
    within: str = ""
    wall: bool = False


@dataclass(frozen=True, slots=True)
class RoomPage:
    """A page together with the room that brings it and the folder that holds its template."""

    room: str
    page: Page
    folder: Path
