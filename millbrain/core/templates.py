"""Metadata templates: which values the identifiers of one kind have, and what each may be.

A template is itself a record, ``<prefix>/META_...``. Each of its versions is one value of type
META_TEMPLATE (index 2000 + version), JSON; a version says only what is new or wider than before::

    {"title": "Gear", "title_zh": "齿轮", "fields": [
        {"name": "mass", "index": 2000, "kind": "number", "unit": "kg", "is_required": true,
         "title": "Mass", "title_zh": "质量", "low": 0, "high": 500}]}

Evolution is append-only: **what was valid stays valid**. A later version may add fields that nobody
must fill, lift a demand, widen a range, lengthen a text, add words to a code list, and reword
titles. It may not remove, rename, move, retype or narrow anything.

A record follows a template by one value of type META, usually of index 1001, whose data is the
template's handle. META values of a prefix's own record (0.NA/<prefix>) say which templates the
records below may follow; if it is one, it holds for those that name none. What is no field of the
template may not be in the record, but values that administer it (`is_administrative`).
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Final

from millbrain.core.errors import FrameError
from millbrain.core.forms import FieldProblem, FormField
from millbrain.core.keys import parse
from millbrain.core.limits import (
    TEMPLATE_CHOICES_MAX,
    TEMPLATE_FIELDS_MAX,
    TEMPLATE_TEXT_MAX,
    TEMPLATE_VALUE_BYTES_MAX,
)
from millbrain.core.records import (
    ADMIN_READ,
    ADMIN_WRITE,
    PERMISSIONS_USUAL,
    PUBLIC_READ,
    Value,
    is_live,
    stored_values,
)

TEMPLATE_TYPE: Final = "META_TEMPLATE"  # a version of a template
META_TYPE: Final = "META"  # the template that a record follows
GRANT_TYPE: Final = "GRANT"  # who may read what besides the administrators
RANGE_TYPE: Final = "RANGE"  # the serials for which a record stands
ALIAS_TYPE: Final = "ALIAS"
TAG_TYPE: Final = "TAG"
META_INDEX: Final = 1001
VERSION_INDEX: Final = 2000  # version n is the value of index 2000 + n
SUFFIX: Final = "META_"
KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "text": ("text", "文本"), "id": ("code without blanks", "编码"), "number": ("number", "数值"),
    "whole": ("whole number", "整数"), "truth": ("yes or no", "是否"), "at": ("instant", "时间"),
    "choice": ("word of a code list", "代码"), "reference": ("identifier", "标识引用"),
    "data": ("bytes", "二进制数据"),
}  # fmt: skip
_ADMINISTRATIVE: Final = frozenset(
    (ALIAS_TYPE, TAG_TYPE, META_TYPE, TEMPLATE_TYPE, GRANT_TYPE, RANGE_TYPE,
     "LABEL_DESIGN", "ALLOTMENT", "ALLOTTED")  # of labels
)  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_TYPE: Final = re.compile(r"[!-~]{1,64}", re.ASCII)
_HIDDEN: Final = ADMIN_READ | ADMIN_WRITE


@dataclass(frozen=True)
class TemplateField:
    """A field of a template.

    name: what programs call it. index, type: where it stands in a record; the type is the name
    where none is given. kind: of `KINDS`. title, title_zh: its meaning. is_hidden: the value may
    not be readable by everybody. is_disabled: nobody fills it any more; what is there stays valid.
    low, high: range of a number, both included. longest: characters of a text, bytes of data.
    choices: word -> (English, Chinese); a record holds the word.
    """

    name: str
    index: int
    kind: str
    title: str
    title_zh: str
    type: str = ""
    unit: str = ""
    is_required: bool = False
    is_hidden: bool = False
    is_disabled: bool = False
    low: float = -math.inf
    high: float = math.inf
    longest: int = 200
    choices: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the declaration as a version has it; what is usual is left out."""
        told = {k: v for k, v in asdict(self).items() if v is not False and v not in ("", {})}
        for bound in ("low", "high"):
            if math.isinf(told[bound]):
                del told[bound]
        return told

    @cached_property
    def _form(self) -> FormField:
        return FormField(
            self.name, self.kind, self.title, self.title_zh, low=self.low, high=self.high,
            longest=self.longest,
        )  # fmt: skip

    def problem(self, value: Value) -> str:
        """Return what is wrong with a value of this field, '' if nothing: found and allowed."""
        if value.type.upper() != self.type.upper():
            return f"has type {value.type[:80]!r}; {self.type!r} is expected"
        if self.is_hidden and value.permissions & PUBLIC_READ:
            return "may be read by everybody; the template hides it, permissions 1100 are expected"
        return self.data_problem(value.data)

    def data_problem(self, data: bytes) -> str:
        """Return what is wrong with the data of a value, '' if nothing."""
        if self.kind == "data":
            return _too_long(len(data), "bytes", self.longest)
        try:
            self.read(data)
        except UnicodeDecodeError:
            return "is no UTF-8 text"
        except ValueError as error:
            return str(error)
        return ""

    def read(self, data: bytes) -> Any:
        """Return the value that data says: text, number, truth; data as they are.

        Raises
        ------
        ValueError
            The sentence says what was found and what is allowed.
        """
        if self.kind == "data":
            return data
        text = data.decode()
        if not text.strip():
            raise ValueError("is empty; leave the value out, or fill it")
        if self.kind == "choice":
            if text not in self.choices:
                allowed = ", ".join(f"{w} ({t[1]})" for w, t in list(self.choices.items())[:20])
                raise ValueError(f"was {text[:80]!r}; allowed are {allowed}")
            return text
        if self.kind == "reference":
            if problem := _too_long(len(text), "characters", self.longest):
                raise ValueError(problem)
            parse(text)
            return text
        return self._form.read(text)


