"""The routes of the successor of the dialect (IDHub): a challenge, and the verbs of DOIP.

An application proves its identity with the private key of its HS_PUBKEY value (SHA-256 with RSA, or
SM2, over the text of the challenge, base64) and gets the same token. Answers are
``{"code", "message", "data"}`` with HTTP 200.
"""

import asyncio
import base64
import binascii
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core import keys
from millbrain.core.errors import FrameError, MillbrainError
from millbrain.core.faces.around import Around, Standing
from millbrain.core.limits import HANDLE_CHALLENGE_S_MAX, HANDLE_CHALLENGES_MAX, HANDLE_LIST_MAX
from millbrain.core.nodes.tally import NOT_FOUND, OK
from millbrain.core.records import Reference, Value, is_live, stored_values
from millbrain.core.registry import Asker, Change, Reason, Registry, RegistryError, Verb
from millbrain.core.templates import (
    META_TYPE,
    Template,
    is_administrative,
    named_templates,
    to_values,
)
from millbrain.core.trust import handle_keys
from millbrain.identify.snms import tokens
from millbrain.identify.snms.requests import (
    address_of,
    body_of,
    json_of,
    object_of,
    once_of,
    text_of,
)
from millbrain.identify.snms.rows import checked_handle, owner_value

FACE: Final = "snms"
PATH: Final = "/api/v1/doip"
CREATE, UPDATE, DELETE, RETRIEVE = (
    "0.DOIP/Op.Create", "0.DOIP/Op.Update", "0.DOIP/Op.Delete", "0.DOIP/Op.Retrieve",
)  # fmt: skip
ADD: Final = "0.DOIP.EXTEND/Op.Update.Non.Overlay"
_DONE, _MADE = 1, 10_000  # the documentation has the second for what changes something
_WORDS: Final = "成功"
_CHALLENGED: Final = "operation was successfully processed"
_KEY_TYPE: Final = "HS_PUBKEY"
_REFUSALS: Final[Mapping[Reason, tuple[int, str]]] = {
    Reason.NOT_FOUND: (104, "标识对象不存在"), Reason.EXISTS: (105, "标识对象已存在"),
    Reason.NOT_HOMED: (701, "非本企业标识"), Reason.NO_IDENTITY: (401, "认证失败"),
    Reason.HANDLE_QUOTA: (500, "标识注册量超过限制"),
    Reason.PREFIX_QUOTA: (500, "前缀数量超过限制"),
}  # fmt: skip
_DENIED: Final = {CREATE: (103, "客户端认证成功，但未被授权"), DELETE: (700, "没有权限删除标识")}
_MAY_NOT: Final = (406, "没有权限编辑数据")
_NO_OPERATION: Final = (404, "操作类型不存在")
_PAGE_MAX: Final = 500
Work = Callable[[Request], Awaitable[Response]]


def routes(registry: Registry, around: Around) -> list[Route]:
    """Return the routes of the room besides those of the older dialect."""
    api = _Api(registry, around)
    ways: tuple[tuple[str, str, Work], ...] = (
        ("GET", f"{PATH}/public/challenge", api.challenge),
        ("POST", f"{PATH}/public/verify-response", api.verify),
        ("GET", PATH, api.retrieve),
        ("POST", PATH, api.change),
        ("GET", "/api/v1/open/handle/page", api.page),
    )
    return [Route(path, _told(work), methods=[method]) for method, path, work in ways]


def _told(work: Work) -> Work:
    async def endpoint(request: Request) -> Response:
        try:
            return await work(request)
        except RegistryError as error:
            operation = request.query_params.get("operationId", "")
            code, words = (
                _DENIED.get(operation, _MAY_NOT) if error.reason is Reason.DENIED
                else _REFUSALS.get(error.reason, (106, f"请求入参错误：{error}"))
            )  # fmt: skip
            return _answer(code, words, 422 if error.reason is Reason.KEY_USED else 200)
        except MillbrainError as error:
            return _answer(500, f"发生了其他的错误: {error}")

    return endpoint


def _answer(code: int, message: str, status: int = 200, **more: Any) -> Response:
    told = {"code": code, "message": message, **more}
    return Response(orjson.dumps(told), status, media_type="application/json")


