"""One session with one server: a fresh client each time, opened step by step, closed for good.

A client of asyncua is used once. Reconnecting within one has been the root of its trouble reports
(#70, #288, #1660, #2020); a fresh one holds nothing of the session before.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from asyncua import Client, ua
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties

from millbrain.connect.opcua import options as given
from millbrain.connect.opcua.options import Options
from millbrain.connect.opcua.sentences import WhyError
from millbrain.connect.opcua.trust import Identity, Trust
from millbrain.core import limits

log = logging.getLogger(__name__)

SESSION_MS: Final = 60_000  # a server forgets us that long after we fell
CHANNEL_MS: Final = 3_600_000
RENEW_SHARE: Final = 0.7  # of a channel's life; OPC 10000-4 5.5.2.1 says at 75 %
_QUIET: Final = logging.CRITICAL + 1


def quiet() -> None:
    """Keep asyncua's own log out of ours: each of its lines is said here in a sentence."""
    logging.getLogger("asyncua").setLevel(_QUIET)


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in, and whom it trusts. connection: its key."""

    connection: str
    options: Options
    password: str
    identity: Identity
    trust: Trust


@dataclass(frozen=True, slots=True)
class Passport:
    """What a fresh client needs to go on with a session that its server still keeps."""

    token: ua.NodeId
    nonce: Any
    policies: Any


class FreshClient(Client):  # type: ignore[misc]  # asyncua is untyped to mypy here
    """A client that is used once, for a new session or to take over one (OPC 10000-4 6.7)."""

    def passport(self) -> Passport:
        """Return what another client needs to take over."""
        token = self.uaclient.session.authentication_token
        return Passport(token, self._server_nonce, self._policy_ids)

    def take_over(self, passport: Passport) -> None:
        """Go on with a session; the channel must be open."""
        self.uaclient.session.restore_authentication_token(passport.token)
        self._server_nonce, self._policy_ids = passport.nonce, passport.policies


class Session:
    """An open session. namespaces: URIs by number, as they are now. resumed: it is an old one."""

    def __init__(self, client: FreshClient, *, resumed: bool = False) -> None:
        self.resumed = resumed
        self.client = client
        self.namespaces: list[str] = []
        self._renewing = asyncio.create_task(self._renew())

    async def ask(self, request: Any, wait_s: float = limits.OPCUA_REQUEST_S_MAX) -> bytes:
        """Send a request and return the bytes of its answer. wait_s: 0 = for ever."""
        protocol = self.client.uaclient.protocol
        if protocol is None:
            raise ConnectionError("the connection is closed")
        return bytes(await protocol.send_request(request, wait_s))

    @property
    def services(self) -> Any:
        """The services of the session: read, write, browse, call, history_read, ..."""
        return self.client.uaclient.session

    async def close(self) -> None:
        """End the session politely where the server still listens, and the socket in any case."""
        self._renewing.cancel()
        client = self.client.uaclient
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await client.close_session(True)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await client.close_secure_channel()
        self.drop()

    def drop(self) -> None:
        """Let go of the socket; the server keeps the session for a while."""
        self._renewing.cancel()
        client = self.client.uaclient
        client.pre_request_hook = None
        transport = client.protocol.transport if client.protocol else None
        if transport is not None:
            transport.abort()
        client.disconnect_socket()

    async def _renew(self) -> None:
        """Renew the secure channel before it expires, for ever."""
        while True:
            await asyncio.sleep(self.client.secure_channel_timeout / 1000 * RENEW_SHARE)
            await self.client.open_secure_channel(renew=True)
            self.client.uaclient.revolve_security_token()


async def endpoints(url: str) -> list[ua.EndpointDescription]:
    """Return the endpoints that a server offers."""
    client = _client(url)
    found: list[ua.EndpointDescription] = await _soon(client.connect_and_get_server_endpoints())
    return found


async def servers(url: str) -> list[ua.ApplicationDescription]:
    """Return the servers that a discovery server knows; a plain server knows itself."""
    client = _client(url)
    found: list[ua.ApplicationDescription] = await _soon(client.connect_and_find_servers())
    return found


async def open_session(login: Login, passport: Passport | None = None) -> Session:
    """Open a socket, a secure channel and a session, and log in.

    passport: of a session that is taken over where its server still keeps it, else a new one is
    made.

    Raises
    ------
    WhyError
        The certificate is not trusted, or the server does not offer what the options ask for.
    UaStatusCodeError, OSError, TimeoutError
        As the server or the network refused.
    """
    client = _client(login.options.endpoint)
    await _secure(client, login)
    if login.options.user:
        client.set_user(login.options.user)
        client.set_password(login.password)
    try:
        await _soon(client.connect_socket())
        await _soon(client.send_hello())
        await _soon(client.open_secure_channel())
        resumed = passport is not None and await _take_over(client, login, passport)
        if not resumed:
            await _soon(client.create_session())
            _guard_password(client, login)
            await _activate(client, login)
        session = Session(client, resumed=resumed)
    except BaseException:
        if client.uaclient.protocol is not None and client.uaclient.protocol.transport is not None:
            client.uaclient.protocol.transport.abort()
        client.disconnect_socket()
        raise
    try:
        session.namespaces = list(await _soon(client.get_namespace_array()))
    except BaseException:
        session.drop()
        raise
    return session


async def _activate(client: FreshClient, login: Login) -> None:
    await _soon(client.activate_session(login.options.user or None, login.password or None))


async def _take_over(client: FreshClient, login: Login, passport: Passport) -> bool:
    """Whether the server let us go on with the session."""
    client.take_over(passport)
    try:
        await _activate(client, login)
    except ua.UaStatusCodeError:
        client.uaclient.session.reset_authentication_token()
        return False
    return True


def _client(url: str) -> FreshClient:
    client = FreshClient(url, timeout=limits.OPCUA_REQUEST_S_MAX)
    client.name = client.description = "Millbrain"
    client.product_uri = "urn:millbrain"
    client.session_timeout = SESSION_MS
    client.secure_channel_timeout = CHANNEL_MS
    client.max_messagesize = limits.OPCUA_MESSAGE_BYTES_MAX
    return client


async def _soon(work: Awaitable[Any]) -> Any:
    async with asyncio.timeout(limits.OPCUA_REQUEST_S_MAX + 1):
        return await work


async def _secure(client: FreshClient, login: Login) -> None:
    wanted = login.options.security
    client.application_uri = login.identity.uri
    if wanted == given.NONE:
        return
    offered = [e for e in await endpoints(login.options.endpoint) if security_of(e)]
    endpoint = _chosen(offered, wanted)
    if security_of(endpoint) == given.NONE:
        return
    certificate = first_certificate(endpoint.ServerCertificate or b"")
    await asyncio.to_thread(login.trust.judge, login.connection, login.options, certificate)
    policy, _, mode = security_of(endpoint).rpartition("_")
    await client.set_security(
        getattr(security_policies, f"SecurityPolicy{policy}"),
        CertProperties(login.identity.certificate, "der"),
        CertProperties(login.identity.key),
        server_certificate=CertProperties(certificate, "der"),
        mode=ua.MessageSecurityMode[mode],
    )


def _chosen(offered: list[ua.EndpointDescription], wanted: str) -> ua.EndpointDescription:
    """Return the endpoint that is asked for; best = as this room orders policies, then modes."""
    order = [s for s in given.SECURITIES if s not in (given.NONE, given.BEST)]
    ranked = sorted(offered, key=lambda e: (*order, given.NONE).index(security_of(e)))
    fitting = ranked if wanted == given.BEST else [e for e in ranked if security_of(e) == wanted]
    if fitting:
        return fitting[0]
    names = ", ".join(dict.fromkeys(security_of(e) for e in ranked)) or "nothing that we know"
    raise WhyError(
        f"the server does not offer security {wanted}; it offers {names}",
        f"服务器不提供安全级别 {wanted}；可用：{names}",
    )


def security_of(endpoint: ua.EndpointDescription) -> str:
    """Return the security of an endpoint as the option is written, '' where we do not know it."""
    policy = str(endpoint.SecurityPolicyUri or "").rpartition("#")[2].replace("_", "")
    if policy == given.NONE:
        return given.NONE
    name = f"{policy}_{endpoint.SecurityMode.name}"
    return name if name in given.SECURITIES else ""


def first_certificate(chain: bytes) -> bytes:
    """Return the server's own certificate of a chain; its outer length says where it ends."""
    return chain[: int.from_bytes(chain[2:4], "big") + 4]


def _guard_password(client: FreshClient, login: Login) -> None:
    """Refuse to send a password that anybody on the way could read."""
    if not login.options.user or login.options.plain_password:
        return
    policy = client.server_policy(ua.UserTokenType.UserName)
    is_plain = policy.SecurityPolicyUri in ("", security_policies.SecurityPolicyNone.URI)
    if is_plain and client.security_policy.Mode != ua.MessageSecurityMode.SignAndEncrypt:
        raise WhyError(
            "the server wants the password unencrypted; choose a security with SignAndEncrypt, or "
            "set plain_password where the network is your own",
            "服务器要求明文密码；请选择 SignAndEncrypt，或在可信网络中设置 plain_password",
        )


def where(url: str) -> str:
    """Return host and port of an endpoint."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}"
