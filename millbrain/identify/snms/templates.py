"""Templates of the dialect as versions of our templates, and back.

The dialect knows a template by prefix and version; its record is ``<prefix>/META_<version>``. An
item's shortest length has no place in `core.templates`: it is kept among what is told of the
template, and told again.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from millbrain.core.limits import TEMPLATE_FIELDS_MAX, TEMPLATE_VALUE_BYTES_MAX
from millbrain.core.registry import Reason, RegistryError
from millbrain.core.templates import Template, TemplateField
from millbrain.identify.snms.fields import FIRST_INDEX, RESERVED, SHORTEST, TYPE_CHARACTERS_MAX
from millbrain.identify.snms.rows import shortest_of, template_version

_ABOUT: Final = (
    "industryCategory", "industrySpecific", "industryTrade", "industrySubclass", "description",
)  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_ENABLED: Final = 1


def version_of(body: Mapping[str, Any], before: Template | None) -> dict[str, Any]:
    """Return the next version of a template as `core.templates` has it.

    before: the template as it is, None for a new one.

    Raises
    ------
    RegistryError
        Says what was found and what was expected.
    """
    items = body.get("items")
    if not isinstance(items, list) or not items or len(items) > TEMPLATE_FIELDS_MAX:
        raise _wrong(f"items: 应为1至{TEMPLATE_FIELDS_MAX}项的数组 (a list)")
    about = {name: _text(body, name) for name in _ABOUT if body.get(name) is not None}
    if body.get("type") is not None:
        about["type"] = str(_number(body, "type", 1, 2))
    known = {f.type: f for f in before.fields} if before else {}
    fields, last = [], max([FIRST_INDEX - 1, *(f.index for f in known.values())])
    for item in items:
        made = _field(item, known, last + 1)
        last = max(last, made["index"])
        about[f"{SHORTEST}{made['index']}"] = str(_length(item, "minLength"))
        fields.append(made)
    title = _text(body, "version")
    return {"title": title, "title_zh": title, "about": about, "fields": fields}


def _field(item: Any, known: Mapping[str, TemplateField], free: int) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise _wrong("items: 应为对象 (an object was expected)")
    kind = _text(item, "idType")
    if not 0 < len(kind) <= TYPE_CHARACTERS_MAX:
        raise _wrong(f"items.idType: 应为1至{TYPE_CHARACTERS_MAX}个字符 (a text)")
    old = known.get(kind)
    index = _index(item, old.index if old else free)
    if old is not None and index != old.index:
        raise _wrong(f"items.idIndex {index}与idType {kind}不匹配 (no match)")
    made = {
        "name": kind if _NAME.fullmatch(kind) else f"item{index}", "index": index, "type": kind,
        "kind": "text", "title": _text(item, "name") or kind,
        "title_zh": _text(item, "name") or kind, "longest": max(1, _length(item, "maxLength")),
        "is_required": _truth(item, "required", otherwise=bool(old and old.is_required)),
    }  # fmt: skip
    is_disabled = bool(old and old.is_disabled)
    if item.get("state") is not None:
        is_disabled = _number(item, "state", 0, 1) != _ENABLED
    return made | {"is_disabled": is_disabled}


def _index(item: Mapping[str, Any], otherwise: int) -> int:
    index = _number(item, "idIndex", 1, (1 << 31) - 1, otherwise)
    if index in RESERVED:
        raise _wrong(f"items.idIndex {index}为预留字段，不可使用 (reserved)")
    return index


def _length(item: Mapping[str, Any], name: str) -> int:
    bounds = item.get("metadata")
    if not isinstance(bounds, Mapping):
        raise _wrong("缺少必要的请求参数: items.metadata")
    if bounds.get("type", "string") != "string":
        raise _wrong("items.metadata.type 必须为小写 string (must be string)")
    return _number(bounds, name, 0, TEMPLATE_VALUE_BYTES_MAX)


def template_json(found: Template) -> dict[str, Any]:
    """Return a template as the dialect tells it."""
    about, shortest = found.about, shortest_of(found)
    return {
        "id": found.version, "prefix": found.handle.partition("/")[0], "name": found.title_zh,
        "version": found.title or template_version(found.handle),
        **{name: about.get(name, "") for name in _ABOUT},
        "type": 1 if about.get("type") == "1" else 2, "handle": found.handle,
        "items": [_item_json(f, shortest[f.index]) for f in found.fields],
    }  # fmt: skip


def _item_json(field: TemplateField, shortest: int) -> dict[str, Any]:
    bounds = {"type": "string", "minLength": shortest, "maxLength": field.longest}
    return {
        "name": field.title_zh, "idType": field.type, "idIndex": field.index,
        "metadataId": field.index, "required": field.is_required,
        "state": 0 if field.is_disabled else _ENABLED, "metadata": bounds,
    }  # fmt: skip


# Reading ----------------------------------------------------------------------------------------


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    if not isinstance(found, str):
        raise _wrong(
            f"缺少必要的请求参数: {name}" if found is None else f"{name}: 应为文本 (a text)"
        )
    return found


def _number(
    told: Mapping[str, Any], name: str, least: int, most: int, otherwise: int | None = None
) -> int:
    found = told.get(name, otherwise)
    if isinstance(found, str) and found.isdecimal() and len(found) < 11:
        found = int(found)  # the documentation's own examples write "2000"
    if type(found) is not int or not least <= found <= most:
        raise _wrong(f"{name}: 应为{least}至{most}的整数 (a whole number)")
    return found


def _truth(told: Mapping[str, Any], name: str, *, otherwise: bool) -> bool:
    found = told.get(name, otherwise)
    if not isinstance(found, bool):
        raise _wrong(f"{name}: 应为true或false (true or false)")
    return found


def _wrong(words: str) -> RegistryError:
    return RegistryError(Reason.INVALID, words)
