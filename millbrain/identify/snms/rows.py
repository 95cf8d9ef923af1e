"""From a row of JSON to a change of a record, and from a record back to a row.

Pure. A batch has 2,000 rows and owes 20,000 of them a second, so a row is looked at once and
straight through; what is wrong with it is a `RegistryError` that becomes its result.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from millbrain.core.faces.record_json import value_json
from millbrain.core.records import Administrator, Reference, Value, write_administrator
from millbrain.core.registry import (
    ADD_ADMIN,
    ADD_VALUE,
    ADMIN_TYPE,
    DELETE_HANDLE,
    MODIFY_ADMIN,
    MODIFY_VALUE,
    READ_VALUE,
    REMOVE_ADMIN,
    REMOVE_VALUE,
    Asker,
    Change,
    Reason,
    RegistryError,
    Verb,
)
from millbrain.core.templates import META_INDEX, META_TYPE, SUFFIX, Template, is_administrative
from millbrain.identify.snms.fields import (
    ADMIN_INDEX,
    HANDLE_CHARACTERS_MAX,
    NO_TEMPLATE_TEXT,
    RESERVED,
    SHORTEST,
    TEMPLATE_TYPE,
    TYPE_CHARACTERS_MAX,
    VALUE_CHARACTERS_MAX,
    VERSION_CHARACTERS_MAX,
)

_OWNER_RIGHTS: Final = (
    DELETE_HANDLE | ADD_VALUE | MODIFY_VALUE | REMOVE_VALUE | READ_VALUE
    | ADD_ADMIN | MODIFY_ADMIN | REMOVE_ADMIN
)  # fmt: skip
_Fields = Mapping[int, tuple[str, int]]  # type and least number of characters, by index
_INDEX_MAX: Final = (1 << 31) - 1  # the documentation's Int


def owner_value(who: Reference) -> Value:
    """Return the value that lets whoever registers a record change it later."""
    data = write_administrator(Administrator(_OWNER_RIGHTS, who))
    return Value(ADMIN_INDEX, ADMIN_TYPE, data)


def template_handle(prefix: str, version: str) -> str:
    """Return the handle of the template that the dialect knows by prefix and version.

    >>> template_handle("88.100.1", "1.0")
    '88.100.1/META_1.0'
    """
    return f"{prefix}/{SUFFIX}{version}"


def template_version(handle: str) -> str:
    """Return the version by which the dialect knows a template.

    >>> template_version("88.100.1/META_1.0")
    '1.0'
    """
    suffix = handle.partition("/")[2]
    return suffix[len(SUFFIX) :] if suffix.upper().startswith(SUFFIX) else suffix


def shortest_of(template: Template) -> dict[int, int]:
    """Return the least number of characters that the dialect demands of each field, by index."""
    told = ((f.index, template.about.get(f"{SHORTEST}{f.index}", "")) for f in template.fields)
    return {index: int(text) if text.isdecimal() else 0 for index, text in told}


def _fields_of(template: Template) -> dict[int, tuple[str, int]]:
    """Return the type and the least number of characters of each field, by index."""
    shortest = shortest_of(template)
    return {f.index: (f.type, shortest[f.index]) for f in template.fields}


class Reader:
    """Reads the rows of one request.

    Parameters
    ----------
    asker
        Who sends them; the identity is proved.
    verb
        CREATE, or PUT for an update.
    template
        Returns the template behind a handle.
    """

    def __init__(
        self, asker: Asker, verb: Verb, template: Callable[[str], Template | None]
    ) -> None:
        assert asker.identity is not None  # a request without one does not come so far
        self._asker = asker
        self._verb = verb
        self._owner = (owner_value(asker.identity),) if verb is Verb.CREATE else ()
        self._template = template
        self._known: dict[tuple[str, str], tuple[Value, _Fields]] = {}

    def change(self, row: Any) -> Change | RegistryError:
        """Return the change that a row asks for, or why there is none."""
        try:
            handle = handle_of(row)
            named = (handle.partition("/")[0], row["templateVersion"])
            told = row["value"]
            template, fields = self._known.get(named) or self._look(*named)
            if type(told) is not list:
                raise _wrong("value: 应为数组 (a list was expected)")
            values = [_value(v, fields) for v in told]
        except RegistryError as error:
            return error
        except (KeyError, TypeError) as error:
            return _missing(error)
        return Change(
            self._verb, handle, self._asker, (*self._owner, template, *values),
            overwrite=self._verb is Verb.PUT,
        )  # fmt: skip

    def _look(self, prefix: str, version: Any) -> tuple[Value, _Fields]:
        """Return the value that names a template, and its fields."""
        if type(version) is not str or not 0 < len(version) <= VERSION_CHARACTERS_MAX:
            raise _wrong(f"templateVersion: 应为1至{VERSION_CHARACTERS_MAX}个字符 (a text)")
        handle = template_handle(prefix, version)
        data = _bytes(handle, "templateVersion")
        found = self._template(handle)
        if found is None:
            raise _wrong(NO_TEMPLATE_TEXT)
        made = Value(META_INDEX, META_TYPE, data), _fields_of(found)
        self._known[prefix, version] = made
        return made


def handle_of(row: Any) -> str:
    """Return the handle that a row names; RegistryError or TypeError where it names none."""
    if type(row) is not dict:
        raise _wrong("应为对象 (an object was expected)")
    return checked_handle(row["handle"])


def checked_handle(handle: Any) -> str:
    """Return a handle that has the form and length of one."""
    if type(handle) is not str or "/" not in handle or len(handle) > HANDLE_CHARACTERS_MAX:
        raise _wrong(f"handle: 应为前缀/后缀，至多{HANDLE_CHARACTERS_MAX}个字符 (prefix/suffix)")
    return handle


def _value(told: Any, fields: _Fields) -> Value:
    index, kind, data = told["index"], told["type"], told["data"]
    text, field = data["value"], fields.get(index) if type(index) is int else None
    if field is None or kind != field[0]:
        index = _index(index, kind, fields)
        field = fields[index]
    if data["format"] != "string" or type(text) is not str:
        raise _wrong("data.format: 现只支持string (only string)")
    if not field[1] <= len(text) <= VALUE_CHARACTERS_MAX:
        if len(text) > VALUE_CHARACTERS_MAX:
            raise _wrong(f"data.value: 至多{VALUE_CHARACTERS_MAX}个字符 (too long)")
        raise _wrong(f"索引{index}: 至少{field[1]}个字符 (too short)")
    return Value(index, kind, _bytes(text, "data.value"))


def _index(index: Any, kind: Any, fields: _Fields) -> int:
    """Return an index that the template has; the registry compares its type."""
    if type(index) is str and index.isdecimal() and len(index) < 11:
        index = int(index)  # the documentation's own examples write "2000"
    if type(index) is not int or not 0 < index <= _INDEX_MAX or index in RESERVED:
        raise _wrong(f"非法操作，索引{str(index)[:20]}为预留索引或不合法 (index)")
    if index not in fields:
        raise _wrong(f"非法操作，索引{index}在模板中不存在")
    if type(kind) is not str or not 0 < len(kind) <= TYPE_CHARACTERS_MAX:
        raise _wrong(f"type: 应为1至{TYPE_CHARACTERS_MAX}个字符 (a text)")
    if is_administrative(kind):
        raise _wrong(f"type: {kind[:20]}为系统预留类型 (reserved)")
    return index


def _bytes(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise _wrong(f"{where}: 不是合法的文本 (no text)") from error


def _wrong(words: str) -> RegistryError:
    return RegistryError(Reason.INVALID, words)


def _missing(error: Exception) -> RegistryError:
    name = error.args[0] if isinstance(error, KeyError) else "value"
    return _wrong(f"缺少必要的请求参数: {name}")


# Back -------------------------------------------------------------------------------------------


def detail(handle: str, values: Sequence[Value]) -> Mapping[str, Any]:
    """Return a record as the dialect tells it; what only administrates is not told."""
    named = next((v for v in values if v.type == META_TYPE), None)
    version = template_version(named.data.decode("utf-8", "replace")) if named else ""
    shown = [v for v in values if not is_administrative(v.type)]
    told = [_told(v.index, v.type, value_json(v)["data"]) for v in shown]
    if named:
        data = {"format": "string", "value": version}
        told.insert(0, _told(named.index, TEMPLATE_TYPE, data))
    return {
        "code": "200", "prefix": handle.partition("/")[0], "handle": handle,
        "templateVersion": version, "value": told,
    }  # fmt: skip


def _told(index: int, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"data": data, "auth": "", "index": index, "type": kind}
