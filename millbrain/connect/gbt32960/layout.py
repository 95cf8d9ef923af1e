"""The declared field tables compiled to number tables, for `kernels.py` to walk.

Columns of each table are named by a tuple below. A block is compiled to a chain of steps, one per
counted list, and a tail of fixed size; what a step cannot say (a list within a list within a list)
is refused here, when the declaration is compiled, and not while frames come in.

A *run* is a stretch of fixed fields in a block: `kernels.walk` notes where each run begins, and a
scalar operation reads its field at so many bytes from there. A *group* is a set of list columns
that share their offsets: the packs of a report, or its cells.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960 import fields
from millbrain.core import facts
from millbrain.core.facts import VEHICLE_REPORT
from millbrain.core.wire import ABNORMAL, Block, Field, Group, Many, Part

# What became of a frame. Below REFUSED it has a row, and the bits may stand together.
OK: Final = 0
PARTIAL: Final = 1  # a 2016 pack of which the frame carries only some cells
NOTED: Final = 2  # an unknown or broken block after good ones: `undecoded_bytes` says how much
REFUSED: Final = 16
BAD_TIME: Final = 16  # the six time bytes name no instant
UNKNOWN_BLOCK: Final = 17  # the first block's type is unknown: nothing was decoded
STRUCTURE: Final = 18  # the first block, or the time itself, runs past the data unit
OTHER: Final = 32  # not a plain realtime or reissue frame: for the object codec

EDITIONS: Final = (fields.EDITION_2016, fields.EDITION_2025)
KINDS: Final = ("u8", "u16", "u32", "i16", "f32", "f64", "u64")
PACK_TOTAL: Final = "pack_total"  # list columns that are not the warehouse's but the driver's
PACK_START: Final = "pack_start"
_DRIVER_COLUMNS: Final = {"cells_total": PACK_TOTAL, "start": PACK_START}
_ALARM_CODES: Final = "alarm_codes"
_SOUTH: Final = 2  # bits of the position byte, GB/T 32960.3 table 15
_WEST: Final = 4


class BlockRow(NamedTuple):
    """A block: its bit of the mask, its steps, runs and list slot; -1 = none."""

    bit: int
    step_first: int
    step_end: int
    head_run: int
    tail_run: int
    tail_bytes: int
    slot: int
    rows_group: int
    inner_group: int


class StepRow(NamedTuple):
    """A counted list: fixed bytes before it, its count, its items and the list inside an item."""

    gap_bytes: int
    count_bytes: int
    absent_from: int  # counts from here up mean "no list"
    head_bytes: int
    inner_count_bytes: int  # 0 = no inner list
    inner_bytes: int
    inner_column: int
    inner_shift: int
    inner_mark: int  # raw value of the abnormal marker
    count_column: int
    head_first: int
    head_end: int
    number_at: int  # offsets in the head of the pack's number, the announced number of cells
    total_at: int  # and the number of the first one; -1 = none
    start_at: int


class ScalarRow(NamedTuple):
    """A field that fills a scalar column: value = (raw + shift) / per."""

    run: int
    offset: int
    width: int
    kind: int
    place: int  # row of the kind's array
    per: int
    shift: int
    mark: int  # raw value of the abnormal marker, the invalid one is next; -1 = none
    missing: int  # row of the mask array, -1 = never missing
    keeps: int  # 1 = a marker stays as the value (codes)
    bit: int  # bit of the abnormal and invalid masks
    sign_at: int  # offset of the byte whose bits `sign_bits` make the value negative
    sign_bits: int


class HeadRow(NamedTuple):
    """A field of a list's item that fills a list column."""

    offset: int
    width: int
    kind: int
    column: int
    per: int
    shift: int
    mark: int
    tag: int  # added to the value: the number of the fault list


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A list column: its name, its kind, the group whose offsets it has, the block bit it needs."""

    name: str
    kind: int
    group: int
    bit: int


@dataclass(frozen=True, slots=True)
class ScalarColumn:
    """A scalar column: its name, kind and place, and its row in the missing masks (-1 = none)."""

    name: str
    kind: int
    place: int
    missing: int
    bit: int


_SCALARS: Final = {
    c.name: c for c in VEHICLE_REPORT.columns if c.block >= 0 and not c.many and c.kind in KINDS
}
_MANY: Final = {c.name: c for c in VEHICLE_REPORT.columns if c.many}


def fixed_fields(parts: Sequence[Part]) -> Iterator[Field]:
    """Yield the fields of a stretch of parts without lists, in wire order."""
    for part in parts:
        if isinstance(part, Many):
            raise ValueError(f"list {part.key!r} stands where only fixed fields may")
        yield from part.fields if isinstance(part, Group) else (part,)


def _size(parts: Sequence[Part]) -> int:
    return sum(f.width for f in fixed_fields(parts))


def _mark(item: Field) -> int:
    return ABNORMAL[item.wire] if item.marks else -1


def _scaling(item: Field) -> tuple[int, int]:
    """Return what to divide by and what to add before, both for the raw number."""
    if item.column_per and item.shift:
        raise ValueError(f"field {item.key!r}: a shifted value cannot change its unit")
    return item.column_per or item.per, item.shift * item.per


def _marked_columns() -> tuple[str, ...]:
    marked = {f.column for f in _all_fields() if f.marks}
    return tuple(name for name in _SCALARS if name in marked)


def _all_fields() -> Iterator[Field]:
    for block in fields.BLOCKS.values():
        for part in block.parts:
            if not isinstance(part, Many):
                yield from fixed_fields([part])


MARKED_COLUMNS: Final = _marked_columns()
"""Columns of the bits of `abnormal` and `invalid`: bit i stands for the i-th name."""


class Tables(NamedTuple):
    """Everything the kernels need to know of the declared blocks.

    entries: number of the block of (edition, type), -1 unknown, shape (2, 256). blocks, steps,
    scalars, heads: record arrays of the rows above. slots: number of the block of (edition, list
    slot), -1 = none. extremes: place and mask row of the columns of `EXTREMES`, shape (12, 2).
    """

    entries: NDArray[np.int64]
    blocks: NDArray[np.void]
    steps: NDArray[np.void]
    scalars: NDArray[np.void]
    heads: NDArray[np.void]
    slots: NDArray[np.int64]
    extremes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layout:
    """The tables, how many runs and groups they name, and the columns they fill."""

    tables: "Tables"
    runs: int
    groups: int
    scalar_columns: tuple[ScalarColumn, ...]
    list_columns: tuple[ListColumn, ...]


EXTREMES: Final = tuple(
    f"{stem}_{what}"
    for stem in ("cell_max", "cell_min", "temp_max", "temp_min")
    for what in ("mv" if stem.startswith("cell") else "degc", "no", "pack_no")
)
"""Columns that are computed from cells and probes where a frame has no extremes of its own."""


class _Compiler:
    """Collects the rows while it walks the declarations once."""

    def __init__(self) -> None:
        self.blocks: list[BlockRow] = []
        self.steps: list[StepRow] = []
        self.scalars: list[ScalarRow] = []
        self.heads: list[HeadRow] = []
        self.runs = 0
        self.groups: dict[tuple[int, bool], int] = {}
        self.slots: dict[int, int] = {}
        self.lists: dict[str, ListColumn] = {}
        self.columns = _scalar_columns()

    def block(self, block: Block) -> int:
        """Compile one block and return its number."""
        first = len(self.steps)
        gap: list[Field] = []
        lists = 0
        head_run = -1
        for part in block.parts:
            if isinstance(part, Many):
                lists += 1
                head_run = max(head_run, self._run(block, gap))
                self._step(block, gap, part, lists)
                gap = []
            else:
                gap += fixed_fields([part])
        tail_run = self._run(block, gap)
        slot = self.slots.get(block.block, -1)
        self.blocks.append(BlockRow(
            block.block, first, len(self.steps), head_run, tail_run, _size(gap), slot,
            self.groups.get((block.block, False), -1), self.groups.get((block.block, True), -1),
        ))  # fmt: skip
        return len(self.blocks) - 1

    def _run(self, block: Block, run: Sequence[Field]) -> int:
        """Compile the scalar columns of a run; -1 where it has none."""
        if not any(f.column for f in run):
            return -1
        offset = 0
        places: dict[str, int] = {}
        for item in run:
            places[item.column] = offset
            if item.column:
                self.scalars.append(self._scalar(block, item, places))
            offset += item.width
        self.runs += 1
        return self.runs - 1

    def _scalar(self, block: Block, item: Field, places: dict[str, int]) -> ScalarRow:
        column = self.columns[item.column]
        per, shift = _scaling(item)
        sign_bits = 0
        if block.position:
            sign_bits = {"longitude_deg": _WEST, "latitude_deg": _SOUTH}.get(item.column, 0)
        bit = MARKED_COLUMNS.index(item.column) if item.marks else -1
        return ScalarRow(
            self.runs, places[item.column], item.width, column.kind, column.place, per, shift,
            _mark(item), column.missing, int(item.view == "code"), bit,
            places["position_state"] if sign_bits else -1, sign_bits,
        )  # fmt: skip

    def _step(self, block: Block, gap: Sequence[Field], many: Many, number: int) -> None:
        """Compile one counted list with the fixed fields before it."""
        parts = (many.item,) if isinstance(many.item, Field) else many.item
        inner = parts[-1] if isinstance(parts[-1], Many) else None
        head = list(fixed_fields(parts[:-1] if inner else parts))
        if number > 1 and any(f.column for f in gap):
            raise ValueError(f"block {block.title!r}: fields between two lists fill no columns")
        head_first = len(self.heads)
        offsets = self._heads(block, head, number)
        columns = self._inner(block, inner) if inner else (0, 0, -1, 0, -1, -1)
        absent = ABNORMAL[many.count.wire] if many.absent else 1 << 20
        count_bytes, inner_bytes, inner_column, shift, mark, count_column = columns
        self.steps.append(StepRow(
            _size(gap), many.count.width, absent, _size(head), count_bytes, inner_bytes,
            inner_column, shift, mark, count_column, head_first, len(self.heads),
            offsets.get("sub", -1), offsets.get("cells_total", -1), offsets.get("start", -1),
        ))  # fmt: skip

    def _heads(self, block: Block, head: Sequence[Field], number: int) -> dict[str, int]:
        """Compile the list columns of an item's fixed fields; return where each key stands."""
        offsets: dict[str, int] = {}
        offset = 0
        for item in head:
            offsets[item.key] = offset
            name = item.column or _DRIVER_COLUMNS.get(item.key, "")
            if name == _ALARM_CODES:
                self._head(block, item, name, offset, number << 32)
            elif name:
                self._head(block, item, name, offset, 0)
            offset += item.width
        if not any(f.column for f in head) and _carries_alarm_codes(block):
            # Flag number and level side by side read as one number: flag << 8 | level.
            whole = Field("", "W", "", "", marks=False, column=_ALARM_CODES)
            self._head(block, whole, _ALARM_CODES, 0, number << 32)
        return offsets

    def _head(self, block: Block, item: Field, name: str, offset: int, tag: int) -> None:
        per, shift = _scaling(item)
        column = self._list_column(block, name, inner=False)
        kind = self.lists[name].kind
        mark = _mark(item) if KINDS[kind] == "f32" and item.view != "code" else -1
        self.heads.append(HeadRow(offset, item.width, kind, column, per, shift, mark, tag))

    def _inner(self, block: Block, inner: Many) -> tuple[int, int, int, int, int, int]:
        """Compile the list inside an item: cells as they are, probes with their offset."""
        item = inner.item
        if not isinstance(item, Field):
            raise ValueError(f"list {inner.key!r}: a list within a list holds single fields only")
        count = -1
        if inner.count_column:
            count = self._list_column(block, inner.count_column, inner=False)
        if not item.column:
            return inner.count.width, item.width, -1, 0, -1, count
        per, shift = _scaling(item)
        column = self._list_column(block, item.column, inner=True)
        kind = KINDS[self.lists[item.column].kind]
        if per != 1 or (item.wire, kind) not in (("W", "u16"), ("B", "i16")):
            raise ValueError(f"list {inner.key!r}: only W to u16 and B to i16 are compiled")
        return inner.count.width, item.width, column, shift, _mark(item), count

    def _list_column(self, block: Block, name: str, *, inner: bool) -> int:
        """Return the number of a list column, new or known from the other edition."""
        group = self.groups.setdefault((block.block, inner), len(self.groups))
        self.slots.setdefault(block.block, len(self.slots))
        kind = KINDS.index(_MANY[name].kind if name in _MANY else "u16")
        self.lists.setdefault(name, ListColumn(name, kind, group, block.block))
        return list(self.lists).index(name)


