"""A record as our pages are told of it."""

from collections.abc import Sequence
from typing import Any

from millbrain.core.faces.record_json import value_json
from millbrain.core.keys import SCHEMES, Key, parse
from millbrain.core.records import PUBLIC_READ, Value
from millbrain.core.registry import ALIAS_TYPE
from millbrain.core.templates import Template, is_administrative


def told_values(values: Sequence[Value], template: Template | None = None) -> list[dict[str, Any]]:
    """Return values as JSON, by index, with the meaning that their template gives them."""
    return [
        value_json(v) | {"is_public": bool(v.permissions & PUBLIC_READ)} | _meaning(v, template)
        for v in sorted(values, key=lambda v: v.index)
    ]


def told_template(template: Template | None) -> dict[str, Any] | None:
    """Return which template a record follows, None where it follows none."""
    if template is None:
        return None
    return {
        "handle": template.handle, "version": template.version, "title": template.title,
        "title_zh": template.title_zh,
    }  # fmt: skip


def _meaning(value: Value, template: Template | None) -> dict[str, Any]:
    known = template.by_index.get(value.index) if template else None
    if known is None or is_administrative(value.type):
        return {}
    told: dict[str, Any] = {
        "label": known.title, "label_zh": known.title_zh, "unit": known.unit, "kind": known.kind,
    }  # fmt: skip
    word = known.choices.get(value.data.decode("utf-8", "replace"))
    return told | ({"choice": word[0], "choice_zh": word[1]} if word else {})


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
