"""What part a node plays in the tree of nodes, and what it is told about the others.

Bodies like "national top node" are roles of one program: a top node holds the routes of secondary
nodes, a secondary node those of enterprises, an enterprise node records, and a recursive node
nothing of its own: it asks the others on behalf of clients and remembers the answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from millbrain.core.trust.public_keys import PublicKey


class Role(StrEnum):
    """What a node is for."""

    TOP = "top"
    SECONDARY = "secondary"
    ENTERPRISE = "enterprise"
    RECURSIVE = "recursive"


@dataclass(frozen=True, slots=True)
class Node:
    """What this node was told about its place.

    upstream: nodes to ask first when nothing is known, as ``host:port`` or ``udp:host:port``.
    cache_bytes: memory for remembered answers. negative_s: how long "there is no such identifier"
    is remembered [s]. stale_s: how long after its time an answer is still given where nobody can be
    asked [s]. try_s: wait for one node [s]. wait_s: wait of a client in all [s]. key_file: PEM file
    of the node's private key, made where it is missing; empty = the node has none. roots: keys that
    are trusted, by folded handle.
    """

    role: Role = Role.ENTERPRISE
    upstream: tuple[str, ...] = ()
    cache_bytes: int = 64 << 20
    negative_s: float = 60.0
    stale_s: float = 86_400.0
    try_s: float = 1.0
    wait_s: float = 4.0
    key_file: str = ""
    roots: Mapping[str, Sequence[PublicKey]] = field(default_factory=dict)
