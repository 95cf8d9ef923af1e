"""Which node is responsible for a prefix, as far as this one has been told.

A route is the prefix's own record, 0.NA/<prefix>, with HS_SITE values: what every Handle client
looks for, so that there is nothing to keep beside it. A top node holds the routes of secondary
nodes, a secondary node those of enterprises; the most particular one wins.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Final

from millbrain.core import keys
from millbrain.core.errors import FrameError
from millbrain.core.records import PUBLIC_READ, Value, is_live, stored_values
from millbrain.core.registry import Route

SITE_TYPE: Final = "HS_SITE"
_PREFIX_KEY: Final = b"hdl:0.NA/"
_DEPTH_MAX: Final = 16  # labels of a prefix that are looked at; national ones have three


def prefix_of(handle: str) -> str:
    """Return the prefix that a node answers for; of a prefix's own record 0.NA/x that is x."""
    head, _, rest = keys.fold(handle).partition("/")
    return rest if head == "0.NA" else head


def ancestors(prefix: str) -> Iterator[str]:
    """Return a prefix and those that it derives from, the most particular first.

    >>> list(ancestors("88.608.8889"))
    ['88.608.8889', '88.608', '88']
    """
    labels = prefix.split(".")[:_DEPTH_MAX]
    return (".".join(labels[:count]) for count in range(len(labels), 0, -1))


def route_of(
    prefix: str,
    homed: Container[str],
    get_many: Callable[[Sequence[bytes]], list[bytes | None]],
) -> Route | None:
    """Return the route of a prefix, None where neither it nor what it derives from is known."""
    names = list(ancestors(prefix))
    found = get_many([keys.handle_key(f"0.NA/{name}") for name in names])
    for name, stored in zip(names, found, strict=True):
        if name in homed:
            return Route(name, ())
        sites = _sites(stored)
        if sites:
            return Route(name, sites)
    return None


def is_route(key: bytes, stored: bytes) -> bool:
    """Whether a record is a prefix's own and says which site answers for it."""
    return key.startswith(_PREFIX_KEY) and bool(_sites(stored))


def _sites(stored: bytes | None) -> tuple[Value, ...]:
    if stored is None or not is_live(stored):
        return ()
    try:
        values = stored_values(stored)
    except FrameError:
        return ()  # a damaged record leads nowhere
    return tuple(v for v in values if v.type == SITE_TYPE and v.permissions & PUBLIC_READ)