class Challenges:
    """Challenges that wait for their answer, by who asked from where; each holds once."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, str], list[tuple[str, float]]] = OrderedDict()

    def make(self, handle: str, address: str, now_s: float) -> str:
        """Return a challenge for a handle; the last four of it hold."""
        who = keys.fold(handle), address
        nonce = secrets.token_hex(8)
        kept = self._open.pop(who, [])[-3:]
        self._open[who] = [*kept, (nonce, now_s + HANDLE_CHALLENGE_S_MAX)]
        while len(self._open) > HANDLE_CHALLENGES_MAX:
            self._open.popitem(last=False)
        return nonce

    def take(self, handle: str, address: str, now_s: float) -> list[str]:
        """Return the challenges that an answer may be to; none holds any longer."""
        found = self._open.pop((keys.fold(handle), address), [])
        return [nonce for nonce, until_s in found if now_s < until_s]


class _Api:
    def __init__(self, registry: Registry, around: Around) -> None:
        self._registry = registry
        self._around = around
        self._challenges = Challenges()

    # Login --------------------------------------------------------------------------------------

    async def challenge(self, request: Request) -> Response:
        """Give a challenge to whoever says a handle."""
        handle = checked_handle(request.query_params.get("handle", ""))
        nonce = self._challenges.make(handle, address_of(request), time.time())
        return _answer(_DONE, _CHALLENGED, data=nonce)

    async def verify(self, request: Request) -> Response:
        """Give a token for a challenge that the key of the handle has signed."""
        body = await json_of(request)
        handle, now_s = checked_handle(text_of(body, "handle")), time.time()
        try:
            signed = base64.b64decode(text_of(body, "signature"), validate=True)
        except (binascii.Error, ValueError) as error:
            raise RegistryError(Reason.INVALID, "signature: base64") from error
        nonces = self._challenges.take(handle, address_of(request), now_s)
        held = self._registry.credentials(Reference(handle, 0)) if nonces else ()
        value = await asyncio.to_thread(_signer, held, nonces, signed)
        if value is None:
            return _answer(102, "客户端认证失败")
        who = Reference(handle, value.index)
        token = tokens.write(who, value.data, self._around.secret, int(now_s))
        return _answer(_DONE, _CHALLENGED, data={"token": token})

    def _asker(self, request: Request, *, is_needed: bool = True) -> Asker:
        header = request.headers.get("authorization", "")
        identity = tokens.read(self._registry, header, self._around.secret, time.time())
        if identity is None and (is_needed or header):
            raise RegistryError(Reason.NO_IDENTITY, "认证失败")
        return Asker(identity, FACE, address_of(request))

    # Verbs --------------------------------------------------------------------------------------

    async def retrieve(self, request: Request) -> Response:
        """Tell what the asker may read of an identifier; without a token what is public."""
        if request.query_params.get("operationId") != RETRIEVE:
            return _answer(*_NO_OPERATION)
        asker = self._asker(request, is_needed=False)
        handle = checked_handle(request.query_params.get("targetId", ""))
        (stored,) = self._registry.get_many([keys.handle_key(handle)])
        if stored is not None and is_live(stored):
            try:
                values = self._registry.readable(stored, handle, asker)
                hidden = len(stored_values(stored)) - len(values)
            except FrameError as error:
                raise MillbrainError(f"{handle}: {error}") from error
        else:
            found = await self._around.others.find(handle)
            if found.standing is not Standing.FOUND:
                self._registry.tally.add(handle, NOT_FOUND)
                return _answer(*_REFUSALS[Reason.NOT_FOUND])
            values, hidden = found.values, 0
        self._registry.tally.add(handle, OK)
        if hidden and all(is_administrative(v.type) for v in values):
            return _answer(403, "没有权限查看数据")
        return _answer(_DONE, _WORDS, data=self._record(handle, values))

    def _record(self, handle: str, values: Sequence[Value]) -> dict[str, Any]:
        names = named_templates(values)
        template = self._registry.template(names[0]) if names else None
        known = template.by_index if template else {}
        elements = [
            {"index": v.index, "type": v.type, "name": known[v.index].name
             if v.index in known else v.type, "dataType": 1,
             "value": v.data.decode("utf-8", "replace")}
            for v in values if not is_administrative(v.type)
        ]  # fmt: skip
        kind = names[0] if names else ""
        attributes = {"id": handle, "type": kind, "elements": elements}
        return {"id": handle, "type": kind, "attributes": attributes}

    async def change(self, request: Request) -> Response:
        """Create, update or delete an identifier by name and value of its template's fields."""
        operation = request.query_params.get("operationId", "")
        if operation not in (CREATE, UPDATE, ADD, DELETE):
            return _answer(*_NO_OPERATION)
        asker, raw = self._asker(request), await body_of(request)
        handle = checked_handle(request.query_params.get("targetId", ""))
        more: dict[str, Any] = {}
        if operation == DELETE:
            change = Change(Verb.DELETE, handle, asker)
        else:
            verb = Verb.CREATE if operation == CREATE else Verb.PUT
            change, told = self._read(verb, handle, asker, object_of(raw))
            more = {"data": told}
        once = once_of(request, raw, asker)
        made = self._registry.make_once(once, [change]) if once else (
            self._registry.make_many([change])
        )  # fmt: skip
        (refused,) = await made
        if refused is not None:
            raise refused
        return _answer(_MADE, _WORDS, **more)

    def _read(
        self, verb: Verb, handle: str, asker: Asker, body: Mapping[str, Any]
    ) -> tuple[Change, dict[str, Any]]:
        name, attributes = text_of(body, "type"), body.get("attributes")
        content = attributes.get("content") if isinstance(attributes, Mapping) else None
        if not isinstance(content, Mapping):
            raise RegistryError(Reason.INVALID, "attributes.content")
        template = self._template(name)
        values, problems = to_values(template, content)
        if problems and verb is Verb.CREATE:
            raise RegistryError(Reason.INVALID, f"{problems[0].field} {problems[0].problem}")
        unknown = [key for key in content if key not in template.by_name]
        if unknown:
            raise RegistryError(Reason.INVALID, f"{unknown[0]} {problems[0].problem}")
        assert asker.identity is not None  # of a token
        owner = (owner_value(asker.identity),) if verb is Verb.CREATE else ()
        named = {"type": name, "attributes": {"content": dict(content)}}
        change = Change(verb, handle, asker, (*owner, *values), overwrite=verb is Verb.PUT)
        return change, named

    def _template(self, name: str) -> Template:
        found = self._registry.template(checked_handle(name))
        if found is None:
            raise RegistryError(Reason.INVALID, f"元数据不存在: {name}")
        return found

    # Lists --------------------------------------------------------------------------------------

    async def page(self, request: Request) -> Response:
        """Return a page of the identifiers that follow a template, in their order."""
        asker = self._asker(request)
        name = keys.fold(checked_handle(request.query_params.get("metaHandle", "")))
        page, size = (_number(request, n, d) for n, d in (("page", 1), ("size", 20)))
        if not 1 <= size <= _PAGE_MAX or not 1 <= page <= HANDLE_LIST_MAX // size:
            raise RegistryError(Reason.INVALID, f"page, size: 至多{HANDLE_LIST_MAX}个标识")
        found = await asyncio.to_thread(self._following, name, asker)
        told = found[(page - 1) * size : page * size]
        data = {"page": page, "size": size, "totalElements": len(found), "content": [
            {"handle": handle, "metaHandle": name} for handle in told]}  # fmt: skip
        return _answer(_DONE, _WORDS, data=data)

    def _following(self, name: str, asker: Asker) -> list[str]:
        """Return the handles that follow a template, of the first of its prefix."""
        prefix = name.partition("/")[0]
        handles = self._registry.names(prefix, asker, "", HANDLE_LIST_MAX)
        records = self._registry.get_many([keys.handle_key(h) for h in handles])
        mark = name.encode("utf-8", "replace")
        return [h for h, stored in zip(handles, records, strict=True)
                if stored and mark in stored.upper() and _follows(stored, name)]  # fmt: skip


def _follows(stored: bytes, name: str) -> bool:
    if not is_live(stored):
        return False
    try:
        values = stored_values(stored)
    except FrameError:
        return False
    return any(v.type == META_TYPE and keys.fold(v.data.decode("utf-8", "replace")) == name
               for v in values)  # fmt: skip


def _number(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name, str(otherwise))
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise RegistryError(Reason.INVALID, f"{name}: 应为整数")
    return int(text)


def _signer(held: Sequence[Value], nonces: Sequence[str], signed: bytes) -> Value | None:
    """Return the value whose key has signed one of the challenges."""
    for value in (v for v in held if v.type == _KEY_TYPE):
        try:
            key = handle_keys.read(value.data)
        except (FrameError, ValueError):
            continue
        if any(key.verifies(nonce.encode(), signed) for nonce in nonces):
            return value
    return None
