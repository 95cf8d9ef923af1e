"""Links of a record, which of them a request asks for, and all of them as a linkset. Pure.

A link is a value of type GS1_LINK whose data is JSON::

    {"linkType": "gs1:pip", "href": "https://...", "title": "...", "type": "text/html",
     "hreflang": ["zh"], "context": ["cn"], "default": true, "fwqs": true}

Only linkType and href are needed. Who may read the value may follow the link.

References
----------
GS1-Conformant Resolver 1.1 (choice of a link, default link, query strings); RFC 9264 4.2 (linkset).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson

from millbrain.core.faces.negotiation import Ranges, language_weight, media_weight
from millbrain.core.gs1 import Item
from millbrain.core.records import Value

LINK_TYPE: Final = "GS1_LINK"
VOCABULARY: Final = "https://ref.gs1.org/voc/"
DEFAULT: Final = f"{VOCABULARY}defaultLink"
LINKSET_MEDIA: Final = "application/linkset+json"
LINKSET_ASKED: Final = frozenset(("linkset", "all", "gs1:linkset", "gs1:all"))
# Terms of the vocabulary were at these places before.
_FORMERLY: Final = ("https://gs1.org/voc/", "https://www.gs1.org/voc/", "http://gs1.org/voc/")
_PAGE: Final = f"{VOCABULARY}pip"
_NO_LANGUAGE: Final = 0.001  # weight of a link of no language: behind any wanted, before the others
_OWN_PARAMETERS: Final = frozenset(("linktype", "context"))


@dataclass(frozen=True, slots=True)
class Link:
    """One link. relation: full address of its link type. media, '' = not said."""

    relation: str
    href: str
    title: str = ""
    media: str = ""
    languages: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    is_default: bool = False
    passes_query: bool = True


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for. relation: full address of a link type, '' = the default link."""

    relation: str = ""
    context: str = ""
    media: Ranges = field(default=())
    languages: Ranges = field(default=())


def relation(name: str) -> str:
    """Return the full address of a link type.

    >>> relation("gs1:pip")
    'https://ref.gs1.org/voc/pip'
    """
    if name.startswith("gs1:"):
        return VOCABULARY + name[4:]
    for old in _FORMERLY:
        if name.startswith(old):
            return VOCABULARY + name[len(old) :]
    return name


def read_link(data: bytes) -> Link:
    """Read the data of a link.

    Raises
    ------
    ValueError
        It is none; the message says why.
    """
    told = orjson.loads(data)
    if not isinstance(told, Mapping):
        raise ValueError("link: an object was expected")
    kind, href = told.get("linkType"), told.get("href")
    if not isinstance(kind, str) or not kind or not isinstance(href, str):
        raise ValueError("link: linkType and href were expected")
    parts = urlsplit(href)
    if parts.scheme not in ("http", "https") or not parts.hostname or not href.isprintable():
        raise ValueError(f"link: href {href!r}; an http or https address was expected")
    return Link(
        relation(kind), href, str(told.get("title", "")), str(told.get("type", "")),
        _texts(told.get("hreflang")), _texts(told.get("context")),
        told.get("default") is True, told.get("fwqs") is not False,
    )  # fmt: skip


def _texts(told: Any) -> tuple[str, ...]:
    return tuple(map(str, told)) if isinstance(told, list) else (str(told),) if told else ()


def links_of(values: Iterable[Value]) -> tuple[Link, ...]:
    """Return the links among the values of a record; one that is damaged is left out."""
    found = []
    for value in values:
        if value.type.upper() == LINK_TYPE:
            try:
                found.append(read_link(value.data))
            except ValueError:
                continue
    return tuple(found)


def levels(item: Item) -> list[Item]:
    """Return the identities to look for, the most particular first.

    A serial's links go before those of its lot, and these before those of its trade item.
    """
    return [Item(item.key[:count]) for count in range(len(item.key), 0, -1)]


def chosen(found: Sequence[Link], wanted: Wanted) -> Link | None:
    """Return the link that fits a request best, None where none does.

    Where a link type was asked for, only its links count. Where none was, those marked as the
    default go first, then product information pages. After that the context, the language and the
    media type decide, then the order. A media type that nobody asked for is no link at all; a
    language may be.
    """
    candidates = [link for link in found if not wanted.relation or link.relation == wanted.relation]
    weighed = [(_weighed(link, wanted), link) for link in candidates]
    fitting = [(weight, link) for weight, link in weighed if weight is not None]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _weighed(link: Link, wanted: Wanted) -> tuple[float, ...] | None:
    """Return how well a link fits, the weightiest first, None where it cannot be used."""
    media = media_weight(wanted.media, link.media) if link.media else 1.0
    is_elsewhere = link.contexts and wanted.context not in link.contexts
    if media == 0 or (wanted.context and is_elsewhere):
        return None
    tongues = [language_weight(wanted.languages, tag) for tag in link.languages]
    language = max(tongues, default=_NO_LANGUAGE)
    context = 0 if is_elsewhere else 2 if link.contexts else 1
    if wanted.relation:
        return (context, language, media, link.is_default)
    return (link.is_default, link.relation == _PAGE, context, language, media)


def target(link: Link, query: str) -> str:
    """Return where a link leads, with the request's query passed on (but for our own parameters).

    >>> target(Link("r", "https://x.example/p?a=1"), "linkType=gs1:pip&17=271231")
    'https://x.example/p?a=1&17=271231'
    """
    if not link.passes_query:
        return link.href
    passed = [(n, v) for n, v in parse_qsl(query, True) if n.lower() not in _OWN_PARAMETERS]
    parts = urlsplit(link.href)
    joined = "&".join(filter(None, (parts.query, urlencode(passed))))
    return urlunsplit(parts._replace(query=joined))


def linkset(found: Sequence[tuple[str, str, Sequence[Link]]]) -> dict[str, Any]:
    """Return a linkset document.

    found: of each record its anchor, the address of its own page, and its links, the most
    particular record first.
    """
    return {"linkset": [_context(anchor, page, links) for anchor, page, links in found]}


def _context(anchor: str, page: str, links: Sequence[Link]) -> dict[str, Any]:
    default = chosen(links, Wanted())
    told: dict[str, Any] = {"anchor": anchor, DEFAULT: [_target(default, {"href": page})]}
    for link in links:
        told.setdefault(link.relation, []).append(_target(link, {}))
    told.setdefault("describedby", []).append({"href": page, "type": "application/json"})
    return told


def _target(link: Link | None, otherwise: dict[str, Any]) -> dict[str, Any]:
    if link is None:
        return otherwise
    told = {"href": link.href, "title": link.title, "type": link.media,
            "hreflang": list(link.languages), "context": list(link.contexts)}  # fmt: skip
    return {name: value for name, value in told.items() if value}
