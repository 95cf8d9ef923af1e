"""The page parameters that every list takes."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query

from millbrain.core import limits
from millbrain.core.times import iso
from millbrain.show.queries.rows import now_ms


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list: number from 1, rows of a page."""

    page: int
    size: int

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.page - 1) * self.size

    def answer(self, rows: list[Any], total: int, as_of: str | None = None) -> dict[str, Any]:
        """Return a page of rows in the shape of `answers.Rows`; as_of: None = now."""
        at = as_of or iso(now_ms())
        return {"rows": rows, "total": total, "page": self.page, "size": self.size, "as_of": at}


def _paging(
    page: Annotated[int, Query(ge=1, le=1_000_000, description="Number of the page, from 1.")] = 1,
    size: Annotated[int, Query(ge=1, le=limits.PAGE_ROWS_MAX, description="Rows of a page.")] = 50,
) -> Paging:
    return Paging(page, size)


Page = Annotated[Paging, Depends(_paging)]
