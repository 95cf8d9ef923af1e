"""Sessions over HTTP: an identity is proved once, by signing a challenge or with a secret.

``POST /api/sessions`` gives a session and a nonce. ``PUT /api/sessions/this`` with ::

    Authorization: Handle sessionId="...", id="300%3A88.100.1/admin", type="HS_PUBKEY",
                   cnonce="...", alg="SHA256", signature="..."

proves an identity: the signature is over nonce and cnonce (both base64). From then on
``Authorization: Handle sessionId="..."`` is enough. The parameters may also stand in a JSON body.
HTTP Basic at the start gives a session that is proved at once. ``DELETE`` ends it.

References
----------
Handle.Net 9 technical manual 14.4. It answers over TLS only; here the proxy in front sees to that.
What is left out: certificates of TLS clients, and the server's own signature.
"""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_bytes, token_urlsafe
from typing import Any, Final
from urllib.parse import unquote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millbrain.core.errors import FrameError
from millbrain.core.faces import askers
from millbrain.core.limits import (
    HANDLE_HTTP_SESSION_S_MAX,
    HANDLE_KEY_ROUNDS_MAX,
    HANDLE_SESSIONS_MAX,
    HANDLE_SESSIONS_PER_ADDRESS_MAX,
    HANDLE_UNPROVED_S_MAX,
)
from millbrain.core.records import Reference
from millbrain.core.registry import Asker, Reason, Registry, RegistryError
from millbrain.core.trust import claims, handle_keys
from millbrain.core.trust.public_keys import RS256

PATH: Final = "/api/sessions"
_SCHEME: Final = "handle "
_NONCE_BYTES: Final = 16
_BODY_BYTES_MAX: Final = 16_384
_KEY_BITS_MAX: Final = 512
_PARAMETER: Final = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
_PROOF: Final = ("id", "type", "cnonce", "alg", "signature")
Parameters = dict[str, str]


@dataclass(slots=True)
class _Session:
    address: str
    until_s: float
    nonce: bytes = field(default_factory=lambda: token_bytes(_NONCE_BYTES))
    identity: Reference | None = None