def _carries_alarm_codes(block: Block) -> bool:
    items = (part.item for part in block.parts if isinstance(part, Many))
    return any(isinstance(item, Field) and item.column == _ALARM_CODES for item in items)


def _scalar_columns() -> dict[str, ScalarColumn]:
    """Give every scalar column its place among those of its kind."""
    used = dict.fromkeys(KINDS, 0)
    masks = 0
    columns: dict[str, ScalarColumn] = {}
    for name, column in _SCALARS.items():
        mask = masks if column.missing else -1
        masks += column.missing
        kind = KINDS.index(column.kind)
        columns[name] = ScalarColumn(name, kind, used[column.kind], mask, column.block)
        used[column.kind] += 1
    return columns


_RAW: Final = Many(
    "", "bytes", "数据", Field("", "W", "length", "长度"), Field("", "B", "byte", "字节")
)
_KIND: Final = Field("", "B", "algorithm", "签名方式")


def _length_value(edition: int, kind: int) -> Block:
    return Block(edition, kind, "custom", "自定义数据", "", (_RAW,), facts.BLOCK_OTHER)


def _signature(edition: int) -> Block:
    parts = (_KIND, _RAW, _RAW)
    return Block(edition, fields.SIGNATURE_TYPE, "signature", "签名", "", parts, facts.BLOCK_OTHER)


