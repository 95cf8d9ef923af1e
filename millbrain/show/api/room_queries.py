"""What rooms ask the warehouse: a route per declared query, and per document made of them.

Types, ranges and the organisation are settled here, once: a caller who is limited to one gets its
rows only, and is refused where a query is not divided by organisation.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Annotated, Any, Final, Literal

import fastapi
import orjson
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from millbrain.core.errors import SettingsError
from millbrain.core.pages import DAY, NUMBER, TEXT, Argument, Document, Query, RoomPage, Scope
from millbrain.core.times import iso
from millbrain.show.access import Caller, ViewerCaller
from millbrain.show.api.answers import Rows, model_of
from millbrain.show.errors import ApiError
from millbrain.show.export import export_response
from millbrain.show.queries import asked
from millbrain.show.queries.rows import now_ms
from millbrain.show.services import Use

_FORMATS: Final = Literal["json", "csv", "xlsx"]
_PAGES_MAX: Final = 1_000_000
# A document brings its style along and may do nothing but be read.
_ALONE: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def add_queries(router: APIRouter, pages: Sequence[RoomPage]) -> None:
    """Add GET /<room>/<name> for every query and document that the pages bring.

    Raises
    ------
    SettingsError
        Two queries or documents of one room have one name.
    """
    found: dict[tuple[str, str], Query | Document] = {}
    for page in pages:
        parts: tuple[Query | Document, ...] = (*page.page.queries, *page.page.documents)
        for part in parts:
            known = found.setdefault((page.room, part.name), part)
            if known is not part:
                raise SettingsError(f"room {page.room!r} brings two answers named {part.name!r}")
    for (room, _), part in found.items():
        (_add_query if isinstance(part, Query) else _add_document)(router, room, part)


def allowed_operator(caller: Caller, scope: Scope, wanted: str) -> str:
    """Return the organisation whose rows a caller gets, empty = all.

    Raises
    ------
    ApiError
        403 where the caller is limited to one and asks for another, or for what is not divided.
    """
    if not caller.operator:
        return wanted
    if scope is Scope.WHOLE:
        sentence = f"this is not divided by organisation; you see {caller.operator} only"
        raise ApiError(403, "refused", sentence)
    if wanted not in ("", caller.operator):
        raise ApiError(403, "refused", f"{wanted!r} was asked for; you see {caller.operator} only")
    return caller.operator


def _add_query(router: APIRouter, room: str, query: Any) -> None:
    def answer(given: Any, caller: ViewerCaller, use: Use) -> Response:
        operator = allowed_operator(caller, query.scope, given.operator)
        values = {a.name: getattr(given, a.name) for a in query.arguments}
        offset = (given.page - 1) * given.size
        part = asked.Slice(given.sort, given.order, offset, given.size)
        if given.format != "json":
            chunk = asked.export(use.warehouse, query, values, operator, part)
            name = f"{room}_{query.name}"
            return export_response([chunk], given.format, name, query.columns)
        rows, total, as_of = asked.answer(use.warehouse, query, values, operator, part)
        body = {"rows": rows, "total": total, "page": given.page, "size": given.size,
                "as_of": as_of or iso(now_ms())}  # fmt: skip
        return Response(orjson.dumps(body), media_type="application/json")

    _typed(answer, _model(f"{room}_{query.name}", _asked_of(query)))
    router.add_api_route(
        f"/{room}/{query.name}",
        answer,
        methods=["GET"],
        name=f"{room}_{query.name}",
        summary=f"{query.title} {query.title_zh}",
        description=_described(query.scope),
        response_model=Rows[row_model(room, query)],  # type: ignore[misc]  # columns are data
    )


def row_model(room: str, query: Query) -> type[BaseModel]:
    """Return the type of one row of a query's answer."""
    name = "".join(word.title() for word in f"{room}_{query.name}_row".split("_"))
    return model_of(name, query.columns)


def _add_document(router: APIRouter, room: str, document: Any) -> None:
    scopes = {q.scope for q in document.queries}
    scope = Scope.WHOLE if Scope.WHOLE in scopes else Scope.OPERATOR

    def answer(given: Any, caller: ViewerCaller, use: Use) -> Response:
        operator = allowed_operator(caller, scope, given.operator)

        def ask(query: Query) -> Any:
            values = {a.name: getattr(given, a.name) for a in query.arguments}
            if query in document.tables:
                return asked.table(use.warehouse, query, values, operator)
            part = asked.Slice(size=query.rows_max)
            return asked.answer(use.warehouse, query, values, operator, part)[0]

        with ThreadPoolExecutor(len(document.queries)) as pool:
            told = pool.map(ask, document.queries)
            answers = dict(zip((q.name for q in document.queries), told, strict=True))
        text = document.make(answers, given.language or caller.language or "en")
        media = f"{document.media}; charset=utf-8"
        return Response(text, media_type=media, headers={"Content-Security-Policy": _ALONE})

    arguments = {a.name: a for query in document.queries for a in query.arguments}
    fields = {a.name: _field(a) for a in arguments.values()}
    language = (Literal["", "en", "zh"], Field("", description="Default: the account's."))
    operator = (str, Field("", max_length=128, description="One organisation's only."))
    fields |= {"language": language, "operator": operator}
    _typed(answer, _model(f"{room}_{document.name}", fields))
    router.add_api_route(
        f"/{room}/{document.name}",
        answer,
        methods=["GET"],
        name=f"{room}_{document.name}",
        summary=f"{document.title} {document.title_zh}",
        description=_described(scope),
        response_class=Response,
        responses={200: {"content": {document.media: {}}}},
    )


def _described(scope: Scope) -> str:
    if scope is Scope.WHOLE:
        return "Not divided by organisation: refused to callers who are limited to one."
    return "A caller who is limited to one organisation gets that one's rows only."


def _typed(endpoint: Callable[..., Any], model: type[BaseModel]) -> None:
    """Let FastAPI read the endpoint's parameter `given` as a query string of this model."""
    endpoint.__annotations__["given"] = Annotated[model, fastapi.Query()]


def _model(name: str, fields: Mapping[str, Any]) -> type[BaseModel]:
    config = ConfigDict(extra="forbid")
    return create_model(f"{name}_given", __config__=config, **fields)


def _asked_of(query: Query) -> dict[str, Any]:
    """Return the fields of a query's arguments and of what every list takes."""
    names: Any = Literal[("", *sorted(query.names))]
    size = min(query.rows, query.rows_max)
    return {a.name: _field(a) for a in query.arguments} | {
        "operator": (str, Field("", max_length=128, description="One organisation's only.")),
        "page": (int, Field(1, ge=1, le=_PAGES_MAX, description="Number of the page, from 1.")),
        "size": (int, Field(size, ge=1, le=query.rows_max, description="Rows of a page.")),
        "sort": (names, Field("", description=f"A column; default: {query.order}.")),
        "order": (Literal["asc", "desc"], Field("asc")),
        "format": (_FORMATS, Field("json", description="csv and xlsx hold every row.")),
    }


def _field(argument: Argument) -> tuple[Any, Any]:
    """Return type and bounds of one argument."""
    default: Any = ... if argument.default is None else argument.default
    words = f"{argument.meaning}. {argument.meaning_zh}."
    if argument.choices:
        return Literal[argument.choices], Field(default, description=words)
    if argument.type == TEXT:
        return str, Field(default, max_length=argument.length_max, description=words)
    if argument.type == DAY:
        return date, Field(default, description=words)
    kind: Any = float if argument.type == NUMBER else int
    bounds: dict[str, Any] = {"ge": argument.low, "le": argument.high}
    return kind, Field(default, description=words, **bounds)
