"""Shift reports over the API: those that were written at eight, and any day as a snapshot knows it.

They are of the whole installation, so callers who are limited to one organisation are refused.
"""

from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Response

from millbrain.core.production.shift_report import Snapshot
from millbrain.show.access import WholeCaller
from millbrain.show.services import Use
from millbrain.show.shift_report import head, pdf, tables, titles, workbook

router = APIRouter(prefix="/production/shift-reports", tags=["production"])
_MEDIA: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


@router.get("", summary="Reports that were written, the newest first")
def written(caller: WholeCaller, use: Use) -> dict[str, Any]:
    """Return the names of the files, and the snapshot of what is known now."""
    return {"files": list(use.shifts.written()), "snapshot": use.shifts.newest().id}


@router.get("/files/{name}", summary="One that was written", response_class=Response)
def file(name: Annotated[str, Path(max_length=128)], caller: WholeCaller, use: Use) -> Response:
    """Return the file as it was written."""
    return _download(use.shifts.file(name), name)


@router.get("/{day}", summary="A day or shift as a snapshot knows it")
def report(
    day: date,
    caller: WholeCaller,
    use: Use,
    shift: Annotated[str, Query(max_length=32, description="Key of a shift; empty = all.")] = "",
    snapshot: Annotated[str, Query(max_length=64, description="Its id; empty = now.")] = "",
    format: Annotated[Literal["json", "xlsx", "pdf"], Query()] = "json",
    language: Annotated[Literal["", "en", "zh"], Query(description="Default: the account's.")]
    = "",
) -> Any:  # fmt: skip
    """Return the report; the same snapshot gives the same numbers whenever it is asked for."""
    known = Snapshot.of(snapshot) if snapshot else use.shifts.newest()
    found = use.shifts.report(day, shift, known)
    words = language or caller.language or "en"
    if format == "json":
        return {"head": head(found, words), "tables": tables(found, words),
                "titles": titles(words), "snapshot": known.id}  # fmt: skip
    made = workbook(found, words) if format == "xlsx" else pdf(found, words)
    return _download(made, f"shift-{day}-{known.id}-{words}.{format}")


def _download(body: bytes, name: str) -> Response:
    media = _MEDIA[name.rpartition(".")[2]]
    return Response(body, media_type=media,
                    headers={"Content-Disposition": f'attachment; filename="{name}"'})  # fmt: skip
