"""One box for every identifier: which scheme it is of, and what it leads to."""

from io import BytesIO
from typing import Annotated, Any, Final

import segno
from fastapi import APIRouter, Query, Response

from millbrain.core.errors import LimitError
from millbrain.core.limits import IDENTIFIER_BYTES_MAX
from millbrain.show.access import ViewerCaller
from millbrain.show.api.identifiers.answers import Resolved
from millbrain.show.api.identifiers.links import vehicles_of
from millbrain.show.api.identifiers.recognise import (
    Recognised,
    SchemeAnswer,
    recognised,
    refers,
    schemes,
)
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Use

router = APIRouter()
_QR_BYTES_MAX: Final = 1_200  # a denser code is hard to scan from a screen
Text = Annotated[
    str,
    Query(
        min_length=1, max_length=IDENTIFIER_BYTES_MAX, examples=["88.100.1/P7"],
        description="An identifier of any scheme, as typed, scanned or sent.",
    ),
]  # fmt: skip


@router.get("/schemes", summary="Schemes that the grammar knows, with an example each")
def known_schemes(_: ViewerCaller) -> list[SchemeAnswer]:
    """Return every scheme of identifiers."""
    return schemes()


@router.get("/recognise", summary="Which scheme a text is of, or why it is of none")
def recognise(_: ViewerCaller, text: Text) -> Recognised:
    """Read a text by the grammar; nothing is looked up."""
    return recognised(text)


@router.get("/resolve", summary="What an identifier leads to, and who said so")
def resolve(caller: ViewerCaller, use: Use, text: Text) -> Resolved:
    """Resolve an identifier of any scheme on behalf of the caller."""
    told = use.identifiers.resolve(caller, text)
    vehicles = vehicles_of(told, caller, use)
    values = [shown(v) for v in told["values"]]
    return Resolved.model_validate(
        {**told, "values": values, "vehicles": vehicles, "as_of": instant_now()}
    )


@router.get("/qr.svg", summary="An identifier as a QR code", response_class=Response)
def qr(_: ViewerCaller, text: Text) -> Response:
    """Return a QR code (ISO/IEC 18004, error correction M) as SVG."""
    if len(text.encode()) > _QR_BYTES_MAX:
        raise LimitError(f"a QR code of at most {_QR_BYTES_MAX} bytes is drawn")
    code = segno.make(text, error="m", micro=False)
    drawn = BytesIO()
    code.save(drawn, kind="svg", scale=4, border=4, dark="#000", light="#fff")
    return Response(drawn.getvalue(), media_type="image/svg+xml")


def shown(value: dict[str, Any]) -> dict[str, Any]:
    """Return a value with the identifier that it is, if it is one."""
    return value | {"refers": refers(value)}