def _all_blocks() -> Iterator[Block]:
    yield from fields.BLOCKS.values()
    for edition, types in fields.CUSTOM_TYPES.items():
        yield from (_length_value(edition, kind) for kind in sorted(types))
    yield _signature(fields.EDITION_2025)


def _records(rows: Sequence[BlockRow | StepRow | ScalarRow | HeadRow]) -> NDArray[np.void]:
    dtype = np.dtype([(name, np.int64) for name in rows[0]._fields])
    return np.array(list(rows), dtype)


def _compile() -> Layout:
    work = _Compiler()
    entries = np.full((len(EDITIONS), 256), -1, np.int64)
    for block in _all_blocks():
        entries[EDITIONS.index(block.edition), block.type] = work.block(block)
    slots = np.full((len(EDITIONS), len(work.slots)), -1, np.int64)
    for edition, row in enumerate(entries):
        for number in row[row >= 0]:
            if work.blocks[number].slot >= 0:
                slots[edition, work.blocks[number].slot] = number
    extremes = [work.columns[name] for name in EXTREMES]
    tables = Tables(
        entries,
        _records(work.blocks),
        _records(work.steps),
        _records(work.scalars),
        _records(work.heads),
        slots,
        np.array([(c.place, c.missing) for c in extremes], np.int64),
    )
    columns = tuple(work.columns.values())
    return Layout(tables, work.runs, len(work.groups), columns, tuple(work.lists.values()))


LAYOUT: Final = _compile()
