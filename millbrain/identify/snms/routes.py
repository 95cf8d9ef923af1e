"""The routes of the SNMS dialect: login, data, batches.

Every request but a login carries ``Authorization: Bearer`` and a token (`tokens`). Rights are those
of the registry. A request with an ``Idempotency-Key`` is made once: sent again with the same body,
it is answered again and changes nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core import keys
from millbrain.core.errors import FrameError, LimitError, MillbrainError
from millbrain.core.faces.around import Around, Standing
from millbrain.core.nodes.tally import NOT_FOUND, OK
from millbrain.core.records import is_live
from millbrain.core.registry import Asker, Change, Once, Reason, Registry, RegistryError, Verb
from millbrain.core.templates import Template, version_value
from millbrain.identify.snms import doip, tokens
from millbrain.identify.snms import fields as f
from millbrain.identify.snms.logins import Tries
from millbrain.identify.snms.requests import (
    address_of,
    body_of,
    json_of,
    loaded,
    object_of,
    once_of,
    text_of,
)
from millbrain.identify.snms.rows import (
    Reader,
    checked_handle,
    detail,
    owner_value,
    template_handle,
)
from millbrain.identify.snms.templates import template_json, version_of

FACE: Final = "snms"
Work = Callable[[Request], Awaitable[Any]]
Row = Change | RegistryError


def routes(registry: Registry, around: Around) -> list[Route]:
    """Return the routes that the room adds to the resolver's HTTP port."""
    api = _Api(registry, around)
    ways: tuple[tuple[str, str, Work], ...] = (
        ("POST", "/identity/token", api.login),
        ("POST", "/identity/token/v1", api.login_dated),
        ("GET", f.TEMPLATE_PATH, api.template),
        ("POST", f.TEMPLATE_PATH, api.add_template),
        ("PUT", f.TEMPLATE_PATH, api.change_template),
        ("DELETE", f.TEMPLATE_PATH, api.withdraw_template),
        ("GET", "/identityv2/data/detail", api.detail),
        ("POST", "/identityv2/data", api.create),
        ("PUT", "/identityv2/data", api.update),
        ("DELETE", "/identityv2/data", api.delete),
        ("POST", "/identityv2/data/batchCreate", api.create_many),
        ("PUT", "/identityv2/data/batchUpdate", api.update_many),
        ("DELETE", "/identityv2/data/batchDelete", api.delete_many),
    )
    own = [Route(path, _told(work), methods=[method]) for method, path, work in ways]
    return [*own, *doip.routes(registry, around)]


