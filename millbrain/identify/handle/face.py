"""Starts the room: what the resolver process calls."""

import ipaddress
import os
import socket
from pathlib import Path
from typing import Final, Protocol

from millbrain.core.nodes import Node, Role
from millbrain.core.registry import Registry
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.records import Interface, Server, Site
from millbrain.identify.handle.recursion import Recursion
from millbrain.identify.handle.responder import Responder
from millbrain.identify.handle.server import HandleServer
from millbrain.identify.handle.sessions.node_key import load

_V4_IN_16: Final = bytes(12)  # an IPv4 address stands in the last four of sixteen bytes


class HandleSettings(Protocol):
    """What the room wants to be told."""

    @property
    def host(self) -> str:
        """Address to listen on."""
        ...

    @property
    def port(self) -> int:
        """Port for UDP and TCP, 0 = any that is free."""
        ...

    @property
    def announced(self) -> str:
        """Address that clients are told, empty = `host`."""
        ...


async def start(settings: HandleSettings, registry: Registry, node: Node) -> HandleServer:
    """Open the port and answer from now on."""
    port = settings.port or _free_port(settings.host)
    key = load(Path(node.key_file)) if node.key_file else None
    public = key.public_data if key else b""
    site = site_of(settings.announced or settings.host, port, public)
    recursion = Recursion(node, os.urandom) if node.role is Role.RECURSIVE else None
    responder = Responder(registry, site, os.urandom, recursion, key, node.roots)
    server = HandleServer(responder, recursion)
    await server.start(settings.host, port)
    return server


def site_of(host: str, port: int, public_key: bytes = b"", http_port: int = 0) -> Site:
    """Return what operation 2 tells of a node: one primary server, all it does on one port.

    public_key: as an HS_PUBKEY value has it. http_port: where it answers HTTP, 0 = not told.
    """
    both = tuple(Interface(f.INTERFACE_BOTH, protocol, port) for protocol in (1, 0))
    web = (Interface(f.INTERFACE_QUERY, 2, http_port),) if http_port else ()
    return Site((Server(1, _address(host), public_key, both + web),))


def _address(host: str) -> bytes:
    address = ipaddress.ip_address(socket.gethostbyname(host) if host.isidentifier() else host)
    return address.packed if address.version == 6 else _V4_IN_16 + address.packed


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
