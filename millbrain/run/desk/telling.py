"""A record as our pages are told of it."""

from collections.abc import Sequence
from typing import Any

from millbrain.core.faces.record_json import value_json
from millbrain.core.keys import SCHEMES, Key, parse
from millbrain.core.records import PUBLIC_READ, Value
from millbrain.core.registry import ALIAS_TYPE


def told_values(values: Sequence[Value]) -> list[dict[str, Any]]:
    """Return values as JSON, by index, each with who may read it as far as its bits say."""
    return [
        value_json(v) | {"is_public": bool(v.permissions & PUBLIC_READ)}
        for v in sorted(values, key=lambda v: v.index)
    ]


def told_key(key: Key) -> dict[str, Any]:
    """Return a key with the titles of its scheme."""
    scheme = SCHEMES[key.scheme]
    return {
        "scheme": key.scheme, "key": key.text, "display": key.display, "value": key.value,
        "prefix": key.prefix, "title": scheme.title, "title_zh": scheme.title_zh,
        "source": scheme.source, "attributes": [list(a) for a in key.attributes],
    }  # fmt: skip


def told_aliases(values: Sequence[Value]) -> list[dict[str, Any]]:
    """Return the other identifiers of a record; a text that is none is left out."""
    found = []
    for value in values:
        if value.type == ALIAS_TYPE:
            try:
                found.append(told_key(parse(value.data.decode("utf-8", "replace"))))
            except ValueError:
                continue
    return found
