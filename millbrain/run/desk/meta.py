"""Metadata templates for our pages: all of them with their versions, and new versions."""

import json
from collections.abc import Mapping
from typing import Any, Final

from millbrain.core import keys
from millbrain.core.limits import IDENTIFIER_PAGE_MAX
from millbrain.core.records import Value, is_live, stored_values
from millbrain.core.registry import ADMIN_TYPE, Asker, Change, Reason, RegistryError, Verb
from millbrain.core.templates import (
    TEMPLATE_TYPE,
    VERSION_INDEX,
    Template,
    evolved,
    version_value,
)
from millbrain.record.identifiers import StoredRegistry

_ADMIN_INDEX: Final = 100


def told_templates(registry: StoredRegistry) -> dict[str, Any]:
    """Return the templates of every prefix that this node answers for."""
    prefixes = list(registry.homed())
    found: list[Template] = []
    for prefix in prefixes:
        found += registry.templates(prefix)
        if len(found) > IDENTIFIER_PAGE_MAX:
            break
    told = [_told(registry, template) for template in found[:IDENTIFIER_PAGE_MAX]]
    return {
        "templates": told, "prefixes": prefixes, "is_whole": len(found) <= IDENTIFIER_PAGE_MAX,
    }  # fmt: skip


async def add_version(
    registry: StoredRegistry, asker: Asker, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Add a version to a template, or make it with its first one.

    Raises
    ------
    ValueError, RegistryError
        The version is malformed or narrows what was valid, or the asker may not.
    """
    handle, number = str(body["handle"]), int(body["number"])
    before = registry.template(handle)
    there = before.version if before else 0
    if number != there + 1:
        raise RegistryError(
            Reason.EXISTS, f"{handle}: version {number} is not the next one; {there} are there"
        )
    evolved(
        keys.fold(handle), before, body["version"]
    )  # says what is wrong before rights are asked
    value = version_value(number, body["version"])
    if before is not None:
        await registry.make(Change(Verb.ADD, handle, asker, (value,)))
    else:
        values = (value, *_administrators(registry, handle))
        await registry.make(Change(Verb.CREATE, handle, asker, values))
    return {"version": number}


def _told(registry: StoredRegistry, template: Template) -> dict[str, Any]:
    (stored,) = registry.get_many([keys.handle_key(template.handle)])
    values = stored_values(stored) if stored is not None and is_live(stored) else ()
    versions = [
        {"number": v.index - VERSION_INDEX, "at_s": v.timestamp_s, "told": json.loads(v.data)}
        for v in sorted(values, key=lambda v: v.index) if v.type == TEMPLATE_TYPE
    ]  # fmt: skip
    prefix = template.handle.partition("/")[0]
    return {**template.as_json(), "prefix": prefix, "versions": versions}


def _administrators(registry: StoredRegistry, handle: str) -> tuple[Value, ...]:
    """Return who administers the prefix: they administer its templates as well."""
    held = registry.rights.of_prefix(handle)
    found = [v for v in held if v.type == ADMIN_TYPE]
    return tuple(Value(_ADMIN_INDEX + n, ADMIN_TYPE, v.data) for n, v in enumerate(found))
