"""What an address offers: the servers that it knows, and the ways into each."""

from dataclasses import dataclass

from asyncua import ua

from millbrain.connect.opcua import sentences, session, trust
from millbrain.core.errors import LinkError

_LOGINS = {0: "anonymous", 1: "user", 2: "certificate", 3: "token"}  # OPC 10000-4 7.42


@dataclass(frozen=True, slots=True)
class Offered:
    """One way into a server. security: as the option is written. fingerprint: '' = none shown."""

    server: str
    url: str
    security: str
    logins: tuple[str, ...]
    fingerprint: str


async def look(url: str) -> list[Offered]:
    """Return the ways into the server at an address, and into those that it knows.

    Raises
    ------
    LinkError
        Nobody there speaks OPC UA; the sentence says why.
    """
    session.quiet()
    try:
        known = await session.servers(url)
        urls = dict.fromkeys([url, *(u for s in known for u in s.DiscoveryUrls or ())])
        found = [_offered(e) for e in await session.endpoints(url)]
    except (ua.UaError, OSError) as e:
        raise LinkError(sentences.of_error(e, session.where(url))[0]) from e
    seen = {f.url for f in found}
    for other in urls:
        if other != url and other not in seen and other.startswith("opc.tcp://"):
            found += await _of_other(other)
    return list(dict.fromkeys(found))


async def _of_other(url: str) -> list[Offered]:
    """Return the ways into a server that another one named; it may well not answer from here."""
    try:
        return [_offered(e) for e in await session.endpoints(url)]
    except (ua.UaError, OSError) as e:
        return [Offered(url, url, sentences.of_error(e, session.where(url))[0], (), "")]


def _offered(endpoint: ua.EndpointDescription) -> Offered:
    chain = endpoint.ServerCertificate or b""
    shown = trust.fingerprint(session.first_certificate(chain)) if chain else ""
    name = str(endpoint.Server.ApplicationName.Text or endpoint.Server.ApplicationUri)
    logins = tuple(_LOGINS.get(int(t.TokenType), "?") for t in endpoint.UserIdentityTokens or ())
    security = session.security_of(endpoint) or "not known here"
    return Offered(name, str(endpoint.EndpointUrl), security, tuple(dict.fromkeys(logins)), shown)
