"""One MQTT message as the room passes it on, and what its topic says.

spBv1.0 / group / NBIRTH|NDATA|NDEATH|NCMD / node            3.0 section 4.1
spBv1.0 / group / DBIRTH|DDATA|DDEATH|DCMD / node / device
spBv1.0 / STATE / host
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from millbrain.connect.sparkplug.fields import NAMESPACE, STATE

BIRTHS: Final = ("NBIRTH", "DBIRTH")
KINDS: Final = {  # message type -> segments of its topic
    "NBIRTH": 4, "NDATA": 4, "NDEATH": 4, "NCMD": 4,
    "DBIRTH": 5, "DDATA": 5, "DDEATH": 5, "DCMD": 5,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic says. node: ``group/node``. scope: node or ``group/node/device``."""

    kind: str
    node: str
    scope: str


@dataclass(slots=True)
class Message:
    """One message off the wire. epoch: connection that brought it; its acknowledgement is for it.

    checked: its sequence number was looked at. doubtful: it came behind a gap or before a birth,
    so that its aliases may mean something else. final: it has waited long enough.
    """

    epoch: int
    mid: int
    qos: int
    topic: str
    payload: bytes
    received_ms: int
    checked: bool = False
    doubtful: bool = False
    final: bool = False


@lru_cache(maxsize=20_000)
def read_topic(topic: str) -> Topic | None:
    """Return what a Sparkplug topic says, None where it is none of the messages that nodes send."""
    parts = topic.split("/")
    if parts[0] != NAMESPACE or len(parts) < 4 or not all(parts):
        return None
    kind = parts[2]
    if KINDS.get(kind) != len(parts) or kind.endswith("CMD"):
        return None
    node = f"{parts[1]}/{parts[3]}"
    return Topic(kind, node, "/".join([node, *parts[4:]]))


def is_sparkplug(topic: str) -> bool:
    """Whether a topic lies in the namespace of Sparkplug B."""
    return topic.startswith(f"{NAMESPACE}/")


def state_topic(host: str) -> str:
    """Return the topic of a host's STATE."""
    return f"{NAMESPACE}/{STATE}/{host}"


def command_topic(scope: str) -> str:
    """Return the topic of commands to a node or device.

    >>> command_topic("Plant/Line3"), command_topic("Plant/Line3/M07")
    ('spBv1.0/Plant/NCMD/Line3', 'spBv1.0/Plant/DCMD/Line3/M07')
    """
    group, node, *device = scope.split("/")
    return "/".join([NAMESPACE, group, "DCMD" if device else "NCMD", node, *device])


def address(scope: str, metric: str) -> str:
    """Return the address of a metric: scope, a colon, its name.

    A colon in an identifier is written ``%3A``, so that the first one ends the scope.
    """
    return f"{scope.replace('%', '%25').replace(':', '%3A')}:{metric}"


def read_address(text: str) -> tuple[str, str]:
    """Return scope and metric of an address, both empty where it is none.

    >>> read_address(address("Plant/L3/PLC:1", "Motor: speed"))
    ('Plant/L3/PLC:1', 'Motor: speed')
    """
    scope, colon, metric = text.partition(":")
    if not colon or not metric or len(scope.split("/")) not in (2, 3):
        return "", ""
    return scope.replace("%3A", ":").replace("%25", "%"), metric
