"""Query, set and control (commands 80, 81, 82), activation and key exchange (09, 0A, 0B).

`decode` keeps these units as hex; here they are read and written by their declared tables. The two
editions differ in the width of two periods, so every look-up goes by edition.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from millbrain.connect.gbt32960.fields import EDITION_2016, EDITION_2025, FLAG_COMMAND
from millbrain.connect.gbt32960.messages import RARE_UNITS
from millbrain.connect.gbt32960.walk import Reader, Stamp, Text, Writer, scaled, unscaled
from millbrain.core.errors import FrameError
from millbrain.core.wire import Field

QUERY, SET, CONTROL = 0x80, 0x81, 0x82
_TIME: Final = Stamp("time")
_COUNT: Final = Field("count", "B", "number of parameters", "参数总数", high=252, marks=False)
LIST_HEAD: Final = (_TIME, _COUNT)
_ITEM_ID: Final = Field("id", "B", "parameter", "参数ID", view="code")

_TEXT_CODING: Final = "gb18030"  # the standard's STRING is ASCII and GB 2312; GB 18030 holds both
DOMAIN_LENGTHS: Final = {0x05: 0x04, 0x0E: 0x0D}  # a domain name -> the item with its length


@dataclass(frozen=True, slots=True)
class Parameter:
    """One item that can be queried, and set unless `fixed`. A domain is text as long as told."""

    id: int
    form: Field | Text
    fixed: bool = False


_ROWS: Final = (  # id, key, width, title, title_zh, low, high, unit
    (0x01, "storage_period_ms", "W", "local storage period", "车载终端本地存储时间周期",
     0, 60_000, "ms"),
    (0x04, "domain_bytes", "B", "length of the platform's domain", "远程服务与管理平台域名长度",
     0, 250, "bytes"),
    (0x06, "port", "W", "platform's port", "远程服务与管理平台端口", 0, 65_531, ""),
    (0x09, "heartbeat_period_s", "B", "heartbeat period", "车载终端心跳发送周期",
     1, 240, "s"),
    (0x0A, "terminal_wait_s", "W", "terminal's wait for an answer", "终端应答超时时间",
     1, 600, "s"),
    (0x0B, "platform_wait_s", "W", "platform's wait for an answer", "平台应答超时时间",
     1, 600, "s"),
    (0x0C, "login_retry_min", "B", "pause after three failed logins [min]",
     "连续三次登入失败后的登入间隔", 1, 240, ""),
    (0x0D, "public_domain_bytes", "B", "length of the public platform's domain",
     "公共平台域名长度", 0, 250, "bytes"),
    (0x0F, "public_port", "W", "public platform's port", "公共平台端口", 0, 65_531, ""),
    (0x10, "sampling", "B", "sampling monitor: 1 yes, 2 no", "是否处于抽样监测中", 1, 2, ""),
)  # fmt: skip
_ROWS_2016: Final = (
    (0x02, "report_period_s", "W", "normal report period", "正常信息上报周期", 1, 600, "s"),
    (0x03, "alarm_period_ms", "W", "alarm report period", "报警信息上报周期", 0, 60_000, "ms"),
)
_ROWS_2025: Final = (
    (0x02, "report_period_s", "B", "normal report period", "正常信息上报周期", 1, 30, "s"),
    (0x03, "alarm_period_s", "B", "alarm report period", "报警信息上报周期", 0, 1, "s"),
)
_TEXTS: Final = (
    Parameter(0x05, Text("domain", 0, "platform's domain", "远程服务与管理平台域名")),
    Parameter(0x07, Text("hardware_version", 5, "hardware version", "硬件版本"), fixed=True),
    Parameter(0x08, Text("firmware_version", 5, "firmware version", "固件版本"), fixed=True),
    Parameter(0x0E, Text("public_domain", 0, "public platform's domain", "公共平台域名")),
)


def _number(
    id: int, key: str, wire: str, title: str, title_zh: str, low: int, high: int, unit: str
) -> Parameter:
    field = Field(key, wire, title, title_zh, low=low, high=high, unit=unit, marks=False)
    return Parameter(id, field)


def _table(rows: tuple[tuple[int, str, str, str, str, int, int, str], ...]) -> dict[int, Parameter]:
    numbers = (_number(*row) for row in (*_ROWS, *rows))
    return {parameter.id: parameter for parameter in (*numbers, *_TEXTS)}


PARAMETERS: Final = {EDITION_2016: _table(_ROWS_2016), EDITION_2025: _table(_ROWS_2025)}
CONTROLS: Final = {
    0x01: ("upgrade", "远程升级"),
    0x02: ("off", "车载终端关机"),
    0x03: ("reset", "车载终端复位"),
    0x04: ("factory_reset", "恢复出厂设置"),
    0x05: ("disconnect", "断开数据通信链路"),
    0x06: ("warn", "车载终端报警/预警"),
    0x07: ("open_sampling", "开启抽样监测链路"),
}
_UPGRADE, _WARN = 0x01, 0x06
_ORDER_ID: Final = Field("id", "B", "control command", "控制命令ID", view="code", codes=CONTROLS)
_LEVELS: Final = {
    edition: Field("level", "B", "warning level", "报警/预警等级", high=high)
    for edition, high in ((EDITION_2016, 3), (EDITION_2025, 4))
}


# Writing ----------------------------------------------------------------------------------------


def encode_query(ids: Iterable[int], *, six: bytes) -> bytes:
    """Write the data unit of command 80.

    Parameters
    ----------
    ids
        Items to ask for, 1..252 of them. The length of a domain is asked for before the domain,
        since the answer cannot be read without it.
    six
        Time of the command, YY MM DD hh mm ss.

    Raises
    ------
    FrameError
        With reason ``structure``.

    """
    wanted: list[int] = []
    for item in ids:
        wanted += [i for i in (DOMAIN_LENGTHS.get(item), item) if i is not None and i not in wanted]
    return six + _counted(len(wanted)) + bytes(wanted)


def encode_set(values: Mapping[int, Any], edition: int, *, six: bytes) -> bytes:
    """Write the data unit of command 81; lengths of domains are added.

    Parameters
    ----------
    values
        Item id -> value in the unit of its table: whole numbers, or text for a domain. Private
        items 80..FE take bytes as hex.
    edition
        2016 or 2025: the width of two items differs.
    six
        Time of the command.

    Raises
    ------
    FrameError
        Where an item is unknown or read-only or a value is out of its range: a terminal rejects all
        items of a command for one bad one, so it is not sent.

    """
    items: dict[int, bytes] = {}
    told = {DOMAIN_LENGTHS[item] for item in values if item in DOMAIN_LENGTHS}
    for item, value in values.items():
        if item in told:
            continue
        raw = _item_bytes(item, value, edition)
        if item in DOMAIN_LENGTHS:
            items[DOMAIN_LENGTHS[item]] = bytes((len(raw),))
        items[item] = raw
    body = b"".join(bytes((item,)) + raw for item, raw in items.items())
    return six + _counted(len(items)) + body


def encode_control(
    id: int, params: Mapping[str, Any] | None = None, *, edition: int = EDITION_2016, six: bytes
) -> bytes:
    """Write the data unit of command 82.

    Parameters
    ----------
    id
        1 upgrade, 2 off, 3 reset, 4 factory reset, 5 drop the link, 6 warn, 7 open sampling.
    params
        ``{"text": ...}`` for 1 (items between semicolons), ``{"level": 0..3 (2025: 0..4) or None,
        "text": ...}`` for 6, nothing for the others.
    edition, six
        As in `encode_set`.

    Raises
    ------
    FrameError
        With reason ``structure``.

    """
    given = dict(params or {})
    if id not in CONTROLS:
        raise FrameError("structure", f"control command {id} is unknown, allowed 1..7")
    body = b""
    if id == _WARN:
        body = _checked(_LEVELS[edition], given.pop("level", None))
    if id in (_UPGRADE, _WARN):
        body += str(given.pop("text", "")).encode(_TEXT_CODING)
    if given:
        raise FrameError("structure", f"{CONTROLS[id][0]} takes no {', '.join(sorted(given))}")
    return six + bytes((id,)) + body


def encode_rare(command: int, values: Mapping[str, Any]) -> bytes:
    """Write the data unit of 09, 0A or 0B; lengths are those of the bytes given as hex."""
    sized = dict(values)
    for key, length in (("public_key", "key_len"), ("key", "key_len"), ("r", "r_len"),
                        ("s", "s_len")):  # fmt: skip
        if key in sized:
            sized[length] = len(sized[key]) // 2
    writer = Writer()
    writer.parts(RARE_UNITS[command], {"sig_mark": 0xFF} | sized)
    return bytes(writer.data)


def _counted(count: int) -> bytes:
    if not 1 <= count <= _COUNT.high:
        raise FrameError("structure", f"{count} parameters in one command, allowed 1..252")
    return bytes((count,))


def _item_bytes(item: int, value: Any, edition: int) -> bytes:
    if 0x80 <= item <= 0xFE:
        return bytes.fromhex(value)
    parameter = PARAMETERS[edition].get(item)
    if parameter is None:
        raise FrameError("structure", f"parameter {item:02x} is unknown, allowed 01..10 and 80..fe")
    if parameter.fixed:
        raise FrameError("structure", f"parameter {item:02x} ({parameter.form.title}) is read-only")
    if isinstance(parameter.form, Field):
        return _checked(parameter.form, value)
    raw = str(value).encode("idna" if not str(value).isascii() else "ascii")
    if len(raw) > 250:
        raise FrameError("structure", f"domain has {len(raw)} bytes, allowed 250")
    return raw


def _checked(field: Field, value: Any) -> bytes:
    raw = unscaled(field, value)
    if value is not None and not field.low <= raw <= field.high:
        raise FrameError(
            "structure", f"{field.title} is {value!r}, allowed {field.low}..{field.high}"
        )
    return raw.to_bytes(field.width, "big")


# Reading ----------------------------------------------------------------------------------------


def decode_params(unit: bytes, edition: int, *, has_values: bool = True) -> dict[str, Any]:
    """Read a parameter list: a query, its answer, or a set command.

    Parameters
    ----------
    unit
        Data unit of command 80 or 81.
    edition
        2016 or 2025.
    has_values
        False for the command of a query, which lists ids only.

    Returns
    -------
    dict
        time, count and params: rows of id, key, title, title_zh, value and unit (suffix in
        `core.units`, empty where there is none). What cannot be read (a private item, whose length
        the standard leaves open, or a cut list) is kept as hex in ``rest`` with ``why``.

    """
    reader = Reader(unit)
    found: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    start = -1
    try:
        reader.parts(LIST_HEAD, found)
        found["params"] = rows
        for _ in range(found["count"]):
            start = reader.at
            rows.append(read_item(reader, edition, rows, has_values=has_values))
    except FrameError as error:
        reader.at = start if start >= 0 else reader.at
        found["why"] = error.detail
    if reader.at < reader.end:
        found["rest"] = unit[reader.at :].hex()
    return found


def read_item(
    reader: Reader, edition: int, before: Iterable[Mapping[str, Any]], *, has_values: bool
) -> dict[str, Any]:
    """Read one item; `before` are the rows read so far, which tell the length of a domain.

    Raises
    ------
    FrameError
        With reason ``truncated``, or ``structure`` for an item whose length is not known.

    """
    item = reader.number(_ITEM_ID)
    parameter = PARAMETERS[edition].get(item)
    row: dict[str, Any] = {"id": item, "key": "", "title": "private", "title_zh": "自定义"}
    if parameter is not None:
        form = parameter.form
        row |= {"key": form.key, "title": form.title, "title_zh": form.title_zh}
    if not has_values:
        return row
    if parameter is None:
        raise FrameError("structure", f"parameter {item:02x} has no declared length", reader.at - 1)
    if isinstance(form, Field):
        return row | {"value": scaled(form, reader.number(form)), "unit": form.unit}
    size = form.size or _told(before, DOMAIN_LENGTHS[item])
    raw = reader.take(size, Text(form.key, size, form.title, form.title_zh))
    return row | {"value": raw.decode("latin-1").rstrip("\0"), "unit": ""}


def _told(rows: Iterable[Mapping[str, Any]], length_id: int) -> int:
    for row in rows:
        if row["id"] == length_id:
            return int(row["value"])
    raise FrameError("structure", f"a domain without its length (item {length_id:02x})")


def decode_control(unit: bytes, edition: int) -> dict[str, Any]:
    """Read the data unit of command 82: time, id, name, name_zh and level and text where given."""
    reader = Reader(unit)
    found: dict[str, Any] = {}
    try:
        read_control(reader, edition, found)
    except FrameError as error:
        found["why"] = error.detail
    if reader.at < reader.end:
        found["rest"] = unit[reader.at :].hex()
    return found


def read_control(reader: Reader, edition: int, into: dict[str, Any]) -> None:
    """Read a control command into `into`; raises FrameError where it is cut."""
    reader.parts((_TIME, _ORDER_ID), into)
    into["name"], into["name_zh"] = CONTROLS.get(into["id"], ("private", "自定义"))
    if into["id"] == _WARN:
        reader.parts((_LEVELS[edition],), into)
    if into["id"] in (_UPGRADE, _WARN):
        size = reader.end - reader.at
        reader.parts((Text("text", size, "text", "文本", coding=_TEXT_CODING),), into)


def explain(edition: int, command: int, flag: int, unit: bytes) -> dict[str, Any]:
    """Read any of the units 09, 0A, 0B, 80, 81, 82, command or answer; others give ``raw``.

    Parameters
    ----------
    edition, command, flag
        From the frame's header.
    unit
        Plain data unit.

    """
    is_command = flag == FLAG_COMMAND
    if command == QUERY or (command == SET and is_command):
        has_values = not (command == QUERY and is_command)
        return decode_params(unit, edition, has_values=has_values)
    if command == CONTROL and is_command:
        return decode_control(unit, edition)
    if command in (SET, CONTROL):
        parts: tuple[Any, ...] = (_TIME,)
    elif command in RARE_UNITS:
        parts = RARE_UNITS[command]
    else:
        return {"raw": unit.hex()}
    reader = Reader(unit)
    found: dict[str, Any] = {}
    try:
        reader.parts(parts, found)
    except FrameError as error:
        found["why"] = error.detail
    if reader.at < reader.end:
        found["rest"] = unit[reader.at :].hex()
    return found
