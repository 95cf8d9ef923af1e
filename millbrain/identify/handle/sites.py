"""Where the servers of an HS_SITE value listen, and which of them holds a handle."""

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from millbrain.core import keys
from millbrain.core.errors import FrameError
from millbrain.core.records import Value
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.codec import decode_data
from millbrain.identify.handle.records import Server, Site
from millbrain.identify.handle.upstream import TCP, UDP, Place

SITE_TYPE: Final = "HS_SITE"
_V4_IN_16: Final = bytes(12)  # an IPv4 address stands in the last four of sixteen bytes
_BY_PREFIX, _BY_SUFFIX = 0, 1
_SCHEMES: Final = {2: "http", 3: "https"}  # protocol of an interface


def places(values: Iterable[Value], handle: str) -> list[Place]:
    """Return where to ask for a handle: one server of each site, primary sites first.

    A value that is damaged, or a site without an interface that we speak, is left out.
    """
    found = (_place(server_of(site, handle)) for site in _sites(values) if site.servers)
    return [where for where in found if where is not None]


def _sites(values: Iterable[Value]) -> list[Site]:
    """Return the sites of HS_SITE values, primary ones first; a damaged one is left out."""
    sites: list[Site] = []
    for value in values:
        if value.type != SITE_TYPE:
            continue
        try:
            sites.append(decode_data(SITE_TYPE, value.data))
        except FrameError:
            continue
    return sorted(sites, key=lambda site: not site.flags & f.SITE_PRIMARY)


def web_addresses(values: Iterable[Value]) -> list[str]:
    """Return scheme, host and port of every HTTP interface that answers queries, TLS first."""
    found = []
    for site in _sites(values):
        for server in site.servers:
            for interface in server.interfaces:
                scheme = _SCHEMES.get(interface.protocol)
                if scheme and interface.type & f.INTERFACE_QUERY and 0 < interface.port < 1 << 16:
                    host = _host(server.address)
                    literal = f"[{host}]" if ":" in host else host
                    found.append(f"{scheme}://{literal}:{interface.port}")
    return sorted(found, key=lambda address: not address.startswith("https"))


def server_of(site: Site, handle: str) -> Server:
    """Return the server of a site that holds a handle (RFC 3651 3.2.2).

    The last four bytes of the MD5 of the part that the site hashes, in upper case, as a signed
    number; its absolute value modulo the number of servers.
    """
    prefix, _, suffix = keys.fold(handle).partition("/")
    parts = {_BY_PREFIX: prefix, _BY_SUFFIX: suffix}
    text = parts.get(site.hash_option, keys.fold(handle))
    digest = hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).digest()
    number = abs(int.from_bytes(digest[-4:], "big", signed=True))
    return site.servers[number % len(site.servers)]


def _place(server: Server) -> Place | None:
    ports = {i.protocol: i.port for i in server.interfaces if i.type & f.INTERFACE_QUERY}
    host = _host(server.address)
    for protocol in (TCP, UDP):
        if 0 < ports.get(protocol, 0) < 1 << 16:
            return Place(host, ports[protocol], protocol)
    return None


def _host(address: bytes) -> str:
    raw: Sequence[int] | bytes = address[12:] if address[:12] == _V4_IN_16 else address
    return str(ipaddress.ip_address(bytes(raw)))
