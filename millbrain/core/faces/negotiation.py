"""What a client would like best: Accept and Accept-Language against what there is.

References
----------
RFC 9110 12.5.1, 12.5.4; RFC 4647 3.3.1 (a range matches a tag that begins with it).
"""

from collections.abc import Sequence
from typing import Final

_RANGES_MAX: Final = 32  # of one header; the rest is not read
Ranges = tuple[tuple[str, float], ...]


def ranges(header: str) -> Ranges:
    """Return the ranges of a header in lower case with their weights, 0 to 1.

    >>> ranges("text/html, application/*;q=0.5")
    (('text/html', 1.0), ('application/*', 0.5))
    """
    found = []
    for part in header.split(",")[:_RANGES_MAX]:
        name, *parameters = (p.strip().lower() for p in part.split(";"))
        if name:
            found.append((name, _weight(parameters)))
    return tuple(found)


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def media_weight(wanted: Ranges, media: str) -> float:
    """Return how much a media type is wanted, 0 = not at all; the closest range decides."""
    if not wanted:
        return 1.0
    kind = media.lower().partition(";")[0].strip()
    by_range = dict(wanted)
    for name in (kind, kind.partition("/")[0] + "/*", "*/*"):
        if name in by_range:
            return by_range[name]
    return 0.0


def language_weight(wanted: Ranges, tag: str) -> float:
    """Return how much a language is wanted, 0 = not at all; the longest range decides."""
    if not wanted:
        return 1.0
    by_range, name = dict(wanted), tag.lower()
    while name:
        if name in by_range:
            return by_range[name]
        name = name.rpartition("-")[0]
    return by_range.get("*", 0.0)


def best_media(header: str, offered: Sequence[str]) -> str:
    """Return the media type to answer with, '' where none is wanted; a tie takes the first.

    >>> best_media("text/*, application/json;q=0.9", ["application/json", "text/html"])
    'text/html'
    """
    wanted = ranges(header)
    best = max(offered, key=lambda media: media_weight(wanted, media))
    return best if media_weight(wanted, best) > 0 else ""


def best_language(header: str, offered: Sequence[str]) -> str:
    """Return the language to answer in; where none is wanted, the first."""
    wanted = ranges(header)
    return max(offered, key=lambda tag: language_weight(wanted, tag))
