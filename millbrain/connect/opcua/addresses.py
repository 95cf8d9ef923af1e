"""Addresses of tags: node ids as people write them, resolved anew at every connect.

``nsu=<uri>;s=Spindle.Speed`` names the namespace by its URI and survives a server that numbers its
namespaces anew; ``ns=2;s=Spindle.Speed`` takes the number as it is. ``index=3;`` before either is
one element of an array, from 0.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from millbrain.core.errors import NotFoundError, SettingsError

_FORM: Final = re.compile(
    r"(?:index=(?P<index>\d{1,9});)?(?:nsu=(?P<uri>[^;]+);|ns=(?P<number>\d{1,5});)?"
    r"(?P<id>[isgb]=.+)", re.DOTALL,
)  # fmt: skip
ALLOWED: Final = "[index=<n>;][nsu=<uri>;|ns=<n>;] and i=, s=, g= or b= with the identifier"
_MARKS: Final = {"%": "%25", ";": "%3B"}  # OPC 10000-6 5.1.12: what a URI must not hold
ELEMENT_NONE: Final = -1


@dataclass(frozen=True, slots=True)
class Address:
    """A node. uri: of its namespace, '' where `number` is given. element: of an array, -1 = all."""

    id: str
    uri: str = ""
    number: int = 0
    element: int = ELEMENT_NONE

    def resolved(self, namespaces: Sequence[str]) -> str:
        """Return the node id with the namespace number that it has now.

        Raises
        ------
        NotFoundError
            The server has no namespace of that URI.
        """
        if not self.uri:
            return f"ns={self.number};{self.id}"
        try:
            number = list(namespaces).index(self.uri)
        except ValueError:
            raise NotFoundError(
                f"the server has no namespace {self.uri} now; it has "
                f"{', '.join(namespaces[1:]) or 'none of its own'}"
            ) from None
        return f"ns={number};{self.id}"


def parse(text: str) -> Address:
    """Read an address.

    Raises
    ------
    SettingsError
        It has another form.

    Examples
    --------
    >>> parse("index=2;nsu=urn:works:press;s=Force").element
    2
    """
    found = _FORM.fullmatch(text)
    if not found or (found["id"][0] == "i" and not re.fullmatch(r"i=\d{1,10}", found["id"])):
        raise SettingsError(f"OPC UA address {text!r} is no node id; {ALLOWED} is allowed")
    uri = (found["uri"] or "").replace("%3B", ";").replace("%25", "%")
    element = int(found["index"]) if found["index"] else ELEMENT_NONE
    return Address(found["id"], uri, int(found["number"] or 0), element)


def is_right(text: str) -> bool:
    """Whether `parse` reads it."""
    try:
        parse(text)
    except SettingsError:
        return False
    return True


def written(node: str, namespaces: Sequence[str]) -> str:
    """Return the lasting address of a node id (``ns=2;s=x``): by URI where it has one.

    >>> written("ns=1;s=Speed", ["http://opcfoundation.org/UA/", "urn:works:press"])
    'nsu=urn:works:press;s=Speed'
    """
    address = parse(node)
    if not 0 < address.number < len(namespaces):
        return node
    uri = "".join(_MARKS.get(c, c) for c in namespaces[address.number])
    return f"nsu={uri};{address.id}"
