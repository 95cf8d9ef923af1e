"""Names of things and signals for what was heard, and the tree that browsing shows."""

from collections.abc import Iterable, Sequence
from typing import Final

from millbrain.connect.sparkplug import births
from millbrain.connect.sparkplug.births import Born
from millbrain.connect.sparkplug.messages import read_address
from millbrain.connect.sparkplug.slots import Slots
from millbrain.connect.sparkplug.topics_json import Sample
from millbrain.core.errors import SettingsError
from millbrain.core.plant.tags import Found, Tag, TagKind
from millbrain.core.tagging.proposals import Walked, proposed, snake_case
from millbrain.core.tagging.rules import tag_wrongs

_WIDER: Final = "{-3}-{-2}"  # where two devices of different nodes have one name
_TRIES_MAX: Final = 100


class Names:
    """Which (thing, signal) are taken within a connection, so that no two tags share one."""

    def __init__(self, connection: str, tags: Iterable[Tag]) -> None:
        self._connection = connection
        self._taken = {(t.thing, t.signal) for t in tags}

    def of_metric(self, scope: str, address: str, born: Born, pattern: str) -> Tag:
        """Return the tag that a metric becomes.

        Raises
        ------
        SettingsError
            No allowed name can be made of it.
        """
        path = (*scope.split("/"), born.name)
        walked = Walked(births.found_of(scope, address, born), path)
        tag = proposed(self._connection, walked, pattern)
        if (tag.thing, tag.signal) in self._taken:
            tag = proposed(self._connection, walked, _WIDER)
        return self._own(tag)

    def of_sample(self, sample: Sample) -> Tag:
        """Return the tag that a value of a plain topic becomes; SettingsError as above."""
        kind = TagKind.TEXT if isinstance(sample.value, str) else TagKind.NUMBER
        signal = snake_case(sample.signal)[:64].rstrip("_")
        return self._own(Tag(self._connection, sample.address, sample.thing, signal, kind))

    def _own(self, tag: Tag) -> Tag:
        fields = {f: getattr(tag, f) for f in Tag.__slots__}
        for number in range(2, _TRIES_MAX):
            if (tag.thing, tag.signal) not in self._taken:
                break
            tag = Tag(**fields | {"signal": f"{fields['signal'][:60]}_{number}"})
        wrong = tag_wrongs(tag)
        if wrong:
            raise SettingsError(str(wrong[0]))
        self._taken.add((tag.thing, tag.signal))
        return tag


def level(slots: Slots, node: str) -> list[Found]:
    """Return what lies under a node of the tree of all that was heard; "" is its root.

    Groups hold nodes, nodes hold devices and metrics; plain topics stand beside the groups.
    """
    found: dict[str, Found] = {}
    for slot, address in enumerate(slots.addresses):
        path = _path(address)
        parent = "/".join(path[: _depth(node)])
        if parent != node or len(path) <= _depth(node):
            continue
        here = path[: _depth(node) + 1]
        is_leaf = len(here) == len(path)
        key = address if is_leaf else "/".join(here)
        tag = slots.tag(slot)
        found[key] = Found(
            key, here[-1], node, is_leaf,
            kind=births.kind_of(slots.datatype(slot)), unit=tag.unit if tag and is_leaf else "",
            writable=bool(is_leaf and tag and tag.writable),
        )  # fmt: skip
    return [found[key] for key in sorted(found)]


def _depth(node: str) -> int:
    return len(node.split("/")) if node else 0


def _path(address: str) -> Sequence[str]:
    """Return the steps to an address: scope, then metric; a topic, then the path in it."""
    scope, metric = read_address(address)
    if scope:
        return (*scope.split("/"), metric)
    topic, _, path = address.partition("#")
    return (*topic.split("/"), path)
