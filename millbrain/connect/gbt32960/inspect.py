"""The frame inspector: what every byte of pasted hex means, by which clause, and what is wrong.

It walks the same declarations as the codec with a reader that takes notes. Every byte of the input
is in exactly one row with a size; rows of size 0 are headings. Every problem is said in English and
in Chinese.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from millbrain.connect.gbt32960 import framing, params
from millbrain.connect.gbt32960.codec import REALTIME, read_block
from millbrain.connect.gbt32960.fields import (
    BLOCKS,
    COMMANDS,
    CUSTOM_TYPES,
    EDITION_2016,
    ENCRYPTIONS,
    FLAG_COMMAND,
    FLAGS,
    GENERAL_ALARMS,
    SIGNATURE_TYPE,
    START_BYTES,
)
from millbrain.connect.gbt32960.framing import HEADER_BYTES, Kind
from millbrain.connect.gbt32960.messages import RARE_UNITS, UNIT_CLAUSES, UNITS
from millbrain.connect.gbt32960.walk import (
    SIX_BYTES,
    Blob,
    Leaf,
    Piece,
    Reader,
    ShortError,
    Stamp,
    Text,
    scaled,
    time_text,
)
from millbrain.core.errors import FrameError
from millbrain.core.times import beijing_from_six
from millbrain.core.units import UNITS as UNIT_NAMES
from millbrain.core.wire import ABNORMAL, INVALID, Field, Group, Many

INPUT_BYTES_MAX: Final = 256 << 10  # what one page can show
_HEX: Final = re.compile(r"0[xX]|[\s,;:|_-]+")
_NOT_HEX: Final = re.compile(r"[^0-9A-Fa-f]")
_FRAME: Final = "32960.3 table 2"
_Problem = tuple[str, str]
_NONE: Final[_Problem] = ("", "")
_UNEXPLAINED: Final = ("no layout explains these bytes", "没有任何格式能解释这些字节")


@dataclass(frozen=True, slots=True)
class Name:
    """What a run of bytes is called where no declared field says it."""

    title: str
    title_zh: str


# Rows -------------------------------------------------------------------------------------------


class Notes:
    """Rows and problems of one frame, offsets counted from the first byte of the input."""

    def __init__(self, base: int) -> None:
        self.base = base
        self.clause = _FRAME
        self.depth = 0
        self.rows: list[dict[str, Any]] = []
        self.problems: list[dict[str, Any]] = []

    def row(
        self, at: int, raw: bytes, name: Name, value: Any, unit: str = "", problem: _Problem = _NONE
    ) -> None:
        """Note the meaning of ``raw`` at `at` [bytes from the frame's first byte]."""
        self.rows.append(
            {
                "offset": self.base + at,
                "size_bytes": len(raw),
                "hex": raw.hex(),
                "name": name.title,
                "name_zh": name.title_zh,
                "value": value,
                "unit": unit,
                "clause": self.clause,
                "problem": problem[0],
                "problem_zh": problem[1],
                "depth": self.depth,
            }
        )
        if problem[0]:
            self.problem(at, f"{name.title}: {problem[0]}", f"{name.title_zh}：{problem[1]}")

    def problem(self, at: int, text: str, text_zh: str) -> None:
        """Note what is wrong at `at`."""
        self.problems.append({"offset": self.base + at, "text": text, "text_zh": text_zh})


class NotingReader(Reader):
    """A reader that notes each field as it is read."""

    def __init__(self, unit: bytes, notes: Notes) -> None:
        super().__init__(unit)
        self.notes = notes

    def take(self, size: int, leaf: Leaf, number: int = 0) -> bytes:
        """Read and note."""
        at = self.at
        raw = super().take(size, leaf, number)
        if size:
            self._note(at, raw, leaf, number)
        return raw

    def numbers(self, field: Field, count: int) -> Sequence[int]:
        """Read a list one by one, so that each has its row."""
        return [self.number(field, n) for n in range(1, count + 1)]

    def enter(self, part: Group | Many, number: int = 0) -> None:
        """Note a heading."""
        if part.title:
            name = _numbered(Name(part.title, part.title_zh), number)
            self.notes.row(HEADER_BYTES + self.at, b"", name, None)
        self.notes.depth += 1

    def leave(self) -> None:
        """Return to the level of the heading."""
        self.notes.depth -= 1

    def _note(self, at: int, raw: bytes, leaf: Leaf, number: int) -> None:
        name = _numbered(Name(leaf.title, leaf.title_zh), number)
        place = HEADER_BYTES + at
        if isinstance(leaf, Field):
            value, unit, problem = explain_field(leaf, int.from_bytes(raw, "big"))
            self.notes.row(place, raw, name, value, unit, problem)
        elif isinstance(leaf, Stamp):
            self.notes.row(place, raw, name, time_text(raw), "", _time_problem(raw))
        elif isinstance(leaf, Blob):
            self.notes.row(place, raw, name, raw.hex())
        else:
            text = leaf.read(raw) if isinstance(leaf, Text) else raw.decode("latin-1").rstrip("\0")
            self.notes.row(place, raw, name, text, "", _text_problem(text))


def _numbered(name: Name, number: int) -> Name:
    return Name(f"{name.title} {number}", f"{name.title_zh} {number}") if number else name


# Meanings ---------------------------------------------------------------------------------------


def explain_field(field: Field, raw: int) -> tuple[Any, str, _Problem]:
    """Return value, unit symbol and problem (English, Chinese) of a raw number.

    A marker is no mistake of the frame, yet a value is missing: it is named as the problem too.
    """
    unit = UNIT_NAMES[field.unit].symbol if field.unit in UNIT_NAMES else ""
    value = scaled(field, raw)
    if field.view == "bits":
        return _alarm_names(value), "", _NONE
    if field.view == "gear":
        return _gear(raw), "", _NONE
    if field.codes and raw in field.codes:
        english, chinese = field.codes[raw]
        return f"{raw} {english} {chinese}" if english != chinese else f"{raw} {english}", "", _NONE
    if field.marks and raw == ABNORMAL[field.wire]:
        return None, unit, ("marked abnormal (FE)", "标记为异常（FE）")
    if field.marks and raw == INVALID[field.wire]:
        return None, unit, ("marked invalid (FF)", "标记为无效（FF）")
    if raw < field.low or 0 <= field.high < raw:
        return value, unit, _range_problem(field, raw)
    if field.codes:
        allowed = ", ".join(str(code) for code in field.codes)
        return value, unit, (f"is {raw}, allowed {allowed}", f"为 {raw}，允许 {allowed}")
    return value, unit, _NONE


def _range_problem(field: Field, raw: int) -> _Problem:
    value, low, high = (_plain(field, number) for number in (raw, field.low, field.high))
    return f"is {value}, allowed {low}..{high}", f"为 {value}，允许 {low}..{high}"


def _plain(field: Field, raw: int) -> float:
    if field.per == 1:
        return raw + field.shift
    return round(raw / field.per + field.shift, len(str(field.per)) - 1)


def _alarm_names(bits: list[int]) -> str:
    known = len(GENERAL_ALARMS)
    names = (
        f"{bit} {GENERAL_ALARMS[bit][0]} {GENERAL_ALARMS[bit][1]}" if bit < known else f"{bit}"
        for bit in bits
    )
    return "; ".join(names) or "none 无"


def _gear(raw: int) -> str:
    gear = raw & 0x0F
    name = {0: "N 空挡", 13: "R 倒挡", 14: "D 自动", 15: "P 驻车"}.get(gear, f"gear {gear} 挡")
    forces = [text for bit, text in ((0x20, "driving force 有驱动力"),
                                     (0x10, "braking force 有制动力")) if raw & bit]  # fmt: skip
    return ", ".join((name, *forces))


def _time_problem(six: bytes) -> _Problem:
    if beijing_from_six(six) is None:
        return f"{time_text(six)} names no instant", f"{time_text(six)} 不是有效时刻"
    return _NONE


def _text_problem(text: str) -> _Problem:
    if not text.isprintable():
        return "has characters that cannot be printed", "含有不可打印字符"
    return _NONE


# Frames -----------------------------------------------------------------------------------------


def inspect(text: str) -> dict[str, Any]:
    """Explain pasted hex byte by byte.

    Parameters
    ----------
    text
        Hex digits; blanks, line ends, commas, colons and 0x are skipped. Several frames may follow
        one another, with garbage between them. At most 256 KiB of bytes are read.

    Returns
    -------
    dict
        frames: edition, command, command_name, command_zh, id, ok, size_bytes, rows and problems of
        each; bytes that belong to no frame are an entry with edition 0. rows: offset (from the
        first byte of the input), size_bytes, hex, name, name_zh, value, unit, clause, problem,
        problem_zh and depth; every byte is in exactly one row, and rows of size 0 are headings.
        problems: of the input as a whole, as offset, text and text_zh.

    """
    problems: list[dict[str, Any]] = []
    data = _bytes_of(text, problems)
    found = framing.split(data, final=True)
    frames = [_inspect_run(data, *span) for span in found.spans]
    return {"frames": frames, "problems": problems}


def _bytes_of(text: str, problems: list[dict[str, Any]]) -> bytes:
    digits = _HEX.sub("", text)
    stray = _NOT_HEX.search(digits)

    def say(offset: int, english: str, chinese: str) -> None:
        problems.append({"offset": offset, "text": english, "text_zh": chinese})

    if stray:
        say(stray.start() // 2, f"{stray.group()!r} is no hex digit; such characters are skipped",
            f"{stray.group()!r} 不是十六进制字符，已跳过")  # fmt: skip
        digits = _NOT_HEX.sub("", digits)
    if len(digits) % 2:
        say(len(digits) // 2, "odd number of hex digits; the last one is skipped",
            "十六进制字符数为奇数，已跳过最后一个")  # fmt: skip
        digits = digits[:-1]
    if not digits:
        say(0, "no bytes", "没有数据")
    if len(digits) > 2 * INPUT_BYTES_MAX:
        say(INPUT_BYTES_MAX, f"only the first {INPUT_BYTES_MAX} bytes are shown",
            f"仅显示前 {INPUT_BYTES_MAX} 字节")  # fmt: skip
    return bytes.fromhex(digits[: 2 * INPUT_BYTES_MAX])


def _inspect_run(data: bytes, start: int, end: int, kind: Kind) -> dict[str, Any]:
    raw = data[start:end]
    notes = Notes(start)
    if kind == Kind.GARBAGE:
        notes.row(0, raw, Name("no frame", "非报文数据"), None, "",
                  _garbage_problem(raw))  # fmt: skip
        return _entry(raw, notes, 0)
    _note_header(raw, notes)
    unit_end = min(len(raw), HEADER_BYTES + framing.unit_size(raw))
    _note_unit(raw, raw[HEADER_BYTES:unit_end], notes)
    notes.clause = _FRAME
    if kind == Kind.CUT:
        notes.problem(len(raw), *_cut_problem(raw))
    else:
        right = framing.checksum(raw)
        notes.row(len(raw) - 1, raw[-1:], Name("check byte (BCC)", "校验码（BCC）"), raw[-1], "",
                  _NONE if right == raw[-1] else
                  (f"is {raw[-1]:02X}, computed {right:02X} over bytes 2..{len(raw) - 2}",
                   f"为 {raw[-1]:02X}，由第 2..{len(raw) - 2} 字节计算得 {right:02X}"))  # fmt: skip
    return _entry(raw, notes, START_BYTES[raw[:2]])


def _garbage_problem(raw: bytes) -> _Problem:
    """Say which part of the header spoils what begins like a frame."""
    if raw[:2] not in START_BYTES:
        return (
            "belongs to no frame: does not begin with 2323 or 2424",
            "不属于任何报文：起始符不是 2323 或 2424",
        )
    if len(raw) < HEADER_BYTES:
        return (
            f"a header has 24 bytes, {len(raw)} are here",
            f"报文头应为 24 字节，仅有 {len(raw)} 字节",
        )
    flag, encryption, size = (
        raw[framing.AT_FLAG],
        raw[framing.AT_ENCRYPTION],
        framing.unit_size(raw),
    )
    return (
        f"no plausible header: flag {flag:02X} (allowed 01..07, FE), encryption {encryption:02X} "
        f"(allowed 00..05, FE, FF), length {size} (allowed 0..65531)",
        f"报文头不合理：应答标志 {flag:02X}（允许 01..07、FE），加密方式 {encryption:02X}"
        f"（允许 00..05、FE、FF），长度 {size}（允许 0..65531）",
    )


def _cut_problem(raw: bytes) -> _Problem:
    want = framing.FRAME_BYTES_MIN + framing.unit_size(raw)
    return (
        f"frame ends after {len(raw)} of {want} bytes: cut short, or its length is wrong",
        f"报文应为 {want} 字节，仅有 {len(raw)} 字节：被截断或长度有误",
    )


def _entry(raw: bytes, notes: Notes, edition: int) -> dict[str, Any]:
    command = raw[framing.AT_COMMAND] if edition else -1
    name, chinese = COMMANDS.get(command, ("private", "自定义")) if edition else ("", "")
    id_bytes = raw[framing.AT_ID : framing.AT_ENCRYPTION] if edition else b""
    marked = sum(1 for row in notes.rows if row["problem"].startswith("marked "))
    return {
        "edition": edition,
        "command": command,
        "command_name": name,
        "command_zh": chinese,
        "id": id_bytes.decode("latin-1").rstrip("\0"),
        "ok": len(notes.problems) == marked,
        "size_bytes": len(raw),
        "rows": notes.rows,
        "problems": notes.problems,
    }


def _note_header(raw: bytes, notes: Notes) -> None:
    edition = START_BYTES[raw[:2]]
    command, flag, encryption = raw[2], raw[3], raw[framing.AT_ENCRYPTION]
    notes.row(0, raw[:2], Name("start", "起始符"), f"edition {edition}")
    known = COMMANDS.get(command, ("private", "自定义"))
    odd = command not in COMMANDS and not 0xC0 <= command <= 0xFE
    unknown = (f"{command:02X} is not in table 3", f"{command:02X} 不在命令表中")
    notes.row(2, raw[2:3], Name("command", "命令标识"), f"{command:02X} {known[0]} {known[1]}", "",
              unknown if odd else _NONE)  # fmt: skip
    answer = FLAGS.get(flag, ("unknown", "未知"))
    newer = edition == EDITION_2016 and 4 <= flag <= 7
    notes.row(3, raw[3:4], Name("response flag", "应答标志"), f"{flag:02X} {answer[0]} {answer[1]}",
              "", ("is of the 2025 edition", "为 2025 版新增") if newer else _NONE)  # fmt: skip
    name = raw[4:21].rstrip(b"\0").decode("latin-1")
    notes.row(4, raw[4:21], Name("unique id", "唯一识别码"), name, "", _text_problem(name))
    cipher = ENCRYPTIONS.get(encryption, ("none (not in the standard)", "未加密（标准外）"))
    odd_cipher = encryption not in ENCRYPTIONS or (edition == EDITION_2016 and encryption in (4, 5))
    notes.row(21, raw[21:22], Name("encryption", "数据单元加密方式"),
              f"{encryption:02X} {cipher[0]} {cipher[1]}", "",
              (f"{encryption:02X} is not in the {edition} edition",
               f"{encryption:02X} 不在 {edition} 版中") if odd_cipher else _NONE)  # fmt: skip
    notes.row(22, raw[22:24], Name("length of the data unit", "数据单元长度"),
              framing.unit_size(raw), "B")  # fmt: skip


# Data units -------------------------------------------------------------------------------------


def _note_unit(raw: bytes, unit: bytes, notes: Notes) -> None:
    edition, command, flag = START_BYTES[raw[:2]], raw[2], raw[3]
    notes.depth = 1
    notes.clause = UNIT_CLAUSES.get(command, f"32960.3-{edition} data unit")
    if raw[framing.AT_ENCRYPTION] not in (0, 1):
        if unit:
            notes.row(HEADER_BYTES, unit, Name("encrypted data unit", "加密数据单元"), None)
        notes.depth = 0
        return
    reader = NotingReader(unit, notes)
    try:
        if flag != FLAG_COMMAND and command <= 0x08:
            if len(unit) >= SIX_BYTES:
                reader.parts((Stamp("time"),), {})
        elif command in REALTIME:
            _note_blocks(reader, edition)
        elif command in (params.QUERY, params.SET) and len(unit) > SIX_BYTES:
            is_query = command == params.QUERY and flag == FLAG_COMMAND
            _note_params(reader, edition, has_values=not is_query)
        elif command == params.CONTROL and len(unit) > SIX_BYTES:
            params.read_control(reader, edition, {})
        else:
            reader.parts(_parts_of(edition, command), {})
    except FrameError as error:
        _note_stop(reader, error)
        _note_rest(reader, _NONE)
    else:
        _note_rest(reader, _NONE if flag != FLAG_COMMAND else _UNEXPLAINED)
    notes.depth = 0


def _parts_of(edition: int, command: int) -> tuple[Piece, ...]:
    if command in RARE_UNITS:
        return RARE_UNITS[command]
    if command in (params.QUERY, params.SET, params.CONTROL):
        return (Stamp("time"),)
    return UNITS.get((edition, command), ())


def _note_params(reader: NotingReader, edition: int, *, has_values: bool) -> None:
    head: dict[str, Any] = {}
    reader.parts(params.LIST_HEAD, head)
    rows: list[dict[str, Any]] = []
    for _ in range(head["count"]):
        rows.append(params.read_item(reader, edition, rows, has_values=has_values))


def _note_blocks(reader: NotingReader, edition: int) -> None:
    notes = reader.notes
    reader.parts((Stamp("time"),), {})
    while reader.at < reader.end:
        kind = reader.data[reader.at]
        place, raw = HEADER_BYTES + reader.at, reader.data[reader.at : reader.at + 1]
        block = BLOCKS.get((edition, kind))
        if block is not None:
            name, notes.clause = Name(block.title, block.title_zh), block.clause
        elif kind == SIGNATURE_TYPE and edition != EDITION_2016:
            name, notes.clause = Name("signature", "签名"), "32960.3-2025 signature table"
        else:
            name, notes.clause = Name("custom data", "自定义数据"), f"32960.3-{edition} table 7"
        is_known = block is not None or _is_sized(edition, kind)
        missing = (
            f"type {kind:02X} is not in the {edition} edition: nothing behind it can be read",
            f"类型 {kind:02X} 不在 {edition} 版中：其后的数据无法解析",
        )
        notes.row(place, raw, Name(f"type: {name.title}", f"类型：{name.title_zh}"),
                  f"{kind:02X}", "", _NONE if is_known else missing)  # fmt: skip
        reader.at += 1
        notes.depth = 2
        read_block(reader, edition, kind)
        notes.depth = 1


def _is_sized(edition: int, kind: int) -> bool:
    return kind in CUSTOM_TYPES[edition] or (kind == SIGNATURE_TYPE and edition != EDITION_2016)


def _note_stop(reader: NotingReader, error: FrameError) -> None:
    """Say where reading stopped; an unknown type has been named at its byte already."""
    place = HEADER_BYTES + reader.at
    if isinstance(error, ShortError):
        left = reader.end - reader.at
        reader.notes.problem(
            place,
            f"data unit ends here, {error.need} bytes were due and {left} are left",
            f"数据单元到此结束：应有 {error.need} 字节，仅剩 {left} 字节",
        )
    elif error.reason != "unknown_block":
        reader.notes.problem(place, error.detail, f"无法解析：{error.detail}")


def _note_rest(reader: NotingReader, problem: _Problem) -> None:
    if reader.at < reader.end:
        reader.notes.depth = 1
        name = Name("not read", "未解析")
        rest = reader.data[reader.at :]
        reader.notes.row(HEADER_BYTES + reader.at, rest, name, None, "", problem)