def _too_long(size: int, what: str, longest: int) -> str:
    return f"has {size} {what}; at most {longest} are allowed" if size > longest else ""


@dataclass(frozen=True)
class Template:
    """A template as its newest version has it.

    handle: folded. version: from 1. about: whatever else is told of it, name -> text (code,
    standard, classification). is_withdrawn: no further record may follow it.
    """

    handle: str
    version: int
    title: str
    title_zh: str
    fields: tuple[TemplateField, ...]
    about: Mapping[str, str] = field(default_factory=dict)
    is_withdrawn: bool = False

    @cached_property
    def by_index(self) -> Mapping[int, TemplateField]:
        """The fields by index."""
        return {f.index: f for f in self.fields}

    @cached_property
    def by_name(self) -> Mapping[str, TemplateField]:
        """The fields by name."""
        return {f.name: f for f in self.fields}

    @cached_property
    def required(self) -> frozenset[int]:
        """Indexes that a record must have."""
        return frozenset(f.index for f in self.fields if f.is_required and not f.is_disabled)

    def as_json(self) -> dict[str, Any]:
        """Return all of it, as pages and programs read it."""
        return {
            "handle": self.handle, "version": self.version, "title": self.title,
            "title_zh": self.title_zh, "about": dict(self.about),
            "is_withdrawn": self.is_withdrawn, "fields": [f.as_json() for f in self.fields],
        }  # fmt: skip


def is_administrative(kind: str) -> bool:
    """Whether values of a type administer a record and are no field of any template."""
    return kind in _ADMINISTRATIVE or kind[:3].upper() == "HS_"


# Records against a template ---------------------------------------------------------------------


def problems_of(template: Template, values: Iterable[Value]) -> list[FieldProblem]:
    """Return what is wrong with the values of a record that follows a template."""
    found, missing = [], set(template.required)
    for value in values:
        if is_administrative(value.type):
            continue
        known = template.by_index.get(value.index)
        if known is None:
            found.append(FieldProblem(f"index {value.index}", _no_field(template, value)))
            continue
        missing.discard(value.index)
        if problem := known.problem(value):
            found.append(FieldProblem(known.name, problem))
    found += [FieldProblem(template.by_index[index].name, f"is missing; index {index} is needed")
              for index in sorted(missing)]  # fmt: skip
    return found


def _no_field(template: Template, value: Value) -> str:
    names = ", ".join(f"{f.index} {f.name}" for f in template.fields[:10])
    return f"of type {value.type[:80]!r} is no field; {template.handle} has {names}"


def to_values(
    template: Template, content: Mapping[str, object]
) -> tuple[tuple[Value, ...], list[FieldProblem]]:
    """Return the values of field name -> text or JSON value, and what is wrong with them.

    A field that is None or '' has no value. The value that names the template comes first.
    """
    made = [Value(META_INDEX, META_TYPE, template.handle.encode())]
    found = [FieldProblem(name, f"is no field; {template.handle} has {', '.join(template.by_name)}")
             for name in content if name not in template.by_name]  # fmt: skip
    for known in template.fields:
        given = content.get(known.name)
        data = given if isinstance(given, bytes) else _text(given).encode()
        if not data:
            if known.index in template.required:
                found.append(FieldProblem(known.name, f"is missing; index {known.index} is needed"))
            continue
        if problem := known.data_problem(data):
            found.append(FieldProblem(known.name, problem))
        permissions = _HIDDEN if known.is_hidden else PERMISSIONS_USUAL
        made.append(Value(known.index, known.type, data, permissions=permissions))
    return tuple(made), found


def to_content(template: Template, values: Iterable[Value]) -> dict[str, Any]:
    """Return field name -> value of a record; what does not follow the template is left out."""
    told = {}
    for value in values:
        known = template.by_index.get(value.index)
        if known is not None and not is_administrative(value.type) and not known.problem(value):
            told[known.name] = known.read(value.data)
    return told