class HttpSessions:
    """The sessions of the JSON face, bounded in number and time.

    Parameters
    ----------
    face
        Key of the room, for the audit trail.
    clock
        Steady seconds.
    """

    def __init__(
        self, registry: Registry, face: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry = registry
        self._face = face
        self._clock = clock
        self._open: OrderedDict[str, _Session] = OrderedDict()
        self._by_address: Counter[str] = Counter()

    def routes(self) -> list[Route]:
        """Return the routes of sessions."""
        this = f"{PATH}/this"
        return [
            Route(PATH, self._post, methods=["POST"]),
            Route(f"{PATH}/", self._post, methods=["POST"]),
            Route(this, self._get, methods=["GET"]),
            Route(this, self._put, methods=["PUT", "POST"]),
            Route(this, self._delete, methods=["DELETE"]),
        ]

    def asker(self, address: str, authorization: str) -> Asker:
        """Return who asks: by the session that a header names, else as `askers` has it.

        Raises
        ------
        RegistryError
            The session is over, or another proof is wrong.
        """
        if not authorization.lower().startswith(_SCHEME):
            return askers.asker(self._registry, self._face, address, authorization)
        session = self._find(_parameters(authorization).get("sessionid", ""))
        if session is None:
            raise RegistryError(Reason.NO_IDENTITY, "the session is over; begin a new one")
        return Asker(session.identity, self._face, address)

    # Requests -----------------------------------------------------------------------------------

    async def _post(self, request: Request) -> Response:
        address = request.client.host if request.client else ""
        given = request.headers.get("authorization", "")
        basic = given if not given.lower().startswith(_SCHEME) else ""
        try:
            identity = askers.asker(self._registry, self._face, address, basic).identity
        except RegistryError as error:
            return _told(401, {"authenticated": False, "error": str(error)})
        name = self._begin(address, identity)
        if name is None:
            return _told(503, {"error": "all places for sessions are taken; try again"})
        answer = _told(201, self._shown(name, self._open[name]))
        answer.headers["Location"] = f"{PATH}/this"
        return answer

    async def _get(self, request: Request) -> Response:
        name = (await _given(request)).get("sessionid", "")
        session = self._find(name)
        return _told(403, _NONE) if session is None else _told(200, self._shown(name, session))

    async def _put(self, request: Request) -> Response:
        parameters = await _given(request)
        name = parameters.get("sessionid", "")
        session = self._find(name)
        if session is None:
            return _told(403, _NONE)
        if not any(key in parameters for key in ("id", "type", "alg", "signature")):
            return _told(200, self._shown(name, session))
        missing = [key for key in _PROOF if key not in parameters]
        identity = None if missing else _proved(self._registry, parameters, session.nonce)
        if identity is None:
            words = f"missing: {', '.join(missing)}" if missing else "identity not verified"
            return _told(401, self._shown(name, session) | {"error": words})
        session.identity = identity
        self._find(name)  # lasts longer from now on
        return _told(200, self._shown(name, session))

    async def _delete(self, request: Request) -> Response:
        name = (await _given(request)).get("sessionid", "")
        if self._find(name) is None:
            return _told(403, _NONE)
        self._end(name)
        return Response(status_code=204)

    # The table ----------------------------------------------------------------------------------

    def _begin(self, address: str, identity: Reference | None) -> str | None:
        now_s = self._clock()
        for name in list(self._open)[:8]:
            held = self._open[name]
            is_weak = held.identity is None and len(self._open) >= HANDLE_SESSIONS_MAX
            if held.until_s < now_s or is_weak:
                self._end(name)
        is_full = len(self._open) >= HANDLE_SESSIONS_MAX
        if is_full or self._by_address[address] >= HANDLE_SESSIONS_PER_ADDRESS_MAX:
            return None
        name = token_urlsafe()
        self._open[name] = _Session(address, now_s + HANDLE_UNPROVED_S_MAX, identity=identity)
        self._by_address[address] += 1
        return name

    def _find(self, name: str) -> _Session | None:
        session, now_s = self._open.get(name), self._clock()
        if session is None:
            return None
        if session.until_s < now_s:
            self._end(name)
            return None
        if session.identity is not None:
            session.until_s = now_s + HANDLE_HTTP_SESSION_S_MAX
            self._open.move_to_end(name)
        return session

    def _end(self, name: str) -> None:
        session = self._open.pop(name)
        self._by_address[session.address] -= 1
        if not self._by_address[session.address]:
            del self._by_address[session.address]

    def _shown(self, name: str, session: _Session) -> dict[str, Any]:
        told: dict[str, Any] = {
            "sessionId": name,
            "nonce": base64.b64encode(session.nonce).decode(),
        }
        if session.identity is not None:
            told |= {"authenticated": True, "id": claims.name_of(session.identity)}
        return told


_NONE: Final[dict[str, Any]] = {"authenticated": False, "error": "there is no such session"}


def _told(status: int, told: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(told), status, media_type="application/json")


async def _given(request: Request) -> Parameters:
    """Return the parameters of a request: of its header, its address and its JSON body."""
    told: dict[str, str] = {k.lower(): v for k, v in request.query_params.items()}
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _BODY_BYTES_MAX:
            return {}
    try:
        found = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        found = {}
    if isinstance(found, dict):
        told |= {k.lower(): str(v) for k, v in found.items()}
    return told | _parameters(request.headers.get("authorization", ""))


def _parameters(header: str) -> Parameters:
    """Return the parameters of an Authorization header of scheme Handle, {} of any other."""
    if not header.lower().startswith(_SCHEME):
        return {}
    found: dict[str, str] = {}
    text, at = header[len(_SCHEME) :], 0
    while match := _PARAMETER.match(text, at):
        name, at = match[1].lower(), match.end()
        value = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        found[name] = unquote(value) if name == "id" else value
    return found if at == len(text) else {}


def _proved(registry: Registry, given: Parameters, nonce: bytes) -> Reference | None:
    """Return the identity that a signature over nonce and cnonce proves, None where none."""
    try:
        text = nonce + base64.b64decode(given["cnonce"], validate=True)
        signature = base64.b64decode(given["signature"], validate=True)
    except binascii.Error:
        return None
    who = claims.identity_of(given["id"])
    algorithm = re.sub(r"[^a-z0-9]", "", given["alg"].lower())
    for value in registry.credentials(who):
        if value.type != given["type"]:
            continue
        if value.type == "HS_PUBKEY":
            is_right = algorithm == "sha256" and _is_signed(value.data, text, signature)
        else:
            is_right = value.type == askers.SECRET_TYPE and _is_maced(
                value.data, given | {"alg": algorithm}, text, signature
            )
        if is_right:
            return Reference(who.handle, value.index)
    return None


def _is_signed(key_data: bytes, text: bytes, signature: bytes) -> bool:
    try:
        key = handle_keys.read(key_data)
    except FrameError:
        return False
    return key.algorithm == RS256 and key.verifies(text, signature)


def _is_maced(secret: bytes, given: Parameters, text: bytes, mac: bytes) -> bool:
    """Whether PBKDF2 of the secret, as the client asks for it, makes the MAC of the text."""
    try:
        salt = base64.b64decode(given.get("salt", ""), validate=True)
        rounds, bits = int(given.get("iterations", 0)), int(given.get("length", 0))
    except ValueError:
        return False
    if given["alg"] not in ("pbkdf2hmacsha1", "pbkdf2withhmacsha1"):
        return False
    if not 1 <= rounds <= HANDLE_KEY_ROUNDS_MAX or not 8 <= bits <= _KEY_BITS_MAX or bits % 8:
        return False
    key = hashlib.pbkdf2_hmac("sha1", secret, salt, rounds, bits // 8)
    return hmac.compare_digest(hmac.digest(key, text, "sha1"), mac)
