"""The short way of the most frequent request: GET of a handle without filters and credentials.

The answer is the one of `routes` without a framework around it: the head is one line of bytes, the
values are decoded and written as JSON. Whatever is not plain gives None and takes the long way (a
test holds the two together).
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

import orjson

from millbrain.core.faces.record_json import value_json
from millbrain.core.records import PUBLIC_AT, decode_values, is_live
from millbrain.core.registry import Registry

PATH: Final = b"/api/handles/"
_KEY: Final = b"hdl:"
_OK: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


def quick(registry: Registry) -> Callable[[bytes], bytes | None]:
    """Return the function that answers the raw target of a GET, None = take the long way."""

    def answer(target: bytes) -> bytes | None:
        if not target.startswith(PATH) or b"?" in target:
            return None
        raw = target[len(PATH) :]
        handle = unquote_to_bytes(raw) if b"%" in raw else raw
        (stored,) = registry.get_many([_KEY + handle.upper()])
        if stored is None or not is_live(stored):
            return None
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

    return answer
