"""Lines of a file of identifiers: from JSON to the stored form.

Files of millions of lines say nearly the same in each of them: a handle in ASCII and values with
plain text. Such a line goes to its stored form at once; what its values begin with (index, time,
permissions, type) is the same bytes from line to line and made once. Any other line, and any wrong
one, is read value by value, which gives the same bytes or says what is wrong (a test holds the two
together).
"""

import re
import struct
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from millbrain.core.errors import MillbrainError
from millbrain.core.faces.record_json import values_of
from millbrain.core.keys import handle_key, parse
from millbrain.core.nodes.ranges import RANGE_INDEX, range_of, range_value
from millbrain.core.records import FORM, TTL_S, Value, encode_values, store_form

Record = tuple[bytes, bytes]
_USUAL: Final = re.compile(r"[0-9A-Za-z]+(?:\.[0-9A-Za-z]+)*/[!-~]{1,200}", re.ASCII)
_FORM: Final = bytes((FORM,))
_EMPTY: Final = bytes(4)
_FRONTS_MAX: Final = 10_000
_size: Final = struct.Struct(">I").pack
Fronts = dict[tuple[int, str, int], bytes]


class Lines:
    """Reads the lines of one file.

    Parameters
    ----------
    at_s
        When the values were last changed [Unix s].
    """

    def __init__(self, at_s: int) -> None:
        self._at_s = at_s
        self._fronts: Fronts = {}

    def record(self, line: bytes, where: str) -> Record:
        """Return the record of ``{"handle", "values": [{"index", "type", "data", "ttl"}]}``.

        With ``"range": {"pattern": "P{10}", "from": 1, "to": 9}`` it is a block of serials.

        Raises
        ------
        MillbrainError
            The line, at `where`, is none of that.
        """
        try:
            told = orjson.loads(line)
            return self._usual(told) or read(told, self._at_s)
        except (ValueError, KeyError, TypeError) as error:
            raise MillbrainError(
                f'{where}: {error}; {{"handle", "values": [{{"index", "type", "data"}}]}} expected'
            ) from error

    def _usual(self, told: Any) -> Record | None:
        """Return the record of a line as most are, None where `read` must look at it."""
        try:
            handle, values = told["handle"], told["values"]
            if _USUAL.fullmatch(handle) is None or type(values) is not list or len(told) > 2:
                return None
            parts = [_size(len(values))]
            for value in values:
                ttl, data = value.get("ttl", TTL_S), value["data"].encode()
                if len(value) != 3 + ("ttl" in value):
                    return None
                parts += (self._front(value["index"], value["type"], ttl), _size(len(data)), data)
                parts.append(_EMPTY)
        except (KeyError, TypeError, AttributeError, ValueError):
            return None
        ready = b"".join(parts)
        key = b"hdl:" + handle.encode().upper()
        return key, b"".join((_FORM, _size(len(ready)), ready, _EMPTY))

    def _front(self, index: Any, kind: Any, ttl: Any) -> bytes:
        """Return what stands before the data of a value; ValueError where that is not usual."""
        if type(index) is not int or type(kind) is not str or type(ttl) is not int:
            raise ValueError("numbers and text are usual")
        front = self._fronts.get((index, kind, ttl))
        if front is None:
            if not (1 <= index < 1 << 32 and 0 <= ttl < 1 << 32):
                raise ValueError("numbers of four bytes are usual")
            value = Value(index, kind, b"", ttl, timestamp_s=self._at_s)
            front = encode_values((value,))[4:-8]  # without count, size of data, references
            if len(self._fronts) < _FRONTS_MAX:
                self._fronts[index, kind, ttl] = front
        return front


def read(told: Mapping[str, Any], at_s: int) -> Record:
    """Return the record of a line as read from JSON; ValueError, KeyError, TypeError else."""
    handle = parse(f"hdl:{told['handle']}").display
    values = [*values_of(told), *_range_values(handle, told.get("range"))]
    return handle_key(handle), store_form(replace(v, timestamp_s=at_s) for v in values)


def _range_values(handle: str, told: Any) -> list[Value]:
    """Return the value that makes a record the range that a line tells of, none without one."""
    if told is None:
        return []
    made = range_value(RANGE_INDEX, told["pattern"], told["from"], told["to"])
    range_of(handle, [made])
    return [made]
