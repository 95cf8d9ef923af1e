"""Python values as the texts that ``{name:Type}`` placeholders take, and names quoted for SQL.

The engine reads a text as tab-separated "escaped" text and an array as a literal, whatever
carries it (embedded call or ``param_name=`` of the HTTP protocol), so one encoding serves both.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"}
)
_QUOTES: Final = str.maketrans({"\\": "\\\\", "'": "\\'"})
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Params = Mapping[str, Any]


def parameter(value: Any) -> str:
    r"""Return `value` as parameter text; None becomes NULL, lists and tuples become arrays.

    >>> print(parameter("a\tb"), parameter(["it's", "b"]), parameter(None))
    a\tb ['it\'s','b'] \N
    """
    if value is None:
        return "\\N"
    text = _literal(value, nested=False)
    return text.translate(_ESCAPES) if isinstance(value, str | bytes) else text


def parameters(params: Params | None) -> dict[str, str]:
    """Return all parameters as texts."""
    return {name: parameter(value) for name, value in (params or {}).items()}


def quoted(name: str) -> str:
    """Return an identifier as SQL, backquoted where it is not a plain word."""
    if _PLAIN_NAME.fullmatch(name):
        return name
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def text_literal(text: str) -> str:
    r"""Return `text` as a quoted SQL string.

    >>> print(text_literal("it's"))
    'it\'s'
    """
    return "'" + text.translate(_QUOTES) + "'"


def _literal(value: Any, *, nested: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return _literal(value.decode("utf-8", "surrogateescape"), nested=nested)
    if isinstance(value, str):
        return text_literal(value) if nested else value
    if isinstance(value, datetime):
        # Seconds since 1970 mean the same whatever time zone the engine and the type have.
        whole = int(value.timestamp() // 1)
        text = f"{whole}.{value.microsecond:06}" if value.microsecond else str(whole)
        return text_literal(text) if nested else text
    if isinstance(value, date):
        return text_literal(value.isoformat()) if nested else value.isoformat()
    if isinstance(value, Sequence):
        return "[" + ",".join(_nested(v) for v in value) + "]"
    return str(value)


def _nested(value: Any) -> str:
    return "NULL" if value is None else _literal(value, nested=True)