def _told(work: Work) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that answers in the dialect, whatever happens."""

    async def endpoint(request: Request) -> Response:
        try:
            return answer(f.OK, f.SUCCESS, await work(request))
        except RegistryError as error:
            status, words = f.REFUSALS[error.reason]
            code = 422 if error.reason is Reason.KEY_USED else 200
            return answer(
                status, str(error) if error.reason is Reason.INVALID else words, code=code
            )
        except LimitError:
            return answer(f.LOGIN, f.BUSY_TEXT)
        except MillbrainError as error:
            return answer(f.BROKEN, str(error))

    return endpoint


def answer(status: int, message: str, data: Any = None, code: int = 200) -> Response:
    """Return an answer of the dialect. code: the HTTP status."""
    told = {"message": message, "status": status, "data": data}
    return Response(orjson.dumps(told), code, media_type="application/json")


class _Api:
    def __init__(self, registry: Registry, around: Around) -> None:
        self._registry = registry
        self._around = around
        self._tries = Tries()
        self._room = asyncio.Semaphore(f.BATCHES_MAX)
        self._waiting = 0

    # Logins -------------------------------------------------------------------------------------

    async def login(self, request: Request) -> Any:
        """Give a token for a name and its password."""
        return await self._login(request, tokens.plain)

    async def login_dated(self, request: Request) -> Any:
        """Give a token for a name and the hash of its password and of the day."""
        return await self._login(
            request, lambda registry, name, given: tokens.dated(registry, name, given, time.time())
        )

    async def _login(self, request: Request, way: Callable[..., tokens.Login | None]) -> Any:
        body = await json_of(request)
        name, given = (text_of(body, n) for n in ("username", "password"))
        address, now_s = address_of(request), time.time()
        if self._tries.is_closed((address, name), now_s):
            raise LimitError(f"too many logins of {address}")
        found = way(self._registry, name, given)
        if found is None:
            self._tries.failed((address, name), now_s)
            raise RegistryError(Reason.INVALID, f.WRONG_TEXT)
        secret = self._around.secret
        return {"token": tokens.write(found.identity, found.secret.data, secret, int(now_s))}

    def _asker(self, request: Request) -> Asker:
        header = request.headers.get("authorization", "")
        identity = tokens.read(self._registry, header, self._around.secret, time.time())
        if identity is None:
            raise RegistryError(Reason.NO_IDENTITY, f.LOGIN_TEXT)
        return Asker(identity, FACE, address_of(request))

    # Templates ----------------------------------------------------------------------------------

    async def template(self, request: Request) -> Any:
        """Return a template by prefix and version."""
        self._asker(request)
        return template_json(self._found(request.query_params))

    async def add_template(self, request: Request) -> Any:
        """Enter a template; one that was deleted comes back with what is told now."""
        asker, body = self._asker(request), await json_of(request)
        handle = _template_of(body)
        before = self._registry.template(handle)
        if before is not None and not before.is_withdrawn:
            raise RegistryError(Reason.INVALID, f.TEMPLATE_EXISTS_TEXT)
        return await self._put_template(asker, handle, before, version_of(body, before))

    async def change_template(self, request: Request) -> Any:
        """Add a version that widens a template."""
        asker, body = self._asker(request), await json_of(request)
        before = self._found(body)
        return await self._put_template(asker, before.handle, before, version_of(body, before))

    async def withdraw_template(self, request: Request) -> Any:
        """Let no further identifier follow a template; those that do keep it."""
        asker, body = self._asker(request), await json_of(request)
        before = self._found(body)
        return await self._put_template(asker, before.handle, before, {"is_withdrawn": True})

    def _found(self, told: Mapping[str, Any]) -> Template:
        found = self._registry.template(_template_of(told))
        if found is None or found.is_withdrawn:
            raise RegistryError(Reason.INVALID, f.NO_TEMPLATE_TEXT)
        return found

    async def _put_template(
        self, asker: Asker, handle: str, before: Template | None, told: dict[str, Any]
    ) -> bool:
        assert asker.identity is not None  # of a token
        if before is not None and before.is_withdrawn:
            told = told | {"is_withdrawn": False}
        value = version_value(before.version + 1 if before else 1, told)
        values = (value,) if before else (owner_value(asker.identity), value)
        verb = Verb.ADD if before else Verb.CREATE
        await self._registry.make(Change(verb, handle, asker, values))
        return True

    # One identifier -----------------------------------------------------------------------------

    async def detail(self, request: Request) -> Any:
        """Return what the asker may read of an identifier, from wherever it is recorded."""
        asker = self._asker(request)
        handle = request.query_params.get("handle", "")
        if not handle:
            raise RegistryError(Reason.INVALID, "缺少必要的请求参数: handle")
        checked_handle(handle)
        (stored,) = self._registry.get_many([keys.handle_key(handle)])
        if stored is not None and is_live(stored):
            self._registry.tally.add(handle, OK)
            try:
                return detail(handle, self._registry.readable(stored, handle, asker))
            except FrameError as error:
                raise MillbrainError(f"{handle}: {error}") from error
        found = await self._around.others.find(handle)
        self._registry.tally.add(handle, OK if found.standing is Standing.FOUND else NOT_FOUND)
        if found.standing is Standing.FOUND:
            return detail(handle, found.values)
        if found.standing in (Standing.REFERRED, Standing.UNREACHABLE):
            raise RegistryError(Reason.INVALID, f"{f.GONE_TEXT}: {found.detail}")
        raise RegistryError(Reason.INVALID, f.GONE_TEXT)

    async def create(self, request: Request) -> Any:
        """Register an identifier."""
        return await self._one(request, Verb.CREATE)

    async def update(self, request: Request) -> Any:
        """Change the values that are named, add those that are new."""
        return await self._one(request, Verb.PUT)

    async def _one(self, request: Request, verb: Verb) -> Any:
        asker, raw = self._asker(request), await body_of(request)
        row = Reader(asker, verb, self._registry.template).change(loaded(raw))
        await self._made_one(row, once_of(request, raw, asker))
        return True

    async def delete(self, request: Request) -> Any:
        """Delete an identifier; a tombstone with its history stays."""
        asker, raw = self._asker(request), await body_of(request)
        handle = checked_handle(text_of(object_of(raw), "handle"))
        try:
            await self._made_one(Change(Verb.DELETE, handle, asker), once_of(request, raw, asker))
        except RegistryError as error:
            if error.reason is Reason.NOT_FOUND:
                raise RegistryError(Reason.INVALID, f.GONE_TEXT) from error
            raise
        return True

    async def _made_one(self, row: Row, once: Once | None) -> None:
        (refused,) = await self._made([row], once)
        if refused is not None:
            raise refused

    # Batches ------------------------------------------------------------------------------------

    async def create_many(self, request: Request) -> Any:
        """Register up to 2,000 identifiers; each has a result of its own."""
        return await self._many(request, Verb.CREATE)

    async def update_many(self, request: Request) -> Any:
        """Update up to 2,000 identifiers."""
        return await self._many(request, Verb.PUT)

    async def _many(self, request: Request, verb: Verb) -> Any:
        asker = self._asker(request)
        raw = await body_of(request)
        change = Reader(asker, verb, self._registry.template).change
        told, refused = await self._worked_off(request, raw, asker, change)
        return [
            {"handle": _named(row), "msg": _row_words(error)}
            for row, error in zip(told, refused, strict=True)
        ]

    async def delete_many(self, request: Request) -> Any:
        """Delete up to 2,000 identifiers."""
        asker = self._asker(request)
        raw = await body_of(request)

        def change(row: Any) -> Row:
            try:
                return Change(Verb.DELETE, checked_handle(row), asker)
            except RegistryError as error:
                return error

        told, refused = await self._worked_off(request, raw, asker, change)
        return [
            {"handle": row if isinstance(row, str) else "", "code": _row_status(error),
             "msg": _row_words(error)}
            for row, error in zip(told, refused, strict=True)
        ]  # fmt: skip

    async def _worked_off(
        self, request: Request, raw: bytes, asker: Asker, change: Callable[[Any], Row]
    ) -> tuple[list[Any], Sequence[MillbrainError | None]]:
        """Return the rows of a batch and what became of them; batches wait for one another."""
        if self._waiting >= f.BATCHES_WAITING_MAX:
            raise LimitError(f"{f.BATCHES_WAITING_MAX} batches wait already")
        self._waiting += 1
        try:
            async with self._room:
                told, rows = await asyncio.to_thread(_read_rows, raw, change)
                return told, await self._made(rows, once_of(request, raw, asker))
        finally:
            self._waiting -= 1

    async def _made(
        self, rows: Sequence[Row], once: Once | None
    ) -> Sequence[MillbrainError | None]:
        """Make what can be made, in one commit; return why each was not, None = it was."""
        if once is not None:
            refused = await self._registry.make_once(once, rows)
        else:
            changes = [row for row in rows if isinstance(row, Change)]
            made = iter(await self._registry.make_many(changes) if changes else ())
            refused = [row if isinstance(row, RegistryError) else next(made) for row in rows]
        if any(isinstance(error, LimitError) for error in refused):
            raise LimitError("the registry is busy")
        return refused


def _read_rows(raw: bytes, change: Callable[[Any], Row]) -> tuple[list[Any], list[Row]]:
    told = loaded(raw)
    if type(told) is dict and type(told.get("handles")) is list:
        told = told["handles"]  # the table of the documentation; its example is the bare list
    if type(told) is not list or not told:
        raise RegistryError(Reason.INVALID, "应为非空数组 (a list with rows was expected)")
    if len(told) > f.ROWS_MAX:
        raise RegistryError(Reason.INVALID, f"单次最多支持{f.ROWS_MAX}条，收到{len(told)}条")
    return told, [change(row) for row in told]


def _template_of(told: Mapping[str, Any]) -> str:
    handle = template_handle(text_of(told, "prefix"), text_of(told, "version"))
    return checked_handle(handle)


def _row_status(error: MillbrainError | None) -> int:
    if error is None:
        return f.OK
    return f.REFUSALS[error.reason][0] if isinstance(error, RegistryError) else f.BROKEN


def _row_words(error: MillbrainError | None) -> str:
    if error is None:
        return f.SUCCESS
    if not isinstance(error, RegistryError) or error.reason is Reason.INVALID:
        return str(error)
    return f.REFUSALS[error.reason][1]


def _named(row: Any) -> str:
    handle = row.get("handle") if type(row) is dict else None
    return handle if type(handle) is str else ""