def _text(given: object) -> str:
    if given is None:
        return ""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, float) and given.is_integer():
        return str(int(given))
    return str(given)


# Versions ---------------------------------------------------------------------------------------


def version_value(version: int, told: Mapping[str, Any]) -> Value:
    """Return the value that is version `version` of a template; `told` as in the module's head."""
    data = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return Value(VERSION_INDEX + version, TEMPLATE_TYPE, data)


@lru_cache(maxsize=64)  # each may take some 2 MB
def template_of(handle: str, stored: bytes | None) -> Template | None:
    """Return the template that a stored record is, None where it is none."""
    if stored is None or not is_live(stored):
        return None
    try:
        return read_template(handle, stored_values(stored))
    except (FrameError, ValueError):
        return None


def read_template(handle: str, values: Iterable[Value]) -> Template | None:
    """Return the template that values make, version by version, None where none is among them.

    Raises
    ------
    ValueError
        A version is malformed or narrows what was before it.
    """
    versions = sorted((v for v in values if v.type == TEMPLATE_TYPE), key=lambda v: v.index)
    found: Template | None = None
    for number, value in enumerate(versions, 1):
        if value.index != VERSION_INDEX + number:
            raise ValueError(
                f"{handle}: version {number} of the template was expected at index "
                f"{VERSION_INDEX + number}; found {value.index}"
            )
        found = evolved(handle, found, _object(value.data, f"{handle} version {number}"))
    return found


def evolved(handle: str, before: Template | None, told: Mapping[str, Any]) -> Template:
    """Return a template after one more version; before: None for the first.

    Raises
    ------
    ValueError
        `told` is malformed, or narrows what was before.
    """
    number = before.version + 1 if before else 1
    where = f"{handle} version {number}"
    unknown = told.keys() - {"title", "title_zh", "about", "fields", "is_withdrawn"}
    if unknown:
        raise ValueError(f"{where}: {', '.join(sorted(map(str, unknown)))[:200]} is not known")
    start = before or Template(handle, 0, "", "", ())
    given = told.get("fields", [])
    if not isinstance(given, list) or len(given) > TEMPLATE_FIELDS_MAX:
        raise ValueError(f"{where}: fields: a list of at most {TEMPLATE_FIELDS_MAX} was expected")
    fields = dict(start.by_name)
    for place, one in enumerate(given):
        new = _field(one, f"{where} fields[{place}]")
        _demand_append_only(fields, new, where, is_first=before is None)
        fields[new.name] = new
    if not fields or len(fields) > TEMPLATE_FIELDS_MAX:
        raise ValueError(f"{where}: 1 to {TEMPLATE_FIELDS_MAX} fields; {len(fields)} found")
    return replace(
        start, version=number, fields=tuple(fields.values()),
        title=_word(told, "title", start.title, where),
        title_zh=_word(told, "title_zh", start.title_zh, where),
        about=dict(start.about) | _texts(told.get("about", {}), where),
        is_withdrawn=_truth(told, "is_withdrawn", where, otherwise=start.is_withdrawn),
    )  # fmt: skip


def _demand_append_only(
    known: Mapping[str, TemplateField], new: TemplateField, where: str, *, is_first: bool
) -> None:
    old = known.get(new.name)
    if old is not None and not is_first:
        if problem := narrowed(old, new):
            raise ValueError(f"{where}: field {new.name}: {problem}; versions only add and widen")
        return
    if old is not None:
        raise ValueError(f"{where}: field {new.name} is declared twice")
    taken = next((f.name for f in known.values() if f.index == new.index), None)
    if taken is not None:
        raise ValueError(f"{where}: field {new.name}: index {new.index} is that of {taken}")
    if new.is_required and not is_first:
        raise ValueError(
            f"{where}: field {new.name}: a later version cannot demand it, since records "
            "without it were valid; add it with is_required false"
        )


def narrowed(old: TemplateField, new: TemplateField) -> str:
    """Return what a new declaration of a field forbids that the old one allowed, '' if nothing."""
    for name in ("index", "type", "kind", "unit"):
        if getattr(old, name) != getattr(new, name):
            return f"{name} was {getattr(old, name)!r}, now {getattr(new, name)!r}"
    if new.is_required and not old.is_required:
        return "it is demanded now and was not"
    if new.is_hidden and not old.is_hidden:
        return "it must be hidden now and could be public"
    if old.is_disabled and not new.is_disabled:
        return "it was disabled and may not come back"
    if new.low > old.low or new.high < old.high:
        return f"range was {old.low:g} to {old.high:g}, now {new.low:g} to {new.high:g}"
    if new.longest < old.longest:
        return f"longest was {old.longest}, now {new.longest}"
    gone = sorted(old.choices.keys() - new.choices.keys())
    return f"{', '.join(gone[:5])} left the code list" if gone else ""


