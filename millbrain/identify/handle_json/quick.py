"""The short way of the most frequent request: GET of a handle without filters and credentials.

The answer is the one of `routes` without a framework around it: the head is one line of bytes, the
values are decoded and written as JSON; the answer is kept until the record changes. Whatever is
not plain gives None and takes the long way (a test holds the two together).
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

import orjson

from millbrain.core.faces.record_json import value_json
from millbrain.core.nodes.tally import OK
from millbrain.core.records import PUBLIC_AT, ReadyAnswers, decode_values, is_live
from millbrain.core.registry import Registry

PATH: Final = b"/api/handles/"
_KEY: Final = b"hdl:"
_OK: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


def quick(registry: Registry) -> Callable[[bytes], bytes | None]:
    """Return the function that answers the raw target of a GET, None = take the long way."""
    ready: ReadyAnswers[tuple[bytes, int]] = ReadyAnswers(registry.stamps)
    tally = registry.tally

    def answer(target: bytes) -> bytes | None:
        kept = ready.get(target)
        if kept is not None:
            tally.hits[kept[1]] += 1
            return kept[0]
        if not target.startswith(PATH) or b"?" in target:
            return None
        raw = target[len(PATH) :]
        handle = unquote_to_bytes(raw) if b"%" in raw else raw
        key = _KEY + handle.upper()
        stamp = registry.stamps.of(key)
        (stored,) = registry.get_many([key])
        made = _answer(handle, stored) if stored is not None and is_live(stored) else None
        if made is not None:
            cell = tally.cell(handle.decode(), OK)
            tally.hits[cell] += 1
            ready.keep(target, (made, cell), len(made), stamp)
        return made

    return answer


def _answer(handle: bytes, stored: bytes) -> bytes | None:
    """Return the whole answer with the public values, None where there are none to show."""
    end = PUBLIC_AT + int.from_bytes(stored[1:PUBLIC_AT], "big")
    values = decode_values(stored[PUBLIC_AT:end])
    try:
        told = {"responseCode": 1, "handle": handle.decode()}
    except UnicodeDecodeError:
        return None
    if not values:
        return None
    body = orjson.dumps(told | {"values": [value_json(v) for v in values]})
    return _OK % (len(body), body)