# Reading JSON -----------------------------------------------------------------------------------


def _object(data: bytes, where: str) -> Mapping[str, Any]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: no JSON: {error}") from error
    if not isinstance(told, dict):
        raise ValueError(f"{where}: a JSON object was expected")
    return told


def _field(told: Any, where: str) -> TemplateField:
    if not isinstance(told, Mapping):
        raise ValueError(f"{where}: an object was expected")
    if unknown := told.keys() - set(TemplateField.__dataclass_fields__):
        raise ValueError(f"{where}: {', '.join(sorted(map(str, unknown)))[:200]} is not known")
    name, kind = _word(told, "name", "", where), _word(told, "kind", "text", where)
    if not _NAME.fullmatch(name):
        raise ValueError(f"{where}: name {name[:80]!r}; a letter, then letters, digits and _")
    if kind not in KINDS:
        raise ValueError(f"{where}: kind {kind[:80]!r}; allowed are {', '.join(KINDS)}")
    type_ = _word(told, "type", name, where)
    if not _TYPE.fullmatch(type_) or is_administrative(type_):
        raise ValueError(f"{where}: type {type_[:80]!r} is none that a field may have")
    index = told.get("index")
    if type(index) is not int or not 1 <= index < 1 << 32:
        raise ValueError(f"{where}: index {index!r}; a whole number from 1 was expected")
    choices = _choices(told.get("choices", {}), where)
    if bool(choices) != (kind == "choice"):
        raise ValueError(f"{where}: a field of kind choice has choices, and no other")
    low, high = _bound(told, "low", where, -math.inf), _bound(told, "high", where, math.inf)
    if low > high:
        raise ValueError(f"{where}: low {low:g} is above high {high:g}")
    return TemplateField(
        name, index, kind, _word(told, "title", name, where), _word(told, "title_zh", name, where),
        type_, _word(told, "unit", "", where),
        is_required=_truth(told, "is_required", where), is_hidden=_truth(told, "is_hidden", where),
        is_disabled=_truth(told, "is_disabled", where), low=low, high=high,
        longest=_longest(told, where), choices=choices,
    )  # fmt: skip


def _word(told: Mapping[str, Any], name: str, otherwise: str, where: str) -> str:
    text = told.get(name, otherwise)
    if not isinstance(text, str) or len(text) > TEMPLATE_TEXT_MAX or not text.isprintable():
        raise ValueError(f"{where}: {name}: 1 line of at most {TEMPLATE_TEXT_MAX} characters")
    return text


def _truth(told: Mapping[str, Any], name: str, where: str, *, otherwise: bool = False) -> bool:
    found = told.get(name, otherwise)
    if not isinstance(found, bool):
        raise ValueError(f"{where}: {name}: true or false was expected")
    return found


def _bound(told: Mapping[str, Any], name: str, where: str, otherwise: float) -> float:
    found = told.get(name)
    if found is None:
        return otherwise
    try:
        number = math.nan if isinstance(found, bool | str) else float(found)
    except (TypeError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{where}: {name}: a number was expected")
    return number


def _longest(told: Mapping[str, Any], where: str) -> int:
    found = told.get("longest", 200)
    if type(found) is not int or not 1 <= found <= TEMPLATE_VALUE_BYTES_MAX:
        raise ValueError(f"{where}: longest: 1 to {TEMPLATE_VALUE_BYTES_MAX} was expected")
    return found


def _choices(told: Any, where: str) -> dict[str, tuple[str, str]]:
    if not isinstance(told, Mapping) or len(told) > TEMPLATE_CHOICES_MAX:
        raise ValueError(
            f"{where}: choices: word -> [English, Chinese], at most {TEMPLATE_CHOICES_MAX}"
        )
    found = {}
    for word, titles in told.items():
        is_pair = isinstance(titles, list | tuple) and len(titles) == 2
        if not is_pair or not all(isinstance(t, str) and len(t) <= 200 for t in titles):
            raise ValueError(f"{where}: choices: {str(word)[:80]!r}: [English, Chinese] expected")
        if not word.strip() or len(word) > 200 or not word.isprintable():
            raise ValueError(f"{where}: choices: {word[:80]!r} is no word")
        found[word] = (titles[0], titles[1])
    return found


def _texts(told: Any, where: str) -> dict[str, str]:
    if not isinstance(told, Mapping) or len(told) > TEMPLATE_CHOICES_MAX:
        raise ValueError(f"{where}: about: name -> text, at most {TEMPLATE_CHOICES_MAX}")
    return {name: _word(told, name, "", f"{where} about") for name in told}


def named_templates(values: Sequence[Value]) -> list[str]:
    """Return the handles of the templates that META values name."""
    return [v.data.decode("utf-8", "replace") for v in values if v.type == META_TYPE]
